//! What decoding costs, for each message.
//!
//!     cargo bench -p go2_link --bench decoders --no-default-features
//!
//! Without the default features neither the WebRTC engine nor the video decoder is built, which this does not touch.

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion};
use go2_link::codec::Json;
use go2_link::geometry::{Quaternion, Transform};
use go2_link::lidar::{write_points, Body, BodyBox, VoxelDecoder};

#[allow(dead_code)] // the tests use more of it
#[path = "../src/lidar/synthetic.rs"]
mod synthetic;

fn base_from_odom() -> Transform {
    Transform { translation: [0.1, -0.2, 0.32], rotation: Quaternion::from_rpy([0.03, -0.05, 2.0]) }
        .inverse()
}

fn body() -> Body {
    let shape = BodyBox { min: [-0.45, -0.25, -0.40], max: [0.45, 0.25, 0.20] };
    Body { shape, base_from_odom: base_from_odom() }
}

fn voxels(c: &mut Criterion) {
    let head = Json::from(synthetic::head());
    let mut decoder = VoxelDecoder::default();
    let mut points = Vec::new();
    for count in [16_000, 40_000] {
        let payload = synthetic::room(count).payload();
        let kilobytes = payload.len() / 1000;
        c.bench_function(&format!("{count} voxels of {kilobytes} kB to grid"), |b| {
            b.iter(|| decoder.decode(black_box(&head), black_box(&payload)).unwrap().head().width)
        });
        c.bench_function(&format!("{count} voxels of {kilobytes} kB to cloud"), |b| {
            b.iter(|| {
                let grid = decoder.decode(black_box(&head), black_box(&payload)).unwrap();
                write_points(&grid, &base_from_odom(), Some(&body()), &mut points)
            })
        });
        let grid = decoder.decode(&head, &payload).unwrap();
        c.bench_function(&format!("{count} voxels counted"), |b| {
            b.iter(|| black_box(&grid).count())
        });
    }
}

criterion_group!(benches, voxels);
criterion_main!(benches);
