//! The body: postures, mode codes, how it walks.

use std::time::Duration;

/// What is known of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionFacts {
    /// Height of the trunk in the odometry frame, m: `position[2]`.
    pub heights: Heights,
    /// Height that `body_height` tells, m. Not the same on real robots.
    pub body_heights: Heights,
    /// How fast the trunk rises and how fast it is lowered, m/s.
    pub rising: f64,
    /// See `rising`.
    pub lowering: f64,
    /// From the command to lie down until it tells that it lies. Certain: 2.0 s.
    pub lies_after: Duration,
    /// From the command to sit until it tells that it sits. Certain: 1.2 s.
    pub sits_after: Duration,
    /// The codes by which `error_code` tells postures.
    pub codes: Codes,
    /// For so long after StandUp it does not hear velocities. Medium: 4 to 10 s were seen.
    pub deaf_after_stand_up: Duration,
    /// How it follows velocities.
    pub gait: Gait,
}

/// A height for each posture, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heights {
    /// Lying, or limp.
    pub lying: f64,
    /// Sitting.
    pub sitting: f64,
    /// Standing with locked joints.
    pub locked: f64,
    /// Standing ready to walk.
    pub balancing: f64,
}

/// How postures are told since firmware 1.1.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// As recorded: lying is told like limp, and the way down by codes of its own.
    Recorded,
    /// A code for each posture, from the first moment on.
    Distinct,
}

/// How it follows velocities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gait {
    /// It accelerates evenly, at once and exactly.
    Exact,
    /// As measured: late, with a time constant, and not evenly.
    Measured {
        /// From a command to the first motion. High: 50 to 100 ms.
        delay: Duration,
        /// Time constant of the speed. High: 0.25 to 0.3 s; from 1.1 m/s it stops within 0.6 to 0.7 s, then creeps.
        time_constant: Duration,
        /// Ripple of the speed, m/s from peak to peak at 3 Hz. High: 0.06 to 0.1.
        ripple: f64,
        /// Ripple of the height, m from peak to peak. High: 0.005 to 0.010.
        bounce: f64,
    },
}

/// The unified motion service of firmware 1.1.7 and later. Heights are certain.
pub(super) const MCF: MotionFacts = MotionFacts {
    heights: Heights { lying: 0.054, sitting: 0.219, locked: 0.314, balancing: 0.337 },
    body_heights: Heights { lying: 0.074, sitting: 0.264, locked: 0.324, balancing: 0.351 },
    // StandUp from 0.055 to 0.325 in 0.85 s; StandDown by 0.17 m/s.
    rising: 0.32,
    lowering: 0.17,
    lies_after: Duration::from_secs(2),
    sits_after: Duration::from_millis(1200),
    codes: Codes::Recorded,
    deaf_after_stand_up: Duration::from_secs(6),
    gait: Gait::Measured {
        delay: Duration::from_millis(75),
        time_constant: Duration::from_millis(260),
        ripple: 0.08,
        bounce: 0.008,
    },
};

/// Before it: nothing was measured of the deafness.
pub(super) const YEAR_2024: MotionFacts =
    MotionFacts { deaf_after_stand_up: Duration::ZERO, ..MCF };

/// A body that obeys at once and exactly.
pub(super) const IDEAL: MotionFacts = MotionFacts {
    heights: Heights { lying: 0.08, sitting: 0.22, locked: 0.32, balancing: 0.32 },
    body_heights: Heights { lying: 0.08, sitting: 0.22, locked: 0.32, balancing: 0.32 },
    rising: 0.3,
    lowering: 0.3,
    lies_after: Duration::ZERO,
    sits_after: Duration::ZERO,
    codes: Codes::Distinct,
    deaf_after_stand_up: Duration::ZERO,
    gait: Gait::Exact,
};
