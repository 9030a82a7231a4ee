//! `~/request` to `~/response`: any request to any of the robot's services, as JSON.

mod check; // from the text of a request to what may be sent

use std::borrow::Cow;
use std::time::{Duration, Instant};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::StreamExt as _;
use go2_proto::codec::{topics, Request, Response};
use go2_proto::motion::VelocityApi;
use go2_proto::session::RequestError;
use go2_proto::text::payload;
use go2_proto::throttle::Throttle;
use r2r::std_msgs::msg::String as Text;
use r2r::{Publisher, QosProfile};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::again::{self, NOT_YET};
use super::{unanswered, Robot};
use crate::intake::{bounded, Bounded, Intake};
use crate::motion::Order;
use crate::outlet::Outlet;
use check::{Asked, Effect, Reason, Refused};

/// Requests that wait to be read, and answers that wait to be taken.
const ROOM: usize = 512;
const ANSWERS: usize = 100;
/// Requests that wait for the robot.
const MOST_WAITING: usize = 256;
/// As many more may have priority.
const MORE_URGENT: usize = 32;
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Starts the task.
pub(crate) fn start(
    node: &mut r2r::Node,
    intake: &mut Intake,
    tasks: &mut JoinSet<()>,
    robot: &Robot,
) -> r2r::Result<()> {
    let qos = QosProfile::default().keep_last(ANSWERS).reliable();
    let publisher = Outlet::new(node, &robot.shared.gauges, "~/response", qos)?;
    let take = |text: Text| bounded(text, check::LONGEST);
    let inbox = intake.subscribe(node, "~/request", ROOM, take)?;
    let desk = Desk {
        robot: robot.clone(),
        publisher,
        waiting: FuturesUnordered::new(),
        refused: 0,
        log: Throttle::new(LOG_EVERY),
    };
    tasks.spawn(desk.run(inbox));
    Ok(())
}

struct Desk {
    robot: Robot,
    publisher: Outlet<Publisher<Text>>,
    /// Those that the robot has not answered yet.
    waiting: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// So far.
    refused: u64,
    log: Throttle,
}

impl Desk {
    async fn run(mut self, mut inbox: mpsc::Receiver<Bounded>) {
        loop {
            tokio::select! {
                incoming = inbox.recv() => match incoming {
                    Some(incoming) => self.take(incoming).await,
                    None => return, // the node ends
                },
                Some(answer) = self.waiting.next() => self.answer(&answer),
            }
        }
    }

    async fn take(&mut self, incoming: Bounded) {
        let acrobatics = self.robot.settings.borrow().allow_acrobatics;
        let read = match incoming {
            Ok(text) => check::read(&text, acrobatics),
            Err(length) => {
                Err(Refused { id: RawValue::NULL.to_owned(), reason: Reason::TooLong(length) })
            }
        };
        match read {
            Ok(asked) => self.ask(asked).await,
            Err(Refused { id, reason }) => self.refuse(id, &reason.to_string()),
        }
    }

    async fn ask(&mut self, asked: Asked) {
        let Asked { id, request, timeout, effect } = asked;
        let most = MOST_WAITING + if request.priority { MORE_URGENT } else { 0 };
        if self.waiting.len() >= most {
            let reason =
                format!("{most} requests wait for the robot already; send fewer at a time");
            return self.refuse(id, &reason);
        }
        // Here and not beside the others, so that requests stay in the order in which they came.
        if let Effect::Walks(path) = effect {
            if let Err(error) = self.robot.watch(path).await {
                return self.answer(&Answer::new(id, request.api_id, Err(error)));
            }
        }
        let robot = self.robot.clone();
        if again::is_action(&request) {
            robot.newest.tell("a request");
        }
        self.waiting.push(Box::pin(async move {
            let api_id = request.api_id;
            let moves = request.topic == topics::SPORT_REQUEST;
            let result = if effect == Effect::Limp {
                robot.damp().await
            } else {
                let timeout = timeout.unwrap_or_else(|| robot.settings.borrow().request_timeout);
                robot.send(request, timeout).await
            };
            let early = moves && result.as_ref().is_ok_and(|response| robot.is_early(response));
            let answer = Answer::new(id, api_id, result);
            if early {
                answer.meaning(NOT_YET)
            } else {
                answer
            }
        }));
    }

    fn refuse(&mut self, id: Box<RawValue>, reason: &str) {
        self.refused += 1;
        if let Some(more) = self.log.allow(Instant::now()) {
            let count = self.refused;
            tracing::warn!("a request is refused, {count} so far: {reason}{more}");
        }
        self.answer(&Answer::Failed { id, ok: false, error: reason.to_owned() });
    }

    fn answer(&self, answer: &Answer) {
        match serde_json::to_string(answer) {
            Ok(data) => _ = self.publisher.publish(&Text { data: payload(data) }),
            Err(error) => tracing::warn!("an answer cannot be written: {error}"),
        }
    }
}

impl Robot {
    /// Sends a request that is not the node's own, as far as it may be sent, and has the robot stopped when nothing more is heard
    /// of what walks it. In words why not, or why there is no answer.
    pub(crate) async fn ask(&self, request: Request) -> Result<Response, String> {
        let acrobatics = self.settings.borrow().allow_acrobatics;
        let (request, effect) =
            check::weigh(request, acrobatics).map_err(|reason| reason.to_string())?;
        if let Effect::Walks(path) = effect {
            self.watch(path).await.map_err(|error| error.to_string())?;
        }
        if again::is_action(&request) {
            self.newest.tell("a request");
        }
        let result = match effect {
            Effect::Limp => self.damp().await,
            _ => self.request(request).await,
        };
        match result {
            Err(error) => match error.status() {
                Some(code) => Ok(Response {
                    id: None,
                    api_id: None,
                    code,
                    data: unanswered(&error),
                    payload: Default::default(),
                }),
                None => Err(unanswered(&error)),
            },
            answered => answered.map_err(|error| error.to_string()),
        }
    }

    /// Has the robot stopped when nothing more is heard of what is about to walk it that way. A robot that is not there will
    /// not walk: it is not stopped either when it comes.
    pub(crate) async fn watch(&self, path: VelocityApi) -> Result<(), RequestError> {
        if !self.link.in_session() {
            return Err(RequestError::NotLive);
        }
        // Of what the link lets through then, nothing walks it.
        if *self.link.held().borrow() {
            return Ok(());
        }
        self.newest.tell("a velocity");
        self.motion.send(Order::Watch(path)).await.map_err(|_| RequestError::NotLive)
    }
}

/// What goes back.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Answered {
        id: Box<RawValue>,
        ok: bool,
        code: i64,
        meaning: Cow<'static, str>,
        api_id: i64,
        data: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        binary: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        binary_length: Option<usize>,
    },
    Failed {
        id: Box<RawValue>,
        ok: bool,
        error: String,
    },
}

impl Answer {
    /// The same with other words for the status.
    fn meaning(mut self, words: &'static str) -> Self {
        if let Self::Answered { meaning, .. } = &mut self {
            *meaning = words.into();
        }
        self
    }

    /// Without the robot: in its own numbers where it has one for the reason.
    fn unanswered(id: Box<RawValue>, api_id: i64, error: &RequestError) -> Self {
        let words = unanswered(error);
        let Some(code) = error.status() else {
            return Self::Failed { id, ok: false, error: words };
        };
        let (meaning, data) = (words.into(), Value::String(String::new()));
        Self::Answered {
            id,
            ok: false,
            code,
            meaning,
            api_id,
            data,
            binary: None,
            binary_length: None,
        }
    }

    fn new(id: Box<RawValue>, api_id: i64, result: Result<Response, RequestError>) -> Self {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Self::unanswered(id, api_id, &error),
        };
        let meaning = response.meaning().into();
        let Response { code, data, payload, .. } = response;
        let bytes = Some(payload).filter(|payload| !payload.is_empty());
        Self::Answered {
            id,
            ok: code == 0,
            code,
            meaning,
            api_id: response.api_id.unwrap_or(api_id),
            data: serde_json::from_str(&data).unwrap_or(Value::String(data)),
            binary_length: bytes.as_ref().map(|bytes| bytes.len()),
            binary: bytes.map(|bytes| BASE64_STANDARD.encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use go2_proto::commands::MotionMode;
    use serde_json::json;

    fn answer(data: &str, payload: &'static [u8]) -> Value {
        let response = Response {
            id: Some(3),
            api_id: None,
            code: 3203,
            data: data.to_owned(),
            payload: payload.into(),
        };
        let id = RawValue::from_string("\"mine\"".to_owned()).unwrap();
        serde_json::to_value(Answer::new(id, 1016, Ok(response))).unwrap()
    }

    #[test]
    fn answers_have_what_the_robot_said() {
        let meaning = "this firmware does not have the action";
        let expected = |data: Value| {
            json!({"id": "mine", "ok": false, "code": 3203, "meaning": meaning, "api_id": 1016,
                "data": data})
        };
        assert_eq!(answer(r#"{"a":[1]}"#, b""), expected(json!({"a": [1]})));
        for text in ["", "no JSON", "{\"a\":NaN}"] {
            assert_eq!(answer(text, b""), expected(text.into()));
        }
        let mut bytes = expected("".into());
        (bytes["binary"], bytes["binary_length"]) = ("AQID".into(), 3.into());
        assert_eq!(answer("", &[1, 2, 3]), bytes);
    }

    #[test]
    fn answers_say_why_there_is_none() {
        let failed = Answer::new(RawValue::NULL.to_owned(), 1, Err(RequestError::Lost));
        let expected = json!({"id": null, "ok": false, "error": RequestError::Lost.to_string()});
        assert_eq!(serde_json::to_value(failed).unwrap(), expected);
        let fixed = RequestError::ModeFixed(MotionMode::new("mcf"));
        let kept = serde_json::to_value(Answer::new(RawValue::NULL.to_owned(), 1002, Err(fixed)));
        let kept = kept.unwrap();
        assert_eq!(
            (&kept["ok"], &kept["code"], &kept["api_id"]),
            (&json!(false), &json!(7004), &json!(1002))
        );
        let meaning = kept["meaning"].as_str().unwrap();
        assert!(meaning.starts_with("not sent: the robot is in motion mode mcf"), "{meaning}");
        assert!(meaning.contains("allow_mode_switch"), "{meaning}");
    }
}
