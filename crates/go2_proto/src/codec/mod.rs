//! The data channel's language: bytes to values and back. Pure: no IO, no clock, no logging.

pub mod api;
mod envelope;
mod frame;
mod outbound;
mod request;
mod response;
pub mod topics;
mod validation;

pub use envelope::{DecodeError, Inbound, Json, Kind};
pub use frame::{Frame, FrameError};
pub use outbound::{Outbound, WallTime};
pub use request::Request;
pub use response::{Assembly, Chunk, Response};
pub use validation::validation_answer;
