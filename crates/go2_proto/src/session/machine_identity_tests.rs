//! The check of the serial number, message by message in virtual time.

use super::*;
use crate::codec::api;
use crate::commands::script;

const WANTED: &str = "B42D0000TEST0001";

struct Session {
    machine: Machine,
    now: Instant,
}

impl Session {
    /// A session that was accepted just now.
    fn expecting(serial_number: Option<&str>) -> Self {
        let now = Instant::now();
        let machine = Machine::new(Timing::default(), BTreeSet::new(), 7, now);
        let machine = machine.expecting(serial_number.map(str::to_owned));
        let mut session = Self { machine, now };
        session.hear(r#"{"type":"validation","topic":"","data":"0123456789abcdef"}"#).unwrap();
        session.hear(r#"{"type":"validation","topic":"","data":"Validation Ok."}"#).unwrap();
        assert!(session.machine.is_live());
        session
    }

    fn hear(&mut self, text: &str) -> Result<(), SessionError> {
        self.machine.handle(Received::from(text), self.now)
    }

    /// As robots do, without the id of the request.
    fn tell(&mut self, serial_number: &str) -> Result<(), SessionError> {
        let data = serde_json::json!({ "info": serial_number }).to_string();
        let data = serde_json::json!({"header": {"identity": {"api_id": 1001}, "status": {"code": 0}}, "data": data});
        let topic = "rt/api/bashrunner/response";
        self.hear(&serde_json::json!({"type": "res", "topic": topic, "data": data}).to_string())
    }

    /// Lets time pass in which the robot is heard.
    fn wait(&mut self, seconds: u64) -> Result<(), SessionError> {
        for _ in 0..10 * seconds {
            self.now += Duration::from_millis(100);
            self.hear(r#"{"type":"heartbeat"}"#)?;
            self.machine.handle_timeout(self.now)?;
        }
        Ok(())
    }

    /// The requests that have gone out since.
    fn requests(&mut self) -> Vec<Request> {
        let said = std::iter::from_fn(|| self.machine.poll_transmit());
        let request = |message| match message {
            Outbound::Request { request, .. } => Some(request),
            _ => None,
        };
        said.filter_map(request).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll_event()).collect()
    }

    fn walk(&mut self, x: f64) -> Result<(), RequestError> {
        self.machine.tell(Request::sport_move(x, 0.0, 0.0).unwrap()).map(drop)
    }

    fn push(&mut self, ly: f64) -> Result<(), RequestError> {
        let sticks = serde_json::json!({"lx": 0.0, "ly": ly, "rx": 0.0, "ry": 0.0, "keys": 0});
        self.machine.publish(topics::WIRELESS_CONTROLLER, sticks)
    }
}

#[test]
fn no_velocity_goes_out_before_the_robot_has_told_its_serial_number() {
    let mut session = Session::expecting(Some(WANTED));
    assert_eq!(session.requests(), [script::request(script::SERIAL_NUMBER)]);
    assert_eq!(session.walk(0.1), Err(RequestError::Unidentified));
    assert_eq!(session.push(0.1), Err(RequestError::Unidentified));
    let (now, second) = (session.now, Duration::from_secs(1));
    let avoiding = Request::avoidance_move(0.0, 0.0, 0.1).unwrap();
    let asked = session.machine.request(avoiding, second, now);
    assert_eq!(asked, Err(RequestError::Unidentified));
    // A stop is not a velocity.
    session.walk(0.0).unwrap();
    session.push(0.0).unwrap();
    session.machine.request(Request::sport(api::STOP_MOVE), second, now).unwrap();
    let sent: Vec<_> = session.requests().iter().map(|request| request.api_id).collect();
    assert_eq!(sent, [api::MOVE, api::STOP_MOVE]);

    session.tell(WANTED).unwrap();
    session.walk(0.1).unwrap();
    session.push(0.1).unwrap();
    assert!(!session.events().iter().any(|event| matches!(event, Event::Unidentified(_))));
}

#[test]
fn another_robot_ends_the_session() {
    let mut session = Session::expecting(Some(WANTED));
    let end = session.tell("B42D0000TEST0002").unwrap_err();
    let expected =
        SessionError::OtherRobot { wanted: WANTED.to_owned(), told: "B42D0000TEST0002".to_owned() };
    assert_eq!(end, expected);
    let sentence = end.to_string();
    assert!(sentence.contains(WANTED) && sentence.contains("B42D0000TEST0002"), "{sentence}");
}

#[test]
fn a_robot_that_does_not_tell_is_taken_for_the_right_one_after_five_seconds() {
    let mut session = Session::expecting(Some(WANTED));
    session.wait(4).unwrap();
    assert_eq!(session.walk(0.1), Err(RequestError::Unidentified));
    session.wait(1).unwrap();
    session.walk(0.1).unwrap();
    session.wait(60).unwrap();
    let untold = |event: &Event| matches!(event, Event::Unidentified(_));
    assert_eq!(session.events().iter().filter(|event| untold(event)).count(), 1);
    let ours = |event: &Event| matches!(event, Event::Settled(..));
    assert!(!session.events().iter().any(ours), "nobody else has asked");
}

/// Answers of scripts may not say to which one they are.
#[test]
fn other_scripts_wait_for_the_answer() {
    let mut session = Session::expecting(Some(WANTED));
    let (now, second) = (session.now, Duration::from_secs(1));
    session.requests();
    let version = script::request("get_whole_packet_version.sh");
    let id = session.machine.request(version.clone(), second, now).unwrap();
    assert_eq!(session.requests(), []);
    session.tell(WANTED).unwrap();
    assert_eq!(session.requests(), [version]);
    session.tell("1.1.7").unwrap();
    let settled = session.events().into_iter().find_map(|event| match event {
        Event::Settled(id, Ok(response)) => Some((id, response.data)),
        _ => None,
    });
    assert_eq!(settled, Some((id, r#"{"info":"1.1.7"}"#.to_owned())));
}

#[test]
fn without_a_serial_number_nothing_waits() {
    let mut session = Session::expecting(None);
    assert_eq!(session.requests(), []);
    session.walk(0.1).unwrap();
    session.push(0.1).unwrap();
}
