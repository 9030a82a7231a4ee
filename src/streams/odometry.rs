//! Poses: `odom` and TF, and the memory of poses that clouds are placed by.

use std::sync::{Arc, Mutex, PoisonError};

use go2_proto::state::RobotPose;
use r2r::nav_msgs::msg::Odometry;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::Publisher;
use tokio::sync::watch;

use super::poses::Poses;
use super::Source;
use crate::convert::{self, Motion};
use crate::outlet::Outlet;

/// What is known of the movement, from here and from elsewhere.
pub(super) struct Moving {
    pub(super) motion: watch::Receiver<Motion>,
    pub(super) poses: Arc<Mutex<Poses>>,
}

pub(super) async fn publish_odometry(
    mut source: Source,
    odometry: Outlet<Publisher<Odometry>>,
    tf: Outlet<Publisher<TFMessage>>,
    moving: Moving,
) {
    while let Some(message) = source.next().await {
        // Always decoded: a cloud needs the poses from before it, and they are small.
        let Some(pose) = source.decode::<RobotPose>(&message) else { continue };
        let stamped = source.stamps.place(pose.stamp, message.received);
        let trunk = pose.transform();
        moving.poses.lock().unwrap_or_else(PoisonError::into_inner).add(stamped.at, trunk);

        let settings = source.shared.settings();
        let mut slow = false;
        if settings.publish_tf && tf.has_listener() {
            let transforms = convert::transforms(&trunk, &settings, &stamped.time);
            slow |= tf.publish(&TFMessage { transforms });
        }
        if odometry.has_listener() {
            let (received, motion) = (message.received, *moving.motion.borrow());
            let message = convert::odometry(&pose, received, &motion, &settings, &stamped.time);
            slow |= odometry.publish(&message);
        }
        if slow {
            source.skip_to_newest();
        }
    }
}
