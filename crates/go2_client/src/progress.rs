//! The steps of connecting, told as they are passed: what a person wants to know when the next one fails.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use go2_proto::signaling::{Candidate, CandidatePair, OpenedBy};
use tokio::sync::mpsc;

/// More steps than an attempt has.
const MOST_STEPS: usize = 32;

/// A step of connecting that was passed, and what was seen in it. They come in this order; a robot with the plain
/// signaling has no `Noticed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// The robot's address is known.
    Resolved {
        /// The address.
        address: IpAddr,
    },
    /// A signaling port accepts connections.
    Reached {
        /// The robot's address and port.
        remote: SocketAddr,
        /// The address of this computer from which it is reached.
        local: IpAddr,
        /// Whether it is the port of the encrypted exchange.
        encrypted: bool,
    },
    /// `con_notify` was answered with a notice that could be opened.
    Noticed {
        /// Which generation of the encryption it is.
        data2: Option<i64>,
        /// What opened it.
        opened_by: OpenedBy,
    },
    /// The robot took the offer and answered it.
    Answered {
        /// The addresses of this computer that were offered.
        offered: Vec<Candidate>,
        /// The robot's.
        answered: Vec<Candidate>,
    },
    /// ICE found a path for UDP.
    Path(CandidatePair),
    /// DTLS agreed on the encryption.
    Encrypted,
    /// The data channel is open.
    Opened,
}

/// A step and when it was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// The step.
    pub passed: Passed,
    /// When.
    pub at: Instant,
}

/// Where an attempt tells of its steps. Clones tell the same listener; nobody listening is no error.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<mpsc::Sender<Milestone>>);

impl Progress {
    /// A way to tell, and where it is heard.
    pub fn new() -> (Self, mpsc::Receiver<Milestone>) {
        let (sender, receiver) = mpsc::channel(MOST_STEPS);
        (Self(Some(sender)), receiver)
    }

    /// Tells that a step was passed just now. Beyond 32 that nobody has taken yet, steps are dropped.
    pub fn tell(&self, passed: Passed) {
        if let Some(sender) = &self.0 {
            let _ = sender.try_send(Milestone { passed, at: Instant::now() });
        }
    }
}
