//! How long to wait before the next attempt.

use std::time::{Duration, Instant};

use crate::signaling::Retry;

/// Delays that grow with each failure in a row.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(15);
    /// Between the beginnings of two attempts, where an attempt costs the robot nothing.
    const SOON: Duration = Duration::from_secs(1);
    /// Where a person has to do something.
    const SLOWLY: Duration = Duration::from_secs(30);

    /// The delay after one more failure, of an attempt that took so long; `None` when trying again cannot help.
    /// `jitter`, 0 to 1, spreads clients that lost the same robot at the same time: up to a quarter is added.
    pub fn next(&mut self, retry: Retry, took: Duration, jitter: f64) -> Option<Duration> {
        let grown = Self::FIRST * 2u32.pow(self.failures.min(10));
        let delay = match retry {
            Retry::Never => return None,
            Retry::Slowly => {
                self.failures = 0;
                return Some(Self::SLOWLY);
            }
            // Nobody is there to be spared. What comes then begins with the first delay again.
            Retry::Soon => {
                self.failures = 0;
                return Some(Self::FIRST.max(Self::SOON.saturating_sub(took)));
            }
            Retry::Backoff => grown.min(Self::LONGEST),
            Retry::NotBefore(least) => least.max(grown.min(Self::LONGEST)),
        };
        self.failures = self.failures.saturating_add(1);
        Some(delay.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0)))
    }

    /// To be called when a session is live: the next delay is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The robot's only slot, which it keeps for a while for a client that was lost. Until it is free the robot is busy, most
/// likely with that client, which is this one. Asking does not make it longer, so it is asked often: control is back soon after.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    /// Whether a session was lost after which there was none.
    lost: bool,
    /// When the robot was found busy with it.
    since: Option<Instant>,
}

impl Slot {
    /// Robots keep a lost client's slot for 10 to 20 s.
    const KEPT: Duration = Duration::from_secs(20);
    const ASK_EVERY: Duration = Duration::from_millis(1500);

    /// A session is over, by loss or otherwise. One that was lost may still be there for the robot.
    pub(super) fn ended(&mut self, lost: bool) {
        *self = Self { lost, since: None };
    }

    /// The robot is busy; the delay to the next attempt if that is most likely because of a session of ours.
    pub(super) fn busy(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        (self.lost && now.saturating_duration_since(since) < Self::KEPT).then_some(Self::ASK_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn grows_to_a_limit_and_starts_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> =
            (0..9).map(|_| backoff.next(Retry::Backoff, MS, 0.0).unwrap().as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
        backoff.reset();
        assert_eq!(backoff.next(Retry::Backoff, MS, 0.0), Some(Backoff::FIRST));
    }

    #[test]
    fn respects_what_the_robot_asks_for() {
        let mut backoff = Backoff::default();
        let least = Duration::from_secs(12);
        assert_eq!(backoff.next(Retry::NotBefore(least), MS, 0.0), Some(least));
        assert_eq!(backoff.next(Retry::NotBefore(least), MS, 1.0), Some(least.mul_f64(1.25)));
        assert_eq!(backoff.next(Retry::Never, MS, 0.0), None);
    }

    #[test]
    fn what_a_person_has_to_mend_is_looked_at_twice_a_minute_for_ever() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            assert_eq!(backoff.next(Retry::Slowly, MS, 1.0), Some(Duration::from_secs(30)));
        }
        assert_eq!(backoff.next(Retry::Backoff, MS, 0.0), Some(Backoff::FIRST));
    }

    #[test]
    fn a_slot_of_our_own_is_asked_for_often_for_twenty_seconds() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut slot = Slot::default();
        assert_eq!(slot.busy(at(0)), None, "somebody else's");
        slot.ended(true);
        // However long the robot was out of reach.
        assert_eq!(slot.busy(at(60)), Some(Slot::ASK_EVERY));
        assert_eq!(slot.busy(at(79)), Some(Slot::ASK_EVERY));
        assert_eq!(slot.busy(at(80)), None, "by now it is somebody else");
        slot.ended(true);
        assert_eq!(slot.busy(at(90)), Some(Slot::ASK_EVERY));
        slot.ended(false);
        assert_eq!(slot.busy(at(91)), None);
    }

    #[test]
    fn a_robot_that_is_not_there_is_looked_for_all_the_time() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            assert_eq!(backoff.next(Retry::Soon, MS, 1.0), Some(Backoff::SOON - MS));
        }
        assert_eq!(backoff.next(Retry::Soon, Duration::from_secs(3), 0.0), Some(Backoff::FIRST));
        assert_eq!(backoff.next(Retry::Backoff, MS, 0.0), Some(Backoff::FIRST));
    }
}
