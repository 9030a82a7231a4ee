//! Messages from the client to the robot.

use serde_json::{json, Value};

use super::envelope::Json;
use super::request::Request;
use super::topics;
use super::validation::validation_answer;

/// A message to send; [`encode`](Self::encode) gives its text.
#[derive(Debug, Clone, PartialEq)]
pub enum Outbound {
    /// The answer to the challenge.
    Validation {
        /// The challenge as the robot sent it.
        challenge: String,
    },
    /// A sign of life.
    Heartbeat,
    /// Asks for a topic's messages.
    Subscribe(String),
    /// Ends a subscription.
    Unsubscribe(String),
    /// Turns traffic saving off, without which there is no LiDAR and rates are low.
    DisableTrafficSaving(bool),
    /// Sends a latency probe of the robot back, unchanged.
    ProbeEcho(Json),
    /// Turns the LiDAR on or off.
    LidarSwitch {
        /// Whether it is to be on.
        on: bool,
        /// How many switches went before this one without a result.
        attempt: u32,
    },
    /// Turns the video track on or off.
    Video(bool),
    /// Turns the audio track on or off.
    Audio(bool),
    /// Publishes on a plain topic; unacknowledged.
    Publish {
        /// The topic.
        topic: String,
        /// What its type has, a bare JSON string for string topics.
        data: Value,
    },
    /// A request, acknowledged under its id.
    Request {
        /// Unique within the session, below 2^31.
        id: i64,
        /// What is asked.
        request: Request,
    },
}

/// The time of day at the client, as heartbeats carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallTime {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// Local time as `YYYY-MM-DD hh:mm:ss`.
    pub text: String,
}

impl Outbound {
    /// The JSON text. `wall` reads the clock, for heartbeats.
    pub fn encode(&self, wall: impl FnOnce() -> WallTime) -> String {
        let message = |kind: &str, topic: &str, data: Value| json!({"type": kind, "topic": topic, "data": data});
        let on_off = |on: bool| Value::from(if on { "on" } else { "off" });
        let value = match self {
            Self::Validation { challenge } => {
                message("validation", "", validation_answer(challenge).into())
            }
            Self::Heartbeat => {
                let WallTime { text, seconds } = wall();
                let data = json!({"timeInStr": text, "timeInNum": seconds});
                message("heartbeat", "", data)
            }
            Self::Subscribe(topic) => json!({"type": "subscribe", "topic": topic}),
            Self::Unsubscribe(topic) => json!({"type": "unsubscribe", "topic": topic}),
            Self::DisableTrafficSaving(on) => {
                let data =
                    json!({"req_type": "disable_traffic_saving", "instruction": on_off(*on)});
                message("rtc_inner_req", "", data)
            }
            Self::ProbeEcho(info) => {
                let info = String::from_utf8_lossy(info.as_bytes());
                // Spliced as text, so that not even the order of its keys changes.
                return format!("{{\"type\":\"rtc_inner_req\",\"topic\":\"\",\"data\":{info}}}");
            }
            Self::LidarSwitch { on, attempt } => {
                // Other clients write it in small letters or in capitals: both are tried.
                let data = match (on, attempt % 2) {
                    (true, 0) => "on",
                    (true, _) => "ON",
                    (false, 0) => "off",
                    (false, _) => "OFF",
                };
                message("msg", topics::LIDAR_SWITCH, data.into())
            }
            Self::Video(on) => message("vid", "", on_off(*on)),
            Self::Audio(on) => message("aud", "", on_off(*on)),
            Self::Publish { topic, data } => message("msg", topic, data.clone()),
            Self::Request { id, request } => message("req", &request.topic, body(*id, request)),
        };
        value.to_string()
    }
}

fn body(id: i64, request: &Request) -> Value {
    let mut header = json!({"identity": {"id": id, "api_id": request.api_id}});
    if request.priority {
        header["policy"] = json!({"priority": 1});
    }
    json!({"header": header, "parameter": request.parameter})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(message: &Outbound) -> String {
        message.encode(|| WallTime { seconds: 1_769_862_896, text: "2026-01-31 12:34:56".into() })
    }

    fn value(message: &Outbound) -> Value {
        serde_json::from_str(&encode(message)).unwrap()
    }

    #[test]
    fn validation_answers_the_challenge() {
        let message = Outbound::Validation { challenge: "0123456789abcdef".into() };
        let expected =
            json!({"type": "validation", "topic": "", "data": "w+wJRSatpJQf2TpbA1FlIA=="});
        assert_eq!(value(&message), expected);
    }

    #[test]
    fn heartbeats_carry_the_time_twice() {
        let message = value(&Outbound::Heartbeat);
        assert_eq!(message["data"]["timeInNum"], 1_769_862_896);
        assert_eq!(message["data"]["timeInStr"], "2026-01-31 12:34:56");
    }

    #[test]
    fn subscriptions_have_no_data() {
        let message = value(&Outbound::Subscribe("rt/x".into()));
        assert_eq!(message, json!({"type": "subscribe", "topic": "rt/x"}));
    }

    #[test]
    fn probes_go_back_to_the_letter() {
        let probe = r#"{"z":1.50,"req_type":"rtt_probe_send_from_mechine","a": 2}"#;
        let text = encode(&Outbound::ProbeEcho(Json::from(probe.to_string())));
        assert!(text.contains(probe), "{text}");
        serde_json::from_str::<Value>(&text).unwrap();
    }

    #[test]
    fn requests_carry_their_parameter_as_text() {
        let request = Request::sport_move(0.3, 0.0, 0.0).unwrap();
        let message = value(&Outbound::Request { id: 5, request: request.clone() });
        let identity = json!({"id": 5, "api_id": 1008});
        let parameter = r#"{"x":0.3,"y":0,"z":0}"#;
        let data = json!({"header": {"identity": identity}, "parameter": parameter});
        let topic = "rt/api/sport/request";
        assert_eq!(message, json!({"type": "req", "topic": topic, "data": data}));
        let urgent = value(&Outbound::Request { id: 5, request: request.with_priority() });
        assert_eq!(urgent["data"]["header"]["policy"], json!({"priority": 1}));
    }
}
