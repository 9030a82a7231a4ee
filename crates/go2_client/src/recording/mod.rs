//! Recordings: all that passes between robot and client, with its time, in an MCAP file that Foxglove and the `mcap`
//! command open; and such a file in place of a robot.
//!
//! [`Recording`] is a connector that writes down what another one's transports carry. [`Player`] is a connector whose
//! transport plays a file. `form` is what a message looks like in a file, `write` the thread that writes, `read` the
//! reader.
//!
//! A recording is made to be given away, so what identifies or opens a robot is left out: the validation, and what is
//! asked of the services that tell serial numbers, addresses and files.

mod form;
mod play;
mod read;
mod tap;
mod write;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use play::{Pace, Player, Step, Stepper};
pub use tap::{RecordedTransport, Recording};
pub use write::{Recorded, Recorder};

/// Ties the monotonic clock to the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// A moment on the monotonic clock.
    pub at: Instant,
    /// The same moment since 1970, UTC.
    pub time: Duration,
}

impl Anchor {
    /// The time of day at a moment.
    pub fn time(&self, at: Instant) -> Duration {
        match at.checked_duration_since(self.at) {
            Some(after) => self.time.saturating_add(after),
            None => self.time.saturating_sub(self.at.saturating_duration_since(at)),
        }
    }

    /// The moment of a time of day.
    pub fn at(&self, time: Duration) -> Instant {
        let at = match time.checked_sub(self.time) {
            Some(after) => self.at.checked_add(after),
            None => self.at.checked_sub(self.time - time),
        };
        at.unwrap_or(self.at)
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(self.time(at).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Why there is no recording, or why it cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file is there already.
    #[error("{} is there already, and recordings are never overwritten: give another name, or a directory", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made or written.
    #[error("{}: the recording cannot be written: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file cannot be read.
    #[error("{}: the recording cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Not MCAP, or damaged.
    #[error("{}: this is no MCAP file, or it is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// MCAP, but compressed.
    #[error(
        "{}: its chunks are compressed ({compression}), which is not supported: `mcap compress --compression none` writes \
         it anew without", path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// How.
        compression: String,
    },
    /// MCAP, but of something else.
    #[error("{}: nothing of a robot is in it: it must be a recording of a session, as `go2 record` writes it", .0.display())]
    Empty(PathBuf),
}

#[cfg(test)]
mod tests;
