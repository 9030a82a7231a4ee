//! What the robot says of itself: the data of each topic's messages.

#![no_main]

use go2_proto::codec::{Json, Kind};
use go2_proto::state::{
    FaultChange, LidarState, LowState, MultipleState, Quaternion, RobotPose, ServiceStates,
    SportModeState, State,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let data = Json::from(data.to_owned());
    if let Ok(state) = SportModeState::decode(&data) {
        check(state.position.iter().chain(&state.velocity).flatten());
        check(state.yaw_speed.iter().chain(&state.body_height).chain(&state.progress));
        if let Some(imu) = state.imu {
            check_rotation(imu.orientation);
            check(imu.angular_velocity.iter().chain(&imu.linear_acceleration));
        }
    }
    if let Ok(state) = LowState::decode(&data) {
        check(state.motors.iter().flatten().map(|motor| &motor.position));
        check(state.voltage.iter().chain(state.rpy.iter().flatten()));
        if let Some(battery) = state.battery {
            assert!((0.0..=1.0).contains(&battery.charge));
            check(battery.current.iter().chain(&battery.temperatures));
        }
    }
    if let Ok(pose) = RobotPose::decode(&data) {
        check(&pose.position);
        check_rotation(pose.orientation);
    }
    let _ = LidarState::decode(&data);
    let _ = MultipleState::decode(&data);
    let _ = ServiceStates::decode(&data);
    let mut faults = Vec::new();
    for kind in [Kind::Errors, Kind::AddError, Kind::AddError, Kind::RmError] {
        if let Ok(change) = FaultChange::decode(kind, &data) {
            change.apply(&mut faults);
            assert!(faults.len() <= 256);
        }
    }
    assert!(faults.is_empty());
});

fn check<'a>(numbers: impl IntoIterator<Item = &'a f64>) {
    for number in numbers {
        assert!(number.is_finite(), "{number}");
    }
}

fn check_rotation(Quaternion { x, y, z, w }: Quaternion) {
    let norm = x * x + y * y + z * z + w * w;
    assert!((norm - 1.0).abs() < 1e-9, "{norm}");
}
