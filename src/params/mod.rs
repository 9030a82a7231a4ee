//! The node's parameters: read at start and on change, validated with a reason.

mod check;
mod secret;
pub(crate) mod table;
mod typed;

pub(crate) use check::Refused;
pub(crate) use secret::{check_arguments, SecretError};
pub(crate) use typed::{CommandPath, Encoding, PointsFrame, Settings, StampSource, VelocityFrame};

use std::collections::BTreeMap;
use std::sync::Arc;

use go2_link::commands::{Domain, MotionMode};
use go2_link::lidar::Scanner;
use r2r::{Parameter, ParameterValue, RosParams};
use serde_json::Value as Json;
use tokio::sync::{watch, Notify};

use check::{check, default, Value};
use table::{Kind, Spec};
use typed::settings;

/// The parameter of the robot's motion mode.
pub(crate) const MOTION_MODE: &str = "motion_mode";

/// All parameters; what ROS's parameter services read and write.
pub(crate) struct Store {
    values: BTreeMap<&'static str, Value>,
    settings: watch::Sender<Arc<Settings>>,
    /// What the user wants of the robot and nobody has taken up yet, newest only; `None`: as it is.
    wishes: Wishes,
    wished: Arc<Notify>,
    /// The robot's, once it is known.
    mode: Option<MotionMode>,
    verdicts: watch::Sender<Verdicts>,
}

/// What became of wishes on the robot, by parameter.
pub(crate) type Verdicts = BTreeMap<&'static str, Verdict>;

/// What became of the latest wish that was tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Counted up with each.
    pub(crate) number: u64,
    /// Whether the robot took it, or why not.
    pub(crate) result: Result<(), String>,
}

/// Values that the robot is to have, by parameter; `None` where the user has taken the wish back.
pub(crate) type Wishes = BTreeMap<&'static str, Option<Json>>;

impl Store {
    /// The defaults.
    pub(crate) fn new() -> Self {
        let values: BTreeMap<_, _> =
            table::all().map(|spec| (spec.name, default(spec.kind))).collect();
        let settings = watch::Sender::new(Arc::new(settings(&values)));
        Self {
            values,
            settings,
            wishes: Wishes::new(),
            wished: Arc::default(),
            mode: None,
            verdicts: watch::Sender::default(),
        }
    }

    /// The typed values, always up to date.
    pub(crate) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Takes a value given at start.
    fn start(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let spec = table::spec(name).ok_or_else(|| unknown(name))?;
        self.put(spec, value)
    }

    /// Takes a `name:=value` of the command line. An empty value counts as none, so that a launch file can
    /// pass on arguments that were not given.
    pub(crate) fn argument(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        let spec = table::spec(name).ok_or_else(|| unknown(name))?;
        if text.is_empty() {
            return Ok(());
        }
        // What cannot be read stays text, which is refused with what it must be.
        let words = || ParameterValue::String(text.to_owned());
        let number = || text.parse().map_or_else(|_| words(), ParameterValue::Double);
        let switch = || match text.to_ascii_lowercase().as_str() {
            "true" => ParameterValue::Bool(true),
            "false" => ParameterValue::Bool(false),
            _ => words(),
        };
        let value = match spec.kind {
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
        };
        self.put(spec, &value)
    }

    /// Takes a new value of a parameter that can be changed while the node runs.
    pub(crate) fn change(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let spec = changeable(name)?;
        self.check_together(spec, value)?;
        self.put(spec, value)
    }

    /// What the user wants of the robot since this was last asked.
    pub(crate) fn take_wishes(&mut self) -> Wishes {
        std::mem::take(&mut self.wishes)
    }

    /// Wakes whoever takes the wishes.
    pub(crate) fn wished(&self) -> Arc<Notify> {
        Arc::clone(&self.wished)
    }

    /// Shows what the robot has, or nothing.
    pub(crate) fn show(&mut self, name: &'static str, value: Option<&Json>) {
        let value = Value::Robot(value.cloned().unwrap_or_default());
        if self.values.get(name) != Some(&value) {
            self.values.insert(name, value);
            self.settings.send_replace(Arc::new(settings(&self.values)));
        }
    }

    /// What became of wishes, for who waits for it.
    pub(crate) fn verdicts(&self) -> watch::Receiver<Verdicts> {
        self.verdicts.subscribe()
    }

    /// Tells what became of a wish.
    pub(crate) fn judge(&mut self, name: &'static str, result: Result<(), String>) {
        self.verdicts.send_modify(|verdicts| {
            let number = verdicts.get(name).map_or(1, |verdict| verdict.number + 1);
            verdicts.insert(name, Verdict { number, result });
        });
    }

    /// Tells which motion mode the robot is in, and with it which settings it has.
    pub(crate) fn set_mode(&mut self, mode: Option<&MotionMode>) {
        self.mode = mode.cloned();
    }

    /// Whether the values make sense beside each other once this one is taken.
    fn check_together(&self, spec: &Spec, value: &ParameterValue) -> Result<(), Refused> {
        let value = check(spec, value)?;
        if let (Kind::Setting(setting), Some(mode)) = (spec.kind, &self.mode) {
            if value != default(spec.kind) {
                setting.available(mode)?;
            }
        }
        let mut values = self.values.clone();
        values.insert(spec.name, value);
        Scanner::new(settings(&values).scan)?;
        Ok(())
    }

    fn put(&mut self, spec: &'static Spec, value: &ParameterValue) -> Result<(), Refused> {
        let value = check(spec, value)?;
        if let Value::Robot(wish) = &value {
            self.wishes.insert(spec.name, Some(wish.clone()).filter(|wish| !wish.is_null()));
            self.wished.notify_one();
        }
        self.values.insert(spec.name, value);
        self.settings.send_replace(Arc::new(settings(&self.values)));
        Ok(())
    }

    fn shown(&self, spec: &Spec) -> ParameterValue {
        match self.values.get(spec.name) {
            Some(Value::Text(text)) if matches!(spec.kind, Kind::Secret) && !text.is_empty() => {
                ParameterValue::String("(hidden)".into())
            }
            Some(Value::Text(text)) => ParameterValue::String(text.clone()),
            Some(Value::Switch(on)) => ParameterValue::Bool(*on),
            Some(Value::Number(number)) => ParameterValue::Double(*number),
            Some(Value::Numbers(numbers)) => ParameterValue::DoubleArray(numbers.clone()),
            Some(Value::Texts(texts)) => ParameterValue::StringArray(texts.clone()),
            Some(Value::Robot(value)) => of_json(value),
            None => ParameterValue::NotSet,
        }
    }
}

fn of_json(value: &Json) -> ParameterValue {
    match value {
        Json::Bool(on) => ParameterValue::Bool(*on),
        Json::String(text) => ParameterValue::String(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ParameterValue::Integer(whole),
            (None, Some(number)) => ParameterValue::Double(number),
            (None, None) => ParameterValue::NotSet,
        },
        _ => ParameterValue::NotSet,
    }
}

/// With the name that was meant, perhaps.
fn unknown(name: &str) -> Refused {
    let distance = |spec: &Spec| strsim::damerau_levenshtein(spec.name, name);
    let nearest = table::all().map(|spec| (distance(spec), spec.name)).min();
    let is_near = |(distance, _): &(usize, _)| *distance <= (name.len() / 3).min(3);
    Refused::Unknown(nearest.filter(is_near).map(|(_, name)| name))
}

fn changeable(name: &str) -> Result<&'static Spec, Refused> {
    let spec = table::spec(name).ok_or_else(|| unknown(name))?;
    if spec.live {
        Ok(spec)
    } else {
        Err(Refused::StartOnly)
    }
}

fn ros_error(name: &str, refused: &Refused) -> r2r::Error {
    r2r::Error::ParameterValueConv { name: name.to_owned(), msg: refused.to_string() }
}

impl RosParams for Store {
    /// Takes the values of the command line and fills in everything else.
    fn register_parameters(
        &mut self,
        _prefix: &str,
        _parameter: Option<Parameter>,
        params: &mut r2r::indexmap::IndexMap<String, Parameter>,
    ) -> r2r::Result<()> {
        const NOT_OURS: &[&str] = &["use_sim_time", "start_type_description_service"];
        for (name, parameter) in params.iter() {
            match self.start(name, &parameter.value) {
                Ok(()) => {}
                Err(Refused::Unknown(_)) if NOT_OURS.contains(&name.as_str()) => {}
                Err(Refused::Unknown(_)) if name.starts_with("qos_overrides.") => {}
                Err(refused) => return Err(ros_error(name, &refused)),
            }
        }
        for spec in table::all() {
            let value = self.shown(spec);
            params.insert(spec.name.to_owned(), Parameter { value, description: spec.description });
        }
        Ok(())
    }

    fn get_parameter(&mut self, name: &str) -> r2r::Result<ParameterValue> {
        table::spec(name)
            .map(|spec| self.shown(spec))
            .ok_or_else(|| ros_error(name, &unknown(name)))
    }

    fn set_parameter(&mut self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        self.change(name, value).map_err(|refused| ros_error(name, &refused))
    }

    fn check_parameter(&self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        changeable(name)
            .and_then(|spec| self.check_together(spec, value))
            .map_err(|refused| ros_error(name, &refused))
    }
}

#[cfg(test)]
mod tests;
