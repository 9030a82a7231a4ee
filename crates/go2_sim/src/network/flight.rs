//! Packets that are under way. Pure.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

/// Packets under way at most; there is no room for more.
pub(super) const MOST: usize = 8192;

/// Packets in the order in which they arrive.
#[derive(Debug, Default)]
pub(super) struct Flight {
    packets: BinaryHeap<Reverse<Packet>>,
    next: u64,
}

#[derive(Debug)]
struct Packet {
    due: Instant,
    /// Those that are due at the same time arrive as they were sent.
    number: u64,
    data: Bytes,
    /// Where it goes, or comes from.
    address: SocketAddr,
}

impl Flight {
    /// Takes a packet; `false` if there is no room.
    pub(super) fn push(&mut self, due: Instant, data: Bytes, address: SocketAddr) -> bool {
        if self.packets.len() == MOST {
            return false;
        }
        self.packets.push(Reverse(Packet { due, number: self.next, data, address }));
        self.next += 1;
        true
    }

    /// When the next one arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.packets.peek().map(|Reverse(packet)| packet.due)
    }

    /// One that has arrived by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Bytes, SocketAddr)> {
        let arrived = self.due().is_some_and(|due| due <= now);
        let Reverse(packet) = arrived.then(|| self.packets.pop()).flatten()?;
        Some((packet.data, packet.address))
    }
}

impl Packet {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.number)
    }
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Packet {}

impl PartialOrd for Packet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Packet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_arrive_when_they_are_due_and_in_the_order_they_were_sent_otherwise() {
        let (mut flight, now) = (Flight::default(), Instant::now());
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let at = |millis| now + Duration::from_millis(millis);
        for (millis, data) in [(20, "a"), (10, "b"), (20, "c"), (10, "d")] {
            assert!(flight.push(at(millis), Bytes::from_static(data.as_bytes()), address));
        }
        assert_eq!(flight.due(), Some(at(10)));
        assert_eq!(flight.pop(at(9)), None);
        let mut arrived = |millis| {
            let next = || flight.pop(at(millis)).map(|(data, _)| data);
            std::iter::from_fn(next).collect::<Vec<_>>().concat()
        };
        assert_eq!(arrived(19), b"bd");
        assert_eq!(arrived(20), b"ac");
        assert_eq!(flight.due(), None);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let (mut flight, now) = (Flight::default(), Instant::now());
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut push = || flight.push(now, Bytes::new(), address);
        assert_eq!((0..MOST + 2).filter(|_| push()).count(), MOST);
    }
}
