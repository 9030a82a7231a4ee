//! One direction of a network: what a packet meets, given the time and a seed. Pure.

use std::time::{Duration, Instant};

use super::Random;

/// How bad a network is, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairment {
    /// Probability that a packet is lost, 0 to 1.
    pub loss: f64,
    /// How long every packet takes.
    pub delay: Duration,
    /// How much longer a packet takes at most. Each draws its own, so that packets overtake each other.
    pub jitter: Duration,
    /// Megabits a second, 0 for no limit. What comes faster waits in a queue of 128 KiB.
    pub mbit: f64,
    /// Nothing passes.
    pub blackout: bool,
}

/// Bytes that wait where the bandwidth is limited; a packet that finds more is dropped. About a hundred full packets,
/// as in a small router.
const QUEUE: f64 = 128.0 * 1024.0;
/// Bytes that pass at once after a pause.
const BURST: f64 = 8.0 * 1024.0;
/// Headers of Ethernet, IP and UDP.
const OVERHEAD: usize = 42;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives at this time.
    Arrives(Instant),
    /// Never.
    Lost,
    /// It did not fit into the queue.
    Dropped,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Line {
    random: Random,
    /// When what was sent so far has left, if the bucket was empty at first; a full one lets `BURST` bytes out earlier.
    free_at: Option<Instant>,
}

impl Line {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed), free_at: None }
    }

    /// What becomes of a packet of so many bytes that is sent now.
    pub(super) fn pass(&mut self, impairment: &Impairment, bytes: usize, now: Instant) -> Fate {
        // Always as many draws, so that one option does not change what the others do.
        let [lost, late] = [self.random.unit(), self.random.unit()];
        if impairment.blackout {
            return Fate::Lost;
        }
        // What is lost in the air has waited for its turn before.
        let Some(leaves) = self.queue(impairment.mbit, bytes, now) else { return Fate::Dropped };
        if lost < impairment.loss {
            return Fate::Lost;
        }
        Fate::Arrives(leaves + impairment.delay + impairment.jitter.mul_f64(late))
    }

    /// When a packet leaves the queue; `None` if it is full.
    fn queue(&mut self, mbit: f64, bytes: usize, now: Instant) -> Option<Instant> {
        if mbit <= 0.0 {
            self.free_at = None;
            return Some(now);
        }
        let takes = |bytes: f64| Duration::from_secs_f64(bytes * 8.0 / (mbit * 1e6));
        let full = now.checked_sub(takes(BURST)).unwrap_or(now);
        let free_at = self.free_at.unwrap_or(full).max(full);
        if free_at.saturating_duration_since(now) > takes(QUEUE) {
            return None;
        }
        let free_at = free_at + takes((bytes + OVERHEAD) as f64);
        self.free_at = Some(free_at);
        Some(free_at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// What becomes of packets of 1208 bytes (1250 with their headers) that are sent one each `every`: how long each
    /// takes, `None` for those that never come.
    fn sent(
        impairment: Impairment,
        seed: u64,
        count: u32,
        every: Duration,
    ) -> Vec<Option<Duration>> {
        let (mut line, start) = (Line::new(seed), Instant::now());
        let fate = |number: u32| {
            let now = start + every * number;
            match line.pass(&impairment, 1208, now) {
                Fate::Arrives(at) => Some(at - now),
                Fate::Lost | Fate::Dropped => None,
            }
        };
        (0..count).map(fate).collect()
    }

    #[test]
    fn a_good_network_lets_everything_through_at_once() {
        let fates = sent(Impairment::default(), 1, 1000, Duration::ZERO);
        assert!(fates.iter().all(|fate| *fate == Some(Duration::ZERO)));
    }

    #[test]
    fn packets_are_lost_as_often_as_asked_and_the_same_ones_again() {
        let lossy = Impairment { loss: 0.05, ..Impairment::default() };
        let fates = sent(lossy, 7, 10_000, MILLISECOND);
        let lost = fates.iter().filter(|fate| fate.is_none()).count();
        assert!((400..600).contains(&lost), "{lost}");
        assert_eq!(fates, sent(lossy, 7, 10_000, MILLISECOND));
        assert_ne!(fates, sent(lossy, 8, 10_000, MILLISECOND));
        // The delay of the others is their own affair.
        let also_late = Impairment { jitter: 50 * MILLISECOND, ..lossy };
        let late = sent(also_late, 7, 10_000, MILLISECOND);
        assert!(fates.iter().zip(&late).all(|(one, other)| one.is_none() == other.is_none()));
    }

    #[test]
    fn packets_take_their_time_and_overtake_each_other() {
        let (delay, jitter) = (20 * MILLISECOND, 100 * MILLISECOND);
        let slow = Impairment { delay, jitter, ..Impairment::default() };
        let fates: Vec<_> = sent(slow, 3, 10_000, 10 * MILLISECOND).into_iter().flatten().collect();
        assert_eq!(fates.len(), 10_000);
        assert!(fates.iter().all(|took| (delay..delay + jitter).contains(took)));
        let mean = fates.iter().sum::<Duration>() / 10_000;
        assert!((68 * MILLISECOND..72 * MILLISECOND).contains(&mean), "{mean:?}");
        let overtaken = fates.windows(2).filter(|two| two[0] > two[1] + 10 * MILLISECOND).count();
        assert!((3500..4600).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn bandwidth_is_limited_and_the_queue_drops_what_comes_last() {
        // 1250 bytes at 4 Mbit/s take 2.5 ms: of one each millisecond, two of five pass.
        let narrow = Impairment { mbit: 4.0, ..Impairment::default() };
        let fates = sent(narrow, 1, 10_000, MILLISECOND);
        let passed = fates.iter().flatten().count();
        assert!((4000..4150).contains(&passed), "{passed}");
        let longest = fates.iter().flatten().max().unwrap();
        // 128 KiB at 4 Mbit/s, and itself.
        assert!((262 * MILLISECOND..266 * MILLISECOND).contains(longest), "{longest:?}");
        assert!(fates[..150].iter().all(Option::is_some), "the queue is empty at first");
        // With as much as it carries nothing waits, and after a pause a burst passes at once.
        let fates = sent(narrow, 1, 1000, Duration::from_micros(2500));
        assert!(fates.iter().all(|fate| *fate == Some(Duration::ZERO)));
        let burst: Vec<_> = sent(narrow, 1, 10, Duration::ZERO).into_iter().flatten().collect();
        assert_eq!(burst.iter().filter(|took| took.is_zero()).count(), 6);
        assert!(burst.is_sorted());
    }

    #[test]
    fn in_a_blackout_nothing_passes_and_the_draws_go_on() {
        let lossy = Impairment { loss: 0.5, ..Impairment::default() };
        let dark = Impairment { blackout: true, ..lossy };
        let (mut one, mut other, now) = (Line::new(1), Line::new(1), Instant::now());
        for _ in 0..100 {
            assert_eq!(one.pass(&dark, 100, now), Fate::Lost);
            other.pass(&lossy, 100, now);
        }
        for _ in 0..100 {
            assert_eq!(one.pass(&lossy, 100, now), other.pass(&lossy, 100, now));
        }
    }

    #[test]
    fn a_limit_that_is_lifted_leaves_no_queue_behind() {
        let (mut line, now) = (Line::new(1), Instant::now());
        let narrow = Impairment { mbit: 0.1, ..Impairment::default() };
        for _ in 0..50 {
            line.pass(&narrow, 1208, now);
        }
        assert_eq!(line.pass(&Impairment::default(), 1208, now), Fate::Arrives(now));
        assert_eq!(line.pass(&narrow, 1208, now), Fate::Arrives(now));
    }
}
