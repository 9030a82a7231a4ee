//! NAL units in a byte stream (H.264, annex B). Pure.

/// The NAL units of a byte stream with start codes of three or four bytes, without them. What comes before the first
/// start code is left out, and so are zeros behind a unit, which none ends with, and empty units. Copies nothing.
pub fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(stream).map(|at| &stream[at + START_CODE.len()..]);
    std::iter::from_fn(move || {
        let from = rest?;
        let end = start_code(from);
        rest = end.map(|at| &from[at + START_CODE.len()..]);
        Some(without_zeros(&from[..end.unwrap_or(from.len())]))
    })
    .filter(|nal| !nal.is_empty())
}

/// The fourth byte of a long start code is a zero in front of this one.
const START_CODE: [u8; 3] = [0, 0, 1];

fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(START_CODE.len()).position(|window| window == START_CODE)
}

fn without_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &nal[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_are_found_behind_start_codes_of_both_lengths() {
        let split = |bytes: &'static [u8]| nal_units(bytes).collect::<Vec<_>>();
        let stream = b"\x09\x00\x00\x00\x01\x67\x42\x00\x00\x01\x68\x00\x02\x00\x00\x00\x00\x01\x65\x00\x00\x03\x00";
        let expected: [&[u8]; 3] = [b"\x67\x42", b"\x68\x00\x02", b"\x65\x00\x00\x03"];
        assert_eq!(split(stream), expected);
        assert_eq!(split(b"\x00\x00\x01\x41"), [b"\x41"]);
        for none in
            [&b""[..], b"\x67\x42", b"\x00\x00\x01", b"\x00\x00\x00\x01\x00\x00\x01\x00\x00"]
        {
            assert!(split(none).is_empty(), "{none:?}");
        }
    }

    #[test]
    fn what_is_joined_is_split_again() {
        let nals: Vec<Vec<u8>> =
            (1..40_u8).map(|size| (0..=size).map(|i| i | 0x40).collect()).collect();
        let stream: Vec<u8> =
            nals.iter().flat_map(|nal| [&[0, 0, 0, 1], nal.as_slice()].concat()).collect();
        assert!(nal_units(&stream).eq(nals.iter().map(Vec::as_slice)));
    }
}
