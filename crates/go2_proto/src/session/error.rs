//! Why a request has no response, and why a session ends.

use std::time::Duration;

use crate::commands::MotionMode;

/// Why a session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
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
    /// The robot has another serial number than the one that was asked for.
    #[error(
        "the robot at this address tells the serial number {told}, and {wanted} was asked for: the session was ended before \
         anything was walked. It is looked at again in a while"
    )]
    OtherRobot {
        /// The one that was asked for.
        wanted: String,
        /// The one that it tells.
        told: String,
    },
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
