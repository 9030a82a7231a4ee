//! LiDAR frames: the head, the compressed voxels, and what is made of them.
//!
//! The input is a binary message; where it is none, three bytes of sides and a compressed block.

#![no_main]

use bytes::Bytes;
use go2_proto::codec::{Inbound, Json};
use go2_proto::geometry::{Quaternion, Transform};
use go2_proto::lidar::{
    write_points, Body, BodyBox, ScanPose, ScanSettings, Scanner, VoxelDecoder, VoxelGrid,
    MAX_SIDE, MAX_VOXELS, POINT_SIZE,
};
use libfuzzer_sys::fuzz_target;

const RANGES: (f64, f64) = (0.1, 5.0);
const BODY: BodyBox = BodyBox { min: [-0.45, -0.25, -0.4], max: [0.45, 0.25, 0.2] };

fuzz_target!(|data: &[u8]| {
    let mut decoder = VoxelDecoder::default();
    if let Ok(message) = Inbound::from_binary(&Bytes::copy_from_slice(data)) {
        let payload = message.payload.as_ref().expect("a frame has a payload");
        if let Ok(grid) = decoder.decode(&message.data, payload) {
            check(&grid);
        }
    } else if let [x, y, z, block @ ..] = data {
        let sides = (8 * usize::from(*x % 65), 2 * usize::from(*y), usize::from(*z));
        let (x, y, z) = sides;
        let head =
            format!("{{\"resolution\":0.05,\"origin\":[-3.2,-3.2,-0.5],\"width\":[{x},{y},{z}]}}");
        if let Ok(grid) = decoder.decode(&Json::from(head), block) {
            assert_eq!(grid.head().width, [x, y, z]);
            check(&grid);
        }
    }
});

fn check(grid: &VoxelGrid<'_>) {
    let head = grid.head();
    assert!(head.width.iter().all(|side| (1..=MAX_SIDE).contains(side)));
    let voxels = head.width.iter().product::<usize>();
    assert!(8 * head.bytes() == voxels && voxels <= MAX_VOXELS);

    let mut visited = 0;
    let mut last = None;
    grid.for_each(|x, y, z| {
        assert!(grid.is_occupied(x, y, z));
        assert!(last < Some((z, y, x)));
        last = Some((z, y, x));
        visited += 1;
    });
    assert_eq!(visited, grid.count());

    let mut points = Vec::new();
    assert_eq!(write_points(grid, &Transform::IDENTITY, None, &mut points), visited);
    assert_eq!(points.len(), POINT_SIZE * visited);
    let inside = |number: &[u8; 4], axis: usize| {
        let number = f64::from(f32::from_le_bytes(*number));
        let (from, side) = (head.origin[axis], head.width[axis] as f64 * head.resolution);
        // Far out, `f32` has steps of centimetres.
        let slack = from.abs() * 1e-6 + 1e-3;
        (from - slack..=from + side + slack).contains(&number)
    };
    for point in points.as_chunks::<POINT_SIZE>().0 {
        let (numbers, _) = point.as_chunks::<4>();
        assert!(numbers.iter().enumerate().all(|(axis, number)| inside(number, axis)));
    }

    let middle = head.centre(head.width.map(|side| side as f64 / 2.0));
    let pose = Transform { translation: middle, rotation: Quaternion::from_rpy([0.1, -0.2, 1.0]) };
    let body = Body { shape: BODY, base_from_odom: pose.inverse() };
    assert!(write_points(grid, &pose.inverse(), Some(&body), &mut points) <= visited);
    check_scan(grid, middle);
}

fn check_scan(grid: &VoxelGrid<'_>, middle: [f64; 3]) {
    let settings = ScanSettings {
        min_height: 0.1,
        max_height: 0.6,
        angle_min: -3.0,
        angle_max: 3.0,
        angle_increment: 0.05,
        range_min: RANGES.0,
        range_max: RANGES.1,
        body: Some(BODY),
    };
    let mut scanner = Scanner::new(settings).expect("settings that make a scan");
    let [x, y, z] = middle;
    let ranges = scanner.project(grid, &ScanPose { position: [x, y], yaw: 1.0, floor: z - 0.3 });
    assert_eq!(ranges.len(), 121);
    let (min, max) = (RANGES.0 as f32, RANGES.1 as f32);
    for range in ranges {
        assert!(!range.is_finite() || (min..=max).contains(&range), "{range}");
    }
}
