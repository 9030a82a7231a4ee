//! The task that makes a new session when one ends.

use std::time::{Duration, SystemTime};

use futures::FutureExt as _;

use super::active::Session;
use super::backoff::{Backoff, Slot};
use super::channels::{now, Inlets, Outlets};
use super::state::{DisconnectReason, FailureKind, LinkState, SessionEnd};
use crate::error_code::Hints;
use crate::progress::{Milestone, Passed, Progress};
use crate::transport::{ConnectError, Connector, Transport as _};
use go2_proto::session::{Counters, Machine, Timing};
use go2_proto::throttle::Throttle;

/// A session of this length was a good one: after it, attempts begin anew without delay. Shorter ones may be the
/// robot's way of refusing.
const STEADY: Duration = Duration::from_secs(5);
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// Makes sessions, one after the other.
pub(super) struct Supervisor<C> {
    pub(super) connector: C,
    pub(super) outlets: Outlets,
    pub(super) inlets: Inlets,
    pub(super) timing: Timing,
    pub(super) hints: Hints,
    /// The sum over sessions that have ended.
    pub(super) finished: Counters,
}

impl<C: Connector> Supervisor<C> {
    pub(super) async fn run(mut self) {
        let (mut backoff, mut slot) = (Backoff::default(), Slot::default());
        let mut complaint = Complaint::default();
        loop {
            let begun = tokio::time::Instant::now();
            let connecting = connect(&mut self.connector, &self.outlets);
            let Some(connected) = self.inlets.outside_session(connecting).await else { break };
            let (mut reason, old) = match connected {
                Ok(transport) => {
                    let (end, transport, lasted) = self.session(transport).await;
                    if lasted >= STEADY {
                        backoff.reset();
                    }
                    let lost = end.is_loss();
                    slot.ended(lost);
                    (DisconnectReason::from(end), Some((transport, lost)))
                }
                Err(error) => (error.into(), None),
            };
            let closed = reason == DisconnectReason::Session(SessionEnd::Closed);
            let busy = reason.kind() == FailureKind::Busy;
            let retry = reason.retry();
            let ours = busy.then(|| slot.busy(now())).flatten();
            if ours.is_some() {
                reason = DisconnectReason::OwnSlot;
            }
            let delay = ours.or_else(|| backoff.next(retry, begun.elapsed(), jitter()));
            let delay = delay.map(|delay| delay.min(self.timing.longest_wait));
            if !closed {
                let words = reason.describe(self.hints);
                if delay.is_none() && old.is_some() {
                    tracing::info!("{words}"); // only a recording ends like this
                } else {
                    complaint.log(&words, delay.is_none());
                }
                self.set_state(match delay {
                    Some(delay) => LinkState::BackingOff { reason, delay },
                    None => LinkState::Stopped { reason },
                });
            }
            // The goodbye has to be said before the robot is asked again, and also when the owner stops meanwhile.
            let mut stopped = closed;
            if let Some((transport, lost)) = old {
                let connector = &mut self.connector;
                let mut goodbye = std::pin::pin!(async move {
                    match lost {
                        true => connector.retire(transport).await,
                        false => transport.close().await,
                    }
                });
                if stopped || self.inlets.outside_session(&mut goodbye).await.is_none() {
                    goodbye.await;
                    stopped = true;
                }
            }
            let wait = async {
                match delay {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => std::future::pending().await,
                }
            };
            if stopped || self.inlets.outside_session(wait).await.is_none() {
                break;
            }
        }
        self.connector.finish().await;
        self.set_state(LinkState::Closed);
    }

    fn set_state(&self, state: LinkState) {
        self.outlets.state.send_replace(state);
    }

    /// Runs a session to its end; tells why it ended and how long it was live. The transport is still to be closed.
    async fn session(&mut self, transport: C::Transport) -> (SessionEnd, C::Transport, Duration) {
        self.set_state(LinkState::Validating);
        // A velocity from before this session must not be walked in it.
        self.inlets.velocity.mark_unchanged();
        let topics = self.outlets.topics.fixed();
        // A recording has what its robot told, and takes no commands.
        let wanted = self.connector.serial_number().filter(|_| !transport.is_recording());
        let mut machine =
            Machine::new(self.timing, topics, milliseconds(), now()).expecting(wanted);
        machine.wish(&self.inlets.wishes.borrow_and_update(), now());
        let mut session = Session::new(machine, transport, &self.outlets, &mut self.finished);
        let run = std::panic::AssertUnwindSafe(session.run(&mut self.inlets)).catch_unwind();
        let end = match run.await {
            Ok(end) => end.unwrap_or_else(|end| end),
            // What has failed is never looked at again but for the transport and the counts.
            Err(_) => {
                session.stop_robot().await;
                SessionEnd::Failed
            }
        };
        let lasted = session.lasted();
        (end, session.end(), lasted)
    }
}

/// Connects, and keeps the steps that were passed.
async fn connect<C: Connector>(
    connector: &mut C,
    outlets: &Outlets,
) -> Result<C::Transport, ConnectError> {
    outlets.state.send_replace(LinkState::Resolving { target: connector.target() });
    outlets.steps.send_replace(Vec::new());
    let (progress, mut passed) = Progress::new();
    let keep = |step: Milestone| {
        if let Passed::Resolved { address } = step.passed {
            outlets.state.send_replace(LinkState::Connecting { target: address.to_string() });
        }
        outlets.steps.send_modify(|steps| steps.push(step));
    };
    let connecting = connector.connect(progress);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            biased; // the last step comes before the outcome
            Some(step) = passed.recv() => keep(step),
            connected = &mut connecting => {
                while let Ok(step) = passed.try_recv() {
                    keep(step);
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
    fn log(&mut self, reason: &str, for_good: bool) {
        if for_good {
            tracing::error!("not connected: {reason}");
            return;
        }
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
