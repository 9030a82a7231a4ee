//! What viewers are told that does not come from the robot. Pure.

use go2_client::error_code::no_hints;
use go2_client::session::LinkState;
use go2_proto::codec::Response;
use go2_proto::motion::Velocity;
use go2_proto::state::Fault;
use serde_json::{json, Value};

/// The topic on which the gateway says how things stand.
pub(super) const STATE: &str = "rt/gateway/state";
/// The gateway's own service, and what it does.
pub(super) const REQUEST: &str = "rt/api/gateway/request";
pub(super) const TAKE: i64 = 1;
pub(super) const RELEASE: i64 = 2;
pub(super) const HOLD: i64 = 3;
pub(super) const END_HOLD: i64 = 4;

/// Why the gateway, and not the robot, refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Good = 0,
    /// The viewer may only watch.
    NotAllowed = 9001,
    /// Somebody else drives.
    NotInControl = 9002,
    /// It was not sent, or not answered.
    Failed = 9003,
}

/// What goes with an answer, where a robot has JSON.
pub(super) fn answer(topic: &str, identity: &Value, code: i64, data: &str) -> String {
    let header = json!({"identity": identity, "status": {"code": code}});
    let topic = response_topic(topic);
    json!({"type": "res", "topic": topic, "data": {"header": header, "data": data}}).to_string()
}

/// An answer as the robot gave it, to whoever asked.
pub(super) fn pass_on(topic: &str, identity: &Value, response: &Response) -> String {
    answer(topic, identity, response.code, &response.data)
}

/// Where the answers to a service's requests are.
pub(super) fn response_topic(topic: &str) -> String {
    match topic.strip_suffix("/request") {
        Some(service) => format!("{service}/response"),
        None => topic.to_owned(),
    }
}

/// The velocity of a Move.
pub(super) fn velocity(parameter: &Value) -> Option<Velocity> {
    let parts: Value = serde_json::from_str(parameter.as_str()?).ok()?;
    let part = |name: &str| parts.get(name)?.as_f64().filter(|part| part.is_finite());
    Some(Velocity { x: part("x")?, y: part("y")?, yaw: part("z")? })
}

/// How things stand, for one viewer.
pub(super) struct Standing<'a> {
    pub(super) link: &'a LinkState,
    pub(super) hears: bool,
    /// Whether nobody walks the robot.
    pub(super) held: bool,
    pub(super) faults: &'a [Fault],
    pub(super) viewers: usize,
    pub(super) may_drive: bool,
    /// `ros`, `you` or `viewer`.
    pub(super) driver: &'static str,
}

impl Standing<'_> {
    pub(super) fn data(&self) -> Value {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        let codes: Vec<_> = self.faults.iter().map(|fault| (fault.source, fault.code)).collect();
        let link = json!({"state": self.link.name(), "advice": self.link.details(no_hints)});
        json!({"link": link, "hears": self.hears, "held": self.held, "faults": faults,
            "fault_codes": codes,
            "viewers": self.viewers, "may_drive": self.may_drive, "driver": self.driver})
    }
}

/// The faults that the robot reports, as it tells a client that has just come. `time` in seconds since 1970.
pub(super) fn faults(faults: &[Fault], time: u64) -> Value {
    faults.iter().map(|fault| json!([time, fault.source, fault.code])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_who_asked() {
        let identity = json!({"id": 77, "api_id": 1004});
        let answer = answer("rt/api/sport/request", &identity, Code::NotInControl as i64, "no");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let expected = json!({"type": "res", "topic": "rt/api/sport/response", "data":
            {"header": {"identity": {"id": 77, "api_id": 1004}, "status": {"code": 9002}}, "data": "no"}});
        assert_eq!(answer, expected);
    }

    #[test]
    fn faults_are_told_in_words_and_as_they_are() {
        let faults = [Fault { source: 309, code: 4 }];
        let link = LinkState::Validating;
        let standing = Standing {
            link: &link,
            hears: true,
            held: false,
            faults: &faults,
            viewers: 1,
            may_drive: true,
            driver: "ros",
        };
        let data = standing.data();
        assert_eq!(data["faults"], json!(["motor 9: driver overheating"]));
        assert_eq!(data["fault_codes"], json!([[309, 4]]));
    }

    #[test]
    fn only_whole_velocities_are_driven() {
        let read = |text: &str| velocity(&json!(text));
        let expected = Velocity { x: 0.5, y: -0.25, yaw: 1.0 };
        assert_eq!(read(r#"{"x":0.5,"y":-0.25,"z":1}"#), Some(expected));
        for bad in ["", "{}", r#"{"x":0.5,"y":0}"#, r#"{"x":1e999,"y":0,"z":0}"#, "[1,2,3]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(velocity(&json!({"x": 1, "y": 0, "z": 0})), None);
    }
}
