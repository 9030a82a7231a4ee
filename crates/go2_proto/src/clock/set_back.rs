//! Whether the robot's clock was set back, by the stamps of the streams themselves. Pure.
//!
//! Messages of a stream come in the order in which they were made, however long they wait in a queue: a stamp that is
//! earlier than the one before it is from a clock that was set back, or wrong. It was set where the stamps that follow
//! go on from there, and those of the other streams have gone back as well. By how much tell the stamps alone, since
//! the next would have been due an interval after the last: a queue does not change that.

use super::nanoseconds::nanoseconds;
use std::time::Duration;

/// So many messages in so long a time are proof.
const AGREEING: u32 = 5;
const PROVEN: Duration = Duration::from_secs(1);
/// What is less than this is jitter.
const JITTER: Duration = Duration::from_millis(50);
/// What was stamped before the clock was set may arrive for so long after what was stamped after it.
const OVERTAKEN: Duration = Duration::from_millis(300);

/// A message and what is known of its stream; nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    /// The stream's number.
    pub(super) stream: usize,
    /// Its latest stamp that fits the model, where its stamps run.
    pub(super) fitting: Option<i64>,
    /// What usually lies between two of its stamps.
    pub(super) interval: i64,
    pub(super) stamp: i64,
    /// By the model as it is.
    pub(super) delay: i64,
    pub(super) now: i64,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Unrelated,
    /// The clock may have been set back; then the message has this delay.
    Perhaps { delay: i64 },
    /// The clock was set back by so much. The latest earlier stamps of the streams that have gone back, by number.
    Proven { by: i64, gone_back: Vec<(usize, i64)> },
}

/// A clock that may have been set back.
#[derive(Debug)]
pub(super) struct SetBack {
    since: i64,
    by: i64,
    count: u32,
    gone_back: Vec<GoneBack>,
}

#[derive(Debug)]
struct GoneBack {
    stream: usize,
    stamp: i64,
    received: i64,
}

impl Message {
    /// By how much the clock was set back if this stamp is right.
    fn set_back(&self) -> Option<i64> {
        let before = self.fitting.filter(|fitting| self.stamp < *fitting)?;
        // Nothing arrives before it was sent.
        let by = (before - self.stamp).saturating_add(self.interval).min(self.delay);
        (by > nanoseconds(JITTER)).then_some(by)
    }

    /// Whether its stream goes on as if nothing had happened, though it would have had to go back by so much.
    fn goes_on(&self, by: i64) -> bool {
        let on = |fitting| (0..2 * self.interval).contains(&(self.stamp - fitting));
        self.interval + nanoseconds(JITTER) < by && self.fitting.is_some_and(on)
    }
}

impl SetBack {
    /// What a message tells of `suspected`, which it may raise, clear or prove.
    pub(super) fn weigh(suspected: &mut Option<Self>, message: &Message) -> Verdict {
        let Some(mut back) = suspected.take() else {
            let Some(by) = message.set_back() else { return Verdict::Unrelated };
            let gone_back = vec![GoneBack::of(message)];
            *suspected = Some(Self { since: message.now, by, count: 1, gone_back });
            return Verdict::Perhaps { delay: message.delay - by };
        };
        match back.gone_back.iter_mut().find(|stream| stream.stream == message.stream) {
            Some(stream) if stream.returns(message, back.by) => return Verdict::Unrelated,
            Some(stream) => {
                if back.count >= AGREEING && message.now - back.since >= nanoseconds(PROVEN) {
                    let by = back.by.min(message.delay);
                    let gone_back = back.gone_back.iter().map(|gone| (gone.stream, gone.stamp));
                    return Verdict::Proven { by, gone_back: gone_back.collect() };
                }
                *stream = GoneBack::of(message);
            }
            None => match message.set_back() {
                Some(by) => {
                    // A stream that has lost messages just then tells too little.
                    back.by = back.by.max(by);
                    back.gone_back.push(GoneBack::of(message));
                }
                None => {
                    let late = message.now - back.since > nanoseconds(OVERTAKEN);
                    if !(late && message.goes_on(back.by)) {
                        *suspected = Some(back);
                    }
                    return Verdict::Unrelated;
                }
            },
        }
        back.count += 1;
        back.by = back.by.min(message.delay);
        let delay = message.delay - back.by;
        *suspected = Some(back);
        Verdict::Perhaps { delay }
    }
}

impl GoneBack {
    fn of(message: &Message) -> Self {
        Self { stream: message.stream, stamp: message.stamp, received: message.now }
    }

    /// Whether the stream is stamped as before again, so that it was only its stamps that were wrong.
    fn returns(&self, message: &Message, by: i64) -> bool {
        let usual = (message.now - self.received).max(message.interval);
        message.delay - by < -nanoseconds(JITTER) || message.stamp - self.stamp - usual > by / 3
    }
}
