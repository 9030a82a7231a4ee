//! Messages of exactly the form in which real robots send them, with other values; docs/real-robots.md tells of whom.

use super::*;
use crate::codec::{Inbound, Kind};

const MESSAGES: &str = include_str!("../../testdata/real_robot.jsonl");

fn messages() -> Vec<Inbound> {
    MESSAGES
        .lines()
        .map(|line| Inbound::from_text(&line.as_bytes().to_vec().into()).unwrap())
        .collect()
}

fn decoded<S: State>() -> Vec<S> {
    let of_topic = |message: &Inbound| message.topic == S::TOPIC;
    messages().iter().filter(|m| of_topic(m)).map(|m| S::decode(&m.data).unwrap()).collect()
}

#[test]
fn low_state() {
    let [first, second] = &decoded::<LowState>()[..] else { panic!() };
    let motors = first.motors.unwrap();
    // Beyond the limits of the model: passed on as it is.
    assert_eq!((motors[5].position, motors[9].position), (-2.810004, 0.361204));
    let hottest = Motor { position: -2.801126, temperature: Some(57.0), lost: 5 };
    assert_eq!((motors[2], second.motors.unwrap()), (hottest, motors));
    let battery = first.battery.as_ref().unwrap();
    assert_eq!((battery.charge, battery.current, battery.cycles), (0.71, Some(-1.062), Some(23)));
    assert_eq!(battery.status, None);
    assert_eq!(
        (first.voltage, first.foot_force),
        (Some(28.912001), Some([88.0, 91.0, 79.0, 84.0]))
    );
    assert_eq!(first.rpy, Some([0.011203, -0.008411, -2.740118]));
}

#[test]
fn motion_state() {
    let states = decoded::<SportModeState>();
    let state = &states[0];
    assert_eq!(state.stamp, Some(RobotTime::new(1_790_000_000, 150_003_000)));
    assert_eq!((state.mode, state.error_code), (Some(0), Some(1001)));
    assert_eq!((state.progress, state.gait_type), (Some(0.0), Some(0)));
    assert_eq!(state.velocity, Some([0.0; 3]), "what is left of the last step is rest");
    assert_eq!(state.position, Some([1.250118, -0.731904, 0.054017]));
    assert_eq!(state.body_height, Some(0.0741));
    let imu = state.imu.unwrap();
    assert_eq!(state.yaw_speed, Some(imu.angular_velocity[2]));
    assert!(imu.orientation.w < 0.0);
    assert!((imu.orientation.yaw() + 2.740118).abs() < 1e-2, "{}", imu.orientation.yaw());
    assert_eq!(
        (imu.linear_acceleration, imu.temperature),
        ([0.079105, 0.104331, 9.521874], Some(79.0))
    );
}

#[test]
fn pose_is_the_one_of_the_motion_state() {
    let (pose, state) = (&decoded::<RobotPose>()[0], &decoded::<SportModeState>()[0]);
    assert_eq!(pose.stamp, Some(RobotTime::new(1_790_000_000, 160_201_000)));
    assert_eq!(Some(pose.position), state.position);
    assert_eq!(pose.orientation, state.imu.unwrap().orientation);
}

#[test]
fn lidar_switches_and_player() {
    let lidar = &decoded::<LidarState>()[0];
    assert_eq!((lidar.error_state, lidar.dirty_percentage), (Some(0), Some(3.0)));
    assert_eq!(lidar.cloud_frequency, Some(15.312004));
    let switches = &decoded::<MultipleState>()[0];
    assert_eq!((switches.volume, switches.brightness), (Some(7), Some(4)));
    let playing = decoded::<PlayerState>()[0].playing.clone().unwrap();
    assert_eq!(playing.name.as_deref(), Some("bark"));
    assert!(playing.unique_id.starts_with("4c1f7d02"));
}

#[test]
fn messages_without_a_topic() {
    let messages = messages();
    let of = |kind| messages.iter().find(|message| message.kind == kind).unwrap();
    let mut list = Vec::new();
    for kind in [Kind::Errors, Kind::AddError] {
        assert_eq!(of(kind).topic, "");
        FaultChange::decode(kind, &of(kind).data).unwrap().apply(&mut list);
    }
    assert_eq!(list, [Fault { source: 309, code: 4 }]);
    assert!(list[0].is_heat());
    assert_eq!(of(Kind::Heartbeat).topic, "");
}
