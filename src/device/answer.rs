//! What an answer of the robot means for who asked.

use go2_proto::codec::Response;
use go2_proto::session::RequestError;

use crate::services::{refusal, unanswered};

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, RequestError>;

/// Why a request did nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The session is gone; whether the robot heard is not known.
    Gone,
    /// No answer, for a reason that a person can read.
    Silent(String),
    /// The robot refused, for a reason that a person can read.
    Refused(String),
}

/// Whether it failed, and how.
pub(super) fn failure(answer: &Answer) -> Option<Failure> {
    match answer {
        Ok(response) if response.code == 0 => None,
        Ok(response) => Some(Failure::Refused(refusal(response))),
        Err(RequestError::NotLive | RequestError::Lost) => Some(Failure::Gone),
        Err(error) => Some(Failure::Silent(unanswered(error))),
    }
}

/// Answers for tests.
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn status(code: i64, data: &str) -> Answer {
        let payload = Default::default();
        Ok(Response { id: None, api_id: None, code, data: data.to_owned(), payload })
    }

    pub(in super::super) fn silence() -> Answer {
        Err(RequestError::Timeout(std::time::Duration::from_secs(5)))
    }

    #[test]
    fn failures_say_what_to_do() {
        assert_eq!(failure(&status(0, "")), None);
        assert_eq!(failure(&Err(RequestError::Lost)), Some(Failure::Gone));
        let Some(Failure::Refused(reason)) = failure(&status(3204, "")) else { panic!() };
        assert_eq!(
            reason,
            "the robot answers status 3204: the parameter is wrong; check the value and its range"
        );
        assert!(matches!(failure(&silence()), Some(Failure::Silent(_))));
    }
}
