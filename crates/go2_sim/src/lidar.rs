//! The LiDAR: what it sees of the world, kept in the voxel map that the robot sends. Pure; time is an argument.

mod device; // the switch, stamps, what is sent
mod frame; // the map as bytes
mod grid; // a window of voxels that rolls with the robot

use std::f64::consts::TAU;

pub use device::{Lidar, Scan, Stamps};
pub(crate) use frame::marked;
pub use frame::VoxelFrame;
use grid::{Grid, Voxel};

use crate::options::Firmware;
use crate::world::{World, WALL_HEIGHT};

/// The topic of the map.
pub const VOXEL_MAP: &str = "rt/utlidar/voxel_map_compressed";
/// The topic that switches the LiDAR.
pub const SWITCH: &str = "rt/utlidar/switch";
/// Edge of a voxel in metres.
pub const RESOLUTION: f64 = 0.05;
/// Voxels of the map along x, y and z.
pub const SIZE: [usize; 3] = [128, 128, 38];

/// Where the trunk is in the odometry frame: metres, z above the floor, radians.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Pose {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub yaw: f64,
}

impl Pose {
    /// Where a point of the trunk's frame is.
    fn place(&self, point: [f64; 3]) -> [f64; 3] {
        let (sin, cos) = self.yaw.sin_cos();
        let [x, y, z] = point;
        [self.x + x * cos - y * sin, self.y + x * sin + y * cos, self.z + z]
    }
}

/// The LiDAR in the trunk's frame.
const MOUNT: [f64; 3] = [0.28945, 0.0, -0.046825];
/// How far the map reaches below the trunk.
const BELOW: f64 = 0.9;
const RAYS: u32 = 720;
/// Metres from which all of the rays are needed to meet every voxel.
const FULL_DENSITY: f64 = 2.8;
/// Reaches the corners of the window.
const RANGE: f64 = 5.0;
/// It looks down all around; upwards so far, in degrees: the head leans forward.
const UP: f64 = 20.0;
const UP_LEANING: f64 = 10.0;

/// The voxel map. Once seen, a voxel stays until the window has rolled past it.
#[derive(Debug, Clone)]
pub struct LidarMap {
    seen: Grid,
    /// What the last scan saw of the robot itself; it moves along and leaves no trace.
    own: Vec<Voxel>,
    scans: u64,
}

impl Default for LidarMap {
    fn default() -> Self {
        Self { seen: Grid::new([0; 3]), own: Vec::new(), scans: 0 }
    }
}

impl LidarMap {
    /// Looks around once.
    pub fn scan(&mut self, world: &World, pose: Pose) {
        let corner = [pose.x, pose.y, pose.z - BELOW].map(index);
        self.seen.roll([
            corner[0].saturating_sub(SIZE[0] as i64 / 2),
            corner[1].saturating_sub(SIZE[1] as i64 / 2),
            corner[2],
        ]);
        // The rays of one scan go between those of the last.
        let shift = (self.scans as f64 * 0.618).fract();
        let eye = pose.place(MOUNT);
        for ray in 0..RAYS {
            let bearing = (f64::from(ray) + shift) / f64::from(RAYS) * TAU;
            let up = (UP + UP_LEANING * bearing.cos()).to_radians();
            self.look(world, eye, ray, pose.yaw + bearing, up.tan());
        }
        self.scans += 1;
        self.own = own_body(&pose, self.scans);
    }

    /// One direction: the floor up to the wall, and the wall from the floor to where the LiDAR no longer sees it.
    fn look(&mut self, world: &World, eye: [f64; 3], ray: u32, angle: f64, rise: f64) {
        let (sin, cos) = angle.sin_cos();
        let at = |distance: f64| [index(eye[0] + distance * cos), index(eye[1] + distance * sin)];
        let hit = world.cast([eye[0], eye[1]], angle, RANGE).map(|hit| hit.distance);
        // Near the LiDAR the rays are closer together than voxels are: some need not begin there.
        let near = FULL_DENSITY / f64::from(1 << ray.trailing_zeros().min(3));
        let [first, end] =
            [near, hit.unwrap_or(RANGE)].map(|distance| (distance / RESOLUTION) as u32);
        for distance in (first..end).map(|step| f64::from(step) * RESOLUTION) {
            self.floor(at(distance), distance);
        }
        let Some(distance) = hit else { return };
        let columns = [0.01, 0.06, -0.03].map(|depth| at(distance + depth));
        let shares = [0.97 - 0.06 * distance, 0.5, 0.02];
        let top = index(WALL_HEIGHT.min(eye[2] + distance * rise));
        for z in 0..=top {
            for (column, share) in columns.into_iter().zip(shares) {
                let voxel = [column[0], column[1], z];
                if chance(noise(voxel, 1), share) {
                    self.seen.mark(voxel);
                }
            }
        }
    }

    /// A piece of the floor: the farther the more gaps, and not quite flat.
    fn floor(&mut self, column: [i64; 2], distance: f64) {
        let noise = noise([column[0], column[1], 0], 2);
        if chance(noise, (1.1 - 0.16 * distance).clamp(0.2, 0.9)) {
            for z in match noise & 0x3f {
                0..=31 => -1..=-1,
                32..=47 => 0..=0,
                48..=62 => -1..=0,
                _ => 0..=1,
            } {
                self.seen.mark([column[0], column[1], z]);
            }
        }
    }

    /// The map as the firmware sends it. The stamp is in seconds. `None` never happens with a stamp that is a number.
    pub fn frame(&self, stamp: f64, firmware: Firmware) -> Option<VoxelFrame> {
        let mut grid = self.seen.clone();
        for voxel in &self.own {
            grid.mark(*voxel);
        }
        frame::encode(&grid, stamp, firmware)
    }
}

/// The voxel that a coordinate is in. The same place is always in the same voxel.
fn index(coordinate: f64) -> i64 {
    // Rounding down by hand: the instruction is not in every processor, and this is asked for each voxel.
    let scaled = coordinate / RESOLUTION;
    let towards_zero = scaled as i64;
    towards_zero - i64::from(scaled < towards_zero as f64)
}

/// What the LiDAR sees of the robot that carries it: bits of its legs, belly and head, others in each scan.
fn own_body(pose: &Pose, scan: u64) -> Vec<Voxel> {
    let floor = 0.03 - pose.z;
    let mut points = vec![[0.34, 0.05, 0.05], [0.34, -0.05, 0.05], [0.3, 0.0, 0.08]];
    for (x, y) in [(0.2, 0.142), (0.2, -0.142), (-0.2, 0.142), (-0.2, -0.142)] {
        let knee = x - 0.1;
        points.extend((0..6).map(|step| {
            let down = f64::from(step) / 5.0;
            let bend = 1.0 - (2.0 * down - 1.0).abs();
            [x + (knee - x) * bend, y, down * floor]
        }));
    }
    points.extend((0..7).map(|step| [0.2 - 0.07 * f64::from(step), 0.0, (-0.06f64).max(floor)]));
    let here = |point: [f64; 3]| pose.place(point).map(index);
    let voxels = points.into_iter().map(here);
    voxels.filter(|voxel| chance(noise(*voxel, 3 + scan), 0.6)).collect()
}

/// The same number for the same voxel and salt, and no pattern in it.
fn noise(voxel: Voxel, salt: u64) -> u64 {
    // The indices of any house fit into 21 bits.
    let [x, y, z] = voxel.map(|axis| axis as u64 & 0x1f_ffff);
    let mut mixed = (x | y << 21 | z << 42).wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whether a share of all noises is above this one.
fn chance(noise: u64, share: f64) -> bool {
    ((noise >> 32) as f64) < share * f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
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
}
