//! Everything that a client knows of its connection, in one value.

use std::sync::Arc;

use go2_proto::session::{Counters, StreamReport};
use go2_proto::state::Fault;
use tokio::sync::watch;

use crate::progress::Milestone;
use crate::session::{LinkHandle, LinkState};

/// Where a connection stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The connection; its text says what to do where something is wrong.
    pub state: LinkState,
    /// The number of the session, counted from 1; `None` without one.
    pub session: Option<u64>,
    /// Whether messages came within the last half second.
    pub is_heard: bool,
    /// The faults that the robot reports.
    pub faults: Arc<Vec<Fault>>,
    /// How each stream has come in this session; brought up to date twice a second.
    pub streams: Arc<Vec<StreamReport>>,
    /// What has come and gone in all sessions; brought up to date with every heartbeat.
    pub counters: Counters,
    /// The steps that the latest attempt to connect has passed.
    pub steps: Vec<Milestone>,
}

impl Status {
    pub(super) fn of(link: &LinkHandle) -> Self {
        Self {
            state: link.state().borrow().clone(),
            session: *link.session().borrow(),
            is_heard: *link.hears().borrow(),
            faults: Arc::clone(&link.faults().borrow()),
            streams: Arc::clone(&link.streams().borrow()),
            counters: *link.counters().borrow(),
            steps: link.steps().borrow().clone(),
        }
    }
}

/// Keeps a status up to date, until the link has ended.
pub(super) async fn follow(link: LinkHandle, status: watch::Sender<Status>) {
    let (mut state, mut session, mut hears) = (link.state(), link.session(), link.hears());
    let (mut faults, mut streams, mut counters, mut steps) =
        (link.faults(), link.streams(), link.counters(), link.steps());
    loop {
        let now = Status::of(&link);
        status.send_if_modified(|status| {
            let changes = *status != now;
            *status = now;
            changes
        });
        let changed = tokio::select! {
            changed = state.changed() => changed,
            changed = session.changed() => changed,
            changed = hears.changed() => changed,
            changed = faults.changed() => changed,
            changed = streams.changed() => changed,
            changed = counters.changed() => changed,
            changed = steps.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
