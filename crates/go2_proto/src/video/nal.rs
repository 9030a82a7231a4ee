//! Takes the payload of a packet apart (RFC 6184, packetization mode 1).

use super::error::Malformed;

pub(super) const SLICE: u8 = 1;
pub(super) const IDR_SLICE: u8 = 5;
pub(super) const SPS: u8 = 7;
pub(super) const PPS: u8 = 8;
pub(super) const DELIMITER: u8 = 9;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

const FORBIDDEN_BIT: u8 = 0x80;
const IMPORTANCE: u8 = 0x60;
const TYPE: u8 = 0x1f;
const FRAGMENT_START: u8 = 0x80;
const FRAGMENT_END: u8 = 0x40;

/// A NAL unit's type.
pub(super) fn kind(header: u8) -> u8 {
    header & TYPE
}

/// Whether other pictures refer to the NAL unit's.
pub(super) fn is_reference(header: u8) -> bool {
    header & IMPORTANCE != 0
}

/// A NAL unit, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The NAL unit's header.
    pub(super) header: u8,
    /// Whether it starts here.
    pub(super) first: bool,
    /// Whether it ends here.
    pub(super) last: bool,
    /// What comes behind the header.
    pub(super) data: &'a [u8],
}

impl<'a> Piece<'a> {
    fn whole(nal: &'a [u8]) -> Result<Self, Malformed> {
        let (&header, data) = nal.split_first().ok_or(Malformed::Short)?;
        check(header)?;
        Ok(Self { header, first: true, last: true, data })
    }

    fn fragment(payload: &'a [u8]) -> Result<Self, Malformed> {
        let [indicator, fragment, data @ ..] = payload else { return Err(Malformed::Short) };
        let header = (indicator & IMPORTANCE) | kind(*fragment);
        check(header)?;
        let (first, last) = (fragment & FRAGMENT_START != 0, fragment & FRAGMENT_END != 0);
        Ok(Self { header, first, last, data })
    }
}

fn check(header: u8) -> Result<(), Malformed> {
    match kind(header) {
        _ if header & FORBIDDEN_BIT != 0 => Err(Malformed::Forbidden),
        // Types 2 to 4 are slices in partitions: a profile that nobody decodes.
        kind @ (0 | 2..=4 | 24..) => Err(Malformed::NalType(kind)),
        _ => Ok(()),
    }
}

/// What a payload holds. Ends behind the first error.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    aggregate: bool,
}

/// Takes a payload apart. A payload without bytes has no pieces.
pub(super) fn pieces(payload: &[u8]) -> Pieces<'_> {
    Pieces { rest: payload, aggregate: false }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.read();
        if piece.is_err() {
            self.rest = &[];
        }
        Some(piece)
    }
}

impl<'a> Pieces<'a> {
    fn read(&mut self) -> Result<Piece<'a>, Malformed> {
        if self.aggregate {
            return self.read_part();
        }
        match self.rest {
            [header, ..] if header & FORBIDDEN_BIT != 0 => Err(Malformed::Forbidden),
            [header, parts @ ..] if kind(*header) == STAP_A => {
                (self.rest, self.aggregate) = (parts, true);
                self.read_part()
            }
            [header, ..] if kind(*header) == FU_A => Piece::fragment(self.take_rest()),
            [header, ..] if kind(*header) >= STAP_A => Err(Malformed::PacketType(kind(*header))),
            _ => Piece::whole(self.take_rest()),
        }
    }

    fn read_part(&mut self) -> Result<Piece<'a>, Malformed> {
        let [high, low, rest @ ..] = self.rest else { return Err(Malformed::Aggregate) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 || length > rest.len() {
            return Err(Malformed::Aggregate);
        }
        let (part, rest) = rest.split_at(length);
        self.rest = rest;
        Piece::whole(part)
    }

    fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}

/// Whether nothing of a picture that decoding needs can come before this payload: it starts with what comes
/// before everything else.
pub(super) fn begins_unit(payload: &[u8]) -> bool {
    let first = pieces(payload).next();
    first.is_some_and(|piece| {
        piece.is_ok_and(|piece| piece.first && matches!(kind(piece.header), SPS | DELIMITER))
    })
}

/// Whether any of the payload belongs to a picture that decoding can start with.
pub(super) fn holds_idr(payload: &[u8]) -> bool {
    pieces(payload).flatten().any(|piece| kind(piece.header) == IDR_SLICE)
}

/// Whether a start code lies within a NAL unit, which would make two of it. Zeros at the end are harmless.
pub(super) fn holds_start_code(nal: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&byte) = nal.get(at) {
        match byte {
            0 => at += 1,
            1 if nal[at - 1] == 0 && nal[at - 2] == 0 => return true,
            _ => at += 3,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(payload: &[u8]) -> Result<Vec<Piece<'_>>, Malformed> {
        pieces(payload).collect()
    }

    fn whole(nal: &[u8]) -> Piece<'_> {
        Piece { header: nal[0], first: true, last: true, data: &nal[1..] }
    }

    #[test]
    fn reads_single_units() {
        assert_eq!(all(b"\x65abc").unwrap(), [whole(b"\x65abc")]);
        assert_eq!(all(b"").unwrap(), []);
    }

    #[test]
    fn reads_aggregates() {
        let payload = b"\x78\x00\x03\x67ab\x00\x01\x68\x00\x02\x65c";
        assert_eq!(all(payload).unwrap(), [whole(b"\x67ab"), whole(b"\x68"), whole(b"\x65c")]);
        for end in 1..payload.len() {
            let cut = all(&payload[..end]);
            // Where a part ends, the rest of the aggregate may be missing without a trace.
            assert_eq!(cut.is_err(), ![6, 9].contains(&end), "{end}");
        }
        assert_eq!(all(b"\x78\x00\x00\x00\x01\x65"), Err(Malformed::Aggregate));
        assert_eq!(all(b"\x78\x00\x01\x7c"), Err(Malformed::NalType(28)));
        assert_eq!(all(b"\x78\x00\x01\xe5"), Err(Malformed::Forbidden));
    }

    #[test]
    fn reads_fragments() {
        let piece = |first, last| Piece { header: 0x65, first, last, data: b"ab" };
        assert_eq!(all(b"\x7c\x85ab").unwrap(), [piece(true, false)]);
        assert_eq!(all(b"\x7c\x05ab").unwrap(), [piece(false, false)]);
        assert_eq!(all(b"\x7c\x45ab").unwrap(), [piece(false, true)]);
        assert_eq!(all(b"\x7c"), Err(Malformed::Short));
        assert_eq!(all(b"\x7c\x98ab"), Err(Malformed::NalType(24)));
    }

    #[test]
    fn refuses_what_mode_1_does_not_have() {
        for kind in [25, 26, 27, 29, 30, 31] {
            assert_eq!(all(&[0x60 | kind, 0, 0]), Err(Malformed::PacketType(kind)));
        }
        for kind in [0, 2, 3, 4] {
            assert_eq!(all(&[0x60 | kind, 0, 0]), Err(Malformed::NalType(kind)));
        }
        assert_eq!(all(b"\xe5abc"), Err(Malformed::Forbidden));
        assert_eq!(all(b"\xfc\x85abc"), Err(Malformed::Forbidden));
    }

    #[test]
    fn knows_where_pictures_begin() {
        for begin in [&b"\x67a"[..], b"\x09\xf0", b"\x78\x00\x02\x67a", b"\x7c\x87a"] {
            assert!(begins_unit(begin), "{begin:?}");
        }
        for other in [&b""[..], b"\x68a", b"\x65a", b"\x7c\x07a", b"\x7c\x85a", b"\x78\x00"] {
            assert!(!begins_unit(other), "{other:?}");
        }
        assert!(holds_idr(b"\x78\x00\x01\x67\x00\x01\x65"));
        assert!(holds_idr(b"\x7c\x05a"));
        assert!(!holds_idr(b"\x7c\x41a"));
    }

    #[test]
    fn finds_start_codes() {
        for with in
            [&b"\x00\x00\x01"[..], b"a\x00\x00\x01", b"a\x00\x00\x00\x01b", b"ab\x00\x00\x01"]
        {
            assert!(holds_start_code(with), "{with:?}");
        }
        for without in [&b""[..], b"\x00\x01", b"a\x00\x00\x03\x01", b"a\x00b\x01\x00\x00", b"\x01"]
        {
            assert!(!holds_start_code(without), "{without:?}");
        }
    }
}
