//! `rt/lf/sportmodestate`: motion state and the whole IMU.

use serde::Deserialize;

use super::number::{temperature, triple, Number, Stamp};
use super::{Quaternion, RobotTime, State};
use crate::codec::{topics, DecodeError, Json};

/// Motion state. The two numbers that say what the robot is doing are left raw, since their meaning
/// changed with firmware 1.1.7: before it `mode` tells, after it `mode` stays 0 and `error_code` tells.
#[derive(Debug, Clone, PartialEq)]
pub struct SportModeState {
    /// Robot clock at the time of measuring.
    pub stamp: Option<RobotTime>,
    /// Mode on firmware before 1.1.7.
    pub mode: Option<i64>,
    /// Mode code since firmware 1.1.7, option bits before it.
    pub error_code: Option<i64>,
    /// Progress of an action, 0 to 1.
    pub progress: Option<f64>,
    /// Gait: 0 idle, 1 trot, 2 run, 3 and 4 climbing and descending stairs, 9 adjusting.
    pub gait_type: Option<i64>,
    /// The IMU, where sent.
    pub imu: Option<Imu>,
    /// Metres in the odometry frame; z is the height of the body.
    pub position: Option<[f64; 3]>,
    /// m/s in the body's axes. A robot at rest reports some 1e-6 here, never 0: what is below 1e-4 is 0. Standing
    /// on three legs it reports 0.02 while its position stands still.
    pub velocity: Option<[f64; 3]>,
    /// rad/s about the vertical, counter-clockwise.
    pub yaw_speed: Option<f64>,
    /// Height of the body over the ground in metres, about 0.32 standing.
    pub body_height: Option<f64>,
}

/// Velocities below this are rest, m/s: what the robot's filter has left of the last step.
const REST: f64 = 1e-4;

/// What the robot is doing, as far as it matters to whoever wants it to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Standing ready, walking, or in a gait: velocities are followed.
    Walkable,
    /// Standing with locked joints.
    Locked,
    /// Lying on the belly, motors in control.
    Lying,
    /// Sitting.
    Sitting,
    /// Limp.
    Damped,
    /// On the floor, and it does not tell whether it lies or is limp: see [`Activities`](super::Activities).
    LimpOrLying,
    /// On its way to lying.
    LyingDown,
    /// On its way to sitting.
    SittingDown,
    /// In another motion of its own, such as a flip or getting up.
    Moving,
    /// Something that this version does not know.
    Other,
}

impl SportModeState {
    /// What this message alone says that it is doing. `None` where it does not say.
    pub fn activity(&self) -> Option<Activity> {
        // Since firmware 1.1.7 `mode` stays 0 and `error_code` tells; before it the latter has only low option bits.
        Some(match (self.mode?, self.error_code.unwrap_or(0)) {
            // 100 is how a robot stands after RecoveryStand, 1013 after BalanceStand.
            (0, 100 | 1005 | 1013 | 1015..=1017 | 2007..=2010 | 2016 | 2019 | 2021) => {
                Activity::Walkable
            }
            // The end of StandDown as well as Damp.
            (0, 1001) => Activity::LimpOrLying,
            (0, 1002) => Activity::Locked,
            (0, 1004) => Activity::Lying,
            (0, 1006) => Activity::SittingDown,
            (0, 1007) => Activity::Sitting,
            (0, 2006) => Activity::LyingDown,
            (1 | 3 | 9 | 15 | 16 | 17 | 18 | 20, _) => Activity::Walkable,
            (5, _) => Activity::Lying,
            (6, _) => Activity::Locked,
            (7, _) => Activity::Damped,
            (8 | 11 | 12 | 13, _) => Activity::Moving,
            (10, _) => Activity::Sitting,
            _ => Activity::Other,
        })
    }
}

impl SportModeState {
    /// The lasting action that the robot is in, by its name in [`crate::commands::ACTIONS`]. Only firmware since 1.1.7
    /// tells most of them; free_walk it does not tell from standing.
    pub fn lasting(&self) -> Option<&'static str> {
        Some(match (self.mode?, self.error_code.unwrap_or(0)) {
            (9, _) => "free_walk",
            (0, 1091) | (2, _) => "pose",
            (0, 2007) | (17, _) => "free_avoid",
            (0, 2008) | (15, _) => "free_bound",
            (0, 2009) | (16, _) => "free_jump",
            (0, 2010) | (18, _) => "walk_stair",
            (0, 2011) => "hand_stand",
            (0, 2016) | (20, _) => "cross_step",
            (0, 2017) => "back_stand",
            (0, 2019) => "lead_follow",
            (0, 2021) => "rage_mode",
            _ => return None,
        })
    }
}

/// The IMU in the trunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imu {
    /// Rotation from the body to the odometry frame.
    pub orientation: Quaternion,
    /// rad/s in the body's axes.
    pub angular_velocity: [f64; 3],
    /// m/s^2 in the body's axes, gravity included.
    pub linear_acceleration: [f64; 3],
    /// Degrees Celsius, where sent.
    pub temperature: Option<f64>,
}

#[derive(Deserialize)]
struct Wire {
    stamp: Option<Stamp>,
    mode: Option<i64>,
    error_code: Option<i64>,
    progress: Option<Number>,
    gait_type: Option<i64>,
    imu_state: Option<WireImu>,
    position: Option<[Number; 3]>,
    velocity: Option<[Number; 3]>,
    yaw_speed: Option<Number>,
    body_height: Option<Number>,
}

#[derive(Deserialize)]
struct WireImu {
    /// w first.
    quaternion: Option<[Number; 4]>,
    rpy: Option<[Number; 3]>,
    gyroscope: [Number; 3],
    accelerometer: [Number; 3],
    temperature: Option<Number>,
}

impl State for SportModeState {
    const TOPIC: &'static str = topics::SPORT_MODE_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        Ok(Self {
            stamp: wire.stamp.and_then(Stamp::time),
            mode: wire.mode,
            error_code: wire.error_code,
            progress: wire.progress.map(|p| p.0),
            gait_type: wire.gait_type,
            imu: wire.imu_state.map(imu).transpose()?,
            position: wire.position.map(triple),
            velocity: wire.velocity.map(|v| triple(v).map(at_rest)),
            yaw_speed: wire.yaw_speed.map(|v| v.0),
            body_height: wire.body_height.map(|h| h.0),
        })
    }
}

fn at_rest(velocity: f64) -> f64 {
    if velocity.abs() < REST {
        0.0
    } else {
        velocity
    }
}

fn imu(wire: WireImu) -> Result<Imu, DecodeError> {
    let orientation = match (wire.quaternion, wire.rpy) {
        (Some([w, x, y, z]), _) => {
            Quaternion::normalised(x.0, y.0, z.0, w.0).ok_or(DecodeError::Number)?
        }
        (None, Some(rpy)) => Quaternion::from_rpy(triple(rpy)),
        (None, None) => return Err(DecodeError::Shape),
    };
    Ok(Imu {
        orientation,
        angular_velocity: triple(wire.gyroscope),
        linear_acceleration: triple(wire.accelerometer),
        temperature: wire.temperature.map(temperature),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<SportModeState, DecodeError> {
        SportModeState::decode(&Json::from(text.to_string()))
    }

    #[test]
    fn reorders_the_quaternion_and_keeps_the_rest() {
        let state = decode(
            r#"{"stamp":{"sec":12,"nanosec":500},"error_code":1013,"mode":0,"gait_type":1,
            "imu_state":{"quaternion":[0.5,0.5,-0.5,0.5],"gyroscope":[0.1,0.2,0.3],
            "accelerometer":[0,0,9.81],"rpy":[0,0,0],"temperature":60},
            "position":[1,2,0.3],"velocity":[0.1,0,0],"yaw_speed":0.2,"body_height":0.32,
            "foot_position_body":[],"range_obstacle":[0,0,0,0]}"#,
        )
        .unwrap();
        let imu = state.imu.unwrap();
        assert_eq!(imu.orientation, Quaternion { x: 0.5, y: -0.5, z: 0.5, w: 0.5 });
        assert_eq!(imu.angular_velocity, [0.1, 0.2, 0.3]);
        assert_eq!(state.stamp, Some(RobotTime::new(12, 500)));
        assert_eq!((state.mode, state.error_code), (Some(0), Some(1013)));
    }

    #[test]
    fn what_is_left_of_the_last_step_is_rest() {
        let state = decode(r#"{"velocity":[0.021,-3.1e-07,9.9e-05]}"#).unwrap();
        assert_eq!(state.velocity, Some([0.021, 0.0, 0.0]));
        let state = decode(r#"{"velocity":[-1e-04,1.0e-04,0]}"#).unwrap();
        assert_eq!(state.velocity, Some([-1e-4, 1e-4, 0.0]));
    }

    #[test]
    fn both_generations_say_what_the_robot_does() {
        let activity = |text: &str| decode(text).unwrap().activity();
        for (old, new, expected) in [
            (1, 1013, Activity::Walkable),
            (3, 1005, Activity::Walkable),
            (5, 1004, Activity::Lying),
            (6, 1002, Activity::Locked),
            (10, 1007, Activity::Sitting),
        ] {
            assert_eq!(activity(&format!(r#"{{"mode":{old},"error_code":1}}"#)), Some(expected));
            assert_eq!(activity(&format!(r#"{{"mode":0,"error_code":{new}}}"#)), Some(expected));
        }
        for (mode, code, expected) in [
            (7, 0, Activity::Damped),
            (11, 0, Activity::Moving),
            (0, 100, Activity::Walkable),
            (0, 1001, Activity::LimpOrLying),
            (0, 1006, Activity::SittingDown),
            (0, 2006, Activity::LyingDown),
            (0, 1091, Activity::Other),
        ] {
            let text = format!(r#"{{"mode":{mode},"error_code":{code}}}"#);
            assert_eq!(activity(&text), Some(expected), "{text}");
        }
        assert_eq!(activity("{}"), None);
        let lasting = |text: &str| decode(text).unwrap().lasting();
        assert_eq!(lasting(r#"{"mode":0,"error_code":2021}"#), Some("rage_mode"));
        assert_eq!(lasting(r#"{"mode":17,"error_code":0}"#), Some("free_avoid"));
        assert_eq!(lasting(r#"{"mode":1,"error_code":0}"#), None);
        // How a robot stands after RecoveryStand: no mode that a stop would have to tell of.
        assert_eq!(lasting(r#"{"mode":0,"error_code":100}"#), None);
    }

    #[test]
    fn a_quaternion_of_zeros_drops_the_message() {
        let zeros =
            r#"{"imu_state":{"quaternion":[0,0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}"#;
        assert_eq!(decode(zeros), Err(DecodeError::Number));
    }

    #[test]
    fn old_attitudes_come_as_angles() {
        let angles = r#"{"imu_state":{"rpy":[0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}"#;
        assert_eq!(decode(angles).unwrap().imu.unwrap().orientation.w, 1.0);
        assert!(decode("{}").unwrap().imu.is_none());
    }
}
