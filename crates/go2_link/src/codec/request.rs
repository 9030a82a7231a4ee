//! Requests to the robot's services and their responses.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{DecodeError, Json};

/// Api ids of the sport service that mean the same on every firmware.
pub mod api {
    /// Motors limp: the robot drops.
    pub const DAMP: i64 = 1001;
    /// Stand ready to walk.
    pub const BALANCE_STAND: i64 = 1002;
    /// Leave the current gait or pose. Not a brake: zero velocity is.
    pub const STOP_MOVE: i64 = 1003;
    /// Stand with locked joints; not ready to walk.
    pub const STAND_UP: i64 = 1004;
    /// Lie down.
    pub const STAND_DOWN: i64 = 1005;
    /// Get up from any posture, as after a fall.
    pub const RECOVERY_STAND: i64 = 1006;
    /// Walk with a velocity `{"x", "y", "z"}`: m/s forward, m/s to the left, rad/s counter-clockwise.
    pub const MOVE: i64 = 1008;
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Topic that ends in `/request`.
    pub topic: String,
    /// Number of the api within the service.
    pub api_id: i64,
    /// The parameter: JSON text, or empty.
    pub parameter: String,
    /// Whether it overtakes others inside the robot.
    pub priority: bool,
}

impl Request {
    /// A request to the sport service without a parameter.
    pub fn sport(api_id: i64) -> Self {
        Self {
            topic: super::topics::SPORT_REQUEST.into(),
            api_id,
            parameter: String::new(),
            priority: false,
        }
    }

    /// A velocity for the sport service, m/s and rad/s in the body's axes. `None` if a number is not
    /// finite, which JSON cannot say.
    pub fn sport_move(x: f64, y: f64, yaw: f64) -> Option<Self> {
        let finite = x.is_finite() && y.is_finite() && yaw.is_finite();
        let parameter = format!("{{\"x\":{x},\"y\":{y},\"z\":{yaw}}}");
        finite.then(|| Self { parameter, ..Self::sport(api::MOVE) })
    }

    /// The same request with priority.
    pub fn with_priority(self) -> Self {
        Self { priority: true, ..self }
    }
}

/// What the robot answered to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Id of the request; some services do not echo it.
    pub id: Option<i64>,
    /// Api of the request.
    pub api_id: Option<i64>,
    /// Status: 0 is success.
    pub code: i64,
    /// The answer's data: JSON text, or empty.
    pub data: String,
}

impl Response {
    /// What the status means, in words.
    pub fn meaning(&self) -> &'static str {
        match self.code {
            0 => "success",
            -1 | 3001 => "unknown error",
            3102 => "the request could not be sent inside the robot",
            3103 => "the api is not registered on this robot",
            3104 => "timeout inside the robot",
            3105 => "the response did not match the request",
            3106 => "the data could not be read",
            3107 | 3205 | 3206 => "no lease for this service",
            3201 => "the robot could not send",
            3202 => "internal error of the service",
            3203 => "this firmware does not have the action",
            3204 => "the parameter is wrong",
            3207 => "another client holds the lease",
            4101 => "wrong number of path points",
            4201 => "the motion took too long",
            4202 | 4205 => "the motion service is not initialised",
            4206 => "not possible in this posture",
            7002 => "the motion service is busy",
            7004 => "unknown motion mode, or the robot is in it already",
            5201 | 5202 => "the service could not be switched",
            _ => "a status that this version does not know",
        }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    header: Header,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Header {
    #[serde(default)]
    identity: Identity,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
struct Identity {
    #[serde(default)]
    id: Option<i64>,
    #[serde(default)]
    api_id: Option<i64>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    code: Option<i64>,
}

impl Response {
    /// Reads the `data` of a `res` message.
    pub fn decode(data: &Json) -> Result<Self, DecodeError> {
        let body: Body<'_> =
            serde_json::from_slice(data.as_bytes()).map_err(|_| DecodeError::Shape)?;
        let text = match body.data {
            // The field is JSON inside a string; should it come bare, its text is the same thing.
            Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned()),
            None => String::new(),
        };
        let Header { identity, status } = body.header;
        let code = status.code.ok_or(DecodeError::Shape)?;
        Ok(Self { id: identity.id, api_id: identity.api_id, code, data: text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Response, DecodeError> {
        Response::decode(&Json::from(text.to_string()))
    }

    #[test]
    fn reads_responses_with_what_they_have() {
        let whole = r#"{"header":{"identity":{"id":7,"api_id":1008},"status":{"code":0}},"data":"{\"a\":1}"}"#;
        let expected =
            Response { id: Some(7), api_id: Some(1008), code: 0, data: r#"{"a":1}"#.into() };
        assert_eq!(decode(whole).unwrap(), expected);
        let bare = r#"{"header":{"identity":{"api_id":1},"status":{"code":3203}},"data":{"a":1}}"#;
        let expected =
            Response { id: None, api_id: Some(1), code: 3203, data: r#"{"a":1}"#.into() };
        assert_eq!(decode(bare).unwrap(), expected);
        assert_eq!(decode(r#"{"header":{"status":{"code":-1}}}"#).unwrap().data, "");
    }

    #[test]
    fn a_response_without_a_status_is_none() {
        for bad in ["null", "{}", "[]", r#"{"header":{"status":{"code":"0"}}}"#, "\"text\""] {
            assert_eq!(decode(bad), Err(DecodeError::Shape), "{bad}");
        }
    }

    #[test]
    fn velocities_are_finite() {
        let request = Request::sport_move(0.5, 0.0, -1.25).unwrap();
        assert_eq!(request.parameter, r#"{"x":0.5,"y":0,"z":-1.25}"#);
        assert_eq!(Request::sport_move(f64::NAN, 0.0, 0.0), None);
        assert_eq!(Request::sport_move(0.0, f64::INFINITY, 0.0), None);
    }
}
