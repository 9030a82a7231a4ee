//! The task that makes a new session when one ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::active::{now, Session};
use super::backoff::Backoff;
use super::link::Drive;
use super::machine::{Machine, Timing};
use super::state::{Counters, LinkState, Message, RequestError, SessionEnd, Wishes};
use crate::codec::{Request, Response};
use crate::media::AccessUnit;
use crate::progress::{Milestone, Progress};
use crate::signaling::Retry;
use crate::state::Fault;
use crate::throttle::Throttle;
use crate::transport::{ConnectError, Connector};

const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

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
    /// For want of a session.
    fn refuse(self) {
        match self {
            Self::Request { reply, .. } => {
                let _ = reply.send(Err(RequestError::NotLive));
            }
            Self::Publish { reply, .. } => {
                let _ = reply.send(Err(RequestError::NotLive));
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
    pub(super) velocity: watch::Receiver<Drive>,
    pub(super) wishes: watch::Receiver<Wishes>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Inlets {
    pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
        let _ = stop.wait_for(|stop| *stop).await; // an owner that is gone has stopped as well
    }

    /// Runs a future outside of a session: requests are refused meanwhile. `None` if the owner stops.
    async fn outside_session<T>(
        &mut self,
        work: impl std::future::Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = Self::stopped(&mut self.stop) => return None,
                Some(command) = self.urgent.recv() => command.refuse(),
                Some(command) = self.commands.recv() => command.refuse(),
            }
        }
    }
}

/// What goes to the owner.
pub(super) struct Outlets {
    pub(super) topics: HashMap<String, broadcast::Sender<Message>>,
    pub(super) pictures: broadcast::Sender<AccessUnit>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) counters: watch::Sender<Counters>,
    pub(super) faults: watch::Sender<Arc<Vec<Fault>>>,
    pub(super) hears: watch::Sender<bool>,
    /// Of the latest attempt to connect.
    pub(super) steps: watch::Sender<Vec<Milestone>>,
}

/// Makes sessions, one after the other.
pub(super) struct Supervisor<C> {
    pub(super) connector: C,
    pub(super) outlets: Outlets,
    pub(super) inlets: Inlets,
    pub(super) timing: Timing,
    /// The sum over sessions that have ended.
    pub(super) finished: Counters,
}

impl<C: Connector> Supervisor<C> {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut complaint = Complaint::default();
        loop {
            self.set_state(LinkState::Connecting { target: self.connector.target() });
            let connecting = connect(&mut self.connector, &self.outlets.steps);
            let Some(connected) = self.inlets.outside_session(connecting).await else { break };
            let (reason, retry) = match connected {
                Ok(transport) => match self.session(transport, &mut backoff).await {
                    SessionEnd::Closed => break,
                    end => (end.to_string(), Retry::Backoff),
                },
                Err(error) => (error.to_string(), error.retry()),
            };
            let Some(delay) = backoff.next(retry, jitter()) else {
                tracing::error!("not connected: {reason}");
                self.set_state(LinkState::Stopped { reason });
                let _ = self.inlets.outside_session(std::future::pending::<()>()).await;
                break;
            };
            complaint.log(&reason);
            self.set_state(LinkState::BackingOff { reason, delay });
            if self.inlets.outside_session(tokio::time::sleep(delay)).await.is_none() {
                break;
            }
        }
        self.connector.finish().await;
        self.set_state(LinkState::Closed);
    }

    fn set_state(&self, state: LinkState) {
        self.outlets.state.send_replace(state);
    }

    async fn session(&mut self, transport: C::Transport, backoff: &mut Backoff) -> SessionEnd {
        self.set_state(LinkState::Validating);
        // A velocity from before this session must not be walked in it.
        self.inlets.velocity.mark_unchanged();
        let topics = self.outlets.topics.keys().cloned().collect();
        let mut machine = Machine::new(self.timing, topics, milliseconds(), now());
        machine.wish(*self.inlets.wishes.borrow_and_update(), now());
        let mut session = Session::new(machine, transport, &self.outlets, &mut self.finished);
        let end = session.run(&mut self.inlets).await.unwrap_or_else(|end| end);
        if session.is_live() {
            backoff.reset();
        }
        session.end().await;
        end
    }
}

/// Connects, and keeps the steps that were passed.
async fn connect<C: Connector>(
    connector: &mut C,
    steps: &watch::Sender<Vec<Milestone>>,
) -> Result<C::Transport, ConnectError> {
    steps.send_replace(Vec::new());
    let (progress, mut passed) = Progress::new();
    let connecting = connector.connect(progress);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            biased; // the last step comes before the outcome
            Some(step) = passed.recv() => steps.send_modify(|steps| steps.push(step)),
            connected = &mut connecting => {
                while let Ok(step) = passed.try_recv() {
                    steps.send_modify(|steps| steps.push(step));
                }
                return connected;
            }
        }
    }
}

/// Logs why there is no connection: at once when the reason changes, once a minute while it stays.
struct Complaint {
    reason: String,
    again: Throttle,
}

impl Default for Complaint {
    fn default() -> Self {
        Self { reason: String::new(), again: Throttle::new(COMPLAIN_EVERY) }
    }
}

impl Complaint {
    fn log(&mut self, reason: &str) {
        if self.reason != reason {
            *self = Self { reason: reason.to_owned(), ..Self::default() };
        }
        if let Some(more) = self.again.allow(now()) {
            tracing::warn!("not connected: {reason}{more}");
        }
    }
}

/// Request ids start at the time, as other clients' do, so that those of consecutive sessions differ.
fn milliseconds() -> u32 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    time.as_millis() as u32
}

fn jitter() -> f64 {
    f64::from(milliseconds() % 100) / 100.0
}
