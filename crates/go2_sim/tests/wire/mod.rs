//! A client that says nothing but what the test has it say.
#![allow(dead_code)] // each test file uses some of it
#![allow(clippy::unwrap_used, clippy::expect_used)] // as in the tests themselves
#![allow(unreachable_pub)] // it is a module of each test file

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use go2_client::progress::Progress;
use go2_client::signaling::Target;
use go2_client::transport::webrtc::{WebRtcConnector, WebRtcTransport};
use go2_client::transport::{Connector as _, Transport as _};
use go2_proto::codec::validation_answer;
use go2_proto::session::Received;
use go2_sim::{Options, Robot};
use serde_json::{json, Value};

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Client(pub WebRtcTransport);

impl Client {
    /// Connects and answers the challenge.
    pub async fn new(robot: &Robot) -> Self {
        let mut target = Target::new(robot.address().ip().to_string());
        (target.encrypted_port, target.plain_port) = (robot.address().port(), 1);
        let mut client =
            Self(WebRtcConnector::new(target).connect(Progress::default()).await.unwrap());
        let challenge = client.text("validation").await["data"].as_str().unwrap().to_owned();
        client.say("validation", "", validation_answer(&challenge).into()).await;
        assert_eq!(client.text("validation").await["data"], "Validation Ok.");
        client
    }

    pub async fn say(&mut self, kind: &str, topic: &str, data: Value) {
        let message = json!({"type": kind, "topic": topic, "data": data});
        self.0.send(message.to_string()).await.unwrap();
    }

    pub async fn subscribe(&mut self, topic: &str) {
        self.say("subscribe", topic, Value::Null).await;
    }

    /// The next text message of a type.
    pub async fn text(&mut self, kind: &str) -> Value {
        loop {
            let received = tokio::time::timeout(LIMIT, self.0.receive()).await;
            if let Received::Text(text) = received.expect("silence").unwrap() {
                let message: Value = serde_json::from_slice(&text).unwrap();
                if message["type"] == kind {
                    return message;
                }
            }
        }
    }

    pub async fn close(self, robot: &Robot) {
        let marker = robot.log().entries().len();
        self.0.close().await;
        robot.log().wait_for(marker, LIMIT, |entry| entry["event"] == "closed").await.unwrap();
    }
}

/// Options of a robot of its own.
pub fn options() -> Options {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let process = (std::process::id() % 250) as u8 + 1;
    let bind = IpAddr::from([127, 11, process, NEXT.fetch_add(1, Ordering::Relaxed)]);
    // Latency probes would be mistaken for answers.
    Options { bind, probe_every: 0.0, ..Options::default() }
}
