//! Wrong tokens: how long their answers wait, and what the log is told. Pure.
//!
//! The right token is never kept waiting, whoever else guesses from the same address: only answers to wrong ones are late.
//! With the bound on connections of an address that bounds how many it can try.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use go2_proto::rate::Rate;
use go2_proto::throttle::{HeldBack, Throttle};

use crate::door::source;

/// Wrong tokens of an address that are answered sooner: somebody has mistyped.
const FEW: u64 = 3;
const SOON: Duration = Duration::from_millis(500);
/// For how long the answers to the others wait.
pub(crate) const LATE: Duration = Duration::from_secs(2);
/// Addresses that are remembered.
const MOST: usize = 256;
/// An address that has sent no wrong token for so long begins anew.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Between two log lines on one address.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Guesser {
    count: u64,
    last: Instant,
    log: Throttle,
}

/// Who has sent wrong tokens.
#[derive(Debug)]
pub(crate) struct Guesses {
    guessers: HashMap<IpAddr, Guesser>,
    /// Log lines on all addresses.
    lines: Rate,
}

/// What becomes of a wrong token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// How long its answer waits.
    pub(crate) wait: Duration,
    /// How many the address has sent.
    pub(crate) count: u64,
    /// Whether the log is to be told.
    pub(crate) log: Option<HeldBack>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { guessers: HashMap::new(), lines: Rate::new(10, Duration::from_secs(5)) }
    }
}

impl Guesses {
    /// An address has sent a wrong token.
    pub(crate) fn wrong(&mut self, address: IpAddr, now: Instant) -> Wrong {
        let source = source(address);
        let age = |guesser: &Guesser| now.saturating_duration_since(guesser.last);
        self.guessers.retain(|_, guesser| age(guesser) < FORGOTTEN);
        if self.guessers.len() >= MOST && !self.guessers.contains_key(&source) {
            let oldest = self.guessers.iter().min_by_key(|(_, guesser)| guesser.last);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                self.guessers.remove(&oldest);
            }
        }
        let new = || Guesser { count: 0, last: now, log: Throttle::new(LOG_EVERY) };
        let guesser = self.guessers.entry(source).or_insert_with(new);
        guesser.count += 1;
        guesser.last = now;
        let log = guesser.log.allow(now).filter(|_| self.lines.allow(now));
        let wait = if guesser.count <= FEW { SOON } else { LATE };
        Wrong { wait, count: guesser.count, log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        (0x0a00_0000 + number).to_be_bytes().into()
    }

    #[test]
    fn the_more_an_address_guesses_the_longer_it_waits() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for count in 1..=FEW {
            let wrong = guesses.wrong(address(1), at(0));
            assert_eq!((wrong.wait, wrong.count, wrong.log.is_some()), (SOON, count, count == 1));
        }
        assert_eq!(guesses.wrong(address(1), at(1)).wait, LATE);
        assert_eq!(guesses.wrong(address(2), at(1)).wait, SOON, "another address");
        let later = guesses.wrong(address(1), at(11));
        assert_eq!(later.log.unwrap().to_string(), " (and 3 more like it)");
        assert_eq!(guesses.wrong(address(1), at(11) + FORGOTTEN).wait, SOON);
    }

    #[test]
    fn neither_the_table_nor_the_log_grows_with_the_addresses() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let lines = (0..10_000).filter(|n| guesses.wrong(address(*n), now).log.is_some()).count();
        assert_eq!((guesses.guessers.len(), lines), (MOST, 10));
        assert!(guesses.guessers.contains_key(&address(9999)));
    }
}
