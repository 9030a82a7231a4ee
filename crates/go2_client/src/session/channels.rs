//! What goes between a link's handles and its task.

use std::sync::Arc;
use std::time::Duration;

use go2_proto::codec::{Request, Response};
use go2_proto::motion::VelocityCommand;
use go2_proto::session::{Counters, Received, RequestError, StreamReport, Wishes};
use go2_proto::state::Fault;
use go2_proto::video::AccessUnit;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::state::LinkState;
use super::topics::Topics;
use crate::progress::Milestone;

/// Of tokio's clock, which stands still in tests.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// What a link's handles ask for.
pub(super) enum Command {
    Request {
        request: Request,
        timeout: Duration,
        reply: oneshot::Sender<Result<Response, RequestError>>,
    },
    Publish {
        topic: String,
        data: Value,
        reply: oneshot::Sender<Result<(), RequestError>>,
    },
    Keyframe,
}

impl Command {
    /// Tells who asked why it is not done.
    pub(super) fn refuse(self, error: RequestError) {
        match self {
            Self::Request { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Publish { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Keyframe => {}
        }
    }
}

/// What comes from the owner.
pub(super) struct Inlets {
    pub(super) commands: mpsc::Receiver<Command>,
    /// Commands that wait behind no others.
    pub(super) urgent: mpsc::Receiver<Command>,
    pub(super) velocity: watch::Receiver<VelocityCommand>,
    pub(super) wishes: watch::Receiver<Wishes>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Inlets {
    pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
        let _ = stop.wait_for(|stop| *stop).await; // an owner that is gone has stopped as well
    }

    /// Runs a future outside of a session: requests are refused meanwhile. `None` if the owner stops.
    pub(super) async fn outside_session<T>(
        &mut self,
        work: impl std::future::Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = Self::stopped(&mut self.stop) => return None,
                Some(command) = self.urgent.recv() => command.refuse(RequestError::NotLive),
                Some(command) = self.commands.recv() => command.refuse(RequestError::NotLive),
            }
        }
    }
}

/// What goes to the owner.
pub(super) struct Outlets {
    /// Everything as it came, for those who share the session.
    pub(super) heard: broadcast::Sender<Received>,
    pub(super) topics: Topics,
    pub(super) pictures: broadcast::Sender<AccessUnit>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) session: watch::Sender<Option<u64>>,
    /// When the present session became live.
    pub(super) begun: watch::Sender<Option<std::time::Instant>>,
    pub(super) streams: watch::Sender<Arc<Vec<StreamReport>>>,
    pub(super) counters: watch::Sender<Counters>,
    pub(super) faults: watch::Sender<Arc<Vec<Fault>>>,
    pub(super) hears: watch::Sender<bool>,
    /// Of the latest attempt to connect.
    pub(super) steps: watch::Sender<Vec<Milestone>>,
}
