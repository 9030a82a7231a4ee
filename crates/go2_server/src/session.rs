//! What a client of the data channel says and what is said to it, up to where a robot would be needed. Pure: no IO,
//! takes `now`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use go2_proto::codec::validation_answer;
use go2_proto::codec::{topics, Frame, Inbound, Json, Kind};
use rsa::rand_core::{OsRng, RngCore};
use serde_json::{json, Value};

/// Topics that one client can subscribe to. More are ignored, and so is what is no topic's name.
pub const MOST_TOPICS: usize = 64;

/// What a message of the client means.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// An answer to the challenge. It is for the caller to accept it ([`Session::accept`]) or to refuse it
    /// ([`refused`]).
    Validation {
        /// Whether it is the right one.
        right: bool,
    },
    /// Anything else before the client was accepted: to be answered with [`refused`].
    NotValidated,
    /// A heartbeat, to be answered with [`heartbeat`].
    Heartbeat {
        /// What is to be sent back.
        data: Value,
    },
    /// The client wants a topic, perhaps once more.
    Subscribe(String),
    /// The client wants a topic no longer.
    Unsubscribe(String),
    /// The client says whether it saves traffic, or only asks: to be answered with [`traffic_saving`].
    TrafficSaving {
        /// Whether it does now.
        on: bool,
    },
    /// Another message about the connection itself, such as the echo of a probe.
    Inner {
        /// What it is, empty where it does not say.
        kind: String,
        /// All that it says, to the letter.
        data: Json,
    },
    /// The video is to be on or off.
    Video(bool),
    /// A request to a service.
    Request {
        /// The service's topic, which need not end in `/request`.
        topic: String,
        /// The request: header with identity, parameter.
        data: Value,
        /// Whether the client awaits an answer. Requests that come as plain messages are executed and not answered.
        answered: bool,
    },
    /// A message for a topic.
    Publish {
        /// The topic.
        topic: String,
        /// What is published.
        data: Json,
    },
    /// Nothing that a robot heeds.
    Nothing,
}

/// What is known of one client.
#[derive(Debug, Clone)]
pub struct Session {
    challenge: String,
    validated: bool,
    saves_traffic: bool,
    subscribed: BTreeSet<String>,
    last_heartbeat: Instant,
}

/// A challenge that nobody can foresee.
pub fn random_challenge() -> String {
    format!("{:016x}", OsRng.next_u64())
}

impl Session {
    /// A client that has to answer a challenge. Until it says otherwise it saves traffic: nothing large is sent.
    pub fn new(challenge: String, now: Instant) -> Self {
        Self {
            challenge,
            validated: false,
            saves_traffic: true,
            subscribed: BTreeSet::new(),
            last_heartbeat: now,
        }
    }

    /// The message that the session begins with.
    pub fn challenge(&self) -> String {
        message("validation", "", self.challenge.as_str().into())
    }

    /// Takes the client for a good one from now on; the message that tells it so.
    pub fn accept(&mut self, now: Instant) -> String {
        self.validated = true;
        self.last_heartbeat = now;
        message("validation", "", "Validation Ok.".into())
    }

    /// What a text message of the client means. Changes what is known of it, but for the validation.
    pub fn hear(&mut self, text: &Bytes, now: Instant) -> Heard {
        let Ok(Inbound { kind, topic, data, .. }) = Inbound::from_text(text) else {
            return Heard::Nothing;
        };
        if kind == Kind::Validation {
            let answer = data.decode::<String>().unwrap_or_default();
            return Heard::Validation { right: answer == validation_answer(&self.challenge) };
        }
        if !self.validated {
            return Heard::NotValidated;
        }
        // Unlike the envelope's reader this one forgives nothing, as far as is known of robots.
        let strict = || {
            let mut message: Value = serde_json::from_slice(text).unwrap_or_default();
            message.get_mut("data").map(Value::take).unwrap_or_default()
        };
        match kind {
            Kind::Heartbeat => {
                self.last_heartbeat = now;
                Heard::Heartbeat { data: strict() }
            }
            Kind::Subscribe => self.subscribe(topic),
            Kind::Unsubscribe => {
                self.subscribed.remove(&topic);
                Heard::Unsubscribe(topic)
            }
            Kind::RtcInnerReq => self.inner(&strict(), data),
            Kind::Vid => match data.decode::<String>().as_deref() {
                Ok("on") => Heard::Video(true),
                Ok("off") => Heard::Video(false),
                _ => Heard::Nothing,
            },
            Kind::Req => Heard::Request { topic, data: strict(), answered: true },
            Kind::Msg if topic.ends_with("/request") => {
                Heard::Request { topic, data: strict(), answered: false }
            }
            Kind::Msg => Heard::Publish { topic, data },
            _ => Heard::Nothing,
        }
    }

    fn subscribe(&mut self, topic: String) -> Heard {
        let known = self.subscribed.contains(&topic);
        if !known && (self.subscribed.len() >= MOST_TOPICS || !topics::is_name(&topic)) {
            return Heard::Nothing;
        }
        self.subscribed.insert(topic.clone());
        Heard::Subscribe(topic)
    }

    fn inner(&mut self, value: &Value, data: Json) -> Heard {
        let kind = value["req_type"].as_str().unwrap_or_default();
        if kind != TRAFFIC_SAVING {
            return Heard::Inner { kind: kind.to_owned(), data };
        }
        match value["instruction"].as_str() {
            Some("on") => self.saves_traffic = false,
            Some("off") => self.saves_traffic = true,
            _ => {}
        }
        Heard::TrafficSaving { on: self.saves_traffic }
    }

    /// Whether the client was accepted.
    pub fn is_validated(&self) -> bool {
        self.validated
    }

    /// Whether nothing large is to be sent.
    pub fn saves_traffic(&self) -> bool {
        self.saves_traffic
    }

    /// Whether the client wants a topic.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.subscribed.contains(topic)
    }

    /// The topics that the client wants.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.subscribed.iter().map(String::as_str)
    }

    /// How long an accepted client has sent no heartbeat; no time before it is accepted.
    pub fn silence(&self, now: Instant) -> Duration {
        match self.validated {
            true => now.saturating_duration_since(self.last_heartbeat),
            false => Duration::ZERO,
        }
    }
}

const TRAFFIC_SAVING: &str = "disable_traffic_saving";

/// A message as text: `{"type": kind, "topic": topic, "data": data}`.
pub fn message(kind: &str, topic: &str, data: Value) -> String {
    json!({"type": kind, "topic": topic, "data": data}).to_string()
}

/// The message to a client that was not, or not yet, accepted.
pub fn refused() -> String {
    json!({"type": "err", "topic": "", "info": "Validation Needed."}).to_string()
}

/// The echo of a heartbeat.
pub fn heartbeat(data: Value) -> String {
    message("heartbeat", "", data)
}

/// The message that confirms what the client said about saving traffic.
pub fn traffic_saving() -> String {
    let info = json!({"req_type": TRAFFIC_SAVING, "execution": "ok"});
    json!({"type": "rtc_inner_req", "info": info}).to_string()
}

/// Bytes in each part of an answer that is no JSON.
const PART: usize = 16 * 1024;

/// The binary messages of an answer that is no JSON, such as a JPEG, in their order. No status is in their heads: it is not known
/// that robots send one.
pub fn parts(topic: &str, identity: &Value, answer: &[u8]) -> Vec<Bytes> {
    let total = answer.len().div_ceil(PART);
    let part = |(index, part): (usize, &[u8])| {
        let content =
            json!({"enable_chunking": true, "chunk_index": index + 1, "total_chunk_num": total});
        let data = json!({"header": {"identity": identity}, "content_info": content});
        let head = json!({"type": "res", "topic": topic, "data": data}).to_string();
        Frame { head: head.into(), payload: Bytes::copy_from_slice(part) }.encode()
    };
    answer.chunks(PART).enumerate().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: impl ToString) -> Bytes {
        Bytes::from(text.to_string())
    }

    fn new() -> Session {
        Session::new("0123456789abcdef".to_owned(), Instant::now())
    }

    fn accepted() -> (Session, Instant) {
        let (mut session, now) = (new(), Instant::now());
        session.accept(now);
        (session, now)
    }

    fn subscribe(topic: &str) -> Bytes {
        text(json!({"type": "subscribe", "topic": topic}))
    }

    #[test]
    fn only_the_right_answer_is_right_and_only_accepting_accepts() {
        let (mut session, now) = (new(), Instant::now());
        let challenge: Value = serde_json::from_str(&session.challenge()).unwrap();
        let good = json!({"type": "validation", "topic": "", "data": "0123456789abcdef"});
        assert_eq!(challenge, good);
        // MD5 of "UnitreeGo2_0123456789abcdef" in base64, by another program.
        let right = json!({"type": "validation", "topic": "", "data": "w+wJRSatpJQf2TpbA1FlIA=="});
        for (message, right) in [
            (&right, true),
            (&challenge, false),
            (&json!({"type": "validation", "data": 7}), false),
        ] {
            assert_eq!(session.hear(&text(message), now), Heard::Validation { right });
            assert!(!session.is_validated());
            assert_eq!(session.hear(&subscribe("rt/x"), now), Heard::NotValidated);
        }
        assert!(session.accept(now).contains(r#""data":"Validation Ok.""#));
        assert_eq!(session.hear(&subscribe("rt/x"), now), Heard::Subscribe("rt/x".to_owned()));
        let wrong = session.hear(&text(&challenge), now);
        assert_eq!(wrong, Heard::Validation { right: false });
        assert!(session.is_validated(), "once accepted it stays so");
        assert_ne!(random_challenge(), random_challenge());
        assert_eq!(random_challenge().len(), 16);
    }

    #[test]
    fn heartbeats_are_echoed_and_end_the_silence() {
        let (mut session, start) = (new(), Instant::now());
        let later = start + Duration::from_secs(9);
        assert_eq!(session.silence(later), Duration::ZERO, "nothing is awaited before");
        session.accept(start);
        assert_eq!(session.silence(later), Duration::from_secs(9));
        let data = json!({"timeInStr": "now", "timeInNum": 1});
        let beat = json!({"type": "heartbeat", "topic": "", "data": data});
        assert_eq!(session.hear(&text(&beat), later), Heard::Heartbeat { data: data.clone() });
        assert_eq!(session.silence(later), Duration::ZERO);
        assert_eq!(serde_json::from_str::<Value>(&heartbeat(data)).unwrap(), beat);
    }

    #[test]
    fn subscriptions_come_and_go_and_are_bounded() {
        let (mut session, now) = accepted();
        for topic in ["rt/b", "rt/a", "rt/b"] {
            assert_eq!(session.hear(&subscribe(topic), now), Heard::Subscribe(topic.to_owned()));
        }
        assert_eq!(session.topics().collect::<Vec<_>>(), ["rt/a", "rt/b"]);
        let message = text(json!({"type": "unsubscribe", "topic": "rt/b"}));
        assert_eq!(session.hear(&message, now), Heard::Unsubscribe("rt/b".to_owned()));
        assert!(session.is_subscribed("rt/a") && !session.is_subscribed("rt/b"));
        let long = format!("rt/{}", "x".repeat(topics::LONGEST_NAME));
        for other in [&long, "", "x", "rt/\u{7}", "rt/a b", "rt/\u{1f600}"] {
            assert_eq!(session.hear(&subscribe(other), now), Heard::Nothing, "{other:?}");
        }
        let digits = topics::LONGEST_NAME - 3;
        for number in 1..MOST_TOPICS {
            let topic = format!("rt/{number:0digits$}");
            assert_eq!(session.hear(&subscribe(&topic), now), Heard::Subscribe(topic));
        }
        assert_eq!(session.hear(&subscribe("rt/b"), now), Heard::Nothing);
        assert_eq!(session.topics().count(), MOST_TOPICS);
        let again = session.hear(&subscribe("rt/a"), now);
        assert_eq!(again, Heard::Subscribe("rt/a".to_owned()));
    }

    #[test]
    fn traffic_is_saved_until_the_client_says_otherwise() {
        let (mut session, now) = accepted();
        assert!(session.saves_traffic());
        for (instruction, on) in [("on", false), ("what", false), ("off", true)] {
            let data = json!({"req_type": "disable_traffic_saving", "instruction": instruction});
            let message = text(json!({"type": "rtc_inner_req", "topic": "", "data": data}));
            assert_eq!(session.hear(&message, now), Heard::TrafficSaving { on });
            assert_eq!(session.saves_traffic(), on);
        }
        let said: Value = serde_json::from_str(&traffic_saving()).unwrap();
        assert_eq!(said["info"], json!({"req_type": TRAFFIC_SAVING, "execution": "ok"}));
    }

    #[test]
    fn the_echo_of_a_probe_is_kept_to_the_letter() {
        let (mut session, now) = accepted();
        let data = r#"{ "x":0.10, "req_type":"rtt_probe_send_from_mechine"}"#;
        let message = text(format!(r#"{{"type":"rtc_inner_req","data":{data}}}"#));
        let Heard::Inner { kind, data: kept } = session.hear(&message, now) else { panic!() };
        assert_eq!(kind, "rtt_probe_send_from_mechine");
        assert_eq!(kept.as_bytes(), data.as_bytes());
    }

    #[test]
    fn requests_are_told_from_messages() {
        let (mut session, now) = accepted();
        let data = json!({"header": {"identity": {"id": 7, "api_id": 1008}}, "parameter": "{}"});
        for (kind, topic, answered) in [
            ("req", "rt/api/sport/request", true),
            ("req", "rt/odd", true),
            ("msg", "rt/api/sport/request", false),
        ] {
            let message = text(json!({"type": kind, "topic": topic, "data": data}));
            let (topic, data) = (topic.to_owned(), data.clone());
            let expected = Heard::Request { topic, data, answered };
            assert_eq!(session.hear(&message, now), expected);
        }
        let message = text(r#"{"type":"msg","topic":"rt/utlidar/switch","data":"ON"}"#);
        let topic = "rt/utlidar/switch".to_owned();
        let data = Json::from(r#""ON""#.to_owned());
        assert_eq!(session.hear(&message, now), Heard::Publish { topic, data });
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        let (mut session, now) = accepted();
        for (data, heard) in [
            (r#""on""#, Heard::Video(true)),
            (r#""off""#, Heard::Video(false)),
            ("1", Heard::Nothing),
        ] {
            let message = text(format!(r#"{{"type":"vid","topic":"","data":{data}}}"#));
            assert_eq!(session.hear(&message, now), heard);
        }
        for odd in ["", "{", "[]", "7", r#"{"type":"new"}"#, r#"{"type":"errors","data":[]}"#] {
            assert_eq!(session.hear(&text(odd), now), Heard::Nothing, "{odd}");
        }
        let refused: Value = serde_json::from_str(&refused()).unwrap();
        assert_eq!(refused["info"], "Validation Needed.");
    }
}
