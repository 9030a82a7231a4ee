//! Keeps requests from the robot that can leave it without a motion service. Pure.
//!
//! Firmware since 1.1.7 has one motion mode, mcf. Asked for another, or told to leave it, a robot refuses at best; one was
//! reported to hang until it was powered off. So a change of the mode is sent only to a robot that has named a mode of
//! older firmware in this session.

use serde::Deserialize;

use super::error::RequestError;
use crate::codec::api::motion_switcher as api;
use crate::codec::{topics, Request, Response};
use crate::commands::{MotionMode, Space};

/// What the robot has said of its motion mode in this session.
#[derive(Debug, Default)]
enum Told {
    /// Nothing, or nothing since the last change.
    #[default]
    Nothing,
    Mode(MotionMode),
    /// It has left its mode: only older firmware has such a state.
    Released,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is sent.
    Sent,
    /// It is sent only because the owner allows it; the reason why it would be kept back.
    Allowed(RequestError),
}

/// Judges the requests of one session.
#[derive(Debug, Default)]
pub(super) struct ModeGuard {
    told: Told,
    /// Whether the robot has named a mode of firmware before 1.1.7.
    older: bool,
    /// Whether the owner allows every change.
    pub(super) allows: bool,
}

#[derive(Deserialize)]
struct Name {
    name: String, // a second one is an error, so that it means the same to the robot as here
}

impl ModeGuard {
    /// Judges a request that is about to be sent.
    pub(super) fn judge(&mut self, request: &Request) -> Result<Verdict, RequestError> {
        let changes = matches!(request.api_id, api::SELECT | api::RELEASE);
        if request.topic != topics::MOTION_SWITCHER_REQUEST || !changes {
            return Ok(Verdict::Sent);
        }
        let verdict = match self.withholds(request) {
            None => Verdict::Sent,
            Some(reason) if self.allows => Verdict::Allowed(reason),
            Some(reason) => return Err(reason),
        };
        self.told = Told::Nothing;
        Ok(verdict)
    }

    fn withholds(&self, request: &Request) -> Option<RequestError> {
        let mode = match &self.told {
            Told::Nothing => return Some(RequestError::ModeUnknown),
            Told::Released => return None,
            Told::Mode(mode) => mode,
        };
        let asks_for = |name: &str| {
            let asked = serde_json::from_str::<Name>(&request.parameter);
            request.api_id == api::SELECT && asked.is_ok_and(|asked| asked.name == name)
        };
        let stays = mode.space() != Space::Mcf || asks_for(mode.name());
        (!stays).then(|| RequestError::ModeFixed(mode.clone()))
    }

    /// Takes note of what the robot answers.
    pub(super) fn hear(&mut self, topic: &str, response: &Response) {
        let service = topics::MOTION_SWITCHER_REQUEST.trim_end_matches("/request");
        let is_answer = topic.strip_suffix("/response") == Some(service)
            && response.api_id.is_none_or(|api_id| api_id == api::GET);
        if !is_answer || response.code != 0 {
            return;
        }
        let Ok(Name { name }) = serde_json::from_str(&response.data) else { return };
        let mode = MotionMode::new(&name);
        self.older |= mode.space() != Space::Mcf;
        let released = name.is_empty() && self.older;
        self.told = if released { Told::Released } else { Told::Mode(mode) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(api_id: i64, parameter: &str) -> Request {
        let topic = topics::MOTION_SWITCHER_REQUEST.to_owned();
        Request { topic, parameter: parameter.to_owned(), ..Request::sport(api_id) }
    }

    fn select(name: &str) -> Request {
        ask(api::SELECT, &format!(r#"{{"name":"{name}"}}"#))
    }

    fn told(names: &[&str]) -> ModeGuard {
        let mut guard = ModeGuard::default();
        for name in names {
            let data = format!(r#"{{"form":"0","name":"{name}"}}"#);
            let (id, api_id, payload) = (Some(1), Some(api::GET), Default::default());
            let response = Response { id, api_id, code: 0, data, payload };
            guard.hear("rt/api/motion_switcher/response", &response);
        }
        guard
    }

    fn fixed() -> RequestError {
        RequestError::ModeFixed(MotionMode::new("mcf"))
    }

    #[test]
    fn a_robot_in_mcf_stays_there() {
        for name in ["mcf", ""] {
            for request in [
                select("normal"),
                select("ai"),
                select(""),
                ask(api::SELECT, r#"{"name":"mcf","name":"normal"}"#),
                ask(api::SELECT, ""),
                ask(api::RELEASE, ""),
                ask(api::RELEASE, r#"{"name":"mcf"}"#),
            ] {
                assert_eq!(told(&[name]).judge(&request), Err(fixed()), "{request:?}");
            }
            assert_eq!(told(&[name]).judge(&select("mcf")), Ok(Verdict::Sent));
            assert_eq!(told(&[name]).judge(&ask(api::GET, "")), Ok(Verdict::Sent));
        }
        // What this version does not know is taken for newer, not for older.
        assert!(told(&["mcf2"]).judge(&select("normal")).is_err());
        let sport = Request::sport(api::RELEASE);
        assert_eq!(told(&["mcf"]).judge(&sport), Ok(Verdict::Sent), "the same number elsewhere");
    }

    #[test]
    fn a_robot_that_has_not_told_is_left_as_it_is() {
        let mut guard = ModeGuard::default();
        for request in [select("mcf"), select("normal"), ask(api::RELEASE, "")] {
            assert_eq!(guard.judge(&request), Err(RequestError::ModeUnknown));
        }
        let refused =
            Response { code: 7002, data: r#"{"name":"normal"}"#.to_owned(), ..answer(api::GET) };
        guard.hear("rt/api/motion_switcher/response", &refused);
        let other = Response { data: r#"{"name":"normal"}"#.to_owned(), ..answer(api::GET) };
        guard.hear("rt/api/sport/response", &other);
        guard.hear("rt/api/motion_switcher/response", &Response { ..answer(api::SELECT) });
        assert_eq!(guard.judge(&select("ai")), Err(RequestError::ModeUnknown));
    }

    fn answer(api_id: i64) -> Response {
        let (id, api_id, payload) = (Some(1), Some(api_id), Default::default());
        Response { id, api_id, code: 0, data: String::new(), payload }
    }

    #[test]
    fn older_firmware_changes_once_for_each_reading() {
        let mut guard = told(&["normal"]);
        assert_eq!(guard.judge(&select("ai")), Ok(Verdict::Sent));
        assert_eq!(guard.judge(&select("normal")), Err(RequestError::ModeUnknown));
        let mut guard = told(&["advanced"]);
        assert_eq!(guard.judge(&ask(api::RELEASE, "")), Ok(Verdict::Sent));
        // Without a mode it has no name; that is no sign of mcf here.
        let mut guard = told(&["normal", ""]);
        assert_eq!(guard.judge(&select("normal")), Ok(Verdict::Sent));
    }

    #[test]
    fn the_owner_may_allow_it() {
        let mut guard = told(&["mcf"]);
        guard.allows = true;
        assert_eq!(guard.judge(&select("normal")), Ok(Verdict::Allowed(fixed())));
        assert_eq!(
            guard.judge(&ask(api::RELEASE, "")),
            Ok(Verdict::Allowed(RequestError::ModeUnknown))
        );
        let mut guard = told(&["normal"]);
        guard.allows = true;
        assert_eq!(guard.judge(&select("ai")), Ok(Verdict::Sent));
    }
}
