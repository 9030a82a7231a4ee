//! The network between the robot and its client, as bad as asked for: what a packet meets is decided in `line.rs`, the
//! packets under way wait in `flight.rs`, and `socket.rs` is the socket that all packets of a session go through.
//!
//! The camera's own options (`--video-loss` and the like) are another thing: they hit video packets only, and count
//! packets instead of time, so that a test knows which pictures are hit.

mod flight; // packets under way: pure
mod line; // what a packet meets: pure
mod options; // from the command line
mod random; // the same numbers again: pure
mod socket; // where packets go through

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;

pub use line::Impairment;
use line::{Fate, Line};
pub use options::{Blackout, NetworkOptions};
pub(crate) use random::Random;
use socket::Socket;

/// A network. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Network(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    impairment: watch::Sender<Impairment>,
    /// When nothing passes, as it was planned at the start.
    planned: Vec<Range<Instant>>,
    seed: u64,
    sockets: AtomicU64,
    carried: AtomicU64,
    lost: AtomicU64,
    dropped: AtomicU64,
}

/// What became of packets, of all sessions and in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Arrived, or will.
    pub carried: u64,
    /// Lost by chance, or in a blackout.
    pub lost: u64,
    /// Did not fit into a full queue.
    pub dropped: u64,
}

impl Network {
    /// A network whose planned blackouts count from now.
    pub fn new(options: &NetworkOptions) -> Self {
        let start = now();
        let plan = |blackout: &Blackout| {
            let from = start + blackout.at;
            from..from + blackout.length
        };
        Self(Arc::new(Shared {
            impairment: watch::Sender::new(options.impairment()),
            planned: options.blackouts.iter().map(plan).collect(),
            seed: options.seed,
            sockets: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }))
    }

    /// Changes it from now on. Packets that are under way arrive, and blackouts that were planned come.
    pub fn set(&self, impairment: Impairment) {
        self.0.impairment.send_replace(impairment);
    }

    /// How it is now, apart from blackouts that were planned.
    pub fn get(&self) -> Impairment {
        *self.0.impairment.borrow()
    }

    /// What became of packets so far.
    pub fn count(&self) -> Count {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Count {
            carried: read(&self.0.carried),
            lost: read(&self.0.lost),
            dropped: read(&self.0.dropped),
        }
    }

    /// A session's socket behind this network.
    pub(crate) fn socket(&self, socket: UdpSocket) -> Socket {
        let number = self.0.sockets.fetch_add(2, Ordering::Relaxed);
        let line = |direction| Line::new(self.0.seed.wrapping_add(number + direction));
        Socket::new(self.clone(), socket, line(0), line(1))
    }

    /// How it is at a time.
    fn at(&self, now: Instant) -> Impairment {
        let planned = self.0.planned.iter().any(|blackout| blackout.contains(&now));
        let impairment = self.get();
        Impairment { blackout: impairment.blackout || planned, ..impairment }
    }

    /// What a packet of so many bytes meets on a line.
    fn pass(&self, line: &mut Line, bytes: usize, now: Instant) -> Option<Instant> {
        let fate = line.pass(&self.at(now), bytes, now);
        let (count, arrives) = match fate {
            Fate::Arrives(at) => (&self.0.carried, Some(at)),
            Fate::Lost => (&self.0.lost, None),
            Fate::Dropped => (&self.0.dropped, None),
        };
        count.fetch_add(1, Ordering::Relaxed);
        arrives
    }

    /// A packet that had passed found no room after all.
    fn no_room(&self) {
        self.0.carried.fetch_sub(1, Ordering::Relaxed);
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until no blackout is on.
    pub(crate) async fn light(&self) {
        let mut impairment = self.0.impairment.subscribe();
        // Who changes it holds it, and so it is never closed.
        while impairment.wait_for(|impairment| !impairment.blackout).await.is_ok() {
            let planned = self.0.planned.iter().find(|blackout| blackout.contains(&now()));
            let Some(Range { end, .. }) = planned else { return };
            tokio::time::sleep_until((*end).into()).await;
        }
    }

    /// Waits until a blackout is on.
    pub(crate) async fn dark(&self) {
        let mut impairment = self.0.impairment.subscribe();
        while !self.at(now()).blackout {
            let planned = self.0.planned.iter().map(|blackout| blackout.start);
            let next = planned.filter(|start| *start > now()).min();
            let begins = async {
                match next {
                    Some(start) => tokio::time::sleep_until(start.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = impairment.changed() => {} // who changes it holds it, and so it is never closed
                () = begins => {}
            }
        }
    }

    /// Whether a TCP connection gets through. What the system has accepted when a blackout begins waits for its end, and is
    /// dropped if the client has given up by then: it could not have come.
    pub(crate) async fn admits(&self, stream: &TcpStream) -> bool {
        self.light().await;
        let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await;
        ready.is_ok_and(|ready| !ready.is_read_closed())
    }
}

/// How much later something that is due now can be and still counts as due: timers tick by the millisecond.
const TICK: Duration = Duration::from_millis(1);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_blackout_can_be_waited_for() {
        let (start, second) = (now(), Duration::from_secs(1));
        let blackouts = vec!["2:3".parse().unwrap()];
        let network = Network::new(&NetworkOptions { blackouts, ..NetworkOptions::default() });
        network.dark().await;
        assert_eq!(now() - start, 2 * second);
        network.light().await;
        assert_eq!(now() - start, 5 * second);
        let other = network.clone();
        let waiting = tokio::spawn(async move { other.dark().await });
        tokio::time::sleep(second).await;
        assert!(!waiting.is_finished());
        network.set(Impairment { blackout: true, ..Impairment::default() });
        waiting.await.unwrap();
        assert_eq!(now() - start, 6 * second);
    }

    #[tokio::test(start_paused = true)]
    async fn planned_blackouts_come_and_go_and_others_last_until_they_are_lifted() {
        let second = Duration::from_secs(1);
        let blackouts = vec!["2:3".parse().unwrap()];
        let network = Network::new(&NetworkOptions { blackouts, ..NetworkOptions::default() });
        let start = now();
        let dark = |after: Duration| network.at(start + after).blackout;
        assert_eq!([1, 2, 4, 5].map(|after| dark(after * second)), [false, true, true, false]);
        network.light().await;
        assert_eq!(now(), start);
        tokio::time::sleep(3 * second).await;
        network.light().await;
        assert_eq!((now() - start).as_secs(), 5);

        network.set(Impairment { blackout: true, ..Impairment::default() });
        assert!(dark(9 * second));
        let later = network.clone();
        tokio::spawn(async move {
            tokio::time::sleep(4 * second).await;
            later.set(Impairment::default());
        });
        network.light().await;
        assert_eq!((now() - start).as_secs(), 9);
    }
}
