//! What the network is like, from the command line.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::Impairment;
use crate::options::probability;

/// The options of the network, in each direction.
#[derive(Debug, Clone, Args)]
pub struct NetworkOptions {
    /// Probability that a packet is lost
    #[arg(id = "net-loss", long, default_value_t = 0.0, value_parser = probability)]
    pub loss: f64,
    /// Milliseconds that every packet takes
    #[arg(id = "net-delay-ms", long, default_value_t = 0.0, value_parser = amount)]
    pub delay_ms: f64,
    /// Milliseconds that a packet takes longer at most, each packet another time, so that some overtake others
    #[arg(id = "net-jitter-ms", long, default_value_t = 0.0, value_parser = amount)]
    pub jitter_ms: f64,
    /// Megabits a second; more waits in a queue of 128 KiB and is dropped when that is full. 0 means no limit
    #[arg(id = "net-mbit", long, default_value_t = 0.0, value_parser = amount)]
    pub mbit: f64,
    /// Nothing passes from this many seconds after the start on, for so many seconds, signaling neither; may be repeated
    #[arg(id = "net-blackout", long, value_name = "AT:SECONDS")]
    pub blackouts: Vec<Blackout>,
    /// What chance does to packets; the same number does the same
    #[arg(id = "net-seed", long, default_value_t = 1)]
    pub seed: u64,
}

/// A time in which nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blackout {
    /// When it begins, after the start.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// Longer than anybody waits, and short enough to be added to any time.
const LARGEST: f64 = 1e9;

fn amount(text: &str) -> Result<f64, String> {
    let amount = text.parse().ok().filter(|value| (0.0..=LARGEST).contains(value));
    amount.ok_or_else(|| "it is a number from 0 to 1e9".to_owned())
}

impl FromStr for Blackout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |text| amount(text).ok().map(Duration::from_secs_f64);
        let parse = || {
            let (at, length) = text.split_once(':')?;
            Some(Self { at: seconds(at)?, length: seconds(length)? })
        };
        parse().ok_or_else(|| {
            "a blackout is two numbers of seconds and a colon, e.g. 30:10".to_owned()
        })
    }
}

impl Default for NetworkOptions {
    /// The defaults of the command line.
    fn default() -> Self {
        crate::options::Options::default().network
    }
}

impl NetworkOptions {
    pub(super) fn impairment(&self) -> Impairment {
        let millis = |millis: f64| Duration::from_secs_f64(millis / 1000.0);
        Impairment {
            loss: self.loss,
            delay: millis(self.delay_ms),
            jitter: millis(self.jitter_ms),
            mbit: self.mbit,
            blackout: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blackouts_are_read() {
        let blackout = "2.5:10".parse();
        let (at, length) = (Duration::from_millis(2500), Duration::from_secs(10));
        assert_eq!(blackout, Ok(Blackout { at, length }));
        for bad in ["", "1", "1:", ":1", "-1:2", "1:nan", "1:1e300", "1:2:3"] {
            assert!(bad.parse::<Blackout>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_is_good_unless_it_is_said_otherwise() {
        assert_eq!(NetworkOptions::default().impairment(), Impairment::default());
    }
}
