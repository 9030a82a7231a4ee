//! Link and simulated robot through hundreds of mishaps, by seed and in compressed time.
//!
//! `GO2_CHAOS_SEED` repeats a run, `GO2_CHAOS_ROUNDS` makes it shorter or longer.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{robot, target, LIMIT};
use go2_client::session::{Link, LinkBuilder, LinkState};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::codec::topics;
use go2_proto::session::{Message, Timing};
use go2_proto::video::AccessUnit;
use go2_sim::{Failure, Garbage, Mishap, Options, Robot, Span, Streams, Validation};
use tokio::sync::broadcast::{self, error::RecvError};

/// Pairs of a link and a robot, each on a thread and a runtime of its own, so that its tasks can be counted.
const PAIRS: u64 = 4;
/// Mishaps of all pairs together.
const ROUNDS: u64 = 240;
/// Rounds before what there is then counts as usual.
const WARM_UP: u64 = 3;
/// Tasks that may be left when link and robot are closed: now and then two of the engine's outlive the last session's
/// end. In the rounds before, there are never more than usual, so they do not add up.
const LEFT: usize = 2;
/// By how much the memory of this process may grow while all rounds run: robots keep a log of what they saw.
const GROWTH: u64 = 48 * 1024 * 1024;

/// What the link is to make of a mishap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Nothing: the session lives on.
    Endures,
    /// It says that it hears nothing, and the session lives on.
    Stale,
    /// The session ends, and another begins.
    Lost,
    /// Sessions do not begin, and the link says so in this state.
    Refused(&'static str),
}

/// Numbers that are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn mishap(random: &mut Random) -> (Mishap, Span, Expected) {
    use Expected::{Endures, Lost, Refused, Stale};
    use Failure::*;
    let open = Span::Open;
    let shared =
        [Status(404), Status(429), Status(500), Status(504), Hangup, Silence, Endless, Slow];
    let notice = [NotBase64, NotJson, TooShort, KeyBits(512), KeyBits(16384), HugeExponent];
    let answer = [Empty, Undecryptable, Truncated, NoCandidate, Reject];
    let says = |failure: &Failure| match failure {
        Status(429) => Refused("throttled"),
        Reject => Refused("busy"),
        _ => Refused("backing_off"),
    };
    match random.below(20) {
        0 => {
            let kinds = [Garbage::Json, Garbage::Numbers, Garbage::Utf8, Garbage::Truncated];
            (Mishap::Garble(*random.choose(&kinds)), open, Endures)
        }
        1 => (Mishap::MuteHeartbeat, open, Endures),
        2 => {
            let streams = [Streams::Lidar, Streams::Video];
            (Mishap::Freeze(*random.choose(&streams)), open, Endures)
        }
        3 => (Mishap::Clock(*random.choose(&[-3600.0, -0.5, 3.0, 1e6])), open, Endures),
        4 => (Mishap::Bursts(2.0), open, Stale),
        5 => (Mishap::Freeze(Streams::State), open, Endures),
        6 | 7 => (Mishap::CloseChannel, Span::Times(1), Lost),
        8 => (Mishap::Mute, open, Lost),
        9 | 10 => (Mishap::Crash, Span::For(milliseconds(600)), Lost),
        11 => (Mishap::Blackhole, open, Lost),
        12 | 13 => {
            let failure = random.choose(&shared);
            (Mishap::Notify(failure.clone()), open, says(failure))
        }
        14 => {
            let failure = random.choose(&shared);
            (Mishap::Offer(failure.clone()), open, says(failure))
        }
        15 => (Mishap::Notify(random.choose(&notice).clone()), open, Refused("backing_off")),
        16 => {
            let failure = random.choose(&answer);
            (Mishap::Offer(failure.clone()), open, says(failure))
        }
        17 => {
            let kinds = [Validation::Refuse, Validation::Silent];
            (Mishap::Validation(*random.choose(&kinds)), open, Refused("backing_off"))
        }
        18 => match random.below(2) {
            0 => (Mishap::Busy, open, Refused("busy")),
            _ => (Mishap::Throttled(3600.0), open, Refused("throttled")),
        },
        _ => {
            let foreign = [Mishap::Notify(UnknownData2), Mishap::Notify(Status(403))];
            (random.choose(&foreign).clone(), open, Refused("refused"))
        }
    }
}

struct Pair {
    robot: Robot,
    client: Client,
    /// Rendering is too much work for all robots at a time.
    sees: bool,
}

/// A link and what comes by it.
struct Client {
    link: Link,
    state: broadcast::Receiver<Message>,
    maps: broadcast::Receiver<Message>,
    pictures: broadcast::Receiver<AccessUnit>,
}

impl Pair {
    async fn new(sees: bool) -> Self {
        let options = Options {
            low_hz: Some(10.0),
            heartbeat_timeout: 3.0,
            lost_after: 2.5,
            probe_every: 0.5,
            lidar_ignores: 0,
            // The mishaps are the test's load, not the streams.
            lidar_hz: Some(2.0),
            pose_hz: Some(5.0),
            sport_hz: Some(10.0),
            ..robot()
        };
        let robot = Robot::start(options).await.unwrap();
        let client = connect(&robot, sees);
        Self { robot, client, sees }
    }

    fn state(&self) -> LinkState {
        self.client.link.state().borrow().clone()
    }

    fn sessions(&self) -> u64 {
        self.client.link.counters().borrow().sessions
    }

    async fn wait_for(&self, what: &str, fits: impl FnMut(&LinkState) -> bool) {
        let mut state = self.client.link.state();
        let found = tokio::time::timeout(LIMIT, state.wait_for(fits)).await;
        assert!(found.is_ok(), "no {what}: the link is still {}", self.state());
    }

    /// Waits until the link is live and all streams come, with what was sent since.
    async fn is_well(&mut self) {
        self.wait_for("live link", |state| *state == LinkState::Live).await;
        let Client { state, maps, pictures, .. } = &mut self.client;
        next("state", state).await;
        next("map", maps).await;
        if self.sees {
            next("picture", pictures).await;
        }
        self.wait_for("live link", |state| *state == LinkState::Live).await;
    }

    async fn suffer(&mut self, (mishap, span, expected): (Mishap, Span, Expected)) {
        let mishaps = self.robot.mishaps();
        let before = self.sessions();
        let id = mishaps.begin(mishap.clone(), span);
        let at_connecting = matches!(expected, Expected::Refused(_));
        if at_connecting {
            mishaps.begin(Mishap::CloseChannel, Span::Times(1));
        }
        match expected {
            Expected::Endures => {
                let blind = mishap == Mishap::Freeze(Streams::Video) && !self.sees;
                if !blind {
                    let felt = mishaps.wait(id, LIMIT, |fate| fate.felt > 0).await;
                    assert!(felt.unwrap().felt > 0, "it never came to that");
                }
                assert!(self.state().in_session(), "{}", self.state());
            }
            // Pictures go on, and so the robot is heard.
            Expected::Stale if self.sees => {
                let felt = mishaps.wait(id, LIMIT, |fate| fate.felt > 0).await;
                assert!(felt.unwrap().felt > 0, "it never came to that");
            }
            Expected::Stale => self.wait_for("silence", |state| *state == LinkState::Stale).await,
            Expected::Lost => {
                let lost = |state: &LinkState| state.name() == "backing_off";
                self.wait_for("lost session", lost).await;
            }
            Expected::Refused(name) => {
                // The end of the last session is told first, in words of its own.
                let felt = mishaps.wait(id, LIMIT, |fate| fate.felt > 0).await;
                assert!(felt.unwrap().felt > 0, "it never came to that");
                self.wait_for(name, |state| state.name() == name).await;
            }
        }
        match span {
            Span::Open => drop(mishaps.end(id)),
            _ => drop(mishaps.wait(id, LIMIT, |fate| fate.over).await),
        }
        self.is_well().await;
        assert_eq!(mishaps.end_all(), 0);
        if matches!(expected, Expected::Endures | Expected::Stale) {
            assert_eq!(self.sessions(), before, "the session lives on");
        }
    }
}

/// Waits for something that is sent from now on.
async fn next<T: Clone>(what: &str, receiver: &mut broadcast::Receiver<T>) {
    *receiver = receiver.resubscribe();
    match tokio::time::timeout(LIMIT, receiver.recv()).await {
        Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
        other => panic!("no {what}: {:?}", other.map(drop)),
    }
}

fn connect(robot: &Robot, sees: bool) -> Client {
    let timing = Timing {
        heartbeat: milliseconds(200),
        quiet: milliseconds(300),
        unacknowledged: milliseconds(200),
        stale: milliseconds(800),
        silence: milliseconds(3000),
        validation: milliseconds(1000),
        longest_wait: milliseconds(100),
    };
    let mut target = target(robot.address(), true);
    target.http_timeout = milliseconds(500);
    target.probe_timeout = milliseconds(500);
    let mut connector = WebRtcConnector::new(target);
    connector.timeout = Duration::from_secs(5);
    let mut builder = LinkBuilder::default().timing(timing);
    let state = builder.subscribe(topics::SPORT_MODE_STATE, 16);
    let maps = builder.subscribe(topics::VOXEL_MAP, 4);
    let pictures = builder.pictures();
    let link = builder.start(connector);
    link.set_lidar(true);
    link.set_video(sees);
    Client { link, state, maps, pictures }
}

fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Waits until no more tasks are alive than usual.
async fn no_more_than(usual: usize) {
    let start = Instant::now();
    while alive() > usual {
        assert!(start.elapsed() < LIMIT, "{} tasks are alive, {usual} are usual", alive());
        tokio::time::sleep(milliseconds(20)).await;
    }
}

async fn pair(number: u64, seed: u64, rounds: u64) {
    let mut random = Random(seed.wrapping_add(number));
    let nothing = alive();
    let mut pair = Pair::new(number == 0).await;
    pair.is_well().await;
    let mut usual = 0;
    for round in 0..rounds {
        if round <= WARM_UP {
            usual = usual.max(alive());
        }
        let mut next = mishap(&mut random);
        // A robot whose pictures come is there, however little it says.
        while next.0 == Mishap::Mute && number == 0 {
            next = mishap(&mut random);
        }
        eprintln!("pair {number}, {round}: {next:?}");
        pair.suffer(next).await;
        if round > WARM_UP {
            no_more_than(usual).await;
        }
    }
    pair.client.link.close().await;
    pair.robot.stop().await;
    no_more_than(nothing + LEFT).await;
}

#[test]
fn hundreds_of_mishaps_leave_nothing_behind() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("GO2_CHAOS_SEED").unwrap_or_else(|| std::process::id().into());
    let rounds = number("GO2_CHAOS_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("seed {seed}: repeat with GO2_CHAOS_SEED={seed}");
    // The first pair's life shows what the process needs: keys, tables, threads' stacks.
    let run = move |rounds: u64| {
        let threads = (0..PAIRS).map(|number| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(pair(number, seed, rounds));
            })
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            thread.join().unwrap();
        }
    };
    run(2);
    let (open, memory) = (descriptors(), resident());
    run(rounds.div_ceil(PAIRS));
    assert!(descriptors() <= open, "{} descriptors are open, {open} were", descriptors());
    let grown = resident().saturating_sub(memory);
    eprintln!("grown by {} KiB", grown / 1024);
    assert!(grown < GROWTH, "grown by {} KiB", grown / 1024);
}
