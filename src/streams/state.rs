//! Low state and motion state: joints, battery, IMU.

use std::time::Instant;

use go2_link::state::{Activities, LowState, SportModeState};
use r2r::sensor_msgs::msg::{BatteryState, Imu, JointState};
use r2r::Publisher;
use tokio::sync::watch;

use super::{has_listener, publish, LatestLowState, Source, DIAGNOSTICS_EVERY};
use crate::convert::{self, Motion};
use crate::motion::Doing;
use crate::safety::Measured;

pub(super) async fn publish_low_states(
    mut source: Source,
    joints: Publisher<JointState>,
    battery: Publisher<BatteryState>,
    latest: watch::Sender<LatestLowState>,
) {
    let mut kept: Option<Instant> = None;
    while let Some(message) = source.next().await {
        let now = Instant::now();
        let for_diagnostics = kept.is_none_or(|kept| now - kept >= DIAGNOSTICS_EVERY);
        let (to_joints, to_battery) = (has_listener(&joints), has_listener(&battery));
        if !(to_joints || to_battery || for_diagnostics) {
            continue;
        }
        let Some(state) = source.decode::<LowState>(&message) else { continue };
        // Low states have no stamp of the robot's.
        let stamp = source.stamps.place(None, message.received).time;
        if let Some(motors) = state.motors.as_ref().filter(|_| to_joints) {
            publish(&joints, &convert::joint_state(motors, &stamp));
        }
        if let Some(pack) = state.battery.as_ref().filter(|_| to_battery) {
            publish(&battery, &convert::battery_state(&state, pack, &stamp));
        }
        if for_diagnostics {
            kept = Some(now);
            latest.send_replace(Some((now, state)));
        }
    }
}

pub(super) async fn publish_imu(
    mut source: Source,
    publisher: Publisher<Imu>,
    motion: watch::Sender<Motion>,
) {
    let mut activities = Activities::default();
    while let Some(message) = source.next().await {
        let to_imu = has_listener(&publisher);
        let Some(state) = source.decode::<SportModeState>(&message) else { continue };
        let doing = Doing {
            activity: activities.hear(&state, message.received),
            lasting: state.lasting(),
            code: state.error_code.filter(|_| state.mode == Some(0)),
            measured: measured(&state),
            height: state.body_height,
            at: message.received,
        };
        source.shared.doing.send_replace(Some(doing));
        motion.send_replace(Motion::new(&state, message.received));
        let stamp = source.stamps.place(state.stamp, message.received).time;
        if let Some(imu) = state.imu.filter(|_| to_imu) {
            publish(&publisher, &convert::imu(&imu, &source.shared.settings(), &stamp));
        }
    }
}

/// How fast it says that it moves; the frame of its velocity does not matter for that.
fn measured(state: &SportModeState) -> Option<Measured> {
    let [x, y, _] = state.velocity?;
    Some(Measured { speed: x.hypot(y), turning: state.yaw_speed?.abs() })
}
