//! State messages: rates, numbers, noise, clock.

/// What is known of the state messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StateFacts {
    /// Rate of `rt/lf/lowstate` in Hz.
    pub low_hz: f64,
    /// Rate of `rt/lf/sportmodestate` in Hz.
    pub sport_hz: f64,
    /// Rate of `rt/utlidar/robot_pose` in Hz.
    pub pose_hz: f64,
}

/// A GO2 Pro with firmware 1.1.15.
pub(super) const PRO_1_1_15: StateFacts = StateFacts { ..IDEAL };

/// A GO2 EDU under the unified motion service.
pub(super) const EDU_MCF: StateFacts = StateFacts { ..PRO_1_1_15 };

/// A GO2 of 2024.
pub(super) const YEAR_2024: StateFacts = StateFacts { low_hz: 20.0, ..IDEAL };

/// Exact numbers, on time.
pub(super) const IDEAL: StateFacts = StateFacts { low_hz: 1.0, sport_hz: 20.0, pose_hz: 18.7 };
