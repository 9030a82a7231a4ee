//! `odom` and the transform with it.

use go2_link::state::{RobotPose, SportModeState};
use r2r::builtin_interfaces::msg::Time;
use r2r::geometry_msgs::msg::{
    Point, Pose, PoseWithCovariance, Transform, TransformStamped, Twist, TwistWithCovariance,
};
use r2r::nav_msgs::msg::Odometry;

use super::{diagonal, header, quaternion, vector};
use crate::params::{Settings, VelocityFrame};

/// What sportmodestate says of the motion.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Motion {
    /// m/s in the frame that `velocity_frame` names.
    velocity: [f64; 3],
    /// rad/s in the body's axes, from the gyroscope.
    angular_velocity: [f64; 3],
}

impl From<&SportModeState> for Motion {
    fn from(state: &SportModeState) -> Self {
        let yaw_speed = [0.0, 0.0, state.yaw_speed.unwrap_or(0.0)];
        Self {
            velocity: state.velocity.unwrap_or_default(),
            angular_velocity: state.imu.map_or(yaw_speed, |imu| imu.angular_velocity),
        }
    }
}

/// Pose of base_link in odom, twist in base_link.
pub(crate) fn odometry(
    pose: &RobotPose,
    motion: &Motion,
    settings: &Settings,
    stamp: &Time,
) -> Odometry {
    let [x, y, z] = pose.position;
    let linear = match settings.velocity_frame {
        VelocityFrame::Odometry => pose.orientation.rotate_inverse(motion.velocity),
        VelocityFrame::Body => motion.velocity,
    };
    Odometry {
        header: header(stamp, &settings.odom_frame),
        child_frame_id: settings.base_frame.clone(),
        pose: PoseWithCovariance {
            pose: Pose { position: Point { x, y, z }, orientation: quaternion(&pose.orientation) },
            covariance: diagonal(&settings.odom_pose_variances),
        },
        twist: TwistWithCovariance {
            twist: Twist { linear: vector(linear), angular: vector(motion.angular_velocity) },
            covariance: diagonal(&settings.odom_twist_variances),
        },
    }
}

/// The transform odom -> base_link.
pub(crate) fn transform(pose: &RobotPose, settings: &Settings, stamp: &Time) -> TransformStamped {
    TransformStamped {
        header: header(stamp, &settings.odom_frame),
        child_frame_id: settings.base_frame.clone(),
        transform: Transform {
            translation: vector(pose.position),
            rotation: quaternion(&pose.orientation),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Store;
    use go2_link::state::Quaternion;

    #[test]
    fn the_twist_is_in_base_link() {
        let facing_left = Quaternion::from_rpy([0.0, 0.0, std::f64::consts::FRAC_PI_2]);
        let pose = RobotPose { stamp: None, position: [1.0, 2.0, 0.3], orientation: facing_left };
        let motion = Motion { velocity: [0.0, 0.5, 0.0], angular_velocity: [0.0, 0.0, 0.2] };
        let mut settings = Store::new().settings().borrow().as_ref().clone();
        let stamp = Time { sec: 0, nanosec: 0 };
        let message = odometry(&pose, &motion, &settings, &stamp);
        let linear = &message.twist.twist.linear;
        assert!((linear.x - 0.5).abs() < 1e-9 && linear.y.abs() < 1e-9, "{linear:?}");
        assert_eq!(message.twist.twist.angular.z, 0.2);
        assert_eq!((message.header.frame_id.as_str(), message.pose.pose.position.x), ("odom", 1.0));
        settings.velocity_frame = VelocityFrame::Body;
        let message = odometry(&pose, &motion, &settings, &stamp);
        assert_eq!(message.twist.twist.linear.y, 0.5);
    }
}
