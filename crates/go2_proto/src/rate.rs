//! Keeps a rate within a bound. Pure.

use std::time::{Duration, Instant};

/// Lets so many through at once, and after that one in each interval.
#[derive(Debug, Clone)]
pub struct Rate {
    every: Duration,
    /// How far ahead of the steady rate it may be.
    ahead: Duration,
    /// When the steady rate would have got as far as this.
    due: Option<Instant>,
}

impl Rate {
    /// One in each `every`; `burst` of them (at least 1) may come at once after a pause.
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { every, ahead: every * burst.saturating_sub(1), due: None }
    }

    /// How long the next one has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        let due = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        due.saturating_sub(self.ahead)
    }

    /// Counts one, whether or not it had to wait.
    pub fn count(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.every);
    }

    /// Counts one where none has to wait; says whether that is so.
    pub fn allow(&mut self, now: Instant) -> bool {
        let allowed = self.wait(now).is_zero();
        if allowed {
            self.count(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_through_and_then_the_steady_rate() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::new(3, Duration::from_millis(100));
        let allowed = |rate: &mut Rate, times: std::ops::Range<u64>| {
            times.filter(|ms| rate.allow(at(*ms))).collect::<Vec<_>>()
        };
        assert_eq!(allowed(&mut rate, 0..350), [0, 1, 2, 100, 200, 300]);
        assert_eq!(rate.wait(at(350)), Duration::from_millis(50));
        assert_eq!(allowed(&mut rate, 5000..5150), [5000, 5001, 5002, 5100], "after a pause");
        let mut single = Rate::new(1, Duration::from_millis(100));
        assert_eq!(allowed(&mut single, 0..250), [0, 100, 200]);
    }
}
