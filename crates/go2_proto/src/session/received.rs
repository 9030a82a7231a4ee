//! What a transport brings.

use bytes::Bytes;

use crate::video::{AccessUnit, VideoCounters};

/// Something that came from the robot.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A text message of the data channel.
    Text(Bytes),
    /// A binary message of the data channel.
    Binary(Bytes),
    /// A whole picture of the video track, fit to be decoded if its number follows that of the one before.
    Picture(AccessUnit),
}

/// A text message, as tests and recorded sessions write it.
impl From<&str> for Received {
    fn from(text: &str) -> Self {
        Self::Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// Totals of what came by the media tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaCount {
    /// What became of the video track's packets.
    pub video: VideoCounters,
    /// RTP packets of the audio track.
    pub audio_packets: u64,
}
