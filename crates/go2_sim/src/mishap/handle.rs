//! The mishaps of one robot, shared by all who begin or suffer them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Board, Fate, Garbage, LidarFailure, Mishap, Span, Streams};
use crate::network::{Impairment, Network};

/// The mishaps of a robot. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Mishaps(Arc<watch::Sender<Board>>);

impl Mishaps {
    /// Has a mishap begin; returns its name, by which it is ended and asked for.
    pub fn begin(&self, mishap: Mishap, span: Span) -> u64 {
        let mut id = 0;
        self.0.send_modify(|board| id = board.begin(mishap, span, Instant::now()));
        id
    }

    /// Ends one; returns whether it was on.
    pub fn end(&self, id: u64) -> bool {
        let mut ended = 0;
        self.0.send_modify(|board| ended = board.end(id));
        ended > 0
    }

    /// Ends all; returns how many there were.
    pub fn end_all(&self) -> usize {
        let mut ended = 0;
        self.0.send_modify(|board| ended = board.end_all());
        ended
    }

    /// What became of one; `None` if it never was, or was forgotten.
    pub fn fate(&self, id: u64) -> Option<Fate> {
        self.0.borrow().fate(id)
    }

    /// Those that are on, with their names.
    pub fn on(&self) -> Vec<(u64, Mishap)> {
        let board = self.0.borrow();
        board.on(Instant::now()).map(|(id, mishap)| (id, mishap.clone())).collect()
    }

    /// Waits until what became of one fits; its fate then, or at the end of `limit`.
    pub async fn wait(
        &self,
        id: u64,
        limit: Duration,
        fits: impl Fn(&Fate) -> bool,
    ) -> Option<Fate> {
        let mut board = self.0.subscribe();
        let reached = board.wait_for(|board| board.fate(id).is_none_or(|fate| fits(&fate)));
        let _ = tokio::time::timeout(limit, reached).await; // its fate tells
        self.fate(id)
    }

    /// The first mishap that `pick` takes, which has its effect now.
    pub(crate) fn feel<T>(&self, pick: impl Fn(&Mishap) -> Option<T>) -> Option<T> {
        // Most of the time there is none; asking must be cheap.
        self.find(&pick)?;
        let mut felt = None;
        self.0.send_if_modified(|board| {
            let found = board.feel(Instant::now(), &pick);
            let news = found.as_ref().is_some_and(|(_, news)| *news);
            felt = found.map(|(picked, _)| picked);
            news
        });
        felt
    }

    /// Whether this mishap is on; if so, it has its effect now.
    pub(crate) fn feels(&self, mishap: &Mishap) -> bool {
        self.feel(|other| (other == mishap).then_some(())).is_some()
    }

    /// The first mishap that `pick` takes, without any effect.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Mishap) -> Option<T>) -> Option<T> {
        self.0.borrow().find(Instant::now(), pick)
    }

    /// Whether these streams stand still; if so, that has its effect now.
    pub(crate) fn frozen(&self, stream: Streams) -> bool {
        let covers = |mishap: &Mishap| match mishap {
            Mishap::Freeze(streams) => streams.cover(stream).then_some(()),
            _ => None,
        };
        self.feel(covers).is_some()
    }

    /// How the LiDAR fails now.
    pub(crate) fn lidar(&self) -> Option<LidarFailure> {
        self.feel(|mishap| match mishap {
            Mishap::Lidar(failure) => Some(*failure),
            _ => None,
        })
    }

    /// Which bad messages are to be sent now.
    pub(crate) fn garbage(&self) -> Option<Garbage> {
        self.feel(|mishap| match mishap {
            Mishap::Garble(garbage) => Some(*garbage),
            _ => None,
        })
    }

    /// How far the robot's clock has jumped, in seconds.
    pub(crate) fn clock_jump(&self) -> f64 {
        let jump = |mishap: &Mishap| match mishap {
            Mishap::Clock(seconds) => Some(*seconds),
            _ => None,
        };
        let board = self.0.borrow();
        board.on(Instant::now()).filter_map(|(_, mishap)| jump(mishap)).sum()
    }

    /// Learns of mishaps that begin or end.
    pub(crate) fn watch(&self) -> watch::Receiver<Board> {
        self.0.subscribe()
    }

    /// Waits until a mishap is on, without any effect.
    pub(crate) async fn until(&self, mishap: &Mishap) {
        self.until_whether(mishap, true).await;
    }

    /// Waits until a mishap is over.
    pub(crate) async fn until_over(&self, mishap: &Mishap) {
        self.until_whether(mishap, false).await;
    }

    async fn until_whether(&self, mishap: &Mishap, on: bool) {
        let pick = |other: &Mishap| (other == mishap).then_some(());
        let mut board = self.0.subscribe();
        // Who waits holds the sender as well, so it is never closed.
        let _ = board.wait_for(|board| board.find(Instant::now(), pick).is_some() == on).await;
    }

    /// Waits until somebody has the robot do an action by remote control; returns its name and the mishap's own, by which
    /// [`carried_out`](Self::carried_out) is told.
    pub(crate) async fn remote(&self) -> (u64, String) {
        let mut board = self.0.subscribe();
        loop {
            let found = self.on().into_iter().find_map(|(id, mishap)| match mishap {
                Mishap::Remote(action) => Some((id, action)),
                _ => None,
            });
            if let Some(found) = found {
                return found;
            }
            // Who waits holds the sender as well, so it is never closed.
            let _ = board.changed().await;
        }
    }

    /// What somebody wanted by remote control has been asked of the body.
    pub(crate) fn carried_out(&self, id: u64, action: &str) {
        self.feels(&Mishap::Remote(action.to_owned()));
        self.end(id);
    }

    /// Ends mishaps whose time is up, and has the network do as they say. Runs as long as the robot.
    pub(crate) async fn keep(&self, network: &Network) {
        let mut board = self.0.subscribe();
        loop {
            self.0.send_if_modified(|board| board.expire(Instant::now()));
            let dark =
                |mishap: &Mishap| matches!(mishap, Mishap::Blackhole | Mishap::Crash).then_some(());
            let blackout = self.find(dark).is_some();
            let impairment = network.get();
            if impairment.blackout != blackout {
                network.set(Impairment { blackout, ..impairment });
            }
            self.feels(&Mishap::Blackhole);
            self.feel(|mishap| matches!(mishap, Mishap::Clock(_)).then_some(()));
            let end = board.borrow_and_update().next_end();
            tokio::select! {
                _ = board.changed() => {}
                () = at(end) => {}
            }
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
