//! The link against a robot of another make: `tests/peers/aiortc_robot.py`, which shares neither code nor
//! WebRTC stack with it. Needs the Python that `scripts/setup` brings, or the one that `GO2_PYTHON` names.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)] // the helpers of tests too

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{check_offer, connect, connect_with, target, Client, LIMIT, TOPICS};
use go2_link::codec::{api, topics, Inbound, Kind, Outbound, Request};
use go2_link::lidar::{VoxelDecoder, VoxelGrid};
use go2_link::media::{AccessUnit, Decoder};
use go2_link::session::{Link, LinkBuilder, LinkState, Message, RequestError, Timing, Velocity};
use go2_link::signaling::Target;
use go2_link::transport::webrtc::WebRtcConnector;
use go2_link::transport::{Connector as _, Received, Transport as _};
use go2_sim::log::Log;
use serde_json::{json, Value};
use tokio::sync::broadcast;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/aiortc_robot.py");
const SETUP: &str = "the Python robot does not start: run scripts/setup, which brings aiortc, and \
                     source scripts/env.sh (or name a Python that has aiortc in GO2_PYTHON)";
const KEY: &str = "00112233445566778899aabbccddeeff";
const COMPLAINTS: [&str; 5] =
    ["error", "offer_warning", "fingerprint_mismatch", "rx_binary", "validation_needed"];

/// A robot in a process of its own, which ends with this.
struct Robot {
    process: Child,
    log: Log,
    address: SocketAddr,
    encrypted: bool,
}

impl Robot {
    /// Starts one where no other is. Options are separated by spaces.
    async fn start(options: &str) -> Self {
        Self::start_at((common::address(), 0).into(), options).await
    }

    async fn start_at(address: SocketAddr, options: &str) -> Self {
        let python = std::env::var("GO2_PYTHON").unwrap_or_else(|_| "python3".into());
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut process = Command::new(python)
            .args([SCRIPT, "--watch-stdin", "--bind", &ip])
            .args(["--port-9991", &port, "--port-8081", &port])
            .args(options.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{SETUP}: {error}"));
        let output = BufReader::new(process.stdout.take().unwrap());
        let log = Log::default();
        let written = log.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or(json!({"event": line}));
                written.add("", entry);
            }
            written.add("ended", json!({}));
        });
        let mut robot = Self { process, log, address, encrypted: true };
        let first = robot.log.wait_for(0, LIMIT, any).await.unwrap_or_else(|| panic!("{SETUP}"));
        assert_eq!(first["event"], "listening", "{SETUP}");
        robot.encrypted = first["port_9991"].is_u64();
        let port = if robot.encrypted { &first["port_9991"] } else { &first["port_8081"] };
        robot.address.set_port(port.as_u64().unwrap() as u16);
        robot
    }

    fn target(&self) -> Target {
        target(self.address, self.encrypted)
    }

    /// Waits for an event that fits.
    async fn sees(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found =
            self.log.wait_for(0, LIMIT, |entry| entry["event"] == event && fits(entry)).await;
        found.unwrap_or_else(|| {
            let entries = self.log.entries();
            panic!("no such {event}: {:#?}", &entries[entries.len().saturating_sub(15)..])
        })
    }

    fn count(&self, event: &str) -> usize {
        self.log.of(event).len()
    }

    /// Checks that the link did nothing that it complains about.
    fn assert_content(&self) {
        for complaint in COMPLAINTS {
            assert!(self.log.of(complaint).is_empty(), "{:?}", self.log.of(complaint));
        }
    }

    /// Closes the link and checks that the robot is free at once, which takes a proper goodbye: without
    /// one it gives a client up after 10 s. All earlier events are in the log then.
    async fn bids_farewell(&self, client: Client) {
        self.lets_go(client.link).await;
    }

    /// The same for a link that is no client's.
    async fn lets_go(&self, link: Link) {
        let before = unix_time();
        link.close().await;
        let closed = self.sees("closed", |entry| at(entry) >= before).await;
        let goodbye = matches!(closed["reason"].as_str(), Some("channel closed" | "dtls closed"));
        assert!(goodbye && at(&closed) - before < 3.0, "from {before}: {closed}");
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn at(entry: &Value) -> f64 {
    entry["t"].as_f64().unwrap()
}

fn any(_: &Value) -> bool {
    true
}

/// A robot with a client that is live.
async fn live(options: &str) -> (Robot, Client) {
    let robot = Robot::start(options).await;
    let client = connect(robot.target());
    client.live().await;
    (robot, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_generation_and_form_connects_carries_state_and_says_goodbye() {
    for (options, key) in [
        ("--generation plain --firmware old", None),
        ("--generation absent --firmware old", None),
        ("--generation 1 --rsa-bits 1024", None),
        ("--generation 2", None),
        ("--generation 3 --key 00112233445566778899aabbccddeeff", Some(KEY)),
        ("--generation 3 --static-under-3", Some(KEY)),
        ("--generation 3 --static-under-3", None),
        ("--generation plain --no-content-length", None),
        ("--generation 2 --no-content-length", None),
        ("--old-sctp-form", None),
        ("--dcep-ack", None),
    ] {
        eprintln!("{options}, key {key:?}");
        let robot = Robot::start(options).await;
        let mut target = robot.target();
        target.key = key.map(|key| key.parse().unwrap());
        let mut client = connect(target);
        client.live().await;
        client.hear_all().await;
        check_what_the_robot_saw(&robot).await;
        robot.bids_farewell(client).await;
        robot.assert_content();
    }
}

async fn check_what_the_robot_saw(robot: &Robot) {
    let offer = robot.sees("offer", any).await;
    assert_eq!(offer["id"], "STA_localNetwork");
    assert_eq!(offer["extra_keys"], json!([]));
    check_offer(offer["sdp"].as_str().unwrap());
    let facts = robot.sees("offer_facts", any).await;
    let distinct = |key: &str| {
        let mut values = facts[key].as_array().unwrap().clone();
        values.dedup();
        values.len()
    };
    assert_eq!((distinct("fingerprints"), distinct("ufrags")), (1, 1), "{facts}");
    assert_eq!(facts["kinds"], json!(["audio", "video", "application"]));
    assert_eq!(facts["mids"], json!(["0", "1", "2"]));
    assert_eq!(facts["setup"], json!(["actpass"]));
    assert_eq!(facts["directions"], json!(["sendrecv", "recvonly"]));

    robot.sees("validated", any).await;
    for topic in TOPICS {
        robot.sees("subscribed", |entry| entry["topic"] == topic).await;
    }
    robot.sees("traffic_saving", |entry| entry["disabled"] == true).await;
    robot.sees("rx", |entry| entry["msg"]["type"] == "heartbeat").await;
    assert_eq!(robot.sees("rtt_echo", any).await["unchanged"], true);
    assert_eq!(robot.sees("rx", any).await["msg"]["type"], "validation", "nothing may come before");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_goodbye_the_next_client_connects_straight_away() {
    let robot = Robot::start("").await;
    for session in 1..=5 {
        let client = connect(robot.target());
        client.live().await;
        robot.bids_farewell(client).await;
        assert_eq!(robot.count("offer"), session, "each at the first attempt");
    }
    assert_eq!(robot.count("busy"), 0);
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_arrive_whole_and_the_channel_lives_on() {
    for length in [100_000, 250_000] {
        let (robot, mut client) = live(&format!("--big {length}")).await;
        client.hear_big(length).await;
        client.hear_all().await;
        robot.bids_farewell(client).await;
        robot.assert_content();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_keep_a_strict_robot_and_measure_the_round_trip() {
    let (robot, client) = live("--heartbeat-timeout 3 --rtt-every 0.2").await;
    let mut counters = client.link.counters();
    let measured = counters.wait_for(|counters| counters.round_trip.is_some());
    let measured =
        tokio::time::timeout(LIMIT, measured).await.expect("no echo").unwrap().round_trip;
    assert!(measured < Some(Duration::from_secs(2)), "{measured:?}");
    let began = at(&robot.sees("validated", any).await);
    robot.sees("rx", |entry| entry["msg"]["type"] == "heartbeat" && at(entry) > began + 5.0).await;
    assert_eq!(robot.count("closed"), 0, "heartbeats of 2 s keep a session of 3 s");
    let echoes = robot.log.of("rtt_echo");
    assert!(echoes.len() > 5 && echoes.iter().all(|echo| echo["unchanged"] == true), "{echoes:?}");
    robot.bids_farewell(client).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_velocities_need_no_answer() {
    let limit = Duration::from_secs(5);
    for (options, answered) in [("--move-res yes", true), ("--move-res no", false)] {
        let (robot, client) = live(options).await;
        let response =
            client.link.request(Request::sport(api::BALANCE_STAND), limit).await.unwrap();
        assert_eq!((response.code, response.api_id), (0, Some(api::BALANCE_STAND)));
        let unknown = client.link.request(Request::sport(1042), limit).await.unwrap();
        assert_eq!(unknown.code, 3203);

        client.link.drive(Velocity { x: 0.5, y: 0.0, yaw: 0.25 });
        let moved = robot.sees("request", |entry| entry["api_id"] == api::MOVE).await;
        assert_eq!(moved["parameter"], json!({"x": 0.5, "y": 0, "z": 0.25}));
        assert_eq!((&moved["code"], &moved["answered"]), (&json!(0), &json!(answered)));

        let urgent = Request::sport(api::STOP_MOVE).with_priority();
        assert_eq!(client.link.request(urgent, limit).await.unwrap().code, 0);
        robot.sees("request", |entry| entry["priority"] == 1).await;
        assert_eq!(client.link.counters().borrow().malformed, 0);
        robot.bids_farewell(client).await;
        let requests = robot.log.of("request");
        assert!(requests.iter().all(|request| request["id_ok"] == true), "{requests:?}");
        robot.assert_content();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_challenge_is_answered_and_failed_validation_is_told_apart() {
    let (robot, client) = live("--validation twice").await;
    robot.bids_farewell(client).await;
    assert_eq!(robot.count("validation_needed"), 1);

    let timing = Timing { validation: Duration::from_secs(2), ..Timing::default() };
    for (options, expected) in [
        ("--validation refuse", "refuses this client"),
        ("--validation silent", "did not finish the validation"),
    ] {
        let robot = Robot::start(options).await;
        let client = connect_with(robot.target(), timing);
        let reason = client.failure().await;
        assert!(reason.contains(expected), "{options}: {reason}");
        assert_eq!(client.link.counters().borrow().sessions, 0);
        robot.sees("closed", |entry| entry["validated"] == false).await;
        client.link.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_learns_that_the_robot_is_busy_and_the_first_stays() {
    for (options, expected) in [
        ("--busy reject", "it serves one client at a time"),
        ("--busy 429", "throttling connections"),
    ] {
        let (robot, client) = live(options).await;
        let second = connect(robot.target());
        let reason = second.failure().await;
        assert!(reason.contains(expected), "{options}: {reason}");
        second.link.close().await;
        assert_eq!(*client.link.state().borrow(), LinkState::Live);
        robot.bids_farewell(client).await;
        assert_eq!((robot.count("busy"), robot.count("session")), (1, 1));
    }
}

/// Waits until the link notices what the robot did to it, and checks that it does so in time.
async fn notices(robot: &Robot, client: &Client, event: &str) -> String {
    let reason = client.failure().await;
    let after = unix_time() - at(&robot.sees(event, any).await);
    // Five seconds by design; the rest is for a busy machine.
    eprintln!("{event}: noticed after {after:.1} s: {reason}");
    assert!((0.0..8.0).contains(&after));
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_dies_is_noticed_in_time_and_called_again() {
    let (robot, client) = live("--kill-after 1").await;
    let reason = notices(&robot, &client, "killed").await;
    assert!(reason.contains("is it on and in reach?"), "{reason}");
    let robot = Robot::start_at(robot.address, "").await;
    client.live().await;
    assert_eq!(client.link.counters().borrow().sessions, 2);
    robot.bids_farewell(client).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_falls_silent_is_noticed_in_time_and_called_again() {
    // Its ICE, DTLS and SCTP stay alive, so only the missing messages tell.
    let (robot, client) = live("--mute-after 1").await;
    let reason = notices(&robot, &client, "muted").await;
    assert!(reason.contains("the robot has been silent"), "{reason}");
    client.live().await;
    robot.bids_farewell(client).await;
    assert_eq!((robot.count("validated"), robot.count("busy")), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_signaling_are_told_apart_and_tried_again_where_that_helps() {
    for (options, expected, recovers) in [
        ("--fail notify:429*1", "throttling", false), // in a while
        ("--fail ing:429*1", "throttling", false),
        ("--fail notify:403*1", "stopped: the robot refuses con_notify", false),
        ("--fail ing:504*1", "between two states", true),
        ("--fail notify:garbage*1", "not base64", true),
        ("--fail ing:garbage*1", "cannot be decrypted", false), // the robot waits for this client
        ("--fail ing:truncated*1", "cut off", true),
        ("--fail ing:reject*1", "busy", false),
        ("--generation plain --fail offer:truncated*1", "cut off", true),
        ("--generation plain --fail offer:garbage*1", "not the JSON object", false),
    ] {
        let robot = Robot::start(options).await;
        let client = connect(robot.target());
        let reason = client.failure().await;
        assert!(reason.contains(expected), "{options}: {reason}");
        if recovers {
            client.live().await;
            robot.bids_farewell(client).await;
        } else {
            client.link.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn video_that_arrives_is_counted() {
    let robot = Robot::start("--video 320x240@15").await;
    let mut connector = WebRtcConnector::new(robot.target());
    let mut transport = connector.connect().await.unwrap();
    let wall = chrono::Local::now();
    let counted = async {
        while transport.media().video.pictures < 5 {
            let Received::Text(text) = transport.receive().await.unwrap() else { continue };
            let message = Inbound::from_text(&text).unwrap();
            let reply = match (message.kind, message.data.decode::<String>()) {
                (Kind::Validation, Ok(text)) if text == "Validation Ok." => Outbound::Video(true),
                (Kind::Validation, Ok(challenge)) => Outbound::Validation { challenge },
                _ => Outbound::Heartbeat, // which the robot echoes, so that this loop goes on
            };
            transport.send(reply.encode(wall)).await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, counted).await.expect("no video");
    let media = transport.media();
    assert!(media.video.packets > media.video.pictures, "{media:?}");
    assert_eq!((media.video.malformed, media.audio_packets), (0, 0));
    transport.close().await;
}

/// A link to a robot that is to have its LiDAR on, with the frames that come.
async fn sighted(options: &str) -> (Robot, Link, broadcast::Receiver<Message>) {
    let robot = Robot::start(options).await;
    let mut builder = LinkBuilder::default();
    let frames = builder.subscribe(topics::VOXEL_MAP, 256);
    let link = builder.start(WebRtcConnector::new(robot.target()));
    link.set_lidar(true);
    (robot, link, frames)
}

async fn next<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> T {
    let next = tokio::time::timeout(LIMIT, receiver.recv()).await;
    next.expect("nothing comes").expect("some were missed")
}

/// A word that says which voxels of a row of the Python robot's world are leaves: splitmix64, thinned out.
fn leaves(y: i64, z: i64) -> u64 {
    let place = (((y & 0xffff) << 16) | (z & 0xffff)) as u64;
    let n = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let n = n ^ (n >> 31);
    n & n.rotate_left(13) & n.rotate_left(29)
}

/// The Python robot's world, as the head of `go2_lidar.py` describes it.
fn occupied([x, y, z]: [i64; 3]) -> bool {
    let across = (y == -30 || y == 90) && x.abs() <= 60;
    let along = x.abs() == 60 && (-30..=90).contains(&y);
    let leaf = || (16..=20).contains(&z) && (leaves(y, z) >> x.rem_euclid(64)) & 1 == 1;
    z == 0 || (z > 0 && (across || along || leaf()))
}

/// Compares every voxel with what the frame's origin says is there, or with the worked example of the
/// protocol, which is each session's first frame.
fn check_grid(grid: &VoxelGrid<'_>) {
    const EXAMPLE: [[usize; 3]; 3] = [[0, 0, 0], [9, 3, 2], [127, 127, 37]];
    let head = *grid.head();
    assert_eq!((head.width, head.resolution), ([128, 128, 38], 0.05));
    let is_example = head.origin == [-3.2, -3.2, -0.95];
    let first = head.origin.map(|at| ((at + 0.025) / 0.05).round() as i64);
    for (z, y) in (0..38).flat_map(|z| (0..128).map(move |y| (z, y))) {
        for x in 0..128 {
            let place = [x, y, z];
            let expected = if is_example {
                EXAMPLE.contains(&place)
            } else {
                occupied(std::array::from_fn(|i| first[i] + place[i] as i64))
            };
            assert_eq!(grid.is_occupied(x, y, z), expected, "{place:?} from {:?}", head.origin);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voxels_show_the_world_although_the_first_switch_was_ignored() {
    assert_eq!(leaves(0, 16), 0x1040_8240_a200_0000);
    assert_eq!(leaves(-30, 20), 0x0205_0208_1010_8040);
    for framing in ["marker2", "normal"] {
        let (robot, link, mut frames) = sighted(&format!("--lidar-framing {framing}")).await;
        let mut decoder = VoxelDecoder::default();
        let mut origins = Vec::new();
        for number in 0..10 {
            let message = next(&mut frames).await;
            let payload = message.payload.as_deref().unwrap();
            let grid = decoder.decode(&message.data, payload).unwrap();
            check_grid(&grid);
            origins.push(grid.head().origin);
            let shown = robot.sees("voxel_frame", |entry| entry["seq"] == number).await;
            assert_eq!(shown["voxels"], grid.count(), "{framing}");
            assert_eq!(shown["bytes"], payload.len());
        }
        assert!(origins[9] != origins[1], "the robot walks");
        let ignored = robot.log.of("lidar_ignored");
        assert_eq!((ignored.len(), &ignored[0]["data"]), (1, &json!("on")));

        link.set_lidar(false);
        robot.sees("lidar", |entry| entry["on"] == false && entry["by"] == "client").await;
        robot.lets_go(link).await;
        robot.assert_content();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lidar_that_stops_by_itself_is_turned_on_again() {
    let (robot, link, mut frames) = sighted("--lidar-stops-after 1").await;
    let mut stopped = 0.0;
    for _ in 0..2 {
        let own = |entry: &Value| entry["by"] == "itself" && at(entry) > stopped;
        stopped = at(&robot.sees("lidar", own).await);
        let again = robot.sees("voxel_frame", |entry| at(entry) > stopped).await;
        // Two seconds without frames by design; the rest is for a busy machine.
        assert!((1.0..6.0).contains(&(at(&again) - stopped)), "{stopped}: {again}");
        while next(&mut frames).await.received.elapsed() > Duration::from_secs(1) {}
    }
    robot.lets_go(link).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_voxel_frames_are_refused_and_disturb_nothing() {
    let (robot, link, mut frames) = sighted("--bad-voxels --lidar-hz 15").await;
    let mut decoder = VoxelDecoder::default();
    // Good and bad ones take turns. There are 15 kinds of bad ones.
    for number in 0..2 * 20 {
        let message = next(&mut frames).await;
        let payload = message.payload.as_deref().unwrap_or_default();
        let decoded = decoder.decode(&message.data, payload);
        if number % 2 == 0 {
            check_grid(&decoded.unwrap());
        } else {
            let bad = robot.sees("bad_voxel_frame", |entry| entry["seq"] == number / 2).await;
            let error = decoded.err().unwrap_or_else(|| panic!("was accepted: {bad}"));
            eprintln!("{}: {error}", bad["what"]);
        }
    }
    assert_eq!(link.counters().borrow().malformed, 0, "each was of the right framing");
    robot.lets_go(link).await;
    robot.assert_content();
}

/// The Python robot's still picture, as `go2_photo.py` describes it.
fn photo() -> Vec<u8> {
    const LENGTH: usize = 90_001;
    let byte = |i: usize| match i {
        0 => 0xff,
        1 => 0xd8,
        i if i == LENGTH - 2 => 0xff,
        i if i == LENGTH - 1 => 0xd9,
        i => ((7 * i + i / 256) % 251) as u8,
    };
    (0..LENGTH).map(byte).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_comes_whole_or_is_an_error() {
    let limit = Duration::from_secs(5);
    let (robot, client) = live("--sport-hz 100").await;
    // Two at once, whose parts may come in any mixture.
    let ask = || client.link.request(Request::snapshot(), limit);
    for response in <[_; 2]>::from(tokio::join!(ask(), ask())) {
        let response = response.unwrap();
        assert_eq!((response.code, response.api_id), (0, Some(1001)));
        assert!(response.payload == photo(), "{} bytes", response.payload.len());
    }
    assert_eq!(client.link.counters().borrow().malformed, 0);
    robot.bids_farewell(client).await;
    robot.assert_content();

    let limit = Duration::from_secs(2);
    for lost in [1, 3, 6] {
        let (robot, client) = live(&format!("--snapshot-loses-chunk {lost}")).await;
        let answer = client.link.request(Request::snapshot(), limit).await;
        let error = answer.expect_err("a part is missing");
        // Where the last one is lost nothing tells that but time.
        let timed_out = matches!(error, RequestError::Timeout(_));
        assert!(timed_out == (lost == 6), "{lost}: {error:?}");
        assert!(timed_out || matches!(error, RequestError::Garbled), "{lost}: {error:?}");
        let next = client.link.request(Request::sport(api::BALANCE_STAND), limit).await;
        assert_eq!(next.unwrap().code, 0, "life goes on");
        robot.bids_farewell(client).await;
        robot.assert_content();
    }
}

/// A link to a robot that is to show its pictures.
async fn watching(options: &str) -> (Robot, Link, broadcast::Receiver<AccessUnit>) {
    let robot = Robot::start(options).await;
    let builder = LinkBuilder::default();
    let pictures = builder.pictures();
    let link = builder.start(WebRtcConnector::new(robot.target()));
    link.set_video(true);
    (robot, link, pictures)
}

/// The number that the Python robot's pictures show: 32 squares of 16 by 16 from (16, 48) on, white for 1.
fn number_in(luma: &[u8], stride: usize) -> u32 {
    (0..32).fold(0, |number, square| {
        let middle = luma[(48 + 8) * stride + 16 + 16 * square + 8];
        assert!(!(60..=180).contains(&middle), "square {square} is {middle}");
        (number << 1) | u32::from(middle > 180)
    })
}

/// Decodes a picture and reads its number.
fn number_of(decoder: &mut Decoder, unit: &AccessUnit) -> u32 {
    let picture = decoder.decode(unit).unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    let planes = picture.planes();
    number_in(planes.y, planes.y_stride)
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_whole_and_none_is_missing() {
    let (robot, link, mut pictures) = watching("--video 640x360@15 --idr-every 1").await;
    let mut decoder = Decoder::new().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 45 {
        let unit = next(&mut pictures).await;
        assert!(unit.keyframe || !seen.is_empty(), "the first one can be decoded");
        let number = number_of(&mut decoder, &unit);
        let sent = robot.sees("frame", |entry| entry["counter"] == number).await;
        assert_eq!(sent["keyframe"], unit.keyframe);
        seen.push((number, unit.timestamp, sent["pts"].as_u64().unwrap()));
    }
    for pair in seen.windows(2) {
        let [(number, time, sent), (next_number, next_time, next_sent)] = *pair else { panic!() };
        assert_eq!(next_number, number + 1);
        assert_eq!(next_time - time, next_sent - sent, "at 90 kHz, after {number:x}");
    }
    let joined = robot.sees("frame", any).await;
    assert_eq!(joined["keyframe"], false, "the stream was joined in the middle");

    link.set_video(false);
    robot.sees("rx", |entry| entry["msg"]["type"] == "vid" && entry["msg"]["data"] == "off").await;
    robot.lets_go(link).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_heeds_requests_is_asked_for_keyframes() {
    // By itself it would send the first one after five minutes.
    let options = "--video 640x360@15 --idr-every 600 --pli heed";
    let (robot, link, mut pictures) = watching(options).await;
    let mut decoder = Decoder::new().unwrap();
    let first = next(&mut pictures).await;
    assert!(first.keyframe);
    let mut number = number_of(&mut decoder, &first);
    let keyframe = async {
        loop {
            link.request_keyframe();
            let unit = next(&mut pictures).await;
            number += 1;
            assert_eq!(number_of(&mut decoder, &unit), number);
            if unit.keyframe {
                break;
            }
        }
    };
    tokio::time::timeout(LIMIT, keyframe).await.expect("no second keyframe");
    robot.sees("pli", |entry| entry["heeded"] == true).await;
    robot.lets_go(link).await;
    robot.assert_content();
}
