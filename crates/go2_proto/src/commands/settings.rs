//! What a user can set on the robot and the robot keeps.

use std::time::Duration;

use serde_json::{json, Value};

use super::actions::Unavailable;
use super::mode::{MotionMode, Space};
use crate::codec::{api, topics, Request};
use crate::text::{clean, NAME};

/// The values of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// On or off.
    Switch,
    /// Whole numbers within a range.
    Whole {
        /// The least.
        least: i64,
        /// The greatest.
        most: i64,
    },
    /// Numbers within a range.
    Number {
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
}

/// How a setting is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// By this api, whose answer has the value under the same key as the request that sets it.
    Api(i64),
    /// Nobody knows how.
    Nothing,
}

/// Something that the robot keeps when told.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// In snake case.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// Where it is set.
    pub topic: &'static str,
    /// The api that sets it.
    pub set: i64,
    /// Where the value stands in the parameter.
    pub key: &'static str,
    /// How to read it.
    pub read: Read,
    /// The sets of ids that have it.
    pub spaces: &'static [Space],
    /// What it is, with its unit.
    pub description: &'static str,
}

/// Colours that the head light knows.
const COLOURS: &[&str] = &["white", "red", "yellow", "blue", "green", "cyan", "purple"];

/// Every setting. The head light's colour lasts for a time only: see [`Setting::LED_LASTS`].
pub const SETTINGS: &[Setting] = &[
    Setting {
        read: Read::Api(1026),
        ..sport("speed_level", WHOLE_LEVEL, 1015, "Speed of walking: -1 slow, 0 usual, 1 fast")
    },
    Setting {
        read: Read::Api(1024),
        spaces: BEFORE_MCF,
        ..sport("body_height", BODY_HEIGHT, 1013, "Height of the body beside the usual 0.33, m")
    },
    Setting {
        read: Read::Api(1025),
        spaces: BEFORE_MCF,
        ..sport(
            "foot_raise_height",
            FOOT_RAISE,
            1014,
            "How high feet are raised beside the usual 0.09, m",
        )
    },
    Setting {
        spaces: BEFORE_MCF,
        ..sport("gait", GAIT, 1011, "0 idle, 1 trot, 2 run, 3 up stairs, 4 down stairs")
    },
    sport("switch_joystick", Domain::Switch, 1027, "Whether the robot listens to sticks"),
    Setting {
        read: Read::Api(2055),
        spaces: &[Space::Mcf],
        ..sport("auto_recovery", Domain::Switch, 2054, "Whether it gets up by itself after a fall")
    },
    Setting {
        topic: topics::OBSTACLES_AVOID_REQUEST,
        key: "enable",
        read: Read::Api(api::obstacles_avoid::GET),
        ..sport(
            "obstacle_avoidance",
            Domain::Switch,
            api::obstacles_avoid::SET,
            "Whether it avoids obstacles",
        )
    },
    vui("volume", Domain::Whole { least: 0, most: 10 }, api::vui::SET_VOLUME, "Loudspeaker"),
    vui("brightness", Domain::Whole { least: 0, most: 10 }, api::vui::SET_BRIGHTNESS, "Head light"),
    Setting {
        key: "color",
        read: Read::Nothing,
        ..vui("led_color", Domain::Word(COLOURS), api::vui::SET_COLOUR, "Color of the head light")
    },
];

const WHOLE_LEVEL: Domain = Domain::Whole { least: -1, most: 1 };
const BODY_HEIGHT: Domain = Domain::Number { least: -0.18, most: 0.03 };
const FOOT_RAISE: Domain = Domain::Number { least: -0.06, most: 0.03 };
const GAIT: Domain = Domain::Whole { least: 0, most: 4 };
const BEFORE_MCF: &[Space] = &[Space::Normal, Space::Ai];

const fn sport(name: &'static str, domain: Domain, set: i64, description: &'static str) -> Setting {
    Setting {
        name,
        domain,
        topic: topics::SPORT_REQUEST,
        set,
        key: "data",
        read: Read::Nothing,
        spaces: &Space::ALL,
        description,
    }
}

/// Its key is its name, and the api after the one that sets it reads it.
const fn vui(name: &'static str, domain: Domain, set: i64, description: &'static str) -> Setting {
    let topic = topics::VUI_REQUEST;
    Setting { topic, key: name, read: Read::Api(set + 1), ..sport(name, domain, set, description) }
}

impl Setting {
    /// Seconds that the head light keeps a colour; to be set again before.
    pub const LED_LASTS: u64 = 60;

    /// The request that sets it. The value is of its domain.
    pub fn write(&self, value: &Value) -> Request {
        let mut parameter = json!({ self.key: value });
        if self.is_colour() {
            parameter["time"] = Self::LED_LASTS.into();
        }
        self.request(self.set, parameter.to_string())
    }

    /// The request that reads it, if there is one.
    pub fn query(&self) -> Option<Request> {
        match self.read {
            Read::Api(api_id) => Some(self.request(api_id, String::new())),
            Read::Nothing => None,
        }
    }

    /// The request that takes the value away again, where there is one.
    pub fn release(&self) -> Option<Request> {
        self.is_colour().then(|| self.request(api::vui::RELEASE_COLOUR, String::new()))
    }

    /// How long the robot keeps the value, where it does not keep it for good.
    pub fn lasts(&self) -> Option<Duration> {
        self.is_colour().then(|| Duration::from_secs(Self::LED_LASTS))
    }

    fn is_colour(&self) -> bool {
        self.set == api::vui::SET_COLOUR && self.topic == topics::VUI_REQUEST
    }

    fn request(&self, api_id: i64, parameter: String) -> Request {
        Request { topic: self.topic.to_owned(), api_id, parameter, priority: false }
    }

    /// The value in the answer to [`query`](Self::query): `{"key":value}`, or the bare value. `None` if it is not of
    /// its domain.
    pub fn answer(&self, data: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(data).ok()?;
        let value = value.get(self.key).cloned().unwrap_or(value);
        match (self.domain, &value) {
            (Domain::Switch, Value::Bool(_)) => Some(value),
            (Domain::Switch, Value::Number(number)) => Some(Value::Bool(number.as_f64()? != 0.0)),
            (Domain::Whole { .. }, Value::Number(number)) => {
                let number = number.as_f64()?;
                (number.fract() == 0.0).then(|| Value::from(number as i64))
            }
            (Domain::Number { .. }, Value::Number(number)) => Some(Value::from(number.as_f64()?)),
            (Domain::Word(_), Value::String(word)) => Some(clean(word, NAME).into()),
            _ => None,
        }
    }

    /// Whether robots with this set of ids have it.
    pub fn is_in(&self, space: Space) -> bool {
        self.spaces.contains(&space)
    }

    /// Whether a robot in this motion mode has it; if not, why.
    pub fn available(&self, mode: &MotionMode) -> Result<(), Unavailable> {
        if self.is_in(mode.space()) {
            return Ok(());
        }
        let others = self.spaces.iter().copied().map(Space::name).collect();
        Err(Unavailable::OtherMode { action: self.name, mode: mode.clone(), others })
    }
}

/// The setting of a name.
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_and_read_as_the_wire_has_them() {
        let volume = setting("volume").unwrap();
        let write = volume.write(&json!(7));
        assert_eq!((write.topic.as_str(), write.api_id), ("rt/api/vui/request", 1003));
        assert_eq!(write.parameter, r#"{"volume":7}"#);
        assert_eq!(volume.query().unwrap().api_id, 1004);
        assert_eq!(volume.answer(r#"{"volume":7}"#), Some(json!(7)));
        assert_eq!(volume.answer(r#"{"volume":"7"}"#), None);
        let avoid = setting("obstacle_avoidance").unwrap();
        assert_eq!(avoid.write(&json!(true)).parameter, r#"{"enable":true}"#);
        assert_eq!(avoid.answer(r#"{"enable":1}"#), Some(json!(true)));
        let colour = setting("led_color").unwrap();
        assert_eq!(colour.write(&json!("red")).parameter, r#"{"color":"red","time":60}"#);
        assert_eq!((colour.query(), colour.lasts()), (None, Some(Duration::from_secs(60))));
        assert_eq!(colour.release().unwrap().api_id, 1008);
        assert_eq!((volume.release(), volume.lasts()), (None, None));
        let nasty = json!({"color": crate::text::nasty()}).to_string();
        crate::text::assert_clean(colour.answer(&nasty).unwrap().as_str().unwrap(), NAME);
        let height = setting("body_height").unwrap();
        assert_eq!(height.answer(r#"{"data":-0.1}"#), Some(json!(-0.1)));
        assert!(height.is_in(Space::Normal) && !height.is_in(Space::Mcf));
        assert_eq!(height.available(&MotionMode::new("advanced")), Ok(()));
        assert_eq!(
            height.available(&MotionMode::new("")).unwrap_err().to_string(),
            "the robot is in motion mode mcf, and only normal or ai has body_height"
        );
    }
}
