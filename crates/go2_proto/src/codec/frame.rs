//! Binary frames: a JSON envelope and a payload of bytes in one message.
//!
//! Two framings exist. The normal one is `u16 length | 2 bytes | JSON | payload`. LiDAR frames of newer
//! firmware start with the marker 2 in place of the length: `u16 2 | u16 0 | u32 length | 4 bytes | JSON |
//! payload`. JSON of two bytes holds no envelope, so the marker cannot be a length.

use bytes::{BufMut, Bytes, BytesMut};

/// A binary message in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The JSON envelope.
    pub head: Bytes,
    /// What belongs at `data.data`.
    pub payload: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than a header has.
    #[error("the frame is shorter than its header")]
    Short,
    /// The JSON would end behind the message.
    #[error("the frame's JSON is longer than the frame")]
    Length,
}

const LIDAR_MARKER: u16 = 2;
const NORMAL_HEADER: usize = 4;
const LIDAR_HEADER: usize = 12;

impl Frame {
    /// Splits a message. The parts share its memory.
    pub fn parse(message: &Bytes) -> Result<Self, FrameError> {
        let field = |range: std::ops::Range<usize>| message.get(range).ok_or(FrameError::Short);
        let first = field(0..2)?;
        let first = u16::from_le_bytes([first[0], first[1]]);
        let (start, length) = if first == LIDAR_MARKER {
            let length = field(4..8)?;
            (
                LIDAR_HEADER,
                u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize,
            )
        } else {
            (NORMAL_HEADER, usize::from(first))
        };
        let rest = message.len().checked_sub(start).ok_or(FrameError::Short)?;
        if length > rest {
            return Err(FrameError::Length);
        }
        let end = start + length;
        Ok(Self { head: message.slice(start..end), payload: message.slice(end..) })
    }

    /// Joins the parts in the normal framing. `None` if the head is longer than 65535 bytes, or has two, which
    /// would be taken for the marker.
    pub fn encode(&self) -> Option<Bytes> {
        let length =
            u16::try_from(self.head.len()).ok().filter(|&length| length != LIDAR_MARKER)?;
        let mut message =
            BytesMut::with_capacity(NORMAL_HEADER + self.head.len() + self.payload.len());
        message.put_u16_le(length);
        message.put_u16_le(0);
        message.put_slice(&self.head);
        message.put_slice(&self.payload);
        Some(message.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame {
            head: Bytes::from_static(b"{\"a\":1}"),
            payload: Bytes::from_static(b"\x01\x02\x03"),
        }
    }

    #[test]
    fn reads_both_framings() {
        let normal = Bytes::from_static(b"\x07\x00\x00\x00{\"a\":1}\x01\x02\x03");
        let lidar = Bytes::from_static(
            b"\x02\x00\x00\x00\x07\x00\x00\x00\x03\x00\x00\x00{\"a\":1}\x01\x02\x03",
        );
        assert_eq!(Frame::parse(&normal).unwrap(), frame());
        assert_eq!(Frame::parse(&lidar).unwrap(), frame());
        assert_eq!(frame().encode().unwrap(), normal);
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        for length in [0, 1, 3, 65535] {
            let frame = Frame { head: vec![b' '; length].into(), ..frame() };
            assert_eq!(Frame::parse(&frame.encode().unwrap()), Ok(frame));
        }
        for length in [2, 65536] {
            let frame = Frame { head: vec![b' '; length].into(), ..frame() };
            assert_eq!(frame.encode(), None);
        }
    }

    #[test]
    fn refuses_every_truncation_of_the_head() {
        for whole in [
            &b"\x07\x00\x00\x00{\"a\":1}"[..],
            &b"\x02\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00{\"a\":1}"[..],
        ] {
            let whole = Bytes::copy_from_slice(whole);
            for length in 0..whole.len() {
                assert!(Frame::parse(&whole.slice(..length)).is_err(), "{length}");
            }
        }
        let huge = Bytes::from_static(b"\x02\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00{}");
        assert_eq!(Frame::parse(&huge), Err(FrameError::Length));
    }
}
