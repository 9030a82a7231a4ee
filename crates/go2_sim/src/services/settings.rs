//! What the robot keeps when told: the values of the table of settings. Pure.

use std::collections::BTreeMap;

use go2_proto::commands::{setting, Domain, Read, Setting, Space, SETTINGS};
use serde_json::{json, Value};

use super::Reply;

/// The settings as they are now.
#[derive(Debug, Clone)]
pub(crate) struct Settings(BTreeMap<&'static str, Value>);

/// Values of a robot that was just turned on. The robot listens to sticks; the others are at their middle or off.
fn initial(setting: &Setting) -> Value {
    match (setting.name, setting.domain) {
        ("volume", _) => json!(5),
        ("switch_joystick", _) => json!(true),
        (_, Domain::Switch) => json!(false),
        (_, Domain::Whole { .. }) => json!(0),
        (_, Domain::Number { .. }) => json!(0.0),
        (_, Domain::Word(words)) => json!(words.first()),
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self(SETTINGS.iter().map(|setting| (setting.name, initial(setting))).collect())
    }
}

impl Settings {
    /// Of a robot that was turned on, whose obstacle avoidance is on or off.
    pub(crate) fn avoiding(on: bool) -> Self {
        let mut settings = Self::default();
        settings.0.insert("obstacle_avoidance", json!(on));
        settings
    }

    /// Executes a request that sets or reads a setting; `None` if there is no such setting.
    pub(crate) fn execute(
        &mut self,
        topic: &str,
        space: Space,
        api_id: i64,
        parameter: &str,
    ) -> Option<Reply> {
        let here = |setting: &&Setting| setting.topic == topic && setting.is_in(space);
        if let Some(setting) = SETTINGS.iter().filter(here).find(|setting| setting.set == api_id) {
            return Some(self.set(setting, parameter));
        }
        let reads = |setting: &&Setting| setting.read == Read::Api(api_id);
        let setting = SETTINGS.iter().filter(here).find(reads)?;
        Some(Reply::data(&json!({setting.key: self.get(setting.name)})))
    }

    fn set(&mut self, setting: &Setting, parameter: &str) -> Reply {
        let parameter: Value = serde_json::from_str(parameter).unwrap_or_default();
        let value = &parameter[setting.key];
        if !fits(setting.domain, value) {
            return Reply::BAD_PARAMETER;
        }
        self.0.insert(setting.name, value.clone());
        Reply::OK
    }

    /// The value of a setting of the table.
    pub(crate) fn get(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The same of a switch.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        debug_assert!(setting(name).is_some());
        self.get(name) == json!(true)
    }

    /// The same of a number.
    pub(crate) fn number(&self, name: &str) -> f64 {
        debug_assert!(setting(name).is_some());
        self.get(name).as_f64().unwrap_or_default()
    }
}

fn fits(domain: Domain, value: &Value) -> bool {
    match domain {
        Domain::Switch => value.is_boolean(),
        Domain::Whole { least, most } => {
            value.as_i64().is_some_and(|value| (least..=most).contains(&value))
        }
        Domain::Number { least, most } => {
            value.as_f64().is_some_and(|value| (least..=most).contains(&value))
        }
        Domain::Word(words) => value.as_str().is_some_and(|value| words.contains(&value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of a domain that is not the first one, and values that are not of it.
    fn samples(domain: Domain) -> (Value, Vec<Value>) {
        match domain {
            Domain::Switch => (json!(true), vec![json!(1), json!("on"), Value::Null]),
            Domain::Whole { least, most } => {
                (json!(most), vec![json!(least - 1), json!(most + 1), json!(0.5), json!("0")])
            }
            Domain::Number { least, most } => {
                (json!(most), vec![json!(least - 0.01), json!(most + 0.01), json!("0")])
            }
            Domain::Word(words) => (json!(words[1]), vec![json!("black"), json!(0)]),
        }
    }

    #[test]
    fn every_setting_of_the_table_is_kept_in_its_spaces_and_within_its_domain() {
        for (setting, space) in SETTINGS.iter().flat_map(|s| Space::ALL.map(|space| (s, space))) {
            let mut settings = Settings::default();
            let (good, bad) = samples(setting.domain);
            let write = setting.write(&good);
            let mut ask =
                |api_id, parameter: &str| settings.execute(setting.topic, space, api_id, parameter);
            if !setting.is_in(space) {
                assert_eq!(ask(setting.set, &write.parameter), None, "{} {space}", setting.name);
                continue;
            }
            assert_eq!(ask(setting.set, &write.parameter), Some(Reply::OK), "{}", setting.name);
            for bad in bad.iter().map(|bad| setting.write(bad).parameter).chain([String::new()]) {
                let refused = ask(setting.set, &bad);
                assert_eq!(refused, Some(Reply::BAD_PARAMETER), "{} {bad}", setting.name);
            }
            if let Some(query) = setting.query() {
                let answer = ask(query.api_id, "").unwrap();
                assert_eq!((answer.code, setting.answer(&answer.data)), (0, Some(good)));
            }
        }
    }

    #[test]
    fn a_robot_that_was_turned_on_listens_to_sticks() {
        let settings = Settings::default();
        assert!(settings.is_on("switch_joystick") && !settings.is_on("obstacle_avoidance"));
        assert_eq!((settings.number("volume"), settings.number("body_height")), (5.0, 0.0));
    }
}
