//! The order in which pictures of a stream are shown, which tells when each was taken. Pure.

use h264_reader::nal::pps::PicParameterSet;
use h264_reader::nal::slice::{PicOrderCountLsb, SliceHeader};
use h264_reader::nal::sps::{PicOrderCntType, SeqParameterSet};
use h264_reader::nal::NalHeader;
use h264_reader::rbsp::{BitReader, ByteReader};
use h264_reader::Context;

use super::encode::Encoded;

/// For each picture, how many pictures before it is sent it was taken: the same for all where they are shown as they are
/// sent, which is assumed where the order cannot be read.
pub(super) fn waited(units: &[Encoded]) -> Vec<u32> {
    let counts = order_counts(units).unwrap_or_else(|| vec![0; units.len()]);
    let mut shown: Vec<usize> = (0..units.len()).collect();
    let groups = groups(units);
    // Within a group by their count; of equal counts, and of groups, as they are sent.
    shown.sort_by_key(|unit| (groups[*unit], counts[*unit]));
    let mut ahead = vec![0; units.len()];
    for (place, unit) in shown.into_iter().enumerate() {
        ahead[unit] = place as i64 - unit as i64;
    }
    let most = ahead.iter().copied().max().unwrap_or(0);
    ahead.into_iter().map(|ahead| (most - ahead) as u32).collect()
}

/// Which keyframe each picture is behind, counted.
fn groups(units: &[Encoded]) -> Vec<u32> {
    let keyframes = units.iter().scan(0, |keyframes, unit| {
        *keyframes += u32::from(unit.idr);
        Some(*keyframes)
    });
    keyframes.collect()
}

/// `PicOrderCnt` of each picture (H.264, 8.2.1.1), if all of them tell it by its low bits.
fn order_counts(units: &[Encoded]) -> Option<Vec<i64>> {
    let mut context = Context::new();
    // Of the last picture that others refer to: high bits and low bits.
    let mut before = (0, 0);
    let count = |unit: &Encoded| {
        for nal in &unit.nals {
            let header = NalHeader::new(*nal.first()?).ok()?;
            let mut bits = BitReader::new(ByteReader::skipping_h264_header(&nal[..]));
            match nal[0] & 0x1f {
                7 => context.put_seq_param_set(SeqParameterSet::from_bits(bits).ok()?),
                8 => {
                    let set = PicParameterSet::from_bits(&context, bits).ok()?;
                    context.put_pic_param_set(set);
                }
                1 | 5 => {
                    let (slice, sps, _) =
                        SliceHeader::from_bits(&context, &mut bits, header, None).ok()?;
                    let PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4 } =
                        sps.pic_order_cnt
                    else {
                        return None;
                    };
                    let low = match slice.pic_order_cnt_lsb? {
                        PicOrderCountLsb::Frame(low) => low,
                        PicOrderCountLsb::FieldsAbsolute { pic_order_cnt_lsb, .. } => {
                            pic_order_cnt_lsb
                        }
                        PicOrderCountLsb::FieldsDelta(_) => return None,
                    };
                    let most = 1_i64 << (log2_max_pic_order_cnt_lsb_minus4 + 4);
                    let (high_before, low_before) = if unit.idr { (0, 0) } else { before };
                    let low = i64::from(low);
                    let high = if low < low_before && low_before - low >= most / 2 {
                        high_before + most
                    } else if low > low_before && low - low_before > most / 2 {
                        high_before - most
                    } else {
                        high_before
                    };
                    if nal[0] & 0x60 != 0 {
                        before = (high, low);
                    }
                    return Some(high + low);
                }
                _ => {}
            }
        }
        None
    };
    units.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::super::stored::StoredStream;

    #[test]
    fn b_pictures_were_taken_before_the_picture_that_is_sent_before_them() {
        let stream = StoredStream::read(include_bytes!("../../../../tests/video/b_pictures.h264"));
        let stream = stream.unwrap();
        let waited: Vec<_> = stream.waited().collect();
        // Sent: 0 3 1 2 6 4 5 ..; the last of the first thirty are 27 25 26 29 28, and behind those 30 33 31 32 34.
        let expected = |at: usize| match at {
            0 | 30 | 34 => 2,
            28 => 1,
            29 => 3,
            _ => [3, 0, 3][at % 30 % 3],
        };
        assert_eq!(waited, (0..35).map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn without_b_pictures_all_wait_alike() {
        for bytes in [
            &include_bytes!("../../../../tests/video/robot.h264")[..],
            include_bytes!("../../../../tests/video/baseline_order_1.h264"),
            include_bytes!("../../../../tests/video/baseline_order_2.h264"),
            include_bytes!("../../../../tests/video/interlaced.h264"),
        ] {
            assert!(StoredStream::read(bytes).unwrap().waited().all(|waited| waited == 0));
        }
    }
}
