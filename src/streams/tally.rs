//! What became of a stream's messages: counted for /diagnostics, told in the log without flooding it.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use go2_link::throttle::Throttle;

const LOG_EVERY: Duration = Duration::from_secs(10);

/// Counts that its clones share.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Mutex<State>>);

struct State {
    counts: Counts,
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
    /// Whether the stream was asked for.
    pub(crate) listened: bool,
    /// Topic and reason of the latest drop.
    pub(crate) reason: String,
}

/// How long a drop is worth a warning.
const FRESH: Duration = Duration::from_secs(5);

impl Counts {
    /// Whether something was dropped just now.
    pub(crate) fn dropping(&self) -> bool {
        self.last_drop.is_some_and(|at| at.elapsed() < FRESH)
    }
}

impl Default for Tally {
    fn default() -> Self {
        let state = State { counts: Counts::default(), log: Throttle::new(LOG_EVERY) };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Tally {
    /// A message came.
    pub(crate) fn received(&self) {
        let counts = &mut self.lock().counts;
        counts.received += 1;
        counts.last = Some(Instant::now());
    }

    /// Messages are of no use, for a reason that is logged and kept.
    pub(crate) fn dropped(&self, count: u64, topic: &str, reason: &dyn Display) {
        let state = &mut *self.lock();
        state.counts.dropped += count;
        state.counts.last_drop = Some(Instant::now());
        state.counts.reason = format!("{topic}: {reason}");
        if let Some(more) = state.log.allow(Instant::now()) {
            tracing::warn!("dropped a message on {topic}: {reason}{more}");
        }
    }

    /// Whether somebody listens, so that the stream should flow.
    pub(crate) fn listened(&self, listened: bool) {
        self.lock().counts.listened = listened;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
