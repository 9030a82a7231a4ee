//! What goes wrong with the robot on purpose, so that it can be seen what its client makes of it.
//!
//! A [`Mishap`] begins when the script, the control port or a test says so, and lasts for a time, for so many
//! occasions, or until it is ended. That the robot reports a fault of its own (`--fault`) is no mishap.

mod board; // which are on, and what became of them: pure
mod control; // the control port
mod handle; // shared by all who suffer them
mod script; // mishaps at their times

use std::net::SocketAddr;
use std::time::Duration;

use go2_proto::commands::action;
use serde::{Deserialize, Serialize};

pub(crate) use board::Board;
pub use board::{Fate, Span};
pub(crate) use control::serve as serve_control;
pub use handle::Mishaps;
pub use script::{Line, Script, ScriptError};

use crate::options::Validation;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// The request for the key fails.
    Notify(Failure),
    /// The offer fails.
    Offer(Failure),
    /// Somebody else is in session: every offer is rejected.
    Busy,
    /// Who asks within so many seconds of the last session's end is told to wait (429).
    Throttled(f64),
    /// Another behaviour at the validation.
    Validation(Validation),
    /// Nothing more is said on the data channel, while the connection stays.
    Mute,
    /// Heartbeats are not echoed.
    MuteHeartbeat,
    /// Streams stand still.
    Freeze(Streams),
    /// Messages that are not what they should be are sent beside the proper ones.
    Garble(Garbage),
    /// Texts for people, such as names, versions and errors, have control characters and no end.
    Texts,
    /// What is said on the data channel is held for so many seconds and then comes at once.
    Bursts(f64),
    /// The data channel is closed, the connection stays.
    CloseChannel,
    /// No packet passes, either way.
    Blackhole,
    /// The robot's end vanishes without a goodbye; nothing listens until this is over.
    Crash,
    /// The robot's clock jumps by so many seconds, and back when this is over.
    Clock(f64),
    /// The LiDAR does not work, whatever its switch says; the end of this is a power-cycle.
    Lidar(LidarFailure),
    /// Somebody has the robot do an action, by its name in the table of actions, with its remote control or the phone app. It is
    /// over at once.
    Remote(String),
    /// The robot goes on with what it does: whatever sport service, obstacle avoidance and sticks are told is answered with
    /// success and not done. Damp works.
    Runaway,
}

/// How a LiDAR does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LidarFailure {
    /// It reports error 6, and zeros.
    Dead,
    /// It reports that it is well, and sends no map.
    NoFrames,
}

/// How an HTTP exchange fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// An HTTP status.
    Status(u16),
    /// A 200 with this body.
    Body(String),
    /// The connection is closed without a response.
    Hangup,
    /// The connection stays open, and nothing comes.
    Silence,
    /// A body without an end.
    Endless,
    /// A body of which a byte comes now and then.
    Slow,
    /// A body that is not base64.
    NotBase64,
    /// A body that is base64 of no JSON.
    NotJson,
    /// Notice: a generation that nobody knows.
    UnknownData2,
    /// Notice: nothing that could hold a key.
    TooShort,
    /// Notice: an RSA key of so many bits.
    KeyBits(usize),
    /// Notice: an RSA key with an exponent as long as itself.
    HugeExponent,
    /// Answer: the robot is busy.
    Reject,
    /// Answer: the robot is busy, if the offer has transport-cc. Others are answered.
    TransportCc,
    /// Answer: an empty body.
    Empty,
    /// Answer: under another key.
    Undecryptable,
    /// Answer: the SDP is cut off. The robot waits for the client all the same.
    Truncated,
    /// Answer: the SDP has no candidate. The robot waits for the client all the same.
    NoCandidate,
    /// Answer: before the robot's own candidate come so many of another address, of all kinds, from this port on.
    Candidates {
        /// The first.
        at: SocketAddr,
        /// How many.
        count: u16,
    },
    /// Answer: a line of the SDP is long, full of control characters and none that SDP has.
    OddLine,
}

/// Streams of the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// All of them.
    All,
    /// The messages of state, all topics.
    State,
    /// The voxel maps.
    Lidar,
    /// The pictures.
    Video,
}

/// Kinds of bad messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// Every kind.
    All,
    /// Texts that are no JSON, or JSON of other shapes.
    Json,
    /// Numbers that are none, or that nothing measures.
    Numbers,
    /// Bytes that are not UTF-8 where text should be.
    Utf8,
    /// Frames and maps that end too early or lie about their length.
    Truncated,
    /// Messages that are longer than any robot's.
    Oversized,
}

impl Mishap {
    /// Whether it can happen like that; says what is wrong.
    pub fn check(&self, span: Span) -> Result<(), &'static str> {
        use Failure::{
            Candidates, Empty, HugeExponent, KeyBits, NoCandidate, OddLine, Reject, TooShort,
            TransportCc, Truncated, Undecryptable, UnknownData2,
        };
        let only_notice = |failure: &Failure| {
            matches!(failure, UnknownData2 | TooShort | KeyBits(_) | HugeExponent)
        };
        let only_answer = |failure: &Failure| {
            matches!(
                failure,
                Reject
                    | TransportCc
                    | Empty
                    | Undecryptable
                    | Truncated
                    | NoCandidate
                    | Candidates { .. }
                    | OddLine
            )
        };
        match self {
            Self::Notify(failure) if only_answer(failure) => {
                Err("con_notify cannot fail like that")
            }
            Self::Offer(failure) if only_notice(failure) => Err("an offer cannot fail like that"),
            Self::Notify(KeyBits(bits)) if !(16..=65536).contains(bits) => {
                Err("a key has 16 to 65536 bits")
            }
            // Simulated robots have nothing sent to others.
            Self::Offer(Candidates { at, .. }) if !at.ip().is_loopback() => {
                Err("candidates are at loopback addresses")
            }
            Self::Throttled(seconds) | Self::Bursts(seconds)
                if !(0.0..=3600.0).contains(seconds) =>
            {
                Err("that takes 0 to 3600 seconds")
            }
            Self::Clock(seconds) if !(-1e9..=1e9).contains(seconds) => {
                Err("a clock jumps by 1e9 seconds at most")
            }
            Self::Remote(name) if action(name).is_none() => {
                Err("there is no such action, see docs/commands.md")
            }
            Self::Remote(_) if span != Span::Open => {
                Err("that is done once, and has no time or occasions")
            }
            Self::Crash if !crash_lasts(span) => Err("a crash lasts for half a second or more"),
            Self::Blackhole | Self::Clock(_) if matches!(span, Span::Times(_)) => {
                Err("that has no occasions to count, it lasts for a time")
            }
            _ => Ok(()),
        }
    }
}

/// Long enough for all that belongs to a session to go, silently.
fn crash_lasts(span: Span) -> bool {
    match span {
        Span::Open => true,
        Span::For(time) => time >= Duration::from_millis(500),
        Span::Times(_) => false,
    }
}

impl Streams {
    /// Whether these are among them.
    pub(crate) fn cover(self, stream: Self) -> bool {
        self == Self::All || self == stream
    }
}

impl Garbage {
    /// Whether this kind is among them.
    pub(crate) fn covers(self, kind: Self) -> bool {
        self == Self::All || self == kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mishaps_are_written_as_one_would_say_them() {
        for (text, mishap) in [
            (r#"{"notify":{"status":429}}"#, Mishap::Notify(Failure::Status(429))),
            (r#"{"offer":"truncated"}"#, Mishap::Offer(Failure::Truncated)),
            (r#""blackhole""#, Mishap::Blackhole),
            (r#"{"freeze":"lidar"}"#, Mishap::Freeze(Streams::Lidar)),
            (r#"{"validation":"silent"}"#, Mishap::Validation(Validation::Silent)),
            (r#""texts""#, Mishap::Texts),
            (
                r#"{"offer":{"candidates":{"at":"127.9.9.9:53","count":500}}}"#,
                Mishap::Offer(Failure::Candidates { at: ([127, 9, 9, 9], 53).into(), count: 500 }),
            ),
            (r#"{"clock":-3600.0}"#, Mishap::Clock(-3600.0)),
            (r#"{"lidar":"no_frames"}"#, Mishap::Lidar(LidarFailure::NoFrames)),
            (r#"{"remote":"stand_down"}"#, Mishap::Remote("stand_down".to_owned())),
        ] {
            assert_eq!(serde_json::from_str::<Mishap>(text).unwrap(), mishap);
            assert_eq!(serde_json::to_string(&mishap).unwrap(), text);
        }
        assert!(serde_json::from_str::<Mishap>(r#""blackhol""#).is_err());
    }

    #[test]
    fn what_cannot_happen_is_refused() {
        for mishap in [
            Mishap::Notify(Failure::Reject),
            Mishap::Offer(Failure::UnknownData2),
            Mishap::Offer(Failure::Candidates { at: ([10, 9, 9, 9], 53).into(), count: 1 }),
            Mishap::Notify(Failure::KeyBits(1)),
            Mishap::Bursts(-1.0),
            Mishap::Throttled(f64::NAN),
            Mishap::Clock(f64::INFINITY),
            Mishap::Remote("fly".to_owned()),
        ] {
            assert!(mishap.check(Span::Open).is_err(), "{mishap:?}");
        }
        assert!(Mishap::Crash.check(Span::Times(1)).is_err());
        assert!(Mishap::Crash.check(Span::For(Duration::ZERO)).is_err());
        assert!(Mishap::Blackhole.check(Span::Times(1)).is_err());
        let remote = Mishap::Remote("damp".to_owned());
        assert!(remote.check(Span::Times(2)).is_err() && remote.check(Span::Open).is_ok());
        for mishap in
            [Mishap::Offer(Failure::Hangup), Mishap::Notify(Failure::Hangup), Mishap::Crash]
        {
            assert_eq!(mishap.check(Span::Open), Ok(()));
        }
    }
}
