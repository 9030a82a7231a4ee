//! How a real body follows velocities: late, and swaying with its steps. Pure.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

/// Swaying with the steps, Hz.
const STEPS_HZ: f64 = 3.0;
/// At this speed (m/s) and above it sways fully.
const FULL: f64 = 0.3;
/// What is slower than this (m/s, rad/s) and is to stand, stands.
const STANDS: f64 = 1e-3;

/// What was asked for and is not yet done, and how the body sways.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// Each velocity, from when on it counts.
    line: VecDeque<(Instant, [f64; 3])>,
    aimed: [f64; 3],
    phase: f64,
    surge: [f64; 2],
    bounce: f64,
}

impl Lag {
    /// The velocity that was asked for a while ago.
    pub(super) fn delayed(&mut self, wanted: [f64; 3], delay: Duration, now: Instant) -> [f64; 3] {
        if self.line.back().map_or(self.aimed, |(_, last)| *last) != wanted {
            self.line.push_back((now + delay, wanted));
        }
        while let Some((_, velocity)) = self.line.front().filter(|(due, _)| *due <= now) {
            self.aimed = *velocity;
            self.line.pop_front();
        }
        self.aimed
    }

    /// Lets the body sway by its speed: ripples of speed (m/s) and height (m), from peak to peak.
    pub(super) fn sway(&mut self, velocity: [f64; 2], ripple: f64, bounce: f64, dt: f64) {
        let speed = velocity[0].hypot(velocity[1]);
        let share = (speed / FULL).min(1.0);
        self.phase = (self.phase + STEPS_HZ * dt).fract();
        let (sin, cos) = (TAU * self.phase).sin_cos();
        let along = |axis: usize| if speed > 0.0 { velocity[axis] / speed } else { 0.0 };
        self.surge = [0, 1].map(|axis| 0.5 * share * ripple * sin * along(axis));
        self.bounce = 0.5 * share * bounce * cos;
    }

    /// Speed beside the mean, m/s in the body's axes.
    pub(super) fn surge(&self) -> [f64; 2] {
        self.surge
    }

    /// Height beside the mean, m.
    pub(super) fn bounce(&self) -> f64 {
        self.bounce
    }
}

/// A velocity that has come this share of the way to the wanted one.
pub(super) fn follow(velocity: f64, wanted: f64, share: f64) -> f64 {
    let next = velocity + (wanted - velocity) * share;
    if wanted == 0.0 && next.abs() < STANDS {
        0.0
    } else {
        next
    }
}
