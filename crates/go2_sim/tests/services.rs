//! Requests to the services over the wire, and the ways in which they go wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod wire;

use clap::Parser as _;
use go2_proto::codec::topics;
use go2_sim::body::Posture;
use go2_sim::{Options, Robot};
use serde_json::{json, Value};
use wire::{options, Client, LIMIT};

impl Client {
    /// Asks a service without waiting.
    async fn ask(&mut self, id: i64, service: &str, api_id: i64, parameter: &str) {
        let header = json!({"identity": {"id": id, "api_id": api_id}});
        let data = json!({"header": header, "parameter": parameter});
        self.say("req", &format!("rt/api/{service}/request"), data).await;
    }

    /// Id, status and data of the next answer.
    async fn answer(&mut self) -> (Option<i64>, i64, String) {
        let answer = self.text("res").await;
        let header = &answer["data"]["header"];
        let data = answer["data"]["data"].as_str().unwrap().to_owned();
        (header["identity"]["id"].as_i64(), header["status"]["code"].as_i64().unwrap(), data)
    }

    /// The next message of a topic, decoded where it is JSON in a string.
    async fn state(&mut self, topic: &str) -> Value {
        loop {
            let message = self.text("msg").await;
            if message["topic"] == topic {
                let data = &message["data"];
                return data.as_str().map_or(data.clone(), |s| serde_json::from_str(s).unwrap());
            }
        }
    }

    /// Stands up and waits until the robot stands.
    async fn stand(&mut self) {
        self.ask(9000, "sport", 1002, "").await;
        assert_eq!(self.answer().await.1, 0);
        self.subscribe(topics::SPORT_MODE_STATE).await;
        while self.state(topics::SPORT_MODE_STATE).await["body_height"].as_f64().unwrap() < 0.31 {}
    }

    /// Pushes the stick forward with every state, and says whether the robot walks within a second.
    async fn sticks_walk(&mut self) -> bool {
        for _ in 0..20 {
            let sticks = json!({"lx": 0.0, "ly": 0.5, "rx": 0.0, "ry": 0.0, "keys": 0});
            self.say("msg", topics::WIRELESS_CONTROLLER, sticks).await;
            if self.state(topics::SPORT_MODE_STATE).await["velocity"][0].as_f64().unwrap() > 0.1 {
                return true;
            }
        }
        false
    }
}

async fn robot(arguments: &[&str]) -> Robot {
    let arguments = ["go2_sim"].iter().chain(arguments);
    let Options { bind, probe_every, encrypted_port, .. } = options();
    let options = Options::try_parse_from(arguments).unwrap();
    Robot::start(Options { bind, probe_every, encrypted_port, ..options }).await.unwrap()
}

fn success(id: i64, data: &str) -> (Option<i64>, i64, String) {
    (Some(id), 0, data.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_answers_and_what_is_not_there_does_not() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    client.ask(1, "gas_sensor", 1002, "").await;
    client.ask(2, "motion_switcher", 1001, "").await;
    assert_eq!(client.answer().await, success(2, r#"{"form":"0","name":"mcf"}"#));
    client.ask(3, "obstacles_avoid", 1002, "").await;
    assert_eq!(client.answer().await, success(3, r#"{"enable":true}"#));
    client.ask(4, "vui", 1004, "").await;
    assert_eq!(client.answer().await, success(4, r#"{"volume":5}"#));
    client.ask(5, "audiohub", 1001, "{}").await;
    assert_eq!(client.answer().await, success(5, r#"{"audio_list":[]}"#));
    client.ask(6, "robot_state", 1003, "").await;
    assert!(client.answer().await.2.contains("vui_service"));
    client.ask(7, "bashrunner", 1001, r#"{"script":"get_whole_packet_version.sh"}"#).await;
    assert_eq!(client.answer().await, (None, 0, r#"{"info":"1.1.11"}"#.to_owned()));
    client.ask(8, "sport", 1013, r#"{"data":0}"#).await;
    assert_eq!(client.answer().await, (Some(8), 3203, String::new()));
    client.ask(9, "videohub", 1002, "").await;
    assert_eq!(client.answer().await.1, 3203);
    let nothing = json!({"header": {"identity": {"id": 10}}, "parameter": ""});
    client.say("req", topics::SPORT_REQUEST, nothing).await;
    let refused = (Some(10), 3203, "Please provide app id".to_owned());
    assert_eq!(client.answer().await, refused);
    let requests = robot.log().of("request");
    let topics: Vec<_> = requests.iter().map(|entry| entry["topic"].as_str().unwrap()).collect();
    assert_eq!((topics.len(), topics[0]), (9, topics::MOTION_SWITCHER_REQUEST));
    assert_eq!(robot.log().of("unknown_service").len(), 1);
    // A program that is stopped answers no more.
    client.ask(11, "robot_state", 1001, r#"{"name":"vui_service","switch":0}"#).await;
    assert_eq!(client.answer().await.1, 0);
    client.ask(12, "vui", 1004, "").await;
    client.ask(13, "robot_state", 1001, r#"{"name":"vui_service","switch":1}"#).await;
    assert_eq!(client.answer().await.0, Some(13));
    client.subscribe(topics::AUDIOHUB_STATE).await;
    assert_eq!(client.state(topics::AUDIOHUB_STATE).await["play_state"], "not_in_use");
    client.subscribe(topics::SERVICE_STATE).await;
    client.ask(14, "robot_state", 1002, r#"{"interval":0.2,"duration":60}"#).await;
    for _ in 0..2 {
        let programs = client.state(topics::SERVICE_STATE).await;
        assert!(programs.as_array().unwrap().iter().all(|program| program["status"] == 1));
    }
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_mode_answers_late_and_holds_nobody_up() {
    let robot = robot(&["--firmware", "old", "--mode-switch-takes", "1"]).await;
    let mut client = Client::new(&robot).await;
    client.ask(1, "motion_switcher", 1002, r#"{"name":"ai"}"#).await;
    client.ask(2, "sport", 1002, "").await;
    client.ask(3, "motion_switcher", 1001, "").await;
    client.ask(4, "vui", 1004, "").await;
    assert_eq!(client.answer().await, (Some(2), 7002, String::new()));
    assert_eq!(client.answer().await, (Some(3), 7002, String::new()));
    assert_eq!(client.answer().await, success(4, r#"{"volume":5}"#));
    assert_eq!(client.answer().await, success(1, ""));
    client.ask(5, "motion_switcher", 1001, "").await;
    assert_eq!(client.answer().await, success(5, r#"{"form":"0","name":"ai"}"#));
    client.subscribe(topics::SPORT_MODE_STATE).await;
    assert_eq!(client.state(topics::SPORT_MODE_STATE).await["mode"], 1);
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_missing_foreign_twice_late_and_refusing() {
    let robot = robot(&[
        "--never-answers=sport:1002",
        "--never-answers=audiohub",
        "--answers-twice",
        "--foreign-answers",
        "--answer-after=100",
        "--refuse=sport:1004:3202",
    ]);
    let robot = robot.await;
    let mut client = Client::new(&robot).await;
    client.ask(1, "sport", 1002, "").await;
    client.ask(2, "audiohub", 1001, "").await;
    client.ask(3, "sport", 1004, "").await;
    let asked = std::time::Instant::now();
    let foreign = client.answer().await;
    assert!(asked.elapsed().as_millis() >= 90, "{:?}", asked.elapsed());
    assert!(foreign.0.is_some_and(|id| ![1, 2, 3].contains(&id)), "{foreign:?}");
    for _ in 0..2 {
        assert_eq!(client.answer().await, (Some(3), 3202, String::new()));
    }
    let posture = robot.body().lock().unwrap().posture();
    assert_eq!(posture, Posture::Balancing, "1002 was executed and 1004 was not");
    let log = robot.log().of("request");
    let seen: Vec<_> = log.iter().map(|entry| (&entry["code"], &entry["answered"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(seen, [(&json!(0), &no), (&json!(0), &no), (&json!(3202), &yes)]);
    // As a plain message: executed, not answered.
    let stand_down = json!({"header": {"identity": {"id": 4, "api_id": 1005}}, "parameter": ""});
    client.say("msg", topics::SPORT_REQUEST, stand_down).await;
    client.ask(5, "sport", 1009, "").await;
    client.answer().await;
    assert_eq!(client.answer().await, (Some(5), 4206, String::new()), "it lies");
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_told_on_every_change_and_outlive_sessions() {
    let robot = robot(&[]).await;
    let mut client = Client::new(&robot).await;
    client.subscribe(topics::MULTIPLE_STATE).await;
    assert_eq!(client.state(topics::MULTIPLE_STATE).await["volume"], 5);
    for volume in 1..=3 {
        client.ask(volume, "vui", 1003, &format!(r#"{{"volume":{volume}}}"#)).await;
    }
    client.ask(4, "obstacles_avoid", 1001, r#"{"enable":false}"#).await;
    client.ask(5, "vui", 1007, r#"{"color":"red","time":60}"#).await;
    let mut volumes = Vec::new();
    loop {
        let state = client.state(topics::MULTIPLE_STATE).await;
        let volume = state["volume"].as_i64().unwrap();
        if volumes.last() != Some(&volume) {
            volumes.push(volume);
        }
        if state["obstaclesAvoidSwitch"] == false {
            break;
        }
    }
    // State at its usual rate would leave some of these out.
    assert_eq!(volumes[volumes.len() - 3..], [1, 2, 3]);
    let red = |entry: &Value| entry["event"] == "light" && entry["color"] == "red";
    robot.log().wait_for(0, LIMIT, red).await.unwrap();
    client.close(&robot).await;

    let mut client = Client::new(&robot).await;
    client.ask(6, "vui", 1004, "").await;
    assert_eq!(client.answer().await, success(6, r#"{"volume":3}"#));
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sticks_walk_while_the_robot_listens_to_them() {
    let robot = robot(&["--remote"]).await;
    let mut client = Client::new(&robot).await;
    client.subscribe(topics::WIRELESS_CONTROLLER).await;
    assert!(client.state(topics::WIRELESS_CONTROLLER).await["keys"].is_u64());
    client.stand().await;
    assert!(client.sticks_walk().await);
    assert_eq!(robot.log().of("sticks")[0]["ly"], 0.5);
    client.ask(1, "sport", 1027, r#"{"data":false}"#).await;
    while client.state(topics::SPORT_MODE_STATE).await["velocity"][0].as_f64().unwrap() > 0.01 {}
    assert!(!client.sticks_walk().await);
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_connecting_it_may_refuse_to_walk_and_batteries_get_empty() {
    // Of less than 20 % a real robot does not walk at all, and says so.
    let robot = robot(&["--profile=ideal", "--motion-refused-for=3600", "--charge=19"]).await;
    let mut client = Client::new(&robot).await;
    client.stand().await;
    client.ask(1, "sport", 1008, r#"{"x":0.5,"y":0,"z":0}"#).await;
    assert_eq!(client.answer().await, success(1, ""));
    assert!(!client.sticks_walk().await);
    client.ask(2, "sport", 1016, "").await;
    assert_eq!(client.answer().await.1, 4206);
    client.subscribe(topics::LOW_STATE).await;
    assert_eq!(client.state(topics::LOW_STATE).await["bms_state"]["soc"], 19);
    client.close(&robot).await;
    robot.stop().await;
}
