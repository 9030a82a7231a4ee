//! The node's parameters: read at start and on change, validated with a reason.

mod check;
mod secret;
mod services;
mod sources;
pub(crate) mod table;
mod typed;

pub(crate) use check::Refused;
pub(crate) use secret::{check_arguments, SecretError};
pub(crate) use services::serve;
pub(crate) use sources::{given, read, Given, SourceError};
pub(crate) use typed::{CommandPath, Encoding, PointsFrame, Settings, StampSource, VelocityFrame};

use std::collections::BTreeMap;
use std::sync::Arc;

use go2_proto::commands::MotionMode;
use go2_proto::lidar::Scanner;
use r2r::ParameterValue;
use serde_json::Value as Json;
use tokio::sync::{watch, Notify};

use check::{check, default, is_hidden, meant, of_text, Value, HIDDEN};
use sources::Reach;
use table::{Kind, Spec};
use typed::settings;

/// The parameter of the robot's motion mode.
pub(crate) const MOTION_MODE: &str = "motion_mode";

/// So many names that are left out are told.
const NAMES_TOLD: usize = 10;
/// Whether the time is taken from `/clock`.
const USE_SIM_TIME: &str = "use_sim_time";

/// All parameters; what ROS's parameter services read and write.
pub(crate) struct Store {
    values: BTreeMap<&'static str, Value>,
    /// Parameters that every node of ROS has, as they were given.
    of_ros: BTreeMap<String, ParameterValue>,
    settings: watch::Sender<Arc<Settings>>,
    /// What the user wants of the robot and nobody has taken up yet, newest only; `None`: as it is.
    wishes: Wishes,
    wished: Arc<Notify>,
    /// The robot's, once it is known.
    mode: Option<MotionMode>,
    verdicts: watch::Sender<Verdicts>,
}

/// A parameter and its new value.
type Change = (&'static Spec, Value);

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
            of_ros: BTreeMap::new(),
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

    /// Takes what was given at start. Returns what is left out, in words. The error has the parameter's name.
    pub(crate) fn begin(&mut self, given: Given) -> Result<Vec<String>, (String, Refused)> {
        let (mut foreign, mut left_out) = (vec![], given.passed_over);
        for (name, (value, reach)) in given.values {
            if is_of_ros(&name) {
                if name == USE_SIM_TIME && !matches!(value, ParameterValue::Bool(_)) {
                    return Err((name, Refused::Type("true or false")));
                }
                self.of_ros.insert(name, value);
                continue;
            }
            match (self.start(&name, &value), reach) {
                (Ok(()), _) => {}
                (Err(Refused::Unknown(nearest)), Reach::Wildcard) => {
                    let meant =
                        nearest.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
                    foreign.push(format!("{name}{meant}"));
                }
                // What nobody can ask for, a robot may have had when it was read out.
                (Err(refused @ (Refused::Range(..) | Refused::Choice(_))), _)
                    if is_robots(&name) =>
                {
                    left_out
                        .push(format!("{name} is left out: {refused}. The robot keeps its own"));
                }
                (Err(refused), _) => return Err((name, refused)),
            }
        }
        left_out.extend(given.hidden.into_iter().filter_map(|name| self.hidden(name)));
        if !foreign.is_empty() {
            let more = if foreign.len() > NAMES_TOLD { ", ..." } else { "" };
            foreign.truncate(NAMES_TOLD);
            left_out.push(format!(
                "parameters for all nodes that this one does not have are left out: {}{more}",
                foreign.join(", ")
            ));
        }
        Ok(left_out)
    }

    /// That a dump does not hold a secret, where nothing else does.
    fn hidden(&self, name: &'static str) -> Option<String> {
        let variable = secret::variable(name)?;
        let nowhere = self.values.get(name) == Some(&default(Kind::Secret))
            && std::env::var_os(variable).is_none();
        nowhere.then(|| {
            format!("{name}: {HIDDEN} stands for a secret that is not in this file; {variable} or {name}:=file:/path may tell it")
        })
    }

    /// Whether `/clock` tells the time.
    fn uses_sim_time(&self) -> bool {
        self.of_ros.get(USE_SIM_TIME) == Some(&ParameterValue::Bool(true))
    }

    /// Takes a value given at start. Text that reads as a switch or a number is one: launch files write it so.
    fn start(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let spec = table::spec(name).ok_or_else(|| unknown(name))?;
        let value = match meant(spec.kind, value) {
            ParameterValue::NotSet => return Ok(()),
            ParameterValue::String(text)
                if matches!(
                    spec.kind,
                    Kind::Switch(_) | Kind::Number { .. } | Kind::Setting(_)
                ) =>
            {
                of_text(spec.kind, &text)
            }
            value => value,
        };
        let value = check(spec, &value)?;
        self.put([(spec, value)]);
        Ok(())
    }

    /// Takes a `name:=value` of the command line. An empty value counts as none, so that scripts can pass on what was not
    /// given to them.
    pub(crate) fn argument(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        let spec = table::spec(name).ok_or_else(|| unknown(name))?;
        if text.is_empty() {
            return Ok(());
        }
        let value = check(spec, &of_text(spec.kind, text))?;
        self.put([(spec, value)]);
        Ok(())
    }

    /// Takes a new value of a parameter that can be changed while the node runs. One that cannot takes the value that it has.
    pub(crate) fn change(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let change = self.checked(name, value)?;
        self.check_together(&change)?;
        self.put(change);
        Ok(())
    }

    /// Takes several, each for itself; they need to make sense beside each other only once all are taken.
    fn change_each<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a str, &'a ParameterValue)> + Clone,
    ) -> Vec<Result<(), Refused>> {
        let checked: Vec<_> =
            changes.clone().map(|(name, value)| self.checked(name, value)).collect();
        let all: Vec<_> = checked.iter().flatten().flatten().cloned().collect();
        if self.check_together(&all).is_ok() {
            self.put(all);
            return checked.into_iter().map(|result| result.map(|_| ())).collect();
        }
        changes.map(|(name, value)| self.change(name, value)).collect()
    }

    /// Takes several, or none of them. The error has the name of the first that is refused.
    fn change_all<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a str, &'a ParameterValue)>,
    ) -> Result<(), (&'a str, Refused)> {
        let (mut all, mut last) = (vec![], "");
        for (name, value) in changes {
            all.extend(self.checked(name, value).map_err(|refused| (name, refused))?);
            last = name;
        }
        self.check_together(&all).map_err(|refused| (last, refused))?;
        self.put(all);
        Ok(())
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

    /// What a change comes to, for itself: nothing where the parameter has the value.
    fn checked(&self, name: &str, value: &ParameterValue) -> Result<Option<Change>, Refused> {
        if let Some(current) = self.of_ros.get(name) {
            return if current == value { Ok(None) } else { Err(Refused::StartOnly) };
        }
        let spec = table::spec(name).ok_or_else(|| unknown(name))?;
        if matches!(spec.kind, Kind::Secret) {
            return self.keeps_secret(spec, value).map(|()| None);
        }
        let value = meant(spec.kind, value);
        if !spec.live {
            return if self.has(spec, &value) { Ok(None) } else { Err(Refused::StartOnly) };
        }
        let value = match check(spec, &value) {
            Ok(value) => value,
            // A robot may have what nobody can ask for.
            Err(_) if value == self.shown(spec) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        if let (Kind::Setting(setting), Some(mode)) = (spec.kind, &self.mode) {
            if value != default(spec.kind) {
                setting.available(mode)?;
            }
        }
        Ok(Some((spec, value)))
    }

    /// Whether a parameter has a value, or is to have the one that it has without.
    fn has(&self, spec: &Spec, value: &ParameterValue) -> bool {
        let current = self.values.get(spec.name);
        match (value, current) {
            (ParameterValue::NotSet, _) => current == Some(&default(spec.kind)),
            // Tools that read a file anew take such texts for numbers.
            (ParameterValue::Integer(number), Some(Value::Text(text))) => {
                text.parse() == Ok(*number)
            }
            (ParameterValue::Double(number), Some(Value::Text(text))) => {
                text.parse() == Ok(*number)
            }
            _ => check(spec, value).is_ok_and(|value| current == Some(&value)),
        }
    }

    /// Takes nothing but what stands for a secret, so that nobody can find one by trying.
    fn keeps_secret(&self, spec: &Spec, value: &ParameterValue) -> Result<(), Refused> {
        let has_one = self.values.get(spec.name) != Some(&default(spec.kind));
        match value {
            _ if is_hidden(spec.kind, value) => has_one.then_some(()).ok_or(Refused::Hidden),
            _ if !has_one && meant(spec.kind, value) == ParameterValue::NotSet => Ok(()),
            _ => Err(Refused::StartOnly),
        }
    }

    /// Whether the values make sense beside each other once these are taken.
    fn check_together<'a>(
        &self,
        changes: impl IntoIterator<Item = &'a Change>,
    ) -> Result<(), Refused> {
        let mut values = self.values.clone();
        values.extend(changes.into_iter().map(|(spec, value)| (spec.name, value.clone())));
        Scanner::new(settings(&values).scan)?;
        Ok(())
    }

    fn put(&mut self, changes: impl IntoIterator<Item = Change>) {
        for (spec, value) in changes {
            if let Value::Robot(wish) = &value {
                self.wishes.insert(spec.name, Some(wish.clone()).filter(|wish| !wish.is_null()));
                self.wished.notify_one();
            }
            self.values.insert(spec.name, value);
        }
        self.settings.send_replace(Arc::new(settings(&self.values)));
    }

    /// All names: the table's, and ROS's own that were given.
    fn names(&self) -> impl Iterator<Item = &str> {
        table::all().map(|spec| spec.name).chain(self.of_ros.keys().map(String::as_str))
    }

    /// What a parameter's value reads as.
    fn get_parameter(&self, name: &str) -> Result<ParameterValue, Refused> {
        match (table::spec(name), self.of_ros.get(name)) {
            (Some(spec), _) => Ok(self.shown(spec)),
            (None, Some(value)) => Ok(value.clone()),
            (None, None) => Err(unknown(name)),
        }
    }

    fn shown(&self, spec: &Spec) -> ParameterValue {
        match self.values.get(spec.name) {
            Some(Value::Text(text)) if matches!(spec.kind, Kind::Secret) && !text.is_empty() => {
                ParameterValue::String(HIDDEN.into())
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

/// Whether it is a setting that the robot keeps.
fn is_robots(name: &str) -> bool {
    let kind = table::spec(name).map(|spec| spec.kind);
    matches!(kind, Some(Kind::Setting(_) | Kind::MotionMode))
}

/// Whether every node of ROS has it.
fn is_of_ros(name: &str) -> bool {
    [USE_SIM_TIME, "start_type_description_service"].contains(&name)
        || name.starts_with("qos_overrides.")
}

#[cfg(test)]
mod readback_tests;
#[cfg(test)]
mod tests;
