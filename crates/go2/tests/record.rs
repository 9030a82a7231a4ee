//! `go2 record` against a simulated robot.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::process::Command;

use go2_client::recording::{Pace, Player};
use go2_sim::{Options, Robot};

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_recorded_for_some_seconds() {
    let address = Ipv4Addr::new(127, 78, (std::process::id() % 250) as u8, 1);
    let directory = std::env::temp_dir().join(format!("go2_record_{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("dog.mcap");
    let options = Options {
        bind: address.into(),
        encrypted_port: go2_proto::signaling::ENCRYPTED_PORT,
        plain_port: go2_proto::signaling::PLAIN_PORT,
        ..Options::default()
    };
    let robot = Robot::start(options).await.unwrap();
    let record = |file: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_go2"));
        command.args(["record", &address.to_string(), "--seconds", "4", "--output"]).arg(file);
        let run = move || command.output().unwrap();
        async { tokio::task::spawn_blocking(run).await.unwrap() }
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let output = record(&file).await;
    let (told, progress) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{progress}");
    assert!(told.ends_with(&format!("messages are in {}\n", file.display())), "{told}");
    assert!(progress.contains("live\n") && progress.contains("recording to"), "{progress}");

    // Everything is in it.
    let (_, stepper) = Player::open(&file, Pace::Stepped).unwrap();
    drop(stepper);
    let content = std::fs::read(&file).unwrap();
    for topic in
        ["rt/lf/lowstate", "rt/utlidar/robot_pose", "voxel_map_compressed/binary", "camera/video"]
    {
        let found = content.windows(topic.len()).any(|window| window == topic.as_bytes());
        assert!(found, "{topic}");
    }

    // What is there stays there.
    let output = record(&file).await;
    let complaint = text(output.stderr);
    assert!(!output.status.success() && complaint.contains("is there already"), "{complaint}");
    assert_eq!(std::fs::read(&file).unwrap(), content);
    robot.stop().await;
    std::fs::remove_dir_all(&directory).unwrap();
}
