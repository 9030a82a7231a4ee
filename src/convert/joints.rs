//! `joint_states`.

use go2_proto::state::{Motor, LEG_MOTORS};
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::JointState;

use super::header;

/// Legs in the order of the URDF, with the number of each leg's first motor in the robot's order.
const LEGS: [(&str, usize); 4] = [("FL", 3), ("FR", 0), ("RL", 9), ("RR", 6)];
const JOINTS: [&str; 3] = ["hip", "thigh", "calf"];

/// Joint angles in radians under the URDF's names. Velocity and effort stay empty: the robot does not send
/// them over WebRTC.
pub(crate) fn joint_state(motors: &[Motor; LEG_MOTORS], stamp: &Time) -> JointState {
    let mut message = JointState { header: header(stamp, ""), ..JointState::default() };
    for (leg, first) in LEGS {
        for (offset, joint) in JOINTS.iter().enumerate() {
            message.name.push(format!("{leg}_{joint}_joint"));
            message.position.push(motors[first + offset].position);
        }
    }
    message
}

/// The joint that a motor moves, such as `FL_hip`; motors are counted from 0 in the robot's order.
pub(super) fn motor_name(number: usize) -> String {
    let leg = LEGS.iter().find(|(_, first)| (*first..first + JOINTS.len()).contains(&number));
    match leg {
        Some((leg, first)) => format!("{leg}_{}", JOINTS[number - first]),
        None => format!("motor {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motors_get_the_names_of_their_joints() {
        let motors =
            std::array::from_fn(|i| Motor { position: i as f64, temperature: None, lost: 0 });
        let message = joint_state(&motors, &Time { sec: 1, nanosec: 2 });
        let named: Vec<_> =
            message.name.iter().map(String::as_str).zip(&message.position).collect();
        assert_eq!(named[0], ("FL_hip_joint", &3.0));
        assert_eq!(named[4], ("FR_thigh_joint", &1.0));
        assert_eq!(named[8], ("RL_calf_joint", &11.0));
        assert_eq!(named[11], ("RR_calf_joint", &8.0));
        for (name, number) in named {
            assert_eq!(name, format!("{}_joint", motor_name(*number as usize)));
        }
        assert_eq!(motor_name(12), "motor 12");
        assert!(message.velocity.is_empty() && message.effort.is_empty());
    }
}
