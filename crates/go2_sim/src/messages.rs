//! The JSON of the robot's state messages, field for field as robots send it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};

use crate::body::{Body, Motion, Posture};
use crate::lidar::Lidar;
use crate::options::Firmware;

/// Time on the robot's clock, which is not this computer's: robots seldom have the right time.
pub(crate) fn robot_time() -> Duration {
    const BEHIND: Duration = Duration::from_secs(3600);
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(BEHIND)
}

fn stamp(time: Duration) -> Value {
    json!({"sec": time.as_secs(), "nanosec": time.subsec_nanos()})
}

/// `rt/lf/lowstate`: twenty motors, of which twelve are there, and the battery.
pub(crate) fn low_state(body: &Body, charge: u32) -> Value {
    let motors: Vec<_> = body
        .joints()
        .into_iter()
        .map(|q| json!({"q": q, "temperature": 40, "lost": 0, "reserve": [0, 674]}))
        .chain(std::iter::repeat_n(
            json!({"q": 0, "temperature": 0, "lost": 0, "reserve": [0, 0]}),
            8,
        ))
        .collect();
    json!({
        "imu_state": {"rpy": [0.0, 0.0, body.motion().yaw]},
        "motor_state": motors,
        "bms_state": {
            "version_high": 1, "version_low": 18, "soc": charge, "current": -2481, "cycle": 56,
            "bq_ntc": [30, 29], "mcu_ntc": [33, 32],
        },
        "foot_force": [97, 84, 81, 81],
        "temperature_ntc1": 48,
        "power_v": 28.33,
    })
}

/// `rt/lf/sportmodestate`.
pub(crate) fn sport_mode_state(body: &Body, firmware: Firmware, time: Duration) -> Value {
    let Motion { x, y, yaw, vx, vy, wz } = body.motion();
    let (sin, cos) = yaw.sin_cos();
    let (mode, error_code) = match firmware {
        Firmware::Old => (old_mode(body.posture()), 0),
        Firmware::New => (0, mode_code(body.posture())),
    };
    let feet = match firmware {
        Firmware::Old => json!(body.feet().as_flattened()),
        Firmware::New => json!([]),
    };
    json!({
        "stamp": stamp(time),
        "error_code": error_code,
        "imu_state": {
            "quaternion": [(yaw / 2.0).cos(), 0.0, 0.0, (yaw / 2.0).sin()],
            "gyroscope": [0.0, 0.0, wz],
            "accelerometer": [0.0, 0.0, 9.81],
            "rpy": [0.0, 0.0, yaw],
            "temperature": 68,
        },
        "mode": mode,
        "progress": 0.0,
        "gait_type": if body.posture() == Posture::Walking { 1 } else { 0 },
        "foot_raise_height": 0.09,
        "position": [x, y, body.height()],
        "body_height": body.height(),
        "velocity": [vx * cos - vy * sin, vx * sin + vy * cos, 0.0],
        "yaw_speed": wz,
        "range_obstacle": [0.0, 0.0, 0.0, 0.0],
        "foot_force": [97, 84, 81, 81],
        "foot_position_body": feet,
        "foot_speed_body": [],
    })
}

fn old_mode(posture: Posture) -> i64 {
    match posture {
        Posture::Lying => 5,
        Posture::Locked => 6,
        Posture::Balancing => 1,
        Posture::Walking => 3,
        Posture::Damped => 7,
    }
}

fn mode_code(posture: Posture) -> i64 {
    match posture {
        Posture::Lying => 1004,
        Posture::Locked => 1002,
        Posture::Balancing => 1013,
        Posture::Walking => 1005,
        Posture::Damped => 1001,
    }
}

/// `rt/utlidar/robot_pose`.
pub(crate) fn robot_pose(body: &Body, time: Duration) -> Value {
    let Motion { x, y, yaw, .. } = body.motion();
    json!({
        "header": {"stamp": stamp(time), "frame_id": "odom"},
        "pose": {
            "position": {"x": x, "y": y, "z": body.height()},
            "orientation": {"x": 0.0, "y": 0.0, "z": (yaw / 2.0).sin(), "w": (yaw / 2.0).cos()},
        },
    })
}

/// `rt/utlidar/lidar_state`. Comes as well while the LiDAR is off.
pub(crate) fn lidar_state(lidar: &Lidar, time: Duration) -> Value {
    let turning = |value: f64| if lidar.is_on() { value } else { 0.0 };
    json!({
        "stamp": time.as_secs_f64(), "firmware_version": "1.0", "software_version": "1.0",
        "sdk_version": "1.0", "sys_rotation_speed": turning(11.0),
        "com_rotation_speed": turning(5.1), "error_state": 0, "dirty_percentage": 0.0,
        "cloud_frequency": turning(15.4), "cloud_packet_loss_rate": 0.0,
        "cloud_size": lidar.voxels(), "cloud_scan_num": lidar.frames(), "imu_frequency": 250.0,
        "imu_packet_loss_rate": 0.0, "imu_rpy": [0.0, 0.0, 0.0],
        "serial_recv_stamp": time.as_secs_f64(), "serial_buffer_size": 0, "serial_buffer_read": 0,
    })
}

/// `rt/multiplestate`: JSON in a string.
pub(crate) fn multiple_state(firmware: Firmware) -> Value {
    let state = match firmware {
        Firmware::Old => json!({
            "bodyHeight": 0.0, "brightness": 0, "footRaiseHeight": 0.0, "obstaclesAvoidSwitch": false,
            "speedLevel": 0, "uwbSwitch": false, "volume": 5,
        }),
        Firmware::New => {
            json!({"brightness": 0, "obstaclesAvoidSwitch": false, "uwbSwitch": false, "volume": 5})
        }
    };
    Value::String(state.to_string())
}
