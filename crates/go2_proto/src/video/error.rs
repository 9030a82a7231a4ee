//! What can be wrong with a stream of video.

/// Something wrong with the stream. None of it ends the stream: pictures are left out until the next keyframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// Packets did not come in time.
    #[error("{packets} video packets are missing before number {before}; waiting for a keyframe")]
    Lost {
        /// How many.
        packets: u64,
        /// Sequence number of the packet behind the gap.
        before: u16,
    },
    /// The sequence numbers start anew, as after a restart of the robot's video.
    #[error("the video starts anew at packet {sequence}; waiting for a keyframe")]
    Restarted {
        /// Where it starts.
        sequence: u16,
    },
    /// A packet's payload is not what it should be.
    #[error("video packet {sequence}: {what}; the picture is left out")]
    Malformed {
        /// The packet's sequence number.
        sequence: u16,
        /// What is wrong.
        what: Malformed,
    },
    /// A parameter set cannot be used.
    #[error("video packet {sequence}: {what}; no picture until a parameter set can be used")]
    Refused {
        /// Sequence number of the packet that ended it.
        sequence: u16,
        /// Why.
        what: Refused,
    },
    /// A picture has no beginning, or no end.
    #[error("the video picture at timestamp {timestamp} is not whole; waiting for a keyframe")]
    Incomplete {
        /// The picture's RTP timestamp.
        timestamp: u32,
    },
    /// A picture names parameter sets that never came.
    #[error("the video picture at timestamp {timestamp} needs a parameter set that did not come (PPS {pps})")]
    NoParameters {
        /// The picture's RTP timestamp.
        timestamp: u32,
        /// Id of the picture parameter set.
        pps: u8,
    },
    /// The parameter sets changed, and the picture is none that decoding can start with.
    #[error(
        "the video's parameter sets changed before timestamp {timestamp}; waiting for a keyframe"
    )]
    Changed {
        /// The picture's RTP timestamp.
        timestamp: u32,
    },
    /// No packet is missing, but a picture is: the robot did not send it.
    #[error("the robot left out a video picture before frame number {found} (expected {expected}); waiting for a keyframe")]
    FrameSkipped {
        /// The picture's `frame_num`.
        found: u16,
        /// What it should be.
        expected: u16,
    },
    /// A picture is larger than any camera's.
    #[error("the video picture at timestamp {timestamp} has more than {bytes} bytes or {packets} packets; it is left out")]
    TooLarge {
        /// The picture's RTP timestamp.
        timestamp: u32,
        /// The limit in bytes.
        bytes: usize,
        /// The limit in packets.
        packets: usize,
    },
    /// The end of a picture did not come.
    #[error("the video stopped within a picture; waiting for a keyframe")]
    Stopped,
    /// Pictures are not taken as fast as they come.
    #[error("video pictures are not taken; waiting for a keyframe")]
    Overrun,
}

/// What is wrong with a packet's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than its own header.
    #[error("the payload is cut")]
    Short,
    /// The bit that marks damage is set.
    #[error("the payload is marked as damaged")]
    Forbidden,
    /// Not a single NAL unit, STAP-A or FU-A.
    #[error("payload type {0}, which packetization mode 1 does not have")]
    PacketType(u8),
    /// A NAL unit of a type that no camera sends.
    #[error("NAL unit of type {0}")]
    NalType(u8),
    /// The parts of an aggregate do not fill it exactly.
    #[error("the lengths within an aggregate (STAP-A) do not add up")]
    Aggregate,
    /// A fragment that continues nothing, or nothing that continues a fragment.
    #[error("a fragment (FU-A) without its neighbours")]
    Fragment,
    /// A start code within a NAL unit.
    #[error("a start code within a NAL unit")]
    StartCode,
    /// The first fields of a slice cannot be read.
    #[error("a slice whose header cannot be read")]
    Slice,
}

/// Why a parameter set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than one can be.
    #[error("a parameter set of {0} bytes")]
    TooLong(usize),
    /// It cannot be read.
    #[error("a parameter set that cannot be read ({0})")]
    Unreadable(String),
    /// Pictures larger than any level of H.264 has.
    #[error("pictures larger than H.264 allows")]
    Huge,
    /// Pictures without pixels, or of more than 1920x1088.
    #[error("pictures of {width}x{height} pixels, more than 1920x1088 or none")]
    Size {
        /// Pixels, with what is cropped.
        width: u64,
        /// Pixels, with what is cropped.
        height: u64,
    },
}
