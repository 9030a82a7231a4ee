//! What values a parameter takes, and why it takes no others. Pure.

use go2_client::secret::is_reference;
use go2_client::transport::ice::{IceError, IceServer};
use go2_proto::commands::{Domain, MotionMode, Setting, Unavailable};
use go2_proto::lidar::ScanError;
use go2_proto::signaling::DeviceKey;
use r2r::ParameterValue;
use serde_json::Value as Json;

use super::table::{Kind, Spec};

/// Why a parameter's value is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no parameter of this name{}", .0.map_or(String::new(), |name| format!(": did you mean {name}?")))]
    Unknown(Option<&'static str>),
    #[error("it is read at start only: restart the node with the new value")]
    StartOnly,
    #[error("it stands for a secret, which only the node has that it was read from: give the secret itself")]
    Hidden,
    #[error("it must be {0}")]
    Type(&'static str),
    #[error("it must be one of {0:?}")]
    Choice(&'static [&'static str]),
    #[error("it must be from {0} to {1}")]
    Range(f64, f64),
    #[error("it must be {0} finite numbers of 0 and more")]
    Variances(usize),
    #[error("it must be six finite numbers: x y z in metres, roll pitch yaw in radians")]
    Mount,
    #[error(
        "it must be six finite numbers, least and most of x, y and z, each least below its most"
    )]
    Box,
    #[error("together with the others it makes no scan: {0}")]
    Scan(#[from] ScanError),
    #[error("it must be a list of data-channel topics, such as [\"rt/uslam/server_log\"]")]
    Topics,
    #[error(transparent)]
    Ice(#[from] IceError),
    #[error("it must be a list of words, such as [\"eth0\"]")]
    Words,
    #[error("an aes_128_key is 32 hexadecimal characters (0-9, a-f)")]
    Key,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A value that fits its parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Switch(bool),
    Text(String),
    Number(f64),
    Numbers(Vec<f64>),
    Texts(Vec<String>),
    /// Of the robot, as the wire has it; null while it is not set.
    Robot(Json),
}

/// What stands for a secret where parameters are read out.
pub(super) const HIDDEN: &str = "(hidden)";

/// What a value means as parameter files and ROS's tools write it: `null` comes as text, an empty list as one of any type,
/// a list of whole numbers as one of these, and of numbers like 1e-05 some tools make text. Not set is what is null or empty.
pub(super) fn meant(kind: Kind, value: &ParameterValue) -> ParameterValue {
    use ParameterValue as P;
    match value {
        P::String(text) if says_nothing(kind, text) => P::NotSet,
        P::String(text) => number_in(kind, text).unwrap_or_else(|| value.clone()),
        P::IntegerArray(numbers) if !numbers.is_empty() => {
            P::DoubleArray(numbers.iter().map(|number| *number as f64).collect())
        }
        P::BoolArray(list) if list.is_empty() => P::NotSet,
        P::ByteArray(list) if list.is_empty() => P::NotSet,
        P::IntegerArray(_) => P::NotSet,
        P::DoubleArray(list) if list.is_empty() => P::NotSet,
        P::StringArray(list) if list.is_empty() => P::NotSet,
        _ => value.clone(),
    }
}

fn says_nothing(kind: Kind, text: &str) -> bool {
    match text.trim() {
        // YAML's, and Python's as `ros2 param load` writes it.
        "null" | "Null" | "NULL" | "~" | "None" => true,
        "" => !matches!(kind, Kind::Setting(setting) if setting.release().is_some()),
        HIDDEN => matches!(kind, Kind::Secret),
        _ => false,
    }
}

/// Whether it stands for a secret.
pub(super) fn is_hidden(kind: Kind, value: &ParameterValue) -> bool {
    matches!((kind, value), (Kind::Secret, ParameterValue::String(text)) if text.trim() == HIDDEN)
}

/// Numbers in the notation that YAML 1.1 takes for text.
fn number_in(kind: Kind, text: &str) -> Option<ParameterValue> {
    let takes_number = match kind {
        Kind::Number { .. } => true,
        Kind::Setting(setting) => matches!(setting.domain, Domain::Number { .. }),
        _ => false,
    };
    match kind {
        Kind::Variances(_) | Kind::Mount(_) | Kind::Box(_) => {
            serde_json::from_str(text).ok().map(ParameterValue::DoubleArray)
        }
        _ if takes_number && text.contains(['e', 'E']) => {
            text.parse().ok().map(ParameterValue::Double)
        }
        _ => None,
    }
}

/// The value that a text stands for as an argument. What cannot be read stays text, which is refused with what it must be.
pub(super) fn of_text(kind: Kind, text: &str) -> ParameterValue {
    let words = || ParameterValue::String(text.to_owned());
    let number = || text.parse().map_or_else(|_| words(), ParameterValue::Double);
    let switch = || match text.to_ascii_lowercase().as_str() {
        "true" => ParameterValue::Bool(true),
        "false" => ParameterValue::Bool(false),
        _ => words(),
    };
    match kind {
        Kind::Switch(_) => switch(),
        Kind::Number { .. } => number(),
        Kind::Setting(setting) => match setting.domain {
            Domain::Switch => switch(),
            Domain::Whole { .. } | Domain::Number { .. } => number(),
            Domain::Word(_) => words(),
        },
        Kind::Topics | Kind::IceServers | Kind::Words => {
            let parts = text.split(',').map(|part| part.trim().to_owned());
            ParameterValue::StringArray(parts.collect())
        }
        _ => words(),
    }
}

/// The value, if it is one for this parameter.
pub(super) fn check(spec: &Spec, value: &ParameterValue) -> Result<Value, Refused> {
    use ParameterValue as P;
    match (spec.kind, value) {
        (Kind::Switch(_), P::Bool(on)) => Ok(Value::Switch(*on)),
        (Kind::Switch(_), _) => Err(Refused::Type("true or false")),
        (Kind::Secret, P::String(text)) => {
            let text = text.trim();
            let is_key = spec.name == "aes_128_key" && !text.is_empty() && !is_reference(text);
            if is_key && text.parse::<DeviceKey>().is_err() {
                return Err(Refused::Key);
            }
            Ok(Value::Text(text.to_owned()))
        }
        (Kind::Text(_), P::String(text)) => Ok(Value::Text(text.trim().to_owned())),
        (Kind::Text(_) | Kind::Secret, _) => {
            Err(Refused::Type("text: put it in quotes, or YAML takes it for a number"))
        }
        (Kind::Choice(words), P::String(text)) if words.contains(&text.as_str()) => {
            Ok(Value::Text(text.clone()))
        }
        (Kind::Choice(words), _) => Err(Refused::Choice(words)),
        (Kind::Number { least, most, .. }, P::Double(_) | P::Integer(_)) => {
            within(value, least, most).map(Value::Number)
        }
        (Kind::Number { .. }, _) => Err(Refused::Type("a number")),
        (Kind::Variances(default), P::DoubleArray(numbers)) => {
            let fits = numbers.len() == default.len()
                && numbers.iter().all(|number| number.is_finite() && *number >= 0.0);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Variances(default.len()))
        }
        (Kind::Variances(default), _) => Err(Refused::Variances(default.len())),
        (Kind::Mount(_), P::DoubleArray(numbers)) => {
            let fits = numbers.len() == 6 && numbers.iter().all(|number| number.abs() < 100.0);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Mount)
        }
        (Kind::Mount(_), _) => Err(Refused::Mount),
        (Kind::Box(_), P::DoubleArray(numbers)) => {
            let ordered =
                |pair: &[f64]| pair[0].abs() < 100.0 && pair[0] < pair[1] && pair[1] < 100.0;
            let fits = numbers.len() == 6 && numbers.chunks_exact(2).all(ordered);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Box)
        }
        (Kind::Box(_), _) => Err(Refused::Box),
        (Kind::Topics, P::StringArray(topics)) => {
            let fits = topics.iter().all(|topic| is_topic(topic));
            fits.then(|| Value::Texts(topics.clone())).ok_or(Refused::Topics)
        }
        // An empty list in a parameter file comes without a type.
        (Kind::Topics, P::NotSet) => Ok(Value::Texts(vec![])),
        (Kind::Topics, _) => Err(Refused::Topics),
        (Kind::IceServers, P::StringArray(urls)) => {
            for url in urls {
                url.parse::<IceServer>()?;
            }
            Ok(Value::Texts(urls.clone()))
        }
        (Kind::Words, P::StringArray(words)) if words.iter().all(|word| !word.is_empty()) => {
            Ok(Value::Texts(words.clone()))
        }
        (Kind::IceServers | Kind::Words, P::NotSet) => Ok(Value::Texts(vec![])),
        (Kind::IceServers | Kind::Words, _) => Err(Refused::Words),
        (Kind::Setting(_) | Kind::MotionMode, P::NotSet) => Ok(Value::Robot(Json::Null)),
        (Kind::Setting(setting), _) => check_setting(setting, value).map(Value::Robot),
        (Kind::MotionMode, P::String(word)) if MotionMode::NAMES.contains(&word.as_str()) => {
            Ok(Value::Robot(Json::from(word.as_str())))
        }
        (Kind::MotionMode, _) => Err(Refused::Choice(MotionMode::NAMES)),
    }
}

fn check_setting(setting: &Setting, value: &ParameterValue) -> Result<Json, Refused> {
    use ParameterValue as P;
    match (setting.domain, value) {
        (Domain::Switch, P::Bool(on)) => Ok(Json::from(*on)),
        (Domain::Switch, _) => Err(Refused::Type("true or false")),
        (Domain::Whole { least, most }, P::Double(_) | P::Integer(_)) => {
            let number = match value {
                P::Integer(number) => *number,
                P::Double(number) if number.fract() == 0.0 => *number as i64,
                _ => return Err(Refused::Type("a whole number")),
            };
            let fits = (least..=most).contains(&number);
            fits.then(|| Json::from(number)).ok_or(Refused::Range(least as f64, most as f64))
        }
        (Domain::Whole { .. }, _) => Err(Refused::Type("a whole number")),
        (Domain::Number { least, most }, P::Double(_) | P::Integer(_)) => {
            within(value, least, most).map(Json::from)
        }
        (Domain::Number { .. }, _) => Err(Refused::Type("a number")),
        (Domain::Word(words), P::String(word)) => {
            let fits =
                words.contains(&word.as_str()) || (word.is_empty() && setting.release().is_some());
            fits.then(|| Json::from(word.as_str())).ok_or(Refused::Choice(words))
        }
        (Domain::Word(words), _) => Err(Refused::Choice(words)),
    }
}

fn within(value: &ParameterValue, least: f64, most: f64) -> Result<f64, Refused> {
    let number = match value {
        ParameterValue::Integer(number) => *number as f64,
        ParameterValue::Double(number) => *number,
        _ => f64::NAN,
    };
    (least..=most).contains(&number).then_some(number).ok_or(Refused::Range(least, most))
}

/// Whether a data-channel topic can also be part of a ROS name.
fn is_topic(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
    };
    text.split('/').all(is_word)
}

/// What it is until somebody sets it.
pub(super) fn default(kind: Kind) -> Value {
    match kind {
        Kind::Switch(on) => Value::Switch(on),
        Kind::Text(text) => Value::Text(text.to_owned()),
        Kind::Secret => Value::Text(String::new()),
        Kind::Choice(words) => Value::Text(words[0].to_owned()),
        Kind::Number { default, .. } => Value::Number(default),
        Kind::Variances(default) => Value::Numbers(default.to_vec()),
        Kind::Mount(numbers) | Kind::Box(numbers) => Value::Numbers(numbers.to_vec()),
        Kind::Topics | Kind::IceServers | Kind::Words => Value::Texts(vec![]),
        Kind::Setting(_) | Kind::MotionMode => Value::Robot(Json::Null),
    }
}
