//! The robot's video: H.264 access units out of RTP packets.
//!
//! `reorder` puts packets in order and decides when a missing one is given up; `nal` takes a packet's payload
//! apart; `unit` collects one picture's NAL units; `parameters` knows the stream's parameter sets;
//! [`Assembler`] holds them together and lets no damaged picture through. Pure: time is an argument.

mod annex_b;
mod assembler;
mod clock;
mod error;
mod info;
mod nal;
mod parameters;
mod plain;
mod reorder;
mod sequence;
mod support;
#[cfg(test)]
mod testing;
mod unit;

use std::time::{Duration, Instant};

use bytes::Bytes;

pub use assembler::Assembler;
pub use error::{Malformed, MediaError, Refused};
pub use info::{Level, Profile, StreamInfo};
pub use plain::for_decoder;
pub use support::{Late, Unsupported};

/// The clock of video timestamps.
pub const TICKS_PER_SECOND: u64 = 90_000;

/// What matters of an RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Counts packets; wraps around.
    pub sequence: u16,
    /// The picture's time at 90 kHz; wraps around. The same for all packets of a picture.
    pub timestamp: u32,
    /// Set on the last packet of a picture.
    pub marker: bool,
    /// The payload without padding.
    pub payload: Bytes,
}

/// All of one coded picture: what a decoder takes in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// NAL units in Annex B form, each after a start code of four bytes. A keyframe has its parameter sets
    /// before it.
    pub data: Bytes,
    /// Whether decoding can start here: the picture is an IDR.
    pub keyframe: bool,
    /// Counts the units that one assembler put out. Each needs the one before it, unless it is a keyframe:
    /// where a number is missing, whatever lies between assembler and decoder has dropped a unit.
    pub number: u64,
    /// The picture's time at 90 kHz; its origin is arbitrary. It grows from unit to unit, but for B pictures, which are sent
    /// behind a later one: theirs is earlier than that one's, by two seconds at most.
    pub timestamp: u64,
    /// When the first of its packets arrived.
    pub received: Instant,
    /// Width and height of the picture in pixels, as its parameter sets say.
    pub size: (u32, u32),
}

impl AccessUnit {
    /// The picture's time on the clock that the robot stamps its video by. Its origin is arbitrary.
    pub fn time(&self) -> Duration {
        let (seconds, ticks) =
            (self.timestamp / TICKS_PER_SECOND, self.timestamp % TICKS_PER_SECOND);
        Duration::from_secs(seconds)
            + Duration::from_nanos(ticks * 1_000_000_000 / TICKS_PER_SECOND)
    }
}

/// Totals of what an assembler saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoCounters {
    /// Packets that came.
    pub packets: u64,
    /// Packets that did not come in time.
    pub lost: u64,
    /// Packets that came twice, too late, or out of all order.
    pub late: u64,
    /// Pictures put out.
    pub pictures: u64,
    /// Pictures left out because something of them is missing or wrong.
    pub damaged: u64,
    /// Good pictures left out because one that they need is missing.
    pub skipped: u64,
    /// Packets whose payload is no H.264 as RFC 6184 carries it.
    pub malformed: u64,
    /// Parameter sets that were refused.
    pub refused: u64,
}
