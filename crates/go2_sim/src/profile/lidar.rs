//! The voxel map and the LiDAR's state.

/// What is known of the LiDAR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LidarFacts {
    /// Rate of the voxel maps in Hz.
    pub hz: f64,
}

/// The LiDAR of recent firmware.
pub(super) const REAL: LidarFacts = LidarFacts { ..IDEAL };

/// The LiDAR of 2024.
pub(super) const YEAR_2024: LidarFacts = LidarFacts { ..REAL };

/// Surfaces only, remembered for ever.
pub(super) const IDEAL: LidarFacts = LidarFacts { hz: 7.5 };
