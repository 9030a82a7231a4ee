//! Actions that the robot refuses because a client has only just connected, and what makes them void. Pure.
//!
//! For about ten seconds after a client has connected, robots refuse motion with status 3203 while they stand (mode code
//! 1013). An action is asked for again until that is over, unless something newer has come: a robot must not wave after
//! somebody has stopped it.

use std::sync::Arc;
use std::time::Duration;

use go2_proto::codec::{Request, Response};
use go2_proto::commands::{action_of, Action, Danger};
use tokio::sync::watch;

use crate::motion::Doing;

/// Between two tries.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);
/// What a robot stands with when it refuses what it will do a moment later.
const BALANCING: i64 = 1013;
/// Why, in words.
pub(crate) const NOT_YET: &str =
    "the robot is not ready for it yet, as for about 10 s after connecting";

/// Whether the robot may do later what it has just refused. `doing` is what it was last heard to do, if that still says
/// anything.
pub(crate) fn is_early(
    response: &Response,
    session: Option<Duration>,
    doing: Option<Doing>,
) -> bool {
    let stands = doing.is_none_or(|doing| doing.code == Some(BALANCING));
    stands && session.is_some_and(|session| response.may_be_early(session))
}

/// Whether the robot may be asked for it again.
pub(super) fn may_repeat(action: &Action) -> bool {
    action.danger == Danger::None
}

/// Whether a request is one for an action, on any firmware.
pub(super) fn is_action(request: &Request) -> bool {
    action_of(request).is_some()
}

/// What the robot was told or is to do, as far as it makes void what was asked for before. Clones are the same.
#[derive(Clone)]
pub(crate) struct Newest(Arc<watch::Sender<Told>>);

#[derive(Debug, Clone, Copy)]
struct Told {
    number: u64,
    what: &'static str,
}

impl Default for Newest {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Told { number: 0, what: "" })))
    }
}

impl Newest {
    /// Something new, in words; what was asked for before is void. Returns what is void as soon as the next comes.
    pub(crate) fn tell(&self, what: &'static str) -> Wish {
        let mut number = 0;
        self.0.send_modify(|told| {
            number = told.number + 1;
            *told = Told { number, what };
        });
        Wish { number, told: self.0.subscribe() }
    }
}

/// What somebody asked for, until something newer comes.
pub(crate) struct Wish {
    number: u64,
    told: watch::Receiver<Told>,
}

impl Wish {
    /// Waits until it is void; what has come, in words.
    pub(super) async fn void(&mut self) -> &'static str {
        match self.told.wait_for(|told| told.number != self.number).await {
            Ok(told) => told.what,
            Err(_) => "the end of the node",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::FutureExt as _;

    use super::*;

    fn refusal(code: i64) -> Response {
        let payload = Default::default();
        Response { id: Some(1), api_id: Some(1016), code, data: String::new(), payload }
    }

    fn doing(code: Option<i64>) -> Option<Doing> {
        let (activity, lasting, measured, height) = (None, None, None, None);
        let at = Instant::now();
        Some(Doing { activity, lasting, code, measured, height, at })
    }

    #[test]
    fn only_a_standing_robot_of_the_first_seconds_is_early() {
        let early = |code, seconds: f64, doing| {
            is_early(&refusal(code), Some(Duration::from_secs_f64(seconds)), doing)
        };
        assert!(early(3203, 0.1, doing(Some(1013))) && early(3203, 9.9, doing(Some(1013))));
        assert!(early(3203, 0.1, None), "it has not said how it stands");
        assert!(!early(3203, 10.1, doing(Some(1013))));
        // At 100 the id is unknown; robots before 1.1.7 have no such code.
        assert!(!early(3203, 0.1, doing(Some(100))) && !early(3203, 0.1, doing(None)));
        assert!(!early(4206, 0.1, doing(Some(1013))) && !early(0, 0.1, doing(Some(1013))));
        assert!(!is_early(&refusal(3203), None, doing(Some(1013))));
    }

    #[test]
    fn what_is_newer_makes_void_what_was_before() {
        let newest = Newest::default();
        let mut first = newest.tell("a newer action");
        assert_eq!(first.void().now_or_never(), None);
        let mut second = newest.tell("a stop");
        assert_eq!(first.void().now_or_never(), Some("a stop"));
        assert_eq!(second.void().now_or_never(), None);
    }

    #[test]
    fn acrobatics_are_not_repeated_and_readings_are_no_actions() {
        let action = |name| go2_proto::commands::action(name).unwrap();
        assert!(may_repeat(action("hello")) && !may_repeat(action("front_flip")));
        assert!(!may_repeat(action("rage_mode")));
        assert!(is_action(&Request::sport(1016)) && is_action(&Request::sport(1003)));
        assert!(!is_action(&Request::sport(1026)) && !is_action(&Request::snapshot()));
    }
}
