//! Gives what openh264 encodes the shape of the robot's stream. Pure.
//!
//! The encoder writes `pic_order_cnt_type` 2, which tells the order of pictures by nothing at all, and 15 bits of `frame_num`.
//! The robot's camera tells the order, by type 0, and has 16 bits of both. So the sequence parameter set and the header of each
//! slice are written anew; what CABAC wrote behind a header begins with a whole byte and stays as it is.
//!
//! What is coded with it cannot be changed so: the robot's offset of the chroma's quantizer (-6, here 0) and its 8x8 transform.

use std::io::Write;

use h264_reader::nal::pps::PicParameterSet;
use h264_reader::nal::slice::SliceHeader;
use h264_reader::nal::sps::{
    BitstreamRestrictions, PicOrderCntType, SeqParameterSet, TimingInfo, VuiParameters,
};
use h264_reader::nal::{NalHeader, WritableNal};
use h264_reader::rbsp::{decode_nal, BitRead, BitReader, ByteReader, ByteWriter};
use h264_reader::Context;

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
/// Header of a slice that is no IDR's.
const REFERRED_TO: u8 = 0x41;
const HIGH: u8 = 100;
/// What the robot says beside its profile; it would mean that there are only intra pictures, which is not so.
const CONSTRAINTS: u8 = 0x10;
const LEVEL: u8 = 40;
/// Of `frame_num`, and of the low bits of a picture's order count.
const BITS: u8 = 16;

/// What the encoder wrote is not what it is known to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a NAL unit of the encoder cannot be read")]
pub(crate) struct Unreadable;

/// A stream on its way from the encoder.
#[derive(Default)]
pub(super) struct Shape {
    /// The encoder's own parameter sets.
    context: Context,
    /// Pictures since the last IDR picture.
    since_idr: u16,
}

impl Shape {
    /// Rewrites a picture's NAL units.
    pub(super) fn rewrite(&mut self, nals: &mut [Vec<u8>]) -> Result<(), Unreadable> {
        let kind = |nal: &[u8]| nal.first().map_or(0, |header| header & 0x1f);
        if nals.iter().any(|nal| kind(nal) == IDR_SLICE) {
            self.since_idr = 0;
        }
        for nal in nals {
            *nal = match kind(nal) {
                SPS => self.sequence(nal).ok_or(Unreadable)?,
                PPS => self.picture(nal).ok_or(Unreadable)?,
                SLICE | IDR_SLICE => self.slice(nal).ok_or(Unreadable)?,
                _ => continue,
            };
        }
        self.since_idr = self.since_idr.wrapping_add(1);
        Ok(())
    }

    fn sequence(&mut self, nal: &[u8]) -> Option<Vec<u8>> {
        let read = || SeqParameterSet::from_bits(bits(nal)).ok();
        self.context.put_seq_param_set(read()?);
        let robots = SeqParameterSet {
            profile_idc: HIGH.into(),
            constraint_flags: CONSTRAINTS.into(),
            level_idc: LEVEL,
            log2_max_frame_num_minus4: BITS - 4,
            pic_order_cnt: PicOrderCntType::TypeZero {
                log2_max_pic_order_cnt_lsb_minus4: BITS - 4,
            },
            gaps_in_frame_num_value_allowed_flag: true,
            vui_parameters: Some(vui()),
            ..read()?
        };
        Some(robots.to_vec_with_header(NalHeader::new(*nal.first()?).ok()?))
    }

    fn picture(&mut self, nal: &[u8]) -> Option<Vec<u8>> {
        let set = PicParameterSet::from_bits(&self.context, bits(nal)).ok()?;
        // Without CABAC, what follows a slice's header is not aligned.
        let cabac = set.entropy_coding_mode_flag;
        self.context.put_pic_param_set(set);
        cabac.then(|| nal.to_vec())
    }

    /// Puts the order count behind `frame_num`, or behind `idr_pic_id` where there is one.
    fn slice(&self, nal: &[u8]) -> Option<Vec<u8>> {
        let header = *nal.first()?;
        let payload = decode_nal(nal).ok()?;
        let mut whole = BitReader::new(&payload[..]);
        let nal_header = NalHeader::new(header).ok()?;
        let (slice, sps, _) =
            SliceHeader::from_bits(&self.context, &mut whole, nal_header, None).ok()?;
        // Ones up to the next byte.
        let mut ones = 0;
        while !whole.byte_aligned() {
            whole.skip(1, "cabac_alignment_one_bit").ok()?;
            ones += 1;
        }
        let data = whole.reader()?.to_vec();
        let length = 8 * (payload.len() - data.len()) - ones;

        let mut bits = BitReader::new(&payload[..]);
        let mut before = 0;
        for name in ["first_mb_in_slice", "slice_type", "pic_parameter_set_id"] {
            before += golomb_bits(bits.read_ue(name).ok()?);
        }
        let frame_number = usize::from(sps.log2_max_frame_num());
        let id = slice.idr_pic_id.map_or(0, golomb_bits);
        let mut robots = Bits::default();
        robots.copy(&payload, 0..before);
        robots.put(u32::from(slice.frame_num), BITS.into());
        robots.copy(&payload, before + frame_number..before + frame_number + id);
        // Each picture is two fields later than the one before.
        robots.put(u32::from(2 * self.since_idr), BITS.into());
        robots.copy(&payload, before + frame_number + id..length);
        // The robot marks pictures as referred to by 2, the encoder by 3.
        let header = if header & 0x1f == SLICE { REFERRED_TO } else { header };
        let mut writer = ByteWriter::new(vec![header]);
        writer.write_all(&robots.aligned_by_ones()).ok()?;
        writer.write_all(&data).ok()?;
        Some(writer.into_writer())
    }
}

fn bits(nal: &[u8]) -> BitReader<ByteReader<&[u8]>> {
    BitReader::new(ByteReader::skipping_h264_header(nal))
}

/// How many bits an unsigned number takes (H.264, 9.1).
fn golomb_bits(number: u32) -> usize {
    2 * (number + 1).ilog2() as usize + 1
}

/// Bits, the first one first.
#[derive(Debug, Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// The last so many bits of a number.
    fn put(&mut self, number: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| number >> bit & 1 != 0));
    }

    fn copy(&mut self, bytes: &[u8], bits: std::ops::Range<usize>) {
        self.0.extend(bits.map(|bit| bytes[bit / 8] >> (7 - bit % 8) & 1 != 0));
    }

    /// Whole bytes, the last one filled with ones.
    fn aligned_by_ones(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), true);
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        self.0.chunks(8).map(byte).collect()
    }
}

/// Nothing of aspect, colours or buffers; a nominal rate; no picture is reordered.
fn vui() -> VuiParameters {
    VuiParameters {
        aspect_ratio_info: None,
        overscan_appropriate: h264_reader::nal::sps::OverscanAppropriate::Unspecified,
        video_signal_type: None,
        chroma_loc_info: None,
        timing_info: Some(TimingInfo {
            num_units_in_tick: 1,
            time_scale: 60,
            fixed_frame_rate_flag: true,
        }),
        nal_hrd_parameters: None,
        vcl_hrd_parameters: None,
        low_delay_hrd_flag: None,
        pic_struct_present_flag: false,
        bitstream_restrictions: Some(BitstreamRestrictions {
            motion_vectors_over_pic_boundaries_flag: true,
            max_bytes_per_pic_denom: 0,
            max_bits_per_mb_denom: 0,
            log2_max_mv_length_horizontal: 16,
            log2_max_mv_length_vertical: 16,
            max_num_reorder_frames: 0,
            max_dec_frame_buffering: 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_put_and_copied_wherever_they_belong() {
        let bytes = [0b1010_1100, 0b0111_0001, 0b1100_0101];
        let text =
            |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:08b}")).collect::<String>();
        let before = text(&bytes);
        for at in 0..24 {
            let mut bits = Bits::default();
            bits.copy(&bytes, 0..at);
            bits.put(0x1234, 16);
            bits.copy(&bytes, at..23);
            let expected = format!("{}{:016b}{}1", &before[..at], 0x1234, &before[at..23]);
            assert_eq!(text(&bits.aligned_by_ones()), expected, "{at}");
        }
    }

    #[test]
    fn numbers_take_as_many_bits_as_they_are_written_with() {
        assert_eq!([0, 1, 2, 3, 6, 7, 65534].map(golomb_bits), [1, 3, 3, 5, 5, 7, 31]);
    }

    #[test]
    fn what_is_not_the_encoders_is_an_error() {
        let mut shape = Shape::default();
        for nal in [&[0x65, 0x88][..], &[0x67, 0x64], &[0x68, 0xce, 0x3c, 0x80], &[0x41]] {
            assert_eq!(shape.rewrite(&mut [nal.to_vec()]), Err(Unreadable), "{nal:?}");
        }
        assert_eq!(shape.rewrite(&mut [vec![]]), Ok(()));
    }
}
