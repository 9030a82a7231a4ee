//! Which topics the robot is asked for on behalf of those who share the session, and when. Pure.
//!
//! What they want is a set, and what the robot was told is another: only the difference is ever sent, however often they
//! change their minds. It goes out one name at a time, and only while there is space for it beside the velocities.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backlog;
use crate::codec::Outbound;

/// Between two changes.
pub(super) const EVERY: Duration = Duration::from_millis(20);
/// Between two looks whether there is space.
const AGAIN: Duration = Duration::from_millis(10);
/// A change that has found no space for so long needs less of it, so that a long walk over a slow link keeps nobody waiting
/// for ever.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a message around its topic.
const AROUND: usize = 40;

/// The topics of those who share a session.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// The link's own, which never change.
    own: BTreeSet<String>,
    wanted: Arc<BTreeSet<String>>,
    /// What the robot was told to send for them.
    told: BTreeSet<String>,
    /// When to look for the next change; `None` where there is none.
    due: Option<Instant>,
    /// Since when a change has found no space.
    blocked: Option<Instant>,
}

impl Subscriptions {
    pub(super) fn new(own: BTreeSet<String>) -> Self {
        Self { own, ..Self::default() }
    }

    /// The link's own topics.
    pub(super) fn own(&self) -> &BTreeSet<String> {
        &self.own
    }

    /// What is wanted from now on.
    pub(super) fn want(&mut self, topics: &Arc<BTreeSet<String>>, now: Instant) {
        if self.wanted != *topics {
            self.wanted = Arc::clone(topics);
            self.due.get_or_insert(now);
        }
    }

    /// Whether somebody wants a topic.
    pub(super) fn is_wanted(&self, topic: &str) -> bool {
        self.wanted.contains(topic)
    }

    /// When [`poll`](Self::poll) may have something.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next change to tell the robot, where `backlog` bytes wait to be acknowledged.
    pub(super) fn poll(&mut self, backlog: usize, now: Instant) -> Option<Outbound> {
        self.due.filter(|due| *due <= now)?;
        let change = self.next();
        let Some((topic, wanted)) = change else {
            (self.due, self.blocked) = (None, None);
            return None;
        };
        let patient =
            self.blocked.is_none_or(|since| now.saturating_duration_since(since) < PATIENCE);
        let limit = if patient { backlog::VELOCITY } else { backlog::PATIENT };
        if backlog + AROUND + topic.len() > limit {
            self.blocked.get_or_insert(now);
            self.due = Some(now + AGAIN);
            return None;
        }
        self.blocked = None;
        self.due = Some(now + EVERY);
        Some(if wanted {
            self.told.insert(topic.clone());
            Outbound::Subscribe(topic)
        } else {
            self.told.remove(&topic);
            Outbound::Unsubscribe(topic)
        })
    }

    /// A topic for which the robot was not told what is wanted, and whether it is.
    fn next(&self) -> Option<(String, bool)> {
        let is_new = |topic: &&String| !self.told.contains(*topic) && !self.own.contains(*topic);
        let is_old = |topic: &&String| !self.wanted.contains(*topic);
        let new = self.wanted.iter().find(is_new).map(|topic| (topic.clone(), true));
        new.or_else(|| self.told.iter().find(is_old).map(|topic| (topic.clone(), false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(topics: &[&str]) -> Arc<BTreeSet<String>> {
        Arc::new(topics.iter().map(ToString::to_string).collect())
    }

    /// What is told within so many milliseconds, and when.
    fn told(
        shared: &mut Subscriptions,
        start: Instant,
        ms: u64,
        backlog: usize,
    ) -> Vec<(u64, String)> {
        let word = |message| match message {
            Outbound::Subscribe(topic) => format!("+{topic}"),
            Outbound::Unsubscribe(topic) => format!("-{topic}"),
            other => panic!("{other:?}"),
        };
        let told =
            |ms| shared.poll(backlog, start + Duration::from_millis(ms)).map(|m| (ms, word(m)));
        (0..ms).filter_map(told).collect()
    }

    #[test]
    fn changes_go_out_one_after_the_other() {
        let start = Instant::now();
        let mut shared = Subscriptions::new(BTreeSet::from(["rt/own".to_owned()]));
        assert_eq!(shared.due(), None);
        shared.want(&set(&["rt/own", "rt/a", "rt/b"]), start);
        let expected = [(0, "+rt/a".to_owned()), (20, "+rt/b".to_owned())];
        assert_eq!(told(&mut shared, start, 500, 0), expected);
        assert_eq!(shared.due(), None);
        shared.want(&set(&["rt/c"]), start);
        let words: Vec<_> =
            told(&mut shared, start, 500, 0).into_iter().map(|(_, word)| word).collect();
        assert_eq!(words, ["+rt/c", "-rt/a", "-rt/b"]);
    }

    #[test]
    fn many_changes_of_mind_are_few_messages() {
        let start = Instant::now();
        let (all, none) = (set(&["rt/a", "rt/b"]), set(&[]));
        let mut shared = Subscriptions::default();
        let mut sent = 0;
        for round in 0..10_000_u64 {
            let now = start + Duration::from_micros(round * 10);
            shared.want(if round % 2 == 0 { &all } else { &none }, now);
            sent += usize::from(shared.poll(0, now).is_some());
        }
        assert!(sent <= 5, "{sent} in 100 ms");
    }

    #[test]
    fn velocities_have_the_space_that_they_need() {
        let start = Instant::now();
        let mut shared = Subscriptions::default();
        let long = format!("rt/{}", "x".repeat(90));
        shared.want(&set(&[&long]), start);
        assert!(told(&mut shared, start, 999, backlog::VELOCITY - long.len()).is_empty());
        let at_last = told(&mut shared, start, 1100, backlog::VELOCITY - long.len());
        assert_eq!(at_last.len(), 1, "not for ever");
        let mut stuck = Subscriptions::default();
        stuck.want(&set(&[&long]), start);
        assert!(
            told(&mut stuck, start, 60_000, backlog::PATIENT).is_empty(),
            "but on a stuck link"
        );
        assert_eq!(told(&mut stuck, start + Duration::from_secs(60), 100, 0).len(), 1);
    }
}
