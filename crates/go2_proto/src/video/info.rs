//! What a stream says of itself, for people.

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;
use h264_reader::nal::sps::{ConstraintFlags, Profile as Known};

use super::sequence::Sequence;
use super::support::{support, Late, Unsupported};
use super::{annex_b, nal, AccessUnit};

/// What the sequence parameter set of a keyframe says of the stream.
///
/// Shown, it is a sentence that names the set's bytes, by which another person can tell what this robot sends.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamInfo {
    /// The profile that it is coded in.
    pub profile: Profile,
    /// The level that it keeps to.
    pub level: Level,
    /// Width and height of its pictures in pixels.
    pub size: (u32, u32),
    /// Pictures a second that it claims; cameras often claim another number than they send.
    pub rate: Option<f64>,
    /// Whether the samples use the full range, if it says so.
    pub full_range: Option<bool>,
    /// Which matrix the colours were made with, as H.264 numbers them, if it says so.
    pub matrix: Option<u8>,
    /// How openh264 takes it: in which way pictures come late, or why it cannot.
    pub decoding: Result<Option<Late>, Unsupported>,
    /// The sequence parameter set.
    pub sps: Bytes,
}

/// A profile, by `profile_idc` and the constraint flags behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile(pub u8, pub u8);

/// A level, by `level_idc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(pub u8);

/// `matrix_coefficients` that stands for "not told".
const UNSPECIFIED: u8 = 2;

impl StreamInfo {
    /// Of a keyframe; `None` where no sequence parameter set of it can be read.
    pub fn of(unit: &AccessUnit) -> Option<Self> {
        let mut sets = annex_b::before_slices(&unit.data).map(|range| &unit.data[range]);
        let set = sets.find(|set| set.first().is_some_and(|header| nal::kind(*header) == nal::SPS));
        Sequence::read(set?).ok().as_ref().map(Self::new)
    }

    pub(super) fn new(sequence: &Sequence) -> Self {
        let fields = &sequence.fields;
        let signal = sequence.vui().and_then(|vui| vui.video_signal_type.as_ref());
        let colours = signal.and_then(|signal| signal.colour_description.as_ref());
        let matrix = colours.map(|colours| colours.matrix_coefficients);
        Self {
            profile: Profile(sequence.profile(), fields.constraint_flags.into()),
            level: Level(fields.level_idc),
            size: sequence.size,
            rate: fields.fps().filter(|rate| rate.is_finite() && *rate > 0.0),
            full_range: signal.map(|signal| signal.video_full_range_flag),
            matrix: matrix.filter(|matrix| *matrix != UNSPECIFIED),
            decoding: support(sequence),
            sps: sequence.nal.clone(),
        }
    }
}

impl Display for StreamInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size;
        write!(f, "H.264 {}, level {}, {width} x {height}", self.profile, self.level)?;
        if let Some(rate) = self.rate {
            write!(f, ", nominally {rate:.1} pictures a second")?;
        }
        match self.full_range {
            Some(true) => write!(f, ", full range")?,
            Some(false) => write!(f, ", limited range")?,
            None => write!(f, ", range not told")?,
        }
        match self.matrix {
            Some(matrix) => write!(f, ", colour matrix {matrix}")?,
            None => write!(f, ", colour matrix not told")?,
        }
        write!(f, "; SPS")?;
        self.sps.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

impl Display for Profile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(number, constraints) = *self;
        let name = match Known::from_profile_idc(number.into(), ConstraintFlags::from(constraints))
        {
            Known::ConstrainedBaseline => "Constrained Baseline",
            Known::Baseline => "Baseline",
            Known::Extended => "Extended",
            Known::Main => "Main",
            Known::High => "High",
            Known::ProgressiveHigh => "Progressive High",
            Known::ConstrainedHigh => "Constrained High",
            Known::High10 | Known::High10Intra => "High 10",
            Known::High422 | Known::High422Intra => "High 4:2:2",
            Known::High444 | Known::High444Intra | Known::CavlcIntra444 => "High 4:4:4",
            _ => return write!(f, "profile {number}"),
        };
        write!(f, "{name} profile")
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}
