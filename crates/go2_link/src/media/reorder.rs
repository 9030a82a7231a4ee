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
        let marker = arrived.packet.marker;
        self.insert(next + offset, arrived);
        if marker && self.is_blocked() {
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
        // A gap is as old as the oldest packet behind it.
        let mut oldest = now;
        let mut due = None;
        for (&number, arrived) in self.waiting.iter().rev() {
            oldest = oldest.min(arrived.at);
            if oldest + self.wait <= now {
                due = Some(number);
                break;
            }
        }
        if let Some(number) = due {
            // Nothing behind `number` is due; whatever gap lies before it is.
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
