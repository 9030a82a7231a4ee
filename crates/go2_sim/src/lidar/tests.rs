//! What is seen of the house, and what real robots make of it.

use super::*;

const STANDING: f64 = 0.32;

fn pose(x: f64, y: f64, yaw: f64) -> Pose {
    Pose { x, y, z: STANDING, yaw }
}

fn after(scans: usize, world: &World, pose: Pose) -> LidarMap {
    let mut map = LidarMap::default();
    (0..scans).for_each(|_| map.scan(world, pose));
    map
}

/// The middles of the occupied voxels.
fn places(map: &LidarMap) -> Vec<[f64; 3]> {
    voxels(&map.seen).into_iter().map(middle).collect()
}

fn voxels(grid: &Grid) -> Vec<Voxel> {
    let [x0, y0, z0] = grid.corner();
    let row = |(row, bits): (usize, &u128)| {
        let (y, z) = ((row % SIZE[1]) as i64, (row / SIZE[1]) as i64);
        let bits = *bits;
        (0..SIZE[0] as i64)
            .filter(move |x| bits << x >> (SIZE[0] - 1) == 1)
            .map(move |x| [x0 + x, y0 + y, z0 + z])
    };
    grid.rows().iter().enumerate().flat_map(row).collect()
}

fn middle(voxel: Voxel) -> [f64; 3] {
    voxel.map(|index| (index as f64 + 0.5) * RESOLUTION)
}

#[test]
fn walls_and_floor_are_where_the_world_has_them() {
    let world = World::house();
    let near_wall = |x: f64, y: f64| {
        let around = [-0.08, 0.0, 0.08];
        around.iter().any(|dx| around.iter().any(|dy| world.is_occupied(x + dx, y + dy)))
    };
    for pose in [pose(0.0, 0.0, 0.0), pose(0.513, -0.337, 2.1)] {
        let places = places(&after(4, &world, pose));
        for [x, y, z] in &places {
            assert!((-0.05..1.9).contains(z), "{z}");
            assert!(*z < 0.1 || near_wall(*x, *y), "nothing is at {x} {y} {z}");
        }
        // Each wall in the window is there at the height of the robot, from wherever it is seen.
        let eye = pose.place(MOUNT);
        for degree in (0..360).step_by(3) {
            let angle = f64::from(degree).to_radians();
            let Some(hit) = world.cast([eye[0], eye[1]], angle, RANGE) else { continue };
            let at = [
                eye[0] + (hit.distance + 0.02) * angle.cos(),
                eye[1] + (hit.distance + 0.02) * angle.sin(),
            ];
            if (at[0] - pose.x).abs() < 3.1 && (at[1] - pose.y).abs() < 3.1 {
                let close = |[x, y, z]: &[f64; 3]| {
                    (x - at[0]).hypot(y - at[1]) < 0.1 && (0.1..0.5).contains(z)
                };
                assert!(places.iter().any(close), "no wall at {at:?}");
            }
        }
    }
}

#[test]
fn the_first_scans_of_the_house_are_as_large_as_those_of_real_rooms() {
    let map = after(3, &World::house(), pose(0.0, 0.0, 0.0));
    let frame = map.frame(0.0, Firmware::New).unwrap();
    assert!((10_000..40_000).contains(&frame.voxels), "{}", frame.voxels);
    assert!((5_000..60_000).contains(&frame.bytes.len()), "{}", frame.bytes.len());
    let corner = map.seen.corner().map(|voxel| voxel as f64 * RESOLUTION);
    assert!((corner[0] + 3.2).abs() < 1e-9 && (corner[1] + 3.2).abs() < 1e-9, "{corner:?}");
    assert!((-0.65..=-0.55).contains(&corner[2]), "the floor is well inside: {corner:?}");
}

#[test]
fn scans_add_up_and_standing_still_changes_little() {
    let world = World::house();
    let mut map = after(20, &world, pose(0.0, 0.0, 0.0));
    let before = voxels(&map.seen);
    map.scan(&world, pose(0.0, 0.0, 0.0));
    let now = voxels(&map.seen);
    assert!(before.iter().all(|voxel| map.seen.holds(*voxel)));
    assert!(now.len() - before.len() < 20, "{} more", now.len() - before.len());
}

#[test]
fn what_is_seen_stays_until_the_window_has_passed_it() {
    let world = World::house();
    let mut map = after(3, &world, pose(0.0, 0.0, 0.0));
    let before = voxels(&map.seen);
    map.scan(&World::empty(), pose(1.02, 0.0, 0.0));
    let (kept, lost): (Vec<_>, Vec<_>) =
        before.into_iter().partition(|voxel| map.seen.holds(*voxel));
    assert!(kept.iter().all(|voxel| middle(*voxel)[0] > -2.2));
    assert!(!lost.is_empty() && lost.iter().all(|voxel| middle(*voxel)[0] < -2.2));
    // It does not come back either.
    map.scan(&World::empty(), pose(0.0, 0.0, 0.0));
    let again = places(&map);
    assert!(again.iter().all(|[x, _, z]| *x > -2.2 || *z < 0.1));
}

#[test]
fn the_robot_sees_itself_where_it_is_and_nowhere_else() {
    let world = World::empty();
    let mut map = LidarMap::default();
    let mut most = 0;
    for step in 0..200 {
        let pose = pose(f64::from(step) * 0.05, 0.013 * f64::from(step), 0.1 * f64::from(step));
        map.scan(&world, pose);
        let (sin, cos) = pose.yaw.sin_cos();
        for voxel in &map.own {
            let [x, y, z] = middle(*voxel);
            let (x, y) = (x - pose.x, y - pose.y);
            let (x, y) = (x * cos + y * sin, y * cos - x * sin);
            assert!(x.abs() < 0.4 && y.abs() < 0.22, "{x} {y}");
            assert!((0.0..STANDING + 0.15).contains(&z), "{z}");
        }
        most = most.max(map.own.iter().filter(|voxel| middle(**voxel)[2] > 0.1).count());
    }
    assert!(places(&map).iter().all(|[_, _, z]| *z < 0.1), "only floor is kept");
    assert!(most > 10, "too little to cut out: {most}");
    let mut grid = map.seen.clone();
    map.own.iter().for_each(|voxel| grid.mark(*voxel));
    let frame = map.frame(0.0, Firmware::New).unwrap();
    assert_eq!(frame.voxels as usize, voxels(&grid).len());
}

fn like_real() -> LidarMap {
    LidarMap::new(crate::Profile::Pro1115.facts().lidar)
}

fn bits(map: &LidarMap) -> Grid {
    let mut grid = map.seen.clone();
    map.fill(&mut grid);
    grid
}

#[test]
fn the_window_of_a_real_robot_does_not_move_up_or_down() {
    let mut map = like_real();
    for z in [0.07, 0.32] {
        map.scan(&World::house(), Pose { z, ..Pose::default() });
        let corner = map.seen.corner().map(|voxel| voxel as f64 * RESOLUTION + 0.025);
        assert!((corner[0] + 3.225).abs() < 1e-9 && (corner[2] + 0.575).abs() < 1e-9, "{corner:?}");
    }
}

#[test]
fn only_what_was_never_seen_is_filled_and_no_more_once_it_is_seen() {
    let world = World::house();
    let mut map = like_real();
    (0..4).for_each(|_| map.scan(&world, pose(0.0, 0.0, 0.0)));
    let (seen, filled) = (voxels(&map.seen).len(), voxels(&bits(&map)).len());
    assert!(filled > seen + 12 * 2000, "{filled} of which {seen} were seen");
    // Nothing is filled that the LiDAR looked through.
    let eye = pose(0.0, 0.0, 0.0).place(MOUNT);
    let grid = bits(&map);
    for degree in 0..360 {
        let angle = f64::from(degree).to_radians();
        let free = world.cast([eye[0], eye[1]], angle, RANGE).map_or(RANGE, |hit| hit.distance);
        let mut distance = 0.1;
        while distance < free - 0.15 {
            let at = [eye[0] + distance * angle.cos(), eye[1] + distance * angle.sin(), 0.4];
            let voxel = at.map(|place| map.index(place));
            assert!(!grid.holds(voxel) || map.seen.holds(voxel), "{at:?}");
            distance += RESOLUTION;
        }
    }
    // Without the walls all of it is seen.
    (0..4).for_each(|_| map.scan(&World::empty(), pose(0.0, 0.0, 0.0)));
    let left = voxels(&bits(&map)).len() - voxels(&map.seen).len();
    assert!(left < 400, "{left}");
}

#[test]
fn voxels_vanish_and_come_back() {
    let mut map = like_real();
    (0..3).for_each(|_| map.scan(&World::house(), pose(0.0, 0.0, 0.0)));
    let whole = voxels(&map.seen);
    let mut missing = std::collections::BTreeSet::new();
    for _ in 0..5 {
        map.scan(&World::empty(), pose(0.0, 0.0, 0.0));
        let mut grid = map.seen.clone();
        map.vanish(&mut grid);
        let gone: Vec<_> = whole.iter().filter(|voxel| !grid.holds(**voxel)).copied().collect();
        assert!((10..=20).contains(&gone.len()), "{}", gone.len());
        missing.extend(gone);
    }
    assert!(missing.len() > 60, "always the same ones");
}
