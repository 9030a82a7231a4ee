//! The video to a client: a picture's NAL units become packets, packets become SRTP beside the data channel.
//!
//! ```text
//! byte stream > nal_units > Stream (Packetizer > Track)    feedback < Track
//!                             history, counts, reports
//! ```

mod clock; // the stream's time: pure
#[cfg(any(feature = "webrtc", test))]
mod history; // packets to send again: pure
mod nal; // byte streams: pure
mod packetizer; // RTP: pure
#[cfg(feature = "webrtc")]
mod stream; // a track and what is counted of it
#[cfg(feature = "webrtc")]
mod track; // SRTP

pub use clock::{RtpClock, RTP_HZ};
#[cfg(feature = "webrtc")]
pub use history::HISTORY;
pub use nal::nal_units;
pub use packetizer::{Packetizer, LARGEST_PACKET};
#[cfg(feature = "webrtc")]
pub use stream::Stream;
#[cfg(feature = "webrtc")]
pub(crate) use track::Sockets;
#[cfg(feature = "webrtc")]
pub use track::{Feedback, Track};
