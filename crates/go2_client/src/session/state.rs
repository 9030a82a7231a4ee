//! The words in which a link speaks of itself.

use std::time::Duration;

use go2_proto::session::{SessionError, Standing};

use crate::help::Help;
use crate::signaling::{Retry, SignalingError};
use crate::transport::{ConnectError, TransportError};

/// What keeps a link from being live, as far as it takes a person to do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Another client holds the robot.
    Busy,
    /// The robot asks to be left alone for a while.
    Throttled,
    /// The robot's own key is missing or wrong.
    Key,
    /// It is another robot than the one that is meant, or one that does not want this client.
    Refused,
    /// Anything else; the reason says it.
    Other,
}

impl From<&ConnectError> for Cause {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Signaling(SignalingError::Busy) => Self::Busy,
            ConnectError::Signaling(SignalingError::Throttled) => Self::Throttled,
            ConnectError::Signaling(SignalingError::Key(_)) => Self::Key,
            ConnectError::Signaling(
                SignalingError::Refused(_) | SignalingError::UnsupportedData2(_),
            ) => Self::Refused,
            _ => Self::Other,
        }
    }
}

impl From<&SessionEnd> for Cause {
    fn from(end: &SessionEnd) -> Self {
        match end {
            SessionEnd::Protocol(SessionError::OtherRobot { .. }) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// Where the link stands. The text of `Display` is for a person and says what to do where something is
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Looking for the robot's address.
    Resolving {
        /// What it is looked for by.
        target: String,
    },
    /// Agreeing on a connection.
    Connecting {
        /// The robot's address.
        target: String,
    },
    /// Connected; the robot checks who we are.
    Validating,
    /// In session, and everything comes that should.
    Live,
    /// In session, but some streams that should come do not.
    Degraded {
        /// Topics, or [`VIDEO`].
        stopped: Vec<String>,
    },
    /// In session, but nothing at all has come for a moment.
    Stale,
    /// Waiting before the next attempt.
    BackingOff {
        /// What kind of failure it was.
        cause: Cause,
        /// Why the last attempt or session ended.
        reason: String,
        /// Until the next attempt.
        delay: Duration,
    },
    /// Ended for good until the configuration is changed.
    Stopped {
        /// What kind of failure it was.
        cause: Cause,
        /// What to change.
        reason: String,
    },
    /// Closed by its owner.
    Closed,
}

impl From<Standing> for LinkState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Validating => Self::Validating,
            Standing::Live => Self::Live,
            Standing::Degraded { stopped } => Self::Degraded { stopped },
            Standing::Stale => Self::Stale,
        }
    }
}

impl LinkState {
    /// One word, for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resolving { .. } => "resolving",
            Self::Connecting { .. } => "connecting",
            Self::Validating => "validating",
            Self::Live => "live",
            Self::Degraded { .. } => "degraded",
            Self::Stale => "stale",
            Self::BackingOff { cause: Cause::Busy, .. } => "busy",
            Self::BackingOff { cause: Cause::Throttled, .. } => "throttled",
            Self::BackingOff { cause: Cause::Key, .. } => "key_needed",
            Self::BackingOff { cause: Cause::Refused, .. } => "refused",
            Self::BackingOff { .. } => "backing_off",
            Self::Stopped { .. } => "stopped",
            Self::Closed => "closed",
        }
    }

    /// Whether there is a session: requests can be made.
    pub fn in_session(&self) -> bool {
        matches!(self, Self::Live | Self::Degraded { .. } | Self::Stale)
    }
}

impl LinkState {
    /// What is behind the name in words: what was seen, and what to do. Empty where all is well.
    pub fn advice(&self) -> String {
        let whole = self.to_string();
        whole.split_once(": ").map_or_else(String::new, |(_, words)| words.to_owned())
    }
}

impl std::fmt::Display for LinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Resolving { target } | Self::Connecting { target } => write!(f, ": {target}"),
            Self::Degraded { stopped } => write!(
                f,
                ": nothing more comes on {}, while the rest does. If it stays so, restart the robot [{}]",
                stopped.join(", "),
                Help::Degraded.code()
            ),
            Self::Stale => write!(
                f,
                ": nothing is heard of the robot: is it on and in reach? If it stays silent, it is connected to anew [{}]",
                Help::Stale.code()
            ),
            Self::BackingOff { reason, delay, .. } => {
                write!(f, ": {reason} (next attempt in {:.1} s)", delay.as_secs_f64())
            }
            Self::Stopped { reason, .. } => write!(f, ": {reason}"),
            Self::Validating | Self::Live | Self::Closed => Ok(()),
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// The owner closed the link.
    #[error("closed")]
    Closed,
    /// The connection broke.
    #[error("{}", broken(.0))]
    Transport(#[from] TransportError),
    /// The session could not go on.
    #[error(transparent)]
    Protocol(#[from] SessionError),
    /// A part of this program has failed.
    #[error("the session has failed; the robot was told to stop")]
    Failed,
}

fn broken(error: &TransportError) -> String {
    match error {
        TransportError::Over(_) => format!("{error}. Start again to play it anew"),
        error => format!("{error}: is the robot on and in reach?"),
    }
}

impl SessionEnd {
    /// Whether nothing came any more: the robot may be out of reach, and think that the session goes on.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Protocol(SessionError::Silent(_))
                | Self::Transport(TransportError::Lost | TransportError::Stuck)
        )
    }

    /// Whether another session can follow.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transport(TransportError::Over(_)) => Retry::Never,
            // Each look takes a robot's only slot that is somebody else's.
            Self::Protocol(SessionError::OtherRobot { .. }) => {
                Retry::NotBefore(Duration::from_secs(60))
            }
            _ => Retry::Backoff,
        }
    }
}
