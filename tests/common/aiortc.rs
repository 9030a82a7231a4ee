//! A robot of another make: `tests/peers/aiortc_robot.py`, which shares neither code nor WebRTC stack with the link.
//! Needs the Python that `scripts/setup` brings, or the one that `GO2_PYTHON` names.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use go2_client::session::Link;
use go2_client::signaling::Target;
use go2_sim::log::Log;
use serde_json::{json, Value};

use super::{address, connect, target, Client, LIMIT};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/aiortc_robot.py");
const SETUP: &str = "the Python robot does not start: run scripts/setup, which brings aiortc, and \
                     source scripts/env.sh (or name a Python that has aiortc in GO2_PYTHON)";
const COMPLAINTS: [&str; 5] =
    ["error", "offer_warning", "fingerprint_mismatch", "rx_binary", "validation_needed"];

/// A robot in a process of its own, which ends with this.
pub struct Robot {
    pub process: Child,
    pub log: Log,
    pub address: SocketAddr,
    encrypted: bool,
}

impl Robot {
    /// Starts one where no other is. Options are separated by spaces.
    pub async fn start(options: &str) -> Self {
        Self::start_at((address(), 0).into(), options).await
    }

    pub async fn start_at(address: SocketAddr, options: &str) -> Self {
        let python = std::env::var("GO2_PYTHON").unwrap_or_else(|_| "python3".into());
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut process = Command::new(python)
            .args([SCRIPT, "--watch-stdin", "--bind", &ip])
            .args(["--port-9991", &port, "--port-8081", &port])
            .args(options.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{SETUP}: {error}"));
        let output = BufReader::new(process.stdout.take().unwrap());
        let log = Log::default();
        let written = log.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or(json!({"event": line}));
                written.add("", entry);
            }
            written.add("ended", json!({}));
        });
        let mut robot = Self { process, log, address, encrypted: true };
        let first = robot.log.wait_for(0, LIMIT, any).await.unwrap_or_else(|| panic!("{SETUP}"));
        assert_eq!(first["event"], "listening", "{SETUP}");
        robot.encrypted = first["port_9991"].is_u64();
        let port = if robot.encrypted { &first["port_9991"] } else { &first["port_8081"] };
        robot.address.set_port(port.as_u64().unwrap() as u16);
        robot
    }

    pub fn target(&self) -> Target {
        target(self.address, self.encrypted)
    }

    /// Waits for an event that fits.
    pub async fn sees(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found =
            self.log.wait_for(0, LIMIT, |entry| entry["event"] == event && fits(entry)).await;
        found.unwrap_or_else(|| {
            let entries = self.log.entries();
            panic!("no such {event}: {:#?}", &entries[entries.len().saturating_sub(15)..])
        })
    }

    pub fn count(&self, event: &str) -> usize {
        self.log.of(event).len()
    }

    /// Checks that the link did nothing that it complains about.
    pub fn assert_content(&self) {
        for complaint in COMPLAINTS {
            assert!(self.log.of(complaint).is_empty(), "{:?}", self.log.of(complaint));
        }
    }

    /// Closes the link and checks that the robot is free at once, which takes a proper goodbye: without
    /// one it gives a client up after 10 s. All earlier events are in the log then.
    pub async fn bids_farewell(&self, client: Client) {
        self.lets_go(client.link).await;
    }

    /// The same for a link that is no client's.
    pub async fn lets_go(&self, link: Link) {
        let before = unix_time();
        link.close().await;
        let closed = self.sees("closed", |entry| at(entry) >= before).await;
        let goodbye = matches!(closed["reason"].as_str(), Some("channel closed" | "dtls closed"));
        assert!(goodbye && at(&closed) - before < 3.0, "from {before}: {closed}");
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

pub fn at(entry: &Value) -> f64 {
    entry["t"].as_f64().unwrap()
}

pub fn any(_: &Value) -> bool {
    true
}

/// A robot with a client that is live.
pub async fn live(options: &str) -> (Robot, Client) {
    let robot = Robot::start(options).await;
    let client = connect(robot.target());
    client.live().await;
    (robot, client)
}
