//! What the robot's sensors say: the truth with bias and noise, the same for the same seed. Pure.

use crate::body::{Body, Posture};
use crate::network::Random;
use crate::profile::StateFacts;

/// The sensors of a robot.
#[derive(Debug)]
pub(crate) struct Sensors {
    pub(crate) facts: &'static StateFacts,
    random: Random,
}

/// A motor as `lowstate` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Motor {
    pub(crate) temperature: i64,
    pub(crate) lost: u64,
    pub(crate) reserve: i64,
}

/// Velocity in m/s that a robot reports which stands on three legs.
const ON_THREE_LEGS: f64 = 0.02;
/// What is below this is no motion, m/s.
const STILL: f64 = 1e-3;

impl Sensors {
    pub(crate) fn new(facts: &'static StateFacts, seed: u64) -> Self {
        Self { facts, random: Random(seed) }
    }

    /// rad/s about the trunk's axes.
    pub(crate) fn gyroscope(&mut self, body: &Body) -> [f64; 3] {
        let (turning, imu) = (body.turning(), self.facts.imu);
        [0, 1, 2].map(|axis| turning[axis] + imu.gyro_bias[axis] + imu.gyro_noise * self.normal())
    }

    /// m/s^2 along the trunk's axes, gravity included.
    pub(crate) fn accelerometer(&mut self, body: &Body) -> [f64; 3] {
        let [roll, pitch, _] = body.attitude();
        let imu = self.facts.imu;
        let up = [-pitch.sin(), pitch.cos() * roll.sin(), pitch.cos() * roll.cos()];
        up.map(|share| imu.gravity * share + imu.acceleration_noise * self.normal())
    }

    /// m/s along the trunk's axes, as the robot's filter has it.
    pub(crate) fn velocity(&mut self, body: &Body) -> [f64; 3] {
        let motion = body.motion();
        let velocity = [motion.vx, motion.vy, 0.0];
        if !self.facts.creeps {
            return velocity;
        }
        let lifts_a_leg = matches!(body.doing(), Some(("hello" | "heart" | "scrape", _)));
        velocity.map(|v| if v.abs() < STILL { self.rest(lifts_a_leg) } else { v })
    }

    /// What is left of velocity at rest.
    fn rest(&mut self, lifts_a_leg: bool) -> f64 {
        if lifts_a_leg {
            return ON_THREE_LEGS / 3_f64.sqrt();
        }
        let size = 10_f64.powf(-9.0 + 3.0 * self.random.unit());
        if self.random.unit() < 0.5 {
            -size
        } else {
            size
        }
    }

    /// Degrees Celsius in the IMU.
    pub(crate) fn imu_temperature(&mut self) -> i64 {
        let [from, to] = self.facts.imu.temperature;
        from + (self.random.unit() * (to - from + 1) as f64) as i64
    }

    /// A motor of the legs, 0 to 11.
    pub(crate) fn motor(&mut self, number: usize) -> Motor {
        let motors = self.facts.motors;
        let pick = |values: [i64; 12]| values.get(number).copied().unwrap_or(0);
        let reserve = if motors.reserves { i64::from(self.random.below(2000)) } else { 674 };
        let lost = motors.lost.get(number).copied().unwrap_or(0);
        Motor { temperature: pick(motors.temperatures), lost, reserve }
    }

    /// Current of the battery in mA.
    pub(crate) fn current(&mut self, body: &Body) -> i64 {
        let [lying, standing, acting] = self.facts.currents;
        let mean = match body.posture() {
            Posture::Walking => acting,
            _ if body.doing().is_some() => acting,
            Posture::Lying | Posture::Damped => lying,
            _ => standing,
        };
        // What the LiDAR draws, and measuring.
        mean + if self.facts.creeps { i64::from(self.random.below(61)) - 30 } else { 0 }
    }

    /// A number between two.
    pub(crate) fn between(&mut self, [from, to]: [f64; 2]) -> f64 {
        from + (to - from) * self.random.unit()
    }

    /// Normally distributed, near enough.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.unit()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::profile::Profile;

    #[test]
    fn noise_is_the_same_for_the_same_seed() {
        let body = Body::new(None, Instant::now());
        let of = |seed| {
            let mut sensors = Sensors::new(&Profile::Pro1115.facts().state, seed);
            [sensors.gyroscope(&body), sensors.accelerometer(&body), sensors.velocity(&body)]
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn ideal_sensors_tell_the_truth() {
        let body = Body::new(None, Instant::now());
        let mut sensors = Sensors::new(&Profile::Ideal.facts().state, 1);
        assert_eq!(sensors.gyroscope(&body), [0.0; 3]);
        assert_eq!(sensors.velocity(&body), [0.0; 3]);
        let [x, y, z] = sensors.accelerometer(&body);
        assert!(x.abs() < 1e-12 && y.abs() < 1e-12 && (z - 9.81).abs() < 1e-12);
        assert_eq!(sensors.motor(3), Motor { temperature: 40, lost: 0, reserve: 674 });
    }
}
