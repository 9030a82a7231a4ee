//! What the robot says of itself, as plain values in SI units.
//!
//! Each type decodes from the data of one topic's messages. Firmwares leave fields and whole objects
//! out: what may be missing is an `Option`. What is there but cannot be true (a number beyond any
//! measure, a quaternion of zeros, three motors) makes the whole message invalid, so that nothing
//! half-true travels on.

mod faults;
mod lidar;
mod low;
mod number;
mod pose;
mod services;
mod sport;
mod switches;

pub use faults::{Fault, FaultChange};
pub use lidar::LidarState;
pub use low::{Battery, BatteryStatus, LowState, Motor, LEG_MOTORS};
pub use pose::RobotPose;
pub use services::{ServiceState, ServiceStates};
pub use sport::{Imu, SportModeState};
pub use switches::MultipleState;

use std::time::Duration;

use crate::codec::{DecodeError, Json};

/// A value that one topic's messages decode to.
pub trait State: Sized {
    /// The topic.
    const TOPIC: &'static str;
    /// Decodes the `data` of a message.
    fn decode(data: &Json) -> Result<Self, DecodeError>;
}

/// Time on the robot's clock since the Unix epoch. The robot's clock may be anything: compare it with
/// itself only.
pub type RobotTime = Duration;

/// A unit quaternion: rotation from the body to the odometry frame.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Quaternion {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub w: f64,
}

impl Quaternion {
    /// Normalises; refuses what is too short to have a direction.
    pub fn normalised(x: f64, y: f64, z: f64, w: f64) -> Result<Self, DecodeError> {
        let norm = (x * x + y * y + z * z + w * w).sqrt();
        if norm.is_finite() && norm > 0.1 {
            Ok(Self { x: x / norm, y: y / norm, z: z / norm, w: w / norm })
        } else {
            Err(DecodeError::Number)
        }
    }

    /// From roll, pitch and yaw in radians, turned about the fixed axes in this order.
    pub fn from_rpy([roll, pitch, yaw]: [f64; 3]) -> Self {
        let (sr, cr) = (roll / 2.0).sin_cos();
        let (sp, cp) = (pitch / 2.0).sin_cos();
        let (sy, cy) = (yaw / 2.0).sin_cos();
        Self {
            x: sr * cp * cy - cr * sp * sy,
            y: cr * sp * cy + sr * cp * sy,
            z: cr * cp * sy - sr * sp * cy,
            w: cr * cp * cy + sr * sp * sy,
        }
    }

    /// The vector in the body's axes that is `v` in the odometry frame's.
    pub fn rotate_inverse(&self, v: [f64; 3]) -> [f64; 3] {
        // v + 2w(v x q) + 2((v x q) x q), with q the vector part.
        let q = [self.x, self.y, self.z];
        let once = cross(v, q);
        let twice = cross(once, q);
        std::array::from_fn(|i| v[i] + 2.0 * (self.w * once[i] + twice[i]))
    }
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn turns_odometry_velocity_into_the_body() {
        let facing_left = Quaternion::from_rpy([0.0, 0.0, FRAC_PI_2]);
        assert!(close(facing_left.rotate_inverse([0.0, 1.0, 0.0]), [1.0, 0.0, 0.0]));
        assert!(close(facing_left.rotate_inverse([1.0, 0.0, 0.0]), [0.0, -1.0, 0.0]));
        let nose_down = Quaternion::from_rpy([0.0, FRAC_PI_2, 0.0]);
        assert!(close(nose_down.rotate_inverse([0.0, 0.0, -1.0]), [1.0, 0.0, 0.0]));
        let rolled = Quaternion::from_rpy([FRAC_PI_2, 0.0, 0.0]);
        assert!(close(rolled.rotate_inverse([0.0, 0.0, 1.0]), [0.0, 1.0, 0.0]));
    }

    #[test]
    fn a_quaternion_of_zeros_is_none() {
        assert_eq!(Quaternion::normalised(0.0, 0.0, 0.0, 0.0), Err(DecodeError::Number));
        assert_eq!(Quaternion::normalised(1e200, 1e200, 0.0, 0.0), Err(DecodeError::Number));
        let doubled = Quaternion::normalised(0.0, 0.0, 0.0, 2.0).unwrap();
        assert_eq!(doubled, Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 1.0 });
    }
}
