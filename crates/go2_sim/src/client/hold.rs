//! Messages that are held for a while and then come all at once, as from a robot whose processor is busy. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use go2_server::Message;

/// What waits.
#[derive(Default)]
pub(super) struct Held {
    messages: VecDeque<Message>,
    bytes: usize,
    until: Option<Instant>,
}

/// Bytes that can wait. What is more is dropped, the newest first, as by a robot whose buffers are full.
const LARGEST: usize = 1024 * 1024;

impl Held {
    /// What is to be done with a message while others are to be held for a time, or are not: `Some` is to be sent now.
    pub(super) fn pass(
        &mut self,
        message: Message,
        holds: Option<Duration>,
        now: Instant,
    ) -> Option<Message> {
        match (holds, self.until) {
            (None, None) => return Some(message),
            (Some(time), None) => self.until = Some(now + time),
            // Nothing overtakes what waits.
            (None, Some(_)) => self.until = Some(now),
            (Some(_), Some(_)) => {}
        }
        let length = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) | Message::Raw(bytes) => bytes.len(),
        };
        if self.bytes + length <= LARGEST {
            self.bytes += length;
            self.messages.push_back(message);
        }
        None
    }

    /// When they are to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until
    }

    /// Those to be sent now.
    pub(super) fn take(&mut self, now: Instant) -> VecDeque<Message> {
        if self.until.is_none_or(|until| now < until) {
            return VecDeque::new();
        }
        std::mem::take(self).messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_and_keep_their_order() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let text = |text: &str| Message::Text(text.to_owned());
        let second = Some(Duration::from_secs(1));
        let mut held = Held::default();
        assert_eq!(held.pass(text("a"), None, start), Some(text("a")));
        assert_eq!(held.pass(text("b"), second, start), None);
        assert_eq!(held.pass(text("c"), second, at(500)), None);
        assert!(held.take(at(999)).is_empty());
        assert_eq!(held.due(), Some(at(1000)));
        assert_eq!(held.take(at(1000)), [text("b"), text("c")]);
        assert_eq!(held.due(), None);
        // It is over while something waits.
        assert_eq!(held.pass(text("d"), second, at(2000)), None);
        assert_eq!(held.pass(text("e"), None, at(2100)), None);
        assert_eq!(held.take(at(2100)), [text("d"), text("e")]);
        assert_eq!(held.pass(text("f"), None, at(2101)), Some(text("f")));
    }

    #[test]
    fn what_waits_is_bounded() {
        let now = Instant::now();
        let mut held = Held::default();
        for _ in 0..5 {
            let large = Message::Binary(vec![0; LARGEST / 3].into());
            held.pass(large, Some(Duration::ZERO), now);
        }
        assert_eq!(held.take(now).len(), 3);
        assert_eq!(held.bytes, 0);
    }
}
