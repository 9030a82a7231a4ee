//! The session in virtual time, message by message.

use std::sync::Arc;

use bytes::Bytes;

use super::super::requests::{LONGEST_PARAMETER, MOST_PENDING};
use super::*;
use crate::codec::{api, WallTime};

const CHALLENGE: &str = r#"{"type":"validation","topic":"","data":"0123456789abcdef"}"#;
const OK: &str = r#"{"type":"validation","topic":"","data":"Validation Ok."}"#;
const NEEDED: &str = r#"{"type":"err","info":"Validation Needed."}"#;

fn picture(received: std::time::Instant) -> AccessUnit {
    let data = Bytes::from_static(&[0, 0, 0, 1, 0x65]);
    AccessUnit { data, keyframe: true, number: 0, timestamp: 0, received, size: (16, 16) }
}

struct Session {
    machine: Machine,
    now: Instant,
}

impl Session {
    fn new() -> Self {
        let now = Instant::now();
        let topics = BTreeSet::from(["rt/a".to_string(), "rt/b".to_string()]);
        Self { machine: Machine::new(Timing::default(), topics, 7, now), now }
    }

    fn live() -> Self {
        let mut session = Self::new();
        session.hear(CHALLENGE).unwrap();
        session.hear(OK).unwrap();
        session.said();
        session.events();
        session
    }

    fn hear(&mut self, text: &str) -> Result<(), SessionError> {
        self.machine.handle(Received::from(text), self.now)
    }

    fn wait(&mut self, seconds: f64) -> Result<(), SessionError> {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.machine.poll_timeout() <= end {
            self.now = self.now.max(self.machine.poll_timeout());
            self.machine.handle_timeout(self.now)?;
        }
        self.now = end;
        Ok(())
    }

    /// All that is said, over a link that acknowledges at once.
    fn said(&mut self) -> Vec<Outbound> {
        let mut said: Vec<_> = std::iter::from_fn(|| self.machine.poll_transmit()).collect();
        while let Some(due) = self.machine.topics_due() {
            self.now = self.now.max(due);
            said.extend(self.machine.poll_topics(0, self.now));
        }
        said
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll_event()).collect()
    }
}

#[test]
fn nothing_is_said_before_the_challenge_and_all_after_the_ok() {
    let mut session = Session::new();
    session.wait(3.0).unwrap();
    assert_eq!(session.said(), []);
    session.hear(CHALLENGE).unwrap();
    let answer = Outbound::Validation { challenge: "0123456789abcdef".into() };
    assert_eq!(session.said(), [answer]);
    session.hear(OK).unwrap();
    let subscribe = |topic: &str| Outbound::Subscribe(topic.into());
    let expected = [
        Outbound::Heartbeat,
        Outbound::DisableTrafficSaving(true),
        subscribe("rt/a"),
        subscribe("rt/b"),
    ];
    assert_eq!(session.said(), expected);
    assert!(matches!(session.events()[..], [Event::Live]));
}

#[test]
fn answers_again_when_asked_again_but_not_for_ever() {
    let mut session = Session::new();
    session.hear(NEEDED).unwrap();
    assert_eq!(session.said(), [], "there is no challenge to answer yet");
    session.hear(CHALLENGE).unwrap();
    for _ in 1..MOST_ANSWERS {
        session.hear(NEEDED).unwrap();
    }
    assert_eq!(session.said().len(), MOST_ANSWERS as usize);
    assert_eq!(session.hear(NEEDED), Err(SessionError::ValidationRefused));
}

#[test]
fn validation_has_a_limit() {
    let mut session = Session::new();
    session.hear(CHALLENGE).unwrap();
    assert_eq!(session.wait(8.0), Err(SessionError::ValidationTimeout));
}

#[test]
fn requests_before_validation_are_refused() {
    let mut session = Session::new();
    let now = session.now;
    let result = session.machine.request(Request::sport(1), Duration::from_secs(1), now);
    assert_eq!(result, Err(RequestError::NotLive));
}

#[test]
fn heartbeats_go_out_and_their_echo_is_timed() {
    let mut session = Session::live();
    session.wait(0.05).unwrap();
    for _ in 0..5 {
        session.wait(1.95).unwrap();
        assert_eq!(session.said(), [Outbound::Heartbeat]);
        session.wait(0.05).unwrap();
        session.hear(r#"{"type":"heartbeat","topic":"","data":{}}"#).unwrap();
    }
    assert_eq!(session.machine.counters().round_trip, Some(Duration::from_millis(50)));
}

#[test]
fn silence_is_looked_at_when_it_grows_beyond_each_limit_and_ends_the_session_after_a_hole_of_five_seconds(
) {
    let mut session = Session::live();
    let (start, timing) = (session.now, Timing::default());
    let at = |silence| start + silence;
    let millisecond = Duration::from_millis(1);
    assert!(session.machine.hears(at(timing.quiet - millisecond)));
    assert!(!session.machine.hears(at(timing.quiet)));
    session.wait(1.499).unwrap();
    assert_eq!(session.machine.standing(session.now), Standing::Live);
    session.wait(0.001).unwrap();
    assert_eq!(session.machine.standing(session.now), Standing::Stale);
    // SCTP repeats what was lost after 1, 3 and 7 s.
    session.wait(5.6).unwrap();
    assert!(matches!(session.wait(60.0), Err(SessionError::Silent(_))));
    assert!(session.now - start < Duration::from_secs(10));
}

#[test]
fn any_message_is_a_sign_of_life() {
    let mut session = Session::live();
    for _ in 0..10 {
        session.wait(4.0).unwrap();
        session.hear("garbage").unwrap();
    }
    assert_eq!(session.machine.counters().malformed, 10);
}

#[test]
fn probes_are_echoed() {
    let mut session = Session::live();
    let info = r#"{"req_type":"rtt_probe_send_from_mechine","t":1.5}"#;
    session.hear(&format!(r#"{{"type":"rtc_inner_req","info":{info}}}"#)).unwrap();
    assert_eq!(session.said(), [Outbound::ProbeEcho(Json::from(info.to_string()))]);
    session
        .hear(r#"{"type":"rtc_inner_req","info":{"req_type":"disable_traffic_saving"}}"#)
        .unwrap();
    assert_eq!(session.said(), []);
}

#[test]
fn responses_find_their_requests() {
    let mut session = Session::live();
    let now = session.now;
    let timeout = Duration::from_secs(5);
    let mut ask = |api_id| session.machine.request(Request::sport(api_id), timeout, now).unwrap();
    let (up, down, first, second) = (ask(api::STAND_UP), ask(api::STAND_DOWN), ask(5), ask(5));
    assert_eq!(up, RequestId(7));
    let mut answer = |identity: String| {
        session
            .hear(&format!(
                r#"{{"type":"res","topic":"rt/api/sport/response","data":{{"header":{{"identity":{identity},"status":{{"code":0}}}}}}}}"#
            ))
            .unwrap();
        match session.events().pop() {
            Some(Event::Settled(id, Ok(_))) => Some(id),
            Some(Event::Unawaited(_) | Event::Stray(_)) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer(format!(r#"{{"id":{},"api_id":1005}}"#, down.0)), Some(down));
    assert_eq!(answer(r#"{"id":999,"api_id":1004}"#.into()), None, "an id of nobody");
    assert_eq!(answer(r#"{"api_id":5}"#.into()), Some(first), "without an id the oldest is meant");
    assert_eq!(answer(r#"{"api_id":5}"#.into()), Some(second));
    assert_eq!(answer(r#"{"api_id":5}"#.into()), None);
    assert_eq!(answer(format!(r#"{{"id":{}}}"#, up.0)), Some(up));
}

#[test]
fn answers_to_nothing_that_is_open_are_counted() {
    let mut session = Session::live();
    let now = session.now;
    let velocity = session.machine.tell(Request::sport(api::MOVE)).unwrap();
    let ask = Request::sport(api::STAND_UP);
    let late = session.machine.request(ask, Duration::from_secs(1), now).unwrap();
    session.events();
    let mut answer = |id: i64| {
        let answer = format!(
            r#"{{"type":"res","topic":"rt/api/sport/response","data":{{"header":{{"identity":{{"id":{id}}},"status":{{"code":0}}}}}}}}"#
        );
        session.hear(&answer).unwrap();
        let stray = matches!(session.events().pop(), Some(Event::Stray(_)));
        (stray, session.machine.counters().stray)
    };
    assert_eq!(answer(velocity.0), (false, 0), "velocities may be answered");
    assert_eq!(answer(velocity.0), (true, 1), "once");
    assert_eq!(answer(999), (true, 2), "somebody else's");
    assert_eq!(answer(late.0), (false, 2));
    assert_eq!(answer(late.0), (true, 3), "twice");
}

#[test]
fn unanswered_requests_time_out_each_at_its_own_time() {
    let mut session = Session::live();
    let now = session.now;
    let short = Duration::from_secs(1);
    let long = Duration::from_secs(3);
    let slow = session.machine.request(Request::sport(1), long, now).unwrap();
    let quick = session.machine.request(Request::sport(2), short, now).unwrap();
    session.wait(1.0).unwrap();
    let settled = |events: Vec<Event>| match events.as_slice() {
        [Event::Settled(id, Err(error))] => (*id, error.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(settled(session.events()), (quick, RequestError::Timeout(short)));
    session.wait(2.0).unwrap();
    assert_eq!(settled(session.events()), (slow, RequestError::Timeout(long)));
}

#[test]
fn requests_are_bounded_in_number_and_size() {
    let mut session = Session::live();
    let now = session.now;
    let mut long = Request::sport(1);
    long.parameter = "x".repeat(LONGEST_PARAMETER + 1);
    let timeout = Duration::from_secs(1);
    assert_eq!(session.machine.request(long, timeout, now), Err(RequestError::TooLong));
    for _ in 0..MOST_PENDING {
        session.machine.request(Request::sport(1), timeout, now).unwrap();
    }
    assert_eq!(
        session.machine.request(Request::sport(1), timeout, now),
        Err(RequestError::TooMany)
    );
}

#[test]
fn what_nobody_knows_is_counted_and_survived() {
    let mut session = Session::live();
    for odd in [
        r#"{"type":"new_thing","data":1}"#,
        r#"{"type":"rtc_report","data":{}}"#,
        r#"{"type":"req","topic":"rt/api/sport/request"}"#,
    ] {
        session.hear(odd).unwrap();
    }
    for broken in [
        r#"{"type":"res","topic":"rt/api/sport/response","data":{}}"#,
        r#"{"type":"errors","data":"x"}"#,
        r#"{"type":"validation","data":7}"#,
        r#"{"type":"rtc_inner_req","info":7}"#,
    ] {
        session.hear(broken).unwrap();
    }
    session.machine.handle(Received::Binary(Bytes::from_static(b"\x05")), session.now).unwrap();
    let counters = session.machine.counters();
    assert_eq!((counters.unexpected, counters.malformed), (3, 5));
    assert!(session.machine.is_live());
}

#[test]
fn binary_frames_are_messages() {
    let mut session = Session::live();
    let head = br#"{"type":"msg","topic":"rt/a","data":{}}"#;
    let frame = [&[head.len() as u8, 0, 0, 0][..], head, b"payload"].concat();
    session.machine.handle(Received::Binary(frame.into()), session.now).unwrap();
    match session.events().as_slice() {
        [Event::Message(message)] => {
            assert_eq!(message.payload.as_deref(), Some(&b"payload"[..]));
        }
        other => panic!("{other:?}"),
    }
}

fn switches(session: &mut Session) -> Vec<String> {
    let word = |message| match message {
        Outbound::LidarSwitch { on, attempt } => Some(format!("lidar {on} {attempt}")),
        Outbound::DisableTrafficSaving(true) => Some("saving off".to_owned()),
        Outbound::Video(on) => Some(format!("video {on}")),
        _ => None,
    };
    session.said().into_iter().filter_map(word).collect()
}

#[test]
fn the_lidar_is_switched_until_frames_come_and_again_when_they_stop() {
    let frame = r#"{"type":"msg","topic":"rt/utlidar/voxel_map_compressed","data":{}}"#;
    let mut session = Session::new();
    session.machine.wish(&Wishes { lidar: Some(true), ..Wishes::default() }, session.now);
    session.wait(1.0).unwrap();
    session.hear(CHALLENGE).unwrap();
    assert!(switches(&mut session).is_empty(), "not before the session is live");
    session.hear(OK).unwrap();
    session.wait(0.15).unwrap();
    let expected = ["saving off", "lidar true 0", "saving off", "lidar true 1"];
    assert_eq!(switches(&mut session), expected);
    for _ in 0..10 {
        session.hear(frame).unwrap();
        session.wait(0.5).unwrap();
    }
    assert!(switches(&mut session).is_empty(), "as long as frames come");
    session.wait(1.55).unwrap();
    assert_eq!(switches(&mut session), ["lidar true 0"]);
}

#[test]
fn topics_are_shared_while_somebody_wants_them() {
    let mut session = Session::live();
    let mut wish = |topics: &[&str]| {
        let topics = topics.iter().map(ToString::to_string).collect();
        session
            .machine
            .wish(&Wishes { topics: Arc::new(topics), ..Wishes::default() }, session.now);
        session.said()
    };
    let (on, off) = (
        |topic: &str| Outbound::Subscribe(topic.into()),
        |topic: &str| Outbound::Unsubscribe(topic.into()),
    );
    assert_eq!(wish(&["rt/b", "rt/c"]), [on("rt/c")], "the link has its own already");
    assert_eq!(wish(&["rt/d"]), [on("rt/d"), off("rt/c")], "and keeps them");
    assert_eq!(wish(&["rt/d"]), []);

    let mut session = Session::new();
    let topics = Arc::new(BTreeSet::from(["rt/b".to_owned(), "rt/c".to_owned()]));
    session.machine.wish(&Wishes { topics, ..Wishes::default() }, session.now);
    session.hear(CHALLENGE).unwrap();
    assert_eq!(session.said().len(), 1, "nothing but the answer");
    session.hear(OK).unwrap();
    let subscribed = session.said().into_iter().filter(|m| matches!(m, Outbound::Subscribe(_)));
    assert_eq!(subscribed.collect::<Vec<_>>(), [on("rt/a"), on("rt/b"), on("rt/c")]);
}

#[test]
fn what_others_want_goes_after_everything_else_and_never_fills_the_channel() {
    let mut session = Session::live();
    let topics: BTreeSet<_> = (0..640)
        .map(|number| format!("rt/{number:0width$}", width = topics::LONGEST_NAME - 3))
        .collect();
    let topics = Arc::new(topics);
    session.machine.wish(&Wishes { topics: Arc::clone(&topics), ..Wishes::default() }, session.now);
    assert_eq!(session.machine.poll_transmit(), None, "nothing at once");
    let stop = Request::sport(api::STOP_MOVE).with_priority();
    session.machine.request(stop, Duration::from_secs(1), session.now).unwrap();
    let Some(Outbound::Request { request, .. }) = session.machine.poll_transmit() else { panic!() };
    assert_eq!(request.api_id, api::STOP_MOVE, "before all of them");
    // A robot that acknowledges nothing: what waits stays small.
    let (mut backlog, mut told) = (0, 0);
    for _ in 0..10_000 {
        session.now += Duration::from_millis(10);
        if let Some(message) = session.machine.poll_topics(backlog, session.now) {
            backlog += message
                .encode(|| WallTime {
                    seconds: 1_700_000_000,
                    text: "2023-11-14 22:13:20".to_owned(),
                })
                .len();
            told += 1;
        }
    }
    assert!(told < 10 && backlog < 1500, "{told}, {backlog} bytes");
    // One that does gets all of them, at a bounded rate.
    let start = session.now;
    assert_eq!(session.said().len(), topics.len() - told);
    assert!(session.now - start >= Duration::from_millis(20) * (topics.len() - told - 1) as u32);
}

#[test]
fn a_robot_that_asks_without_end_is_answered_at_a_bounded_rate() {
    let mut session = Session::live();
    let probe = r#"{"type":"rtc_inner_req","info":{"req_type":"rtt_probe_send_from_mechine"}}"#;
    for text in [probe, CHALLENGE, OK].into_iter().cycle().take(3000) {
        session.hear(text).unwrap();
    }
    assert_eq!(session.said().len(), REPLIES.0 as usize - 1, "one was for the challenge");
    session.wait(1.0).unwrap();
    session.hear(probe).unwrap();
    assert_eq!(session.said().len(), 1, "after a pause again");
    let long = "x".repeat(LONGEST_PROBE);
    session
        .hear(&format!(
            r#"{{"type":"rtc_inner_req","info":{{"req_type":"rtt_probe_send_from_mechine","x":"{long}"}}}}"#
        ))
        .unwrap();
    assert_eq!(session.said(), [], "what is longer than any probe");
}

#[test]
fn the_video_is_on_while_somebody_shares_it() {
    let wishes = |video, watched| Wishes { video, watched, ..Wishes::default() };
    assert_eq!(wishes(Some(false), true).video(), Some(true));
    assert_eq!(wishes(Some(false), false).video(), Some(false));
    assert_eq!(wishes(Some(true), false).video(), Some(true));
    assert_eq!(wishes(None, false).video(), None);
}

#[test]
fn pictures_keep_the_video_on_and_nothing_else() {
    let mut session = Session::live();
    session.machine.wish(&Wishes { video: Some(true), ..Wishes::default() }, session.now);
    for _ in 0..20 {
        let picture = picture(session.now);
        session.machine.handle(Received::Picture(picture), session.now).unwrap();
        session.wait(0.25).unwrap();
        session.hear(r#"{"type":"heartbeat","topic":"","data":{}}"#).unwrap();
        session.wait(0.25).unwrap();
    }
    assert!(switches(&mut session).is_empty());
    assert!(matches!(session.events()[..], [Event::Picture(_), ..]));
    session.wait(2.0).unwrap();
    assert_eq!(switches(&mut session)[0], "video true");

    for _ in 0..4 {
        let picture = picture(session.now);
        session.machine.handle(Received::Picture(picture), session.now).unwrap();
        session.wait(0.5).unwrap();
    }
    assert_eq!(session.machine.standing(session.now), Standing::Stale, "it is seen and not heard");
}

#[test]
fn answers_in_parts_are_put_together_and_take_their_time() {
    let part = |id: i64, index: u32| {
        let head = format!(
            r#"{{"type":"res","topic":"rt/api/videohub/response","data":{{"header":{{"identity":{{"id":{id},"api_id":1001}}}},"content_info":{{"enable_chunking":true,"chunk_index":{index},"total_chunk_num":3}}}}}}"#
        );
        let frame = crate::codec::Frame { head: head.into(), payload: vec![index as u8; 2].into() };
        Received::Binary(frame.encode().unwrap())
    };
    let mut session = Session::live();
    let ask = |session: &mut Session| {
        let second = Duration::from_secs(1);
        let id = session.machine.request(Request::snapshot(), second, session.now).unwrap();
        let Some(Outbound::Request { id: number, .. }) = session.said().pop() else { panic!() };
        (id, number)
    };
    let (id, number) = ask(&mut session);
    for index in 1..=3 {
        session.wait(0.7).unwrap();
        session.machine.handle(part(number, index), session.now).unwrap();
    }
    let events = session.events();
    let [Event::Settled(settled, Ok(response))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((*settled, &response.payload[..]), (id, &[1, 1, 2, 2, 3, 3][..]));

    let (id, number) = ask(&mut session);
    for index in [1, 3] {
        session.machine.handle(part(number, index), session.now).unwrap();
    }
    let settled =
        |event: &Event| matches!(event, Event::Settled(i, Err(RequestError::Garbled)) if *i == id);
    assert!(session.events().iter().any(settled));
}

#[test]
fn a_change_of_the_motion_mode_passes_one_place_whichever_way_it_goes() {
    let topic = topics::MOTION_SWITCHER_REQUEST;
    let select = || Request {
        topic: topic.to_owned(),
        parameter: r#"{"name":"normal"}"#.to_owned(),
        ..Request::sport(api::motion_switcher::SELECT)
    };
    let published = || {
        let identity = serde_json::json!({"identity": {"id": 1, "api_id": 1003}});
        serde_json::json!({"header": identity, "parameter": ""})
    };
    let mut session = Session::live();
    let tries = |session: &mut Session| {
        let limit = Duration::from_secs(5);
        let results = [
            session.machine.request(select(), limit, session.now).map(drop),
            session.machine.tell(select()).map(drop),
            session.machine.publish(topic, published()),
        ];
        (results, session.said().len())
    };
    let (results, said) = tries(&mut session);
    assert!(results.iter().all(|each| *each == Err(RequestError::ModeUnknown)), "{results:?}");
    assert_eq!(said, 0);
    session
        .hear(
            r#"{"type":"res","topic":"rt/api/motion_switcher/response","data":{"header":{"identity":{"id":3,"api_id":1001},"status":{"code":0}},"data":"{\"form\":\"0\",\"name\":\"mcf\"}"}}"#,
        )
        .unwrap();
    let (results, said) = tries(&mut session);
    let fixed = RequestError::ModeFixed(crate::commands::MotionMode::new("mcf"));
    assert!(results.iter().all(|each| *each == Err(fixed.clone())), "{results:?}");
    assert_eq!(said, 0);
    session.events();
    session.machine.wish(&Wishes { mode_switch: true, ..Wishes::default() }, session.now);
    let (results, said) = tries(&mut session);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(said, 3);
    let warned = session.events().into_iter().filter(|e| matches!(e, Event::ModeSwitch(_)));
    assert_eq!(warned.count(), 3);
}

#[test]
fn what_the_robot_says_of_errors_is_clean() {
    let mut session = Session::live();
    let nasty = crate::text::nasty();
    for info in [serde_json::json!(nasty), serde_json::json!({ "a": [nasty] })] {
        session.hear(&serde_json::json!({"type": "err", "info": info}).to_string()).unwrap();
        let Some(Event::RobotError(text)) = session.events().pop() else { panic!() };
        crate::text::assert_clean(&text, WORDS);
    }
    // A mode that is named in refusals.
    let name = serde_json::json!({"name": nasty}).to_string();
    let identity = serde_json::json!({"identity": {"api_id": 1001}, "status": {"code": 0}});
    let data = serde_json::json!({"header": identity, "data": name});
    let topic = "rt/api/motion_switcher/response";
    session
        .hear(&serde_json::json!({"type": "res", "topic": topic, "data": data}).to_string())
        .unwrap();
    let select = Request {
        topic: topics::MOTION_SWITCHER_REQUEST.to_owned(),
        parameter: r#"{"name":"normal"}"#.to_owned(),
        ..Request::sport(api::motion_switcher::SELECT)
    };
    let refused = session.machine.tell(select).unwrap_err();
    assert!(matches!(refused, RequestError::ModeFixed(_)));
    crate::text::assert_clean(&refused.to_string(), 2 * WORDS);
}
