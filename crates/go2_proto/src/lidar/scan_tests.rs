use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use lz4_flex::block::compress;

use super::super::synthetic::{self, Bits, Noise, ORIGIN, RESOLUTION, SIDES};
use super::super::VoxelDecoder;
use super::*;
use crate::codec::Json;

const FLOOR: usize = 11;

fn settings() -> ScanSettings {
    ScanSettings {
        min_height: 0.1,
        max_height: 0.5,
        angle_min: -PI,
        angle_max: PI - TAU / 360.0,
        angle_increment: TAU / 360.0,
        range_min: 0.1,
        range_max: 3.1,
        body: None,
    }
}

fn pose(x: f64, y: f64, yaw: f64) -> ScanPose {
    ScanPose { position: [x, y], yaw, floor: 0.0 }
}

fn scan(settings: ScanSettings, bits: &Bits, pose: ScanPose) -> Vec<f32> {
    let mut decoder = VoxelDecoder::default();
    let head = Json::from(synthetic::head());
    let grid = decoder.decode(&head, &compress(&bits.bytes)).unwrap();
    Scanner::new(settings).unwrap().project(&grid, &pose)
}

/// One beam straight ahead.
fn ahead(settings: ScanSettings, bits: &Bits, pose: ScanPose) -> f32 {
    let settings = ScanSettings { angle_min: 0.0, angle_max: 0.0, ..settings };
    let ranges = scan(settings, bits, pose);
    assert_eq!(ranges.len(), 1);
    ranges[0]
}

fn cell(metres: f64, axis: usize) -> usize {
    ((metres - ORIGIN[axis]) / RESOLUTION).floor() as usize
}

/// A pillar of one cell from the floor to the top.
fn pillar(bits: &mut Bits, x: f64, y: f64) {
    (FLOOR..SIDES[2]).for_each(|z| bits.set(cell(x, 0), cell(y, 1), z));
}

#[test]
fn walls_of_a_room_are_where_they_are_at_every_yaw() {
    // Walls through the middles of their cells, the robot where no border is.
    let (left, right, front, back) = (-1.975, 2.525, 1.725, -2.225);
    let mut bits = Bits::empty();
    for i in 0..SIDES[0] {
        let at = ORIGIN[0] + (i as f64 + 0.5) * RESOLUTION;
        if (left..=right).contains(&at) {
            pillar(&mut bits, at, front);
            pillar(&mut bits, at, back);
        }
        if (back..=front).contains(&at) {
            pillar(&mut bits, left, at);
            pillar(&mut bits, right, at);
        }
    }
    // A floor that does not count.
    (0..128).for_each(|x| (0..128).for_each(|y| bits.set(x, y, FLOOR)));
    for yaw in [0.0, 0.3, 1.0, FRAC_PI_2, 2.5, -3.0, -FRAC_PI_4] {
        let (x, y) = (0.131, -0.217);
        let settings = ScanSettings { range_max: 6.0, ..settings() };
        let ranges = scan(settings, &bits, pose(x, y, yaw));
        assert_eq!(ranges.len(), 360);
        for (i, range) in ranges.iter().enumerate() {
            let angle = yaw - PI + i as f64 * TAU / 360.0;
            let (hit_x, hit_y) =
                (x + f64::from(*range) * angle.cos(), y + f64::from(*range) * angle.sin());
            let error = (hit_x - left).min(right - hit_x).min(hit_y - back).min(front - hit_y);
            assert!(error.abs() <= RESOLUTION / 2.0 + 1e-6, "yaw {yaw}, {angle}: {error} m");
        }
    }
}

#[test]
fn ranges_are_unbiased_whatever_the_walls_place_in_its_cell() {
    let mut sum = 0.0;
    let steps = 50;
    for i in 0..steps {
        let wall = 1.5 + RESOLUTION * (f64::from(i) + 0.5) / f64::from(steps);
        let mut bits = Bits::empty();
        (0..20).for_each(|y| pillar(&mut bits, wall, -0.5 + f64::from(y) * RESOLUTION));
        let range = ahead(settings(), &bits, pose(0.01, 0.01, 0.0));
        let error = f64::from(range) + 0.01 - wall;
        assert!(error.abs() <= RESOLUTION / 2.0, "{error}");
        sum += error;
    }
    assert!((sum / f64::from(steps)).abs() < 1e-4, "{sum}");
}

#[test]
fn slanting_walls_are_met_within_a_voxel_and_without_bias() {
    // x cos 30 + y sin 30 = 1.6.
    let (normal_x, normal_y) = (PI / 6.0).sin_cos();
    let (normal_x, normal_y) = (normal_y, normal_x);
    let mut bits = Bits::empty();
    for i in -30_000..30_000 {
        let along = f64::from(i) * 1e-4;
        let (x, y) = (1.6 * normal_x - along * normal_y, 1.6 * normal_y + along * normal_x);
        if x.abs() < 3.1 && y.abs() < 3.1 {
            pillar(&mut bits, x, y);
        }
    }
    let mut errors = Vec::new();
    for i in 0..200 {
        let yaw = PI / 6.0 - 0.5 + 0.005 * f64::from(i);
        let range = f64::from(ahead(settings(), &bits, pose(0.013, 0.021, yaw)));
        let (x, y) = (0.013 + range * yaw.cos(), 0.021 + range * yaw.sin());
        errors.push(x * normal_x + y * normal_y - 1.6);
    }
    assert!(errors.iter().all(|error| error.abs() <= RESOLUTION), "{errors:?}");
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    // The first cell that the wall touches is met, so that slanting walls come out a little near.
    assert!((-0.4 * RESOLUTION..=0.1 * RESOLUTION).contains(&mean), "{mean}");
}

#[test]
fn only_the_band_over_the_floor_counts() {
    let mut bits = Bits::empty();
    for (x, z) in [(1.0, 0.05), (1.5, 0.1), (2.0, 0.5), (2.5, 0.55)] {
        // Middles of layers are multiples of the resolution here.
        bits.set(cell(x, 0), cell(0.0, 1), FLOOR + (z / RESOLUTION).round() as usize);
    }
    let range = |min_height: f64, max_height: f64, floor: f64| {
        let settings = ScanSettings { min_height, max_height, ..settings() };
        ahead(settings, &bits, ScanPose { floor, ..pose(0.0, 0.0, 0.0) })
    };
    assert!((range(0.02, 0.52, 0.0) - 1.025).abs() < 1e-6, "all but the highest");
    assert!((range(0.07, 0.52, 0.0) - 1.525).abs() < 1e-6, "without the lowest");
    assert!((range(0.12, 0.52, 0.0) - 2.025).abs() < 1e-6);
    assert!((range(0.02, 0.52, 0.4) - 2.025).abs() < 1e-6, "on a floor that is higher");
    assert!((range(0.52, 9.0, 0.0) - 2.525).abs() < 1e-6, "up to above the window");
    assert!((range(-9.0, 0.07, 0.0) - 1.025).abs() < 1e-6, "from below the window");
    assert_eq!(range(0.2, 0.3, 0.0), f32::INFINITY);
    assert_eq!(range(5.0, 9.0, 0.0), f32::INFINITY);
    assert_eq!(range(-9.0, -5.0, 0.0), f32::INFINITY);
}

#[test]
fn the_robot_is_no_obstacle_to_itself_at_any_yaw() {
    let body = BodyBox { min: [-0.4, -0.2, 0.0], max: [0.4, 0.2, 0.5] };
    let mut bits = Bits::empty();
    for (i, j) in (0..128).flat_map(|i| (0..128).map(move |j| (i, j))) {
        (14..18).for_each(|z| bits.set(i, j, z));
    }
    for yaw in [0.0, 0.6, 2.0, -1.3] {
        let settings = ScanSettings { body: Some(body), ..settings() };
        let ranges = scan(settings, &bits, pose(0.31, -0.42, yaw));
        // Everything else is occupied, so that each beam shows the border of the body.
        for (i, range) in ranges.iter().enumerate() {
            let angle = -PI + i as f64 * TAU / 360.0;
            let (x, y) = (f64::from(*range) * angle.cos(), f64::from(*range) * angle.sin());
            let beyond = (x.abs() - 0.4).max(y.abs() - 0.2) / RESOLUTION;
            assert!((-0.71..1.42).contains(&beyond), "yaw {yaw}, {angle}: {beyond} voxels");
        }
    }
    let without = scan(settings(), &bits, pose(0.31, -0.42, 0.6));
    assert!(without.iter().all(|range| *range == f32::NEG_INFINITY));
}

#[test]
fn nothing_unknown_and_too_near_are_told_apart() {
    let range = |bits: &Bits, yaw: f64, range_max: f64| {
        ahead(ScanSettings { range_max, ..settings() }, bits, pose(0.0, 0.0, yaw))
    };
    let empty = Bits::empty();
    // The window ends 3.2 m ahead and 4.5 m across the corner.
    assert_eq!(range(&empty, 0.0, 3.1), f32::INFINITY);
    assert!(range(&empty, 0.0, 3.3).is_nan());
    assert!(range(&empty, PI, 3.3).is_nan());
    assert_eq!(range(&empty, FRAC_PI_4, 4.4), f32::INFINITY);
    assert!(range(&empty, FRAC_PI_4, 4.6).is_nan());

    let mut bits = Bits::empty();
    pillar(&mut bits, 2.0, 0.0);
    assert!((range(&bits, 0.0, 3.3) - 2.025).abs() < 1e-6);
    assert_eq!(range(&bits, 0.0, 1.9), f32::INFINITY, "beyond range_max");
    assert_eq!(range(&bits, 0.0, 2.01), f32::INFINITY, "it begins before, its middle is beyond");

    let near = |range_min: f64| {
        ahead(ScanSettings { range_min, ..settings() }, &bits, pose(1.8, 0.01, 0.0))
    };
    assert!((near(0.2) - 0.225).abs() < 1e-6);
    assert_eq!(near(0.3), f32::NEG_INFINITY);
    // In an occupied cell there is something near in every direction.
    let within = scan(ScanSettings { range_min: 0.1, ..settings() }, &bits, pose(2.02, 0.02, 0.0));
    assert!(within.iter().all(|range| *range == f32::NEG_INFINITY));
}

#[test]
fn a_sensor_outside_the_window_knows_nothing() {
    let mut bits = Bits::empty();
    pillar(&mut bits, 3.0, 0.0);
    for (x, y) in [(3.3, 0.0), (-3.3, 0.0), (0.0, 99.0), (0.0, -3.3), (f64::NAN, 0.0), (1e300, 0.0)]
    {
        let ranges = scan(settings(), &bits, pose(x, y, 3.0));
        assert!(ranges.iter().all(|range| range.is_nan()), "{x}, {y}");
    }
}

#[test]
fn beams_meet_the_same_cells_as_walking_in_small_steps() {
    let mut noise = Noise(3);
    let mut bits = Bits::empty();
    for _ in 0..400 {
        bits.set(noise.below(128), noise.below(128), 15);
    }
    let occupied = |x: f64, y: f64| {
        let (x, y) = (cell(x, 0), cell(y, 1));
        let bit = (15 * SIDES[1] + y) * SIDES[0] + x;
        bits.bytes[bit / 8] & (0x80 >> (bit % 8)) != 0
    };
    let (x, y, yaw) = (0.412, -0.333, 0.123);
    let settings = ScanSettings { range_min: 0.0, range_max: 2.5, ..settings() };
    let ranges = scan(settings, &bits, pose(x, y, yaw));
    let mut hits = 0;
    for (i, range) in ranges.iter().enumerate() {
        let angle = yaw - PI + i as f64 * TAU / 360.0;
        let at = |way: f64| occupied(x + way * angle.cos(), y + way * angle.sin());
        let step = 1e-4;
        let ways = || (0..25_000).map(|i| f64::from(i) * step);
        let Some(first) = ways().find(|way| at(*way)) else {
            assert_eq!(*range, f32::INFINITY, "beam {i}");
            continue;
        };
        let last = ways().skip_while(|way| *way < first).find(|way| !at(*way)).unwrap_or(2.5);
        let range = f64::from(*range);
        if range.is_finite() {
            assert!(range > first - step && range < last + step, "beam {i}: {range}, {first}");
            hits += 1;
        }
    }
    assert!(hits > 100, "{hits}");
}

#[test]
fn a_window_without_whole_words_is_scanned_as_well() {
    let mut decoder = VoxelDecoder::default();
    let head = r#"{"resolution":0.1,"origin":[0,0,0],"width":[24,4,1]}"#;
    // The last cell of the third row.
    let bits = [0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0, 0, 0];
    let grid = decoder.decode(&Json::from(head.to_string()), &compress(&bits)).unwrap();
    let settings = ScanSettings { angle_min: 0.0, angle_max: 0.0, min_height: 0.0, ..settings() };
    let mut scanner = Scanner::new(settings).unwrap();
    let range = scanner.project(&grid, &pose(0.55, 0.25, 0.0))[0];
    assert!((range - 1.8).abs() < 1e-6, "{range}");
    assert!(scanner.project(&grid, &pose(0.55, 0.15, 0.0))[0].is_nan());
}

#[test]
fn settings_make_beams_or_say_why_not() {
    let angles = |angle_min: f64, angle_max: f64, angle_increment: f64| {
        let settings = ScanSettings { angle_min, angle_max, angle_increment, ..settings() };
        Scanner::new(settings).map(|scanner| (scanner.beams, scanner.settings().angle_max))
    };
    assert_eq!(angles(-PI, PI, PI / 180.0).unwrap().0, 361);
    assert_eq!(angles(0.0, 0.3, 0.1).unwrap().0, 4);
    let (beams, last) = angles(0.0, 1.0, 0.3).unwrap();
    assert!(beams == 4 && (last - 0.9).abs() < 1e-12, "{beams}, {last}");
    assert!(angles(-PI, PI, TAU / 8191.0).is_ok());
    for (min, max, increment) in [
        (0.0, 1.0, 0.0),
        (0.0, 1.0, -0.1),
        (1.0, 0.0, 0.1),
        (0.0, 1.0, 1e-9),
        (-4.0, 4.0, 0.1),
        (f64::NAN, 1.0, 0.1),
        (0.0, f64::INFINITY, 0.1),
        (0.0, 1.0, f64::NAN),
    ] {
        let error = angles(min, max, increment).unwrap_err();
        assert!(matches!(error, ScanError::Angles { .. }), "{error}");
    }
    let with = |settings: ScanSettings| Scanner::new(settings).unwrap_err();
    assert_eq!(
        with(ScanSettings { min_height: 0.5, max_height: 0.1, ..settings() }),
        ScanError::Heights(0.5, 0.1)
    );
    assert_eq!(with(ScanSettings { range_min: -0.1, ..settings() }), ScanError::Ranges(-0.1, 3.1));
    let backwards = with(ScanSettings { range_min: 4.0, ..settings() });
    assert!(backwards.to_string().starts_with("ranges from 4 m to 3.1 m"), "{backwards}");
}
