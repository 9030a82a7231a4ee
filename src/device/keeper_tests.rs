//! One setting against a robot that is played by hand.

use super::super::answer::tests::{silence, status};
use super::*;
use go2_proto::codec::api;
use go2_proto::commands::setting;
use go2_proto::session::RequestError;
use serde_json::json;

/// A keeper and the time that its tests tell.
struct Bench {
    keeper: Keeper,
    now: Instant,
}

impl Bench {
    fn new(name: &str) -> Self {
        Self { keeper: Keeper::new(setting(name).unwrap()), now: Instant::now() }
    }

    fn in_session(name: &str) -> Self {
        let mut bench = Self::new(name);
        assert_eq!(bench.keeper.begin(None, bench.now), None);
        bench
    }

    fn later(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn wish(&mut self, value: Value) {
        self.keeper.wish(Some(value), self.now);
    }

    /// Api and parameter of the request that is due.
    fn asks(&mut self) -> Option<(i64, String)> {
        self.keeper.poll(self.now).map(|request| (request.api_id, request.parameter))
    }

    fn answer(&mut self, answer: Answer) -> Option<String> {
        self.keeper.settle(answer, self.now)
    }

    fn shown(&self) -> Option<Value> {
        self.keeper.shown().cloned()
    }

    /// A wish that the robot takes and reads back.
    fn applied(name: &str, value: Value, back: &str) -> Self {
        let mut bench = Self::in_session(name);
        bench.wish(value);
        assert!(bench.asks().is_some());
        assert_eq!(bench.answer(status(0, "")), None);
        assert!(bench.asks().is_some());
        assert_eq!(bench.answer(status(0, back)), None);
        bench
    }
}

fn write(value: i64) -> Option<(i64, String)> {
    Some((api::vui::SET_VOLUME, format!("{{\"volume\":{value}}}")))
}

fn read() -> Option<(i64, String)> {
    Some((api::vui::SET_VOLUME + 1, String::new()))
}

#[test]
fn without_a_wish_it_is_read_and_shown() {
    let mut bench = Bench::new("volume");
    assert_eq!((bench.asks(), bench.shown()), (None, None));
    bench.keeper.begin(None, bench.now);
    assert_eq!(bench.asks(), read());
    assert_eq!(bench.asks(), None);
    assert_eq!(bench.answer(status(0, r#"{"volume":4}"#)), None);
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(4)), None));
    assert_eq!(bench.keeper.poll_timeout(), None);
}

#[test]
fn robots_that_do_not_tell_show_nothing_and_are_no_trouble() {
    for answer in [silence(), status(3203, ""), status(0, "?"), status(0, r#"{"volume":"x"}"#)] {
        let mut bench = Bench::in_session("volume");
        bench.asks();
        assert_eq!(bench.answer(answer), None);
        assert_eq!((bench.shown(), bench.asks()), (None, None));
    }
}

#[test]
fn a_wish_is_applied_read_back_and_applied_in_every_session() {
    let mut bench = Bench::new("volume");
    bench.wish(json!(7));
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(7)), None));
    for _ in 0..2 {
        bench.keeper.begin(None, bench.now);
        assert_eq!(bench.asks(), write(7));
        assert_eq!(bench.answer(status(0, "")), None);
        assert_eq!(bench.asks(), read());
        assert_eq!(bench.answer(status(0, r#"{"volume":7}"#)), None);
        assert_eq!((bench.shown(), bench.asks()), (Some(json!(7)), None));
        bench.keeper.end();
    }
}

#[test]
fn who_waits_learns_what_became_of_the_newest_wish() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(1));
    bench.asks();
    bench.wish(json!(2));
    bench.answer(status(0, ""));
    assert_eq!(bench.keeper.take_verdict(), None);
    bench.asks();
    bench.answer(status(0, ""));
    assert_eq!(bench.keeper.take_verdict(), Some(Ok(())));
    assert_eq!(bench.keeper.take_verdict(), None);
    bench.wish(json!(3));
    bench.answer(status(0, r#"{"volume":2}"#));
    bench.asks();
    bench.answer(status(3204, ""));
    assert!(bench.keeper.take_verdict().unwrap().unwrap_err().contains("3204"));
}

#[test]
fn the_newest_wish_wins() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(1));
    assert_eq!(bench.asks(), write(1));
    bench.wish(json!(2));
    bench.wish(json!(3));
    assert_eq!((bench.asks(), bench.shown()), (None, Some(json!(3))));
    assert_eq!(bench.answer(status(0, "")), None);
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(3)), write(3)));
    // What became of an older one does not touch the newest.
    bench.wish(json!(4));
    assert!(bench.answer(status(3204, "")).unwrap().starts_with("volume: 3 was asked for: "));
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(4)), write(4)));
}

#[test]
fn a_refusal_is_told_once_and_the_robots_value_shown() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(7));
    bench.asks();
    let told = bench.answer(status(3204, "")).unwrap();
    assert_eq!(
        told,
        "volume: 7 was asked for: the robot answers status 3204: the parameter is wrong; check the \
         value and its range"
    );
    assert_eq!(bench.asks(), read());
    assert_eq!(bench.answer(status(0, r#"{"volume":4}"#)), None);
    assert_eq!(bench.shown(), Some(json!(4)));
    bench.keeper.end();
    bench.keeper.begin(None, bench.now);
    assert_eq!(bench.asks(), read(), "not tried again");
    bench.answer(status(0, r#"{"volume":4}"#));
    bench.wish(json!(7));
    assert_eq!(bench.asks(), write(7), "until set anew");
}

#[test]
fn silence_is_told_and_tried_again_in_the_next_session() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(7));
    bench.asks();
    assert!(bench.answer(silence()).unwrap().contains("did not answer"));
    assert_eq!(bench.asks(), read());
    assert_eq!(bench.answer(silence()), None);
    assert_eq!(bench.shown(), None);
    bench.keeper.begin(None, bench.now);
    assert_eq!(bench.asks(), write(7));
}

#[test]
fn a_lost_session_is_no_failure() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(7));
    bench.asks();
    bench.keeper.end();
    bench.keeper.begin(None, bench.now);
    assert_eq!(bench.asks(), None, "the old request is still out");
    assert_eq!(bench.answer(Err(RequestError::Lost)), None);
    assert_eq!((bench.asks(), bench.shown()), (write(7), Some(json!(7))));
}

#[test]
fn what_reads_back_otherwise_is_doubted_once_and_then_told() {
    let mut bench = Bench::in_session("volume");
    bench.wish(json!(7));
    bench.asks();
    bench.answer(status(0, ""));
    bench.asks();
    assert_eq!(bench.answer(status(0, r#"{"volume":4}"#)), None);
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(7)), None));
    assert_eq!(bench.keeper.poll_timeout(), Some(bench.now + SECOND_READING));
    bench.later(1.0);
    assert_eq!(bench.asks(), read());
    let told = bench.answer(status(0, r#"{"volume":4}"#)).unwrap();
    assert_eq!(told, "volume: 7 was asked for: the robot took it, but reads back 4");
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(4)), None));
}

#[test]
fn small_differences_of_numbers_are_none() {
    let bench = Bench::applied("body_height", json!(-0.1), r#"{"data":-0.10000000149}"#);
    assert_eq!(bench.shown(), Some(json!(-0.1)));
}

#[test]
fn messages_that_were_under_way_do_not_undo_a_wish() {
    let mut bench = Bench::in_session("volume");
    bench.keeper.told(json!(2), bench.now);
    assert_eq!(bench.shown(), Some(json!(2)));
    bench.wish(json!(7));
    bench.keeper.told(json!(2), bench.now);
    bench.asks();
    bench.keeper.told(json!(2), bench.now);
    bench.answer(status(0, ""));
    bench.later(2.9);
    bench.keeper.told(json!(2), bench.now);
    assert_eq!(bench.shown(), Some(json!(7)));
    // After that somebody else has set it.
    bench.later(0.2);
    bench.keeper.told(json!(2), bench.now);
    assert_eq!(bench.shown(), Some(json!(2)));
}

#[test]
fn what_the_mode_lacks_is_told_once_and_set_when_another_has_it() {
    let (mcf, normal) = (MotionMode::new("mcf"), MotionMode::new("normal"));
    let mut bench = Bench::new("body_height");
    bench.wish(json!(-0.1));
    let told = bench.keeper.begin(Some(&mcf), bench.now).unwrap();
    assert_eq!(
        told,
        "body_height: -0.1 was asked for: the robot is in motion mode mcf, and only normal or ai has \
         body_height"
    );
    bench.keeper.told(json!(0.0), bench.now);
    assert_eq!((bench.asks(), bench.shown()), (None, None));
    assert_eq!(bench.keeper.begin(Some(&mcf), bench.now), None);
    assert_eq!(bench.keeper.begin(Some(&normal), bench.now), None);
    assert_eq!(bench.asks(), Some((1013, r#"{"data":-0.1}"#.to_owned())));
}

#[test]
fn a_colour_is_renewed_and_can_be_taken_away() {
    let red = Some((1007, r#"{"color":"red","time":60}"#.to_owned()));
    let mut bench = Bench::in_session("led_color");
    assert_eq!(bench.asks(), None, "nobody knows how to read it");
    bench.wish(json!("red"));
    for _ in 0..3 {
        assert_eq!(bench.asks(), red);
        bench.answer(status(0, ""));
        assert_eq!((bench.shown(), bench.asks()), (Some(json!("red")), None));
        assert_eq!(bench.keeper.poll_timeout(), Some(bench.now + Duration::from_secs(50)));
        bench.later(50.0);
    }
    bench.wish(json!(""));
    assert_eq!(bench.asks(), Some((1008, String::new())));
    bench.answer(status(0, ""));
    assert_eq!((bench.shown(), bench.keeper.poll_timeout()), (Some(json!("")), None));
    bench.wish(json!("red"));
    bench.asks();
    assert!(bench.answer(status(100, "")).is_some());
    assert_eq!(bench.keeper.poll_timeout(), None, "what is refused is not renewed");
}

#[test]
fn a_wish_can_be_taken_back() {
    let mut bench = Bench::applied("volume", json!(7), r#"{"volume":7}"#);
    bench.keeper.wish(None, bench.now);
    assert_eq!((bench.shown(), bench.asks()), (Some(json!(7)), read()));
    bench.answer(status(0, r#"{"volume":5}"#));
    assert_eq!(bench.shown(), Some(json!(5)));
    bench.keeper.begin(None, bench.now);
    assert_eq!(bench.asks(), read());
}

#[test]
fn what_is_refused_too_early_is_asked_for_again() {
    const PAUSE: Duration = Duration::from_secs(1);
    let mut bench = Bench::in_session("volume");
    assert_eq!(bench.asks(), read());
    bench.keeper.postpone(PAUSE, bench.now);
    assert_eq!(bench.asks(), None);
    bench.later(1.0);
    assert_eq!(bench.asks(), read());
    bench.answer(status(0, r#"{"volume":4}"#));
    bench.wish(json!(7));
    for _ in 0..3 {
        assert_eq!(bench.asks(), write(7));
        bench.keeper.postpone(PAUSE, bench.now);
        assert_eq!((bench.asks(), bench.shown()), (None, Some(json!(7))));
        assert!(bench.keeper.take_verdict().is_none(), "it is still open");
        bench.later(1.0);
    }
    // A newer one does not wait for the older one's pause.
    assert_eq!(bench.asks(), write(7));
    bench.wish(json!(8));
    bench.keeper.postpone(PAUSE, bench.now);
    assert_eq!(bench.asks(), write(8));
    assert_eq!(bench.answer(status(0, "")), None);
    assert_eq!(bench.keeper.take_verdict(), Some(Ok(())));
    // Nor is one asked for again that was taken back.
    bench.wish(json!(9));
    assert_eq!(bench.asks(), write(9));
    bench.keeper.wish(None, bench.now);
    bench.keeper.postpone(PAUSE, bench.now);
    bench.later(5.0);
    assert_eq!(bench.asks(), read());
}

#[test]
fn what_the_robot_has_is_certain_once_it_was_heard_in_the_session() {
    let mut bench = Bench::new("volume");
    let certain = |bench: &Bench| bench.keeper.certain().cloned();
    bench.keeper.begin(None, bench.now);
    assert_eq!((bench.asks(), certain(&bench)), (read(), None));
    bench.keeper.told(json!(4), bench.now);
    assert_eq!(certain(&bench), Some(json!(4)));
    // A reading that is not answered takes nothing away from what the robot told by itself.
    assert_eq!(bench.answer(silence()), None);
    assert_eq!((certain(&bench), bench.shown()), (Some(json!(4)), Some(json!(4))));
    bench.wish(json!(7));
    assert_eq!((bench.asks(), certain(&bench)), (write(7), None), "it has not taken it yet");
    bench.answer(status(0, ""));
    assert_eq!(certain(&bench), Some(json!(7)));
    // Meanwhile it may have been turned off and on.
    bench.keeper.end();
    bench.keeper.begin(None, bench.now);
    assert_eq!(certain(&bench), None);
}
