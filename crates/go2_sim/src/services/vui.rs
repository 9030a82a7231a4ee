//! vui: head light and loudspeaker.

use std::time::{Duration, Instant};

use go2_proto::codec::api::vui as api;
use go2_proto::codec::topics;
use go2_proto::commands::Space;
use serde_json::{json, Value};

use super::{read, Reply, Settings};

/// Turns head light and loudspeaker on and off.
const ENABLE: i64 = 1001;
const IS_ENABLED: i64 = 1002;
/// The shortest time in milliseconds in which the light may flash.
const QUICKEST_FLASH: f64 = 499.0;

/// What the table of settings does not have.
pub(super) struct Vui {
    enabled: i64,
    /// Until when the light has the colour of the settings.
    coloured: Option<Instant>,
}

impl Default for Vui {
    fn default() -> Self {
        Self { enabled: 1, coloured: None }
    }
}

impl Vui {
    pub(super) fn execute(
        &mut self,
        settings: &mut Settings,
        api_id: i64,
        parameter: &str,
        now: Instant,
    ) -> Reply {
        let value = read(parameter);
        match api_id {
            ENABLE => match value["enable"].as_i64() {
                Some(enable @ (0 | 1)) => {
                    self.enabled = enable;
                    Reply::OK
                }
                _ => Reply::BAD_PARAMETER,
            },
            IS_ENABLED => Reply::data(&json!({"enable": self.enabled})),
            api::RELEASE_COLOUR => {
                self.coloured = None;
                Reply::OK
            }
            api::SET_COLOUR => {
                let Some(lasts) = colour_lasts(&value) else { return Reply::BAD_PARAMETER };
                let reply = set(settings, api_id, parameter);
                if reply == Reply::OK {
                    self.coloured = Some(now + lasts);
                }
                reply
            }
            _ => set(settings, api_id, parameter),
        }
    }

    /// The colour of the head light, where it has one.
    pub(super) fn colour(&self, settings: &Settings, now: Instant) -> Option<Value> {
        self.coloured.filter(|until| now < *until).map(|_| settings.get("led_color"))
    }
}

fn set(settings: &mut Settings, api_id: i64, parameter: &str) -> Reply {
    let reply = settings.execute(topics::VUI_REQUEST, Space::Mcf, api_id, parameter);
    reply.unwrap_or(Reply::NOT_IMPLEMENTED)
}

/// How long a colour is to be shown; `None` if the times cannot be.
fn colour_lasts(parameter: &Value) -> Option<Duration> {
    let seconds = parameter["time"].as_f64().filter(|time| (0.0..=86_400.0).contains(time))?;
    match &parameter["flash_cycle"] {
        Value::Null => {}
        cycle => {
            let cycle = cycle.as_f64()?;
            if !(QUICKEST_FLASH..=1000.0 * seconds).contains(&cycle) {
                return None;
            }
        }
    }
    Some(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_brightness_and_enabling_are_kept() {
        let (mut vui, mut settings) = (Vui::default(), Settings::default());
        let now = Instant::now();
        let mut ask = |api_id, parameter: &str| {
            let reply = vui.execute(&mut settings, api_id, parameter, now);
            (reply.code, reply.data)
        };
        let is = |text: &str| (0, text.to_owned());
        assert_eq!(ask(1002, ""), is(r#"{"enable":1}"#));
        assert_eq!(ask(1001, r#"{"enable":0}"#), is(""));
        assert_eq!(ask(1002, ""), is(r#"{"enable":0}"#));
        assert_eq!(ask(1004, ""), is(r#"{"volume":5}"#));
        assert_eq!(ask(1003, r#"{"volume":10}"#), is(""));
        assert_eq!(ask(1004, ""), is(r#"{"volume":10}"#));
        assert_eq!(ask(1005, r#"{"brightness":3}"#), is(""));
        assert_eq!(ask(1006, ""), is(r#"{"brightness":3}"#));
        for (api_id, parameter) in
            [(1001, r#"{"enable":2}"#), (1003, r#"{"volume":11}"#), (1005, ""), (1003, "7")]
        {
            assert_eq!(ask(api_id, parameter).0, 3204, "{api_id} {parameter}");
        }
        assert_eq!(ask(1009, "").0, 3203);
    }

    #[test]
    fn colours_last_for_their_time() {
        let (mut vui, mut settings) = (Vui::default(), Settings::default());
        let now = Instant::now();
        let seconds = |seconds| now + Duration::from_secs(seconds);
        let mut ask = |vui: &mut Vui, parameter: &str| {
            let code = vui.execute(&mut settings, 1007, parameter, now).code;
            (code, vui.colour(&settings, seconds(3)))
        };
        let (red, green) = (Some(json!("red")), Some(json!("green")));
        assert_eq!(ask(&mut vui, r#"{"color":"red"}"#), (3204, None));
        assert_eq!(ask(&mut vui, r#"{"color":"black","time":5}"#), (3204, None));
        assert_eq!(ask(&mut vui, r#"{"color":"red","time":5}"#), (0, red.clone()));
        for cycle in ["498", "5001", "\"x\""] {
            let parameter = format!(r#"{{"color":"blue","time":5,"flash_cycle":{cycle}}}"#);
            assert_eq!(ask(&mut vui, &parameter), (3204, red.clone()), "{cycle}");
        }
        let flash = r#"{"color":"green","time":5,"flash_cycle":500}"#;
        assert_eq!(ask(&mut vui, flash), (0, green));
        assert_eq!(vui.colour(&settings, seconds(5)), None);
        vui.execute(&mut settings, 1008, "", now);
        assert_eq!(vui.colour(&settings, seconds(3)), None);
    }
}
