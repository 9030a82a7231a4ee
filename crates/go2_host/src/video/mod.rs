//! The video to a client: a picture's NAL units become packets, packets become SRTP beside the data channel.

mod packetizer; // RTP: pure
#[cfg(feature = "webrtc")]
mod track; // SRTP

pub use packetizer::{Packetizer, HEADER, LARGEST_PACKET};
#[cfg(feature = "webrtc")]
pub(crate) use track::Sockets;
#[cfg(feature = "webrtc")]
pub use track::{Feedback, Track};
