//! Requests to the robot's services, the answers to them, and sticks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use go2_proto::codec::{topics, Json};
use go2_server::{session, Message};
use serde_json::{json, Value};

use super::{Client, Photo};
use crate::mishap::Mishap;
use crate::odd;
use crate::services::{Reply, Service};

/// The bit in which the id of a foreign answer differs from the request's.
const FOREIGN: i64 = 0x2000_0000;

impl Client<'_> {
    /// Executes a request and has it answered, if its kind of message is.
    pub(super) async fn request(&mut self, topic: &str, data: &Value, answered: bool) {
        let identity = &data["header"]["identity"];
        let api_id = identity["api_id"].as_i64();
        let parameter = data["parameter"].as_str().unwrap_or_default();
        let Some(service) = Service::of_topic(topic) else { return self.nobody_answers(topic) };
        let answered = answered && !self.options.services.is_silent(service, api_id);
        let refused = self.options.services.refused(service, api_id).map(Reply::code);
        let is_photo = self.hardware.services().is_snapshot(service, api_id);
        let before = self.state_of_settings();
        let reply = match refused {
            Some(reply) => Some(reply),
            None if is_photo => Some(Reply::OK),
            None => self.hardware.execute(service, api_id, parameter),
        };
        let Some(mut reply) = reply else { return self.nobody_answers(topic) };
        reply.after += self.options.services.slowness(service, api_id);
        self.log.add(
            "request",
            json!({"topic": topic, "api_id": api_id, "parameter": parameter, "code": reply.code,
                "priority": data["header"]["policy"]["priority"], "answered": answered}),
        );
        if is_photo && reply.code == 0 {
            self.take_photo(identity.clone(), answered);
        } else if answered {
            self.answer(topic, identity, &reply);
        }
        if self.state_of_settings() != before && self.session.is_subscribed(topics::MULTIPLE_STATE)
        {
            self.send_state(topics::MULTIPLE_STATE, Instant::now()).await;
        }
    }

    /// Services that are not there never answer.
    fn nobody_answers(&self, topic: &str) {
        self.log.add("unknown_service", json!({"topic": topic}));
    }

    fn answer(&mut self, topic: &str, identity: &Value, reply: &Reply) {
        let topic = topic.replace("/request", "/response");
        let text = |identity: Value, code: i64, data: &str| {
            let header = json!({"identity": identity, "status": {"code": code}});
            let data = json!({"header": header, "data": data});
            Message::Text(json!({"type": "res", "topic": topic, "data": data}).to_string())
        };
        let (id, api_id) = (&identity["id"], &identity["api_id"]);
        let foreign = self.options.services.foreign_answers.then(|| {
            let id = id.as_i64().unwrap_or_default() ^ FOREIGN;
            text(json!({"id": id, "api_id": api_id}), 0, "")
        });
        let identity = if reply.has_id { identity.clone() } else { json!({"api_id": api_id}) };
        let odd = !reply.data.is_empty() && self.hardware.mishaps.feels(&Mishap::Texts);
        let data = if odd { odd::string(&reply.data) } else { reply.data.clone() };
        let answer = text(identity, reply.code, &data);
        self.queue(foreign, vec![answer], reply.after);
    }

    /// Has an answer sent behind a foreign one, as late and as often as the options say.
    fn queue(&mut self, foreign: Option<Message>, mut answer: Vec<Message>, after: Duration) {
        let due = Instant::now() + after + self.options.services.answer_after();
        if self.options.services.answers_twice {
            answer.extend_from_within(..);
        }
        if !self.answers.add(due, foreign.into_iter().chain(answer).collect()) {
            self.log.add("error", json!({"what": "too many answers wait: one is dropped"}));
        }
    }

    fn state_of_settings(&self) -> Value {
        crate::messages::multiple_state(&self.hardware.services().settings, self.options.firmware())
    }

    fn take_photo(&mut self, identity: Value, answered: bool) {
        let (camera, log) = (Arc::clone(&self.hardware.camera), self.log.clone());
        self.photos.spawn_blocking(move || match camera.still() {
            Ok(jpeg) if answered => (identity, jpeg),
            Ok(_) => (identity, vec![]),
            Err(error) => {
                log.add("error", json!({"what": error.to_string()}));
                (identity, vec![])
            }
        });
    }

    /// Sends a still picture in parts.
    pub(super) fn send_photo(&mut self, (identity, jpeg): Photo) {
        let topic = topics::VIDEOHUB_REQUEST.replace("/request", "/response");
        let parts = session::parts(&topic, &identity, &jpeg).into_iter().map(Message::Binary);
        let parts: Vec<_> = parts.collect();
        self.log.add("photo", json!({"bytes": jpeg.len(), "parts": parts.len()}));
        self.queue(None, parts, Duration::ZERO);
    }

    /// Sends the answers that are due.
    pub(super) async fn send_answers(&mut self) {
        for message in self.answers.take(Instant::now()) {
            self.send_message(message).await;
        }
    }

    /// A message of the stick channel. Without an answer, whatever it holds.
    pub(super) fn push_sticks(&self, data: &Json) {
        let sticks: Value = data.decode().unwrap_or_default();
        let [lx, ly, rx, ry] = ["lx", "ly", "rx", "ry"].map(|axis| sticks[axis].as_f64());
        self.log
            .add("sticks", json!({"lx": lx, "ly": ly, "rx": rx, "ry": ry, "keys": sticks["keys"]}));
        if let (Some(lx), Some(ly), Some(rx)) = (lx, ly, rx) {
            self.hardware.push_sticks(lx, ly, rx);
        }
    }
}
