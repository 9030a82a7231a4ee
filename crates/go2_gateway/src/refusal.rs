//! Why a request is not granted, as HTTP says it and in words.

use std::time::Duration;

use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use go2_client::signaling::SignalingError;
use serde_json::json;

use crate::access::Foreign;

/// Why a client gets no answer to its offer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The body is no offer.
    #[error(
        "the offer cannot be read: {0}. It must be JSON with token, id, type \"offer\", ip and sdp"
    )]
    Malformed(String),
    /// The token opens nothing.
    #[error(
        "the token is wrong: the gateway prints the right one when it starts, unless gateway_token sets one"
    )]
    Token,
    /// This takes the token for control.
    #[error("who connects straight to the robot can drive it: that takes the token for control")]
    Control,
    /// The page may not use the gateway.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// The gateway connects to no other robots.
    #[error("ip is \"{asked}\", and this gateway connects to {allowed} only")]
    Elsewhere {
        /// What was asked for.
        asked: String,
        /// What may be asked for.
        allowed: String,
    },
    /// The body is longer than any offer.
    #[error("an offer has at most {0} bytes")]
    TooLong(usize),
    /// The robot did not agree.
    #[error("{0}")]
    Robot(SignalingError),
    /// The body came too slowly.
    #[error("the offer did not come within {} s", .0.as_secs())]
    Slow(Duration),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// As many are served as can be.
    #[error("{0} viewers are connected, and more are not served: close a page somewhere")]
    Full(usize),
    /// As many offers wait for their connection as may.
    #[error("{0} offers wait for their connections already: try again in {1} s")]
    Waiting(usize, u64),
    /// The engine failed.
    #[error("the connection could not be prepared: {0}")]
    Engine(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Control | Self::Foreign(_) | Self::Elsewhere { .. } => StatusCode::FORBIDDEN,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            // Nobody was there to refuse.
            Self::Robot(
                SignalingError::Unreachable(_)
                | SignalingError::NotFound(_)
                | SignalingError::UnknownHost(_),
            )
            | Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Robot(_) => StatusCode::BAD_GATEWAY,
            Self::Full(_) | Self::Waiting(..) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let words = json!({"error": self.to_string()}).to_string();
        (self.status(), [(header::CONTENT_TYPE, "application/json")], words).into_response()
    }
}
