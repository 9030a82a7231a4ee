//! Rewrites sequence parameter sets so that openh264 gives each picture at once. Pure.
//!
//! openh264 (as the crate 0.9.9 has it) decides by `profile_idc` alone whether it keeps pictures back: in every profile
//! but Baseline, `ReorderPicturesInDisplay` holds a picture until the next one is there, also where the VUI says that
//! nothing is reordered. At 14 pictures a second that is 70 ms. What the crate does against it, a flush after each
//! picture, is worse where there is one reference frame: `FlushFrame` lets the picture go without the decoder's
//! context, so that the picture's place in the decoder's memory is never free again; of `max_num_ref_frames + 2` places,
//! three are used up by three pictures, and all others fail up to the next IDR.
//!
//! With `profile_idc` 66 (Baseline) openh264 shows pictures as they come. Which tools they are coded with it reads from
//! picture parameter sets and slices, whatever the profile: CABAC, the 8x8 transform and weighted prediction are decoded
//! all the same, and the samples are those that other decoders get. So a set is rewritten to Baseline where that loses
//! nothing: in Main and High, without B pictures, and without what only High's own fields can tell.
//!
//! Who passes the stream on passes on what the robot sent; only the decoder gets this.

use std::borrow::Cow;

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::nal::{NalHeader, WritableNal};

use super::annex_b;
use super::info::StreamInfo;
use super::nal::SPS;
use super::sequence::{Sequence, BASELINE, HIGH, MAIN};
use super::support::support;
use super::unit::START_CODE;

/// The set as Baseline, if that loses nothing and it is none already.
fn plain(sequence: &Sequence) -> Option<Vec<u8>> {
    let rewritten = matches!(sequence.profile(), MAIN | HIGH) && support(sequence) == Ok(None);
    let header = NalHeader::new(*sequence.nal.first()?).ok()?;
    let fields = rewritten.then(|| SeqParameterSet {
        profile_idc: BASELINE.into(),
        // They mean something else in another profile.
        constraint_flags: 0.into(),
        // Nothing in it matters to decoding, and openh264 is strict about some of it.
        vui_parameters: None,
        ..sequence.fields.clone()
    })?;
    let mut nal = Vec::with_capacity(sequence.nal.len());
    fields.write_with_header(header, &mut nal).ok()?;
    Some(nal)
}

/// An access unit as openh264 is to get it, and what the first sequence parameter set in it says, if there is one.
pub fn for_decoder(unit: &[u8]) -> (Cow<'_, [u8]>, Option<StreamInfo>) {
    let mut first = None;
    let mut prepared = Cow::Borrowed(unit);
    // How much of the unit is in `prepared`, once it differs.
    let mut copied = 0;
    for range in annex_b::before_slices(unit) {
        let nal = &unit[range.clone()];
        if nal.first().is_none_or(|header| super::nal::kind(*header) != SPS) {
            continue;
        }
        let Ok(sequence) = Sequence::read(nal) else { continue };
        if let Some(nal) = plain(&sequence) {
            let start = range.start - annex_b::start_code(unit, range.start);
            if let Cow::Borrowed(_) = prepared {
                prepared = Cow::Owned(Vec::with_capacity(unit.len()));
            }
            let target = prepared.to_mut();
            target.extend_from_slice(&unit[copied..start]);
            target.extend_from_slice(&START_CODE);
            target.extend_from_slice(&nal);
            copied = range.end;
        }
        first.get_or_insert_with(|| StreamInfo::new(&sequence));
    }
    if let Cow::Owned(target) = &mut prepared {
        target.extend_from_slice(&unit[copied..]);
    }
    (prepared, first)
}
