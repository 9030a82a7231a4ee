//! `rt/multiplestate`: switches and levels of the robot.

use serde::Deserialize;

use super::number::Number;
use super::State;
use crate::codec::{topics, DecodeError, Json};

/// Switches and levels. Firmware since 1.1.7 sends only volume, brightness and the two switches.
#[derive(Debug, Clone, PartialEq)]
pub struct MultipleState {
    /// Metres relative to the usual 0.33.
    pub body_height: Option<f64>,
    /// Metres relative to the usual 0.09.
    pub foot_raise_height: Option<f64>,
    /// -1, 0 or 1.
    pub speed_level: Option<i64>,
    /// Head light, 0 to 10.
    pub brightness: Option<i64>,
    /// Loudspeaker, 0 to 10.
    pub volume: Option<i64>,
    /// Whether the robot avoids obstacles by itself.
    pub obstacle_avoidance: Option<bool>,
    /// Whether it listens to the UWB remote.
    pub uwb: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    body_height: Option<Number>,
    foot_raise_height: Option<Number>,
    speed_level: Option<i64>,
    brightness: Option<i64>,
    volume: Option<i64>,
    obstacles_avoid_switch: Option<bool>,
    uwb_switch: Option<bool>,
}

impl State for MultipleState {
    const TOPIC: &'static str = topics::MULTIPLE_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        Ok(Self {
            body_height: wire.body_height.map(|n| n.0),
            foot_raise_height: wire.foot_raise_height.map(|n| n.0),
            speed_level: wire.speed_level,
            brightness: wire.brightness,
            volume: wire.volume,
            obstacle_avoidance: wire.obstacles_avoid_switch,
            uwb: wire.uwb_switch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_string_form_and_the_bare_one() {
        let bare = r#"{"brightness":0,"obstaclesAvoidSwitch":true,"uwbSwitch":false,"volume":5}"#;
        let wrapped = serde_json::to_string(bare).unwrap();
        for text in [bare.to_string(), wrapped] {
            let state = MultipleState::decode(&Json::from(text)).unwrap();
            assert_eq!((state.volume, state.obstacle_avoidance), (Some(5), Some(true)));
            assert_eq!(state.speed_level, None);
        }
    }
}
