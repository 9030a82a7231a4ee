//! The motion mode against a robot that is played by hand.

use super::super::answer::tests::{silence, status};
use super::*;
use go2_proto::session::RequestError;

struct Bench {
    keeper: ModeKeeper,
    now: Instant,
}

impl Bench {
    fn new(wish: Option<&str>) -> Self {
        let mut bench = Self { keeper: ModeKeeper::default(), now: Instant::now() };
        if let Some(wish) = wish {
            bench.keeper.wish(Some(MotionMode::new(wish)), bench.now);
        }
        assert_eq!(bench.keeper.poll(bench.now), None);
        bench.keeper.begin(bench.now);
        bench
    }

    fn asks(&mut self) -> Option<Ask> {
        self.keeper.poll(self.now)
    }

    fn answer(&mut self, answer: Answer) -> Option<String> {
        self.keeper.settle(answer, self.now)
    }

    /// The robot is asked, and says that it is in a mode.
    fn is_in(&mut self, name: &str) -> Option<String> {
        assert_eq!(self.asks(), Some(Ask::Read));
        self.answer(status(0, &format!(r#"{{"form":"0","name":"{name}"}}"#)))
    }

    fn is_told(&mut self, name: &str, answer: Answer) {
        assert_eq!(self.asks(), Some(Ask::Change(MotionMode::new(name))));
        assert_eq!(self.answer(answer), None);
    }

    fn known(&self) -> Option<&str> {
        self.keeper.known().map(MotionMode::name)
    }

    fn shown(&self) -> Option<String> {
        self.keeper.shown().and_then(|value| value.as_str().map(str::to_owned))
    }

    fn later(&mut self) -> Duration {
        let pause = self.keeper.poll_timeout().unwrap() - self.now;
        self.now += pause;
        pause
    }
}

#[test]
fn it_is_read_in_every_session_and_known_within_one() {
    let mut bench = Bench::new(None);
    for (name, means) in [("", "mcf"), ("normal", "normal")] {
        assert!(!bench.keeper.is_settled());
        assert_eq!(bench.is_in(name), None);
        assert_eq!((bench.known(), bench.keeper.is_settled()), (Some(means), true));
        assert_eq!((bench.shown().as_deref(), bench.keeper.poll_timeout()), (Some(means), None));
        bench.keeper.end();
        assert_eq!((bench.known(), bench.shown()), (None, None));
        bench.keeper.begin(bench.now);
    }
}

#[test]
fn it_asks_more_and_more_rarely_while_nothing_is_told() {
    for (answer, settled) in [(silence(), true), (status(BUSY, ""), false), (status(0, "{}"), true)]
    {
        let mut bench = Bench::new(None);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            assert_eq!(bench.asks(), Some(Ask::Read));
            assert_eq!(bench.answer(answer.clone()), None);
            assert_eq!((bench.known(), bench.keeper.is_settled()), (None, settled));
            pauses.push(bench.later().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(bench.is_in("ai"), None);
        assert_eq!(bench.known(), Some("ai"));
    }
}

#[test]
fn a_robot_that_is_in_the_mode_is_not_told() {
    let mut bench = Bench::new(Some("ai"));
    assert_eq!(bench.shown().as_deref(), Some("ai"));
    assert_eq!(bench.is_in("ai"), None);
    assert_eq!((bench.asks(), bench.keeper.is_settled()), (None, true));
}

#[test]
fn a_change_is_made_and_read_back() {
    let mut bench = Bench::new(Some("ai"));
    assert_eq!(bench.is_in("normal"), None);
    assert!(!bench.keeper.is_settled());
    let request = Ask::Change(MotionMode::new("ai")).request();
    assert_eq!((request.api_id, request.parameter.as_str()), (1002, r#"{"name":"ai"}"#));
    bench.is_told("ai", status(0, ""));
    // It may take the robot a moment.
    assert_eq!(bench.is_in("normal"), None);
    bench.later();
    assert_eq!(bench.is_in("ai"), None);
    assert_eq!((bench.asks(), bench.known()), (None, Some("ai")));
    assert!(bench.keeper.is_settled());
}

#[test]
fn a_change_that_never_comes_is_told() {
    let mut bench = Bench::new(Some("ai"));
    bench.is_in("normal");
    bench.is_told("ai", status(0, ""));
    let told = (0..20).find_map(|_| {
        let told = bench.is_in("normal");
        if told.is_none() {
            bench.later();
        }
        told
    });
    assert_eq!(
        told.as_deref(),
        Some("motion_mode: ai was asked for: the robot took it, but stays as it is")
    );
    assert_eq!((bench.shown().as_deref(), bench.asks()), (Some("normal"), None));
}

#[test]
fn refusals_are_judged_by_reading_back() {
    // 7004 may mean that it is in the mode already.
    let mut bench = Bench::new(Some("ai"));
    bench.is_in("normal");
    bench.is_told("ai", status(7004, ""));
    assert_eq!(bench.is_in("ai"), None);
    assert_eq!((bench.asks(), bench.known()), (None, Some("ai")));

    let mut bench = Bench::new(Some("normal"));
    bench.is_in("mcf");
    bench.is_told("normal", status(7004, ""));
    let told = bench.is_in("mcf").unwrap();
    assert!(told.starts_with("motion_mode: normal was asked for: the robot answers status 7004"));
    assert_eq!((bench.shown().as_deref(), bench.asks()), (Some("mcf"), None));
    bench.keeper.end();
    bench.keeper.begin(bench.now);
    assert_eq!(bench.is_in("mcf"), None);
    assert_eq!(bench.asks(), None, "not tried again");
    bench.keeper.wish(Some(MotionMode::new("normal")), bench.now);
    assert_eq!(bench.is_in("mcf"), None);
    bench.is_told("normal", status(0, ""));
}

#[test]
fn a_robot_is_not_made_to_sit_down_twice() {
    let mut bench = Bench::new(Some("ai"));
    bench.is_in("normal");
    bench.is_told("ai", Err(RequestError::Lost));
    bench.keeper.end();
    bench.keeper.begin(bench.now);
    assert!(bench.is_in("normal").unwrap().contains("connection was lost"));
    assert_eq!(bench.asks(), None);
}

#[test]
fn the_newest_wish_wins() {
    let mut bench = Bench::new(Some("ai"));
    bench.is_in("normal");
    assert!(bench.asks().is_some());
    bench.keeper.wish(Some(MotionMode::new("advanced")), bench.now);
    assert_eq!(bench.asks(), None);
    assert_eq!(bench.answer(status(0, "")), None);
    assert_eq!(bench.is_in("ai"), None);
    bench.is_told("advanced", status(0, ""));
    assert_eq!(bench.is_in("advanced"), None);
    assert_eq!(bench.shown().as_deref(), Some("advanced"));
}

#[test]
fn a_wish_that_cannot_be_tried_is_told_once() {
    let mut bench = Bench::new(Some("ai"));
    assert_eq!(bench.asks(), Some(Ask::Read));
    assert!(bench.answer(silence()).unwrap().contains("does not tell its mode"));
    bench.later();
    assert_eq!(bench.asks(), Some(Ask::Read));
    assert_eq!(bench.answer(silence()), None);
    bench.later();
    assert_eq!(bench.is_in("normal"), None);
    bench.is_told("ai", status(0, ""));
}

#[test]
fn names_that_are_none_are_refused() {
    for bad in ["", "[]", "{}", r#"{"name":3}"#, r#"{"name":"a\nb"}"#] {
        assert_eq!(mode(bad), None, "{bad}");
    }
    assert_eq!(mode(r#"{"name":""}"#), Some(MotionMode::new("mcf")));
}
