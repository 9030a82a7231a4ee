//! The stream's parameter sets, and what slices say with their help.

use std::collections::BTreeMap;

use bytes::Bytes;
use h264_reader::rbsp::{BitRead, BitReaderError};

use super::error::Refused;
use super::sequence::{bits, trim, Sequence};

/// A picture parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pps {
    /// The NAL unit.
    pub(super) nal: Bytes,
    /// The sequence parameter set that it builds on.
    pub(super) sps: u8,
}

/// The first fields of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// Number of its first macroblock.
    pub(super) first_macroblock: u32,
    /// Id of its picture parameter set.
    pub(super) pps: u8,
    /// `frame_num` and what it wraps around at, if the parameter sets are known.
    pub(super) frame_number: Option<(u16, u32)>,
}

/// The latest parameter set of each id: 32 and 256 exist.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    sps: BTreeMap<u8, Sequence>,
    pps: BTreeMap<u8, Pps>,
    /// Whether one took the place of another that was not the same. To be set back by whoever starts to use
    /// the new one.
    pub(super) changed: bool,
}

impl Parameters {
    /// The picture parameter set and the sequence parameter set below it.
    pub(super) fn get(&self, pps: u8) -> Option<(&Pps, &Sequence)> {
        let pps = self.pps.get(&pps)?;
        Some((pps, self.sps.get(&pps.sps)?))
    }

    /// Takes a sequence parameter set; returns its id. If it is refused all are forgotten, as nobody knows
    /// which one it replaces.
    pub(super) fn store_sps(&mut self, nal: &[u8]) -> Result<u8, Refused> {
        let sps = Sequence::read(nal).inspect_err(|_| self.sps.clear())?;
        let id = sps.id();
        self.changed |= self.sps.get(&id).is_some_and(|before| *before != sps);
        self.sps.insert(id, sps);
        Ok(id)
    }

    /// Takes a picture parameter set; as above.
    pub(super) fn store_pps(&mut self, nal: &[u8]) -> Result<u8, Refused> {
        let read = trim(nal).and_then(read_pps);
        let (id, pps) = read.inspect_err(|_| self.pps.clear())?;
        self.changed |= self.pps.get(&id).is_some_and(|before| *before != pps);
        self.pps.insert(id, pps);
        Ok(id)
    }

    /// Reads the start of a slice. `None` if it cannot be.
    pub(super) fn read_slice(&self, nal: &[u8]) -> Option<Slice> {
        let mut bits = bits(nal);
        let first_macroblock = bits.read_ue("first_mb_in_slice").ok()?;
        bits.read_ue("slice_type").ok()?;
        let pps = u8::try_from(bits.read_ue("pic_parameter_set_id").ok()?).ok()?;
        let frame_number = match self.get(pps) {
            Some((_, sps)) => Some(read_frame_number(&mut bits, sps).ok()?),
            None => None,
        };
        Some(Slice { first_macroblock, pps, frame_number })
    }
}

fn read_pps(nal: &[u8]) -> Result<(u8, Pps), Refused> {
    let unreadable = |what: &str| Refused::Unreadable(what.to_owned());
    let mut bits = bits(nal);
    let mut id = |name| {
        let id = bits.read_ue(name).ok().and_then(|id| u8::try_from(id).ok());
        id.ok_or_else(|| unreadable(name))
    };
    let (pps, sps) = (id("pic_parameter_set_id")?, id("seq_parameter_set_id")?);
    if sps > 31 {
        return Err(unreadable("seq_parameter_set_id"));
    }
    Ok((pps, Pps { nal: Bytes::copy_from_slice(nal), sps }))
}

fn read_frame_number(
    bits: &mut impl BitRead,
    sps: &Sequence,
) -> Result<(u16, u32), BitReaderError> {
    if sps.separate_planes() {
        bits.skip(2, "colour_plane_id")?;
    }
    let number = bits.read_var(sps.frame_number_bits(), "frame_num")?;
    Ok((number, 1 << sps.frame_number_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits, most significant first.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn put(mut self, count: u32, value: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
            self
        }

        fn ue(self, value: u32) -> Self {
            let bits = (value + 1).ilog2();
            self.put(bits, 0).put(bits + 1, value + 1)
        }

        /// A NAL unit: header, these bits, the bit behind the last.
        fn nal(self, header: u8) -> Vec<u8> {
            let mut bits = self.put(1, 1).0;
            bits.resize(bits.len().next_multiple_of(8), false);
            let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            let mut nal = vec![header];
            for byte in bits.chunks(8).map(byte) {
                if nal.ends_with(&[0, 0]) && byte < 4 {
                    nal.push(3);
                }
                nal.push(byte);
            }
            nal
        }
    }

    /// A sequence parameter set of constrained baseline up to its size in macroblocks; then `crop`, if any.
    fn sps(level: u8, width: u32, height: u32, crop: Option<[u32; 4]>) -> Bits {
        let bits = Bits::default().put(16, 0x42e0).put(8, level.into());
        // Id, four bits of frame_num, no picture order, one reference, no gaps.
        let bits = bits.ue(0).ue(0).ue(2).ue(1).put(1, 0);
        let bits = bits.ue(width - 1).ue(height - 1).put(2, 3).put(1, crop.is_some().into());
        crop.iter().flatten().fold(bits, |bits, crop| bits.ue(*crop))
    }

    fn store(bits: Bits) -> Result<Parameters, Refused> {
        let mut parameters = Parameters::default();
        parameters.store_sps(&bits.nal(0x67))?;
        Ok(parameters)
    }

    fn size(bits: Bits) -> (u32, u32) {
        store(bits).unwrap().sps[&0].size
    }

    #[test]
    fn sizes_are_cropped_and_limited() {
        let cropped = sps(31, 120, 68, Some([0, 0, 0, 4]));
        assert_eq!(size(cropped.put(1, 0)), (1920, 1080));
        assert_eq!(size(sps(31, 80, 45, None).put(1, 0)), (1280, 720));
        let refused = |width, height, crop| match store(sps(40, width, height, crop).put(1, 0)) {
            Err(Refused::Size { width, height }) => (width, height),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(121, 68, None), (1936, 1088));
        assert_eq!(refused(120, 69, None), (1920, 1104));
        assert_eq!(refused(1, 1, Some([4, 4, 0, 0])), (16, 16));
        assert!(matches!(
            store(sps(40, 1, 1, Some([5, 4, 0, 0])).put(1, 0)),
            Err(Refused::Unreadable(_))
        ));
    }

    #[test]
    fn oddities_of_cameras_are_forgiven() {
        // 1280x720 at level 1, which has 99 macroblocks; and a VUI that is cut.
        assert_eq!(size(sps(10, 80, 45, None).put(1, 0)), (1280, 720));
        assert_eq!(size(sps(31, 80, 45, None).put(1, 1).put(3, 7)), (1280, 720));
        let mut padded = sps(31, 80, 45, None).put(1, 0).nal(0x67);
        let mut parameters = Parameters::default();
        parameters.store_sps(&padded).unwrap();
        padded.resize(3000, 0);
        parameters.store_sps(&padded).unwrap();
        assert!(!parameters.changed);
    }

    #[test]
    fn what_is_no_parameter_set_is_refused() {
        let whole = sps(31, 80, 45, None).nal(0x67);
        let mut parameters = Parameters::default();
        for length in 1..whole.len() - 1 {
            let refused = parameters.store_sps(&whole[..length]);
            assert!(matches!(refused, Err(Refused::Unreadable(_))), "{length}");
        }
        assert_eq!(parameters.store_sps(&[0x67; 1025]), Err(Refused::TooLong(1025)));
        assert_eq!(parameters.store_pps(&[0x68; 1025]), Err(Refused::TooLong(1025)));
        for (pps, sps) in [(256, 0), (0, 32)] {
            let pps = Bits::default().ue(pps).ue(sps).nal(0x68);
            assert!(matches!(parameters.store_pps(&pps), Err(Refused::Unreadable(_))));
        }
        assert!(matches!(parameters.store_pps(&[0x68]), Err(Refused::Unreadable(_))));
        let ids = Bits::default().ue(255).ue(31).nal(0x68);
        assert_eq!(parameters.store_pps(&ids), Ok(255));
        assert!(parameters.get(255).is_none());
    }

    #[test]
    fn slices_are_read_with_the_help_of_their_parameter_sets() {
        let mut parameters = store(sps(31, 80, 45, None).put(1, 0)).unwrap();
        let slice = Bits::default().ue(7).ue(5).ue(3).put(4, 9).nal(0x41);
        let known = Slice { first_macroblock: 7, pps: 3, frame_number: None };
        assert_eq!(parameters.read_slice(&slice), Some(known));
        parameters.store_pps(&Bits::default().ue(3).ue(0).nal(0x68)).unwrap();
        let frame_number = Some((9, 16));
        assert_eq!(parameters.read_slice(&slice), Some(Slice { frame_number, ..known }));
        assert_eq!(parameters.read_slice(&slice[..2]), None);
        assert_eq!(parameters.read_slice(&[0x41]), None);
    }

    #[test]
    fn only_another_set_under_the_same_id_is_a_change() {
        let mut parameters = store(sps(31, 80, 45, None).put(1, 0)).unwrap();
        parameters.store_sps(&sps(31, 80, 45, None).put(1, 0).nal(0x67)).unwrap();
        for id in 0..3 {
            parameters.store_pps(&Bits::default().ue(id).ue(0).nal(0x68)).unwrap();
        }
        assert!(!parameters.changed);
        parameters.store_pps(&Bits::default().ue(2).ue(1).nal(0x68)).unwrap();
        assert!(parameters.changed);
        parameters.changed = false;
        parameters.store_sps(&sps(31, 40, 30, None).put(1, 0).nal(0x67)).unwrap();
        assert!(parameters.changed);
    }
}
