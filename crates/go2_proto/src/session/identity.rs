//! Whether the robot is the one that was asked for by its serial number. Pure.
//!
//! It is asked as soon as the robot accepts us, and until it has told, no velocity goes out: a robot that walks without anybody
//! beside it who expects that is dangerous. Robots that cannot tell are taken for the right one after a while.

use std::collections::VecDeque;
use std::time::Duration;

use super::error::RequestError;
use super::requests::RequestId;
use crate::codec::{topics, Outbound, Request, Response};
use crate::commands::script;

/// How long the robot has to tell who it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What an answer says of the robot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one that was asked for.
    Same,
    /// It is another one; its serial number.
    Other(String),
    /// It does not say; why, in words.
    Untold(String),
}

/// The check of one session.
#[derive(Debug)]
pub(super) struct Identity {
    /// The serial number that was asked for, if any.
    wanted: Option<String>,
    /// Our question, once it has gone out.
    asked: Option<RequestId>,
    /// Whether the robot has told, or is not waited for any more.
    settled: bool,
    /// Requests for other scripts. Their answers may not say to which one they are, so they wait for ours.
    held: VecDeque<Outbound>,
}

impl Identity {
    pub(super) fn new(wanted: Option<String>) -> Self {
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        Self { settled: wanted.is_none(), wanted, asked: None, held: VecDeque::new() }
    }

    /// The serial number that was asked for.
    pub(super) fn wanted(&self) -> &str {
        self.wanted.as_deref().unwrap_or_default()
    }

    /// Whether it is not yet known who the robot is.
    pub(super) fn is_open(&self) -> bool {
        !self.settled
    }

    /// The question, if there is one.
    pub(super) fn question(&self) -> Option<Request> {
        (!self.settled && self.asked.is_none()).then(|| script::request(script::SERIAL_NUMBER))
    }

    /// The question has gone out, and is waited for.
    pub(super) fn asked(&mut self, id: RequestId) {
        self.asked = Some(id);
    }

    /// Whether this is our question.
    pub(super) fn is_own(&self, id: RequestId) -> bool {
        self.asked == Some(id)
    }

    /// Takes a request that has to wait for the answer; gives back one that need not.
    pub(super) fn hold(&mut self, request: Outbound) -> Option<Outbound> {
        let waits = matches!(&request, Outbound::Request { request, .. }
            if request.topic == topics::BASHRUNNER_REQUEST);
        if !waits || self.settled {
            return Some(request);
        }
        self.held.push_back(request);
        None
    }

    /// Takes the answer. What was held goes out now.
    pub(super) fn settle(
        &mut self,
        answer: Result<Response, RequestError>,
    ) -> (Verdict, VecDeque<Outbound>) {
        self.settled = true;
        let verdict = match answer {
            Ok(response) if response.code == 0 => self.judge(script::output(&response.data)),
            Ok(response) => Verdict::Untold(format!("it answers status {}", response.code)),
            Err(error) => Verdict::Untold(error.to_string()),
        };
        (verdict, std::mem::take(&mut self.held))
    }

    fn judge(&self, told: Option<String>) -> Verdict {
        let Some(told) = told else { return Verdict::Untold("its answer is empty".to_owned()) };
        let mut words = told.split(|each: char| !each.is_ascii_alphanumeric());
        if words.any(|word| word.eq_ignore_ascii_case(self.wanted())) {
            return Verdict::Same;
        }
        // An error message of the script's is no serial number.
        match told.chars().all(|each| each.is_ascii_alphanumeric()) {
            true => Verdict::Other(told),
            false => Verdict::Untold(format!("it answers \"{told}\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64, data: &str) -> Result<Response, RequestError> {
        let (id, api_id, payload) = (None, Some(1001), Default::default());
        Ok(Response { id, api_id, code, data: data.to_owned(), payload })
    }

    fn verdict(answer: Result<Response, RequestError>) -> Verdict {
        Identity::new(Some("B42D0007".to_owned())).settle(answer).0
    }

    #[test]
    fn answers_are_compared_as_a_person_would() {
        for same in ["B42D0007", "b42d0007", " B42D0007\n", "SN: B42D0007", "sn=B42D0007;"] {
            let data = serde_json::json!({ "info": same }).to_string();
            assert_eq!(verdict(answer(0, &data)), Verdict::Same, "{same}");
        }
        let other = verdict(answer(0, r#"{"info":"B42D0008"}"#));
        assert_eq!(other, Verdict::Other("B42D0008".to_owned()));
        for untold in [
            answer(0, ""),
            answer(0, r#"{"info":"sh: get_sn.sh: not found"}"#),
            answer(3203, r#"{"info":"B42D0008"}"#),
            Err(RequestError::Timeout(PATIENCE)),
        ] {
            assert!(matches!(verdict(untold), Verdict::Untold(_)));
        }
    }

    #[test]
    fn without_a_serial_number_nothing_is_asked() {
        for wanted in [None, Some(String::new())] {
            let identity = Identity::new(wanted);
            assert!(!identity.is_open() && identity.question().is_none());
        }
    }
}
