//! Poses: `odom` and TF, and the memory of poses that clouds are placed by.

use std::sync::{Arc, Mutex, PoisonError};

use go2_link::state::RobotPose;
use r2r::nav_msgs::msg::Odometry;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::Publisher;
use tokio::sync::watch;

use super::poses::Poses;
use super::{has_listener, publish, Source};
use crate::convert::{self, Motion};

/// What is known of the movement, from here and from elsewhere.
pub(super) struct Moving {
    pub(super) motion: watch::Receiver<Motion>,
    pub(super) poses: Arc<Mutex<Poses>>,
}

pub(super) async fn publish_odometry(
    mut source: Source,
    odometry: Publisher<Odometry>,
    tf: Publisher<TFMessage>,
    moving: Moving,
) {
    while let Some(message) = source.next().await {
        // Always decoded: a cloud needs the poses from before it, and they are small.
        let Some(pose) = source.decode::<RobotPose>(&message) else { continue };
        let stamped = source.stamps.place(pose.stamp, message.received);
        let trunk = pose.transform();
        moving.poses.lock().unwrap_or_else(PoisonError::into_inner).add(stamped.at, trunk);

        let settings = source.shared.settings();
        if settings.publish_tf && has_listener(&tf) {
            let transforms = convert::transforms(&trunk, &settings, &stamped.time);
            publish(&tf, &TFMessage { transforms });
        }
        if has_listener(&odometry) {
            let (received, motion) = (message.received, *moving.motion.borrow());
            let message = convert::odometry(&pose, received, &motion, &settings, &stamped.time);
            publish(&odometry, &message);
        }
    }
}
