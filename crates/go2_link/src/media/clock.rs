//! Timestamps that always grow.

use std::time::Instant;

use super::TICKS_PER_SECOND;

/// A timestamp that runs ahead of the receiver's clock by more has another origin.
const LARGEST_STEP: u64 = 10 * TICKS_PER_SECOND;

/// Timestamps that do not wrap around.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<(u32, u64, Instant)>,
    /// The next timestamp has another origin.
    pub(super) rebase: bool,
}

impl Clock {
    /// The time of a picture.
    pub(super) fn at(&mut self, timestamp: u32, received: Instant) -> u64 {
        let now = match self.last {
            None => u64::from(timestamp),
            Some((before, at, when)) => {
                let elapsed = received.saturating_duration_since(when).as_micros() * 9 / 100;
                let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX / 2);
                let step = u64::try_from(timestamp.wrapping_sub(before) as i32).unwrap_or(0);
                let plausible = !self.rebase && step > 0 && step <= elapsed + LARGEST_STEP;
                at.saturating_add(if plausible { step } else { elapsed.max(1) })
            }
        };
        self.rebase = false;
        self.last = Some((timestamp, now, received));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_that_jump_go_on_with_the_receivers_clock() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut clock = Clock::default();
        assert_eq!(clock.at(5000, at(0)), 5000);
        assert_eq!(clock.at(8000, at(900)), 8000);
        // Back, the same again, and far ahead of the clock.
        assert_eq!(clock.at(7000, at(1000)), 17_000);
        assert_eq!(clock.at(7000, at(1000)), 17_001);
        assert_eq!(clock.at(7000 + 90_000 * 11, at(1010)), 17_901);
        assert_eq!(clock.at(7000 + 90_000 * 20, at(1020)), 17_901 + 90_000 * 9);
        // After a pause the clock is ahead.
        assert_eq!(clock.at(7000 + 90_000 * 40, at(30_000)), 17_901 + 90_000 * 29);
        clock.rebase = true;
        assert_eq!(clock.at(7000 + 90_000 * 41, at(30_100)), 26_901 + 90_000 * 29);
        assert_eq!(clock.at(7000 + 90_000 * 42, at(30_100)), 26_901 + 90_000 * 30);
    }
}
