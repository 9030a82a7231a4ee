//! The examples, as somebody would run them.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use common::{closed, robot, stop, walk, LIMIT};
use go2_sim::{Impairment, Options, Robot};
use rustix::process::{kill_process, Pid, Signal};
use tokio::process::{Child, Command};

/// `cargo test` builds them beside this program.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name("examples").join(name);
    assert!(path.exists(), "{} was not built", path.display());
    let mut command = Command::new(path);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn end(child: Child) -> Output {
    tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("it goes on").unwrap()
}

async fn run(name: &str, arguments: &[&str]) -> String {
    let output = end(example(name).args(arguments).spawn().unwrap()).await;
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {out}{err}");
    out
}

async fn start(options: Options) -> (Robot, String) {
    let address = options.bind.to_string();
    (Robot::start(options).await.unwrap(), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn walk_walks_prints_the_battery_and_leaves() {
    let (robot, address) = start(robot()).await;
    let out = run("walk", &[&address]).await;
    assert!(out.starts_with("battery: 28.") && out.ends_with(" V\n"), "{out}");
    stop(&robot.log()).await;
    assert_eq!(closed(&robot.log()).await, "the client left");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walk_stops_the_robot_on_signals() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (robot, address) = start(robot()).await;
        let log = robot.log();
        let child = example("walk").arg(&address).spawn().unwrap();
        walk(&log, 0).await;
        kill_process(Pid::from_raw(child.id().unwrap() as i32).unwrap(), signal).unwrap();
        let output = end(child).await;
        assert_eq!(output.status.code(), Some(1), "{signal:?}");
        stop(&log).await;
        assert_eq!(closed(&log).await, "the client left", "{signal:?}");
        robot.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn walk_stops_the_robot_when_the_link_was_cut() {
    let (robot, address) = start(robot()).await;
    let (log, network) = (robot.log(), robot.network());
    let child = example("walk").arg(&address).spawn().unwrap();
    walk(&log, 0).await;
    let whole = network.get();
    network.set(Impairment { blackout: true, ..whole });
    // A second and a half without a packet; there is no condition to wait for.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    network.set(whole);
    let output = end(child).await;
    assert!(!output.status.success(), "{output:?}");
    stop(&log).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_shows_answers_and_refusals() {
    let (robot, address) = start(robot()).await;
    assert_eq!(run("request", &[&address, "sport", "1004"]).await, "done: \n");
    let refused = run("request", &[&address, "sport", "9999"]).await;
    assert!(refused.starts_with("refused with 3203: "), "{refused}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn camera_and_cloud_write_files() {
    let (robot, address) = start(robot()).await;
    let folder = std::env::temp_dir().join(format!("go2_examples_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (video, cloud) = (path("dog.h264"), path("cloud.ply"));
    let frames = run("camera", &[&address, &video]).await;
    let frames: u32 = frames.strip_suffix(" frames\n").unwrap().parse().unwrap();
    assert!(frames > 20, "{frames}");
    assert!(std::fs::read(&video).unwrap().starts_with(&[0, 0, 0, 1]));
    run("cloud", &[&address, &cloud]).await;
    let ply = std::fs::read_to_string(&cloud).unwrap();
    let count: usize =
        ply.lines().find_map(|line| line.strip_prefix("element vertex ")).unwrap().parse().unwrap();
    assert!(count > 1000 && ply.lines().count() == count + 7, "{count}");
    std::fs::remove_dir_all(folder).unwrap();
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn battery_prints_what_changes() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let (robot, address) = start(robot()).await;
    let mut child = example("battery").arg(&address).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.starts_with("55 %, 28."), "{line}");
    child.kill().await.unwrap();
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_counts_the_states_of_a_recording() {
    let recording =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/walk.mcap");
    let out = run("replay", &[recording.to_str().unwrap()]).await;
    assert!(out.contains(" motion states, at most 0."), "{out}");
}
