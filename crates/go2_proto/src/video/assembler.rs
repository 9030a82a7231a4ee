//! Whole pictures out of packets.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::error::{Malformed, MediaError, Refused};
use super::parameters::Parameters;
use super::reorder::{Ordered, Reorder};
use super::sequence::Sequence;
use super::unit::{self, First, Unit};
use super::{nal, AccessUnit, Packet, VideoCounters};

/// How long a missing packet is waited for. They are asked for every 50 ms, and a hitch of this
/// length is better than no pictures until the next keyframe.
const WAIT: Duration = Duration::from_millis(200);
/// How long a picture may lack its end. Long, because as long as nothing is lost it can still come.
const PATIENCE: Duration = Duration::from_secs(2);
/// What waits to be polled at most.
const MOST_UNITS: usize = 256;
const MOST_BYTES: usize = 8 * 1024 * 1024;
const MOST_ERRORS: usize = 16;

/// Makes access units of packets, and lets only whole pictures out whose references were let out too.
///
/// After [`push`](Self::push) and [`handle_timeout`](Self::handle_timeout), [`poll`](Self::poll) until there
/// is nothing more.
#[derive(Debug)]
pub struct Assembler {
    reorder: Reorder,
    parameters: Parameters,
    unit: Option<Unit>,
    /// Packets are missing before the next one, or may be.
    torn: bool,
    /// Until a keyframe nothing is let out.
    waiting: bool,
    /// `frame_num` of the last picture that others refer to.
    frame_number: u16,
    /// Id of the sequence parameter set that the last keyframe was coded with.
    active_sps: Option<u8>,
    size: Option<(u32, u32)>,
    clock: Clock,
    next_number: u64,
    /// A guess at the next picture's size.
    capacity: usize,
    ready: VecDeque<AccessUnit>,
    ready_bytes: usize,
    errors: VecDeque<MediaError>,
    counters: VideoCounters,
}

/// What becomes of a picture.
enum Verdict {
    Good(First),
    /// Only parameter sets and the like.
    NoPicture,
    /// Nothing is wrong with it, but one that it needs is missing.
    Skipped,
    /// Told already, or to be told.
    Damaged(Option<MediaError>),
}

/// What is wrong with a NAL unit.
enum Fault {
    Malformed(Malformed),
    Refused(Refused),
}

impl From<Malformed> for Fault {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl From<Refused> for Fault {
    fn from(what: Refused) -> Self {
        Self::Refused(what)
    }
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Assembler {
    /// An assembler that waits 200 ms for missing packets.
    pub fn new() -> Self {
        Self::with_wait(WAIT)
    }

    /// An assembler that waits for missing packets as long as told. If that is long enough for a
    /// retransmission, a lost packet costs a delay; if not, all pictures until the next keyframe.
    pub fn with_wait(wait: Duration) -> Self {
        Self {
            reorder: Reorder::new(wait),
            parameters: Parameters::default(),
            unit: None,
            torn: true,
            waiting: true,
            frame_number: 0,
            active_sps: None,
            size: None,
            clock: Clock::default(),
            next_number: 0,
            capacity: 0,
            ready: VecDeque::new(),
            ready_bytes: 0,
            errors: VecDeque::new(),
            counters: VideoCounters::default(),
        }
    }

    /// Takes a packet of the video track.
    pub fn push(&mut self, packet: Packet, now: Instant) {
        self.counters.packets += 1;
        self.reorder.push(packet, now);
        self.advance();
        self.handle_timeout(now);
    }

    /// Gives up what was waited for too long. To be called at [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.reorder.handle_timeout(now);
        self.advance();
        if self.unit.as_ref().is_some_and(|unit| now >= unit.touched + PATIENCE) {
            self.unit = None;
            self.counters.damaged += 1;
            self.tear(MediaError::Stopped);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if no packet comes before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let unit = self.unit.as_ref().map(|unit| unit.touched + PATIENCE);
        [self.reorder.timeout(), unit].into_iter().flatten().min()
    }

    /// The next picture.
    pub fn poll(&mut self) -> Option<AccessUnit> {
        let unit = self.ready.pop_front()?;
        self.ready_bytes -= unit.data.len();
        Some(unit)
    }

    /// The next thing that went wrong. Of those that nobody polls, the first 16 are kept.
    pub fn poll_error(&mut self) -> Option<MediaError> {
        self.errors.pop_front()
    }

    /// Whether packets come, but no picture can come out before a keyframe. Then ask the robot for one.
    pub fn wants_keyframe(&self) -> bool {
        self.waiting && self.counters.packets > 0
    }

    /// Width and height of the pictures in pixels, after cropping, since the last keyframe.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// What was seen so far.
    pub fn counters(&self) -> VideoCounters {
        VideoCounters { late: self.reorder.late(), ..self.counters }
    }

    /// Forgets what came of the current picture and waits for a keyframe. For when the video was turned off:
    /// pictures may be missing behind it although no packet is. Totals, parameter sets and the pictures that
    /// are ready stay.
    pub fn reset(&mut self) {
        self.reorder.clear();
        self.unit = None;
        self.torn = true;
        self.waiting = true;
    }

    fn advance(&mut self) {
        while let Some(next) = self.reorder.pop() {
            match next {
                Ordered::Packet(packet, at) => self.take(&packet, at),
                Ordered::Gap(packets, before) => {
                    self.counters.lost += packets;
                    self.tear(MediaError::Lost { packets, before });
                }
                Ordered::Restart(sequence) => {
                    self.clock.rebase = true;
                    self.tear(MediaError::Restarted { sequence });
                    self.finish();
                }
            }
        }
    }

    /// Notes that something is missing between what came and what comes.
    fn tear(&mut self, error: MediaError) {
        if let Some(unit) = &mut self.unit {
            unit.damaged = true;
        }
        self.torn = true;
        self.waiting = true;
        self.tell(error);
    }

    fn tell(&mut self, error: MediaError) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push_back(error);
        }
    }

    /// Takes the packet that is next in order.
    fn take(&mut self, packet: &Packet, arrived: Instant) {
        // Some robots forget the marker.
        if self.unit.as_ref().is_some_and(|unit| unit.timestamp != packet.timestamp) {
            self.finish();
        }
        if packet.payload.is_empty() {
            // Only padding, which senders use to probe the network.
            return;
        }
        let torn = std::mem::take(&mut self.torn);
        let capacity = self.capacity;
        let unit = self.unit.get_or_insert_with(|| {
            let mut unit = Unit::new(packet.timestamp, arrived, capacity);
            // What is missing may be the start of this very picture.
            unit.damaged = torn && !nal::begins_unit(&packet.payload);
            unit
        });
        if !unit.admit(packet, arrived) {
            let timestamp = packet.timestamp;
            let (bytes, packets) = (unit::MOST_BYTES, unit::MOST_PACKETS);
            self.unit = None;
            self.counters.damaged += 1;
            self.tear(MediaError::TooLarge { timestamp, bytes, packets });
            return;
        }
        let taken = take_payload(unit, &mut self.parameters, &packet.payload);
        let known = unit.damaged;
        unit.damaged |= taken.is_err();
        // A marker behind parameter sets alone, which some encoders set, ends no picture.
        let ends = packet.marker && (unit.damaged || unit.first.is_some());
        let sequence = packet.sequence;
        match taken {
            Ok(()) => {}
            // What a lost packet leaves behind.
            Err(Fault::Malformed(Malformed::Fragment)) if known => {}
            Err(Fault::Malformed(what)) => {
                self.counters.malformed += 1;
                self.tell(MediaError::Malformed { sequence, what });
            }
            Err(Fault::Refused(what)) => {
                self.counters.refused += 1;
                self.tell(MediaError::Refused { sequence, what });
            }
        }
        if ends {
            self.finish();
        }
    }

    /// Ends the current picture.
    fn finish(&mut self) {
        let Some(unit) = self.unit.take() else { return };
        self.capacity = unit.len();
        match self.judge(&unit) {
            Verdict::Good(first) => self.put_out(unit, first),
            Verdict::NoPicture => {}
            Verdict::Skipped => self.counters.skipped += 1,
            Verdict::Damaged(error) => {
                self.counters.damaged += 1;
                self.waiting = true;
                error.into_iter().for_each(|error| self.tell(error));
            }
        }
    }

    fn judge(&self, unit: &Unit) -> Verdict {
        let timestamp = unit.timestamp;
        if unit.damaged {
            return Verdict::Damaged(None);
        }
        let first = match unit.first {
            Some(first) if first.slice.first_macroblock == 0 && !unit.is_open() => first,
            None if !unit.is_open() => return Verdict::NoPicture,
            _ => return Verdict::Damaged(Some(MediaError::Incomplete { timestamp })),
        };
        if self.waiting && !first.idr {
            return Verdict::Skipped;
        }
        for &pps in &unit.pps_named {
            let Some((set, _)) = self.parameters.get(pps) else {
                return Verdict::Damaged(Some(MediaError::NoParameters { timestamp, pps }));
            };
            if !first.idr && (self.parameters.changed || Some(set.sps) != self.active_sps) {
                return Verdict::Damaged(Some(MediaError::Changed { timestamp }));
            }
        }
        match self.skipped_before(first) {
            Some(error) => Verdict::Damaged(Some(error)),
            None => Verdict::Good(first),
        }
    }

    /// Whether a picture was left out by the robot itself, which shows only in the numbers of frames.
    fn skipped_before(&self, First { slice, idr, .. }: First) -> Option<MediaError> {
        let (found, modulus) = slice.frame_number?;
        let sps = self.parameters.get(slice.pps).map(|(_, sps)| sps);
        let harmless = sps.is_some_and(Sequence::gaps_are_harmless);
        let expected = ((u32::from(self.frame_number) + 1) % modulus) as u16;
        // Where nothing refers to the last picture, encoders differ in whether it counts.
        let follows = found == expected || found == self.frame_number;
        (!idr && !harmless && !follows).then_some(MediaError::FrameSkipped { found, expected })
    }

    fn put_out(&mut self, unit: Unit, first: First) {
        if self.ready.len() >= MOST_UNITS || self.ready_bytes + unit.len() > MOST_BYTES {
            self.counters.skipped += 1;
            self.waiting = true;
            self.tell(MediaError::Overrun);
            return;
        }
        let mut missing = Vec::new();
        if first.idr {
            self.waiting = false;
            self.parameters.changed = false;
            for &pps in &unit.pps_named {
                let Some((set, sps)) = self.parameters.get(pps) else { continue };
                self.size = Some(sps.size);
                self.active_sps = Some(set.sps);
                if !unit.sps_held.contains(&set.sps) && !missing.contains(&sps.nal) {
                    missing.insert(0, sps.nal.clone());
                }
                if !unit.pps_held.contains(&pps) {
                    missing.push(set.nal.clone());
                }
            }
        }
        if let Some((number, _)) = first.slice.frame_number.filter(|_| first.reference) {
            self.frame_number = number;
        }
        let sps = self.parameters.get(first.slice.pps).map(|(_, sps)| sps);
        // Nothing is shown before a picture that it is sent behind and does not build on.
        let may_be_reordered = !first.idr && sps.is_some_and(Sequence::may_reorder);
        let ready = AccessUnit {
            keyframe: first.idr,
            number: self.next_number,
            timestamp: self.clock.at(unit.timestamp, unit.received, may_be_reordered),
            received: unit.received,
            size: self.size.unwrap_or_default(),
            data: unit.finish(&missing),
        };
        self.next_number += 1;
        self.counters.pictures += 1;
        self.ready_bytes += ready.data.len();
        self.ready.push_back(ready);
    }
}

fn take_payload(unit: &mut Unit, known: &mut Parameters, payload: &[u8]) -> Result<(), Fault> {
    for piece in nal::pieces(payload) {
        if let Some(range) = unit.append(piece?)? {
            take_nal(unit, known, range)?;
        }
    }
    Ok(())
}

fn take_nal(unit: &mut Unit, known: &mut Parameters, range: Range<usize>) -> Result<(), Fault> {
    let nal = unit.nal(range.clone());
    match nal::kind(nal[0]) {
        nal::SLICE | nal::IDR_SLICE => {
            let (header, slice) = (nal[0], known.read_slice(nal));
            unit.add_slice(header, slice.ok_or(Malformed::Slice)?);
        }
        nal::SPS => {
            let id = known.store_sps(nal)?;
            unit.sps_held.push(id);
        }
        nal::PPS => {
            let id = known.store_pps(nal)?;
            unit.pps_held.push(id);
        }
        // Extensions, which decoders of the plain profiles have to ignore.
        13.. => unit.leave_out(range),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
