//! The LiDAR over the wire, by a client that says nothing but what the test has it say.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod wire;

use std::time::Duration;

use bytes::Bytes;
use go2_client::transport::Transport as _;
use go2_proto::codec::{topics, Frame};
use go2_proto::session::Received;
use go2_sim::lidar::{Stamps, SWITCH, VOXEL_MAP};
use go2_sim::{Firmware, Generation, Options, Robot};
use serde_json::{json, Value};
use wire::{options, Client, LIMIT};

/// Long enough for three voxel maps.
const QUIET: Duration = Duration::from_millis(400);

impl Client {
    async fn save_traffic(&mut self, save: bool) {
        let instruction = if save { "off" } else { "on" };
        let data = json!({"req_type": "disable_traffic_saving", "instruction": instruction});
        self.say("rtc_inner_req", "", data).await;
        let info = self.text("rtc_inner_req").await;
        assert_eq!(info["info"]["execution"], "ok");
    }

    async fn switch(&mut self, word: &str) {
        self.say("msg", SWITCH, word.into()).await;
    }

    /// The next binary message within a time.
    async fn binary(&mut self, limit: Duration) -> Option<Bytes> {
        let next = async {
            loop {
                if let Received::Binary(bytes) = self.0.receive().await.unwrap() {
                    return bytes;
                }
            }
        };
        tokio::time::timeout(limit, next).await.ok()
    }

    async fn map(&mut self) -> (Value, usize) {
        let bytes = self.binary(LIMIT).await.expect("no voxel map");
        let frame = Frame::parse(&bytes).unwrap();
        let head: Value = serde_json::from_slice(&frame.head).unwrap();
        assert_eq!(head["topic"], VOXEL_MAP);
        let bits = lz4_flex::block::decompress(&frame.payload, 80_000).unwrap();
        assert_eq!(head["data"]["src_size"], bits.len());
        let voxels = bits.iter().map(|byte| byte.count_ones() as usize).sum();
        (head["data"].clone(), voxels)
    }
}

/// Waits until the LiDAR was switched.
async fn switched(robot: &Robot, on: bool) {
    let log = robot.log();
    let entry = log.wait_for(0, LIMIT, |entry| entry["event"] == "lidar" && entry["on"] == on);
    entry.await.expect("it was not switched");
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_come_once_all_three_conditions_are_met_and_the_first_command_was_missed() {
    let robot = Robot::start(options()).await.unwrap();
    let mut client = Client::new(&robot).await;
    client.save_traffic(false).await;
    client.subscribe(VOXEL_MAP).await;
    client.switch("ON").await;
    assert!(client.binary(QUIET).await.is_none(), "the first command is not missed");
    assert!(robot.log().of("lidar").is_empty());
    client.switch("ON").await;
    let (head, voxels) = client.map().await;
    assert_eq!(head["width"], json!([128, 128, 38]));
    assert!(voxels > 10_000, "{voxels}");
    switched(&robot, true).await;

    client.save_traffic(true).await;
    assert!(client.binary(QUIET).await.is_none(), "traffic is saved");
    client.save_traffic(false).await;
    client.map().await;

    client.say("unsubscribe", VOXEL_MAP, Value::Null).await;
    client.binary(QUIET).await;
    assert!(client.binary(QUIET).await.is_none(), "nobody listens");
    client.subscribe(VOXEL_MAP).await;
    client.map().await;

    client.switch("off").await;
    switched(&robot, false).await;
    client.binary(Duration::from_millis(50)).await;
    assert!(client.binary(QUIET).await.is_none(), "it is off");
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lidar_stays_on_between_sessions_and_each_misses_its_first_command() {
    let options = Options { lidar_hz: Some(50.0), log_sent: true, ..options() };
    let robot = Robot::start(options).await.unwrap();
    let mut client = Client::new(&robot).await;
    client.subscribe(topics::LIDAR_STATE).await;
    let off = client.text("msg").await;
    let number = |name: &str| off["data"][name].as_f64();
    assert_eq!((number("cloud_frequency"), number("cloud_size")), (Some(0.0), Some(0.0)));
    client.switch("on").await;
    client.switch("on").await;
    switched(&robot, true).await;
    client.close(&robot).await;

    let mut client = Client::new(&robot).await;
    client.save_traffic(false).await;
    client.subscribe(VOXEL_MAP).await;
    client.switch("off").await;
    let mut stamp = 0.0;
    for seq in 0..3 {
        let (head, voxels) = client.map().await;
        let newer = head["stamp"].as_f64().unwrap();
        assert!(newer > stamp);
        stamp = newer;
        let sent = robot.log().of("sent").into_iter().find(|entry| entry["seq"] == seq).unwrap();
        assert_eq!(sent["topic"], VOXEL_MAP);
        // Parsing may lose the last digit.
        assert!((sent["stamp"].as_f64().unwrap() - newer).abs() < 1e-6, "{sent}");
        assert_eq!(sent["voxels"], voxels);
    }
    client.subscribe(topics::LIDAR_STATE).await;
    let on = client.text("msg").await;
    // As real robots tell them.
    assert!((15.2..=15.4).contains(&on["data"]["cloud_frequency"].as_f64().unwrap()), "{on}");
    assert!(on["data"]["cloud_size"].as_u64().unwrap() > 6000, "{on}");
    client.close(&robot).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_firmware_frames_the_map_as_anything_else_and_a_lidar_may_stop() {
    let robot = Robot::start(Options {
        firmware: Some(Firmware::Old),
        generation: Generation::Absent,
        lidar_ignores: 0,
        lidar_stamp: Some(Stamps::Frozen),
        lidar_stops_after: 0.5,
        ..options()
    });
    let robot = robot.await.unwrap();
    let mut client = Client::new(&robot).await;
    client.save_traffic(false).await;
    client.subscribe(VOXEL_MAP).await;
    client.switch("on").await;
    let first = client.binary(LIMIT).await.unwrap();
    assert_eq!(first[4], b'{', "the JSON of the normal framing is at byte 4");
    let (one, two) = (client.map().await.0, client.map().await.0);
    assert_eq!(one["stamp"], two["stamp"]);
    switched(&robot, false).await;
    client.switch("on").await;
    client.map().await;
    let log = robot.log();
    let switched: Vec<_> = log.of("lidar").iter().map(|entry| entry["on"] == true).collect();
    assert_eq!(switched, [true, false, true], "it stops by itself once");
    client.close(&robot).await;
    robot.stop().await;
}
