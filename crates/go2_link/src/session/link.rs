//! The link: one task that owns the connection to a robot and makes a new session when one ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::machine::{Event, Machine, RequestId, Timing};
use super::state::{Counters, LinkState, RequestError, SessionEnd};
use crate::codec::{Inbound, Request, Response};
use crate::signaling::Retry;
use crate::state::Fault;
use crate::throttle::Throttle;
use crate::transport::{Connector, Transport};

/// A velocity of the body: m/s forward, m/s to the left, rad/s counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Velocity {
    /// m/s forward.
    pub x: f64,
    /// m/s to the left.
    pub y: f64,
    /// rad/s counter-clockwise.
    pub yaw: f64,
}

impl Velocity {
    /// Standing still.
    pub const ZERO: Self = Self { x: 0.0, y: 0.0, yaw: 0.0 };
}

enum Command {
    Request {
        request: Request,
        timeout: Duration,
        reply: oneshot::Sender<Result<Response, RequestError>>,
    },
}

/// Unsent bytes above which a velocity is held back for a newer one: on a stuck link, old velocities
/// must not queue up to be walked later.
const VELOCITY_BACKLOG: usize = 4096;
const BACKLOG_POLL: Duration = Duration::from_millis(10);
const COMMAND_QUEUE: usize = 32;
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What a link is made from.
#[derive(Default)]
pub struct LinkBuilder {
    topics: HashMap<String, broadcast::Sender<Inbound>>,
    timing: Timing,
}

impl LinkBuilder {
    /// Another set of times, for tests.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Has the link subscribe to a topic in every session. The receiver's queue holds `capacity`
    /// messages and drops the oldest; it says how many it dropped.
    pub fn subscribe(&mut self, topic: &str, capacity: usize) -> broadcast::Receiver<Inbound> {
        let sender =
            self.topics.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(capacity).0);
        sender.subscribe()
    }

    /// Starts the link's task on the current runtime.
    pub fn start<C: Connector>(self, connector: C) -> Link {
        let (commands_tx, commands) = mpsc::channel(COMMAND_QUEUE);
        let (velocity_tx, velocity) = watch::channel(Velocity::ZERO);
        let (state_tx, state) =
            watch::channel(LinkState::Connecting { target: connector.target() });
        let (counters_tx, counters) = watch::channel(Counters::default());
        let (faults_tx, faults) = watch::channel(Arc::default());
        let (stop_tx, stop) = watch::channel(false);
        let supervisor = Supervisor {
            connector,
            outlets: Outlets {
                topics: self.topics,
                state: state_tx,
                counters: counters_tx,
                faults: faults_tx,
            },
            inlets: Inlets { commands, velocity, stop },
            timing: self.timing,
            finished: Counters::default(),
        };
        let task = tokio::spawn(supervisor.run());
        let handle = LinkHandle {
            commands: commands_tx,
            velocity: Arc::new(velocity_tx),
            state,
            counters,
            faults,
        };
        Link { handle, stop: stop_tx, task }
    }
}

/// A way to use a link. Clones use the same one.
#[derive(Clone)]
pub struct LinkHandle {
    commands: mpsc::Sender<Command>,
    velocity: Arc<watch::Sender<Velocity>>,
    state: watch::Receiver<LinkState>,
    counters: watch::Receiver<Counters>,
    faults: watch::Receiver<Arc<Vec<Fault>>>,
}

/// The owner's end of a link. It ends when this is closed or dropped.
pub struct Link {
    handle: LinkHandle,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl std::ops::Deref for Link {
    type Target = LinkHandle;

    fn deref(&self) -> &LinkHandle {
        &self.handle
    }
}

impl Link {
    /// A handle to give away.
    pub fn handle(&self) -> LinkHandle {
        self.handle.clone()
    }

    /// Ends the session properly, so that the robot is free for the next client.
    pub async fn close(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

impl LinkHandle {
    /// Where the link stands.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// What the link has seen, brought up to date at every heartbeat.
    pub fn counters(&self) -> watch::Receiver<Counters> {
        self.counters.clone()
    }

    /// The faults that the robot reports.
    pub fn faults(&self) -> watch::Receiver<Arc<Vec<Fault>>> {
        self.faults.clone()
    }

    /// Sends a request and waits for the robot's response, at most for `timeout`.
    pub async fn request(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, RequestError> {
        let (reply, response) = oneshot::channel();
        let command = Command::Request { request, timeout, reply };
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestError::TooMany,
            mpsc::error::TrySendError::Closed(_) => RequestError::NotLive,
        })?;
        response.await.unwrap_or(Err(RequestError::Lost))
    }

    /// Has the robot walk, until told otherwise. Sent at once; where the link is stuck, only the newest
    /// velocity waits. Without a live session it is dropped.
    pub fn drive(&self, velocity: Velocity) {
        self.velocity.send_replace(velocity);
    }
}

/// What comes from the owner.
struct Inlets {
    commands: mpsc::Receiver<Command>,
    velocity: watch::Receiver<Velocity>,
    stop: watch::Receiver<bool>,
}

impl Inlets {
    async fn stopped(stop: &mut watch::Receiver<bool>) {
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
                Some(Command::Request { reply, .. }) = self.commands.recv() => {
                    let _ = reply.send(Err(RequestError::NotLive));
                }
            }
        }
    }
}

/// What goes to the owner.
struct Outlets {
    topics: HashMap<String, broadcast::Sender<Inbound>>,
    state: watch::Sender<LinkState>,
    counters: watch::Sender<Counters>,
    faults: watch::Sender<Arc<Vec<Fault>>>,
}

struct Supervisor<C> {
    connector: C,
    outlets: Outlets,
    inlets: Inlets,
    timing: Timing,
    /// The sum over sessions that have ended.
    finished: Counters,
}

impl<C: Connector> Supervisor<C> {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            self.set_state(LinkState::Connecting { target: self.connector.target() });
            let Some(connected) = self.inlets.outside_session(self.connector.connect()).await
            else {
                break;
            };
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
            tracing::warn!(
                "not connected: {reason} (next attempt in {:.1} s)",
                delay.as_secs_f64()
            );
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
        let mut session = Session {
            machine: Machine::new(self.timing, topics, milliseconds(), now()),
            transport,
            replies: HashMap::new(),
            velocity: None,
            outlets: &self.outlets,
            finished: &mut self.finished,
            malformed: Throttle::new(LOG_EVERY),
            refused: Throttle::new(LOG_EVERY),
        };
        let end = session.run(&mut self.inlets).await.unwrap_or_else(|end| end);
        if session.machine.is_live() {
            backoff.reset();
        }
        session.end().await;
        end
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

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

struct Session<'a, T: Transport> {
    machine: Machine,
    transport: T,
    replies: HashMap<RequestId, oneshot::Sender<Result<Response, RequestError>>>,
    /// The velocity that is to be sent next.
    velocity: Option<Velocity>,
    outlets: &'a Outlets,
    finished: &'a mut Counters,
    malformed: Throttle,
    refused: Throttle,
}

impl<T: Transport> Session<'_, T> {
    async fn run(&mut self, inlets: &mut Inlets) -> Result<SessionEnd, SessionEnd> {
        loop {
            self.flush().await?;
            let mut due = Instant::from_std(self.machine.poll_timeout());
            if self.velocity.is_some() {
                due = due.min(Instant::now() + BACKLOG_POLL);
            }
            tokio::select! {
                received = self.transport.receive() => self.machine.handle(received?, now())?,
                Some(command) = inlets.commands.recv() => {
                    // Velocities given before a request are sent before it: a StopMove comes last.
                    if inlets.velocity.has_changed().unwrap_or(false) {
                        self.velocity = Some(*inlets.velocity.borrow_and_update());
                        self.send_velocity();
                    }
                    self.command(command);
                }
                Ok(()) = inlets.velocity.changed() => {
                    self.velocity = Some(*inlets.velocity.borrow_and_update());
                }
                () = Inlets::stopped(&mut inlets.stop) => return Ok(SessionEnd::Closed),
                () = tokio::time::sleep_until(due) => {
                    self.machine.handle_timeout(now())?;
                    self.report();
                }
            }
        }
    }

    /// Brings everything that the machine has made to where it goes.
    async fn flush(&mut self) -> Result<(), SessionEnd> {
        while let Some(event) = self.machine.poll_event() {
            self.event(event);
        }
        self.send_velocity();
        while let Some(message) = self.machine.poll_transmit() {
            self.transport.send(message.encode(chrono::Local::now())).await?;
        }
        Ok(())
    }

    fn send_velocity(&mut self) {
        if self.transport.backlog() >= VELOCITY_BACKLOG {
            return;
        }
        let velocity = self.velocity.take().filter(|_| self.machine.is_live());
        if let Some(Velocity { x, y, yaw }) = velocity {
            if let Some(request) = Request::sport_move(x, y, yaw) {
                let _ = self.machine.tell(request); // live, and short
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Live => {
                tracing::info!("connected to the robot");
                self.finished.sessions += 1;
                self.report();
                self.outlets.state.send_replace(LinkState::Live);
            }
            Event::Message(message) => match self.outlets.topics.get(&message.topic) {
                Some(topic) => {
                    let _ = topic.send(message); // nobody listening is no error
                }
                None => self.finished.unexpected += 1,
            },
            Event::Faults(change) => self.outlets.faults.send_modify(|faults| {
                change.apply(Arc::make_mut(faults));
            }),
            Event::Settled(id, result) => {
                if let Some(reply) = self.replies.remove(&id) {
                    let _ = reply.send(result);
                }
            }
            Event::Unawaited(response) if response.code != 0 => {
                if let Some(more) = self.refused.allow(now()) {
                    let Response { code, api_id, .. } = response;
                    tracing::warn!("the robot refuses api {api_id:?} with status {code}{more}");
                }
            }
            Event::Unawaited(_) => {}
            Event::RobotError(text) => {
                if let Some(more) = self.refused.allow(now()) {
                    tracing::warn!("the robot reports: {text}{more}");
                }
            }
            Event::Malformed(error) => {
                if let Some(more) = self.malformed.allow(now()) {
                    tracing::warn!("a message of the robot was dropped: {error}{more}");
                }
            }
        }
    }

    fn command(&mut self, Command::Request { request, timeout, reply }: Command) {
        match self.machine.request(request, timeout, now()) {
            Ok(id) => {
                self.replies.insert(id, reply);
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn total(&self) -> Counters {
        let session = self.machine.counters();
        Counters {
            sessions: self.finished.sessions,
            messages: self.finished.messages + session.messages,
            bytes: self.finished.bytes + session.bytes,
            malformed: self.finished.malformed + session.malformed,
            unexpected: self.finished.unexpected + session.unexpected,
            sent: self.finished.sent + session.sent,
            round_trip: session.round_trip,
            media: self.transport.media(),
        }
    }

    fn report(&self) {
        self.outlets.counters.send_replace(self.total());
    }

    async fn end(self) {
        let total = self.total();
        self.outlets.counters.send_replace(total);
        *self.finished = total;
        self.transport.close().await; // dropping `replies` tells the waiting that the session is lost
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
