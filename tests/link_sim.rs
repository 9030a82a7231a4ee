//! The link against the simulated robot.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::{address, check_offer, connect, connect_with, end, robot, target, Client, LIMIT};
use go2_client::progress::Passed;
use go2_client::session::{Link, LinkBuilder, LinkState};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_client::video::Decoder;
use go2_proto::codec::{api, Request};
use go2_proto::motion::Velocity;
use go2_proto::session::{RequestError, Timing};
use go2_proto::signaling::DeviceKey;
use go2_proto::signaling::OpenedBy;
use go2_proto::state::Fault;
use go2_sim::camera::stamp::read_counter;
use go2_sim::{Failure, Firmware, Garbage, Generation, Mishap, Options, Robot, Span, Validation};

const KEY: &str = "00112233445566778899aabbccddeeff";

async fn start(options: Options) -> (Robot, Client) {
    let encrypted = options.generation != Generation::Plain;
    let key = options.key.clone();
    let robot = Robot::start(options).await.unwrap();
    let mut target = target(robot.address(), encrypted);
    target.key = key;
    let client = connect(target);
    (robot, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_generation_connects_and_carries_state() {
    let key: DeviceKey = KEY.parse().unwrap();
    for (generation, key, firmware) in [
        (Generation::Plain, None, Firmware::Old),
        (Generation::Absent, None, Firmware::Old),
        (Generation::One, None, Firmware::Old),
        (Generation::Two, None, Firmware::New),
        (Generation::Three, Some(key), Firmware::New),
    ] {
        let (robot, mut client) =
            start(Options { generation, key, firmware: Some(firmware), ..common::robot() }).await;
        client.live().await;
        client.hear_all().await;
        let offer = robot.log().of("offer").remove(0);
        assert_eq!(offer["id"], "STA_localNetwork");
        check_offer(offer["sdp"].as_str().unwrap());
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_connecting_are_told_with_what_was_seen() {
    let key: DeviceKey = KEY.parse().unwrap();
    let options = Options { generation: Generation::Three, key: Some(key), ..common::robot() };
    let (robot, client) = start(options).await;
    client.live().await;
    let steps = client.link.steps().borrow().clone();
    assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at), "{steps:?}");
    let passed: Vec<_> = steps.into_iter().map(|step| step.passed).collect();
    let ip = robot.address().ip();
    assert_eq!(passed[0], Passed::Resolved { address: ip });
    let local = IpAddr::from([127, 0, 0, 1]);
    assert_eq!(passed[1], Passed::Reached { remote: robot.address(), local, encrypted: true });
    assert_eq!(passed[2], Passed::Noticed { data2: Some(3), opened_by: OpenedBy::DeviceKey });
    let Passed::Answered { offered, answered } = &passed[3] else { panic!("{passed:?}") };
    assert!(offered.len() == 1 && offered[0].address.ip() == local, "{offered:?}");
    assert!(answered.len() == 1 && answered[0].address.ip() == ip, "{answered:?}");
    let Passed::Path(path) = &passed[4] else { panic!("{passed:?}") };
    assert_eq!((path.remote.address.ip(), path.local.kind.as_str()), (ip, "host"));
    assert_eq!(passed[5..], [Passed::Encrypted, Passed::Opened]);
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_acknowledges_and_one_of_the_old_form_connect_as_well() {
    for (dcep_ack, old_sctp_form) in [(true, false), (false, true)] {
        let (robot, mut client) =
            start(Options { dcep_ack, old_sctp_form, ..common::robot() }).await;
        client.hear_all().await;
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_static_key_is_tried_where_the_robot_says_it_has_its_own() {
    let options =
        Options { generation: Generation::Three, static_under_3: true, ..common::robot() };
    let (robot, client) = start(options).await;
    client.live().await;
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_arrive_whole_and_the_channel_lives_on() {
    for length in [100_000, 250_000] {
        let (robot, mut client) = start(Options { big: Some(length), ..common::robot() }).await;
        client.hear_big(length).await;
        client.hear_all().await;
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_robots_serve_at_once() {
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(start(robot()).await);
    }
    for (_, client) in &mut pairs {
        client.hear_all().await;
    }
    for (robot, client) in pairs {
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_velocities_walk() {
    let (robot, client) = start(robot()).await;
    client.live().await;
    let second = Duration::from_secs(5);
    let response = client.link.request(Request::sport(api::BALANCE_STAND), second).await.unwrap();
    assert_eq!((response.code, response.api_id), (0, Some(1002)));
    let unknown = client.link.request(Request::sport(1042), second).await.unwrap();
    assert_eq!(unknown.code, 3203);
    let nobody = Request { topic: "rt/api/nobody/request".into(), ..Request::sport(1) };
    let short = Duration::from_millis(200);
    assert_eq!(client.link.request(nobody, short).await, Err(RequestError::Timeout(short)));

    let urgent = Request::sport(api::STOP_MOVE).with_priority();
    client.link.request(urgent, second).await.unwrap();
    let priority = robot.log().of("request").pop().unwrap()["priority"].clone();
    assert_eq!(priority, 1);

    client.link.drive(Velocity { x: 0.5, y: 0.0, yaw: 0.25 });
    let log = robot.log();
    let moved = log.wait_for(0, LIMIT, |entry| entry["api_id"] == 1008).await.expect("no Move");
    assert_eq!(moved["parameter"], r#"{"x":0.5,"y":0,"z":0.25}"#);
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_is_kept_alive_as_the_robot_wants_it() {
    let options = Options { heartbeat_timeout: 3.0, probe_every: 0.2, ..common::robot() };
    let (robot, client) = start(options).await;
    client.live().await;
    let log = robot.log();
    let third = |entry: &serde_json::Value| entry["msg"]["type"] == "heartbeat";
    let mut from = 0;
    for _ in 0..3 {
        let entry = log.wait_for(from, LIMIT, third).await.expect("no heartbeat");
        from = log.entries().iter().position(|other| *other == entry).unwrap() + 1;
    }
    assert!(log.of("closed").is_empty(), "heartbeats of 2 s keep a session of 3 s");
    let echoes = log.of("rtt_echo");
    assert!(
        !echoes.is_empty() && echoes.iter().all(|echo| echo["unchanged"] == true),
        "{echoes:?}"
    );
    let sent: Vec<_> = log.of("rx").iter().map(|entry| entry["msg"]["type"].clone()).collect();
    assert_eq!(sent[0], "validation", "nothing may come before it");
    let saving = log.of("rx").into_iter().find(|entry| entry["msg"]["type"] == "rtc_inner_req");
    assert_eq!(saving.unwrap()["msg"]["data"]["instruction"], "on");
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_dropped_and_counted_and_the_session_lives_on() {
    let (robot, mut client) = start(robot()).await;
    client.live().await;
    let garble = robot.mishaps().begin(Mishap::Garble(Garbage::All), Span::Open);
    let mut counters = client.link.counters();
    let counted = counters.wait_for(|counters| counters.malformed > 20 && counters.unexpected > 5);
    tokio::time::timeout(LIMIT, counted).await.expect("not counted").unwrap();
    assert!(robot.mishaps().end(garble));
    // The channel keeps the order: its answer comes after the last of the garbage.
    client.link.request(Request::sport(api::STOP_MOVE), LIMIT).await.unwrap();
    for receiver in &mut client.topics {
        *receiver = receiver.resubscribe();
    }
    client.hear_all().await;
    assert_eq!(client.link.counters().borrow().sessions, 1);
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_robot_is_noticed_within_ten_seconds_and_called_again() {
    let (robot, client) = start(Options { heartbeat_timeout: 4.0, ..robot() }).await;
    client.live().await;
    let mute = robot.mishaps().begin(Mishap::Mute, Span::Open);
    let muted = Instant::now();
    let reason = client.failure().await;
    // No sooner: a hole of 5 s in the network costs no session.
    assert!(muted.elapsed() > Duration::from_secs(8), "{:?}", muted.elapsed());
    assert!(muted.elapsed() < Duration::from_secs(11), "{:?}", muted.elapsed());
    assert!(reason.contains("silent"), "{reason}");
    assert!(robot.mishaps().end(mute));
    client.live().await;
    assert_eq!(client.link.counters().borrow().sessions, 2);
    client.link.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_says_goodbye_is_called_again() {
    let options = robot();
    let (robot, client) = start(options.clone()).await;
    client.live().await;
    let port = robot.address().port();
    robot.stop().await;
    let stopped = Instant::now();
    client.failure().await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    let robot = Robot::start(Options { encrypted_port: port, ..options }).await.unwrap();
    client.live().await;
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_is_told_that_the_robot_is_busy() {
    let (robot, client) = start(robot()).await;
    client.live().await;
    let second = connect(target(robot.address(), true));
    let reason = second.failure().await;
    assert!(reason.contains("busy") && reason.contains("one client"), "{reason}");
    second.link.close().await;
    assert_eq!(*client.link.state().borrow(), LinkState::Live);
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_signaling_says_what_to_do() {
    let notify = Mishap::Notify;
    let offer = Mishap::Offer;
    let cases = [
        (notify(Failure::Status(429)), "throttling"),
        (offer(Failure::Status(429)), "throttling"),
        (offer(Failure::Status(504)), "between two states"),
        (notify(Failure::Status(403)), "refused: the robot refuses con_notify"),
        (offer(Failure::Status(403)), "refused: the robot refuses the offer"),
        (notify(Failure::Status(404)), "status 404"),
        (offer(Failure::Status(500)), "status 500"),
        (notify(Failure::Hangup), "con_notify to the robot failed"),
        (offer(Failure::Hangup), "the offer to the robot failed"),
        (notify(Failure::Silence), "con_notify to the robot failed"),
        (offer(Failure::Slow), "the offer to the robot failed"),
        (notify(Failure::NotBase64), "not base64"),
        (notify(Failure::NotJson), "not the JSON object"),
        (notify(Failure::UnknownData2), "data2=9"),
        (notify(Failure::TooShort), "too short"),
        (notify(Failure::KeyBits(512)), "RSA key"),
        (notify(Failure::KeyBits(16384)), "RSA key"),
        (notify(Failure::HugeExponent), "RSA key"),
        (notify(Failure::Endless), "longer than"),
        (offer(Failure::Endless), "longer than"),
        (offer(Failure::Undecryptable), "cannot be decrypted"),
        (offer(Failure::Empty), "it is empty"),
        (offer(Failure::Reject), "busy"),
        (offer(Failure::Truncated), "cut off"),
        (offer(Failure::NoCandidate), "no candidate"),
    ];
    for (mishap, expected) in cases {
        let robot = Robot::start(robot()).await.unwrap();
        // Open, since a hang-up is tried again as HTTP/1.0 at once.
        robot.mishaps().begin(mishap.clone(), Span::Open);
        let mut target = target(robot.address(), true);
        target.http_timeout = Duration::from_secs(2);
        let client = connect(target);
        let reason = client.failure().await;
        assert!(reason.contains(expected), "{mishap:?}: {reason}");
        client.link.close().await;
        robot.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_or_wrong_are_named() {
    let key = Some(KEY.parse().unwrap());
    let options = Options { generation: Generation::Three, key, ..robot() };
    let robot = Robot::start(options).await.unwrap();
    for (given, expected) in [
        (None, "a key of its own, which is needed"),
        (Some("ffffffffffffffffffffffffffffffff"), "does not fit this robot"),
    ] {
        let mut target = target(robot.address(), true);
        target.key = given.map(|key| key.parse().unwrap());
        let client = connect(target);
        let reason = client.failure().await;
        assert!(reason.starts_with("key_needed") && reason.contains(expected), "{reason}");
        client.link.close().await;
    }
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_robot_at_all_is_said_plainly() {
    let mut target = target((address(), 1).into(), true);
    target.probe_timeout = Duration::from_millis(300);
    let client = connect(target);
    let reason = client.failure().await;
    assert!(reason.contains("no robot at 127."), "{reason}");
    client.link.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_that_fails_is_told_apart() {
    let timing = Timing { validation: Duration::from_secs(1), ..Timing::default() };
    for (validation, expected) in
        [(Validation::Refuse, "refuses this client"), (Validation::Silent, "did not finish")]
    {
        let robot = Robot::start(Options { validation, ..robot() }).await.unwrap();
        let client = connect_with(target(robot.address(), true), timing);
        let reason = client.failure().await;
        assert!(reason.contains(expected), "{reason}");
        client.link.close().await;
        robot.stop().await;
    }
    let (robot, client) = start(Options { validation: Validation::Twice, ..robot() }).await;
    client.live().await;
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_sessions_in_a_row_find_the_robot_free() {
    let robot = Robot::start(robot()).await.unwrap();
    for session in 0..20 {
        let client = connect(target(robot.address(), true));
        client.live().await;
        client.link.close().await;
        assert!(robot.log().of("busy").is_empty(), "session {session}");
    }
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_closed_while_it_connects_leaves_the_robot_free() {
    // Closed between two layers, the goodbye may be lost: then silence has to tell the robot.
    let options = Options { validation: Validation::Silent, lost_after: 4.0, ..robot() };
    let robot = Robot::start(options).await.unwrap();
    let log = robot.log();
    for event in ["offer", "channel"] {
        let from = log.entries().len();
        let client = connect(target(robot.address(), true));
        log.wait_for(from, LIMIT, |entry| entry["event"] == event).await.expect(event);
        let closing = Instant::now();
        client.link.close().await;
        assert!(closing.elapsed() < Duration::from_secs(5), "{event}: {:?}", closing.elapsed());
        let closed = log.wait_for(from, LIMIT, |entry| entry["event"] == "closed").await.unwrap();
        assert!(event == "offer" || closed["reason"] == "the client left", "{closed}");
    }
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_followed_and_forgotten_with_the_session() {
    let hot = Fault { source: 303, code: 0x10 };
    let dirty = Fault { source: 400, code: 0x10 };
    let (robot, client) = start(Options { faults: vec![hot], ..robot() }).await;
    let mut faults = client.link.faults();
    for expected in [vec![hot], vec![hot, dirty], vec![dirty], vec![]] {
        robot.set_faults(expected.clone());
        let told = faults.wait_for(|faults| **faults == expected);
        tokio::time::timeout(LIMIT, told).await.unwrap_or_else(|_| panic!("{expected:?}")).unwrap();
    }
    robot.set_faults(vec![dirty]);
    let told = faults.wait_for(|faults| faults.len() == 1);
    tokio::time::timeout(LIMIT, told).await.unwrap().unwrap();
    robot.stop().await;
    let forgotten = faults.wait_for(|faults| faults.is_empty());
    tokio::time::timeout(LIMIT, forgotten).await.expect("still there").unwrap();
    client.link.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_is_seen_while_it_is_on() {
    let robot = Robot::start(Options { log_sent: true, ..robot() }).await.unwrap();
    let builder = LinkBuilder::default();
    let mut pictures = builder.pictures();
    let link = builder.start(WebRtcConnector::new(target(robot.address(), true)));
    let mut state = link.state();
    let live = state.wait_for(|state| *state == LinkState::Live);
    tokio::time::timeout(LIMIT, live).await.expect("not live").unwrap();
    let packets = |link: &Link| link.counters().borrow().media.video.packets;
    assert_eq!(packets(&link), 0, "nothing flows before it is asked for");

    link.set_video(true);
    let mut decoder = Decoder::new().unwrap();
    let mut numbers = Vec::new();
    while numbers.len() < 40 {
        let unit = tokio::time::timeout(LIMIT, pictures.recv()).await.expect("no picture").unwrap();
        assert!(unit.keyframe || !numbers.is_empty(), "nothing can be decoded before a keyframe");
        let picture = decoder.decode(&unit).unwrap().unwrap();
        let planes = picture.planes();
        numbers.push(read_counter(planes.y, planes.y_stride).expect("no number in the picture"));
    }
    let expected: Vec<_> = (numbers[0]..numbers[0] + 40).collect();
    assert_eq!(numbers, expected);
    let sent = robot.log().of("frame");
    let first = sent.iter().find(|frame| frame["counter"] == numbers[0]).unwrap();
    assert_eq!(first["idr"], true);
    assert_eq!(sent[0]["idr"], false, "robots begin in the middle of a group of pictures");
    assert!(packets(&link) > 40);

    link.set_video(false);
    let log = robot.log();
    log.wait_for(0, LIMIT, |entry| entry["event"] == "video" && entry["on"] == false)
        .await
        .unwrap();
    // What was sent before it was off may still come.
    while tokio::time::timeout(Duration::from_secs(1), pictures.recv()).await.is_ok() {}
    let sent = log.of("frame").len();
    assert!(tokio::time::timeout(Duration::from_secs(1), pictures.recv()).await.is_err());
    assert_eq!(log.of("frame").len(), sent);
    link.close().await;
    robot.stop().await;
}
