//! Voxel maps: from a frame's bytes to cloud and scan.

#![no_main]

use bytes::Bytes;
use go2_link::codec::Inbound;
use go2_link::geometry::{Quaternion, Transform};
use go2_link::lidar::{
    write_points, Body, BodyBox, ScanPose, ScanSettings, Scanner, VoxelDecoder, MAX_VOXELS,
};
use libfuzzer_sys::fuzz_target;

const SHAPE: BodyBox = BodyBox { min: [-0.45, -0.25, -0.4], max: [0.45, 0.25, 0.2] };

fuzz_target!(|data: &[u8]| {
    let message = Bytes::copy_from_slice(data);
    let Ok(inbound) = Inbound::from_binary(&message) else { return };
    let payload = inbound.payload.as_deref().unwrap_or_default();
    let mut decoder = VoxelDecoder::default();
    let Ok(grid) = decoder.decode(&inbound.data, payload) else { return };
    let head = *grid.head();
    assert!(head.bytes() * 8 <= MAX_VOXELS && grid.count() <= head.bytes() * 8);

    let middle = head.centre(head.width.map(|side| side as f64 / 2.0));
    let trunk = Transform { translation: middle, rotation: Quaternion::from_rpy([0.1, -0.2, 0.7]) };
    let body = Body { shape: SHAPE, base_from_odom: trunk.inverse() };
    let mut points = Vec::new();
    assert_eq!(write_points(&grid, &Transform::IDENTITY, None, &mut points), grid.count());
    let count = write_points(&grid, &trunk.inverse(), Some(&body), &mut points);
    assert_eq!(points.len(), 12 * count);
    assert!(count <= grid.count());
    for number in points.chunks_exact(4) {
        let number: [u8; 4] = number.try_into().expect("four bytes");
        assert!(f32::from_le_bytes(number).is_finite());
    }

    let settings = ScanSettings {
        min_height: -0.5,
        max_height: 0.5,
        angle_min: -3.0,
        angle_max: 3.0,
        angle_increment: 0.1,
        range_min: 0.1,
        range_max: 3.0,
        body: Some(SHAPE),
    };
    let pose = ScanPose { position: [middle[0], middle[1]], yaw: 0.7, floor: middle[2] };
    let mut scanner = Scanner::new(settings).expect("settings that make a scan");
    let ranges = scanner.project(&grid, &pose);
    assert_eq!(ranges.len(), 61);
    for range in ranges.into_iter().filter(|range| range.is_finite()) {
        assert!((0.1..=3.0).contains(&f64::from(range)), "{range}");
    }
});
