//! What answers an offer like a Unitree GO2: the robot's end of the connection, of the session and of the video.
//!
//! ```text
//! offer (SDP)  >  sdp::Offer  >  Peer::new(.., socket, ..)  >  answer
//!                                Peer::connect              >  Channel: messages both ways
//!                                                                .video: Track
//! ```
//!
//! It does not know what a robot does. The simulated robot puts one behind it, a gateway a session with a real one.

#[cfg(feature = "webrtc")]
mod channel; // the open connection
#[cfg(feature = "webrtc")]
mod outbox; // what waits to be sent
#[cfg(feature = "webrtc")]
mod path; // ICE
#[cfg(feature = "webrtc")]
mod peer; // an answered offer: DTLS, SCTP
pub mod sdp; // offers and answers as the robot reads and writes them: pure
pub mod session; // what the client says, and what is said to it: pure
pub mod video; // pictures to packets, and what the client says about them

#[cfg(feature = "webrtc")]
pub use channel::{Channel, Message};
#[cfg(feature = "webrtc")]
pub use peer::{Peer, PeerConfig, PeerError};
