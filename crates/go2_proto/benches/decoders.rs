//! What decoding costs, for each message.
//!
//!     cargo bench -p go2_proto --bench decoders
//!
//! Without the default features neither the WebRTC engine nor the video decoder is built, which this does not touch.

#![allow(missing_docs, clippy::unwrap_used)] // a benchmark that fails to decode has nothing to say

use std::f64::consts::{PI, TAU};
use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion};
use go2_proto::codec::Json;
use go2_proto::geometry::{Quaternion, Transform};
use go2_proto::lidar::{
    write_points, Body, BodyBox, ScanPose, ScanSettings, Scanner, SurfaceFilter, VoxelDecoder,
};
use go2_proto::state::{LowState, SportModeState, State};

#[allow(dead_code)] // the tests use more of it
#[path = "../src/lidar/synthetic.rs"]
mod synthetic;

fn base_from_odom() -> Transform {
    Transform { translation: [0.1, -0.2, 0.32], rotation: Quaternion::from_rpy([0.03, -0.05, 2.0]) }
        .inverse()
}

const SHAPE: BodyBox = BodyBox { min: [-0.45, -0.25, -0.40], max: [0.45, 0.25, 0.20] };

fn voxels(c: &mut Criterion) {
    let head = Json::from(synthetic::head());
    let body = Body { shape: SHAPE, base_from_odom: base_from_odom() };
    let mut decoder = VoxelDecoder::default();
    let mut points = Vec::new();
    for count in [16_000, 40_000] {
        let payload = synthetic::room(count).payload();
        let what = format!("frame of {count} voxels in {} kB", payload.len() / 1000);
        c.bench_function(&format!("{what} to grid"), |b| {
            b.iter(|| decoder.decode(black_box(&head), black_box(&payload)).unwrap().head().width)
        });
        c.bench_function(&format!("{what} to cloud in base_link without the body"), |b| {
            b.iter(|| {
                let grid = decoder.decode(black_box(&head), black_box(&payload)).unwrap();
                write_points(&grid, &base_from_odom(), Some(&body), &mut points)
            })
        });
    }
}

fn surfaces(c: &mut Criterion) {
    let body = Body { shape: SHAPE, base_from_odom: base_from_odom() };
    let (mut decoder, mut filter) = (VoxelDecoder::default(), SurfaceFilter::default());
    for count in [16_000, 40_000] {
        let payload = synthetic::room(count).payload();
        let grid = decoder.decode(&Json::from(synthetic::head()), &payload).unwrap();
        c.bench_function(&format!("grid of {count} voxels to the surfaces that are seen"), |b| {
            b.iter(|| filter.apply(black_box(&grid), [0.1, -0.2, 0.3], Some(&body)).head().width)
        });
    }
}

fn scan(c: &mut Criterion) {
    let payload = synthetic::room(16_000).payload();
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&Json::from(synthetic::head()), &payload).unwrap();
    let settings = ScanSettings {
        min_height: 0.1,
        max_height: 0.6,
        angle_min: -PI,
        angle_max: PI - TAU / 360.0,
        angle_increment: TAU / 360.0,
        range_min: 0.1,
        range_max: 3.0,
        body: Some(SHAPE),
    };
    let mut scanner = Scanner::new(settings).unwrap();
    let pose = ScanPose { position: [0.1, -0.2], yaw: 2.0, floor: 0.0 };
    c.bench_function("grid of 16000 voxels to scan of 360 beams", |b| {
        b.iter(|| scanner.project(black_box(&grid), black_box(&pose)))
    });
}

fn json(c: &mut Criterion) {
    let motors = [r#"{"q":0.098123,"temperature":40,"lost":0,"reserve":[0,674]}"#; 20].join(",");
    let low = format!(
        r#"{{"imu_state":{{"rpy":[0.008,-0.0075,2.98]}},"motor_state":[{motors}],"bms_state":{{"version_high":1,"version_low":18,"soc":55,"current":-2481,"cycle":56,"bq_ntc":[30,29],"mcu_ntc":[33,32]}},"foot_force":[97,84,81,81],"temperature_ntc1":48,"power_v":28.33}}"#
    );
    let sport = r#"{"stamp":{"sec":1746565669,"nanosec":448350564},"error_code":1013,"mode":0,"progress":0,"gait_type":1,"foot_raise_height":0.09,"imu_state":{"quaternion":[0.999123,0.012345,-0.023456,0.034567],"gyroscope":[0.0123,-0.0234,0.0345],"accelerometer":[0.123,-0.234,9.812],"rpy":[0.0241,-0.0473,0.0686],"temperature":72},"position":[1.23456,-2.34567,0.31953],"body_height":0.32,"velocity":[0.123,-0.045,0.001],"yaw_speed":0.0345,"range_obstacle":[0,0,0,0],"foot_force":[97,84,81,81],"foot_position_body":[0,0,0,0,0,0,0,0,0,0,0,0],"foot_speed_body":[0,0,0,0,0,0,0,0,0,0,0,0]}"#;
    let (low, sport) = (Json::from(low), Json::from(sport.to_string()));
    c.bench_function("JSON to low state", |b| {
        b.iter(|| LowState::decode(black_box(&low)).unwrap())
    });
    c.bench_function("JSON to sport mode state", |b| {
        b.iter(|| SportModeState::decode(black_box(&sport)).unwrap())
    });
}

criterion_group!(benches, voxels, surfaces, scan, json);
criterion_main!(benches);
