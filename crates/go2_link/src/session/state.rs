//! The words in which a link speaks of itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::Json;
use crate::commands::MotionMode;
use crate::help::Help;
use crate::signaling::{Retry, SignalingError};
use crate::transport::{ConnectError, MediaCount, TransportError};

/// A message on a topic that was subscribed to.
#[derive(Debug, Clone)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// What its type has.
    pub data: Json,
    /// The bytes behind the JSON, where it came as a binary frame.
    pub payload: Option<Bytes>,
    /// When it arrived at this computer.
    pub received: Instant,
}

/// What the owner wants of the robot's streams: on, off, or left as they are. Kept up over sessions, however
/// often the robot forgets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// The LiDAR.
    pub lidar: Option<bool>,
    /// The video track, which is off at the start of a session.
    pub video: Option<bool>,
    /// Whether somebody looks at the video who shares the session: it is on then, whatever the owner wants.
    pub watched: bool,
    /// Topics to subscribe to beside those that the link was made with.
    pub topics: Arc<BTreeSet<String>>,
    /// Whether a change of the motion mode is sent to every robot.
    pub mode_switch: bool,
    /// Whether the robot is held: nothing is sent that may take it from its place.
    pub held: bool,
}

impl Wishes {
    /// Whether the video is to be on, off, or left as it is.
    pub fn video(&self) -> Option<bool> {
        if self.watched {
            Some(true)
        } else {
            self.video
        }
    }
}

/// Name of the video track among the streams; the others have their topics.
pub const VIDEO: &str = "video";

/// Whether a stream flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Nothing has come, and nothing need have.
    Idle,
    /// It comes.
    Flowing,
    /// It should come and does not.
    Stopped,
}

/// How a stream has come in the present session.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamReport {
    /// Its topic, or [`VIDEO`].
    pub name: String,
    /// Whether it flows.
    pub flow: Flow,
    /// Messages so far.
    pub count: u64,
    /// Between the latest messages, at the mean.
    pub interval: Option<Duration>,
    /// When the latest message came.
    pub last: Option<Instant>,
}

impl StreamReport {
    /// Messages a second.
    pub fn rate(&self) -> Option<f64> {
        self.interval
            .map(|interval| interval.as_secs_f64())
            .filter(|seconds| *seconds > 0.0)
            .map(f64::recip)
    }
}

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
            SessionEnd::OtherRobot { .. } => Self::Refused,
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
    /// Connected, but nothing came for too long.
    #[error("the robot has been silent for {:.1} s: is it on and in reach?", .0.as_secs_f64())]
    Silent(Duration),
    /// No challenge came, or our answer to it was never judged.
    #[error(
        "the robot did not finish the validation in time; it is tried again. If it stays so, restart the \
         robot"
    )]
    ValidationTimeout,
    /// The robot refuses the answer to its challenge.
    #[error(
        "the robot refuses this client (\"Validation Needed\" again and again): its firmware may be newer \
         than this driver"
    )]
    ValidationRefused,
    /// A part of this program has failed.
    #[error("the session has failed; the robot was told to stop")]
    Failed,
    /// The robot has another serial number than the one that was asked for.
    #[error(
        "the robot at this address tells the serial number {told}, and {wanted} was asked for: the session was ended before \
         anything was walked. Check serial_number and robot_ip; it is looked at again in a while"
    )]
    OtherRobot {
        /// The one that was asked for.
        wanted: String,
        /// The one that it tells.
        told: String,
    },
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
            Self::Silent(_) | Self::Transport(TransportError::Lost | TransportError::Stuck)
        )
    }

    /// Whether another session can follow.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transport(TransportError::Over(_)) => Retry::Never,
            // Each look takes a robot's only slot that is somebody else's.
            Self::OtherRobot { .. } => Retry::NotBefore(Duration::from_secs(60)),
            _ => Retry::Backoff,
        }
    }
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No session is live.
    #[error("not connected to the robot")]
    NotLive,
    /// Nothing came in time. Services that a firmware lacks never answer.
    #[error("the robot did not answer within {:.1} s; its firmware may not have this service", .0.as_secs_f64())]
    Timeout(Duration),
    /// There is no robot.
    #[error("a recording is being played, which takes no commands")]
    Recording,
    /// The session ended before a response came.
    #[error("the connection was lost before the robot answered")]
    Lost,
    /// Too many requests wait for their responses.
    #[error("too many requests are waiting for the robot")]
    TooMany,
    /// The link carries less than what is to be sent.
    #[error("the link to the robot is crowded; try again")]
    Crowded,
    /// The parts of a long answer did not fit together.
    #[error("a part of the robot's answer is missing; try again")]
    Garbled,
    /// The parameter does not fit into a message.
    #[error("it is too long for a message to the robot")]
    TooLong,
    /// A velocity, before it is known which robot it is for.
    #[error(
        "not sent: the robot has not told its serial number yet, and velocities wait for it, for 5 s at most"
    )]
    Unidentified,
    /// A change of the motion mode that is not sent to this robot.
    #[error(
        "not sent: the robot is in motion mode {0}, the only one that its firmware has. Told to change or leave it, robots \
         refuse, and one was reported to hang until it was powered off"
    )]
    ModeFixed(MotionMode),
    /// A change of the motion mode that is not sent before the robot has said which one it is in.
    #[error(
        "not sent: the robot has not said which motion mode it is in, and a robot in mcf must not be told to change or \
         leave it. Ask for the mode first (motion_switcher 1001)"
    )]
    ModeUnknown,
    /// What may take the robot from its place, while it is held.
    #[error(
        "not sent: the robot is held, and nothing that may walk it goes out before it is released"
    )]
    Held,
}

impl RequestError {
    /// The status that stands for it, where the robot's own services have one.
    pub fn status(&self) -> Option<i64> {
        match self {
            // Unknown motion mode.
            Self::ModeFixed(_) | Self::ModeUnknown => Some(7004),
            _ => None,
        }
    }
}

/// What a link has seen, summed over all its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sessions that became live.
    pub sessions: u64,
    /// Messages from the robot.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Messages of a type or topic that nobody asked for.
    pub unexpected: u64,
    /// Answers to no request that was open: too late, twice, or another client's.
    pub stray: u64,
    /// Messages to the robot.
    pub sent: u64,
    /// Round trip of the latest heartbeat.
    pub round_trip: Option<Duration>,
    /// What came by the media tracks of the current session.
    pub media: MediaCount,
}
