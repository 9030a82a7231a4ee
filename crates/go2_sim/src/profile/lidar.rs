//! The voxel map and the LiDAR's state.

/// What is known of the LiDAR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LidarFacts {
    /// Rate of the voxel maps in Hz.
    pub hz: f64,
    /// By how much the window's origin is beside a whole number of voxels, metres, along each axis.
    pub offset: f64,
    /// Index of the window's lowest layer, counted in voxels from the offset; without it the window moves with the body.
    pub lowest: Option<i64>,
    /// By how many layers bits of the floor stick out of the floor's own.
    pub bumps: i64,
    /// From where to where over the floor space that was never seen is filled, metres.
    pub filled: Option<[f64; 2]>,
    /// Voxels that are missing in a map and are there again in the next.
    pub vanishing: usize,
}

/// The LiDAR of recent firmware.
pub(super) const REAL: LidarFacts = LidarFacts {
    // Every second scan of 15.4 a second (certain).
    hz: 7.7,
    // Odd multiples of 0.025 m in x and y (high), so that a voxel has its middle at the robot's own whole centimetres.
    offset: 0.025,
    // z is -0.575 m in every capture and does not move with the body (high): -12 voxels and the offset.
    lowest: Some(-12),
    // The floor lies in index 11 (high); a voxel of 5 cm beside it, as noise of a few centimetres makes it.
    bumps: 1,
    // About 2,400 voxels in each of these layers in the one capture that was counted (medium).
    filled: Some([0.12, 0.73]),
    // Between two maps of a standing robot 20 more or fewer (high).
    vanishing: 20,
};

/// The LiDAR of 2024: the same window in every capture since February 2024.
pub(super) const YEAR_2024: LidarFacts = LidarFacts { ..REAL };

/// Surfaces only, remembered for ever.
pub(super) const IDEAL: LidarFacts =
    LidarFacts { hz: 7.5, offset: 0.0, lowest: None, bumps: 2, filled: None, vanishing: 0 };

impl Default for LidarFacts {
    fn default() -> Self {
        IDEAL
    }
}
