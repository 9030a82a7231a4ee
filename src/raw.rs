//! `~/raw/<topic>`: plain topics of the data channel as they are, in and out.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use go2_client::session::LinkBuilder;
use go2_client::thread::RuntimeThread;
use go2_proto::codec::topics::WIRELESS_CONTROLLER;
use go2_proto::motion::VelocityApi;
use go2_proto::session::{Message, RequestError};
use go2_proto::text::payload;
use go2_proto::throttle::Throttle;
use r2r::std_msgs::msg::String as Text;
use r2r::{Publisher, QosProfile};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::intake::{bounded, Bounded, Intake};
use crate::outlet::Outlet;
use crate::services::{unanswered, Robot};
use crate::streams::{Shared, Source, QUEUE};

/// Why a topic cannot be passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RawTopicError {
    #[error("{0} takes requests, which have answers: publish them on ~/request")]
    Request(String),
    #[error("the robot does not take rt/lowcmd over this link; leave it out")]
    LowCommand,
    #[error("{0} is there twice")]
    Twice(String),
}

/// Whether these topics can be passed on.
pub(crate) fn check(topics: &[String]) -> Result<(), RawTopicError> {
    for (index, topic) in topics.iter().enumerate() {
        if topic.ends_with("/request") {
            return Err(RawTopicError::Request(topic.clone()));
        }
        if topic.ends_with("/lowcmd") {
            return Err(RawTopicError::LowCommand);
        }
        if topics[..index].contains(topic) {
            return Err(RawTopicError::Twice(topic.clone()));
        }
    }
    Ok(())
}

/// Bytes that a message to the robot may have.
const LONGEST: usize = 64 * 1024;
const LOG_EVERY: Duration = Duration::from_secs(5);

/// All topics that are passed on.
pub(crate) struct Raw(Vec<Line>);

struct Line {
    topic: String,
    messages: Source,
    publisher: Outlet<Publisher<Text>>,
    inbox: mpsc::Receiver<Bounded>,
}

impl Raw {
    /// Creates publishers and subscriptions, here and on the link.
    pub(crate) fn new(
        node: &mut r2r::Node,
        intake: &mut Intake,
        link: &mut LinkBuilder,
        shared: &Shared,
    ) -> r2r::Result<Self> {
        let take = |text: Text| bounded(text, LONGEST);
        let mut line = |topic: &String| {
            let qos = QosProfile::default().keep_last(QUEUE).reliable();
            let name = format!("~/raw/{topic}");
            let messages = link.subscribe(topic, QUEUE);
            Ok(Line {
                topic: topic.clone(),
                messages: Source::new(topic, messages, shared),
                publisher: Outlet::new(node, &shared.gauges, &name, qos)?,
                inbox: intake.subscribe(node, &format!("{name}/publish"), QUEUE, take)?,
            })
        };
        shared.settings().raw_topics.iter().map(&mut line).collect::<Result<_, _>>().map(Self)
    }

    /// Starts two tasks for each topic: from the robot, on the thread `raw`, and to it.
    pub(crate) fn start(self, raw: &RuntimeThread, tasks: &mut JoinSet<()>, robot: &Robot) {
        for Line { topic, messages, publisher, inbox } in self.0 {
            raw.spawn(from_robot(messages, publisher));
            tasks.spawn(to_robot(topic, inbox, robot.clone()));
        }
    }
}

async fn from_robot(mut messages: Source, publisher: Outlet<Publisher<Text>>) {
    while let Some(message) = messages.next().await {
        if publisher.has_listener() {
            publisher.publish(&Text { data: payload(text(&message)) });
        }
    }
}

/// The data as it came; an object around it where there are bytes too.
fn text(message: &Message) -> String {
    let data = String::from_utf8_lossy(message.data.as_bytes());
    match &message.payload {
        None => data.into_owned(),
        Some(bytes) => {
            format!("{{\"data\":{data},\"binary\":\"{}\"}}", BASE64_STANDARD.encode(bytes))
        }
    }
}

async fn to_robot(topic: String, mut inbox: mpsc::Receiver<Bounded>, robot: Robot) {
    let (mut refused, mut log) = (0_u64, Throttle::new(LOG_EVERY));
    while let Some(incoming) = inbox.recv().await {
        let reason: Cow<'static, str> = match incoming.map(|text| read(&topic, &text)) {
            Ok(Ok(data)) => match send(&topic, data, &robot).await {
                Ok(()) => continue,
                Err(error) => unanswered(&error).into(),
            },
            Ok(Err(reason)) => reason,
            Err(length) => format!("it has {length} bytes, and may have {LONGEST}").into(),
        };
        refused += 1;
        if let Some(more) = log.allow(Instant::now()) {
            tracing::warn!("a message for {topic} was not sent, {refused} so far: {reason}{more}");
        }
    }
}

async fn send(topic: &str, data: Value, robot: &Robot) -> Result<(), RequestError> {
    if topic == WIRELESS_CONTROLLER {
        robot.watch(VelocityApi::Sticks).await?;
    }
    robot.link.publish(topic, data).await
}

/// What is sent for a text; `Err` is the reason why nothing is.
fn read(topic: &str, text: &str) -> Result<Value, Cow<'static, str>> {
    let data: Value = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON ({error}); text too has to be in quotes"))?;
    if topic == WIRELESS_CONTROLLER && !is_remote(&data) {
        return Err("it must have lx, ly, rx and ry from -1 to 1, and keys from 0 to 65535".into());
    }
    Ok(data)
}

fn is_remote(data: &Value) -> bool {
    let is_axis = |name: &str| data[name].as_f64().is_some_and(|axis| (-1.0..=1.0).contains(&axis));
    let keys = &data["keys"];
    let has_keys = keys.as_u64().is_some_and(|keys| keys <= u64::from(u16::MAX));
    ["lx", "ly", "rx", "ry"].into_iter().all(is_axis) && (keys.is_null() || has_keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use go2_proto::codec::Json;

    #[test]
    fn some_topics_are_not_for_this() {
        let check =
            |topics: &[&str]| check(&topics.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(check(&["rt/uslam/server_log", "rt/lf/lowstate"]), Ok(()));
        let request = check(&["rt/gas_sensor", "rt/api/sport/request"]).unwrap_err().to_string();
        assert!(request.contains("rt/api/sport/request") && request.contains("~/request"));
        assert_eq!(check(&["rt/lowcmd"]), Err(RawTopicError::LowCommand));
        assert_eq!(check(&["rt/a", "rt/a"]), Err(RawTopicError::Twice("rt/a".to_owned())));
    }

    #[test]
    fn data_stays_what_it_was() {
        let message = |payload: Option<&'static [u8]>| Message {
            topic: "rt/x".to_owned(),
            data: Json::from(r#"{"b": 1.50, "a":"x"}"#.to_owned()),
            payload: payload.map(Into::into),
            received: Instant::now(),
        };
        assert_eq!(text(&message(None)), r#"{"b": 1.50, "a":"x"}"#);
        let binary = text(&message(Some(&[1, 2, 3])));
        assert_eq!(binary, r#"{"data":{"b": 1.50, "a":"x"},"binary":"AQID"}"#);
    }

    #[test]
    fn only_json_and_only_true_sticks_are_sent() {
        assert_eq!(read("rt/qt_command", "\"on\""), Ok("on".into()));
        for bad in ["on", "", "{\"x\":NaN}", "{\"x\":1e999}", "{} {}"] {
            let reason = read("rt/qt_command", bad).unwrap_err();
            assert!(reason.starts_with("it is not JSON"), "{bad}: {reason}");
        }
        let sticks = |text: &str| read(WIRELESS_CONTROLLER, text);
        assert!(sticks(r#"{"lx":0,"ly":1,"rx":-1,"ry":0.5,"keys":65535}"#).is_ok());
        assert!(sticks(r#"{"lx":0,"ly":1,"rx":-1,"ry":0.5}"#).is_ok());
        for bad in [
            r#"{"lx":0,"ly":1.01,"rx":0,"ry":0,"keys":0}"#,
            r#"{"lx":0,"ly":1,"rx":0,"keys":0}"#,
            r#"{"lx":0,"ly":"1","rx":0,"ry":0,"keys":0}"#,
            r#"{"lx":0,"ly":1,"rx":0,"ry":0,"keys":65536}"#,
            r#"{"lx":0,"ly":1,"rx":0,"ry":0,"keys":-1}"#,
            "[0,0,0,0]",
            "null",
        ] {
            let reason = sticks(bad).unwrap_err();
            assert!(reason.starts_with("it must have lx"), "{bad}: {reason}");
        }
    }
}
