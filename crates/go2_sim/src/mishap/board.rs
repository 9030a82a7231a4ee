//! Which mishaps are on, how often each was felt, and what became of those that are over. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Mishap;

/// How long a mishap lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// Until it is ended.
    Open,
    /// For a time.
    For(Duration),
    /// For so many occasions: exchanges that fail, channels that are closed, messages that are not sent.
    Times(u32),
}

/// What became of a mishap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// How often it has had an effect so far.
    pub felt: u64,
    /// Whether it is over.
    pub over: bool,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    mishap: Mishap,
    until: Option<Instant>,
    left: Option<u32>,
    felt: u64,
}

/// All mishaps of a robot.
#[derive(Debug, Default)]
pub(crate) struct Board {
    on: Vec<Entry>,
    /// Id and how often it was felt; the oldest are forgotten.
    over: VecDeque<(u64, u64)>,
    last: u64,
}

/// Mishaps that are over and still known.
const REMEMBERED: usize = 1024;

impl Board {
    /// A mishap begins; returns its name.
    pub(crate) fn begin(&mut self, mishap: Mishap, span: Span, now: Instant) -> u64 {
        self.last += 1;
        let until = match span {
            Span::For(time) => Some(now + time),
            _ => None,
        };
        let left = match span {
            Span::Times(times) => Some(times.max(1)),
            _ => None,
        };
        self.on.push(Entry { id: self.last, mishap, until, left, felt: 0 });
        self.last
    }

    /// Ends those that fit; returns how many there were.
    fn end_if(&mut self, fits: impl Fn(&Entry) -> bool) -> usize {
        let mut ended = 0;
        let mut index = 0;
        while index < self.on.len() {
            if !fits(&self.on[index]) {
                index += 1;
                continue;
            }
            let entry = self.on.remove(index);
            if self.over.len() == REMEMBERED {
                self.over.pop_front();
            }
            self.over.push_back((entry.id, entry.felt));
            ended += 1;
        }
        ended
    }

    /// Ends one.
    pub(crate) fn end(&mut self, id: u64) -> usize {
        self.end_if(|entry| entry.id == id)
    }

    /// Ends all.
    pub(crate) fn end_all(&mut self) -> usize {
        self.end_if(|_| true)
    }

    /// Ends those whose time is up; returns whether there were any.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        self.end_if(|entry| entry.until.is_some_and(|until| until <= now)) > 0
    }

    /// When the next one's time is up.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.on.iter().filter_map(|entry| entry.until).min()
    }

    /// The first that is on and that `pick` takes.
    pub(crate) fn find<T>(&self, now: Instant, pick: impl Fn(&Mishap) -> Option<T>) -> Option<T> {
        let on = |entry: &&Entry| entry.until.is_none_or(|until| now < until);
        self.on.iter().filter(on).find_map(|entry| pick(&entry.mishap))
    }

    /// The same, and it has had its effect once more. The second value says whether that is news: its first effect or
    /// its last.
    pub(crate) fn feel<T>(
        &mut self,
        now: Instant,
        pick: impl Fn(&Mishap) -> Option<T>,
    ) -> Option<(T, bool)> {
        let on = |entry: &Entry| entry.until.is_none_or(|until| now < until);
        let found = self.on.iter_mut().filter(|entry| on(entry));
        let (entry, picked) = found
            .map(|entry| (pick(&entry.mishap), entry))
            .find_map(|(picked, entry)| picked.map(|picked| (entry, picked)))?;
        entry.felt += 1;
        let mut news = entry.felt == 1;
        if let Some(left) = &mut entry.left {
            *left -= 1;
            if *left == 0 {
                let id = entry.id;
                self.end(id);
                news = true;
            }
        }
        Some((picked, news))
    }

    /// All that are on.
    pub(crate) fn on(&self, now: Instant) -> impl Iterator<Item = (u64, &Mishap)> {
        let on = move |entry: &&Entry| entry.until.is_none_or(|until| now < until);
        self.on.iter().filter(on).map(|entry| (entry.id, &entry.mishap))
    }

    /// What became of one; `None` if it never was, or was forgotten.
    pub(crate) fn fate(&self, id: u64) -> Option<Fate> {
        let on = self.on.iter().find(|entry| entry.id == id);
        let over = || self.over.iter().find(|entry| entry.0 == id);
        on.map(|entry| Fate { felt: entry.felt, over: false })
            .or_else(|| over().map(|(_, felt)| Fate { felt: *felt, over: true }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mute(mishap: &Mishap) -> Option<()> {
        (*mishap == Mishap::Mute).then_some(())
    }

    #[test]
    fn a_mishap_lasts_for_its_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut board = Board::default();
        let id = board.begin(Mishap::Mute, Span::For(Duration::from_millis(100)), start);
        assert_eq!(board.next_end(), Some(at(100)));
        assert!(board.find(at(99), mute).is_some() && board.find(at(100), mute).is_none());
        assert_eq!(board.feel(at(50), mute), Some(((), true)));
        assert_eq!(board.feel(at(60), mute), Some(((), false)));
        assert_eq!(board.feel(at(100), mute), None);
        assert!(!board.expire(at(99)) && board.expire(at(100)));
        assert_eq!(board.fate(id), Some(Fate { felt: 2, over: true }));
        assert_eq!(board.next_end(), None);
    }

    #[test]
    fn a_mishap_lasts_for_so_many_occasions_and_the_first_comes_first() {
        let now = Instant::now();
        let mut board = Board::default();
        let status = |mishap: &Mishap| match mishap {
            Mishap::Notify(super::super::Failure::Status(status)) => Some(*status),
            _ => None,
        };
        for code in [429, 504] {
            let failure = super::super::Failure::Status(code);
            board.begin(Mishap::Notify(failure), Span::Times(2), now);
        }
        let felt: Vec<_> = std::iter::from_fn(|| board.feel(now, status)).take(9).collect();
        assert_eq!(felt, [(429, true), (429, true), (504, true), (504, true)]);
        assert_eq!(board.on(now).count(), 0);
    }

    #[test]
    fn what_is_over_is_remembered_for_a_while() {
        let now = Instant::now();
        let mut board = Board::default();
        let first = board.begin(Mishap::Mute, Span::Open, now);
        assert_eq!((board.end(first), board.end(first)), (1, 0));
        assert_eq!(board.fate(first), Some(Fate { felt: 0, over: true }));
        for _ in 0..REMEMBERED {
            board.begin(Mishap::Busy, Span::Open, now);
        }
        assert_eq!(board.end_all(), REMEMBERED);
        assert_eq!(board.fate(first), None);
        assert_eq!(board.over.len(), REMEMBERED);
    }
}
