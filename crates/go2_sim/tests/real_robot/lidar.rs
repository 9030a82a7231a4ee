//! The LiDAR's map.

use std::collections::BTreeSet;

use go2_client::transport::Transport as _;
use go2_proto::codec::{Frame, Json};
use go2_proto::lidar::VoxelDecoder;
use go2_proto::session::Received;
use go2_sim::lidar::{SWITCH, VOXEL_MAP};
use go2_sim::{Options, Robot};
use serde_json::{json, Value};

use crate::wire::{options, Client, LIMIT};

/// A map: its head and the occupied voxels.
struct Map {
    head: Value,
    voxels: BTreeSet<[usize; 3]>,
}

impl Map {
    fn corner(&self) -> [f64; 3] {
        let origin = |axis: usize| self.head["origin"][axis].as_f64().unwrap();
        [0, 1, 2].map(origin)
    }

    fn in_layer(&self, layer: usize) -> usize {
        self.voxels.iter().filter(|[_, _, z]| *z == layer).count()
    }
}

/// Maps of a robot that stands where it started, once it has looked around.
async fn maps(options: Options, count: usize) -> Vec<Map> {
    let robot = Robot::start(options).await.unwrap();
    let mut client = Client::new(&robot).await;
    client
        .say(
            "rtc_inner_req",
            "",
            json!({"req_type": "disable_traffic_saving", "instruction": "on"}),
        )
        .await;
    client.subscribe(VOXEL_MAP).await;
    client.switch_twice().await;
    let mut maps = Vec::new();
    let mut decoder = VoxelDecoder::default();
    while maps.len() < count {
        let received =
            tokio::time::timeout(LIMIT, client.0.receive()).await.expect("no map").unwrap();
        let Received::Binary(bytes) = received else { continue };
        let frame = Frame::parse(&bytes).unwrap();
        let head: Value = serde_json::from_slice(&frame.head).unwrap();
        let data = Json::from(head["data"].to_string());
        let grid = decoder.decode(&data, &frame.payload).unwrap();
        let mut voxels = BTreeSet::new();
        grid.for_each(|x, y, z| {
            voxels.insert([x, y, z]);
        });
        maps.push(Map { head: head["data"].clone(), voxels });
    }
    client.close(&robot).await;
    robot.stop().await;
    maps
}

impl Client {
    async fn switch_twice(&mut self) {
        self.say("msg", SWITCH, "ON".into()).await;
        self.say("msg", SWITCH, "ON".into()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_where_and_as_large_as_in_every_capture() {
    let map = maps(options(), 1).await.remove(0);
    assert_eq!(map.head["width"], json!([128, 128, 38]));
    assert_eq!(map.head["src_size"], 77_824);
    assert_eq!(map.head["resolution"], 0.05);
    assert_eq!(map.head["frame_id"], "odom");
    let [x, y, z] = map.corner();
    assert_eq!(z, -0.575);
    for side in [x, y] {
        let halves = side / 0.025;
        assert!((halves - halves.round()).abs() < 1e-6 && halves.round() as i64 % 2 != 0, "{side}");
        // The robot is at 0, and its column has index 64.
        assert_eq!(((0.0 - side) / 0.05).floor(), 64.0);
    }
    assert!(map.in_layer(11) > 2000, "the floor: {}", map.in_layer(11));
    assert!(map.in_layer(10) < 100 && map.in_layer(9) < 100, "nothing below it");
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_come_7_7_times_a_second_and_20_voxels_vanish_between_two() {
    let maps = maps(options(), 28).await;
    // By the robot's stamps: when they arrive is the test machine's affair.
    let stamp = |map: &Map| map.head["stamp"].as_f64().unwrap();
    let mut apart: Vec<_> = maps.windows(2).map(|two| stamp(&two[1]) - stamp(&two[0])).collect();
    apart.sort_by(f64::total_cmp);
    let hz = 1.0 / apart[apart.len() / 2];
    assert!((7.2..8.2).contains(&hz), "{hz} Hz");
    for two in maps[20..].windows(2) {
        let vanished = two[0].voxels.difference(&two[1].voxels).count();
        // 20 of the map's, and some that the robot saw of itself.
        assert!((20..80).contains(&vanished), "{vanished}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_seen_behind_walls_is_solid_up_to_the_windows_edge() {
    let map = maps(options(), 10).await.pop().unwrap();
    let edge = |[x, y, _]: &[usize; 3]| *x == 0 || *y == 0 || *x == 127 || *y == 127;
    let at_edge = |layer| map.voxels.iter().filter(|v| edge(v) && v[2] == layer).count();
    // Layers with their middle from 0.12 to 0.73 m: the floor's is 0 m.
    for layer in 14..=25 {
        assert!(map.in_layer(layer) > 2000, "layer {layer}: {}", map.in_layer(layer));
        assert!(at_edge(layer) > 150, "layer {layer}: {}", at_edge(layer));
    }
    for layer in [13, 27, 30] {
        assert!(at_edge(layer) * 4 < at_edge(20), "layer {layer}: {}", at_edge(layer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ideal_robots_window_is_of_whole_voxels() {
    let ideal = Options { profile: go2_sim::Profile::Ideal, ..options() };
    let map = maps(ideal, 1).await.pop().unwrap();
    let off = map.corner().map(|side| (side / 0.05 - (side / 0.05).round()).abs());
    assert!(off.iter().all(|off| *off < 1e-6), "{:?}", map.corner());
}
