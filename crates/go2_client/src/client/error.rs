//! Why something is not done.

use go2_proto::codec::Response;
use go2_proto::motion::Ignored;
use go2_proto::session::RequestError;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The robot has not answered, or the request was not sent.
    #[error(transparent)]
    NotAnswered(#[from] RequestError),
    /// The robot refuses.
    #[error("the robot refuses: status {code}, {meaning}")]
    Refused {
        /// The status of its answer, see docs/protocol.md.
        code: i64,
        /// What that means.
        meaning: &'static str,
    },
}

/// There is a velocity handle already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another velocity handle of this client exists: drop it first")]
pub struct VelocityInUse;

/// Why a velocity is not followed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFollowed {
    /// The governor keeps it back.
    #[error(transparent)]
    Ignored(#[from] Ignored),
    /// The robot is not reached.
    #[error(transparent)]
    Unreachable(#[from] RequestError),
}

pub(super) fn answered(answer: Result<Response, RequestError>) -> Result<Response, CallError> {
    let response = answer?;
    match response.code {
        0 => Ok(response),
        code => Err(CallError::Refused { code, meaning: response.meaning() }),
    }
}
