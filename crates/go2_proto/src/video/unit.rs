//! Collects the NAL units of one picture.

use std::ops::Range;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::Malformed;
use super::nal::{self, Piece};
use super::parameters::Slice;
use super::Packet;

/// A keyframe of 1080p has a few hundred kilobytes.
pub(super) const MOST_BYTES: usize = 2 * 1024 * 1024;
pub(super) const MOST_PACKETS: usize = 4096;

pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The slice that a picture begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    /// Its first fields.
    pub(super) slice: Slice,
    /// Whether the picture is an IDR.
    pub(super) idr: bool,
    /// Whether other pictures refer to it.
    pub(super) reference: bool,
}

/// The picture that is being received.
#[derive(Debug)]
pub(super) struct Unit {
    /// RTP timestamp of its packets.
    pub(super) timestamp: u32,
    /// When its first packet arrived.
    pub(super) received: Instant,
    /// When its last packet arrived.
    pub(super) touched: Instant,
    /// Set where something of it is missing or wrong.
    pub(super) damaged: bool,
    /// Its first slice, once it is there.
    pub(super) first: Option<First>,
    /// Picture parameter sets that its slices name.
    pub(super) pps_named: Vec<u8>,
    /// Ids of the sequence parameter sets in it.
    pub(super) sps_held: Vec<u8>,
    /// Ids of the picture parameter sets in it.
    pub(super) pps_held: Vec<u8>,
    data: BytesMut,
    packets: usize,
    /// Where the NAL unit starts that is not yet whole.
    open: Option<usize>,
    /// Where the delimiter ends that the picture starts with.
    behind_delimiter: usize,
}

impl Unit {
    /// A picture whose first packet came. `capacity` is a guess at its size.
    pub(super) fn new(timestamp: u32, received: Instant, capacity: usize) -> Self {
        Self {
            timestamp,
            received,
            touched: received,
            damaged: false,
            first: None,
            pps_named: Vec::new(),
            sps_held: Vec::new(),
            pps_held: Vec::new(),
            data: BytesMut::with_capacity(capacity),
            packets: 0,
            open: None,
            behind_delimiter: 0,
        }
    }

    /// Counts a packet. False if the picture has too many, or would have too many bytes with this one.
    pub(super) fn admit(&mut self, packet: &Packet, arrived: Instant) -> bool {
        self.received = self.received.min(arrived);
        self.touched = self.touched.max(arrived);
        self.packets += 1;
        // In an aggregate, a start code of four bytes stands for a length of two.
        self.packets <= MOST_PACKETS && self.data.len() + 2 * packet.payload.len() <= MOST_BYTES
    }

    /// Takes a piece. Returns where the NAL unit lies, if it is whole now.
    pub(super) fn append(&mut self, piece: Piece<'_>) -> Result<Option<Range<usize>>, Malformed> {
        let start = match self.open.take() {
            None if piece.first => {
                self.data.put_slice(&START_CODE);
                self.data.put_u8(piece.header);
                self.data.len() - 1
            }
            Some(start) if !piece.first && self.data[start] == piece.header => start,
            _ => return Err(Malformed::Fragment),
        };
        self.data.put_slice(piece.data);
        if !piece.last {
            self.open = Some(start);
            return Ok(None);
        }
        let whole = start..self.data.len();
        if nal::holds_start_code(&self.data[whole.clone()]) {
            return Err(Malformed::StartCode);
        }
        if nal::kind(piece.header) == nal::DELIMITER && start == START_CODE.len() {
            self.behind_delimiter = whole.end;
        }
        Ok(Some(whole))
    }

    /// The bytes of a NAL unit, its header first.
    pub(super) fn nal(&self, range: Range<usize>) -> &[u8] {
        &self.data[range]
    }

    /// Takes the last NAL unit out again.
    pub(super) fn leave_out(&mut self, range: Range<usize>) {
        self.data.truncate(range.start - START_CODE.len());
    }

    /// Notes a slice that was appended.
    pub(super) fn add_slice(&mut self, header: u8, slice: Slice) {
        if !self.pps_named.contains(&slice.pps) {
            self.pps_named.push(slice.pps);
        }
        let idr = nal::kind(header) == nal::IDR_SLICE;
        let reference = nal::is_reference(header);
        self.first.get_or_insert(First { slice, idr, reference });
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether a NAL unit has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The picture's bytes with these parameter sets put before what needs them.
    pub(super) fn finish(self, parameter_sets: &[Bytes]) -> Bytes {
        if parameter_sets.is_empty() {
            return self.data.freeze();
        }
        let (delimiter, rest) = self.data.split_at(self.behind_delimiter);
        let mut data = BytesMut::with_capacity(self.data.len() + 256);
        data.put_slice(delimiter);
        for set in parameter_sets {
            data.put_slice(&START_CODE);
            data.put_slice(set);
        }
        data.put_slice(rest);
        data.freeze()
    }
}
