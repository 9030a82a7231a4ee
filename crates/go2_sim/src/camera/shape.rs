//! Gives what openh264 encodes the shape of the robot's stream. Pure.
//!
//! The encoder writes `pic_order_cnt_type` 2, which tells the order of pictures by nothing at all. The robot's camera tells
//! it, by type 0. So the sequence parameter set is written anew, and 16 bits go into the header of each slice: the low
//! bits of the picture's order count. They are whole bytes, so that what CABAC wrote behind the header stays aligned.

use std::io::Write;

use h264_reader::nal::sps::{
    BitstreamRestrictions, PicOrderCntType, SeqParameterSet, TimingInfo, VuiParameters,
};
use h264_reader::nal::{NalHeader, WritableNal};
use h264_reader::rbsp::{decode_nal, BitRead, BitReader, ByteReader, ByteWriter};

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
/// Header of a slice that is no IDR's.
const REFERRED_TO: u8 = 0x41;
const HIGH: u8 = 100;
/// What the robot says beside its profile; it would mean that there are only intra pictures, which is not so.
const CONSTRAINTS: u8 = 0x10;
const LEVEL: u8 = 40;

/// What the encoder wrote is not what it is known to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a NAL unit of the encoder cannot be read")]
pub(crate) struct Unreadable;

/// A stream on its way from the encoder.
#[derive(Debug, Default)]
pub(super) struct Shape {
    frame_number_bits: u32,
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
                SLICE | IDR_SLICE => self.slice(nal).ok_or(Unreadable)?,
                _ => continue,
            };
        }
        self.since_idr = self.since_idr.wrapping_add(1);
        Ok(())
    }

    fn sequence(&mut self, nal: &[u8]) -> Option<Vec<u8>> {
        let bits = BitReader::new(ByteReader::skipping_h264_header(nal));
        let set = SeqParameterSet::from_bits(bits).ok()?;
        self.frame_number_bits = u32::from(set.log2_max_frame_num());
        let robots = SeqParameterSet {
            profile_idc: HIGH.into(),
            constraint_flags: CONSTRAINTS.into(),
            level_idc: LEVEL,
            pic_order_cnt: PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4: 12 },
            gaps_in_frame_num_value_allowed_flag: true,
            vui_parameters: Some(vui()),
            ..set
        };
        Some(robots.to_vec_with_header(NalHeader::new(*nal.first()?).ok()?))
    }

    /// Puts the order count behind `frame_num`, or behind `idr_pic_id` where there is one.
    fn slice(&self, nal: &[u8]) -> Option<Vec<u8>> {
        let header = *nal.first()?;
        let payload = decode_nal(nal).ok()?;
        let mut bits = BitReader::new(&payload[..]);
        let mut at = 0;
        let mut ue = |bits: &mut BitReader<&[u8]>| {
            let value = bits.read_ue("").ok()?;
            at += 2 * (value + 1).ilog2() + 1;
            Some(())
        };
        ue(&mut bits)?; // first_mb_in_slice
        ue(&mut bits)?; // slice_type
        ue(&mut bits)?; // pic_parameter_set_id
        bits.skip(self.frame_number_bits, "frame_num").ok()?;
        if header & 0x1f == IDR_SLICE {
            ue(&mut bits)?;
        }
        let at = (at + self.frame_number_bits) as usize;
        // The robot marks pictures as referred to by 2, the encoder by 3.
        let header = if header & 0x1f == SLICE { REFERRED_TO } else { header };
        let mut writer = ByteWriter::new(vec![header]);
        // Each picture is two fields later than the one before.
        writer.write_all(&insert(&payload, at, 2 * self.since_idr)).ok()?;
        Some(writer.into_writer())
    }
}

/// The bytes with 16 bits more at a bit's place.
fn insert(bytes: &[u8], at: usize, bits: u16) -> Vec<u8> {
    let (whole, shift) = (at / 8, at % 8);
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.extend_from_slice(&bytes[..whole]);
    // The byte that is cut in two: its first bits, the new ones, its last bits.
    let cut = u32::from(bytes.get(whole).copied().unwrap_or_default());
    let last = 8 - shift;
    let window = cut >> last << (16 + last) | u32::from(bits) << last | cut & ((1 << last) - 1);
    out.extend_from_slice(&window.to_be_bytes()[1..]);
    out.extend_from_slice(bytes.get(whole + 1..).unwrap_or_default());
    out
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
    fn bits_are_inserted_wherever_they_belong() {
        for at in 0..24 {
            let text =
                |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:08b}")).collect::<String>();
            let bytes = [0b1010_1100, 0b0111_0001, 0b1100_0101, 0b1001_1000];
            let before = text(&bytes);
            let expected = format!("{}{:016b}{}", &before[..at], 0x1234, &before[at..]);
            assert_eq!(text(&insert(&bytes, at, 0x1234)), expected, "{at}");
        }
    }

    #[test]
    fn what_is_no_slice_is_an_error() {
        let mut shape = Shape { frame_number_bits: 15, since_idr: 0 };
        assert_eq!(shape.rewrite(&mut [vec![0x65, 0x00]]), Err(Unreadable));
        assert_eq!(shape.rewrite(&mut [vec![0x67, 0x64]]), Err(Unreadable));
        assert_eq!(shape.rewrite(&mut [vec![]]), Ok(()));
    }
}
