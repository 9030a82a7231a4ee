//! Which of the robot's streams flow. Pure.
//!
//! A connection that is fine says nothing of a stream: firmware stops one and sends the others on. Those that an
//! application stands on are watched; of the others it is only told how they come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::types::{Flow, StreamReport, Wishes, VIDEO};
use crate::codec::topics;

/// Robots send these all the time.
const ALWAYS: [&str; 3] = [topics::LOW_STATE, topics::SPORT_MODE_STATE, topics::ROBOT_POSE];
/// How long the first message may take, of a session or after the switch.
const BEGINNING: Duration = Duration::from_secs(5);
/// A stream has stopped when it is silent for so many of its usual intervals, within these bounds. The least is more
/// than a burst on bad Wi-Fi holds back.
const INTERVALS: u32 = 5;
const LEAST: Duration = Duration::from_secs(3);
const MOST: Duration = Duration::from_secs(10);
/// Messages that the rate is taken from.
const RECENT: usize = 20;

#[derive(Debug)]
struct Stream {
    name: String,
    /// Since when it should flow; `None` where that cannot be said.
    needed: Option<Instant>,
    count: u64,
    recent: VecDeque<Instant>,
}

impl Stream {
    fn new(name: String, needed: Option<Instant>) -> Self {
        Self { name, needed, count: 0, recent: VecDeque::with_capacity(RECENT) }
    }

    fn interval(&self) -> Option<Duration> {
        let (first, last) = (self.recent.front()?, self.recent.back()?);
        let steps = u32::try_from(self.recent.len() - 1).ok().filter(|steps| *steps > 0)?;
        Some(last.saturating_duration_since(*first) / steps)
    }

    fn flow(&self, now: Instant) -> Flow {
        let last = self.recent.back().copied();
        let Some(since) = self.needed else {
            return if last.is_some() { Flow::Flowing } else { Flow::Idle };
        };
        let (from, patience) = match last.filter(|last| *last >= since) {
            Some(last) => (last, self.patience()),
            None => (since, BEGINNING),
        };
        match now.saturating_duration_since(from) >= patience {
            true => Flow::Stopped,
            false if from == since => Flow::Idle,
            false => Flow::Flowing,
        }
    }

    fn patience(&self) -> Duration {
        self.interval().map_or(MOST, |interval| (interval * INTERVALS).clamp(LEAST, MOST))
    }
}

/// The streams of a session.
#[derive(Debug)]
pub(super) struct Streams(Vec<Stream>);

impl Streams {
    pub(super) fn new<'a>(topics: impl Iterator<Item = &'a String>) -> Self {
        let streams = topics.map(|topic| Stream::new(topic.clone(), None));
        Self(streams.chain([Stream::new(VIDEO.to_owned(), None)]).collect())
    }

    /// The session is live: from now on streams should come.
    pub(super) fn begin(&mut self, now: Instant) {
        for stream in &mut self.0 {
            if stream.needed.is_some() || ALWAYS.contains(&stream.name.as_str()) {
                stream.needed = Some(now);
            }
        }
    }

    /// Streams that are switched should come while they are wanted.
    pub(super) fn wish(&mut self, wishes: &Wishes, now: Instant) {
        for (name, wish) in [(topics::VOXEL_MAP, wishes.lidar), (VIDEO, wishes.video())] {
            let on = wish == Some(true);
            for stream in self.0.iter_mut().filter(|stream| stream.name == name) {
                stream.needed = on.then(|| stream.needed.unwrap_or(now));
            }
        }
    }

    /// A message of a stream came.
    pub(super) fn heard(&mut self, name: &str, now: Instant) {
        if let Some(stream) = self.0.iter_mut().find(|stream| stream.name == name) {
            stream.count += 1;
            if stream.recent.len() == RECENT {
                stream.recent.pop_front();
            }
            stream.recent.push_back(now);
        }
    }

    /// Streams that should flow and do not.
    pub(super) fn stopped(&self, now: Instant) -> Vec<String> {
        let stopped = self.0.iter().filter(|stream| stream.flow(now) == Flow::Stopped);
        stopped.map(|stream| stream.name.clone()).collect()
    }

    pub(super) fn report(&self, now: Instant) -> Vec<StreamReport> {
        let report = |stream: &Stream| StreamReport {
            name: stream.name.clone(),
            flow: stream.flow(now),
            count: stream.count,
            interval: stream.interval(),
            last: stream.recent.back().copied(),
        };
        self.0.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: &str = topics::WIRELESS_CONTROLLER;

    struct Rig(Streams, Instant);

    impl Rig {
        fn new() -> Self {
            let names = [topics::LOW_STATE, topics::VOXEL_MAP, REMOTE].map(str::to_owned);
            let start = Instant::now();
            let mut streams = Streams::new(names.iter());
            streams.begin(start);
            Self(streams, start)
        }

        fn at(&self, ms: u64) -> Instant {
            self.1 + Duration::from_millis(ms)
        }

        /// Messages every so many milliseconds.
        fn flow(&mut self, name: &str, times: std::ops::Range<u64>, every: usize) {
            times
                .step_by(every)
                .for_each(|ms| self.0.heard(name, self.1 + Duration::from_millis(ms)));
        }

        fn stopped(&self, ms: u64) -> Vec<String> {
            self.0.stopped(self.at(ms))
        }
    }

    #[test]
    fn a_stream_that_never_comes_counts_as_stopped_after_a_while() {
        let rig = Rig::new();
        assert!(rig.stopped(4999).is_empty());
        assert_eq!(rig.stopped(5000), [topics::LOW_STATE], "nobody wants the LiDAR or the remote");
    }

    #[test]
    fn patience_goes_by_the_usual_interval() {
        let mut rig = Rig::new();
        rig.flow(topics::LOW_STATE, 0..30_001, 1000);
        assert!(rig.stopped(34_999).is_empty());
        assert_eq!(rig.stopped(35_000), [topics::LOW_STATE]);
        rig.flow(topics::LOW_STATE, 40_000..50_001, 20);
        assert!(rig.stopped(52_999).is_empty(), "a burst is no stop");
        assert_eq!(rig.stopped(53_000), [topics::LOW_STATE]);
        rig.flow(topics::LOW_STATE, 60_000..60_001, 1);
        assert!(rig.stopped(60_001).is_empty());
    }

    #[test]
    fn what_is_switched_is_missed_only_while_it_is_wanted() {
        let mut rig = Rig::new();
        let wishes = |lidar| Wishes { lidar: Some(lidar), ..Wishes::default() };
        rig.0.wish(&wishes(true), rig.at(0));
        rig.flow(topics::LOW_STATE, 0..20_000, 1000);
        assert_eq!(rig.stopped(5000), [topics::VOXEL_MAP]);
        rig.flow(topics::VOXEL_MAP, 6000..10_001, 100);
        rig.0.wish(&wishes(true), rig.at(10_000));
        assert_eq!(rig.stopped(13_000), [topics::VOXEL_MAP]);
        rig.0.wish(&wishes(false), rig.at(13_000));
        assert!(rig.stopped(20_000).is_empty());
        rig.0.wish(&wishes(true), rig.at(20_000));
        assert!(rig.stopped(22_000).is_empty(), "it has to begin first");
    }

    #[test]
    fn a_report_tells_rates() {
        let mut rig = Rig::new();
        rig.flow(topics::LOW_STATE, 0..1_001, 50);
        rig.flow(REMOTE, 100..101, 1);
        let report = rig.0.report(rig.at(1_000));
        let of = |name: &str| report.iter().find(|stream| stream.name == name).unwrap();
        let low = of(topics::LOW_STATE);
        assert_eq!((low.count, low.flow), (21, Flow::Flowing));
        assert!((low.rate().unwrap() - 20.0).abs() < 1e-6);
        assert_eq!(of(REMOTE).rate(), None, "one message has no rate");
        assert_eq!((of(VIDEO).flow, of(VIDEO).last), (Flow::Idle, None));
    }
}
