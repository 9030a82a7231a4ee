//! The link over a network that loses, delays and narrows packets, and over one that is gone for a while.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::time::{Duration, Instant};

use common::{connect_with, target, Client, LIMIT};
use go2_client::session::{LinkBuilder, LinkState};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::codec::{api, Request};
use go2_proto::motion::Velocity;
use go2_proto::session::{Message, Timing};
use go2_proto::state::{RobotPose, SportModeState, State as _};
use go2_proto::video::AccessUnit;
use go2_sim::{Impairment, NetworkOptions, Options, Robot, VideoOptions};
use tokio::sync::broadcast::{self, error::RecvError};

const MAPS: &str = "rt/utlidar/voxel_map_compressed";
const SECOND: Duration = Duration::from_secs(1);
/// How long each network is watched.
const WATCHED: Duration = Duration::from_secs(8);
/// From one velocity to the next.
const STEP: Duration = Duration::from_millis(50);

/// What came of something, and when.
#[derive(Default)]
struct Arrivals(Vec<Instant>);

impl Arrivals {
    /// The longest time in which nothing came.
    fn longest_gap(&self, from: Instant, until: Instant) -> Duration {
        let times: Vec<_> =
            std::iter::once(from).chain(self.0.iter().copied()).chain([until]).collect();
        times.windows(2).map(|two| two[1].saturating_duration_since(two[0])).max().unwrap()
    }
}

/// Notes what comes until a time. The queue is drained while it fills, as an owner would.
async fn note<T: Clone>(mut from: broadcast::Receiver<T>, until: Instant) -> Arrivals {
    let mut arrivals = Arrivals::default();
    let until = tokio::time::Instant::from_std(until);
    while let Ok(received) = tokio::time::timeout_at(until, from.recv()).await {
        // What a full queue has dropped came, too.
        let came = match received {
            Ok(_) => 1,
            Err(RecvError::Lagged(dropped)) => dropped,
            Err(RecvError::Closed) => break,
        };
        arrivals.0.extend((0..came).map(|_| Instant::now()));
    }
    arrivals
}

/// The velocities that the robot was given, in their order, with their times in seconds since 1970.
fn moves(robot: &Robot) -> Vec<(f64, f64)> {
    let requests = robot.log().of("request");
    let moves = requests.iter().filter(|request| request["api_id"] == api::MOVE);
    let speed = |request: &serde_json::Value| {
        let parameter = request["parameter"].as_str().unwrap();
        let parameter: serde_json::Value = serde_json::from_str(parameter).unwrap();
        (request["t"].as_f64().unwrap(), parameter["x"].as_f64().unwrap())
    };
    moves.map(speed).collect()
}

fn since_1970() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs_f64()
}

/// A link to a robot behind a network, with everything on.
struct Sight {
    link: go2_client::session::Link,
    state: broadcast::Receiver<Message>,
    poses: broadcast::Receiver<Message>,
    maps: broadcast::Receiver<Message>,
    pictures: broadcast::Receiver<AccessUnit>,
}

async fn look(robot: &Robot) -> Sight {
    let mut builder = LinkBuilder::default();
    let state = builder.subscribe(SportModeState::TOPIC, 1024);
    let poses = builder.subscribe(RobotPose::TOPIC, 1024);
    let maps = builder.subscribe(MAPS, 1024);
    let pictures = builder.pictures();
    let link = builder.start(WebRtcConnector::new(target(robot.address(), true)));
    link.set_lidar(true);
    link.set_video(true);
    let mut sight = Sight { link, state, poses, maps, pictures };
    let late = Duration::from_secs(40);
    let first = async {
        sight.state.recv().await.unwrap();
        sight.poses.recv().await.unwrap();
        sight.maps.recv().await.unwrap();
        sight.pictures.recv().await.unwrap();
    };
    tokio::time::timeout(late, first).await.expect("something is missing from the start");
    sight
}

/// What has to hold over a bad network.
struct Bounds {
    network: NetworkOptions,
    /// The least rates of state, poses, maps and pictures in Hz, and their longest silences in seconds. The robot sends
    /// 20, 18.7, 7.5 and 15 Hz.
    streams: [(f64, f64); 4],
    /// How many sessions it may take.
    sessions: u64,
    /// The age of a velocity when the robot gets it, in seconds.
    velocity: f64,
}

async fn holds(bounds: Bounds) {
    let video = VideoOptions { answer_nack: true, ..VideoOptions::default() };
    let network = bounds.network.clone();
    let robot = Robot::start(Options { network, video, ..common::robot() }).await.unwrap();
    let sight = look(&robot).await;
    sight.link.request(Request::sport(api::BALANCE_STAND), LIMIT).await.unwrap();

    let (from, until) = (Instant::now(), Instant::now() + WATCHED);
    let Sight { link, state, poses, maps, pictures } = sight;
    let mut sent = Vec::new();
    let drive = async {
        let mut ticks = tokio::time::interval(STEP);
        while Instant::now() < until {
            ticks.tick().await;
            let velocity = nth(sent.len());
            sent.push((since_1970(), velocity.x));
            link.drive(velocity);
        }
    };
    let streams = [
        tokio::spawn(note(state.resubscribe(), until)),
        tokio::spawn(note(poses.resubscribe(), until)),
        tokio::spawn(note(maps.resubscribe(), until)),
        tokio::spawn(note(pictures.resubscribe(), until)),
    ];
    drive.await;
    let names = ["state", "poses", "maps", "pictures"];
    for ((stream, limits), name) in streams.into_iter().zip(bounds.streams).zip(names) {
        let arrivals = stream.await.unwrap();
        let gap = arrivals.longest_gap(from, until).as_secs_f64();
        let rate = arrivals.0.len() as f64 / WATCHED.as_secs_f64();
        let told = format!("{name}: {rate:.1} Hz, silent for {gap:.2} s at most");
        eprintln!("{told}");
        let (least, longest) = limits;
        assert!(rate >= least && gap <= longest, "{told}");
    }
    assert!(link.counters().borrow().sessions <= bounds.sessions);
    let mut state = link.state();
    let live = state.wait_for(|state| *state == LinkState::Live);
    tokio::time::timeout(LIMIT, live).await.expect("it does not come back").unwrap();
    assert!(robot.network().count().carried > 1000, "{:?}", robot.network().count());

    let newest = nth(sent.len());
    sent.push((since_1970(), newest.x));
    link.drive(newest);
    // Priority, and in the order of the channel: what was driven before is behind the robot then.
    link.request(Request::sport(api::STOP_MOVE).with_priority(), LIMIT).await.unwrap();
    let moves = moves(&robot);
    assert!(moves.is_sorted_by(|one, two| one.1 <= two.1), "an old velocity after a newer one");
    let age = |(at, x): &(f64, f64)| {
        let (given, _) = sent.iter().find(|(_, speed)| speed == x).expect("one that nobody gave");
        at - given
    };
    let oldest = moves.iter().map(age).fold(0.0, f64::max);
    eprintln!("velocities: {} of {} came, {oldest:.2} s old at most", moves.len(), sent.len());
    assert!(oldest <= bounds.velocity, "a velocity of {oldest} s ago");
    // The newest comes last, or was void: it had to wait, and a stop followed.
    assert!(moves.last().unwrap().1 <= newest.x);
    stands(&robot).await;

    link.close().await;
    robot.stop().await;
}

/// A velocity that tells its number: each is faster than the one before.
fn nth(number: usize) -> Velocity {
    Velocity { x: (100 + number) as f64 / 1000.0, y: 0.0, yaw: 0.0 }
}

/// Checks that the last it was told was to stop, and that it does.
async fn stands(robot: &Robot) {
    let last = robot.log().of("request").pop().unwrap();
    assert_eq!(last["api_id"], api::STOP_MOVE);
    let still = async {
        while speed(robot) > 0.01 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, still).await.expect("the robot walks on");
}

/// How fast the robot walks, in m/s.
fn speed(robot: &Robot) -> f64 {
    let body = robot.body();
    let mut body = body.lock().unwrap();
    body.step(Instant::now());
    body.motion().vx.abs()
}

fn networks() -> NetworkOptions {
    NetworkOptions { seed: 5, ..NetworkOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_packet_of_twenty_is_lost() {
    let network = NetworkOptions { loss: 0.05, ..networks() };
    // SCTP waits 1 s before it repeats what was lost at the end of a burst, 2 s if that is lost as well, and then 4 s, by
    // which time the link begins another session.
    let streams = [(6.0, 7.0), (6.0, 7.0), (2.0, 7.0), (2.0, 7.0)];
    holds(Bounds { network, streams, sessions: 2, velocity: 7.0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_overtake_each_other_within_100_ms() {
    let network = NetworkOptions { delay_ms: 5.0, jitter_ms: 100.0, ..networks() };
    let streams = [(3.0, 3.0), (3.0, 3.0), (1.0, 3.0), (3.0, 3.0)];
    holds(Bounds { network, streams, sessions: 1, velocity: 2.0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_megabits_carry_all_streams() {
    let network = NetworkOptions { mbit: 4.0, ..networks() };
    let streams = [(12.0, 1.5), (11.0, 1.5), (4.0, 1.5), (5.0, 2.0)];
    holds(Bounds { network, streams, sessions: 1, velocity: 1.0 }).await;
}

/// A link to a robot that walks at 0.4 m/s.
async fn walking() -> (Robot, Client) {
    let robot = Robot::start(common::robot()).await.unwrap();
    let client = connect_with(target(robot.address(), true), Timing::default());
    client.live().await;
    client.link.request(Request::sport(api::BALANCE_STAND), LIMIT).await.unwrap();
    let walks = async {
        // It cannot walk before it stands.
        while speed(&robot) < 0.3 {
            client.link.drive(Velocity { x: 0.4, y: 0.0, yaw: 0.0 });
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, walks).await.expect("it does not walk");
    (robot, client)
}

const DARK: Impairment = Impairment {
    loss: 0.0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    mbit: 0.0,
    blackout: true,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_blackout_of_ten_seconds_ends_the_session_and_another_follows() {
    let (robot, mut client) = walking().await;
    let dark = Instant::now();
    robot.network().set(DARK);
    let mut hears = client.link.hears();
    hears.wait_for(|hears| !hears).await.unwrap();
    assert!(dark.elapsed() < 3 * SECOND, "{:?}", dark.elapsed());
    client.wait_for(|state| !state.in_session()).await;
    assert!(dark.elapsed() < 10 * SECOND, "{:?}", dark.elapsed());
    // Given in the dark, it must not be walked later.
    client.link.drive(Velocity { x: 0.7, y: 0.0, yaw: 0.0 });
    tokio::time::sleep_until((dark + 10 * SECOND).into()).await;
    assert!(!client.link.in_session());
    let before = robot.log().entries().len();
    robot.network().set(Impairment::default());
    let lit = Instant::now();

    // Longer than usual: the attempts of the dark have made the link wait.
    let mut state = client.link.state();
    let live = state.wait_for(|state| *state == LinkState::Live);
    tokio::time::timeout(2 * LIMIT, live).await.expect("not again").unwrap();
    eprintln!("live again {:?} after the blackout", lit.elapsed());
    for receiver in &mut client.topics {
        *receiver = receiver.resubscribe();
    }
    client.hear_all().await;
    assert_eq!(client.link.counters().borrow().sessions, 2);
    client.link.request(Request::sport(api::STOP_MOVE).with_priority(), LIMIT).await.unwrap();
    let since = robot.log().entries().split_off(before);
    let moves = since.iter().filter(|entry| entry["api_id"] == api::MOVE).count();
    assert_eq!(moves, 0, "a velocity from before");
    stands(&robot).await;
    client.link.close().await;
    robot.stop().await;
}

/// Velocities that may have been under way when the network went: the channel repeats them, whatever is meant by then.
const UNDER_WAY: usize = 3;

/// Drives through a hole: the session goes on, and what was given in it is not walked after it.
async fn outlives(hole: Duration) {
    let (robot, client) = walking().await;
    let before = moves(&robot).len();
    let mut hears = client.link.hears();
    hears.wait_for(|hears| *hears).await.unwrap();
    robot.network().set(DARK);
    let (dark, dark_at) = (Instant::now(), since_1970());
    let mut given = Vec::new();
    let mut stopped = false;
    while dark.elapsed() < hole {
        let velocity = nth(1000 + given.len());
        given.push((since_1970(), velocity.x));
        client.link.drive(velocity);
        // The owner stops it as soon as nothing is heard, and whoever drives goes on.
        if !*hears.borrow() && !std::mem::replace(&mut stopped, true) {
            assert!(dark.elapsed() < SECOND, "{:?}", dark.elapsed());
            stop(&client).await;
        }
        tokio::time::sleep(STEP).await;
    }
    assert!(stopped);
    robot.network().set(Impairment::default());
    let lit = Instant::now();
    let limit = tokio::time::timeout(LIMIT, hears.wait_for(|hears| *hears));
    limit.await.expect("it is not heard again").unwrap();
    eprintln!("heard again {:?} after a hole of {hole:?}", lit.elapsed());
    client.live().await;
    assert_eq!(client.link.counters().borrow().sessions, 1, "it was lost");
    let stop = Request::sport(api::STOP_MOVE).with_priority();
    client.link.request(stop, LIMIT).await.unwrap();

    let came = moves(&robot).split_off(before);
    let is_late = |(at, x): &(f64, f64)| {
        let (when, _) = given.iter().find(|(_, speed)| speed == x)?;
        (at - when > 0.5).then_some(*at)
    };
    let late: Vec<_> = came.iter().filter_map(is_late).collect();
    eprintln!("{} velocities came, {} of them late", came.len(), late.len());
    assert!(late.len() <= UNDER_WAY, "{came:?}");
    let zeros = came.iter().filter(|(at, x)| *x == 0.0 && *at > dark_at);
    if let (Some(last), Some(zero)) = (late.last(), zeros.map(|(at, _)| *at).next()) {
        assert!((0.0..0.01).contains(&(zero - last)), "no zero in the same packet: {came:?}");
    }
    assert_eq!(came.last().unwrap().1, 0.0, "zeros are the last");
    stands(&robot).await;
    client.link.close().await;
    robot.stop().await;
}

/// What whoever owns a link says to stop: zeros, then StopMove, for whose answer nobody waits here.
async fn stop(client: &Client) {
    for _ in 0..4 {
        client.link.drive(Velocity::ZERO);
        tokio::time::sleep(STEP).await;
    }
    let link = client.link.handle();
    let stop = Request::sport(api::STOP_MOVE).with_priority();
    tokio::spawn(async move { link.request(stop, LIMIT).await });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_of_two_seconds_costs_no_session_and_nothing_is_walked_after_it() {
    outlives(2 * SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_of_three_and_a_half_seconds_costs_no_session_and_nothing_is_walked_after_it() {
    outlives(SECOND * 7 / 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_of_five_seconds_costs_no_session_and_nothing_is_walked_after_it() {
    outlives(5 * SECOND).await;
}
