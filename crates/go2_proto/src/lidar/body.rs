//! The robot's own body, which its LiDAR sees and which is no obstacle.

use super::grid::VoxelHead;
use crate::geometry::Transform;

/// A box around the robot in base_link, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BodyBox {
    /// Least corner.
    pub min: [f64; 3],
    /// Greatest corner.
    pub max: [f64; 3],
}

/// A body at its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Body {
    /// Its box.
    pub shape: BodyBox,
    /// Maps the odometry frame's coordinates to base_link: the inverse of the robot's pose.
    pub base_from_odom: Transform,
}

/// A body in a window: which voxels of a row have their middle in it. A row is a straight line and the body
/// convex, so they are one stretch.
pub(super) struct Cut {
    shape: BodyBox,
    /// Middle of the first voxel, and the steps along x, y and z, in base_link.
    first: [f64; 3],
    steps: [[f64; 3]; 3],
    /// Voxels along x for a metre along each of base_link's axes.
    slopes: [f64; 3],
    /// Rows and layers that the body's bounds reach, the last ones included.
    y: (f64, f64),
    z: (f64, f64),
    side: usize,
}

impl Cut {
    pub(super) fn new(head: &VoxelHead, body: &Body) -> Self {
        let odom_from_base = body.base_from_odom.inverse();
        let (min, max) = (body.shape.min, body.shape.max);
        let mut bounds = [(f64::INFINITY, f64::NEG_INFINITY); 3];
        for corner in 0..8 {
            let corner =
                std::array::from_fn(|i| if corner >> i & 1 == 0 { min[i] } else { max[i] });
            let corner = odom_from_base.apply(corner);
            for i in 0..3 {
                let voxel = (corner[i] - head.origin[i]) / head.resolution - 0.5;
                bounds[i] = (bounds[i].0.min(voxel), bounds[i].1.max(voxel));
            }
        }
        let axis = |i: usize| {
            let mut step = [0.0; 3];
            step[i] = head.resolution;
            body.base_from_odom.rotation.rotate(step)
        };
        let steps = [axis(0), axis(1), axis(2)];
        Self {
            shape: body.shape,
            first: body.base_from_odom.apply(head.centre([0.0; 3])),
            steps,
            slopes: steps[0].map(|step| 1.0 / step),
            y: bounds[1],
            z: bounds[2],
            side: head.width[0],
        }
    }

    pub(super) fn reaches_layer(&self, z: usize) -> bool {
        within(z, self.z)
    }

    /// First and last voxel of a row that are in the body.
    pub(super) fn stretch(&self, y: usize, z: usize) -> Option<(usize, usize)> {
        if !within(y, self.y) {
            return None;
        }
        let (mut from, mut to) = (0.0_f64, self.side as f64 - 1.0);
        for i in 0..3 {
            let start = self.first[i] + self.steps[1][i] * y as f64 + self.steps[2][i] * z as f64;
            let (low, high) = (self.shape.min[i] - start, self.shape.max[i] - start);
            if self.slopes[i].abs() > 1e9 {
                // Along the box's side, but for less than a micrometre in all: in it, or not, as a whole.
                if low > 0.0 || high < 0.0 {
                    return None;
                }
            } else {
                let (near, far) = (low * self.slopes[i], high * self.slopes[i]);
                from = from.max(near.min(far));
                to = to.min(near.max(far));
            }
        }
        let (from, to) = (from.ceil(), to.floor());
        (from <= to).then_some((from as usize, to as usize))
    }
}

fn within(index: usize, (low, high): (f64, f64)) -> bool {
    (low..=high).contains(&(index as f64))
}

/// A word without the bits of a stretch, given as x of its first and last voxel. `start` is the x of the
/// word's first bit.
pub(super) fn without(word: u64, start: usize, (from, to): (usize, usize)) -> u64 {
    if to < start || from >= start + 64 {
        return word;
    }
    let from = from.saturating_sub(start);
    let to = (to - start).min(63);
    word & !(u64::MAX >> from & u64::MAX << (63 - to))
}
