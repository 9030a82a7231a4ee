//! What the tests of the link share.
#![allow(dead_code)] // each test file uses some of it
#![allow(clippy::unwrap_used, clippy::expect_used)] // as in the tests themselves
#![allow(unreachable_pub)] // it is a module of each test file

pub mod aiortc;
pub mod turn;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use go2_client::session::{Link, LinkBuilder, LinkState};
use go2_client::signaling::Target;
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::session::{Message, Timing};
use go2_proto::state::{LidarState, LowState, MultipleState, RobotPose, SportModeState, State};
use go2_sim::{Options, Robot};
use tokio::sync::broadcast;

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A loopback address that no other test of this process uses.
pub fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let process = (std::process::id() % 250) as u8 + 1;
    IpAddr::from([127, 10, process, NEXT.fetch_add(1, Ordering::Relaxed)])
}

/// Options of a robot of its own.
pub fn robot() -> Options {
    Options { bind: address(), ..Options::default() }
}

/// The topics that tests subscribe to.
pub const TOPICS: [&str; 5] = [
    LowState::TOPIC,
    SportModeState::TOPIC,
    RobotPose::TOPIC,
    LidarState::TOPIC,
    MultipleState::TOPIC,
];

/// A link with what it receives.
pub struct Client {
    pub link: Link,
    pub topics: Vec<broadcast::Receiver<Message>>,
    pub big: broadcast::Receiver<Message>,
}

/// Connects to a robot.
pub fn connect(target: Target) -> Client {
    connect_with(target, Timing::default())
}

/// Connects with other times.
pub fn connect_with(target: Target, timing: Timing) -> Client {
    let mut builder = LinkBuilder::default().timing(timing);
    let topics = TOPICS.iter().map(|topic| builder.subscribe(topic, 256)).collect();
    let big = builder.subscribe("rt/big", 4);
    let link = builder.start(WebRtcConnector::new(target));
    Client { link, topics, big }
}

/// A target at an address and port.
pub fn target(address: std::net::SocketAddr, encrypted: bool) -> Target {
    let mut target = Target::new(address.ip().to_string());
    // The other port is one where nothing listens.
    (target.encrypted_port, target.plain_port) =
        if encrypted { (address.port(), 1) } else { (1, address.port()) };
    target
}

impl Client {
    /// Waits for a state of the link.
    pub async fn wait_for(&self, fits: impl FnMut(&LinkState) -> bool) -> LinkState {
        let mut state = self.link.state();
        let found = tokio::time::timeout(LIMIT, state.wait_for(fits)).await;
        match found {
            Ok(Ok(state)) => state.clone(),
            _ => panic!("the link is still {}", self.link.state().borrow().clone()),
        }
    }

    /// Waits until the session is live.
    pub async fn live(&self) {
        self.wait_for(|state| *state == LinkState::Live).await;
    }

    /// Waits for the reason of the first failure.
    pub async fn failure(&self) -> String {
        let failed = |state: &LinkState| {
            matches!(state, LinkState::BackingOff { .. } | LinkState::Stopped { .. })
        };
        self.wait_for(failed).await.to_string()
    }

    /// Waits for a decodable message of every topic.
    pub async fn hear_all(&mut self) {
        for (topic, receiver) in TOPICS.iter().zip(&mut self.topics) {
            let message = tokio::time::timeout(LIMIT, receiver.recv()).await;
            let message = message.unwrap_or_else(|_| panic!("nothing on {topic}")).unwrap();
            let data = &message.data;
            let decoded = match *topic {
                LowState::TOPIC => LowState::decode(data).map(drop),
                SportModeState::TOPIC => SportModeState::decode(data).map(drop),
                RobotPose::TOPIC => RobotPose::decode(data).map(drop),
                LidarState::TOPIC => LidarState::decode(data).map(drop),
                _ => MultipleState::decode(data).map(drop),
            };
            decoded.unwrap_or_else(|error| panic!("{topic}: {error}: {data:?}"));
        }
    }

    /// Waits for the big binary message and checks its bytes.
    pub async fn hear_big(&mut self, length: usize) {
        let message = tokio::time::timeout(LIMIT, self.big.recv()).await.expect("no big message");
        let payload: Bytes = message.unwrap().payload.unwrap();
        assert_eq!(payload.len(), length);
        assert!(payload.iter().enumerate().all(|(i, byte)| usize::from(*byte) == i % 251));
    }
}

/// What an offer to a robot must be.
pub fn check_offer(sdp: &str) {
    let lines = |prefix: &str| -> BTreeSet<String> {
        let lines = sdp.lines().filter(|line| line.starts_with(prefix));
        lines.map(str::to_owned).collect()
    };
    let sections: Vec<_> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    let kinds: Vec<_> = sections.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["m=audio", "m=video", "m=application"], "{sdp}");
    let mids: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=mid:")).collect();
    assert_eq!(mids, ["a=mid:0", "a=mid:1", "a=mid:2"], "{sdp}");
    assert_eq!(lines("a=ice-ufrag:").len(), 1, "{sdp}");
    assert_eq!(lines("a=ice-pwd:").len(), 1, "{sdp}");
    let fingerprints = lines("a=fingerprint:");
    assert_eq!(fingerprints.len(), 1, "{sdp}");
    let fingerprint = fingerprints.first().unwrap().strip_prefix("a=fingerprint:sha-256 ").unwrap();
    assert_eq!(fingerprint, fingerprint.to_uppercase());
    // The engine lists a candidate for RTP and the same for RTCP.
    let candidates = lines("a=candidate:");
    let address = |line: &String| line.split(' ').skip(4).take(2).collect::<Vec<_>>().join(":");
    let addresses: BTreeSet<_> = candidates.iter().map(address).collect();
    assert_eq!(addresses.len(), 1, "only the address that routes to the robot: {sdp}");
    assert!(sdp.lines().any(|line| line.starts_with("a=rtpmap:") && line.contains(" H264/90000")));
    assert!(sdp.lines().any(|line| line.contains(" opus/48000/2")));
    // Robots reject offers with it.
    assert!(!sdp.contains("transport-cc") && !sdp.contains("transport-wide-cc"), "{sdp}");
}

/// Closes the link and checks that the robot is free at once, which takes a proper goodbye.
pub async fn end(robot: Robot, client: Client) {
    client.link.close().await;
    let closed = robot.log().wait_for(0, LIMIT, |entry| entry["event"] == "closed").await;
    assert_eq!(closed.expect("the robot did not notice")["reason"], "the client left");
    robot.stop().await;
}
