//! State messages.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use go2_client::transport::Transport as _;
use go2_proto::codec::topics;
use go2_proto::session::Received;
use go2_sim::Robot;
use serde_json::Value;

use crate::wire::{options, Client, LIMIT};

/// The next texts of a topic, as they are on the wire.
async fn texts(client: &mut Client, topic: &str, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let received = tokio::time::timeout(LIMIT, client.0.receive()).await;
        if let Received::Text(text) = received.expect("silence").unwrap() {
            let text = String::from_utf8(text.to_vec()).unwrap();
            if serde_json::from_str::<Value>(&text).unwrap()["topic"] == topic {
                texts.push(text);
            }
        }
    }
    texts
}

async fn heard(topic: &str, count: usize) -> Vec<String> {
    let robot = Robot::start(options()).await.unwrap();
    let mut client = Client::new(&robot).await;
    client.subscribe(topic).await;
    let texts = texts(&mut client, topic, count).await;
    client.close(&robot).await;
    robot.stop().await;
    texts
}

fn data(text: &str) -> Value {
    let data = serde_json::from_str::<Value>(text).unwrap()["data"].take();
    data.as_str().map_or(data.clone(), |text| serde_json::from_str(text).unwrap())
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

fn seconds(stamp: &Value) -> f64 {
    stamp["sec"].as_f64().unwrap() + stamp["nanosec"].as_f64().unwrap() / 1e9
}

/// Most distances between stamps are this, in milliseconds: a busy machine may be late with the others.
fn assert_steps(stamps: &[f64], step: f64) {
    let steps = stamps.windows(2).map(|pair| (pair[1] - pair[0]) * 1e3);
    let right = steps.filter(|ms| (ms - step).abs() < 0.11).count();
    assert!(right * 2 > stamps.len(), "{right} of {} are {step} ms: {stamps:?}", stamps.len());
}

/// Every number is whole, or has six decimals, or an exponent; none is a zero with decimals.
fn assert_printed(text: &str) {
    let tokens = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let is_number = |token: &&str| token.parse::<f64>().is_ok() && !token.is_empty();
    let mut fractions = 0;
    for number in tokens.filter(is_number) {
        let (digits, exponent) = number.split_once('e').unwrap_or((number, ""));
        let Some((_, decimals)) = digits.split_once('.') else { continue };
        fractions += 1;
        assert_eq!(decimals.len(), 6, "{number}");
        assert!(exponent.is_empty() || exponent.len() >= 3, "{number}");
        assert_ne!(number.parse::<f64>().unwrap(), 0.0, "{number}");
    }
    assert!(fractions > 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_states() {
    let texts = heard(topics::SPORT_MODE_STATE, 60).await;
    texts.iter().for_each(|text| assert_printed(text));
    let states: Vec<_> = texts.iter().map(|text| data(text)).collect();
    assert_steps(&states.iter().map(|state| seconds(&state["stamp"])).collect::<Vec<_>>(), 50.0);
    let (mut norm, mut turning) = (0.0, 0.0);
    for (state, text) in states.iter().zip(&texts) {
        let imu = &state["imu_state"];
        assert!((79..=80).contains(&imu["temperature"].as_i64().unwrap()));
        assert!(imu["quaternion"][0].as_f64().unwrap() < 0.0, "w of the quaternion");
        let gyroscope = numbers(&imu["gyroscope"]);
        assert!(gyroscope.iter().all(|rate| rate.abs() < 0.06), "{gyroscope:?}");
        // Digit for digit.
        let z = text.split("\"gyroscope\":[").nth(1).unwrap().split([',', ']']).nth(2).unwrap();
        assert!(text.contains(&format!("\"yaw_speed\":{z}")), "{text}");
        turning += (gyroscope[0] + 0.004).powi(2) / states.len() as f64;
        let force = numbers(&imu["accelerometer"]);
        norm += force.iter().map(|f| f * f).sum::<f64>().sqrt() / states.len() as f64;

        let velocity = numbers(&state["velocity"]);
        assert!(velocity.iter().all(|v| (1e-9..=1e-6).contains(&v.abs())), "{velocity:?}");
        for zero in ["mode", "progress", "gait_type", "foot_raise_height"] {
            assert_eq!(state[zero].as_f64(), Some(0.0), "{zero}");
        }
        for (zeros, count) in [
            ("range_obstacle", 4),
            ("foot_force", 4),
            ("foot_position_body", 12),
            ("foot_speed_body", 12),
        ] {
            assert_eq!(numbers(&state[zeros]), vec![0.0; count], "{zeros}");
        }
    }
    assert!((9.48..=9.6).contains(&norm), "{norm}");
    assert!((0.005..0.011).contains(&turning.sqrt()), "{}", turning.sqrt());
}

#[tokio::test(flavor = "multi_thread")]
async fn poses_are_those_of_the_motion_states() {
    let robot = Robot::start(options()).await.unwrap();
    let mut client = Client::new(&robot).await;
    for topic in [topics::ROBOT_POSE, topics::SPORT_MODE_STATE] {
        client.subscribe(topic).await;
    }
    let state = data(&texts(&mut client, topics::SPORT_MODE_STATE, 1).await[0]);
    let texts = texts(&mut client, topics::ROBOT_POSE, 60).await;
    client.close(&robot).await;
    robot.stop().await;
    texts.iter().for_each(|text| assert_printed(text));
    let poses: Vec<_> = texts.iter().map(|text| data(text)).collect();
    let stamps: Vec<_> = poses.iter().map(|pose| seconds(&pose["header"]["stamp"])).collect();
    assert_steps(&stamps, 53.3);
    // It lies still.
    let pose = &poses[0]["pose"];
    let of = |part: &str, names: &[&str]| -> Vec<f64> {
        names.iter().map(|name| pose[part][name].as_f64().unwrap()).collect()
    };
    assert_eq!(of("position", &["x", "y", "z"]), numbers(&state["position"]));
    let quaternion = numbers(&state["imu_state"]["quaternion"]);
    assert_eq!(of("orientation", &["w", "x", "y", "z"]), quaternion);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let behind = now - stamps[stamps.len() - 1];
    assert!((0.55..5.0).contains(&behind), "the clock is {behind} s behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn low_states() {
    let texts = heard(topics::LOW_STATE, 3).await;
    let states: Vec<_> = texts.iter().map(|text| data(text)).collect();
    let fields =
        ["bms_state", "foot_force", "imu_state", "motor_state", "power_v", "temperature_ntc1"];
    for (state, text) in states.iter().zip(&texts) {
        assert_printed(text);
        assert_eq!(keys(state), fields);
        assert_eq!(keys(&state["imu_state"]), ["rpy"]);
        let motors = state["motor_state"].as_array().unwrap();
        assert_eq!(motors.len(), 20);
        let temperatures: BTreeSet<_> =
            motors[..12].iter().map(|motor| motor["temperature"].as_i64().unwrap()).collect();
        assert_eq!(temperatures.len(), 12, "all different");
        assert!(temperatures.iter().all(|hot| (31..=58).contains(hot)), "{temperatures:?}");
        for motor in motors {
            assert_eq!(keys(motor), ["lost", "q", "reserve", "temperature"]);
            assert_eq!(motor["reserve"][0], 0);
        }
        for motor in &motors[12..] {
            assert_eq!(
                (&motor["q"], &motor["temperature"], &motor["lost"]),
                (&0.into(), &0.into(), &0.into())
            );
        }
        let current = state["bms_state"]["current"].as_i64().unwrap();
        assert!((-1100..=-1000).contains(&current), "lying: {current}");
    }
    let each = |field: &str| -> Vec<Vec<Value>> {
        let of = |state: &Value| {
            state["motor_state"].as_array().unwrap()[..12]
                .iter()
                .map(|m| m[field].clone())
                .collect()
        };
        states.iter().map(of).collect()
    };
    let lost = each("lost");
    assert!(lost.iter().flatten().all(|lost| (5..=22).contains(&lost.as_i64().unwrap())));
    assert_eq!(lost[0], lost[2], "constant in a session");
    assert_ne!(each("reserve")[0], each("reserve")[2]);
    assert_eq!(states[0]["foot_force"], states[2]["foot_force"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_lidar_switches_player_and_network() {
    let lidar: Vec<_> = heard(topics::LIDAR_STATE, 5).await.iter().map(|text| data(text)).collect();
    for state in &lidar {
        assert_eq!((&state["firmware_version"], &state["sdk_version"]), (&"".into(), &"".into()));
        assert_eq!(state["software_version"], "1.0.0.38");
        assert!((0.0..=5.0).contains(&state["dirty_percentage"].as_f64().unwrap()));
        assert!((248.0..=251.0).contains(&state["imu_frequency"].as_f64().unwrap()));
        assert_eq!(state["error_state"], 0);
    }
    let switches = data(&heard(topics::MULTIPLE_STATE, 1).await[0]);
    assert_eq!(keys(&switches), ["brightness", "obstaclesAvoidSwitch", "uwbSwitch", "volume"]);
    let player = data(&heard(topics::AUDIOHUB_STATE, 1).await[0]);
    let fields =
        ["current_audio_custom_name", "current_audio_unique_id", "is_playing", "play_state"];
    assert_eq!(keys(&player), fields);
    assert_eq!(player["play_state"], "not_in_use");
    let cloud = data(&heard("rt/rtc/state", 1).await[0]);
    assert_eq!(cloud["connection_state"], "not_connected");
    let network = data(&heard("rt/public_network_status", 1).await[0]);
    assert_eq!(network["network_status"], "NetworkStatus.ON_WIFI_CONNECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn rates() {
    let robot = Robot::start(options()).await.unwrap();
    let mut client = Client::new(&robot).await;
    let rates = [
        (topics::LOW_STATE, 0.95, 1.05),
        (topics::SPORT_MODE_STATE, 19.0, 20.2),
        (topics::ROBOT_POSE, 17.8, 18.9),
        (topics::LIDAR_STATE, 4.6, 5.1),
        (topics::MULTIPLE_STATE, 0.95, 1.05),
    ];
    for (topic, ..) in rates {
        client.subscribe(topic).await;
    }
    for topic in ["rt/lowstate", "rt/sportmodestate"] {
        client.subscribe(topic).await;
    }
    let mut counts = std::collections::BTreeMap::<String, (u32, f64, f64)>::new();
    let start = std::time::Instant::now();
    while counts.get(topics::LOW_STATE).is_none_or(|(count, ..)| *count < 9) {
        let message = client.text("msg").await;
        let at = start.elapsed().as_secs_f64();
        let topic = message["topic"].as_str().unwrap().to_owned();
        let count = counts.entry(topic).or_insert((0, at, at));
        (count.0, count.2) = (count.0 + 1, at);
    }
    client.close(&robot).await;
    robot.stop().await;
    for (topic, least, most) in rates {
        let (count, first, last) = counts[topic];
        let rate = f64::from(count - 1) / (last - first);
        assert!((least..=most).contains(&rate), "{topic}: {rate} Hz");
    }
    assert!(!counts.contains_key("rt/lowstate") && !counts.contains_key("rt/sportmodestate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_no_topic_have_none() {
    let robot = Robot::start(options()).await.unwrap();
    let mut client = Client::new(&robot).await;
    let errors = client.text("errors").await;
    assert_eq!(errors.get("topic"), None, "{errors}");
    client.say("heartbeat", "", serde_json::json!({"timeInNum": 1, "timeInStr": "x"})).await;
    let heartbeat = client.text("heartbeat").await;
    assert_eq!(heartbeat.get("topic"), None, "{heartbeat}");
    client.close(&robot).await;
    robot.stop().await;
}
