//! Sequence parameter sets, read leniently: cameras break rules that nothing here depends on.

use bytes::Bytes;
use h264_reader::nal::sps::{
    ChromaFormat, FrameMbsFlags, PicOrderCntType, SeqParameterSet, SpsError, VuiParameters,
};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader};

use super::error::Refused;

/// Real ones have some tens of bytes.
const LONGEST: usize = 1024;
const LARGEST_WIDTH: u64 = 1920;
const LARGEST_HEIGHT: u64 = 1088;
/// Level 6.2, which allows every size.
const HIGHEST_LEVEL: u8 = 62;

pub(super) const BASELINE: u8 = 66;
pub(super) const MAIN: u8 = 77;
pub(super) const HIGH: u8 = 100;

/// A sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    /// The NAL unit, without zeros behind it.
    pub(super) nal: Bytes,
    /// Width and height of a picture in pixels, after cropping.
    pub(super) size: (u32, u32),
    /// Its fields. The VUI is left out where it breaks the rules.
    pub(super) fields: SeqParameterSet,
}

impl Sequence {
    /// Reads a NAL unit.
    pub(super) fn read(nal: &[u8]) -> Result<Self, Refused> {
        let nal = trim(nal)?;
        let mut lifted = nal.to_vec();
        // Cameras understate their level; nothing here depends on it.
        let level = lifted.get_mut(3).map(|level| std::mem::replace(level, HIGHEST_LEVEL));
        // What encoders write into the VUI, the last part, breaks the rules often enough; the rest can do without.
        let mut fields = SeqParameterSet::from_bits(bits(&lifted))
            .or_else(|_| SeqParameterSet::from_bits(WithoutVui(bits(&lifted))))
            .map_err(refused)?;
        fields.level_idc = level.unwrap_or_default();
        let rows = match fields.frame_mbs_flags {
            FrameMbsFlags::Frames => 16,
            FrameMbsFlags::Fields { .. } => 32,
        };
        let width = 16 * (u64::from(fields.pic_width_in_mbs_minus1) + 1);
        let height = rows * (u64::from(fields.pic_height_in_map_units_minus1) + 1);
        let size = fields.pixel_dimensions().map_err(refused)?;
        if width > LARGEST_WIDTH || height > LARGEST_HEIGHT || size.0 == 0 || size.1 == 0 {
            return Err(Refused::Size { width, height });
        }
        Ok(Self { nal: Bytes::copy_from_slice(nal), size, fields })
    }

    /// Its id.
    pub(super) fn id(&self) -> u8 {
        self.fields.seq_parameter_set_id.id()
    }

    /// The number of its profile: `profile_idc`.
    pub(super) fn profile(&self) -> u8 {
        self.fields.profile_idc.into()
    }

    /// Bits of `frame_num` in slices.
    pub(super) fn frame_number_bits(&self) -> u32 {
        u32::from(self.fields.log2_max_frame_num())
    }

    /// Whether slices name a plane of colour before `frame_num`.
    pub(super) fn separate_planes(&self) -> bool {
        let chroma = &self.fields.chroma_info;
        chroma.chroma_format == ChromaFormat::YUV444 && chroma.separate_colour_plane_flag
    }

    /// Whether numbers of frames may be left out without a loss: the robot left out a picture that others may do
    /// without. With one reference frame nothing is left to refer to behind such a gap, whatever the flag says.
    pub(super) fn gaps_are_harmless(&self) -> bool {
        self.fields.gaps_in_frame_num_value_allowed_flag && self.fields.max_num_ref_frames > 1
    }

    /// Whether pictures may be shown in another order than they are coded in (H.264, E.2.1, max_num_reorder_frames,
    /// and what rules B slices out).
    pub(super) fn may_reorder(&self) -> bool {
        let flags = self.fields.constraint_flags;
        let restrictions = self.vui().and_then(|vui| vui.bitstream_restrictions.as_ref());
        if let Some(restrictions) = restrictions {
            return restrictions.max_num_reorder_frames > 0;
        }
        let without_b_slices = match self.profile() {
            BASELINE => true,
            // It obeys the rules of Baseline as well, or says itself that there are none.
            MAIN => flags.flag0() || flags.flag5(),
            // Only intra pictures, or none of B slices.
            HIGH => flags.flag3() || flags.flag5(),
            _ => false,
        };
        !without_b_slices && self.fields.pic_order_cnt != PicOrderCntType::TypeTwo
    }

    /// The part about showing pictures, where there is one that can be read.
    pub(super) fn vui(&self) -> Option<&VuiParameters> {
        self.fields.vui_parameters.as_ref()
    }
}

fn refused(error: SpsError) -> Refused {
    match error {
        SpsError::FieldValueTooLarge { name: "pic_size_in_map_units", .. } => Refused::Huge,
        other => Refused::Unreadable(format!("{other:?}")),
    }
}

/// Takes the zeros off that some packetisers leave there from before the next start code; refuses what is too long.
pub(super) fn trim(nal: &[u8]) -> Result<&[u8], Refused> {
    let length = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if length > LONGEST {
        return Err(Refused::TooLong(length));
    }
    Ok(&nal[..length])
}

/// The bits behind a NAL unit's header.
pub(super) fn bits(nal: &[u8]) -> BitReader<ByteReader<&[u8]>> {
    BitReader::new(ByteReader::skipping_h264_header(nal))
}

/// Reads a sequence parameter set without its last part, the VUI.
struct WithoutVui<R>(R);

type Read<T> = Result<T, BitReaderError>;

impl<R: BitRead> BitRead for WithoutVui<R> {
    fn read_bit(&mut self, name: &'static str) -> Read<bool> {
        let bit = self.0.read_bit(name)?;
        Ok(bit && name != "vui_parameters_present_flag")
    }

    fn finish_rbsp(self) -> Read<()> {
        Ok(())
    }

    fn finish_sei_payload(self) -> Read<()> {
        Ok(())
    }

    fn read_ue(&mut self, name: &'static str) -> Read<u32> {
        self.0.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Read<i32> {
        self.0.read_se(name)
    }

    fn read<const BITS: u32, I: h264_reader::rbsp::Integer>(
        &mut self,
        name: &'static str,
    ) -> Read<I> {
        self.0.read::<BITS, I>(name)
    }

    fn read_var<I: h264_reader::rbsp::Integer>(
        &mut self,
        bits: u32,
        name: &'static str,
    ) -> Read<I> {
        self.0.read_var(bits, name)
    }

    fn read_to<V: h264_reader::rbsp::Primitive>(&mut self, name: &'static str) -> Read<V> {
        self.0.read_to(name)
    }

    fn skip(&mut self, bits: u32, name: &'static str) -> Read<()> {
        self.0.skip(bits, name)
    }

    fn byte_aligned(&self) -> bool {
        self.0.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Read<bool> {
        self.0.has_more_rbsp_data(name)
    }
}
