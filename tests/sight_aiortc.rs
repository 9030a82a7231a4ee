//! LiDAR and camera of a robot of another make: see `common/aiortc.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)] // the helpers of tests too

mod common;

use std::time::Duration;

use common::aiortc::{any, at, live, Robot};
use common::LIMIT;
use go2_client::session::{Link, LinkBuilder};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_client::video::Decoder;
use go2_proto::codec::{api, topics, Request};
use go2_proto::lidar::{VoxelDecoder, VoxelGrid};
use go2_proto::session::{Message, RequestError};
use go2_proto::video::AccessUnit;
use serde_json::{json, Value};
use tokio::sync::broadcast;

/// A link to a robot that is to have its LiDAR on, with the frames that come.
async fn sighted(options: &str) -> (Robot, Link, broadcast::Receiver<Message>) {
    let robot = Robot::start(options).await;
    let mut builder = LinkBuilder::default();
    let frames = builder.subscribe(topics::VOXEL_MAP, 256);
    let link = builder.start(WebRtcConnector::new(robot.target()));
    link.set_lidar(true);
    (robot, link, frames)
}

async fn next<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> T {
    let next = tokio::time::timeout(LIMIT, receiver.recv()).await;
    next.expect("nothing comes").expect("some were missed")
}

/// A word that says which voxels of a row of the Python robot's world are leaves: splitmix64, thinned out.
fn leaves(y: i64, z: i64) -> u64 {
    let place = (((y & 0xffff) << 16) | (z & 0xffff)) as u64;
    let n = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let n = n ^ (n >> 31);
    n & n.rotate_left(13) & n.rotate_left(29)
}

/// The Python robot's world, as the head of `go2_lidar.py` describes it.
fn occupied([x, y, z]: [i64; 3]) -> bool {
    let across = (y == -30 || y == 90) && x.abs() <= 60;
    let along = x.abs() == 60 && (-30..=90).contains(&y);
    let leaf = || (16..=20).contains(&z) && (leaves(y, z) >> x.rem_euclid(64)) & 1 == 1;
    z == 0 || (z > 0 && (across || along || leaf()))
}

/// Compares every voxel with what the frame's origin says is there, or with the worked example of the
/// protocol, which is each session's first frame.
fn check_grid(grid: &VoxelGrid<'_>) {
    const EXAMPLE: [[usize; 3]; 3] = [[0, 0, 0], [9, 3, 2], [127, 127, 37]];
    let head = *grid.head();
    assert_eq!((head.width, head.resolution), ([128, 128, 38], 0.05));
    let is_example = head.origin == [-3.2, -3.2, -0.95];
    let first = head.origin.map(|at| ((at + 0.025) / 0.05).round() as i64);
    for (z, y) in (0..38).flat_map(|z| (0..128).map(move |y| (z, y))) {
        for x in 0..128 {
            let place = [x, y, z];
            let expected = if is_example {
                EXAMPLE.contains(&place)
            } else {
                occupied(std::array::from_fn(|i| first[i] + place[i] as i64))
            };
            assert_eq!(grid.is_occupied(x, y, z), expected, "{place:?} from {:?}", head.origin);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voxels_show_the_world_although_the_first_switch_was_ignored() {
    assert_eq!(leaves(0, 16), 0x1040_8240_a200_0000);
    assert_eq!(leaves(-30, 20), 0x0205_0208_1010_8040);
    for framing in ["marker2", "normal"] {
        let (robot, link, mut frames) = sighted(&format!("--lidar-framing {framing}")).await;
        let mut decoder = VoxelDecoder::default();
        let mut origins = Vec::new();
        for number in 0..10 {
            let message = next(&mut frames).await;
            let payload = message.payload.as_deref().unwrap();
            let grid = decoder.decode(&message.data, payload).unwrap();
            check_grid(&grid);
            origins.push(grid.head().origin);
            let shown = robot.sees("voxel_frame", |entry| entry["seq"] == number).await;
            assert_eq!(shown["voxels"], grid.count(), "{framing}");
            assert_eq!(shown["bytes"], payload.len());
        }
        assert!(origins[9] != origins[1], "the robot walks");
        let ignored = robot.log.of("lidar_ignored");
        assert_eq!((ignored.len(), &ignored[0]["data"]), (1, &json!("on")));

        link.set_lidar(false);
        robot.sees("lidar", |entry| entry["on"] == false && entry["by"] == "client").await;
        robot.lets_go(link).await;
        robot.assert_content();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lidar_that_stops_by_itself_is_turned_on_again() {
    let (robot, link, mut frames) = sighted("--lidar-stops-after 1").await;
    let mut stopped = 0.0;
    for _ in 0..2 {
        let own = |entry: &Value| entry["by"] == "itself" && at(entry) > stopped;
        stopped = at(&robot.sees("lidar", own).await);
        let again = robot.sees("voxel_frame", |entry| at(entry) > stopped).await;
        // Two seconds without frames by design; the rest is for a busy machine.
        assert!((1.0..6.0).contains(&(at(&again) - stopped)), "{stopped}: {again}");
        while next(&mut frames).await.received.elapsed() > Duration::from_secs(1) {}
    }
    robot.lets_go(link).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_voxel_frames_are_refused_and_disturb_nothing() {
    let (robot, link, mut frames) = sighted("--bad-voxels --lidar-hz 15").await;
    let mut decoder = VoxelDecoder::default();
    // Good and bad ones take turns. There are 15 kinds of bad ones.
    for number in 0..2 * 20 {
        let message = next(&mut frames).await;
        let payload = message.payload.as_deref().unwrap_or_default();
        let decoded = decoder.decode(&message.data, payload);
        if number % 2 == 0 {
            check_grid(&decoded.unwrap());
        } else {
            let bad = robot.sees("bad_voxel_frame", |entry| entry["seq"] == number / 2).await;
            let error = decoded.err().unwrap_or_else(|| panic!("was accepted: {bad}"));
            eprintln!("{}: {error}", bad["what"]);
        }
    }
    assert_eq!(link.counters().borrow().malformed, 0, "each was of the right framing");
    robot.lets_go(link).await;
    robot.assert_content();
}

/// The Python robot's still picture, as `go2_photo.py` describes it.
fn photo() -> Vec<u8> {
    const LENGTH: usize = 90_001;
    let byte = |i: usize| match i {
        0 => 0xff,
        1 => 0xd8,
        i if i == LENGTH - 2 => 0xff,
        i if i == LENGTH - 1 => 0xd9,
        i => ((7 * i + i / 256) % 251) as u8,
    };
    (0..LENGTH).map(byte).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_comes_whole_or_is_an_error() {
    let limit = Duration::from_secs(5);
    let (robot, client) = live("--sport-hz 100").await;
    // Two at once, whose parts may come in any mixture.
    let ask = || client.link.request(Request::snapshot(), limit);
    for response in <[_; 2]>::from(tokio::join!(ask(), ask())) {
        let response = response.unwrap();
        assert_eq!((response.code, response.api_id), (0, Some(1001)));
        assert!(response.payload == photo(), "{} bytes", response.payload.len());
    }
    assert_eq!(client.link.counters().borrow().malformed, 0);
    robot.bids_farewell(client).await;
    robot.assert_content();

    let limit = Duration::from_secs(2);
    for lost in [1, 3, 6] {
        let (robot, client) = live(&format!("--snapshot-loses-chunk {lost}")).await;
        let answer = client.link.request(Request::snapshot(), limit).await;
        let error = answer.expect_err("a part is missing");
        // Where the last one is lost nothing tells that but time.
        let timed_out = matches!(error, RequestError::Timeout(_));
        assert!(timed_out == (lost == 6), "{lost}: {error:?}");
        assert!(timed_out || matches!(error, RequestError::Garbled), "{lost}: {error:?}");
        let next = client.link.request(Request::sport(api::BALANCE_STAND), limit).await;
        assert_eq!(next.unwrap().code, 0, "life goes on");
        robot.bids_farewell(client).await;
        robot.assert_content();
    }
}

/// A link to a robot that is to show its pictures.
async fn watching(options: &str) -> (Robot, Link, broadcast::Receiver<AccessUnit>) {
    let robot = Robot::start(options).await;
    let builder = LinkBuilder::default();
    let pictures = builder.pictures();
    let link = builder.start(WebRtcConnector::new(robot.target()));
    link.set_video(true);
    (robot, link, pictures)
}

/// The number that the Python robot's pictures show: 32 squares of 16 by 16 from (16, 48) on, white for 1.
fn number_in(luma: &[u8], stride: usize) -> u32 {
    (0..32).fold(0, |number, square| {
        let middle = luma[(48 + 8) * stride + 16 + 16 * square + 8];
        assert!(!(60..=180).contains(&middle), "square {square} is {middle}");
        (number << 1) | u32::from(middle > 180)
    })
}

/// Decodes a picture and reads its number.
fn number_of(decoder: &mut Decoder, unit: &AccessUnit) -> u32 {
    let picture = decoder.decode(unit).unwrap().unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    let planes = picture.planes();
    number_in(planes.y, planes.y_stride)
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_whole_and_none_is_missing() {
    let (robot, link, mut pictures) = watching("--video 640x360@15 --idr-every 1").await;
    let mut decoder = Decoder::new().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 45 {
        let unit = next(&mut pictures).await;
        assert!(unit.keyframe || !seen.is_empty(), "the first one can be decoded");
        let number = number_of(&mut decoder, &unit);
        let sent = robot.sees("frame", |entry| entry["counter"] == number).await;
        assert_eq!(sent["keyframe"], unit.keyframe);
        seen.push((number, unit.timestamp, sent["pts"].as_u64().unwrap()));
    }
    for pair in seen.windows(2) {
        let [(number, time, sent), (next_number, next_time, next_sent)] = *pair else { panic!() };
        assert_eq!(next_number, number + 1);
        assert_eq!(next_time - time, next_sent - sent, "at 90 kHz, after {number:x}");
    }
    let joined = robot.sees("frame", any).await;
    assert_eq!(joined["keyframe"], false, "the stream was joined in the middle");

    link.set_video(false);
    robot.sees("rx", |entry| entry["msg"]["type"] == "vid" && entry["msg"]["data"] == "off").await;
    robot.lets_go(link).await;
    robot.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_heeds_requests_is_asked_for_keyframes() {
    // By itself it would send the first one after five minutes.
    let options = "--video 640x360@15 --idr-every 600 --pli heed";
    let (robot, link, mut pictures) = watching(options).await;
    let mut decoder = Decoder::new().unwrap();
    let first = next(&mut pictures).await;
    assert!(first.keyframe);
    let mut number = number_of(&mut decoder, &first);
    let keyframe = async {
        loop {
            link.request_keyframe();
            let unit = next(&mut pictures).await;
            number += 1;
            assert_eq!(number_of(&mut decoder, &unit), number);
            if unit.keyframe {
                break;
            }
        }
    };
    tokio::time::timeout(LIMIT, keyframe).await.expect("no second keyframe");
    robot.sees("pli", |entry| entry["heeded"] == true).await;
    robot.lets_go(link).await;
    robot.assert_content();
}
