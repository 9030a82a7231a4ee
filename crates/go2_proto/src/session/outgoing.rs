//! What was handed to the channel and is not acknowledged. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Messages that are under way, by their sizes: the channel tells only how many bytes are not acknowledged.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Bytes of all messages so far.
    bytes: usize,
    /// Each message that may be under way: when it was sent, and how many bytes there were with it.
    messages: VecDeque<(Instant, usize)>,
}

impl Outgoing {
    /// A message of so many bytes is handed to the channel, where `backlog` bytes are not acknowledged.
    pub fn sent(&mut self, bytes: usize, backlog: usize, now: Instant) {
        self.forget(backlog);
        self.bytes += bytes;
        self.messages.push_back((now, self.bytes));
    }

    /// The age of the oldest message of which some is among the `backlog` bytes that are not acknowledged; zero if there is
    /// none.
    pub fn oldest(&mut self, backlog: usize, now: Instant) -> Duration {
        self.forget(backlog);
        let oldest = self.messages.front();
        oldest.map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at))
    }

    fn forget(&mut self, backlog: usize) {
        let acknowledged = self.bytes.saturating_sub(backlog);
        while self.messages.front().is_some_and(|(_, end)| *end <= acknowledged) {
            self.messages.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_first_that_is_not_wholly_acknowledged() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.oldest(0, at(0)), Duration::ZERO);
        outgoing.sent(100, 0, at(0));
        outgoing.sent(50, 100, at(40));
        assert_eq!(outgoing.oldest(150, at(100)), Duration::from_millis(100));
        assert_eq!(outgoing.oldest(51, at(100)), Duration::from_millis(100), "some of the first");
        assert_eq!(outgoing.oldest(50, at(100)), Duration::from_millis(60));
        assert_eq!(outgoing.oldest(0, at(100)), Duration::ZERO);
        outgoing.sent(10, 0, at(200));
        // What opened the channel is not counted here.
        assert_eq!(outgoing.oldest(1000, at(250)), Duration::from_millis(50));
    }

    #[test]
    fn nothing_is_kept_of_what_is_acknowledged() {
        let (start, mut outgoing) = (Instant::now(), Outgoing::default());
        for _ in 0..10_000 {
            outgoing.sent(100, 200, start);
        }
        assert_eq!(outgoing.messages.len(), 3);
    }
}
