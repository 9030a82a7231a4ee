//! What the robot says of itself, as plain values in SI units.
//!
//! Each type decodes from the data of one topic's messages. Firmwares leave fields and whole objects
//! out: what may be missing is an `Option`. What is there but cannot be true (a number beyond any
//! measure, a quaternion of zeros, three motors) makes the whole message invalid, so that nothing
//! half-true travels on.

mod activity; // what it is doing, by how that came about
mod faults;
mod lidar;
mod low;
mod number;
mod player;
mod pose;
mod remote;
mod services;
mod sport;
mod switches;

pub use activity::Activities;
pub use faults::{Fault, FaultChange};
pub use lidar::{LidarState, LidarTrouble};
pub use low::{Battery, BatteryStatus, LowState, Motor, LEG_MOTORS};
pub use player::{PlayerState, Playing};
pub use pose::RobotPose;
pub use remote::Remote;
pub use services::{ServiceState, ServiceStates};
pub use sport::{Activity, Imu, SportModeState};
pub use switches::MultipleState;

pub use crate::geometry::Quaternion;

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

#[cfg(test)]
mod vectors_tests;
