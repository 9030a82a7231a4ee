//! `odom` and the transform with it.

use std::time::{Duration, Instant};

use go2_proto::geometry::{Quaternion as Rotation, Transform as GeometryTransform};
use go2_proto::state::{RobotPose, SportModeState};
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
    /// When the robot said it; `None` if it has not said anything yet.
    pub(crate) told: Option<Instant>,
    /// m/s in the frame that `velocity_frame` names.
    velocity: [f64; 3],
    /// rad/s in the body's axes, from the gyroscope.
    angular_velocity: [f64; 3],
}

/// The place under the trunk in the odometry frame: level, on the floor, turned like the robot. The robot's z is its
/// height over the floor in every posture, so the floor is where z is 0; `body_height` is another measure, up to 5 cm off.
pub(crate) fn footprint(trunk: &GeometryTransform) -> GeometryTransform {
    let [x, y, _] = trunk.translation;
    let rotation = Rotation::from_rpy([0.0, 0.0, trunk.rotation.yaw()]);
    GeometryTransform { translation: [x, y, 0.0], rotation }
}

impl Motion {
    pub(crate) fn new(state: &SportModeState, received: Instant) -> Self {
        let yaw_speed = [0.0, 0.0, state.yaw_speed.unwrap_or(0.0)];
        Self {
            told: Some(received),
            velocity: state.velocity.unwrap_or_default(),
            angular_velocity: state.imu.map_or(yaw_speed, |imu| imu.angular_velocity),
        }
    }
}

/// Age at which a motion says nothing of the present any more; the robot tells it 20 times a second.
const MOTION_KEPT: Duration = Duration::from_secs(1);
/// The variance of what is not known.
const UNKNOWN: f64 = 1e6;

/// Pose of base_link in odom, twist in base_link. Without a motion from about the time at which the pose was received the
/// twist is zero with a variance of 1e6: unknown.
pub(crate) fn odometry(
    pose: &RobotPose,
    received: Instant,
    motion: &Motion,
    settings: &Settings,
    stamp: &Time,
) -> Odometry {
    let [x, y, z] = pose.position;
    let known =
        motion.told.is_some_and(|told| received.saturating_duration_since(told) < MOTION_KEPT);
    let unknown = Motion::default();
    let (motion, variances) = match known {
        true => (motion, settings.odom_twist_variances),
        false => (&unknown, [UNKNOWN; 6]),
    };
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
            covariance: diagonal(&variances),
        },
    }
}

/// The transforms odom -> base_link -> base_footprint.
pub(crate) fn transforms(
    trunk: &GeometryTransform,
    settings: &Settings,
    stamp: &Time,
) -> Vec<TransformStamped> {
    let footprint = trunk.inverse() * footprint(trunk);
    let stamped = |frame: &str, child: &str, transform: &GeometryTransform| TransformStamped {
        header: header(stamp, frame),
        child_frame_id: child.to_owned(),
        transform: Transform {
            translation: vector(transform.translation),
            rotation: quaternion(&transform.rotation),
        },
    };
    vec![
        stamped(&settings.odom_frame, &settings.base_frame, trunk),
        stamped(&settings.base_frame, &settings.footprint_frame, &footprint),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Store;
    use go2_proto::geometry::Quaternion;

    #[test]
    fn the_twist_is_in_base_link() {
        let facing_left = Quaternion::from_rpy([0.0, 0.0, std::f64::consts::FRAC_PI_2]);
        let pose = RobotPose { stamp: None, position: [1.0, 2.0, 0.3], orientation: facing_left };
        let motion = Motion {
            velocity: [0.0, 0.5, 0.0],
            angular_velocity: [0.0, 0.0, 0.2],
            told: Some(Instant::now()),
        };
        let received = Instant::now();
        let mut settings = Store::new().settings().borrow().as_ref().clone();
        let stamp = Time { sec: 0, nanosec: 0 };
        // The robot gives it in its own axes, unless a firmware is found that does not.
        assert_eq!(settings.velocity_frame, VelocityFrame::Body);
        let message = odometry(&pose, received, &motion, &settings, &stamp);
        assert_eq!(message.twist.twist.linear.y, 0.5);
        let standing = 0.02_f64;
        assert!(message.twist.covariance[0] >= standing.powi(2), "what a standing robot reports");
        settings.velocity_frame = VelocityFrame::Odometry;
        let message = odometry(&pose, received, &motion, &settings, &stamp);
        let linear = &message.twist.twist.linear;
        assert!((linear.x - 0.5).abs() < 1e-9 && linear.y.abs() < 1e-9, "{linear:?}");
        assert_eq!(message.twist.twist.angular.z, 0.2);
        assert_eq!((message.header.frame_id.as_str(), message.pose.pose.position.x), ("odom", 1.0));
        assert_eq!(message.twist.covariance[0], settings.odom_twist_variances[0]);

        for (motion, after) in [(motion, MOTION_KEPT), (Motion::default(), Duration::ZERO)] {
            let message = odometry(&pose, received + after, &motion, &settings, &stamp);
            assert_eq!(message.twist.twist.linear.y, 0.0, "not what was true once");
            assert_eq!(
                (message.twist.covariance[0], message.twist.covariance[35]),
                (UNKNOWN, UNKNOWN)
            );
            assert_eq!(message.pose.covariance[0], settings.odom_pose_variances[0]);
        }
    }

    #[test]
    fn the_footprint_is_level_and_on_the_floor() {
        let rotation = Rotation::from_rpy([0.1, -0.2, 1.0]);
        let trunk = GeometryTransform { translation: [1.0, 2.0, 0.5], rotation };
        let footprint = footprint(&trunk);
        let level = footprint.rotation.rotate([0.0, 0.0, 1.0]);
        assert!((level[2] - 1.0).abs() < 1e-12, "{level:?}");
        assert_eq!(footprint.translation, [1.0, 2.0, 0.0]);
        let ahead = footprint.rotation.rotate([1.0, 0.0, 0.0]);
        let trunk_ahead = rotation.rotate([1.0, 0.0, 0.0]);
        let angle = trunk_ahead[1].atan2(trunk_ahead[0]) - ahead[1].atan2(ahead[0]);
        assert!(angle.abs() < 1e-9, "turned like the robot");
    }
}
