//! Requests to the robot's services.

use super::{api, topics};

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
            topic: topics::SPORT_REQUEST.into(),
            api_id,
            parameter: String::new(),
            priority: false,
        }
    }

    /// A still picture of the front camera; the answer's payload is a JPEG.
    pub fn snapshot() -> Self {
        Self {
            topic: topics::VIDEOHUB_REQUEST.into(),
            api_id: api::videohub::SNAPSHOT,
            ..Self::sport(0)
        }
    }

    /// A velocity for the sport service, m/s and rad/s in the body's axes. `None` if a number is not
    /// finite, which JSON cannot say.
    pub fn sport_move(x: f64, y: f64, yaw: f64) -> Option<Self> {
        let finite = x.is_finite() && y.is_finite() && yaw.is_finite();
        let parameter = format!("{{\"x\":{x},\"y\":{y},\"z\":{yaw}}}");
        finite.then(|| Self { parameter, ..Self::sport(api::MOVE) })
    }

    /// A velocity for the obstacles_avoid service, m/s and rad/s in the body's axes. `None` if a number is not
    /// finite.
    pub fn avoidance_move(x: f64, y: f64, yaw: f64) -> Option<Self> {
        let finite = x.is_finite() && y.is_finite() && yaw.is_finite();
        let parameter = format!("{{\"x\":{x},\"y\":{y},\"yaw\":{yaw},\"mode\":0}}");
        let topic = topics::OBSTACLES_AVOID_REQUEST.into();
        finite.then(|| Self { topic, parameter, ..Self::sport(api::obstacles_avoid::MOVE) })
    }

    /// The same request with priority.
    pub fn with_priority(self) -> Self {
        Self { priority: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocities_are_finite() {
        let request = Request::sport_move(0.5, 0.0, -1.25).unwrap();
        assert_eq!(request.parameter, r#"{"x":0.5,"y":0,"z":-1.25}"#);
        assert_eq!(Request::sport_move(f64::NAN, 0.0, 0.0), None);
        assert_eq!(Request::sport_move(0.0, f64::INFINITY, 0.0), None);
    }
}
