//! Requests, and what becomes of them.

use go2_proto::codec::{api, Request, Response};
use go2_proto::session::RequestError;

use super::Client;

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

impl Client {
    /// Makes a request and waits for the robot's answer.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the robot's status where that is not 0, otherwise why there is no answer.
    pub async fn call(&self, request: Request) -> Result<Response, CallError> {
        answered(self.link.request(request, self.timeout).await)
    }

    /// Has it stand, its joints locked. After that it takes some seconds before it can be made ready to walk.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn stand_up(&self) -> Result<(), CallError> {
        self.sport(api::STAND_UP).await
    }

    /// Makes it ready to walk.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn balance_stand(&self) -> Result<(), CallError> {
        self.sport(api::BALANCE_STAND).await
    }

    /// Has it lie down.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn stand_down(&self) -> Result<(), CallError> {
        self.sport(api::STAND_DOWN).await
    }

    async fn sport(&self, api_id: i64) -> Result<(), CallError> {
        self.call(Request::sport(api_id)).await.map(drop)
    }
}

pub(super) fn answered(answer: Result<Response, RequestError>) -> Result<Response, CallError> {
    let response = answer?;
    match response.code {
        0 => Ok(response),
        code => Err(CallError::Refused { code, meaning: response.meaning() }),
    }
}
