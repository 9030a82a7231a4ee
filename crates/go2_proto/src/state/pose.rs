//! `rt/utlidar/robot_pose`: odometry of the trunk.

use serde::Deserialize;

use super::number::{Number, Stamp};
use super::{Quaternion, RobotTime, State};
use crate::codec::{topics, DecodeError, Json};
use crate::geometry::Transform;

/// Pose of the trunk in the odometry frame, whose start the robot chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct RobotPose {
    /// Robot clock at the time of measuring.
    pub stamp: Option<RobotTime>,
    /// Metres; z is the height of the trunk, not of its footprint.
    pub position: [f64; 3],
    /// Rotation from the body to the odometry frame.
    pub orientation: Quaternion,
}

impl RobotPose {
    /// The trunk (base_link) in the odometry frame.
    pub fn transform(&self) -> Transform {
        Transform { translation: self.position, rotation: self.orientation }
    }
}

#[derive(Deserialize)]
struct Wire {
    header: Option<WireHeader>,
    pose: WirePose,
}

#[derive(Deserialize)]
struct WireHeader {
    stamp: Option<Stamp>,
}

#[derive(Deserialize)]
struct WirePose {
    position: WirePoint,
    orientation: WireQuaternion,
}

#[derive(Deserialize)]
struct WirePoint {
    x: Number,
    y: Number,
    z: Number,
}

#[derive(Deserialize)]
struct WireQuaternion {
    x: Number,
    y: Number,
    z: Number,
    w: Number,
}

impl State for RobotPose {
    const TOPIC: &'static str = topics::ROBOT_POSE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        let WirePoint { x, y, z } = wire.pose.position;
        let q = wire.pose.orientation;
        Ok(Self {
            stamp: wire.header.and_then(|header| header.stamp).and_then(Stamp::time),
            position: [x.0, y.0, z.0],
            orientation: Quaternion::normalised(q.x.0, q.y.0, q.z.0, q.w.0)
                .ok_or(DecodeError::Number)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_captured_pose() {
        let text = r#"{"header":{"stamp":{"sec":1746565669,"nanosec":448350564},"frame_id":"odom"},
            "pose":{"position":{"x":5.96,"y":-2.92,"z":0.3195},"orientation":{"x":0,"y":0,"z":1,"w":0}}}"#;
        let pose = RobotPose::decode(&Json::from(text.to_string())).unwrap();
        assert_eq!(pose.stamp, Some(RobotTime::new(1_746_565_669, 448_350_564)));
        assert_eq!(pose.position, [5.96, -2.92, 0.3195]);
        assert_eq!(pose.orientation.z, 1.0);
        let ahead = pose.transform().apply([1.0, 0.0, 0.0]);
        assert!((ahead[0] - 4.96).abs() < 1e-12, "it faces backwards: {ahead:?}");
        let unset = text.replace("1746565669", "0").replace("448350564", "0");
        assert_eq!(RobotPose::decode(&Json::from(unset)).unwrap().stamp, None, "no stamp");
        let zeros = text.replace("\"z\":1,\"w\":0", "\"z\":0,\"w\":0");
        assert_eq!(RobotPose::decode(&Json::from(zeros)), Err(DecodeError::Number));
    }
}
