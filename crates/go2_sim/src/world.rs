//! The house that the robot is in: an occupancy grid whose walls stand on a flat floor. Pure.
//!
//! Its frame is the map's, which is also the robot's odometry frame: metres, the robot starts at (0, 0).

mod map_file;

use std::path::Path;

pub use map_file::WorldError;

/// Height of every wall above the floor in metres.
pub const WALL_HEIGHT: f64 = 2.0;

/// Which side of a wall a ray hits, by its outward normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Face {
    PosX,
    NegX,
    PosY,
    NegY,
}

/// Where a ray hits a wall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Metres from the ray's start.
    pub distance: f64,
    /// Where on the face: the coordinate of the hit, in metres, on the axis along the face.
    pub along: f64,
    /// The side that is hit.
    pub face: Face,
}

/// An occupancy grid. Cells that the map does not know are empty, and so is all that is outside it.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    resolution: f64,
    /// Where the outer corner of cell (0, 0) is.
    origin: [f64; 2],
    size: [usize; 2],
    /// Row by row, from the least y.
    occupied: Vec<bool>,
}

impl World {
    /// Reads an ordinary ROS map: the YAML file of a map_server and the PGM or PNG image that it names.
    /// Only trinary maps that are not turned.
    pub fn load(yaml: &Path) -> Result<Self, WorldError> {
        map_file::load(yaml)
    }

    /// The house that comes with the robot: three rooms, 12 x 10 m.
    pub fn house() -> Self {
        let yaml = include_str!("../maps/house.yaml");
        // A test reads it; an empty world is what a broken one would become.
        map_file::read(yaml, include_bytes!("../maps/house.pgm")).unwrap_or_else(|_| Self::empty())
    }

    /// A floor without walls.
    pub fn empty() -> Self {
        Self { resolution: 0.05, origin: [0.0; 2], size: [0; 2], occupied: Vec::new() }
    }

    /// Whether a wall is there. Metres.
    pub fn is_occupied(&self, x: f64, y: f64) -> bool {
        let [Some(column), Some(row)] = [(x, 0), (y, 1)].map(|(value, axis)| {
            let cell = ((value - self.origin[axis]) / self.resolution).floor();
            (cell >= 0.0 && cell < self.size[axis] as f64).then_some(cell as usize)
        }) else {
            return false;
        };
        self.occupied[row * self.size[0] + column]
    }

    /// The first wall that a ray from a point in a direction (radians, counter-clockwise from x) hits within `limit`
    /// metres. A ray that starts within a wall hits it at once, on the side that faces the ray.
    pub fn cast(&self, from: [f64; 2], angle: f64, limit: f64) -> Option<Hit> {
        let finite = [from[0], from[1], angle].iter().all(|value| value.is_finite());
        if !finite || limit.is_nan() {
            return None;
        }
        let (sin, cos) = angle.sin_cos();
        let direction = [cos, sin];
        // In cells from here on.
        let limit = limit / self.resolution;
        let start = [0, 1].map(|axis| (from[axis] - self.origin[axis]) / self.resolution);
        let (entry, mut axis, leave) = self.clip(start, direction)?;
        let last = leave.min(limit);
        if entry > last {
            return None;
        }
        let mut distance = entry;
        let cell = [0, 1].map(|axis| {
            let at = (start[axis] + entry * direction[axis]).floor();
            (at.max(0.0) as usize).min(self.size[axis] - 1)
        });
        let [mut column, mut row] = cell;
        let [step_x, step_y] = direction.map(|d| if d < 0.0 { -1.0 } else { 1.0 });
        // The edges at which the ray leaves its cell, and how far they are: from the start each time, so that errors do
        // not add up.
        let [mut edge_x, mut edge_y] =
            [0, 1].map(|axis| cell[axis] as f64 + f64::from(direction[axis] >= 0.0));
        // Never reached, rather than 0 times infinity.
        let [per_x, per_y] = direction.map(|d| if d == 0.0 { f64::MAX } else { d.recip() });
        let [mut next_x, mut next_y] = [(edge_x - start[0]) * per_x, (edge_y - start[1]) * per_y];
        while !self.occupied[row * self.size[0] + column] {
            if next_x <= next_y {
                axis = 0;
                distance = next_x;
                column = if step_x < 0.0 { column.wrapping_sub(1) } else { column + 1 };
                edge_x += step_x;
                next_x = (edge_x - start[0]) * per_x;
            } else {
                axis = 1;
                distance = next_y;
                row = if step_y < 0.0 { row.wrapping_sub(1) } else { row + 1 };
                edge_y += step_y;
                next_y = (edge_y - start[1]) * per_y;
            }
            if distance > last || column >= self.size[0] || row >= self.size[1] {
                return None;
            }
        }
        Some(self.hit(from, direction, axis, distance))
    }

    /// Where a ray enters the grid, through which axis, and where it leaves it, in cells.
    fn clip(&self, start: [f64; 2], direction: [f64; 2]) -> Option<(f64, usize, f64)> {
        // A start within a wall faces the side that the ray is most against.
        let mut axis = usize::from(direction[1].abs() > direction[0].abs());
        let (mut entry, mut leave) = (0.0, f64::INFINITY);
        for i in 0..2 {
            let size = self.size[i] as f64;
            if direction[i] == 0.0 {
                if start[i] < 0.0 || start[i] >= size {
                    return None;
                }
                continue;
            }
            let sides = [-start[i] / direction[i], (size - start[i]) / direction[i]];
            let near = sides[0].min(sides[1]);
            if near > entry {
                (entry, axis) = (near, i);
            }
            leave = f64::min(leave, sides[0].max(sides[1]));
        }
        (entry < leave).then_some((entry, axis, leave))
    }

    fn hit(&self, from: [f64; 2], direction: [f64; 2], axis: usize, cells: f64) -> Hit {
        let distance = (cells * self.resolution).max(0.0);
        let face = match (axis, direction[axis] < 0.0) {
            (0, true) => Face::PosX,
            (0, false) => Face::NegX,
            (_, true) => Face::PosY,
            (_, false) => Face::NegY,
        };
        let other = 1 - axis;
        Hit { distance, along: from[other] + distance * direction[other], face }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI, TAU};

    use super::*;

    /// Cells of 1 m from (-2, -1): a wall in cell (3, 1), which is x 1..2, y 0..1.
    fn block() -> World {
        let mut occupied = vec![false; 5 * 3];
        occupied[5 + 3] = true;
        World { resolution: 1.0, origin: [-2.0, -1.0], size: [5, 3], occupied }
    }

    fn close(hit: Option<Hit>, distance: f64, along: f64, face: Face) {
        let hit = hit.expect("no wall");
        assert!((hit.distance - distance).abs() < 1e-9, "{hit:?}");
        assert!((hit.along - along).abs() < 1e-9, "{hit:?}");
        assert_eq!(hit.face, face);
    }

    #[test]
    fn every_side_of_a_wall_is_hit_where_it_is() {
        let world = block();
        close(world.cast([0.0, 0.5], 0.0, 9.0), 1.0, 0.5, Face::NegX);
        close(world.cast([2.9, 0.25], PI, 9.0), 0.9, 0.25, Face::PosX);
        close(world.cast([1.5, -0.5], FRAC_PI_2, 9.0), 0.5, 1.5, Face::NegY);
        close(world.cast([1.5, 1.75], -FRAC_PI_2, 9.0), 0.75, 1.5, Face::PosY);
        let diagonal = 0.5f64.atan2(1.0);
        close(world.cast([0.0, 0.0], diagonal, 9.0), 1.25f64.sqrt(), 0.5, Face::NegX);
    }

    #[test]
    fn a_ray_ends_at_its_limit_and_at_the_edge_of_the_world() {
        let world = block();
        assert!(world.cast([0.0, 0.5], 0.0, 0.99).is_none());
        assert!(world.cast([0.0, 0.5], 0.0, 1.01).is_some());
        for angle in [FRAC_PI_2, PI, -FRAC_PI_2, 2.5] {
            assert!(world.cast([0.0, 0.5], angle, f64::INFINITY).is_none(), "{angle}");
        }
        assert!(World::empty().cast([0.0, 0.0], 0.3, f64::INFINITY).is_none());
    }

    #[test]
    fn a_ray_may_start_outside_the_world_or_within_a_wall() {
        let world = block();
        close(world.cast([-1000.0, 0.5], 0.0, 2000.0), 1001.0, 0.5, Face::NegX);
        close(world.cast([1.5, 50.0], -FRAC_PI_2, 100.0), 49.0, 1.5, Face::PosY);
        assert!(world.cast([-1000.0, 0.5], PI, f64::INFINITY).is_none());
        assert!(world.cast([-1000.0, 7.0], 0.0, f64::INFINITY).is_none());
        close(world.cast([1.25, 0.5], 0.1, 9.0), 0.0, 0.5, Face::NegX);
    }

    #[test]
    fn what_is_not_a_number_hits_nothing() {
        let world = block();
        assert!(world.cast([f64::NAN, 0.5], 0.0, 9.0).is_none());
        assert!(world.cast([-2.0, 0.5], f64::NAN, 9.0).is_none());
        assert!(world.cast([0.0, 0.5], 0.0, f64::NAN).is_none());
        assert!(world.cast([f64::INFINITY, 0.5], PI, f64::INFINITY).is_none());
        assert!(!world.is_occupied(f64::NAN, 0.5) && !world.is_occupied(1e300, 0.5));
    }

    /// Small steps along the ray instead of cells.
    fn march(world: &World, from: [f64; 2], angle: f64, limit: f64) -> Option<f64> {
        let steps = (limit / 1e-3) as usize;
        let at = |step: usize| step as f64 * 1e-3;
        let wall =
            |t: &f64| world.is_occupied(from[0] + t * angle.cos(), from[1] + t * angle.sin());
        (0..=steps).map(at).find(wall)
    }

    #[test]
    fn rays_in_the_house_agree_with_small_steps() {
        let world = World::house();
        for i in 0..720 {
            let angle = f64::from(i) / 720.0 * TAU;
            let from = [0.6 * (f64::from(i) * 0.7).sin(), 0.6 * (f64::from(i) * 0.9).cos()];
            let marched = march(&world, from, angle, 8.0);
            match (world.cast(from, angle, 8.0), marched) {
                (Some(hit), Some(marched)) if (hit.distance - marched).abs() < 2e-3 => {}
                (None, None) => {}
                // Small steps can pass by a corner that the ray cuts.
                (Some(hit), Some(marched)) if hit.distance < marched => {
                    let middle = hit.distance + 1e-9;
                    let [x, y] = [from[0] + middle * angle.cos(), from[1] + middle * angle.sin()];
                    assert!(world.is_occupied(x, y), "{from:?} {angle}: {hit:?}, {marched}");
                }
                (hit, marched) => panic!("{from:?} {angle}: {hit:?}, {marched:?}"),
            }
        }
    }

    #[test]
    fn the_house_has_room_to_start_in_and_walls_all_around() {
        let world = World::house();
        assert_eq!((world.size, world.resolution), ([240, 200], 0.05));
        let mut distances = Vec::new();
        for degree in 0..360 {
            let hit = world.cast([0.0; 2], f64::from(degree).to_radians(), 15.0);
            let distance = hit.expect("a gap in the walls").distance;
            assert!(distance >= 1.0, "{degree}: {distance}");
            distances.push(distance);
        }
        // No turn maps what is seen onto itself.
        for turn in 1..360 {
            let differs: f64 =
                (0..360).map(|i| (distances[i] - distances[(i + turn) % 360]).abs()).sum();
            assert!(differs / 360.0 > 0.02, "{turn}: {differs}");
        }
        // The doorway to the east, the wall beside it, the room behind it.
        assert!(!world.is_occupied(3.15, 1.3) && world.is_occupied(3.15, 0.5));
        assert!(!world.is_occupied(5.0, 1.3) && world.is_occupied(5.5, -0.5));
    }
}
