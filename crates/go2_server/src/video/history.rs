//! The last packets of a stream, from which lost ones are sent again. Pure.

use std::collections::VecDeque;

use bytes::Bytes;

/// Packets that are kept; the oldest goes.
pub const HISTORY: usize = 512;

/// Packets by their numbers, which rise by one or more from each to the next, and wrap.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(u16, Bytes)>);

impl History {
    pub(super) fn push(&mut self, sequence: u16, packet: Bytes) {
        if self.0.len() == HISTORY {
            self.0.pop_front();
        }
        self.0.push_back((sequence, packet));
    }

    pub(super) fn get(&self, sequence: u16) -> Option<Bytes> {
        let (oldest, _) = self.0.front()?;
        let age = |number: u16| number.wrapping_sub(*oldest);
        let found = self.0.binary_search_by_key(&age(sequence), |packet| age(packet.0)).ok()?;
        self.0.get(found).map(|(_, packet)| packet.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_packets_are_found_by_their_numbers() {
        let mut history = History::default();
        assert_eq!(history.get(0), None);
        let packet = |number: u16| Bytes::copy_from_slice(&number.to_be_bytes());
        let first = u16::MAX - 99;
        // One number is left out, and the numbers wrap.
        let numbers = (0..=HISTORY as u16 + 1).filter(|n| *n != 50).map(|n| first.wrapping_add(n));
        for number in numbers.clone() {
            history.push(number, packet(number));
        }
        assert_eq!(history.get(first), None, "the oldest one is gone");
        for number in numbers.skip(1) {
            assert_eq!(history.get(number), Some(packet(number)), "{number}");
        }
        for number in [first + 50, first.wrapping_add(HISTORY as u16 + 2), first - 1] {
            assert_eq!(history.get(number), None, "{number}");
        }
    }
}
