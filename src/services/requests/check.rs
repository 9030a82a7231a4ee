//! From the text of a request to what may be sent. Pure.

use std::time::Duration;

use go2_proto::codec::{api, topics, Request};
use go2_proto::commands::{Api, Danger, Kind, Space, ACTIONS, OTHER_ACROBATICS};
use go2_proto::motion::VelocityApi;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

/// A request that may be sent.
#[derive(Debug)]
pub(super) struct Asked {
    /// As the asker wrote it; goes into the answer unchanged.
    pub(super) id: Box<RawValue>,
    pub(super) request: Request,
    /// As the asker wants it, if it was said.
    pub(super) timeout: Option<Duration>,
    pub(super) effect: Effect,
}

/// What the request does to the robot, as far as it concerns the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that the node has to know.
    Any,
    /// The robot walks this way, and has to be stopped when nobody asks for it any more.
    Walks(VelocityApi),
    /// Its motors go limp.
    Limp,
}

/// A request that is not sent.
#[derive(Debug)]
pub(super) struct Refused {
    /// `null` where none could be read.
    pub(super) id: Box<RawValue>,
    pub(super) reason: Reason,
}

/// Why a request is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("it has {0} bytes, and may have {LONGEST}")]
    TooLong(usize),
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error(
        "it must be a JSON object, such as {{\"id\": 1, \"service\": \"sport\", \"api_id\": 1002}}"
    )]
    NotAnObject,
    #[error("{0}")]
    Fields(serde_json::Error),
    #[error("{0} must be {1}")]
    Type(&'static str, &'static str),
    #[error("it must have either service or topic")]
    Where,
    #[error("parameter looks like JSON and is not: {0}")]
    Parameter(serde_json::Error),
    #[error("the robot would move: parameter must be {0}")]
    Motion(&'static str),
    #[error("{0} is acrobatic: set allow_acrobatics to allow it")]
    Acrobatic(&'static str),
}

/// Bytes that a request may have.
pub(super) const LONGEST: usize = 64 * 1024;
const TIMEOUTS: std::ops::RangeInclusive<f64> = 0.1..=60.0;
/// What each point of a path has.
const POINT: &[&str] = &["t_from_start", "x", "y", "yaw", "vx", "vy", "vyaw"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, default)]
    service: Option<&'a RawValue>,
    #[serde(borrow, default)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    api_id: &'a RawValue,
    #[serde(borrow, default)]
    parameter: Option<&'a RawValue>,
    #[serde(borrow, default)]
    priority: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timeout: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

/// Reads a request. Acrobatic ones take a permission.
pub(super) fn read(text: &str, acrobatics: bool) -> Result<Asked, Refused> {
    let refused = |reason| Refused { id: id(text), reason };
    let whole: Value =
        serde_json::from_str(text).map_err(|error| refused(Reason::NotJson(error)))?;
    if !whole.is_object() {
        return Err(refused(Reason::NotAnObject));
    }
    let wire: Wire<'_> =
        serde_json::from_str(text).map_err(|error| refused(Reason::Fields(error)))?;
    wire.read(acrobatics).map_err(refused)
}

/// The id, where there is one that can be told from a text of whatever kind.
fn id(text: &str) -> Box<RawValue> {
    let only = Some(text).filter(|text| text.trim_start().starts_with('{'));
    only.and_then(|text| serde_json::from_str::<OnlyId<'_>>(text).ok())
        .and_then(|only| scalar(only.id))
        .unwrap_or_else(|| RawValue::NULL.to_owned())
}

/// A scalar that other readers of JSON can read too.
fn scalar(raw: &RawValue) -> Option<Box<RawValue>> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    (!value.is_object() && !value.is_array()).then(|| raw.to_owned())
}

fn optional<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    name: &'static str,
    must: &'static str,
) -> Result<Option<T>, Reason> {
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| Reason::Type(name, must))).transpose()
}

impl Wire<'_> {
    fn read(&self, acrobatics: bool) -> Result<Asked, Reason> {
        let id = scalar(self.id).ok_or(Reason::Type("id", "a string, a number or null"))?;
        const API: &str = "a whole number from 0 to 2147483647";
        let api_id = serde_json::from_str::<i32>(self.api_id.get()).ok().filter(|id| *id >= 0);
        let api_id = i64::from(api_id.ok_or(Reason::Type("api_id", API))?);
        let priority = optional(self.priority, "priority", "true or false")?.unwrap_or(false);
        const SECONDS: &str = "a number of seconds from 0.1 to 60";
        let seconds: Option<f64> = optional(self.timeout, "timeout", SECONDS)?;
        if seconds.is_some_and(|seconds| !TIMEOUTS.contains(&seconds)) {
            return Err(Reason::Type("timeout", SECONDS));
        }
        let timeout = seconds.map(Duration::from_secs_f64);
        let topic = self.destination()?;
        let (parameter, value) = self.parameter()?;
        let request = Request { topic, api_id, parameter, priority };
        let (request, effect) = judge(request, &value, acrobatics)?;
        Ok(Asked { id, request, timeout, effect })
    }

    fn destination(&self) -> Result<String, Reason> {
        const SERVICE: &str = "a word of small letters, digits and _, such as \"sport\"";
        const TOPIC: &str = "the name of a request topic, such as \"rt/api/sport/request\"";
        let is_word = |text: &String| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let is_topic = |text: &String| {
            let is_part = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            text.ends_with("/request") && text.split('/').all(is_part)
        };
        match (self.service, self.topic) {
            (Some(service), None) => optional(Some(service), "service", SERVICE)?
                .filter(is_word)
                .map(|word| format!("rt/api/{word}/request"))
                .ok_or(Reason::Type("service", SERVICE)),
            (None, Some(topic)) => optional(Some(topic), "topic", TOPIC)?
                .filter(is_topic)
                .ok_or(Reason::Type("topic", TOPIC)),
            _ => Err(Reason::Where),
        }
    }

    /// As it is sent, and what it says; null where that is no JSON.
    fn parameter(&self) -> Result<(String, Value), Reason> {
        let Some(raw) = self.parameter else { return Ok((String::new(), Value::Null)) };
        match serde_json::from_str(raw.get()).map_err(Reason::Parameter)? {
            Value::String(text) => {
                let value = value_of(&text)?;
                Ok((text, value))
            }
            value @ (Value::Object(_) | Value::Array(_)) => Ok((value.to_string(), value)),
            _ => Err(Reason::Type("parameter", "a string, an object or an array")),
        }
    }
}

/// What a request of other clients does to the robot, and whether it may. Acrobatic ones take a permission.
pub(super) fn weigh(request: Request, acrobatics: bool) -> Result<(Request, Effect), Reason> {
    let value = value_of(&request.parameter)?;
    judge(request, &value, acrobatics)
}

/// What a parameter that came as text says.
fn value_of(text: &str) -> Result<Value, Reason> {
    if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str(text).map_err(Reason::Parameter)
    } else {
        Ok(Value::Null) // the id as text, for one, is what other clients send
    }
}

/// What a request does to the robot, and whether it may.
fn judge(request: Request, value: &Value, acrobatics: bool) -> Result<(Request, Effect), Reason> {
    match acrobatic(&request) {
        // Sent as it was understood: what is there twice, or spelled in another way, ends it for the robot too.
        Some(Acrobatic { lasts: true, .. }) if value["data"] == false => {
            let parameter = r#"{"data":false}"#.to_owned();
            return Ok((Request { parameter, ..request }, Effect::Any));
        }
        Some(Acrobatic { name, .. }) if !acrobatics => return Err(Reason::Acrobatic(name)),
        _ => {}
    }
    let has = |value: &Value, fields: &[&str]| fields.iter().all(|field| value[*field].is_number());
    let points = || value.as_array().is_some_and(|path| path.iter().all(|each| has(each, POINT)));
    const VELOCITY: &str = "an object with numbers x, y and z";
    const AVOIDING: &str = "an object with numbers x, y and yaw";
    const PATH: &str = "a list of points, each with numbers t_from_start, x, y, yaw, vx, vy, vyaw";
    let (fits, must, path) = match (request.topic.as_str(), request.api_id) {
        (topics::SPORT_REQUEST, api::DAMP) => return Ok((request.with_priority(), Effect::Limp)),
        (topics::SPORT_REQUEST, api::MOVE) => {
            (has(value, &["x", "y", "z"]), VELOCITY, VelocityApi::Sport)
        }
        (topics::SPORT_REQUEST, api::TRAJECTORY_FOLLOW) => (points(), PATH, VelocityApi::Sport),
        (topics::OBSTACLES_AVOID_REQUEST, api::obstacles_avoid::MOVE) => {
            (has(value, &["x", "y", "yaw"]), AVOIDING, VelocityApi::Avoidance)
        }
        _ => return Ok((request, Effect::Any)),
    };
    // Sent as it was understood: a key that is there twice means the same to the robot as to us.
    let parameter = value.to_string();
    fits.then_some((Request { parameter, ..request }, Effect::Walks(path)))
        .ok_or(Reason::Motion(must))
}

/// Something acrobatic.
struct Acrobatic {
    name: &'static str,
    /// Whether it lasts until it is ended, which takes no permission.
    lasts: bool,
}

/// The acrobatic action that is asked for, if it is one on any firmware.
fn acrobatic(request: &Request) -> Option<Acrobatic> {
    if request.topic != topics::SPORT_REQUEST {
        return None;
    }
    let id = request.api_id;
    let actions = ACTIONS.iter().filter(|action| action.danger == Danger::Acrobatic);
    let known = actions
        .filter(|action| {
            Space::ALL.into_iter().any(|space| action.api(space).map(Api::id) == Some(id))
        })
        .map(|action| Acrobatic { name: action.name, lasts: action.kind == Kind::Lasting })
        .next();
    let other = OTHER_ACROBATICS.iter().find(|(other, _)| *other == id);
    known.or(other.map(|(_, name)| Acrobatic { name, lasts: true }))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
