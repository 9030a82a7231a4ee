//! What applications hold, against the simulated robot.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::time::Duration;

use common::{closed, robot, sport, stop, walk, walked_and_stopped, LIMIT};
use go2_client::error_code::ErrorCode;
use go2_client::signaling::SignalingError;
use go2_client::transport::ConnectError;
use go2_client::{connect, CallError, Client, DisconnectReason, LinkState, Options, VelocityInUse};
use go2_client::{LowState, Request, SportModeState, Velocity};
use go2_sim::Robot;

const FORWARD: Velocity = Velocity { x: 0.3, ..Velocity::ZERO };

async fn start() -> (Robot, Client) {
    let options = robot();
    let address = options.bind.to_string();
    let robot = Robot::start(options).await.unwrap();
    let client = connect(address).await.unwrap();
    (robot, client)
}

async fn stand(client: &Client) {
    client.balance_stand().await.unwrap();
    let mut states = client.subscribe::<SportModeState>();
    let up = async {
        while states.next().await.unwrap().body_height.is_none_or(|height| height < 0.3) {}
    };
    tokio::time::timeout(LIMIT, up).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_hangs_stops_the_robot() {
    let options = robot();
    let address = options.bind.to_string();
    let robot = Robot::start(options).await.unwrap();
    let log = robot.log();
    let application = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, mut velocity) = runtime.block_on(async {
            let client = connect(address).await.unwrap();
            stand(&client).await;
            let mut velocity = client.velocity().unwrap();
            velocity.set(FORWARD).await.unwrap();
            (client, velocity)
        });
        std::thread::sleep(Duration::from_secs(5)); // nothing of this runtime runs meanwhile
        let requests = log.of("request");
        assert!(walked_and_stopped(&log), "{:?}", sport(&log));
        let time = |entry: &serde_json::Value| entry["t"].as_f64().unwrap();
        let walked = requests.iter().find(|entry| entry["api_id"] == 1008).unwrap();
        let stopped = requests.iter().rfind(|entry| entry["api_id"] == 1003).unwrap();
        // By the robot's log: after 0.3 s zeros, 50 ms apart, then StopMove; the rest is for a busy machine.
        let took = time(stopped) - time(walked);
        assert!((0.4..3.0).contains(&took), "{took}");
        // What is commanded later is a beginning like any other.
        runtime.block_on(async {
            velocity.set(FORWARD).await.unwrap();
            velocity.stop().await.unwrap();
            drop(velocity);
            client.close().await;
        });
    };
    tokio::task::spawn_blocking(application).await.unwrap();
    assert_eq!(closed(&robot.log()).await, "the client left");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_or_the_client_stops_the_robot_and_frees_it() {
    let (robot, client) = start().await;
    stand(&client).await;
    let mut velocity = client.velocity().unwrap();
    assert_eq!(client.velocity().err(), Some(VelocityInUse));
    velocity.set(FORWARD).await.unwrap();
    let log = robot.log();
    walk(&log, 0).await;
    drop(velocity);
    stop(&log).await;
    let so_far = sport(&log).len();

    let fails_early = || async {
        let mut velocity = client.velocity()?;
        velocity.set(FORWARD).await?;
        walk(&log, so_far).await;
        Err::<(), Box<dyn std::error::Error>>("something".into())
    };
    assert!(fails_early().await.is_err());
    drop(client);
    assert_eq!(closed(&log).await, "the client left");
    assert!(sport(&log).len() > so_far && walked_and_stopped(&log), "{:?}", sport(&log));
    let again = connect(robot.address().ip().to_string()).await.unwrap();
    again.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_with_code_and_meaning() {
    let (robot, client) = start().await;
    let refused = client.call(Request::sport(9999)).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused { code: 3203, meaning } if !meaning.is_empty()));
    assert!(client.stand_up().await.is_ok());
    client.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_begin_at_any_time_count_what_they_miss_and_end_when_dropped() {
    let (robot, client) = start().await;
    let log = robot.log();
    let said = |kind: &'static str| {
        move |entry: &serde_json::Value| {
            entry["msg"]["type"] == kind && entry["msg"]["topic"] == "rt/lf/lowstate"
        }
    };
    let mut first = client.subscribe::<LowState>();
    let mut second = client.subscribe::<LowState>();
    log.wait_for(0, LIMIT, said("subscribe")).await.unwrap();
    tokio::time::timeout(LIMIT, first.next()).await.unwrap().unwrap();
    // More come than wait for whoever does not look.
    for _ in 0..12 {
        tokio::time::timeout(LIMIT, first.next()).await.unwrap().unwrap();
    }
    assert_eq!(first.missed(), 0);
    tokio::time::timeout(LIMIT, second.next()).await.unwrap().unwrap();
    assert!(second.missed() >= 4, "{}", second.missed());
    drop(first);
    tokio::time::timeout(LIMIT, second.next()).await.unwrap().unwrap();
    assert!(!log.entries().iter().any(said("unsubscribe")));
    drop(second);
    log.wait_for(0, LIMIT, said("unsubscribe")).await.unwrap();
    client.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn video_is_on_while_somebody_takes_it() {
    let (robot, client) = start().await;
    let log = robot.log();
    let mut video = client.video();
    let unit = tokio::time::timeout(LIMIT, video.next()).await.unwrap().unwrap();
    assert_eq!(unit.size, (1280, 720));
    let other = client.video();
    drop(video);
    drop(other);
    log.wait_for(0, LIMIT, |entry| entry["event"] == "video" && entry["on"] == false)
        .await
        .unwrap();
    client.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_robot_is_a_typed_reason() {
    let nobody = robot().bind;
    let reason = connect(nobody.to_string()).await.err().unwrap();
    let expected = ConnectError::Signaling(SignalingError::Unreachable(nobody));
    assert_eq!(reason, DisconnectReason::Connect(expected));
    assert_eq!(reason.code(), Some(ErrorCode::Unreachable));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_trying_waits_for_the_robot_and_sees_it_go_and_come_back() {
    let options = robot();
    let patient = Options::new(options.bind.to_string()).keep_trying(true);
    let connecting = tokio::spawn(connect(patient));
    let robot = Robot::start(options.clone()).await.unwrap();
    let client = tokio::time::timeout(LIMIT, connecting).await.unwrap().unwrap().unwrap();
    let mut status = client.status();
    let live = |status: &go2_client::Status| status.session.is_some();
    assert!(live(&status.wait_for(live).await.unwrap()));
    robot.stop().await;
    let lost = status.wait_for(|status| status.session.is_none() && !status.is_heard);
    drop(tokio::time::timeout(LIMIT, lost).await.unwrap().unwrap());
    assert!(client.velocity().unwrap().set(FORWARD).await.is_err());
    let robot = Robot::start(options).await.unwrap();
    let back = status.wait_for(|status| status.state == LinkState::Live);
    let back = tokio::time::timeout(LIMIT, back).await.unwrap().unwrap().clone();
    assert_eq!(back.session, Some(2));
    client.close().await;
    robot.stop().await;
}
