//! The robot's clock, which is not this computer's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::mishap::Mishaps;

/// A clock that is behind, slow, and may be set by a mishap. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct Clock {
    behind: f64,
    /// By how much it is slow: lost seconds a second.
    slow: f64,
    start: Instant,
    mishaps: Mishaps,
}

impl Clock {
    /// A clock that is so many seconds behind now and loses so many millionths.
    pub(crate) fn new(behind: f64, drift: f64, mishaps: Mishaps) -> Self {
        Self { behind, slow: drift * 1e-6, start: Instant::now(), mishaps }
    }

    /// Since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.at(Instant::now())
    }

    /// What it shows at a moment, by how it is set now.
    pub(crate) fn at(&self, at: Instant) -> Duration {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ago = Instant::now().saturating_duration_since(at);
        let running = at.saturating_duration_since(self.start).as_secs_f64();
        let wrong = self.mishaps.clock_jump() - self.behind - running * self.slow;
        let by = Duration::from_secs_f64(wrong.abs());
        let real = real.saturating_sub(ago);
        if wrong < 0.0 {
            real.saturating_sub(by)
        } else {
            real.saturating_add(by)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_behind_and_loses_more() {
        let clock = Clock::new(0.6, 90.0, Mishaps::default());
        let behind = |after: u64| {
            let at = clock.start + Duration::from_secs(after);
            let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            // A moment that has not come shows the present, but for the drift.
            real.as_secs_f64() - clock.at(at).as_secs_f64()
        };
        assert!((behind(0) - 0.6).abs() < 0.05, "{}", behind(0));
        assert!((behind(10_000) - 1.5).abs() < 0.05, "{}", behind(10_000));
    }
}
