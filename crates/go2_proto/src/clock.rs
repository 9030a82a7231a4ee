//! The robot's time carried over to this computer's. Pure: every time is an argument.
//!
//! The robot stamps its messages by a clock of its own, which may be hours off, and they arrive late: some
//! milliseconds as a rule, seconds when the Wi-Fi stalls and then delivers a burst. What a message is worth to
//! a consumer is when it was true. A message never arrives before it was sent, so the least difference between
//! receipt and stamp is the offset of the two clocks, plus the link's least delay, which cannot be told from
//! it. That least difference is learned from all streams together and followed slowly.
//!
//! The robot's clock may also be set while it runs. Set back, everything seems to come late, as from a queue in the
//! Wi-Fi; but each stream's own stamps go back then, which no queue does (`set_back`). Set forward, messages arrive
//! before they were sent. Either is followed within seconds. Where neither is to be seen, as after a hole that hid it,
//! only time tells.
//!
//! Stamps that are of no use (missing, repeated, from another time) are answered with the time of receipt.

mod nanoseconds;
mod offset;
mod set_back;

use std::time::{Duration, Instant};

use nanoseconds::nanoseconds;
use offset::Offset;
use set_back::{SetBack, Verdict};

/// For so long the first messages may correct each other by any amount.
const LEARNING: Duration = Duration::from_secs(5);
/// Beyond this a message is not just less delayed than all before: the stamp is from another time.
const EARLY: Duration = Duration::from_millis(50);
/// The longest that a message is under way.
const LATEST: Duration = Duration::from_secs(5);
/// The first message of a stream must not be later than this for its stamp to count.
const PUNCTUAL: Duration = Duration::from_millis(200);
/// Delays above this are bursts, or a queue. A stream that has only these for [`SETTLED`], while others come promptly,
/// is stamped by another clock.
const PROMPT: Duration = Duration::from_secs(1);
/// Where nothing comes promptly for so long after a hole longer than [`LATEST`], the clock was set back in the hole.
const SETTLED: Duration = Duration::from_secs(10);
/// The same without such a hole, since a queue may stand for 20 s.
const QUEUED: Duration = Duration::from_secs(30);
/// What a stream's delay was so long ago it still is.
const RECENT: Duration = Duration::from_secs(1);
/// What has to speak for another offset: so many stamps in so long a time, and none against it.
const AGREED: Duration = Duration::from_secs(2);
const AGREEING: u32 = 5;
/// Messages of a stream are at least so far apart.
const APART: Duration = Duration::from_micros(100);

/// Names a stream of messages within a [`RobotClock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(usize);

/// Where a message's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The robot's stamp.
    Robot,
    /// The time of receipt: it has no stamp.
    Missing,
    /// The time of receipt: the stream had this stamp, or a later one, before.
    Repeated,
    /// The stamp is from another time than those of the other messages: the time of receipt, or what is likely if the
    /// robot's clock was just set.
    Jumped,
}

/// A message in this computer's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// When it was true. Never later than its receipt, and later than the message before it in its stream;
    /// where both cannot be, it is later by 100 microseconds.
    pub at: Instant,
    /// How that is known.
    pub source: Source,
    /// That the robot's clock was set, where this message proves it.
    pub step: Option<Step>,
}

/// The robot's clock was set while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// By how much, give or take the jitter of a message.
    pub size: Duration,
    /// Whether back.
    pub back: bool,
    /// When that was proven.
    pub at: Instant,
}

/// How often the robot's clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steps {
    /// Times so far.
    pub count: u64,
    /// The latest.
    pub last: Option<Step>,
}

/// What became of a stream's stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// How much later than the least delayed the latest message came; `None` without a usable stamp.
    pub delay: Option<Duration>,
    /// Messages without a stamp.
    pub missing: u64,
    /// Messages whose stamp was not later than the one before.
    pub repeated: u64,
    /// Messages whose stamp is from another time.
    pub jumped: u64,
}

/// A model of one robot clock, shared by all streams that are stamped by it.
#[derive(Debug, Default)]
pub struct RobotClock {
    streams: Vec<State>,
    /// Where local nanoseconds are counted from.
    origin: Option<Instant>,
    offset: Option<Offset>,
    candidate: Option<Candidate>,
    set_back: Option<SetBack>,
    /// When a message last came.
    heard: Option<i64>,
    steps: Steps,
}

#[derive(Debug)]
struct State {
    name: String,
    /// The latest, whatever it is worth.
    stamp: Option<i64>,
    /// The latest that fits.
    fitting: Option<Fitting>,
    /// What usually lies between two stamps.
    interval: i64,
    /// Whether a stamp was ever later than the one before.
    runs: bool,
    at: Option<Instant>,
    /// When a message last came promptly.
    prompt: Option<i64>,
    health: Health,
}

/// A stamp that fits the model.
#[derive(Debug, Clone, Copy)]
struct Fitting {
    stamp: i64,
    delay: i64,
    received: i64,
}

/// An offset that stamps speak for which do not fit the present one.
#[derive(Debug)]
struct Candidate {
    since: i64,
    count: u32,
    least: i64,
}

/// What a stamp tells.
struct Judged {
    /// Nanoseconds; `None` where the stamp does not tell it.
    delay: Option<i64>,
    source: Source,
    /// By how much the clock was set: back where it is above 0.
    step: Option<i64>,
}

impl Judged {
    fn without(source: Source) -> Self {
        Self { delay: None, source, step: None }
    }

    fn with(source: Source, delay: i64) -> Self {
        Self { delay: Some(delay), source, step: None }
    }
}

impl State {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stamp: None,
            fitting: None,
            interval: 0,
            runs: false,
            at: None,
            prompt: None,
            health: Health::default(),
        }
    }

    /// Takes a stamp that fits.
    fn fits(&mut self, fitting: Fitting) {
        if let Some(last) = self.fitting.replace(fitting) {
            let interval = fitting.stamp - last.stamp;
            // A lost message makes no longer interval, but a stream may become slower.
            self.interval = match self.interval {
                0 => interval,
                usual => usual + (interval - usual).min(usual) / 8,
            };
        }
    }
}

impl RobotClock {
    /// A stream whose messages are stamped by this clock. The same name is the same stream.
    pub fn stream(&mut self, name: &str) -> Stream {
        if let Some(known) = self.streams.iter().position(|stream| stream.name == name) {
            return Stream(known);
        }
        self.streams.push(State::new(name));
        Stream(self.streams.len() - 1)
    }

    /// What became of a stream's stamps so far.
    pub fn health(&self, stream: Stream) -> Health {
        self.streams.get(stream.0).map(|stream| stream.health).unwrap_or_default()
    }

    /// How often the robot's clock was set so far.
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// What the robot's clock shows at a time of this computer; `None` before any stamp.
    pub fn robot_time(&self, at: Instant) -> Option<Duration> {
        let now = nanoseconds(at.checked_duration_since(self.origin?)?);
        let robot = now.checked_sub(self.offset.as_ref()?.value)?;
        u64::try_from(robot).ok().map(Duration::from_nanos)
    }

    /// When a message was true, by the stamp that the robot gave it and the time at which it came.
    pub fn place(&mut self, stream: Stream, stamp: Option<Duration>, received: Instant) -> Placed {
        let origin = *self.origin.get_or_insert(received);
        let now = match received.checked_duration_since(origin) {
            Some(after) => nanoseconds(after),
            None => -nanoseconds(origin - received),
        };
        let stamp = stamp.and_then(|stamp| i64::try_from(stamp.as_nanos()).ok());
        let judged = self.judge(stream, stamp, now);
        let step = judged.step.map(|by| {
            let size = Duration::from_nanos(by.unsigned_abs());
            Step { size, back: by > 0, at: received }
        });
        if step.is_some() {
            self.steps = Steps { count: self.steps.count + 1, last: step };
        }
        let Some(state) = self.streams.get_mut(stream.0) else {
            return Placed { at: received, source: Source::Missing, step };
        };
        let delay = judged.delay.map(|delay| Duration::from_nanos(delay.max(0).unsigned_abs()));
        let mut at = received.checked_sub(delay.unwrap_or_default()).unwrap_or(received);
        state.health.delay = delay.filter(|_| judged.source == Source::Robot);
        match judged.source {
            Source::Robot => {}
            Source::Missing => state.health.missing += 1,
            Source::Repeated => state.health.repeated += 1,
            Source::Jumped => state.health.jumped += 1,
        }
        if let Some(last) = state.at {
            at = at.max(last + APART);
        }
        state.at = Some(at);
        Placed { at, source: judged.source, step }
    }

    fn judge(&mut self, stream: Stream, stamp: Option<i64>, now: i64) -> Judged {
        let heard = self.heard.replace(now);
        let (Some(state), Some(stamp)) = (self.streams.get_mut(stream.0), stamp) else {
            return Judged::without(Source::Missing);
        };
        let last = state.stamp.replace(stamp);
        if last == Some(stamp) {
            return Judged::without(Source::Repeated);
        }
        let Some(difference) = now.checked_sub(stamp) else {
            return Judged::without(Source::Jumped);
        };
        let Some(offset) = &mut self.offset else {
            self.offset = Some(Offset::new(difference, now));
            state.fits(Fitting { stamp, delay: 0, received: now });
            return Judged::with(Source::Robot, 0);
        };
        offset.hole |= heard.is_some_and(|heard| now - heard > nanoseconds(LATEST));
        let message = set_back::Message {
            stream: stream.0,
            fitting: state.fitting.filter(|_| state.runs).map(|fitting| fitting.stamp),
            interval: state.interval,
            stamp,
            delay: difference.saturating_sub(offset.value),
            now,
        };
        match SetBack::weigh(&mut self.set_back, &message) {
            Verdict::Perhaps { delay } => return Judged::with(Source::Jumped, delay),
            Verdict::Proven { by, gone_back } => {
                self.follow_back(by, &gone_back);
                return Judged { step: Some(by), ..self.fit(stream, stamp, last, now) };
            }
            Verdict::Unrelated => {}
        }
        self.fit(stream, stamp, last, now)
    }

    /// The clock was set back, which the streams that have `gone_back` since then have shown by these stamps.
    fn follow_back(&mut self, by: i64, gone_back: &[(usize, i64)]) {
        if let Some(offset) = &mut self.offset {
            offset.shift(by);
        }
        for (number, state) in self.streams.iter_mut().enumerate() {
            let gone_back = gone_back.iter().find(|(stream, _)| *stream == number);
            if let Some(fitting) = &mut state.fitting {
                fitting.stamp = gone_back.map_or(fitting.stamp - by, |(_, stamp)| *stamp);
            }
        }
    }

    /// Holds a stamp against the model, and the model against the stamp.
    fn fit(&mut self, stream: Stream, stamp: i64, last: Option<i64>, now: i64) -> Judged {
        let (Some(state), Some(offset)) = (self.streams.get_mut(stream.0), &mut self.offset) else {
            return Judged::without(Source::Missing);
        };
        let difference = now - stamp;
        let delay = difference.saturating_sub(offset.value);
        let learning = now - offset.learned_from < nanoseconds(LEARNING);
        let earliest = if learning { -nanoseconds(LATEST) } else { -nanoseconds(EARLY) };
        if !(earliest..=nanoseconds(LATEST)).contains(&delay) {
            return self.propose(stream, stamp, now);
        }
        if state.fitting.is_some_and(|fitting| stamp <= fitting.stamp) {
            return Judged::without(Source::Repeated);
        }
        state.runs |= last.is_some_and(|last| last < stamp);
        if !state.runs && delay > nanoseconds(PUNCTUAL) {
            // A stamp that is stuck looks at first like a message that is late.
            return Judged::without(Source::Repeated);
        }
        self.candidate = None;
        offset.follow(difference, now);
        let delay = difference - offset.value;
        state.fits(Fitting { stamp, delay, received: now });
        if delay < nanoseconds(PROMPT) {
            (offset.prompt, offset.hole) = (now, false);
            state.prompt = Some(now);
        } else if now - offset.prompt > nanoseconds(if offset.hole { SETTLED } else { QUEUED }) {
            // Nothing at all comes promptly any more: the clock was set back.
            let least = offset.least().min(difference);
            let step = Some(least - offset.value);
            self.restart(stream, stamp, least, now);
            return Judged { step, ..Judged::with(Source::Robot, difference - least) };
        } else if offset.prompt - *state.prompt.get_or_insert(now) > nanoseconds(SETTLED) {
            // Others do: this stream is stamped by another clock.
            return Judged::without(Source::Jumped);
        }
        Judged::with(Source::Robot, delay)
    }

    /// Takes a stamp that does not fit, and follows it where enough others agree.
    fn propose(&mut self, stream: Stream, stamp: i64, now: i64) -> Judged {
        let before = self.offset.as_ref().map_or(0, |offset| offset.value);
        let difference = now - stamp;
        // A queue that was there before the clock was set forward is there after it.
        let fitting = self.streams.get(stream.0).and_then(|state| state.fitting);
        let queue = fitting
            .filter(|fitting| difference < before && now - fitting.received < nanoseconds(RECENT))
            .map_or(0, |fitting| fitting.delay);
        let offset = difference - queue;
        let fresh = Candidate { since: now, count: 0, least: offset };
        let candidate = self.candidate.get_or_insert(fresh);
        if offset.abs_diff(candidate.least) > nanoseconds(LATEST).unsigned_abs() {
            *candidate = Candidate { since: now, count: 0, least: offset };
        }
        candidate.count += 1;
        candidate.least = candidate.least.min(offset);
        let least = candidate.least;
        if candidate.count < AGREEING || now - candidate.since < nanoseconds(AGREED) {
            return Judged::with(Source::Jumped, difference - least);
        }
        self.restart(stream, stamp, least, now);
        let step = Some(least.saturating_sub(before));
        Judged { step, ..Judged::with(Source::Robot, difference - least) }
    }

    /// Begins anew with an offset for which this stamp was the last proof.
    fn restart(&mut self, stream: Stream, stamp: i64, offset: i64, now: i64) {
        self.offset = Some(Offset::new(offset, now));
        self.candidate = None;
        for state in &mut self.streams {
            (state.fitting, state.prompt) = (None, None);
        }
        if let Some(state) = self.streams.get_mut(stream.0) {
            state.fits(Fitting { stamp, delay: now - stamp - offset, received: now });
        }
    }
}

#[cfg(test)]
mod step_tests;
#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
