//! The values that go into a session and come out of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::received::MediaCount;
use crate::codec::Json;

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

/// How a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Connected; the robot checks the client.
    Validating,
    /// Everything comes that should.
    Live,
    /// Some streams that should come do not.
    Degraded {
        /// Topics, or [`VIDEO`].
        stopped: Vec<String>,
    },
    /// Nothing at all has come for a moment.
    Stale,
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
