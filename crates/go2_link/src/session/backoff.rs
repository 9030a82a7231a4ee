//! How long to wait before the next attempt.

use std::time::Duration;

use crate::signaling::Retry;

/// Delays that grow with each failure in a row.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(15);

    /// The delay after one more failure; `None` when trying again cannot help. `jitter`, 0 to 1, spreads
    /// clients that lost the same robot at the same time: up to a quarter is added.
    pub fn next(&mut self, retry: Retry, jitter: f64) -> Option<Duration> {
        let grown = Self::FIRST * 2u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let delay = match retry {
            Retry::Never => return None,
            Retry::Backoff => grown.min(Self::LONGEST),
            Retry::NotBefore(least) => least.max(grown.min(Self::LONGEST)),
        };
        Some(delay.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0)))
    }

    /// To be called when a session is live: the next delay is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_limit_and_starts_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> =
            (0..9).map(|_| backoff.next(Retry::Backoff, 0.0).unwrap().as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
        backoff.reset();
        assert_eq!(backoff.next(Retry::Backoff, 0.0), Some(Backoff::FIRST));
    }

    #[test]
    fn respects_what_the_robot_asks_for() {
        let mut backoff = Backoff::default();
        let least = Duration::from_secs(12);
        assert_eq!(backoff.next(Retry::NotBefore(least), 0.0), Some(least));
        assert_eq!(backoff.next(Retry::NotBefore(least), 1.0), Some(least.mul_f64(1.25)));
        assert_eq!(backoff.next(Retry::Never, 0.0), None);
    }
}
