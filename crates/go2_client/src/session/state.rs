//! The words in which a link speaks of itself.

use std::time::Duration;

use go2_proto::session::{SessionError, Standing};

use crate::error_code::{no_hints, with_hint, ErrorCode, Hints};
use crate::signaling::{Retry, SignalingError};
use crate::transport::{ConnectError, TransportError};

/// What keeps a link from being live, as far as it takes a person to do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
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

impl From<&ConnectError> for FailureKind {
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

impl From<&SessionEnd> for FailureKind {
    fn from(end: &SessionEnd) -> Self {
        match end {
            SessionEnd::Protocol(SessionError::OtherRobot { .. }) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// None came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It ended.
    #[error(transparent)]
    Session(#[from] SessionEnd),
    /// The robot keeps the slot of the session that was lost.
    #[error(
        "the robot is busy, most likely with the session that was just lost, which it keeps for 10 to 20 s: it is asked again \
         until then"
    )]
    OwnSlot,
}

impl DisconnectReason {
    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Connect(error) => error.into(),
            Self::Session(end) => end.into(),
            Self::OwnSlot => FailureKind::Busy,
        }
    }

    /// Its code; `None` where the owner wished it.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Connect(error) => Some(error.code()),
            Self::Session(end) => end.code(),
            Self::OwnSlot => Some(ErrorCode::Busy),
        }
    }

    /// Whether trying again helps.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect(error) => error.retry(),
            Self::Session(end) => end.retry(),
            Self::OwnSlot => Retry::Backoff,
        }
    }

    /// For people: what was seen, what to do, and the code.
    pub fn describe(&self, hints: Hints) -> String {
        with_hint(&self.to_string(), self.code(), hints)
    }
}

/// Where the link stands. The text of `Display` is for a person and says what to do where something is
/// wrong.
#[derive(Debug, Clone, PartialEq)]
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
        /// Topics, or [`VIDEO`](go2_proto::session::VIDEO).
        stopped: Vec<String>,
    },
    /// In session, but nothing at all has come for a moment.
    Stale,
    /// Waiting before the next attempt.
    BackingOff {
        /// Why the last attempt or session ended.
        reason: DisconnectReason,
        /// Until the next attempt.
        delay: Duration,
    },
    /// Ended for good until the configuration is changed.
    Stopped {
        /// Why.
        reason: DisconnectReason,
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
            Self::BackingOff { reason, .. } => match reason.kind() {
                FailureKind::Busy => "busy",
                FailureKind::Throttled => "throttled",
                FailureKind::Key => "key_needed",
                FailureKind::Refused => "refused",
                FailureKind::Other => "backing_off",
            },
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
    /// Its code, where something is wrong.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Degraded { .. } => Some(ErrorCode::Degraded),
            Self::Stale => Some(ErrorCode::Stale),
            Self::BackingOff { reason, .. } | Self::Stopped { reason } => reason.code(),
            _ => None,
        }
    }

    /// What is behind the name in words: what was seen, and what to do. Empty where all is well.
    pub fn details(&self, hints: Hints) -> String {
        match self {
            Self::Resolving { target } | Self::Connecting { target } => target.clone(),
            Self::Degraded { stopped } => {
                let stopped = stopped.join(", ");
                let seen = format!(
                    "nothing more comes on {stopped}, while the rest does. If it stays so, restart the robot"
                );
                with_hint(&seen, self.code(), hints)
            }
            Self::Stale => {
                let seen = "nothing is heard of the robot: is it on and in reach? If it stays silent, it is connected to anew";
                with_hint(seen, self.code(), hints)
            }
            Self::BackingOff { reason, delay } => {
                format!("{} (next attempt in {:.1} s)", reason.describe(hints), delay.as_secs_f64())
            }
            Self::Stopped { reason } => reason.describe(hints),
            Self::Validating | Self::Live | Self::Closed => String::new(),
        }
    }

    /// Name and details.
    pub fn describe(&self, hints: Hints) -> String {
        let details = self.details(hints);
        match details.is_empty() {
            true => self.name().to_owned(),
            false => format!("{}: {details}", self.name()),
        }
    }
}

impl std::fmt::Display for LinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe(no_hints))
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
    /// Its code; `None` where the owner wished it, or this program has failed.
    pub fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::Closed | Self::Failed => return None,
            Self::Transport(TransportError::Over(_)) => ErrorCode::RecordingOver,
            Self::Transport(TransportError::Closed) => ErrorCode::ConnectionClosed,
            Self::Transport(TransportError::Lost) => ErrorCode::ConnectionLost,
            Self::Transport(TransportError::Stuck) => ErrorCode::Stuck,
            Self::Transport(TransportError::Engine(_)) => ErrorCode::Engine,
            Self::Protocol(SessionError::Silent(_)) => ErrorCode::Silent,
            Self::Protocol(SessionError::ValidationTimeout) => ErrorCode::ValidationTimeout,
            Self::Protocol(SessionError::ValidationRefused) => ErrorCode::ValidationRefused,
            Self::Protocol(SessionError::OtherRobot { .. }) => ErrorCode::OtherRobot,
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_robot_cannot_hear_is_a_loss() {
        let other = SessionError::OtherRobot { wanted: "1".into(), told: "2".into() };
        for (end, is_loss) in [
            (SessionEnd::Protocol(SessionError::Silent(Duration::from_secs(9))), true),
            (SessionEnd::Transport(TransportError::Lost), true),
            (SessionEnd::Protocol(other), false),
            (SessionEnd::Transport(TransportError::Closed), false),
            (SessionEnd::Closed, false),
        ] {
            assert_eq!(end.is_loss(), is_loss, "{end}");
        }
    }

    #[test]
    fn a_state_tells_its_name_what_was_seen_the_hint_and_the_code() {
        let reason = DisconnectReason::OwnSlot;
        let state = LinkState::BackingOff { reason, delay: Duration::from_millis(1500) };
        assert_eq!((state.name(), state.code()), ("busy", Some(ErrorCode::Busy)));
        let told = state.describe(|_| Some("Wait"));
        assert!(told.starts_with("busy: the robot is busy"), "{told}");
        assert!(told.ends_with("until then. Wait [GO2-BUSY] (next attempt in 1.5 s)"), "{told}");
        assert_eq!(LinkState::Live.to_string(), "live");
    }
}
