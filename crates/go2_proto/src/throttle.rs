//! Keeps repeated log messages quiet.

use std::time::{Duration, Instant};

/// Lets one message through in each interval and counts those it holds back.
#[derive(Debug)]
pub struct Throttle {
    every: Duration,
    last: Option<Instant>,
    held_back: u64,
}

/// How many messages were held back before this one; its text ends the message.
#[derive(Debug, PartialEq, Eq)]
pub struct HeldBack(u64);

impl std::fmt::Display for HeldBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " (and {count} more like it)"),
        }
    }
}

impl Throttle {
    /// One message in each `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, last: None, held_back: 0 }
    }

    /// Whether a message may go out now.
    pub fn allow(&mut self, now: Instant) -> Option<HeldBack> {
        let due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.every);
        if due {
            self.last = Some(now);
            Some(HeldBack(std::mem::take(&mut self.held_back)))
        } else {
            self.held_back += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_one_through_and_counts_the_rest() {
        let mut throttle = Throttle::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(throttle.allow(at(0)).unwrap().to_string(), "");
        assert_eq!(throttle.allow(at(1)), None);
        assert_eq!(throttle.allow(at(9)), None);
        assert_eq!(throttle.allow(at(10)).unwrap().to_string(), " (and 2 more like it)");
        assert_eq!(throttle.allow(at(20)), Some(HeldBack(0)));
    }
}
