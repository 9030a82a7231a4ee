//! `imu/data`, as REP 145 wants it.

use go2_proto::state::Imu;
use r2r::builtin_interfaces::msg::Time;

use super::{diagonal, header, quaternion, vector};
use crate::params::Settings;

/// Orientation in the odometry frame, rad/s and m/s^2 in the body's axes, gravity included.
pub(crate) fn imu(imu: &Imu, settings: &Settings, stamp: &Time) -> r2r::sensor_msgs::msg::Imu {
    r2r::sensor_msgs::msg::Imu {
        header: header(stamp, &settings.imu_frame),
        orientation: quaternion(&imu.orientation),
        orientation_covariance: diagonal(&settings.imu_orientation_variances),
        angular_velocity: vector(imu.angular_velocity),
        angular_velocity_covariance: diagonal(&settings.imu_angular_velocity_variances),
        linear_acceleration: vector(imu.linear_acceleration),
        linear_acceleration_covariance: diagonal(&settings.imu_linear_acceleration_variances),
    }
}
