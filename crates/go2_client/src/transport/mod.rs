//! What carries messages between client and robot.
//!
//! A [`Connector`] makes a [`Transport`]; the session speaks only to these two. [`webrtc`] is the engine for
//! a robot; a recorded session can stand in for it.

pub mod ice;
#[cfg(feature = "webrtc")]
pub mod webrtc;

use std::future::Future;
use std::time::{Duration, Instant};

use self::ice::IceError;
use crate::error_code::ErrorCode;
use crate::progress::Progress;
use crate::signaling::{Retry, SignalingError};
use go2_proto::session::{MediaCount, Received};

/// The layer at which a connection attempt got stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Layer {
    Ice,
    Dtls,
    Channel,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// The signaling failed.
    #[error(transparent)]
    Signaling(#[from] SignalingError),
    /// The robot answered the offer, but no connection came about in time, or ICE found that there can be none.
    #[error("{}", stuck(*layer, *after))]
    Timeout {
        /// Where it got stuck.
        layer: Layer,
        /// How long was waited.
        after: Duration,
    },
    /// What ICE is set to cannot be done.
    #[error(transparent)]
    Ice(#[from] IceError),
    /// Only a relay may be used, and none was to be had.
    #[error(
        "{servers} gave no address to relay from, and no other way is allowed: check the servers, user name and credential, and \
         that UDP passes between this computer and the server"
    )]
    NoRelay {
        /// The servers that were asked.
        servers: String,
    },
    /// The engine failed.
    #[error("the WebRTC engine failed: {0}. It is tried again")]
    Engine(String),
}

fn stuck(layer: Layer, after: Duration) -> String {
    let seconds = after.as_secs();
    match layer {
        Layer::Ice => format!(
            "the robot answered, but no UDP path to it was found within {seconds} s (ICE): check firewalls \
             and VPNs between this computer and the robot"
        ),
        Layer::Dtls => format!(
            "a UDP path to the robot was found, but encryption was not agreed within {seconds} s (DTLS): \
             it is tried again; if it stays so, restart the robot"
        ),
        Layer::Channel => format!(
            "the robot was reached, but its data channel did not open within {seconds} s: it is tried \
             again; if it stays so, restart the robot"
        ),
    }
}

impl ConnectError {
    /// Its code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Signaling(error) => error.code(),
            Self::Timeout { layer: Layer::Ice, .. } => ErrorCode::NoPath,
            Self::Timeout { layer: Layer::Dtls, .. } => ErrorCode::Dtls,
            Self::Timeout { layer: Layer::Channel, .. } => ErrorCode::Channel,
            Self::Ice(_) => ErrorCode::IceSettings,
            Self::NoRelay { .. } => ErrorCode::NoRelay,
            Self::Engine(_) => ErrorCode::Engine,
        }
    }

    /// Whether trying again helps.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Signaling(error) => error.retry(),
            // An interface may come up.
            Self::Ice(IceError::NotHere { .. } | IceError::Interfaces(_)) => Retry::Backoff,
            Self::Ice(_) => Retry::Never,
            Self::Timeout { .. } | Self::NoRelay { .. } | Self::Engine(_) => Retry::Backoff,
        }
    }
}

/// Why a transport is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The robot closed the connection.
    #[error("the robot closed the connection")]
    Closed,
    /// No packet comes through any more.
    #[error("no packets come through any more")]
    Lost,
    /// More waits to be sent than the link has carried for long.
    #[error("nothing can be sent any more")]
    Stuck,
    /// The engine failed.
    #[error("the WebRTC engine failed: {0}")]
    Engine(String),
    /// It was a recording, and it has ended.
    #[error("{0}")]
    Over(String),
}

/// A way to a robot. Dropping it without [`close`](Self::close) leaves the robot's only slot taken for long.
pub trait Transport: Send + 'static {
    /// Sends one text message. Does not wait for the network: what cannot be queued any more is an error.
    fn send(&mut self, text: String) -> impl Future<Output = Result<(), TransportError>> + Send;
    /// Bytes that were accepted by [`send`](Self::send) and not yet acknowledged by the robot's side.
    fn backlog(&self) -> usize;
    /// The next message. Cancelling the future loses nothing.
    fn receive(&mut self) -> impl Future<Output = Result<Received, TransportError>> + Send;
    /// When the message that [`receive`](Self::receive) gave last had arrived, where that is another time than now:
    /// in a recording.
    fn arrived(&self) -> Option<Instant> {
        None
    }
    /// Whether it is a recording, which takes no commands.
    fn is_recording(&self) -> bool {
        false
    }
    /// Asks the robot for a keyframe, which it may ignore.
    fn request_keyframe(&mut self);
    /// What came by the media tracks so far.
    fn media(&self) -> MediaCount;
    /// Says goodbye to the robot, so that its slot is free at once.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Makes transports, one for each session.
pub trait Connector: Send + 'static {
    /// What it makes.
    type Transport: Transport;
    /// Connects, and tells of each step that it has passed. When the future is dropped, what it has begun ends by itself, see
    /// [`finish`](Self::finish).
    fn connect(
        &mut self,
        progress: Progress,
    ) -> impl Future<Output = Result<Self::Transport, ConnectError>> + Send;
    /// Takes a transport over which nothing comes any more. Its goodbye frees the robot's slot, if the robot hears it: it may be
    /// said as late as when the robot is reached again, but before it is asked again.
    fn retire(&mut self, transport: Self::Transport) -> impl Future<Output = ()> + Send {
        transport.close()
    }
    /// Waits until what dropped futures of [`connect`](Self::connect) had begun has ended, and what was retired is closed.
    fn finish(&mut self) -> impl Future<Output = ()> + Send;
    /// The robot, in words, for messages.
    fn target(&self) -> String;
    /// The serial number that the robot must tell, if one was asked for.
    fn serial_number(&self) -> Option<String> {
        None
    }
}
