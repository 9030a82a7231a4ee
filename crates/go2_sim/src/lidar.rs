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
use crate::profile::LidarFacts;
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
/// Layers of the columns: looked through, and behind something.
const THROUGH: i64 = 0;
const BEHIND: i64 = 1;
/// How far behind its surface a wall counts as unseen, metres.
const THICKNESS: f64 = 0.1;

/// The voxel map. Once seen, a voxel stays until the window has rolled past it.
#[derive(Debug, Clone)]
pub struct LidarMap {
    facts: LidarFacts,
    seen: Grid,
    /// Columns that were looked through, and those that something was in front of, as layers.
    columns: Grid,
    /// What the last scan saw of the robot itself; it moves along and leaves no trace.
    own: Vec<Voxel>,
    scans: u64,
}

impl Default for LidarMap {
    fn default() -> Self {
        Self::new(LidarFacts::default())
    }
}

impl LidarMap {
    /// Nothing seen so far.
    pub fn new(facts: LidarFacts) -> Self {
        let (seen, columns) = (Grid::new([0; 3]), Grid::new([0; 3]));
        Self { facts, seen, columns, own: Vec::new(), scans: 0 }
    }

    /// The voxel that a coordinate is in.
    fn index(&self, coordinate: f64) -> i64 {
        index(coordinate - self.facts.offset)
    }

    /// Looks around once.
    pub fn scan(&mut self, world: &World, pose: Pose) {
        let corner = [pose.x, pose.y, pose.z - BELOW].map(|coordinate| self.index(coordinate));
        let [x, y] = [0, 1].map(|axis| corner[axis].saturating_sub(SIZE[axis] as i64 / 2));
        self.seen.roll([x, y, self.facts.lowest.unwrap_or(corner[2])]);
        self.columns.roll([x, y, THROUGH]);
        // The rays of one scan go between those of the last.
        let shift = (self.scans as f64 * 0.618).fract();
        let eye = pose.place(MOUNT);
        for ray in 0..RAYS {
            let bearing = (f64::from(ray) + shift) / f64::from(RAYS) * TAU;
            let up = (UP + UP_LEANING * bearing.cos()).to_radians();
            self.look(world, eye, ray, pose.yaw + bearing, up.tan());
        }
        self.scans += 1;
        self.own = self.own_body(&pose);
    }

    /// One direction: the floor up to the wall, and the wall from the floor to where the LiDAR no longer sees it.
    fn look(&mut self, world: &World, eye: [f64; 3], ray: u32, angle: f64, rise: f64) {
        let (sin, cos) = angle.sin_cos();
        let offset = self.facts.offset;
        let at = |distance: f64| {
            [eye[0] + distance * cos, eye[1] + distance * sin].map(|place| index(place - offset))
        };
        let hit = world.cast([eye[0], eye[1]], angle, RANGE).map(|hit| hit.distance);
        // Near the LiDAR the rays are closer together than voxels are: some need not begin there.
        let near = FULL_DENSITY / f64::from(1 << ray.trailing_zeros().min(3));
        let [first, end] =
            [near, hit.unwrap_or(RANGE)].map(|distance| (distance / RESOLUTION) as u32);
        for distance in (first..end).map(|step| f64::from(step) * RESOLUTION) {
            self.floor(at(distance), distance);
        }
        if self.facts.filled.is_some() {
            for distance in (0..end).map(|step| f64::from(step) * RESOLUTION) {
                let [x, y] = at(distance);
                self.columns.mark([x, y, THROUGH]);
            }
            let behind = hit.map_or(RANGE, |distance| distance + THICKNESS);
            for step in 0..((RANGE - behind) / RESOLUTION) as u32 {
                let [x, y] = at(behind + f64::from(step) * RESOLUTION);
                self.columns.mark([x, y, BEHIND]);
            }
        }
        let Some(distance) = hit else { return };
        let columns = [0.01, 0.06, -0.03].map(|depth| at(distance + depth));
        let shares = [0.97 - 0.06 * distance, 0.5, 0.02];
        let top = self.index(WALL_HEIGHT.min(eye[2] + distance * rise));
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
                _ => 0..=self.facts.bumps - 1,
            } {
                self.seen.mark([column[0], column[1], z]);
            }
        }
    }

    /// The map as the firmware sends it. The stamp is in seconds. `None` never happens with a stamp that is a number.
    pub fn frame(&self, stamp: f64, firmware: Firmware) -> Option<VoxelFrame> {
        let mut grid = self.seen.clone();
        self.fill(&mut grid);
        self.vanish(&mut grid);
        for voxel in &self.own {
            grid.mark(*voxel);
        }
        frame::encode(&grid, self.facts.offset, stamp, firmware)
    }

    /// Fills what was never seen behind what was.
    fn fill(&self, grid: &mut Grid) {
        let Some([low, high]) = self.facts.filled else { return };
        let (through, behind) = (self.columns.layer(0), self.columns.layer(1));
        let bits: Vec<_> =
            behind.iter().zip(through).map(|(behind, seen)| behind & !seen).collect();
        let lowest = grid.corner()[2];
        for z in 0..SIZE[2] {
            let middle = ((lowest + z as i64) as f64 + 0.5) * RESOLUTION + self.facts.offset;
            if (low..=high).contains(&middle) {
                grid.fill(z, &bits);
            }
        }
    }

    /// Takes some voxels away, others in each map.
    fn vanish(&self, grid: &mut Grid) {
        let mut left = self.facts.vanishing;
        // An empty map has none.
        for attempt in 0..50 * self.facts.vanishing as i64 {
            if left == 0 {
                return;
            }
            let noise = noise([attempt, self.scans as i64, 0], 4);
            let (row, x) = ((noise >> 32) as usize % grid::ROWS, noise as u32 % SIZE[0] as u32);
            left -= usize::from(grid.free_one(row, x));
        }
    }

    /// What the LiDAR sees of the robot that carries it: bits of its legs, belly and head, others in each scan.
    fn own_body(&self, pose: &Pose) -> Vec<Voxel> {
        let here = |point: [f64; 3]| pose.place(point).map(|coordinate| self.index(coordinate));
        let voxels = own_points(pose).into_iter().map(here);
        voxels.filter(|voxel| chance(noise(*voxel, 3 + self.scans), 0.6)).collect()
    }
}

/// The voxel that a coordinate is in. The same place is always in the same voxel.
fn index(coordinate: f64) -> i64 {
    // Rounding down by hand: the instruction is not in every processor, and this is asked for each voxel.
    let scaled = coordinate / RESOLUTION;
    let towards_zero = scaled as i64;
    towards_zero - i64::from(scaled < towards_zero as f64)
}

/// Places of the robot that its LiDAR may see, in the trunk's frame.
fn own_points(pose: &Pose) -> Vec<[f64; 3]> {
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
    points
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
mod tests;
