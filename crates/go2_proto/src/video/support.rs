//! How openh264 takes a stream, by its sequence parameter set.

use h264_reader::nal::sps::{ChromaFormat, ChromaInfo, SeqParameterSet};

use super::sequence::{Sequence, BASELINE, HIGH, MAIN};

/// Why a stream's pictures come one later than they could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Late {
    /// Pictures may be shown in another order than they are coded in.
    #[error("it may hold pictures in another order than they are shown in (B pictures)")]
    Reordered,
    /// The sequence parameter set has scaling lists, or says that the transform may be bypassed.
    #[error("its sequence parameter set has fields that only High profile knows (scaling lists)")]
    HighOnly,
}

/// Why openh264 cannot decode a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Neither Baseline, Main, High, nor Extended.
    #[error("the decoder does not know the profile")]
    Profile,
    /// Other colour samples than 4:2:0.
    #[error("its colours are not sampled 4:2:0")]
    Chroma,
    /// More than 8 bits a sample.
    #[error("its samples have more than 8 bits")]
    Depth,
    /// Fields instead of frames.
    #[error("its pictures are interlaced")]
    Interlaced,
    /// Whole groups of pictures fail, although nothing of them is missing.
    #[error("it fails in each group of pictures, although nothing of them is missing")]
    Tools,
}

/// How openh264 takes a stream.
pub(super) fn support(sequence: &Sequence) -> Result<Option<Late>, Unsupported> {
    use h264_reader::nal::sps::FrameMbsFlags;
    let SeqParameterSet { chroma_info: chroma, frame_mbs_flags, .. } = &sequence.fields;
    // 88 is Extended, 83 and 86 the base layers of Scalable Baseline and High.
    if ![BASELINE, MAIN, HIGH, 83, 86, 88].contains(&sequence.profile()) {
        return Err(Unsupported::Profile);
    }
    if chroma.chroma_format != ChromaFormat::YUV420 {
        return Err(Unsupported::Chroma);
    }
    if chroma.bit_depth_luma_minus8 != 0 || chroma.bit_depth_chroma_minus8 != 0 {
        return Err(Unsupported::Depth);
    }
    if *frame_mbs_flags != FrameMbsFlags::Frames {
        return Err(Unsupported::Interlaced);
    }
    Ok(match sequence.profile() {
        BASELINE | 83 => None,
        MAIN | HIGH if sequence.may_reorder() => Some(Late::Reordered),
        MAIN | HIGH if *chroma == ChromaInfo::default() => None,
        MAIN | HIGH => Some(Late::HighOnly),
        _ => Some(Late::Reordered),
    })
}
