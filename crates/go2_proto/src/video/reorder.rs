//! Puts packets in order, and decides when one that is missing is given up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{nal, Packet};

/// What waits behind a gap at most. The time is the limit that counts; a keyframe of high quality has a few
/// hundred packets, which come in one go.
const MOST_PACKETS: usize = 512;
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// A sequence number that is farther off belongs to another numbering.
const FARTHEST: i64 = 1000;
/// So many packets in a row that come too late are a numbering that starts anew a little before the old one.
const LATE_RUN: u32 = 64;

/// What comes next, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    /// A packet, and when it arrived.
    Packet(Packet, Instant),
    /// So many packets are given up before the next one.
    Gap(u64, u16),
    /// The next packet starts a new numbering.
    Restart(u16),
}

#[derive(Debug)]
struct Arrived {
    packet: Packet,
    at: Instant,
}

/// Packets in order. [`pop`](Self::pop) is to be called until there is nothing, after each other call.
#[derive(Debug)]
pub(super) struct Reorder {
    wait: Duration,
    /// The number that comes next. Numbers are sequence numbers that do not wrap around.
    next: Option<i64>,
    waiting: BTreeMap<i64, Arrived>,
    bytes: usize,
    /// Gaps before this number are given up.
    given_up: i64,
    /// Number at which a new numbering starts.
    restart: Option<i64>,
    /// The last packet, if its number was far off: one is a stray, two in a row are a new numbering.
    stray: Option<Arrived>,
    late_run: u32,
    late: u64,
}

impl Reorder {
    /// Waits for missing packets as long as told.
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            wait,
            next: None,
            waiting: BTreeMap::new(),
            bytes: 0,
            given_up: 0,
            restart: None,
            stray: None,
            late_run: 0,
            late: 0,
        }
    }

    /// Packets that could not be used because of their number.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, packet: Packet, at: Instant) {
        let sequence = packet.sequence;
        let arrived = Arrived { packet, at };
        let Some(next) = self.next else {
            self.next = Some(i64::from(sequence));
            self.insert(i64::from(sequence), arrived);
            return;
        };
        let offset = distance(next, sequence);
        if offset.abs() > FARTHEST {
            self.take_stray(arrived);
            return;
        }
        self.drop_stray();
        if offset < 0 {
            self.late += 1;
            self.late_run += 1;
            if self.late_run == LATE_RUN {
                self.late -= 1;
                self.start_anew(sequence, [arrived]);
            }
            return;
        }
        self.late_run = 0;
        let number = next + offset;
        let last = self.waiting.last_key_value().is_none_or(|(last, _)| *last < number);
        let may_complete = arrived.packet.marker || !last;
        self.insert(number, arrived);
        if may_complete && self.is_blocked() {
            if let Some(keyframe) = self.whole_keyframe() {
                self.give_up(keyframe);
            }
        }
    }

    /// Forgets everything but its total.
    pub(super) fn clear(&mut self) {
        *self = Self { late: self.late, ..Self::new(self.wait) };
    }

    /// What comes next, if it is there or no longer waited for.
    pub(super) fn pop(&mut self) -> Option<Ordered> {
        let next = self.next?;
        let number = *self.waiting.first_key_value()?.0;
        if number > next {
            if number > self.given_up {
                return None;
            }
            self.next = Some(number);
            return Some(if self.restart.take_if(|at| *at == number).is_some() {
                Ordered::Restart(wrap(number))
            } else {
                Ordered::Gap(number.abs_diff(next), wrap(number))
            });
        }
        let (_, Arrived { packet, at }) = self.waiting.pop_first()?;
        self.bytes -= packet.payload.len();
        self.next = Some(number + 1);
        Some(Ordered::Packet(packet, at))
    }

    /// Gives up the gaps that are older than the wait.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        // A gap shows with the first packet that comes behind it, so all before an old packet are old.
        let old = |arrived: &Arrived| arrived.at + self.wait <= now;
        let last = self.waiting.iter().rev().find(|(_, arrived)| old(arrived));
        if let Some(number) = last.map(|(number, _)| *number) {
            self.give_up(number);
        }
    }

    /// When the next gap is given up.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let blocked = self.is_blocked();
        let oldest = self.waiting.values().map(|arrived| arrived.at).min();
        oldest.filter(|_| blocked).map(|oldest| oldest + self.wait)
    }

    fn is_blocked(&self) -> bool {
        let first = self.waiting.first_key_value().map(|(number, _)| *number);
        first.is_some_and(|first| self.next.is_some_and(|next| first > next))
    }

    fn give_up(&mut self, before: i64) {
        self.given_up = self.given_up.max(before);
    }

    fn insert(&mut self, number: i64, arrived: Arrived) {
        if self.waiting.contains_key(&number) {
            self.late += 1;
            return;
        }
        self.bytes += arrived.packet.payload.len();
        self.waiting.insert(number, arrived);
        if self.waiting.len() > MOST_PACKETS {
            self.give_up(self.waiting.first_key_value().map_or(0, |(number, _)| *number));
        }
        if self.bytes > MOST_BYTES {
            self.give_up(self.waiting.last_key_value().map_or(0, |(number, _)| *number));
        }
    }

    fn take_stray(&mut self, arrived: Arrived) {
        let sequence = arrived.packet.sequence;
        match self.stray.take() {
            Some(before) if before.packet.sequence.wrapping_add(1) == sequence => {
                self.start_anew(before.packet.sequence, [before, arrived]);
            }
            before => {
                self.late += u64::from(before.is_some());
                self.stray = Some(arrived);
            }
        }
    }

    fn drop_stray(&mut self) {
        self.late += u64::from(self.stray.take().is_some());
    }

    /// Lets the new numbering follow far behind all numbers of the old one.
    fn start_anew<const N: usize>(&mut self, sequence: u16, packets: [Arrived; N]) {
        let known = self.waiting.last_key_value().map(|(number, _)| *number);
        let last = known.max(self.next).unwrap_or(0);
        let start = (((last >> 16) + 2) << 16) + i64::from(sequence);
        self.late_run = 0;
        self.restart = Some(start);
        for (number, arrived) in (start..).zip(packets) {
            self.insert(number, arrived);
        }
        self.give_up(start);
    }

    /// Number of the last keyframe that waits from its first packet to its last: nothing that is missing
    /// before it is needed.
    fn whole_keyframe(&self) -> Option<i64> {
        struct Run {
            start: i64,
            next: i64,
            timestamp: u32,
            idr: bool,
        }
        let mut found = None;
        let mut run: Option<Run> = None;
        for (&number, Arrived { packet, .. }) in &self.waiting {
            run = run
                .filter(|run| run.next == number && run.timestamp == packet.timestamp)
                .or_else(|| {
                    let timestamp = packet.timestamp;
                    nal::begins_unit(&packet.payload).then_some(Run {
                        start: number,
                        next: number,
                        timestamp,
                        idr: false,
                    })
                })
                .map(|run| Run {
                    next: number + 1,
                    idr: run.idr || nal::holds_idr(&packet.payload),
                    ..run
                });
            if packet.marker {
                found = run.take().filter(|run| run.idr).map(|run| run.start).or(found);
            }
        }
        found
    }
}

fn wrap(number: i64) -> u16 {
    number.rem_euclid(1 << 16) as u16
}

/// How far a sequence number is behind or before a number, the shorter way around.
fn distance(from: i64, sequence: u16) -> i64 {
    i64::from(sequence.wrapping_sub(wrap(from)) as i16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const WAIT: Duration = Duration::from_millis(60);
    const NOTHING: [i32; 0] = [];

    struct Line {
        reorder: Reorder,
        now: Instant,
    }

    impl Line {
        fn new() -> Self {
            Self { reorder: Reorder::new(WAIT), now: Instant::now() }
        }

        /// Lets packets arrive and tells what comes out: numbers of packets, `-n` for n packets given up,
        /// `100_000 + number` for a new numbering.
        fn push(&mut self, sequences: impl IntoIterator<Item = u16>) -> Vec<i32> {
            let mut out = Vec::new();
            for sequence in sequences {
                self.reorder.push(packet(sequence, 0, false, b"x"), self.now);
                out.extend(self.pop());
            }
            out
        }

        fn pop(&mut self) -> Vec<i32> {
            let ordered = std::iter::from_fn(|| self.reorder.pop());
            let told = ordered.map(|ordered| match ordered {
                Ordered::Packet(packet, _) => i32::from(packet.sequence),
                Ordered::Gap(packets, _) => -(packets as i32),
                Ordered::Restart(sequence) => 100_000 + i32::from(sequence),
            });
            told.collect()
        }

        fn wait(&mut self, millis: u64) -> Vec<i32> {
            self.now += Duration::from_millis(millis);
            self.reorder.handle_timeout(self.now);
            self.pop()
        }
    }

    fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &'static [u8]) -> Packet {
        Packet { sequence, timestamp, marker, payload: Bytes::from_static(payload) }
    }

    #[test]
    fn what_is_in_order_passes_at_once() {
        let mut line = Line::new();
        assert_eq!(line.push([7]), [7]);
        assert_eq!(line.push([8]), [8]);
        assert_eq!(line.push([9]), [9]);
        assert_eq!(line.reorder.timeout(), None);
    }

    #[test]
    fn what_overtook_waits_for_its_turn() {
        let mut line = Line::new();
        assert_eq!(line.push([1, 3, 4]), [1]);
        assert_eq!(line.push([2]), [2, 3, 4]);
        assert_eq!(line.push([3, 2, 5]), [5]);
        assert_eq!(line.push([8, 8]), NOTHING);
        assert_eq!(line.reorder.late(), 3);
    }

    #[test]
    fn a_gap_is_given_up_when_what_came_behind_it_is_old() {
        let mut line = Line::new();
        assert_eq!(line.push([1, 3]), [1]);
        assert_eq!(line.reorder.timeout(), Some(line.now + WAIT));
        assert_eq!(line.wait(30), NOTHING);
        assert_eq!(line.push([4, 7]), NOTHING);
        assert_eq!(line.wait(29), NOTHING);
        assert_eq!(line.wait(1), [-1, 3, 4]);
        // The second gap showed later.
        assert_eq!(line.reorder.timeout(), Some(line.now + WAIT / 2));
        assert_eq!(line.push([6, 2]), NOTHING);
        assert_eq!(line.wait(30), [-1, 6, 7]);
        assert_eq!((line.reorder.timeout(), line.reorder.late()), (None, 1));
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        let mut line = Line::new();
        assert_eq!(line.push([65534, 0, 65535, 2]), [65534, 65535, 0]);
        assert_eq!(line.push([65535, 1]), [1, 2]);
        assert_eq!(line.reorder.late(), 1);
        assert_eq!(line.push(3..=65535).len(), 65533);
        assert_eq!(line.push([0, 1]), [0, 1]);
    }

    #[test]
    fn one_packet_far_off_is_a_stray_and_two_are_a_new_numbering() {
        let mut line = Line::new();
        assert_eq!(line.push([1, 30_000, 2, 40_000, 3]), [1, 2, 3]);
        assert_eq!(line.reorder.late(), 2);
        assert_eq!(
            line.push([6, 30_000, 30_001, 30_002]),
            [-2, 6, 130_000, 30_000, 30_001, 30_002]
        );
        assert_eq!(line.push([7, 30_003]), [30_003]);
        assert_eq!(line.push([1, 2]), [100_001, 1, 2]);
        assert_eq!(line.reorder.late(), 3);
    }

    #[test]
    fn a_numbering_that_starts_again_a_little_before_is_noticed() {
        let mut line = Line::new();
        assert_eq!(line.push([500, 501]), [500, 501]);
        assert_eq!(line.push(100..163), NOTHING);
        assert_eq!(line.push([163, 164, 165]), [100_163, 163, 164, 165]);
        // A packet of the old one in between shows that it goes on.
        assert_eq!(line.push(60..120), NOTHING);
        assert_eq!(line.push([166]), [166]);
        assert_eq!(line.push(60..120), NOTHING);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut line = Line::new();
        line.push([0]);
        assert_eq!(line.push(2..2 + MOST_PACKETS as u16), NOTHING);
        let out = line.push([900]);
        assert_eq!((out.len(), out[0]), (1 + MOST_PACKETS, -1));
        assert_eq!(line.reorder.waiting.len(), 1);

        let mut line = Line::new();
        line.push([0]);
        let large = Bytes::from(vec![0; 60_000]);
        for sequence in (2..200).step_by(2) {
            let large = Packet { payload: large.clone(), ..packet(sequence, 0, false, b"") };
            line.reorder.push(large, line.now);
            line.pop();
            assert!(line.reorder.bytes <= MOST_BYTES);
        }
    }

    #[test]
    fn a_whole_keyframe_makes_what_is_missing_before_it_unneeded() {
        let mut line = Line::new();
        line.push([1]);
        let later = [
            packet(3, 100, true, b"\x41slice"),
            packet(5, 200, false, b"\x67sps"),
            packet(6, 200, false, b"\x68pps"),
            packet(8, 200, true, b"\x65end"),
        ];
        for packet in later {
            line.reorder.push(packet, line.now);
            assert_eq!(line.pop(), NOTHING);
        }
        line.reorder.push(packet(7, 200, false, b"\x65begin"), line.now);
        assert_eq!(line.pop(), [-1, 3, -1, 5, 6, 7, 8]);
    }

    #[test]
    fn a_keyframe_whose_start_may_be_missing_is_no_reason_to_give_up() {
        let mut line = Line::new();
        line.push([1]);
        for keyframe in [packet(3, 200, false, b"\x68pps"), packet(4, 200, true, b"\x65all")] {
            line.reorder.push(keyframe, line.now);
            assert_eq!(line.pop(), NOTHING);
        }
        line.reorder.push(packet(5, 300, false, b"\x67sps"), line.now);
        line.reorder.push(packet(6, 301, true, b"\x65all"), line.now);
        assert_eq!(line.pop(), NOTHING);
    }
}
