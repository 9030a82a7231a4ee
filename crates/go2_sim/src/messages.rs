//! The JSON of the robot's state messages, field for field as robots send it.

use std::f64::consts::TAU;
use std::time::Duration;

use serde_json::{json, Value};

use crate::body::{Body, Motion, Posture};
use crate::lidar::Lidar;
use crate::options::Firmware;
use crate::profile::Codes;
use crate::sensors::{Motor, Sensors};
use crate::services::{Player, Settings};

/// Whether the robot has called its cloud.
pub(crate) const RTC_STATE: &str = "rt/rtc/state";
/// How it is on the network.
pub(crate) const NETWORK_STATUS: &str = "rt/public_network_status";

fn stamp(time: Duration) -> Value {
    json!({"sec": time.as_secs(), "nanosec": time.subsec_nanos()})
}

/// What a robot without such sensors says of its feet, whatever it stands on.
const FOOT_FORCE: [i64; 4] = [97, 84, 81, 81];

/// `rt/lf/lowstate`: twenty motors, of which twelve are there, and the battery.
pub(crate) fn low_state(body: &Body, sensors: &mut Sensors) -> Value {
    let mut motors = Vec::with_capacity(20);
    for (number, q) in body.joints().into_iter().enumerate() {
        let Motor { temperature, lost, reserve } = sensors.motor(number);
        motors.push(
            json!({"q": q, "temperature": temperature, "lost": lost, "reserve": [0, reserve]}),
        );
    }
    let none = json!({"q": 0, "temperature": 0, "lost": 0, "reserve": [0, 0]});
    motors.resize(20, none);
    json!({
        "imu_state": {"rpy": body.attitude()},
        "motor_state": motors,
        "bms_state": {
            "version_high": 1, "version_low": 18, "soc": body.charge(), "current": sensors.current(body), "cycle": 56,
            "bq_ntc": [30, 29], "mcu_ntc": [33, 32],
        },
        "foot_force": FOOT_FORCE,
        "temperature_ntc1": 48,
        "power_v": 28.33,
    })
}

/// `rt/lf/sportmodestate`.
pub(crate) fn sport_mode_state(
    body: &Body,
    settings: &Settings,
    firmware: Firmware,
    time: Duration,
    sensors: &mut Sensors,
) -> Value {
    let facts = sensors.facts;
    let Motion { x, y, .. } = body.motion();
    let (mode, error_code) = match firmware {
        Firmware::Old => (old_mode(body), old_options(body)),
        Firmware::New => (0, mode_code(body)),
    };
    // Since firmware 1.1.7 robots fill in less.
    let blank = facts.blank && firmware == Firmware::New;
    let feet = match firmware {
        Firmware::Old => json!(body.feet().as_flattened()),
        Firmware::New if blank => json!(vec![0.0; 12]),
        Firmware::New => json!([]),
    };
    let speeds = if facts.printed { json!(vec![0.0; 12]) } else { json!([]) };
    let foot_force = if blank { [0; 4] } else { FOOT_FORCE };
    let gait = if body.posture() == Posture::Walking {
        // Set to idle it trots when it walks.
        settings.number("gait").max(1.0) as i64
    } else {
        0
    };
    let gyroscope = sensors.gyroscope(body);
    json!({
        "stamp": stamp(time),
        "error_code": error_code,
        "imu_state": {
            "quaternion": quaternion(body.attitude(), facts.imu.negative_w),
            "gyroscope": gyroscope,
            "accelerometer": sensors.accelerometer(body),
            "rpy": body.attitude(),
            "temperature": sensors.imu_temperature(),
        },
        "mode": mode,
        "progress": body.doing().filter(|_| !blank).map_or(0.0, |(_, progress)| progress),
        "gait_type": if blank { 0 } else { gait },
        "foot_raise_height": if blank { 0.0 } else { 0.09 + settings.number("foot_raise_height") },
        "position": [x, y, body.height()],
        "body_height": body.told_height(),
        "velocity": sensors.velocity(body),
        "yaw_speed": if facts.creeps { gyroscope[2] } else { body.motion().wz },
        "range_obstacle": [0.0, 0.0, 0.0, 0.0],
        "foot_force": foot_force,
        "foot_position_body": feet,
        "foot_speed_body": speeds,
    })
}

/// Roll, pitch and yaw as a quaternion: w, x, y, z. With a negative w it is the same attitude.
fn quaternion(attitude: [f64; 3], negative_w: bool) -> [f64; 4] {
    let [(sr, cr), (sp, cp), (sy, cy)] = attitude.map(|angle| (angle / 2.0).sin_cos());
    let quaternion = [
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ];
    let negative = quaternion[0] < 0.0;
    if negative == negative_w {
        quaternion
    } else {
        quaternion.map(|part| -part)
    }
}

/// `mode` before firmware 1.1.7.
fn old_mode(body: &Body) -> i64 {
    match body.doing().map(|(name, _)| name) {
        Some("pose") => 2,
        Some("free_walk") => 9,
        Some("front_flip") => 11,
        Some("front_jump") => 12,
        Some("front_pounce") => 13,
        Some("free_bound") => 15,
        Some("free_jump") => 16,
        Some("free_avoid") => 17,
        Some("walk_stair") => 18,
        Some("back_stand") => 19,
        Some("cross_step") => 20,
        _ => match body.posture() {
            Posture::Lying => 5,
            Posture::Locked => 6,
            Posture::Balancing => 1,
            Posture::Walking => 3,
            Posture::Damped => 7,
            Posture::Sitting => 10,
        },
    }
}

/// `error_code` before firmware 1.1.7: a bit for each of a few modes.
fn old_options(body: &Body) -> i64 {
    match body.doing().map(|(name, _)| name) {
        Some("continuous_gait") => 1,
        Some("hand_stand") => 1 << 1,
        Some("economic_gait") => 1 << 4,
        _ => 0,
    }
}

/// `error_code` since firmware 1.1.7, which is the mode.
pub(crate) fn mode_code(body: &Body) -> i64 {
    let recorded = body.facts().codes == Codes::Recorded;
    match body.doing().map(|(name, _)| name) {
        Some("free_walk") => 100,
        // Recorded: hello is told by no code, and 1006 is the way to sitting.
        Some("hello") if !recorded => 1006,
        Some("static_walk") => 1015,
        Some("trot_run") => 1016,
        Some("economic_gait") => 1017,
        Some("pose") => 1091,
        Some("free_avoid") => 2007,
        Some("free_bound") => 2008,
        Some("free_jump") => 2009,
        Some("walk_stair") => 2010,
        Some("hand_stand") => 2011,
        Some("cross_step") => 2016,
        Some("back_stand") => 2017,
        Some("lead_follow") => 2019,
        Some("rage_mode") => 2021,
        _ => match body.posture() {
            Posture::Lying if !recorded => 1004,
            Posture::Lying if body.is_settled() => 1001,
            Posture::Lying => 2006,
            Posture::Locked => 1002,
            Posture::Balancing | Posture::Walking if recorded && body.is_recovered() => 100,
            Posture::Balancing => 1013,
            Posture::Walking => 1005,
            Posture::Damped => 1001,
            Posture::Sitting if !body.is_settled() => 1006,
            Posture::Sitting => 1007,
        },
    }
}

/// `rt/utlidar/robot_pose`.
pub(crate) fn robot_pose(body: &Body, time: Duration, sensors: &Sensors) -> Value {
    let Motion { x, y, .. } = body.motion();
    let [qw, qx, qy, qz] = quaternion(body.attitude(), sensors.facts.imu.negative_w);
    json!({
        "header": {"stamp": stamp(time), "frame_id": "odom"},
        "pose": {
            "position": {"x": x, "y": y, "z": body.height()},
            "orientation": {"x": qx, "y": qy, "z": qz, "w": qw},
        },
    })
}

/// `rt/utlidar/lidar_state`. Comes as well while the LiDAR is off.
pub(crate) fn lidar_state(lidar: &Lidar, time: Duration, sensors: &mut Sensors) -> Value {
    let turning = |value: f64| if lidar.is_on() { value } else { 0.0 };
    let told = sensors.facts.lidar;
    let [size, scans] = match told.cloud {
        Some(cloud) if lidar.is_on() => cloud,
        Some(_) => [0; 2],
        None => [i64::from(lidar.voxels()), lidar.frames() as i64],
    };
    json!({
        "stamp": time.as_secs_f64(), "firmware_version": told.version,
        "software_version": told.software, "sdk_version": told.version,
        "sys_rotation_speed": turning(11.0), "com_rotation_speed": turning(5.1),
        "error_state": 0, "dirty_percentage": told.dirt,
        "cloud_frequency": turning(sensors.between(told.cloud_hz)), "cloud_packet_loss_rate": 0.0,
        "cloud_size": size, "cloud_scan_num": scans,
        "imu_frequency": sensors.between(told.imu_hz), "imu_packet_loss_rate": 0.0,
        "imu_rpy": [0.0, 0.0, 0.0], "serial_recv_stamp": time.as_secs_f64(),
        "serial_buffer_size": 0, "serial_buffer_read": 0,
    })
}

/// `rt/multiplestate`: JSON in a string.
pub(crate) fn multiple_state(settings: &Settings, firmware: Firmware) -> Value {
    let mut state = json!({
        "brightness": settings.get("brightness"), "volume": settings.get("volume"),
        "obstaclesAvoidSwitch": settings.get("obstacle_avoidance"), "uwbSwitch": false,
    });
    if firmware == Firmware::Old {
        state["bodyHeight"] = settings.get("body_height");
        state["footRaiseHeight"] = settings.get("foot_raise_height");
        state["speedLevel"] = settings.get("speed_level");
    }
    Value::String(state.to_string())
}

/// `rt/audiohub/player/state`: JSON in a string.
pub(crate) fn player_state(player: &Player, sensors: &Sensors) -> Value {
    let in_use = sensors.facts.in_use;
    let (state, sound) = match player {
        Player::Idle => ("not_in_use", None),
        Player::Paused(sound) | Player::Playing(sound) if in_use => ("in_use", Some(sound)),
        Player::Paused(sound) => ("pause", Some(sound)),
        Player::Playing(sound) => ("playing", Some(sound)),
    };
    let plays = matches!(player, Player::Playing(_));
    let mut state = json!({
        "play_state": state, "is_playing": plays, "current_audio_unique_id": sound.map(|s| &s.id),
    });
    if in_use {
        state["current_audio_custom_name"] = json!(sound.map(|sound| &sound.name));
    }
    Value::String(state.to_string())
}

/// `rt/wirelesscontroller` of a remote that somebody plays with: sticks that go round slowly, and each half second
/// another key, or none.
pub(crate) fn remote(time: Duration) -> Value {
    let stick = |period: f64| 0.8 * (TAU * time.as_secs_f64() / period).sin();
    let half_seconds = time.as_millis() / 500;
    let key = half_seconds % 32;
    let keys = if key.is_multiple_of(2) { 1_u32 << (key / 2) } else { 0 };
    json!({"lx": stick(7.0), "ly": stick(11.0), "rx": stick(13.0), "ry": stick(17.0), "keys": keys})
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::profile::Profile;
    use crate::services::ask;

    fn sensors(profile: Profile) -> Sensors {
        Sensors::new(&profile.facts().state, 1)
    }

    #[test]
    fn attitudes_are_quaternions() {
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        let half = 0.5_f64.sqrt();
        for (attitude, expected) in [
            ([0.0, 0.0, TAU / 4.0], [half, 0.0, 0.0, half]),
            ([0.0, TAU / 4.0, 0.0], [half, 0.0, half, 0.0]),
            ([TAU / 4.0, 0.0, TAU / 4.0], [0.5, 0.5, 0.5, 0.5]),
        ] {
            assert!(near(&quaternion(attitude, false), &expected));
            assert!(near(&quaternion(attitude, true), &expected.map(|part| -part)));
        }
    }

    /// A vector in the trunk's axes, in those of the odometry frame.
    fn rotated([w, x, y, z]: [f64; 4], vector: [f64; 3]) -> [f64; 3] {
        let rows = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ];
        rows.map(|row| row.iter().zip(vector).map(|(row, part)| row * part).sum())
    }

    /// At rest an accelerometer measures what holds it up against gravity, which is vertical however the body is tilted.
    #[test]
    fn gravity_is_vertical_by_the_attitude_that_is_told_with_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for profile in [Profile::Ideal, Profile::Pro1115] {
            let gravity = profile.facts().state.imu.gravity;
            for [roll, pitch, yaw] in
                [[0.0; 3], [0.4, 0.0, 0.0], [0.0, -0.5, 0.3], [0.0, 0.5, 0.0], [-0.3, 0.25, 0.5]]
            {
                let mut body = Body::new(None, start);
                ask(&mut body, 1006, "", start);
                let tilt = format!(r#"{{"x":{roll},"y":{pitch},"z":{yaw}}}"#);
                body.step(at(5));
                assert_eq!(ask(&mut body, 1007, &tilt, at(5)), 0);
                body.step(at(8));
                let mut sensors = sensors(profile);
                let mut mean = [0.0; 3];
                for _ in 0..100 {
                    let state = sport_mode_state(
                        &body,
                        &Settings::default(),
                        Firmware::New,
                        Duration::ZERO,
                        &mut sensors,
                    );
                    let imu = &state["imu_state"];
                    let part = |name: &str, i: usize| imu[name][i].as_f64().unwrap();
                    assert!((part("rpy", 0) - roll).abs() < 1e-9);
                    assert!((part("rpy", 1) - pitch).abs() < 1e-9);
                    let attitude = [0, 1, 2, 3].map(|i| part("quaternion", i));
                    let force = rotated(attitude, [0, 1, 2].map(|i| part("accelerometer", i)));
                    mean = [0, 1, 2].map(|i| mean[i] + force[i] / 100.0);
                }
                let off = [mean[0], mean[1], mean[2] - gravity];
                // The noise of 0.04 m/s^2, a hundred times.
                let most = if profile == Profile::Ideal { 1e-9 } else { 0.02 };
                let tilt = (roll, pitch, yaw);
                assert!(off.iter().all(|off| off.abs() < most), "{profile:?} {tilt:?}: {mean:?}");
            }
        }
    }

    #[test]
    fn actions_and_modes_have_their_numbers() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (api_id, parameter, old, new) in [
            (1016, "", 1, 1006),
            (1009, "", 10, 1007),
            (1028, r#"{"data":true}"#, 2, 1091),
            (2045, r#"{"data":true}"#, 9, 100),
            (2059, r#"{"data":true}"#, 1, 2021),
            (1063, "", 1, 1017),
            (1001, "", 7, 1001),
        ] {
            let mut body = Body::new(None, start);
            ask(&mut body, 1002, "", start);
            assert_eq!(ask(&mut body, api_id, parameter, at(2)), 0);
            body.step(at(3));
            let state = |firmware| {
                sport_mode_state(
                    &body,
                    &Settings::default(),
                    firmware,
                    Duration::ZERO,
                    &mut sensors(Profile::Ideal),
                )
            };
            let (before, since) = (state(Firmware::Old), state(Firmware::New));
            assert_eq!((&before["mode"], &since["mode"]), (&json!(old), &json!(0)), "{api_id}");
            assert_eq!(since["error_code"], new, "{api_id}");
            assert_eq!(before["error_code"], if api_id == 1063 { 16 } else { 0 });
            assert_eq!(since["progress"].as_f64().unwrap() > 0.3, api_id == 1016);
        }
    }

    #[test]
    fn a_remote_has_one_key_down_or_none_and_sticks_within_their_range() {
        let mut keys = std::collections::BTreeSet::new();
        for tenth in 0..200 {
            let remote = remote(Duration::from_millis(100 * tenth));
            for stick in ["lx", "ly", "rx", "ry"] {
                assert!(remote[stick].as_f64().unwrap().abs() <= 1.0);
            }
            keys.insert(remote["keys"].as_u64().unwrap());
        }
        assert_eq!(keys, (0..16).map(|bit| 1 << bit).chain([0]).collect());
    }

    #[test]
    fn settings_are_in_the_multiple_state_of_their_firmware() {
        let text = |firmware| multiple_state(&Settings::default(), firmware);
        let read = |value: Value| serde_json::from_str::<Value>(value.as_str().unwrap()).unwrap();
        let (old, new) = (read(text(Firmware::Old)), read(text(Firmware::New)));
        assert_eq!((&old["speedLevel"], &old["volume"]), (&json!(0), &json!(5)));
        assert_eq!(
            (&new["speedLevel"], &new["obstaclesAvoidSwitch"]),
            (&Value::Null, &json!(false))
        );
    }
}
