//! Messages that no client may stumble over.

use std::sync::OnceLock;

use bytes::Bytes;
use go2_proto::codec::Frame;
use serde_json::{json, Value};

use crate::lidar::{marked, SIZE, VOXEL_MAP};

/// Text messages: no JSON, JSON of other shapes, unknown types and topics.
pub const TEXTS: &[&str] = &[
    "",
    "{",
    "null",
    "[1,2,3]",
    r#"{"type":7}"#,
    r#"{"type":"quite new","data":{}}"#,
    r#"{"type":"msg"}"#,
    r#"{"type":"msg","topic":"rt/unknown","data":{}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":7}"#,
    r#"{"type":"res","topic":"rt/api/sport/response","data":{}}"#,
    r#"{"type":"errors","data":"x"}"#,
    r#"{"type":"rtc_inner_req","info":[]}"#,
    r#"{"type":"err","info":{}}"#,
];

/// Text messages with numbers that are none, or that nothing measures, or too few of them.
pub const NUMBERS: &[&str] = &[
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"motor_state":[{"q":0},{"q":0},{"q":0}]}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":NaN}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":1e999,"bms_state":{"soc":50}}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":1e300,"bms_state":{"soc":50}}}"#,
    r#"{"type":"msg","topic":"rt/lf/sportmodestate","data":{"imu_state":{"quaternion":[0,0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}}"#,
    r#"{"type":"msg","topic":"rt/lf/sportmodestate","data":{"imu_state":{"quaternion":[Infinity,0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}}"#,
    r#"{"type":"msg","topic":"rt/utlidar/robot_pose","data":{"pose":{"position":{"x":-Infinity,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}}}}"#,
    r#"{"type":"msg","topic":"rt/utlidar/robot_pose","data":{"pose":{"position":{"x":1,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":0}}}}"#,
];

/// Bytes that are not UTF-8 where text should be.
pub const NOT_UTF8: &[&[u8]] = &[
    b"\xff\xfe\xfd",
    b"{\"type\":\"msg\",\"topic\":\"rt/\xc3\x28\",\"data\":{}}",
    b"\xed\xa0\x80{}",
];

/// A binary message that is longer than any client of a robot can expect: 1.5 MiB.
pub fn oversized() -> Bytes {
    Bytes::from(vec![0x55; 3 << 19])
}

/// Binary messages: cut frames, lengths beyond the end, heads that are not UTF-8.
pub const BINARIES: &[&[u8]] = &[
    b"\x00",
    b"\x02\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00{}",
    b"\xff\xff\x00\x00{}",
    b"\x03\x00\x00\x00\xff\xfe\xfd",
];

/// Voxel maps that are none, in both framings: damaged LZ4, sizes that lie, numbers that no map has.
pub fn voxel_maps() -> &'static [Bytes] {
    static MAPS: OnceLock<Vec<Bytes>> = OnceLock::new();
    MAPS.get_or_init(|| {
        let mut maps: Vec<_> =
            bad_maps().iter().flat_map(|(head, payload)| framed(head, payload)).collect();
        // Good ones that end too early: in the header, in the JSON, in the payload.
        for whole in framed(&head("", Value::Null), &good()) {
            maps.extend([3, 11, 12, 40, whole.len() - 1].map(|length| whole.slice(..length)));
        }
        maps
    })
}

/// The same parts in the old and in the new framing.
fn framed(head: &Value, payload: &[u8]) -> Vec<Bytes> {
    let head = head.to_string();
    let new = marked(head.as_bytes(), payload);
    let old = Frame { head: head.into(), payload: Bytes::copy_from_slice(payload) }.encode();
    [new, old].into_iter().flatten().collect()
}

const GRID: usize = SIZE[0] * SIZE[1] * SIZE[2] / 8;

/// The payload of a map that is right.
fn good() -> Vec<u8> {
    let mut bits = vec![0; GRID];
    bits[GRID / 2] = 0xff;
    lz4_flex::block::compress(&bits)
}

/// The head of a map that is right, but for one field of its data. `null` takes the field away.
fn head(field: &str, value: Value) -> Value {
    let mut data = json!({
        "stamp": 1709106446.54, "frame_id": "odom", "resolution": 0.05, "src_size": GRID,
        "origin": [-3.2, -3.2, -0.6], "width": SIZE,
    });
    match &value {
        Value::Null => drop(data.as_object_mut().map(|data| data.remove(field))),
        _ => data[field] = value,
    }
    json!({"type": "msg", "topic": VOXEL_MAP, "data": data})
}

fn bad_maps() -> Vec<(Value, Vec<u8>)> {
    let right = || head("", Value::Null);
    let zeros = |length| lz4_flex::block::compress(&vec![0; length]);
    let payloads = [
        vec![],
        good()[..good().len() / 2].to_vec(),
        // Fewer and more bytes than the head says.
        zeros(1000),
        zeros(GRID + 1),
        zeros(16 * GRID),
        b"this is not LZ4".to_vec(),
        // A copy from before the beginning, and one that goes on and on.
        vec![0x10, 0x55, 0xff, 0xff],
        [&[0x1f, 0x55, 0x01, 0x00][..], &[0xff; 2000], &[0x00]].concat(),
        vec![0xff; 2000],
    ];
    let fields = [
        ("src_size", json!(0)),
        ("src_size", json!(1000)),
        ("src_size", json!(-1)),
        ("src_size", json!(GRID + 2048)),
        ("src_size", json!(1u64 << 40)),
        ("src_size", json!(u64::MAX)),
        ("src_size", json!("77824")),
        ("src_size", Value::Null),
        ("origin", json!([1e300, 0, 0])),
        ("origin", json!([-1e9, 1e9, 1e9])),
        ("origin", json!([0.0, 0.0])),
        ("origin", json!({"x": 0, "y": 0, "z": 0})),
        ("origin", Value::Null),
        ("resolution", json!(0)),
        ("resolution", json!(-0.05)),
        ("resolution", json!(1e-300)),
        ("resolution", json!(1e300)),
        ("resolution", Value::Null),
        ("width", json!([-128, 128, 38])),
        ("width", json!([0, 0, 0])),
        ("width", json!([128, 128, 39])),
        ("width", json!([65536, 65536, 65536])),
        ("width", json!([u64::MAX, u64::MAX, 2])),
        ("width", json!([128, 128])),
        ("width", json!(128)),
        ("stamp", json!(1e300)),
        ("stamp", json!(-1e18)),
        ("stamp", json!("now")),
    ];
    let elsewhere = |topic: &str, data: Value| json!({"type": "msg", "topic": topic, "data": data});
    let heads = [
        elsewhere("rt/lf/lowstate", right()["data"].clone()),
        elsewhere("rt/unknown", json!({})),
        elsewhere(VOXEL_MAP, json!("text")),
        elsewhere(VOXEL_MAP, json!(null)),
        json!({"type": "res", "topic": VOXEL_MAP, "data": right()["data"]}),
        json!([1, 2, 3]),
    ];
    let payloads = payloads.into_iter().map(|payload| (right(), payload));
    let fields = fields.into_iter().map(|(field, value)| (head(field, value), good()));
    payloads.chain(fields).chain(heads.into_iter().map(|head| (head, good()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_maps_come_in_both_framings_and_are_small_and_all_different() {
        let maps = voxel_maps();
        let marked = maps.iter().filter(|map| map.starts_with(&[2, 0])).count();
        assert_eq!(marked * 2, maps.len());
        assert!(maps.iter().all(|map| map.len() < 8 * 1024));
        let different: std::collections::BTreeSet<_> = maps.iter().collect();
        assert_eq!(different.len(), maps.len());
    }

    #[test]
    fn one_field_makes_the_difference() {
        let payload = good();
        assert_eq!(lz4_flex::block::decompress(&payload, GRID).unwrap().len(), GRID);
        let without = head("origin", Value::Null);
        assert!(without["data"].get("origin").is_none() && without["data"]["stamp"].is_f64());
        assert_eq!(head("resolution", json!(0))["data"]["resolution"], 0);
        assert!(head("", Value::Null)["data"].get("").is_none());
    }
}
