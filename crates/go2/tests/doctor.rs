//! `go2 doctor` against simulated robots, well and ill.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use go2_sim::{Failure, Generation, LidarFailure, Mishap, Options, Robot, Span, Validation, SOON};
use serde_json::Value;

const KEY: &str = "00112233445566778899aabbccddeeff";

/// What it printed, and its exit status.
struct Told {
    status: i32,
    output: String,
    complaint: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.output)
            .unwrap_or_else(|_| panic!("{}{}", self.output, self.complaint))
    }
}

fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let process = (std::process::id() % 250) as u8 + 1;
    IpAddr::from([127, 78, process, NEXT.fetch_add(1, Ordering::Relaxed)])
}

fn options() -> Options {
    Options { bind: address(), ..Options::default() }
}

async fn doctor(robot: SocketAddr, key: &str, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_go2"));
    command.env_remove("GO2_ICE_CREDENTIAL").env("GO2_AES_128_KEY", key);
    let port = robot.port().to_string();
    command.args([
        "doctor",
        &robot.ip().to_string(),
        "--encrypted-port",
        &port,
        "--plain-port",
        "1",
    ]);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    Told { status, output: text(output.stdout), complaint: text(output.stderr) }
}

/// The steps with their outcomes.
fn outcomes(told: &Told) -> Vec<(String, String)> {
    let json = told.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = json["steps"].as_array().unwrap();
    steps.iter().map(|step| (text(&step["step"]), text(&step["outcome"]))).collect()
}

/// The one that failed, its section, and what is said.
fn failure(told: &Told) -> (String, String, String) {
    let json = told.json();
    assert_eq!((told.status, &json["ok"]), (1, &Value::Bool(false)), "{json}");
    let steps = json["steps"].as_array().unwrap();
    let failed = steps.iter().find(|step| step["outcome"] == "failed").unwrap();
    let text = |name: &str| failed[name].as_str().unwrap_or_default().to_owned();
    (text("step"), text("section"), text("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_is_well_passes_every_step() {
    let robot = Robot::start(options()).await.unwrap();
    let told = doctor(robot.address(), "", &["--json"]).await;
    assert_eq!(told.status, 0, "{}", told.output);
    let outcomes = outcomes(&told);
    let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome != "passed").collect();
    assert!(failed.is_empty(), "{}", told.output);
    let steps: Vec<_> = outcomes.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps[..4], ["address", "TCP port", "con_notify", "offer"]);
    assert_eq!(steps[4..8], ["ICE", "DTLS", "data channel", "validation"]);
    assert!(steps.ends_with(&["LiDAR", "camera"]), "{steps:?}");
    let json = told.json();
    let camera = json["steps"].as_array().unwrap().last().unwrap();
    let text = camera["text"].as_str().unwrap();
    assert!(text.starts_with("60 of 60 pictures of 1280 x 720, 1"), "{text}");
    assert!(text.contains(" a second (H.264 ") && text.contains("; SPS 67 "), "{text}");
    // It leaves the robot to others.
    let closed = robot.log().wait_for(0, SOON, |entry| entry["event"] == "closed").await;
    assert_eq!(closed.unwrap()["reason"], "the client left");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_lines_and_can_leave_things_out() {
    let robot = Robot::start(options()).await.unwrap();
    let told = doctor(robot.address(), "", &["--no-lidar", "--no-camera"]).await;
    assert_eq!(told.status, 0, "{}", told.output);
    assert!(told.output.contains("data2 = 2: opened with the key common to"), "{}", told.output);
    assert!(told.output.contains("battery ") && told.output.ends_with("all is well\n"));
    assert!(!told.output.contains("FAILED"));
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_comes_from_a_file_or_the_environment_and_is_not_shown() {
    let key = KEY.parse().unwrap();
    let three = Options { generation: Generation::Three, key: Some(key), ..options() };
    let robot = Robot::start(three).await.unwrap();
    let file = std::env::temp_dir().join(format!("go2-doctor-key-{}", std::process::id()));
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let file = file.to_str().unwrap();
    let few = ["--no-lidar", "--no-camera", "--json"];
    for (variable, arguments) in [(KEY, vec![]), ("", vec!["--key-file", file])] {
        let told = doctor(robot.address(), variable, &[&few[..], &arguments].concat()).await;
        assert_eq!(told.status, 0, "{}", told.output);
        assert!(told.output.contains("the robot's own key"), "{}", told.output);
        assert!(!told.output.contains(KEY) && !told.complaint.contains(KEY));
    }
    std::fs::remove_file(file).unwrap();

    let (step, section, _) = failure(&doctor(robot.address(), "", &["--json"]).await);
    assert_eq!((step.as_str(), section.as_str()), ("con_notify", "GO2-KEY-NEEDED"));
    let other = KEY.replace('0', "f");
    let told = doctor(robot.address(), &other, &["--json"]).await;
    let (step, section, _) = failure(&told);
    assert_eq!((step.as_str(), section.as_str()), ("con_notify", "GO2-KEY-REJECTED"));
    let rest = &outcomes(&told)[3..];
    assert!(rest.iter().all(|(_, outcome)| outcome == "not_tried"), "{rest:?}");
    let told = doctor(robot.address(), "no key", &[]).await;
    assert!(told.status == 1 && told.complaint.contains("32 hexadecimal"), "{}", told.complaint);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_that_fails_is_named_with_its_section() {
    let nobody = SocketAddr::new(address(), 9);
    let (step, section, text) = failure(&doctor(nobody, "", &["--json"]).await);
    assert_eq!((step.as_str(), section.as_str()), ("TCP port", "GO2-UNREACHABLE"));
    assert!(text.contains(&nobody.ip().to_string()), "{text}");

    let robot = Robot::start(options()).await.unwrap();
    for (mishap, step, section) in [
        (Mishap::Notify(Failure::Status(403)), "con_notify", "GO2-REFUSED"),
        (Mishap::Notify(Failure::NotBase64), "con_notify", "GO2-NOTICE-MALFORMED"),
        (Mishap::Notify(Failure::UnknownData2), "con_notify", "GO2-ENCRYPTION-UNKNOWN"),
        (Mishap::Offer(Failure::Status(429)), "offer", "GO2-THROTTLED"),
        (Mishap::Offer(Failure::Undecryptable), "offer", "GO2-ANSWER-UNUSABLE"),
        (Mishap::Offer(Failure::Reject), "offer", "GO2-BUSY"),
    ] {
        robot.mishaps().begin(mishap, Span::Times(1));
        let told = doctor(robot.address(), "", &["--json"]).await;
        let (failed, named, _) = failure(&told);
        assert_eq!((failed.as_str(), named.as_str()), (step, section), "{}", told.output);
    }
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_validation_and_a_silent_lidar_are_named() {
    let refusing = Options { validation: Validation::Refuse, ..options() };
    let robot = Robot::start(refusing).await.unwrap();
    let (step, section, _) = failure(&doctor(robot.address(), "", &["--json"]).await);
    assert_eq!((step.as_str(), section.as_str()), ("validation", "GO2-VALIDATION-REFUSED"));
    robot.stop().await;

    let robot = Robot::start(Options { lidar_ignores: 1000, ..options() }).await.unwrap();
    let told = doctor(robot.address(), "", &["--no-camera", "--seconds", "3"]).await;
    assert_eq!(told.status, 1, "{}", told.output);
    assert!(told.output.contains("docs/troubleshooting.md#go2-no-lidar"), "{}", told.output);
    assert!(told.output.ends_with("failed: LiDAR\n"), "{}", told.output);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_lidar_and_one_that_is_well_without_frames_need_a_power_cycle() {
    let robot = Robot::start(options()).await.unwrap();
    let few = ["--no-camera", "--seconds", "4"];
    let dead = robot.mishaps().begin(Mishap::Lidar(LidarFailure::Dead), Span::Open);
    let told = doctor(robot.address(), "", &few).await;
    assert_eq!(told.status, 1, "{}", told.output);
    assert!(
        told.output.contains("the LiDAR reports error 6: switch the robot off"),
        "{}",
        told.output
    );
    assert!(told.output.ends_with("failed: rt/utlidar/lidar_state, LiDAR\n"), "{}", told.output);
    robot.mishaps().end(dead);

    robot.mishaps().begin(Mishap::Lidar(LidarFailure::NoFrames), Span::Open);
    let told = doctor(robot.address(), "", &few).await;
    assert!(told.output.contains("says that it is well, but sends no frame"), "{}", told.output);
    assert!(told.output.contains("power-cycle"), "{}", told.output);
    assert!(told.output.ends_with("failed: LiDAR\n"), "{}", told.output);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_blocked_is_named() {
    let nowhere = Some([127, 250, 250, 250].into());
    let robot = Robot::start(Options { only_via: nowhere, ..options() }).await.unwrap();
    let (step, section, _) = failure(&doctor(robot.address(), "", &["--json"]).await);
    assert_eq!((step.as_str(), section.as_str()), ("ICE", "GO2-ICE-NO-PATH"));
    robot.stop().await;
}
