//! Voxels to the ranges of a level scan.

use std::f64::consts::TAU;

use super::body::{without, Body, BodyBox, Cut};
use super::grid::{VoxelGrid, VoxelHead};
use crate::geometry::{Quaternion, Transform};

/// Most beams that a scan may have.
pub const MAX_BEAMS: usize = 8192;

/// What a scan looks at. Its frame stands upright on the floor and turns with the robot, like base_footprint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanSettings {
    /// Voxels count whose middle is at least this high over the floor, metres.
    pub min_height: f64,
    /// Voxels count whose middle is at most this high over the floor, metres.
    pub max_height: f64,
    /// Direction of the first beam, radians, counter-clockwise from straight ahead.
    pub angle_min: f64,
    /// No beam beyond this, radians.
    pub angle_max: f64,
    /// From beam to beam, radians.
    pub angle_increment: f64,
    /// What is nearer is too near, metres.
    pub range_min: f64,
    /// What is farther is not looked for, metres.
    pub range_max: f64,
    /// The robot in the scan's frame, which is no obstacle to itself. Cells with their middle over or under it
    /// are free; its z is not looked at.
    pub body: Option<BodyBox>,
}

/// Where the scan's frame is in the odometry frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanPose {
    /// x and y, metres.
    pub position: [f64; 2],
    /// Radians about the vertical.
    pub yaw: f64,
    /// z of the floor, metres.
    pub floor: f64,
}

/// Settings that make no scan.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScanError {
    /// A band without height.
    #[error("no height is from {0} m up to {1} m")]
    Heights(f64, f64),
    /// Ranges that are none.
    #[error("ranges from {0} m to {1} m: the first must be 0 or more, the second more than that")]
    Ranges(f64, f64),
    /// Angles that make no beams, too many, or more than a turn.
    #[error(
        "angles from {min} to {max} rad by {increment} rad: they must rise, by one turn at most, and make \
         at most {MAX_BEAMS} beams"
    )]
    Angles {
        /// The first.
        min: f64,
        /// The last.
        max: f64,
        /// Between two.
        increment: f64,
    },
}

impl ScanSettings {
    /// How many beams there are: one at each end where the increment fits a whole number of times.
    pub fn beams(&self) -> Result<usize, ScanError> {
        let Self { angle_min: min, angle_max: max, angle_increment: increment, .. } = *self;
        // A whole number of increments must not come out as a hair less.
        let steps = ((max - min) / increment + 1e-6).floor();
        if increment > 0.0 && (0.0..=TAU + 1e-6).contains(&(max - min)) && steps < MAX_BEAMS as f64
        {
            Ok(steps as usize + 1)
        } else {
            Err(ScanError::Angles { min, max, increment })
        }
    }

    fn check(&self) -> Result<usize, ScanError> {
        // Written so that NaN fails as well.
        let band = self.min_height < self.max_height;
        if !band {
            return Err(ScanError::Heights(self.min_height, self.max_height));
        }
        if !(self.range_min >= 0.0 && self.range_min < self.range_max) {
            return Err(ScanError::Ranges(self.range_min, self.range_max));
        }
        self.beams()
    }
}

/// Makes scans of voxel windows.
///
/// The layers of the band are put on top of each other, and each beam runs through the cells, from border to
/// border, until it meets an occupied one.
#[derive(Debug)]
pub struct Scanner {
    settings: ScanSettings,
    beams: usize,
    /// Bits of the layers together, like a layer's.
    plane: Vec<u8>,
}

impl Scanner {
    /// Checks the settings.
    pub fn new(settings: ScanSettings) -> Result<Self, ScanError> {
        Ok(Self { settings, beams: settings.check()?, plane: Vec::new() })
    }

    /// What it looks at, with the last beam's own direction as `angle_max`.
    pub fn settings(&self) -> ScanSettings {
        let ScanSettings { angle_min, angle_increment, .. } = self.settings;
        ScanSettings {
            angle_max: angle_min + angle_increment * (self.beams - 1) as f64,
            ..self.settings
        }
    }

    /// Whether these are the settings that it was made of.
    pub fn made_of(&self, settings: &ScanSettings) -> bool {
        self.settings == *settings
    }

    /// The range of each beam in metres.
    ///
    /// A range reaches to the middle of the beam's way through the first occupied cell: where in a cell a wall is
    /// nobody knows, and so ranges are neither too long nor too short on average. Otherwise, by REP 117:
    /// -Inf is an obstacle nearer than `range_min`; +Inf is none up to `range_max`; NaN is unknown, where the
    /// beam leaves the window before `range_max`, or starts outside it.
    pub fn project(&mut self, grid: &VoxelGrid<'_>, pose: &ScanPose) -> Vec<f32> {
        self.flatten(grid, pose);
        self.clear_body(grid.head(), pose);
        let head = grid.head();
        let start: [f64; 2] =
            std::array::from_fn(|i| (pose.position[i] - head.origin[i]) / head.resolution);
        (0..self.beams)
            .map(|beam| {
                let angle = self.settings.angle_min + self.settings.angle_increment * beam as f64;
                let (sin, cos) = (pose.yaw + angle).sin_cos();
                self.march(head, start, [cos, sin]) as f32
            })
            .collect()
    }

    /// Puts the band's layers on top of each other.
    fn flatten(&mut self, grid: &VoxelGrid<'_>, pose: &ScanPose) {
        let head = grid.head();
        let layer = |height: f64| (pose.floor + height - head.origin[2]) / head.resolution - 0.5;
        // Below the window becomes 0, and so does NaN.
        let from = layer(self.settings.min_height).ceil() as usize;
        let to = (layer(self.settings.max_height).floor() + 1.0) as usize;
        self.plane.clear();
        self.plane.resize(head.width[0] * head.width[1] / 8, 0);
        for layer in grid.layers().take(to).skip(from) {
            for (all, one) in self.plane.iter_mut().zip(layer) {
                *all |= one;
            }
        }
    }

    /// Frees the cells of the robot's own body.
    fn clear_body(&mut self, head: &VoxelHead, pose: &ScanPose) {
        let Some(BodyBox { min, max }) = self.settings.body else { return };
        let [x, y] = pose.position;
        let odom_from_scan = Transform {
            translation: [x, y, head.origin[2]],
            rotation: Quaternion::from_rpy([0.0, 0.0, pose.yaw]),
        };
        let shape = BodyBox { min: [min[0], min[1], -2.0], max: [max[0], max[1], 2.0] };
        let cut = Cut::new(head, &Body { shape, base_from_odom: odom_from_scan.inverse() });
        for (y, row) in self.plane.chunks_exact_mut(head.width[0] / 8).enumerate() {
            let Some(stretch) = cut.stretch(y, 0) else { continue };
            for (i, byte) in row.iter_mut().enumerate() {
                let word = u64::from(*byte) << 56;
                *byte = (without(word, 8 * i, stretch) >> 56) as u8;
            }
        }
    }

    /// One beam's range. `start` is in cells, the way is counted in cells.
    fn march(&self, head: &VoxelHead, start: [f64; 2], direction: [f64; 2]) -> f64 {
        let width = [head.width[0], head.width[1]];
        if !(0..2).all(|i| start[i] >= 0.0 && start[i] < width[i] as f64) {
            return f64::NAN;
        }
        let cell = start.map(|v| v as usize);
        let mut bit = cell[1] * width[0] + cell[0];
        // For x and y: the way to the next border and from one to the next, how many there are up to the window's,
        // and how far apart in the plane the bits on both sides are.
        let mut border = [f64::INFINITY; 2];
        let between = direction.map(|d| 1.0 / d.abs());
        let mut borders = [usize::MAX; 2];
        let mut stride = [1, width[0]];
        for i in 0..2 {
            if direction[i] > 0.0 {
                border[i] = ((cell[i] + 1) as f64 - start[i]) / direction[i];
                borders[i] = width[i] - cell[i];
            } else if direction[i] < 0.0 {
                border[i] = (cell[i] as f64 - start[i]) / direction[i];
                borders[i] = cell[i] + 1;
                stride[i] = stride[i].wrapping_neg();
            }
        }
        let farthest = self.settings.range_max / head.resolution;
        let mut entered = 0.0;
        loop {
            let axis = usize::from(border[1] < border[0]);
            let left = border[axis];
            if self.plane[bit / 8] & (0x80 >> (bit % 8)) != 0 {
                let range = (entered + left) / 2.0 * head.resolution;
                return if range < self.settings.range_min {
                    f64::NEG_INFINITY
                } else if range > self.settings.range_max {
                    f64::INFINITY
                } else {
                    range
                };
            }
            if left >= farthest {
                return f64::INFINITY;
            }
            borders[axis] -= 1;
            if borders[axis] == 0 {
                return f64::NAN;
            }
            bit = bit.wrapping_add(stride[axis]);
            border[axis] += between[axis];
            entered = left;
        }
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
