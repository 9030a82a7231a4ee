//! Answers that are still to be sent, in the order in which they are due.

use std::time::Instant;

use go2_server::Message;

/// One answer; those with bytes are several messages.
struct Answer {
    due: Instant,
    messages: Vec<Message>,
}

/// What waits for its time.
#[derive(Default)]
pub(super) struct Answers(Vec<Answer>);

/// Answers that can wait. What is more is dropped: a client that asks so much does not listen either.
const MOST: usize = 1000;

impl Answers {
    /// Adds an answer, behind those that are due at the same time. `false` if there are too many.
    pub(super) fn add(&mut self, due: Instant, messages: Vec<Message>) -> bool {
        if self.0.len() >= MOST {
            return false;
        }
        let index = self.0.partition_point(|answer| answer.due <= due);
        self.0.insert(index, Answer { due, messages });
        true
    }

    /// When the next is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.first().map(|answer| answer.due)
    }

    /// The messages that are due.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Message> {
        let count = self.0.partition_point(|answer| answer.due <= now);
        self.0.drain(..count).flat_map(|answer| answer.messages).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_come_when_they_are_due_and_not_before() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut answers = Answers::default();
        let text = |text: &str| vec![Message::Text(text.to_owned())];
        for (due, name) in [(50, "slow"), (10, "a"), (10, "b"), (20, "c")] {
            assert!(answers.add(at(due), text(name)));
        }
        let mut take = |ms| -> Vec<String> {
            let texts = answers.take(at(ms)).into_iter().map(|message| match message {
                Message::Text(text) => text,
                Message::Binary(_) | Message::Raw(_) => unreachable!(),
            });
            texts.collect()
        };
        assert!(take(9).is_empty());
        assert_eq!(take(10), ["a", "b"]);
        assert_eq!(take(60), ["c", "slow"]);
        assert_eq!(answers.due(), None);
        assert!((0..MOST).all(|_| answers.add(at(1), text("x"))) && !answers.add(at(1), text("x")));
        assert_eq!(answers.due(), Some(at(1)));
    }
}
