//! Low state and motion state: joints, battery, IMU.

use std::time::Instant;

use go2_proto::state::{Activities, LowState, SportModeState};
use r2r::sensor_msgs::msg::{BatteryState, Imu, JointState};
use r2r::Publisher;
use tokio::sync::broadcast::{error::RecvError, Receiver, Sender};
use tokio::sync::watch;

use super::{skip_to_newest, LatestLowState, Shared, Source, Tally, DIAGNOSTICS_EVERY};
use crate::clock::StreamStamps;
use crate::convert::{self, Motion};
use crate::motion::Doing;
use crate::outlet::Outlet;
use go2_proto::motion::Measured;

pub(super) async fn publish_low_states(
    mut source: Source,
    joints: Outlet<Publisher<JointState>>,
    battery: Outlet<Publisher<BatteryState>>,
    latest: watch::Sender<LatestLowState>,
) {
    let mut kept: Option<Instant> = None;
    while let Some(message) = source.next().await {
        let now = Instant::now();
        let for_diagnostics = kept.is_none_or(|kept| now - kept >= DIAGNOSTICS_EVERY);
        let (to_joints, to_battery) = (joints.has_listener(), battery.has_listener());
        if !(to_joints || to_battery || for_diagnostics) {
            continue;
        }
        let Some(state) = source.decode::<LowState>(&message) else { continue };
        // Low states have no stamp of the robot's.
        let stamp = source.stamps.place(None, message.received).time;
        let mut slow = false;
        if let Some(motors) = state.motors.as_ref().filter(|_| to_joints) {
            slow |= joints.publish(&convert::joint_state(motors, &stamp));
        }
        if let Some(pack) = state.battery.as_ref().filter(|_| to_battery) {
            slow |= battery.publish(&convert::battery_state(&state, pack, &stamp));
        }
        if slow {
            source.skip_to_newest();
        }
        if for_diagnostics {
            kept = Some(now);
            latest.send_replace(Some((now, state)));
        }
    }
}

/// Tells what the robot does, and passes what it said on to be published.
pub(super) async fn follow_motion(
    mut source: Source,
    motion: watch::Sender<Motion>,
    decoded: Sender<(Instant, SportModeState)>,
) {
    let mut activities = Activities::default();
    while let Some(message) = source.next().await {
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
        let _ = decoded.send((message.received, state)); // fails only while the node ends
    }
}

/// Motion states that were decoded elsewhere.
pub(super) struct ImuSource {
    pub(super) states: Receiver<(Instant, SportModeState)>,
    pub(super) shared: Shared,
    pub(super) stamps: StreamStamps,
    pub(super) tally: Tally,
}

pub(super) async fn publish_imu(mut source: ImuSource, publisher: Outlet<Publisher<Imu>>) {
    loop {
        let (received, state) = match source.states.recv().await {
            Ok(state) => state,
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(count)) => {
                source.tally.dropped(count, &"publishing is late");
                continue;
            }
        };
        let stamp = source.stamps.place(state.stamp, received).time;
        if let Some(imu) = state.imu.filter(|_| publisher.has_listener()) {
            if publisher.publish(&convert::imu(&imu, &source.shared.settings(), &stamp)) {
                skip_to_newest(&mut source.states, &source.tally);
            }
        }
    }
}

/// How fast it says that it moves; the frame of its velocity does not matter for that.
fn measured(state: &SportModeState) -> Option<Measured> {
    let [x, y, _] = state.velocity?;
    Some(Measured { speed: x.hypot(y), turning: state.yaw_speed?.abs() })
}
