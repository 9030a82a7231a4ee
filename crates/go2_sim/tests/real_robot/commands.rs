//! Requests: answers, their times, and refusals.

use std::time::{Duration, Instant};

use clap::Parser as _;
use go2_proto::codec::topics;
use go2_sim::{Options, Robot};
use serde_json::{json, Value};

use super::wire::{options, Client};

async fn robot(arguments: &[&str]) -> Robot {
    let arguments = ["go2_sim"].iter().chain(arguments);
    let Options { bind, probe_every, encrypted_port, .. } = options();
    let options = Options::try_parse_from(arguments).unwrap();
    Robot::start(Options { bind, probe_every, encrypted_port, ..options }).await.unwrap()
}

/// Asks, and waits for the answer: its status and data, and how long it took.
async fn ask(
    client: &mut Client,
    service: &str,
    api_id: i64,
    parameter: &str,
) -> (i64, String, Duration) {
    let since = Instant::now();
    let id = json!({"identity": {"id": api_id, "api_id": api_id}});
    let data = json!({"header": id, "parameter": parameter});
    client.say("req", &format!("rt/api/{service}/request"), data).await;
    loop {
        let answer = client.text("res").await;
        let header = &answer["data"]["header"];
        if header["identity"]["id"] == api_id {
            let data = answer["data"]["data"].as_str().unwrap_or_default().to_owned();
            return (header["status"]["code"].as_i64().unwrap(), data, since.elapsed());
        }
    }
}

async fn code(client: &mut Client, service: &str, api_id: i64, parameter: &str) -> i64 {
    ask(client, service, api_id, parameter).await.0
}

/// The next state of motion for which this holds.
async fn until(client: &mut Client, holds: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = client.text("msg").await;
        if message["topic"] == topics::SPORT_MODE_STATE && holds(&message["data"]) {
            return message["data"].clone();
        }
    }
}

/// Stands ready to walk.
async fn stand(client: &mut Client) {
    assert_eq!(code(client, "sport", 1002, "").await, 0);
    client.subscribe(topics::SPORT_MODE_STATE).await;
    until(client, |state| {
        state["error_code"] == 1013 && state["body_height"].as_f64().unwrap() > 0.31
    })
    .await;
}

/// Forward velocity: the other axes are not looked at.
fn forward(state: &Value) -> f64 {
    state["velocity"][0].as_f64().unwrap()
}

const WALK: &str = r#"{"x":0.5,"y":0,"z":0}"#;
const STILL: &str = r#"{"x":0,"y":0,"z":0}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_mode_is_mcf_and_normal_is_refused() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    let (status, data, _) = ask(&mut client, "motion_switcher", 1001, "").await;
    assert_eq!((status, data.as_str()), (0, r#"{"form":"0","name":"mcf"}"#));
    for name in ["normal", "ai", "mcf"] {
        let parameter = json!({"name": name}).to_string();
        assert_eq!(code(&mut client, "motion_switcher", 1002, &parameter).await, 7004, "{name}");
    }
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_and_stops_are_answered_and_sitting_down_when_it_is_done() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    stand(&mut client).await;
    for (api_id, parameter) in [(1008, WALK), (1008, STILL), (1003, "")] {
        assert_eq!(code(&mut client, "sport", api_id, parameter).await, 0, "{api_id}");
    }
    until(&mut client, |state| state["error_code"] == 1013).await;
    let (status, _, sat) = ask(&mut client, "sport", 1009, "").await;
    assert_eq!(status, 0);
    assert!((1.1..2.5).contains(&sat.as_secs_f64()), "{sat:?}");
    assert_eq!(code(&mut client, "sport", 1010, "").await, 0);
    // Getting up from sitting ends in standing ready to walk.
    until(&mut client, |state| state["error_code"] == 1013).await;
    let (status, _, lay) = ask(&mut client, "sport", 1005, "").await;
    assert!(status == 0 && lay < Duration::from_millis(1000), "{status} {lay:?}");
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pose_is_refused_to_a_robot_that_moves_or_has_just_connected() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    const ON: &str = r#"{"data":true}"#;
    assert_eq!(code(&mut client, "sport", 1028, ON).await, 401_001);
    stand(&mut client).await;
    tokio::time::sleep(Duration::from_secs(1)).await; // no longer just connected
    assert_eq!(code(&mut client, "sport", 1008, WALK).await, 0);
    until(&mut client, |state| forward(state) > 0.1).await;
    assert_eq!(code(&mut client, "sport", 1028, ON).await, 401_001);
    code(&mut client, "sport", 1008, STILL).await;
    until(&mut client, |state| state["error_code"] == 1013).await;
    assert_eq!(code(&mut client, "sport", 1028, ON).await, 0);
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_ten_seconds_motion_is_refused_to_a_robot_that_stands() {
    let robot = robot(&["--not-ready-for", "4"]).await;
    let mut client = Client::new(&robot).await;
    let connected = Instant::now();
    stand(&mut client).await;
    for (api_id, parameter) in [(1016, ""), (1008, WALK), (1015, r#"{"data":1}"#)] {
        assert_eq!(code(&mut client, "sport", api_id, parameter).await, 3203, "{api_id}");
    }
    for api_id in [1003, 1006] {
        assert_eq!(code(&mut client, "sport", api_id, "").await, 0, "{api_id}");
    }
    assert!(connected.elapsed() < Duration::from_secs(4), "a machine that is too slow for this");
    tokio::time::sleep(Duration::from_secs(4)).await; // that is what it takes
    assert_eq!(code(&mut client, "sport", 1015, r#"{"data":1}"#).await, 0);
    assert_eq!(code(&mut client, "sport", 1016, "").await, 0);
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_are_refused_as_such() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    for api_id in [1013, 1033, 9999] {
        assert_eq!(code(&mut client, "sport", api_id, "").await, 3203, "{api_id}");
    }
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_is_led_walks_on_when_it_is_stopped() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    stand(&mut client).await;
    assert_eq!(code(&mut client, "sport", 2056, r#"{"data":true}"#).await, 0);
    until(&mut client, |state| forward(state) > 0.1).await;
    assert_eq!(code(&mut client, "sport", 1003, "").await, 0);
    for _ in 0..20 {
        let state = until(&mut client, |_| true).await;
        assert!(forward(&state) > 0.1, "{state}");
    }
    assert_eq!(code(&mut client, "sport", 2056, r#"{"data":false}"#).await, 0);
    until(&mut client, |state| forward(state) < 0.05).await;
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_avoidance_is_on_and_wants_to_be_told_whose_commands_it_takes() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    let (status, data, _) = ask(&mut client, "obstacles_avoid", 1002, "").await;
    assert_eq!((status, data.as_str()), (0, r#"{"enable":true}"#));
    stand(&mut client).await;
    const MOVE: &str = r#"{"x":0.5,"y":0,"yaw":0,"mode":0}"#;
    assert_eq!(code(&mut client, "obstacles_avoid", 1003, MOVE).await, 3202);
    let take = r#"{"is_remote_commands_from_api":true}"#;
    assert_eq!(code(&mut client, "obstacles_avoid", 1004, take).await, 0);
    assert_eq!(code(&mut client, "obstacles_avoid", 1003, MOVE).await, 0);
    until(&mut client, |state| forward(state) > 0.1).await;
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_avoidance_takes_its_time_after_the_robot_was_turned_on() {
    let since = Instant::now();
    let robot = robot(&["--avoidance-starts", "3"]).await;
    let mut client = Client::new(&robot).await;
    while robot.log().of("request").is_empty() {
        let id = json!({"identity": {"id": 1, "api_id": 1002}});
        let data = json!({"header": id, "parameter": ""});
        client.say("req", topics::OBSTACLES_AVOID_REQUEST, data).await;
        tokio::time::sleep(Duration::from_millis(200)).await; // between two questions
    }
    assert!(since.elapsed() > Duration::from_secs(3));
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_little_charge_it_does_not_walk_but_gets_up_and_stops() {
    let robot = robot(&["--charge", "19"]).await;
    let mut client = Client::new(&robot).await;
    assert_eq!(code(&mut client, "sport", 1006, "").await, 0);
    client.subscribe(topics::SPORT_MODE_STATE).await;
    until(&mut client, |state| state["body_height"].as_f64().unwrap() > 0.31).await;
    assert_eq!(code(&mut client, "sport", 1008, WALK).await, 4206);
    assert_eq!(code(&mut client, "sport", 1016, "").await, 4206);
    assert_eq!(code(&mut client, "sport", 1003, "").await, 0);
    client.close(&robot).await;
    robot.stop().await;
}
