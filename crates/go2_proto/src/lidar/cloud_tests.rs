use lz4_flex::block::compress;

use super::super::synthetic;
use super::super::{BodyBox, VoxelDecoder};
use super::*;
use crate::codec::Json;
use crate::geometry::Quaternion;

/// Points with x, y and z, of a frame's head and bits.
fn points(head: &str, bits: &[u8], to_frame: &Transform, body: Option<&Body>) -> Vec<[f32; 3]> {
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&Json::from(head.to_string()), &compress(bits)).unwrap();
    // What was there before is replaced, whether longer or shorter.
    let mut out = vec![0xaa; 1 << 20];
    let count = write_points(&grid, to_frame, body, &mut out);
    assert_eq!(out.len(), count * POINT_SIZE);
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
    out.chunks(12).map(|p| [number(&p[..4]), number(&p[4..8]), number(&p[8..])]).collect()
}

/// The same by the definition, each voxel alone in `f64`.
fn expected(head: &str, bits: &[u8], to_frame: &Transform, body: Option<&Body>) -> Vec<[f64; 3]> {
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&Json::from(head.to_string()), &compress(bits)).unwrap();
    let mut points = Vec::new();
    grid.for_each(|x, y, z| {
        let centre = grid.head().centre([x as f64, y as f64, z as f64]);
        let inside = body.is_some_and(|body| {
            let p = body.base_from_odom.apply(centre);
            (0..3).all(|i| (body.shape.min[i]..=body.shape.max[i]).contains(&p[i]))
        });
        if !inside {
            points.push(to_frame.apply(centre));
        }
    });
    points
}

fn same(points: &[[f32; 3]], expected: &[[f64; 3]], tolerance: f64) {
    assert_eq!(points.len(), expected.len());
    for (point, expected) in points.iter().zip(expected) {
        for i in 0..3 {
            let error = (f64::from(point[i]) - expected[i]).abs();
            assert!(error < tolerance, "{point:?} instead of {expected:?}");
        }
    }
}

fn pose(translation: [f64; 3], rpy: [f64; 3]) -> Transform {
    Transform { translation, rotation: Quaternion::from_rpy(rpy) }
}

const TRUNK: BodyBox = BodyBox { min: [-0.45, -0.25, -0.40], max: [0.45, 0.25, 0.20] };

#[test]
fn points_are_the_corners_and_half_a_voxel() {
    let mut bits = vec![0; 77_824];
    bits[0] = 0x80;
    bits[4145] = 0x40;
    bits[77_823] = 0x01;
    let head = r#"{"resolution":0.05,"origin":[-3.2,-3.2,-0.95],"width":[128,128,38]}"#;
    let corners = [[-3.2, -3.2, -0.95], [-2.75, -3.05, -0.85], [3.15, 3.15, 0.90]];
    let middles = corners.map(|corner: [f64; 3]| corner.map(|v| v + 0.025));
    same(&points(head, &bits, &Transform::IDENTITY, None), &middles, 1e-6);
}

#[test]
fn an_empty_window_has_no_points() {
    let bits = vec![0; 77_824];
    assert!(points(&synthetic::head(), &bits, &Transform::IDENTITY, None).is_empty());
}

#[test]
fn a_robot_that_faces_left_has_what_is_left_ahead() {
    // One voxel 1 m to the left of a robot in the window's middle that has turned by a right angle.
    let mut bits = synthetic::Bits::empty();
    bits.set(64, 84, 11);
    let base = pose([0.025, 0.025, 0.3], [0.0, 0.0, std::f64::consts::FRAC_PI_2]).inverse();
    let ahead = points(&synthetic::head(), &bits.bytes, &base, None);
    same(&ahead, &[[1.0, 0.0, -0.3]], 1e-6);
}

#[test]
fn clouds_follow_the_pose_with_roll_and_pitch() {
    let bits = synthetic::room(16_000).bytes;
    let head = synthetic::head();
    for base in [
        pose([0.1, -0.2, 0.32], [0.0, 0.0, 2.5]),
        pose([0.1, -0.2, 0.32], [0.2, -0.3, -1.0]),
        pose([-0.5, 0.4, 0.5], [1.5, 0.7, 3.0]),
    ] {
        let to_frame = base.inverse();
        let points = points(&head, &bits, &to_frame, None);
        assert_eq!(points.len(), 16_000);
        same(&points, &expected(&head, &bits, &to_frame, None), 2e-6);
    }
}

#[test]
fn far_from_the_odometry_frames_origin_nothing_is_lost_in_the_body_frame() {
    let head = r#"{"resolution":0.05,"origin":[70000.3,-90000.7,12.1],"width":[128,128,38]}"#;
    let bits = synthetic::room(16_000).bytes;
    let to_frame = pose([70_003.5, -89_997.5, 12.7], [0.1, 0.2, 0.7]).inverse();
    let points = points(head, &bits, &to_frame, None);
    same(&points, &expected(head, &bits, &to_frame, None), 2e-6);
}

#[test]
fn the_robots_own_body_is_cut_wherever_it_is() {
    let bits = synthetic::room(16_000).bytes;
    let full = vec![0xff; 77_824];
    let head = synthetic::head();
    for base in [
        pose([0.0, 0.0, 0.32], [0.0, 0.0, 0.0]),
        pose([0.01, -0.2, 0.32], [0.0, 0.0, 2.5]),
        pose([0.1, 0.3, 0.4], [0.3, -0.4, -1.0]),
        pose([0.1, 0.3, 0.4], [1.2, 1.0, -2.0]),
        pose([3.1, -3.1, 0.0], [0.1, 0.0, 0.8]), // half outside the window
        pose([9.0, 0.0, 0.3], [0.0, 0.0, 0.0]),  // outside
    ] {
        let body = Body { shape: TRUNK, base_from_odom: base.inverse() };
        for bits in [&bits, &full] {
            let to_frame = pose([0.5, 0.0, 0.0], [0.0, 0.1, 0.0]);
            let points = points(&head, bits, &to_frame, Some(&body));
            same(&points, &expected(&head, bits, &to_frame, Some(&body)), 2e-6);
        }
    }
    // The cut takes something, and not more than the box holds: 0.9 m x 0.5 m x 0.6 m.
    let body = Body { shape: TRUNK, base_from_odom: pose([0.01, 0.02, 0.33], [0.0; 3]).inverse() };
    let left = points(&head, &full, &Transform::IDENTITY, Some(&body)).len();
    assert_eq!(128 * 128 * 38 - left, 18 * 10 * 12);
}

#[test]
fn a_window_without_whole_words_is_cut_as_well() {
    let head = r#"{"resolution":0.1,"origin":[-3.61,-0.32,-0.33],"width":[72,6,6]}"#;
    let bits = vec![0xff; 72 * 6 * 6 / 8];
    for x in [-3.0, 0.0, 2.75, 3.4] {
        let body = Body { shape: TRUNK, base_from_odom: pose([x, 0.0, 0.0], [0.0; 3]).inverse() };
        let points = points(head, &bits, &Transform::IDENTITY, Some(&body));
        same(&points, &expected(head, &bits, &Transform::IDENTITY, Some(&body)), 1e-6);
    }
}

#[test]
fn a_body_box_inside_out_cuts_nothing() {
    let shape = BodyBox { min: TRUNK.max, max: TRUNK.min };
    let body = Body { shape, base_from_odom: Transform::IDENTITY };
    let bits = vec![0xff; 77_824];
    let points = points(&synthetic::head(), &bits, &Transform::IDENTITY, Some(&body));
    assert_eq!(points.len(), 128 * 128 * 38);
}
