//! What a bad network does to video packets: it loses, delays and repeats them, by their number and not by time, and
//! leaves everything else alone. Pure; the same seed does the same.

use bytes::Bytes;

use crate::network::Random;

/// How bad the network is. Probabilities are per packet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Badness {
    pub(crate) loss: f64,
    pub(crate) reorder: f64,
    pub(crate) duplicate: f64,
}

/// A network between the robot and its client.
pub(crate) struct Network {
    badness: Badness,
    random: Random,
    /// Packets that are held back, with how many others are to overtake them.
    held: Vec<(u32, Bytes)>,
}

/// A packet is overtaken by one to this many.
const OVERTAKEN_BY: u32 = 3;

impl Network {
    pub(crate) fn new(badness: Badness, seed: u64) -> Self {
        Self { badness, random: Random(seed), held: Vec::new() }
    }

    /// What arrives when a packet is sent, in its order.
    pub(crate) fn pass(&mut self, packet: Bytes) -> Vec<Bytes> {
        let mut arriving = Vec::new();
        // Always as many draws, so that one probability does not change what the others do.
        let [lost, reordered, duplicated] =
            [self.badness.loss, self.badness.reorder, self.badness.duplicate]
                .map(|probability| self.random.unit() < probability);
        let overtakers = 1 + self.random.below(OVERTAKEN_BY);
        for (left, _) in &mut self.held {
            *left -= 1;
        }
        if !lost && !reordered {
            arriving.push(packet.clone());
        }
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(|held| held.0 == 0);
        self.held = held;
        let due: Vec<(u32, Bytes)> = due;
        arriving.extend(due.into_iter().map(|(_, packet)| packet));
        if !lost && reordered {
            self.held.push((overtakers, packet.clone()));
        }
        if !lost && duplicated {
            arriving.push(packet);
        }
        arriving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: u16 = 10_000;

    fn arriving(badness: Badness, seed: u64) -> Vec<u16> {
        let mut network = Network::new(badness, seed);
        let packet = |number: u16| Bytes::copy_from_slice(&number.to_be_bytes());
        let arriving = (0..SENT).flat_map(|number| network.pass(packet(number)));
        arriving.map(|packet| u16::from_be_bytes([packet[0], packet[1]])).collect()
    }

    #[test]
    fn a_good_network_changes_nothing() {
        assert_eq!(arriving(Badness::default(), 1), (0..SENT).collect::<Vec<_>>());
    }

    #[test]
    fn packets_are_lost_as_often_as_asked_and_the_same_ones_again() {
        let badness = Badness { loss: 0.05, ..Badness::default() };
        let first = arriving(badness, 7);
        let lost = usize::from(SENT) - first.len();
        assert!((400..600).contains(&lost), "{lost}");
        assert_eq!(first, arriving(badness, 7));
        assert_ne!(first, arriving(badness, 8));
        assert!(first.is_sorted());
    }

    #[test]
    fn packets_are_overtaken_by_one_to_three() {
        let badness = Badness { reorder: 0.1, ..Badness::default() };
        let numbers = arriving(badness, 3);
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let missing = usize::from(SENT) - sorted.len();
        assert!(missing <= 3, "only the last ones may still be held");
        let mut late = [0; 5];
        for (place, number) in numbers.iter().enumerate() {
            let overtakers = numbers[..place].iter().rev().take(9).filter(|n| *n > number).count();
            late[overtakers.min(4)] += 1;
        }
        assert_eq!(late[4], 0, "{late:?}");
        assert!(late[1..4].iter().all(|count| *count > 200), "{late:?}");
    }

    #[test]
    fn packets_are_repeated() {
        let badness = Badness { duplicate: 0.1, ..Badness::default() };
        let numbers = arriving(badness, 3);
        let repeated = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((900..1100).contains(&repeated), "{repeated}");
        assert_eq!(numbers.len(), usize::from(SENT) + repeated);
    }
}
