//! Ways to a robot that is not reached directly: relays, and what of this computer is offered.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use common::turn::{Turn, CREDENTIAL, USERNAME};
use common::{end, robot, target, Client};
use go2_client::progress::Passed;
use go2_client::session::LinkBuilder;
use go2_client::transport::ice::{IcePolicy, IceSettings};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::signaling::CandidatePair;
use go2_sim::{Options, Robot};

fn through(turn: &Turn) -> IceSettings {
    IceSettings {
        servers: vec![turn.url().parse().unwrap()],
        username: USERNAME.to_owned(),
        credential: CREDENTIAL.to_owned().into(),
        ..IceSettings::default()
    }
}

/// As [`common::connect`], by ICE as it is set.
fn connect(robot: &Robot, ice: IceSettings) -> Client {
    let mut builder = LinkBuilder::default();
    let topics = common::TOPICS.iter().map(|topic| builder.subscribe(topic, 256)).collect();
    let big = builder.subscribe("rt/big", 4);
    let mut connector = WebRtcConnector::new(target(robot.address(), true));
    connector.ice = ice;
    Client { link: builder.start(connector), topics, big }
}

fn path(client: &Client) -> CandidatePair {
    let steps = client.link.steps().borrow().clone();
    let path = steps.into_iter().find_map(|step| match step.passed {
        Passed::Path(path) => Some(path),
        _ => None,
    });
    path.expect("no path was told")
}

/// The address that the robot sees its client at.
fn seen(robot: &Robot) -> String {
    let channel = robot.log().of("channel").pop().unwrap();
    channel["client"].as_str().unwrap().rsplit_once(':').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_else_passes_the_link_goes_through_a_relay() {
    let Some(turn) = Turn::start().await else { return };
    for policy in [IcePolicy::All, IcePolicy::Relay] {
        let robot = Robot::start(Options { only_via: Some(turn.ip()), ..robot() }).await.unwrap();
        let mut client = connect(&robot, IceSettings { policy, ..through(&turn) });
        client.live().await;
        client.hear_all().await;
        let path = path(&client);
        assert_eq!((path.local.kind.as_str(), path.local.address.ip()), ("relay", turn.ip()));
        assert_eq!(seen(&robot), turn.ip().to_string());
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_relay_nothing_else_is_offered() {
    let Some(turn) = Turn::start().await else { return };
    let robot = Robot::start(robot()).await.unwrap();
    let client = connect(&robot, IceSettings { policy: IcePolicy::Relay, ..through(&turn) });
    client.live().await;
    let sdp = robot.log().of("offer").remove(0)["sdp"].as_str().unwrap().to_owned();
    let candidates: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=candidate")).collect();
    assert!(
        !candidates.is_empty() && candidates.iter().all(|line| line.contains("typ relay")),
        "{sdp}"
    );
    assert_eq!(seen(&robot), turn.ip().to_string());
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_path_goes_before_a_relay() {
    let Some(turn) = Turn::start().await else { return };
    let robot = Robot::start(robot()).await.unwrap();
    let client = connect(&robot, through(&turn));
    client.live().await;
    assert_eq!(path(&client).local.kind, "host");
    assert_eq!(seen(&robot), "127.0.0.1");
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_relay_a_blocked_path_is_named() {
    let nowhere = Some([127, 250, 250, 250].into());
    let robot = Robot::start(Options { only_via: nowhere, ..robot() }).await.unwrap();
    let client = connect(&robot, IceSettings::default());
    let reason = client.failure().await;
    assert!(reason.contains("no UDP path"), "{reason}");
    client.link.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_does_not_let_us_in_is_named() {
    let Some(turn) = Turn::start().await else { return };
    let robot = Robot::start(robot()).await.unwrap();
    let ice = IceSettings {
        policy: IcePolicy::Relay,
        credential: "another".to_owned().into(),
        ..through(&turn)
    };
    let client = connect(&robot, ice);
    let reason = client.failure().await;
    assert!(reason.contains(&turn.url()) && reason.contains("credential"), "{reason}");
    client.link.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interface_that_is_not_there_is_named_and_one_that_is_is_offered() {
    let robot = Robot::start(robot()).await.unwrap();
    let offer =
        |name: &str| IceSettings { addresses: vec![name.to_owned()], ..IceSettings::default() };
    let client = connect(&robot, offer("wlan7"));
    let reason = client.failure().await;
    assert!(reason.contains("\"wlan7\"") && reason.contains("127.0.0.1"), "{reason}");
    client.link.close().await;
    let client = connect(&robot, offer("127.0.0.1"));
    client.live().await;
    end(robot, client).await;
}
