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
