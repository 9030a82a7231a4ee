//! Timestamps that do not wrap around.

use std::time::Instant;

use super::TICKS_PER_SECOND;

/// A timestamp that runs ahead of the receiver's clock by more has another origin.
const LARGEST_STEP: u64 = 10 * TICKS_PER_SECOND;
/// What is shown before a picture that is sent before it is shown so much earlier at most: 16 pictures, of slow cameras.
const LARGEST_REORDERING: u64 = 2 * TICKS_PER_SECOND;

/// Timestamps that do not wrap around.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The latest timestamp, as it came and as it was given out, and when it came.
    latest: Option<(u32, u64, Instant)>,
    /// The next timestamp has another origin.
    pub(super) rebase: bool,
}

impl Clock {
    /// The time of a picture. Later than those before; only where pictures `may_be_reordered`, as B pictures are, it may be
    /// a little earlier than the latest.
    pub(super) fn at(&mut self, timestamp: u32, received: Instant, may_be_reordered: bool) -> u64 {
        let rebase = std::mem::take(&mut self.rebase);
        let now = match self.latest {
            None => u64::from(timestamp),
            Some((latest, at, when)) => {
                let step = i64::from(timestamp.wrapping_sub(latest) as i32);
                let back = step.unsigned_abs();
                if may_be_reordered && !rebase && step < 0 && back <= LARGEST_REORDERING {
                    return at.saturating_sub(back);
                }
                let elapsed = received.saturating_duration_since(when).as_micros() * 9 / 100;
                let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX / 2);
                let step = u64::try_from(step).unwrap_or(0);
                let plausible = !rebase && step > 0 && step <= elapsed + LARGEST_STEP;
                at.saturating_add(if plausible { step } else { elapsed.max(1) })
            }
        };
        self.latest = Some((timestamp, now, received));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Of a stream whose pictures are shown as they are sent.
    #[derive(Default)]
    struct InOrder(Clock);

    impl InOrder {
        fn at(&mut self, timestamp: u32, received: Instant) -> u64 {
            self.0.at(timestamp, received, false)
        }
    }

    #[test]
    fn b_pictures_are_earlier_than_the_picture_before_them() {
        let start = Instant::now();
        let mut clock = Clock::default();
        // In the middle the 32 bits are used up.
        let first = u32::MAX - 15_000;
        let shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        for (sent, shown) in (0..).zip(shown) {
            let received = start + Duration::from_millis(33) * sent;
            let time = clock.at(first.wrapping_add(3000 * shown), received, true);
            assert_eq!(time, u64::from(first) + 3000 * u64::from(shown), "{shown}");
        }
        // A step farther back is another origin: it goes on with the receiver's clock since the latest picture.
        let before = u64::from(first) + 3000 * 9;
        let at = start + Duration::from_millis(33 * 9 + 1000);
        assert_eq!(clock.at(first.wrapping_sub(90_000 * 3), at, true), before + 1066 * 90);
    }

    #[test]
    fn timestamps_that_jump_go_on_with_the_receivers_clock() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut clock = InOrder::default();
        assert_eq!(clock.at(5000, at(0)), 5000);
        assert_eq!(clock.at(8000, at(900)), 8000);
        // Back, the same again, and far ahead of the clock.
        assert_eq!(clock.at(7000, at(1000)), 17_000);
        assert_eq!(clock.at(7000, at(1000)), 17_001);
        assert_eq!(clock.at(7000 + 90_000 * 11, at(1010)), 17_901);
        assert_eq!(clock.at(7000 + 90_000 * 20, at(1020)), 17_901 + 90_000 * 9);
        // After a pause the clock is ahead.
        assert_eq!(clock.at(7000 + 90_000 * 40, at(30_000)), 17_901 + 90_000 * 29);
        clock.0.rebase = true;
        assert_eq!(clock.at(7000 + 90_000 * 41, at(30_100)), 26_901 + 90_000 * 29);
        assert_eq!(clock.at(7000 + 90_000 * 42, at(30_100)), 26_901 + 90_000 * 30);
    }
}
