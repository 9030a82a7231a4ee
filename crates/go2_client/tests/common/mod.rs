//! What the tests share: a simulated robot, and what it was told.
#![allow(dead_code)] // each test file uses some of it
#![allow(clippy::unwrap_used, clippy::expect_used)] // as in the tests themselves
#![allow(unreachable_pub)] // it is a module of each test file

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use go2_sim::log::Log;
use go2_sim::Options;
use serde_json::Value;

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Options of a robot at a loopback address that no other test uses.
pub fn robot() -> Options {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let process = (std::process::id() % 250) as u8 + 1;
    let bind = IpAddr::from([127, 11, process, NEXT.fetch_add(1, Ordering::Relaxed)]);
    Options { bind, encrypted_port: go2_proto::signaling::ENCRYPTED_PORT, ..Options::default() }
}

/// The requests to the sport service: API ids, and velocities forward of Moves.
pub fn sport(log: &Log) -> Vec<(i64, Option<f64>)> {
    let sport =
        log.of("request").into_iter().filter(|entry| entry["topic"] == "rt/api/sport/request");
    let read = |entry: Value| {
        let parameter: Value =
            serde_json::from_str(entry["parameter"].as_str().unwrap_or_default())
                .unwrap_or_default();
        (entry["api_id"].as_i64().unwrap(), parameter["x"].as_f64())
    };
    sport.map(read).collect()
}

pub fn is_walk(request: &(i64, Option<f64>)) -> bool {
    request.0 == 1008 && request.1 != Some(0.0)
}

/// Whether the robot was told to walk, and after that zeros and StopMove.
pub fn walked_and_stopped(log: &Log) -> bool {
    let requests = sport(log);
    let Some(last) = requests.iter().rposition(is_walk) else { return false };
    let after = &requests[last + 1..];
    let zeros = after.iter().filter(|request| **request == (1008, Some(0.0))).count();
    zeros >= 3 && after.last().is_some_and(|(api_id, _)| *api_id == 1003)
}

/// Waits until something is so.
pub async fn until(what: &str, log: &Log, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, wait).await;
    assert!(waited.is_ok(), "waited in vain for {what}: {:?}", sport(log));
}

/// Waits until the robot is told to walk, by a request after so many.
pub async fn walk(log: &Log, so_far: usize) {
    until("a walk", log, || sport(log)[so_far..].iter().any(is_walk)).await;
}

/// Waits until the robot has walked and was stopped.
pub async fn stop(log: &Log) {
    until("a stop", log, || walked_and_stopped(log)).await;
}

/// Waits until the session has ended; its reason.
pub async fn closed(log: &Log) -> String {
    let closed = log.wait_for(0, LIMIT, |entry| entry["event"] == "closed").await;
    closed.expect("the session goes on")["reason"].as_str().unwrap().to_owned()
}
