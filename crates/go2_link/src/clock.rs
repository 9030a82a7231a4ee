//! The robot's time carried over to this computer's. Pure: every time is an argument.
//!
//! The robot stamps its messages by a clock of its own, which may be hours off, and they arrive late: some
//! milliseconds as a rule, seconds when the Wi-Fi stalls and then delivers a burst. What a message is worth to
//! a consumer is when it was true. A message never arrives before it was sent, so the least difference between
//! receipt and stamp is the offset of the two clocks, plus the link's least delay, which cannot be told from
//! it. That least difference is learned from all streams together and followed slowly.
//!
//! Stamps that are of no use (missing, repeated, from another time) are answered with the time of receipt.

use std::time::{Duration, Instant};

/// Stretches of time whose least differences are compared. Two of them are longer than any burst.
const WINDOW: Duration = Duration::from_secs(5);
/// How fast the offset may grow: crystals differ by less than a tenth of it, a clock being slewed by half.
const SLEW: f64 = 1e-3;
/// For so long the first messages may correct each other by any amount.
const LEARNING: Duration = Duration::from_secs(5);
/// Beyond this a message is not just less delayed than all before: the stamp is from another time.
const EARLY: Duration = Duration::from_millis(50);
/// The longest that a message is under way.
const LATEST: Duration = Duration::from_secs(5);
/// The first message of a stream must not be later than this for its stamp to count.
const PUNCTUAL: Duration = Duration::from_millis(200);
/// Delays above this are bursts. Where they last for [`SETTLED`], it is the clock that was set.
const PROMPT: Duration = Duration::from_secs(1);
const SETTLED: Duration = Duration::from_secs(10);
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
    /// The time of receipt: the stamp is from another time than those of the other messages.
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
}

#[derive(Debug)]
struct State {
    name: String,
    stamp: Option<i64>,
    /// Whether a stamp was ever later than the one before.
    runs: bool,
    at: Option<Instant>,
    /// When a message last came promptly.
    prompt: Option<i64>,
    health: Health,
}

/// Local minus robot time, nanoseconds.
#[derive(Debug)]
struct Offset {
    value: i64,
    learned_from: i64,
    /// When a message of any stream last came promptly.
    prompt: i64,
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

/// An offset that stamps speak for which do not fit the present one.
#[derive(Debug)]
struct Candidate {
    since: i64,
    count: u32,
    least: i64,
}

const fn nanoseconds(duration: Duration) -> i64 {
    duration.as_nanos() as i64
}

impl Offset {
    fn new(value: i64, now: i64) -> Self {
        let window = Window { start: now, least: value };
        Self { value, learned_from: now, prompt: now, updated: now, window, previous: i64::MAX }
    }

    /// Takes a difference that fits.
    fn follow(&mut self, difference: i64, now: i64) {
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

impl RobotClock {
    /// A stream whose messages are stamped by this clock. The same name is the same stream.
    pub fn stream(&mut self, name: &str) -> Stream {
        if let Some(known) = self.streams.iter().position(|stream| stream.name == name) {
            return Stream(known);
        }
        let health = Health::default();
        let name = name.to_owned();
        self.streams.push(State { name, stamp: None, runs: false, at: None, prompt: None, health });
        Stream(self.streams.len() - 1)
    }

    /// What became of a stream's stamps so far.
    pub fn health(&self, stream: Stream) -> Health {
        self.streams.get(stream.0).map(|stream| stream.health).unwrap_or_default()
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
        let Some(state) = self.streams.get_mut(stream.0) else {
            return Placed { at: received, source: Source::Missing };
        };
        state.health.delay = judged.ok().map(|delay| Duration::from_nanos(delay.unsigned_abs()));
        let (mut at, source) = match judged {
            Ok(delay) => {
                let delay = Duration::from_nanos(delay.unsigned_abs());
                (received.checked_sub(delay).unwrap_or(received), Source::Robot)
            }
            Err(source) => (received, source),
        };
        match source {
            Source::Robot => {}
            Source::Missing => state.health.missing += 1,
            Source::Repeated => state.health.repeated += 1,
            Source::Jumped => state.health.jumped += 1,
        }
        if let Some(last) = state.at {
            at = at.max(last + APART);
        }
        state.at = Some(at);
        Placed { at, source }
    }

    /// The delay of a message in nanoseconds, or why its stamp does not tell it.
    fn judge(&mut self, stream: Stream, stamp: Option<i64>, now: i64) -> Result<i64, Source> {
        let state = self.streams.get_mut(stream.0).ok_or(Source::Missing)?;
        let stamp = stamp.ok_or(Source::Missing)?;
        let last = state.stamp.replace(stamp);
        if last == Some(stamp) {
            return Err(Source::Repeated);
        }
        let difference = now.checked_sub(stamp).ok_or(Source::Jumped)?;
        let Some(offset) = &mut self.offset else {
            self.offset = Some(Offset::new(difference, now));
            return Ok(0);
        };
        let delay = difference - offset.value;
        let learning = now - offset.learned_from < nanoseconds(LEARNING);
        let earliest = if learning { -nanoseconds(LATEST) } else { -nanoseconds(EARLY) };
        let in_range = (earliest..=nanoseconds(LATEST)).contains(&delay);
        if !in_range {
            return if self.propose(difference, now) { Ok(0) } else { Err(Source::Jumped) };
        }
        match last {
            Some(last) if stamp < last => return Err(Source::Repeated),
            Some(_) => state.runs = true,
            None => {}
        }
        if !state.runs && delay > nanoseconds(PUNCTUAL) {
            // A stamp that is stuck looks at first like a message that is late.
            return Err(Source::Repeated);
        }
        self.candidate = None;
        offset.follow(difference, now);
        let delay = difference - offset.value;
        if delay < nanoseconds(PROMPT) {
            offset.prompt = now;
            state.prompt = Some(now);
        } else if now - offset.prompt > nanoseconds(SETTLED) {
            // Nothing at all comes promptly any more: the clock was set back.
            *offset = Offset::new(offset.window.least.min(difference), now);
            return Ok(difference - offset.value);
        } else if now - *state.prompt.get_or_insert(now) > nanoseconds(SETTLED) {
            // Others do: this stream is stamped by another clock.
            return Err(Source::Jumped);
        }
        Ok(delay)
    }

    /// Takes a difference that does not fit; tells whether the model now follows it.
    fn propose(&mut self, difference: i64, now: i64) -> bool {
        let fresh = Candidate { since: now, count: 0, least: difference };
        let candidate = self.candidate.get_or_insert(fresh);
        if (difference - candidate.least).abs() > nanoseconds(LATEST) {
            self.candidate = Some(Candidate { since: now, count: 1, least: difference });
            return false;
        }
        candidate.count += 1;
        candidate.least = candidate.least.min(difference);
        let agreed = candidate.count >= AGREEING && now - candidate.since >= nanoseconds(AGREED);
        if agreed {
            self.offset = Some(Offset::new(candidate.least, now));
            self.candidate = None;
        }
        agreed
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
