//! The hand-held remote as ROS has gamepads.

use go2_proto::state::Remote;
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::Joy;
use r2r::std_msgs::msg::Header;
use r2r::Publisher;

use super::Source;
use crate::outlet::Outlet;

pub(super) async fn publish_joy(mut source: Source, publisher: Outlet<Publisher<Joy>>) {
    while let Some(message) = source.next().await {
        if !publisher.has_listener() {
            continue;
        }
        if let Some(remote) = source.decode::<Remote>(&message) {
            // Its messages have no stamp of the robot's.
            let stamped = source.stamps.place(None, message.received);
            publisher.publish(&joy(&remote, stamped.time));
        }
    }
}

/// Axes are positive to the left and up; buttons in the order of [`Remote::BUTTONS`].
fn joy(remote: &Remote, stamp: Time) -> Joy {
    let Remote { left, right, .. } = remote;
    // Taken from zero, so that there is no negative zero.
    let axes = [0.0 - left[0], left[1], 0.0 - right[0], right[1]];
    Joy {
        header: Header { stamp, frame_id: "joy".to_owned() },
        axes: axes.map(|axis| axis as f32).to_vec(),
        buttons: remote.buttons().map(i32::from).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_positive_to_the_left_and_up() {
        let remote = Remote { left: [0.5, 1.0], right: [-0.25, 0.0], keys: 0x0101 };
        let Joy { header, axes, buttons } = joy(&remote, Time::default());
        assert_eq!((axes, header.frame_id.as_str()), (vec![-0.5, 1.0, 0.25, 0.0], "joy"));
        let pressed: Vec<_> = (0..16).filter(|button| buttons[*button] == 1).collect();
        assert_eq!((buttons.len(), pressed), (16, vec![0, 8]));
    }
}
