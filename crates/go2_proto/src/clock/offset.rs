//! The offset between the two clocks, and how it follows their drift. Pure.

use super::nanoseconds::nanoseconds;
use std::time::Duration;

/// Stretches of time whose least differences are compared. Two of them are longer than any burst.
const WINDOW: Duration = Duration::from_secs(5);
/// How fast the offset may grow: crystals differ by less than a tenth of it, a clock being slewed by half.
const SLEW: f64 = 1e-3;

/// Local minus robot time, nanoseconds.
#[derive(Debug)]
pub(super) struct Offset {
    pub(super) value: i64,
    pub(super) learned_from: i64,
    /// When a message of any stream last came promptly.
    pub(super) prompt: i64,
    /// Whether since then nothing at all came for longer than any queue lasts.
    pub(super) hole: bool,
    updated: i64,
    window: Window,
    previous: i64,
}

/// The least difference since `start`.
#[derive(Debug)]
struct Window {
    start: i64,
    least: i64,
}

impl Offset {
    pub(super) fn new(value: i64, now: i64) -> Self {
        let window = Window { start: now, least: value };
        let previous = i64::MAX;
        Self { value, learned_from: now, prompt: now, hole: false, updated: now, window, previous }
    }

    /// The least difference of late.
    pub(super) fn least(&self) -> i64 {
        self.window.least
    }

    /// The robot's clock was set back: delays stay what they were.
    pub(super) fn shift(&mut self, by: i64) {
        self.value = self.value.saturating_add(by);
        self.window.least = self.window.least.saturating_add(by);
        self.previous = self.previous.saturating_add(by);
    }

    /// Takes a difference that fits.
    pub(super) fn follow(&mut self, difference: i64, now: i64) {
        self.value = self.value.min(difference);
        self.window.least = self.window.least.min(difference);
        if now - self.window.start >= nanoseconds(WINDOW) {
            self.previous = self.window.least;
            self.window = Window { start: now, least: difference };
        }
        let least = self.window.least.min(self.previous);
        if self.previous < i64::MAX && least > self.value {
            let most = ((now - self.updated) as f64 * SLEW) as i64;
            self.value += most.clamp(0, least - self.value);
        }
        self.updated = now;
    }
}
