//! Which modes that walk by themselves the robot is in, as far as a stop has to end them. Pure; takes `now`.
//!
//! Some the robot tells; of others it is only known that they were switched on by this side.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use go2_proto::codec::{Request, Response};
use go2_proto::commands::{action_of, Action, Api, Travel, ACTIONS};
use go2_proto::session::RequestError;

use super::readiness::Doing;

/// A request for an action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) action: &'static Action,
    pub(crate) api_id: i64,
    /// Whether it is to begin.
    pub(crate) on: bool,
}

/// What has become of a request for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The robot does it.
    Done,
    /// It does not, or it was not asked.
    Refused,
    /// It was asked and has not answered: it may do it all the same.
    None,
}

/// The end of a mode.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    /// The mode.
    pub(super) name: &'static str,
    pub(super) request: Request,
}

/// A mode that was switched on by this side.
#[derive(Debug, Clone, Copy)]
struct On {
    /// The id by which it was.
    api_id: i64,
    /// How many requests to switch it on have not been answered.
    unanswered: u32,
    /// Whether one was answered with success, or not at all.
    taken: bool,
    /// When the last was made.
    since: Instant,
}

/// Keeps count of them.
#[derive(Debug, Default)]
pub(super) struct Modes {
    ours: BTreeMap<&'static str, On>,
    /// Whether a stop was ordered whose modes that are ended at rest are not ended yet.
    waits: bool,
}

impl Answer {
    /// What a result means for what the robot does.
    pub(crate) fn of(result: &Result<Response, RequestError>) -> Self {
        match result {
            Ok(response) if response.code == 0 => Self::Done,
            Err(RequestError::Timeout(_) | RequestError::Lost | RequestError::Garbled) => {
                Self::None
            }
            Ok(_) | Err(_) => Self::Refused,
        }
    }
}

impl Asked {
    /// The action that a request asks for, if it is one.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let (action, on) = action_of(request)?;
        Some(Self { action, api_id: request.api_id, on })
    }
}

impl Modes {
    /// The robot is told to do something.
    pub(super) fn asked(&mut self, asked: Asked, now: Instant) {
        let Asked { action, api_id, on } = asked;
        if !on || !action.travel.is_ended() {
            return;
        }
        self.waits = false; // for the robot to stand in a mode of before
        let new = On { api_id, unanswered: 0, taken: false, since: now };
        let mode = self.ours.entry(action.name).or_insert(new);
        *mode = On { api_id, unanswered: mode.unanswered + 1, since: now, ..*mode };
    }

    /// It has answered, or has not.
    pub(super) fn answered(&mut self, asked: Asked, answer: Answer) {
        let name = asked.action.name;
        if !asked.on {
            if answer == Answer::Done {
                self.ours.remove(name);
            }
            return;
        }
        if let Some(mode) = self.ours.get_mut(name) {
            mode.unanswered = mode.unanswered.saturating_sub(1);
            mode.taken |= answer != Answer::Refused;
            if !mode.taken && mode.unanswered == 0 {
                self.ours.remove(name);
            }
        }
    }

    /// The robot says what it does.
    pub(super) fn heard(&mut self, doing: &Doing, is_down: bool) {
        self.ours.retain(|name, mode| {
            let tells = find(name).is_some_and(|action| action.travel != Travel::EndedIfOurs);
            let begins = find(name).map_or(Duration::ZERO, |action| action.takes);
            let begun = doing.at.saturating_duration_since(mode.since) >= begins;
            let over = tells && doing.code.is_some() && doing.lasting != Some(name) && begun;
            let waits = mode.unanswered > 0;
            waits || !(is_down || over)
        });
    }

    /// The robot is limp: there is nothing left to end.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A mode was ended.
    pub(super) fn ended(&mut self, name: &str) {
        self.ours.remove(name);
    }

    /// Whether there is anything that a stop would end. `told` is the mode that the robot was last heard to be in.
    pub(super) fn has_any(&self, told: Option<&str>) -> bool {
        ACTIONS.iter().any(|action| self.is_in(action, told))
    }

    /// What is to be ended after zeros and StopMove were sent.
    pub(super) fn stopped(&mut self, told: Option<&str>, at_rest: bool) -> Vec<End> {
        self.waits = true;
        let mut ends = self.ends(told, |travel| travel != Travel::EndedAtRest);
        if at_rest {
            ends.extend(self.rested(told));
        }
        ends
    }

    /// What is to be ended now that the robot stands, if a stop was ordered.
    pub(super) fn rested(&mut self, told: Option<&str>) -> Vec<End> {
        if !std::mem::take(&mut self.waits) {
            return Vec::new();
        }
        self.ends(told, |travel| travel == Travel::EndedAtRest)
    }

    /// Whether something waits for the robot to stand.
    pub(super) fn waits(&self, told: Option<&str>) -> bool {
        let at_rest = |action: &&Action| action.travel == Travel::EndedAtRest;
        self.waits && ACTIONS.iter().filter(at_rest).any(|action| self.is_in(action, told))
    }

    /// Whether the robot is in a mode in which it walks by itself, as far as it tells.
    pub(super) fn walks_by_itself(&self, told: &str) -> bool {
        find(told).is_some_and(|action| action.travel == Travel::Ended)
    }

    /// The robot walks again: what the stop has not ended goes on.
    pub(super) fn walks(&mut self) {
        self.waits = false;
    }

    fn ends(&self, told: Option<&str>, which: impl Fn(Travel) -> bool) -> Vec<End> {
        let due = |action: &&Action| which(action.travel) && self.is_in(action, told);
        let end = |action: &'static Action| {
            let ours = self.ours.get(action.name).map(|mode| mode.api_id);
            // What is told to be on is told by firmware since 1.1.7.
            let api_id = ours.or(action.mcf.map(Api::id))?;
            let parameter = r#"{"data":false}"#.to_owned();
            let request = Request { parameter, ..Request::sport(api_id) }.with_priority();
            Some(End { name: action.name, request })
        };
        ACTIONS.iter().filter(due).filter_map(end).collect()
    }

    fn is_in(&self, action: &Action, told: Option<&str>) -> bool {
        // The robot says that it is in another one.
        let ours = self.ours.contains_key(action.name) && told.is_none_or(|it| it == action.name);
        match action.travel {
            Travel::Stays | Travel::Leaves => false,
            Travel::Ended | Travel::EndedAtRest => ours || told == Some(action.name),
            Travel::EndedIfOurs => ours,
        }
    }
}

fn find(name: &str) -> Option<&'static Action> {
    go2_proto::commands::action(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, on: bool) -> Asked {
        let action = find(name).unwrap();
        Asked { action, api_id: action.mcf.unwrap().id(), on }
    }

    fn switch(modes: &mut Modes, name: &str, on: bool, answer: Answer) {
        modes.asked(asked(name, on), Instant::now());
        modes.answered(asked(name, on), answer);
    }

    fn says(code: i64, lasting: Option<&'static str>, seconds: u64) -> Doing {
        let at = Instant::now() + Duration::from_secs(seconds);
        let (activity, measured, height) = (None, None, None);
        Doing { activity, lasting, code: Some(code), measured, height, at }
    }

    /// Ids and parameters of what a stop ends.
    fn stop(modes: &mut Modes, told: Option<&str>, at_rest: bool) -> Vec<(i64, String)> {
        let ends = modes.stopped(told, at_rest).into_iter();
        ends.map(|end| (end.request.api_id, end.request.parameter)).collect()
    }

    fn off(api_id: i64) -> (i64, String) {
        (api_id, r#"{"data":false}"#.to_owned())
    }

    #[test]
    fn what_the_robot_tells_is_ended_whoever_switched_it_on() {
        let mut modes = Modes::default();
        assert!(!modes.has_any(None) && modes.has_any(Some("lead_follow")));
        assert_eq!(stop(&mut modes, Some("lead_follow"), false), [off(2056)]);
        for stays in ["pose", "hand_stand", "back_stand", "walk_stair", "free_bound", "free_jump"] {
            assert_eq!(stop(&mut modes, Some(stays), true), [], "{stays}");
        }
        assert_eq!(stop(&mut modes, Some("free_walk"), true), [], "not switched on here");
        assert_eq!(stop(&mut modes, None, true), [], "code 100 alone is no evidence");
    }

    #[test]
    fn what_was_switched_on_here_is_ended_by_the_same_id() {
        let mut modes = Modes::default();
        switch(&mut modes, "free_walk", true, Answer::Done);
        assert_eq!(stop(&mut modes, None, false), [off(2045)]);
        assert_eq!(stop(&mut modes, None, false), [off(2045)], "until it has answered that");
        assert_eq!(stop(&mut modes, Some("hand_stand"), false), [], "it is in another by now");
        modes.ended("free_walk");
        assert_eq!(stop(&mut modes, None, false), []);

        let older = Asked { api_id: 1045, ..asked("free_walk", true) };
        modes.asked(older, Instant::now());
        assert_eq!(stop(&mut modes, None, false), [off(1045)], "asked for and not answered yet");
        modes.answered(older, Answer::Refused);
        assert_eq!(stop(&mut modes, None, false), []);
        switch(&mut modes, "free_walk", true, Answer::None);
        assert!(modes.has_any(None), "it may have heard of it");
        switch(&mut modes, "free_walk", true, Answer::Refused);
        assert!(modes.has_any(None), "the second was refused, not the first");
        switch(&mut modes, "free_walk", false, Answer::Refused);
        assert!(modes.has_any(None));
        switch(&mut modes, "free_walk", false, Answer::Done);
        assert!(!modes.has_any(None));
    }

    #[test]
    fn a_mode_is_over_when_the_robot_says_another_or_is_down() {
        let mut modes = Modes::default();
        switch(&mut modes, "lead_follow", true, Answer::Done);
        modes.heard(&says(1013, None, 1), false);
        assert!(modes.has_any(None), "it shows only later");
        modes.heard(&says(1013, None, 3), false);
        assert!(!modes.has_any(None));
        switch(&mut modes, "free_walk", true, Answer::Done);
        modes.heard(&says(100, None, 60), false);
        assert!(modes.has_any(None), "the robot does not tell it from standing");
        modes.heard(&says(1001, None, 60), true);
        assert!(!modes.has_any(None));
        switch(&mut modes, "free_walk", true, Answer::Done);
        modes.forget();
        assert!(!modes.has_any(None));
    }

    #[test]
    fn rage_mode_is_ended_once_the_robot_stands_unless_it_walks_again() {
        let rage = Some("rage_mode");
        let mut modes = Modes::default();
        assert_eq!(modes.rested(rage), [], "nobody has stopped it");
        assert_eq!(stop(&mut modes, rage, false), []);
        assert!(modes.waits(rage) && !modes.waits(None));
        let ends: Vec<_> = modes.rested(rage).into_iter().map(|end| end.request.api_id).collect();
        assert_eq!(ends, [2059]);
        assert_eq!(modes.rested(rage), [], "once");
        assert_eq!(stop(&mut modes, rage, false), []);
        modes.walks();
        assert_eq!(modes.rested(rage), []);
        assert_eq!(stop(&mut modes, rage, true), [off(2059)]);
    }
}
