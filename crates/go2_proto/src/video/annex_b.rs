//! NAL units in a stream with start codes (Annex B of H.264).

use std::ops::Range;

use super::nal::{self, IDR_SLICE, SLICE};

/// Where the NAL units lie that come before the first slice. Zeros behind a unit count as its own.
pub(super) fn before_slices(stream: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = next_start(stream, 0);
    std::iter::from_fn(move || {
        let from = start?;
        let kind = nal::kind(*stream.get(from)?);
        if matches!(kind, SLICE | IDR_SLICE) {
            return None;
        }
        start = next_start(stream, from);
        let end = start.map_or(stream.len(), |next| next - start_code(stream, next));
        Some(from..end)
    })
}

/// Bytes of the start code before a NAL unit that begins at `start`.
pub(super) fn start_code(stream: &[u8], start: usize) -> usize {
    if stream[..start].ends_with(&[0, 0, 0, 1]) {
        4
    } else {
        3
    }
}

/// Where the next NAL unit begins, behind its start code.
fn next_start(stream: &[u8], from: usize) -> Option<usize> {
    let at = stream.get(from..)?.windows(3).position(|bytes| bytes == [0, 0, 1])?;
    Some(from + at + 3)
}
