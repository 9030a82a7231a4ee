//! What became of each stream's messages: counted for /diagnostics, told in the log without flooding it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use go2_proto::throttle::Throttle;

use crate::clock::StreamStamps;

const LOG_EVERY: Duration = Duration::from_secs(10);

/// The tallies of all streams, by topic. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tallies(Arc<Mutex<BTreeMap<String, Tally>>>);

impl Tallies {
    /// That of a stream; the same for the same name.
    pub(crate) fn of(&self, name: &str) -> Tally {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.entry(name.to_owned()).or_insert_with(|| Tally::new(name)).clone()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Tally> {
        let tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.values().cloned().collect()
    }
}

/// The counts of a stream. Clones share them.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Mutex<State>>);

struct State {
    name: String,
    counts: Counts,
    stamps: Option<StreamStamps>,
    log: Throttle,
}

/// What was counted so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    /// When the latest message came.
    pub(crate) last: Option<Instant>,
    /// When the latest one was dropped.
    pub(crate) last_drop: Option<Instant>,
    /// Reason of the latest drop.
    pub(crate) reason: String,
}

/// How long a drop is worth a warning.
const FRESH: Duration = Duration::from_secs(5);

impl Counts {
    fn drop(&mut self, count: u64, reason: &dyn Display) {
        self.dropped += count;
        self.last_drop = Some(Instant::now());
        self.reason = reason.to_string();
    }

    /// Whether something was dropped just now.
    pub(crate) fn dropping(&self) -> bool {
        self.last_drop.is_some_and(|at| at.elapsed() < FRESH)
    }
}

impl Tally {
    fn new(name: &str) -> Self {
        let (name, counts, stamps) = (name.to_owned(), Counts::default(), None);
        Self(Arc::new(Mutex::new(State { name, counts, stamps, log: Throttle::new(LOG_EVERY) })))
    }

    /// A message came.
    pub(crate) fn received(&self) {
        let counts = &mut self.lock().counts;
        counts.received += 1;
        counts.last = Some(Instant::now());
    }

    /// Messages are of no use, for a reason that is logged and kept.
    pub(crate) fn dropped(&self, count: u64, reason: &dyn Display) {
        let state = &mut *self.lock();
        state.counts.drop(count, reason);
        if let Some(more) = state.log.allow(Instant::now()) {
            tracing::warn!("dropped a message on {}: {reason}{more}", state.name);
        }
    }

    /// The same, where the log has the reason already.
    pub(crate) fn dropped_as_told(&self, count: u64, reason: &dyn Display) {
        self.lock().counts.drop(count, reason);
    }

    /// What stamps the stream, so that the report can tell of its clock.
    pub(crate) fn stamped_by(&self, stamps: &StreamStamps) {
        self.lock().stamps = Some(stamps.clone());
    }

    pub(crate) fn name(&self) -> String {
        self.lock().name.clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub(crate) fn stamps(&self) -> Option<StreamStamps> {
        self.lock().stamps.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
