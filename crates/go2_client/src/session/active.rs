//! One session from its open channel to its end: feeds the machine, and carries out what it says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use go2_proto::motion::{sticks, Velocity, VelocityApi, VelocityCommand};
use go2_proto::session::{backlog, Counters, Event, Machine, Outgoing, RequestError, RequestId};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::channels::{now, Command, Inlets, Outlets};
use super::state::{LinkState, SessionEnd};
use crate::failpoint::failpoint;
use crate::transport::{Transport, TransportError};
use go2_proto::codec::topics::WIRELESS_CONTROLLER;
use go2_proto::codec::{api, Outbound, Request, Response, WallTime};
use go2_proto::throttle::Throttle;

pub(super) const BACKLOG_POLL: Duration = Duration::from_millis(10);
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How long the messages that stop the robot may take after this program has failed.
const LAST_STOP: Duration = Duration::from_secs(1);
/// What a refusal of the first seconds means.
const NOT_YET: &str =
    "not ready yet, as for about 10 s after connecting, or this firmware does not have the action";

fn wall_time() -> WallTime {
    let now = chrono::Local::now();
    WallTime { seconds: now.timestamp(), text: now.format("%Y-%m-%d %H:%M:%S").to_string() }
}

/// A session and the connection it lives on.
pub(super) struct Session<'a, T: Transport> {
    machine: Machine,
    transport: T,
    replies: HashMap<RequestId, oneshot::Sender<Result<Response, RequestError>>>,
    /// The velocity that is to be sent next, and when it was given.
    velocity: Option<(VelocityCommand, std::time::Instant)>,
    outgoing: Outgoing,
    outlets: &'a Outlets,
    finished: &'a mut Counters,
    live_since: Option<std::time::Instant>,
    crowded: Throttle,
    standing: Throttle,
    malformed: Throttle,
    refused: Throttle,
    stray: Throttle,
}

impl<'a, T: Transport> Session<'a, T> {
    pub(super) fn new(
        machine: Machine,
        transport: T,
        outlets: &'a Outlets,
        finished: &'a mut Counters,
    ) -> Self {
        Self {
            machine,
            transport,
            replies: HashMap::new(),
            velocity: None,
            outgoing: Outgoing::default(),
            outlets,
            finished,
            live_since: None,
            crowded: Throttle::new(LOG_EVERY),
            standing: Throttle::new(LOG_EVERY),
            malformed: Throttle::new(LOG_EVERY),
            refused: Throttle::new(LOG_EVERY),
            stray: Throttle::new(LOG_EVERY),
        }
    }

    /// For how long the robot has accepted us.
    pub(super) fn lasted(&self) -> Duration {
        self.live_since.map_or(Duration::ZERO, |since| now().saturating_duration_since(since))
    }

    /// Runs until the session ends.
    pub(super) async fn run(&mut self, inlets: &mut Inlets) -> Result<SessionEnd, SessionEnd> {
        loop {
            self.flush().await?;
            self.tell_standing();
            let mut due = Instant::from_std(self.machine.poll_timeout());
            if self.velocity.is_some() {
                due = due.min(Instant::now() + BACKLOG_POLL);
            } else if let Some(topics) = self.machine.topics_due() {
                due = due.min(Instant::from_std(topics));
            }
            tokio::select! {
                received = self.transport.receive() => {
                    let received = received?;
                    if self.outlets.heard.receiver_count() > 0 {
                        let _ = self.outlets.heard.send(received.clone()); // who listened may be gone by now
                    }
                    self.machine.handle(received, now())?;
                }
                Some(command) = inlets.urgent.recv() => {
                    self.take_wishes(inlets);
                    // Velocities given before a request are sent before it: a StopMove comes last.
                    if inlets.velocity.has_changed().unwrap_or(false) {
                        self.velocity = Some((*inlets.velocity.borrow_and_update(), now()));
                        self.send_velocity();
                    }
                    // One that has to wait is void: sent after a StopMove, it would have the robot walk again.
                    self.velocity.take_if(|(drive, _)| drive.velocity != Velocity::ZERO);
                    self.command(command);
                }
                Some(command) = inlets.commands.recv() => {
                    self.take_wishes(inlets);
                    self.command(command);
                }
                Ok(()) = inlets.velocity.changed() => {
                    self.take_wishes(inlets);
                    self.velocity = Some((*inlets.velocity.borrow_and_update(), now()));
                }
                Ok(()) = inlets.wishes.changed() => self.wish(inlets),
                () = Inlets::stopped(&mut inlets.stop) => return Ok(SessionEnd::Closed),
                () = tokio::time::sleep_until(due) => {
                    self.machine.handle_timeout(now())?;
                    self.report();
                }
            }
        }
    }

    /// Tells the robot to stop, without the machine: that may be what has failed. Nobody waits for answers.
    pub(super) async fn stop_robot(&mut self) {
        let zeros = [Request::sport_move(0.0, 0.0, 0.0), Request::avoidance_move(0.0, 0.0, 0.0)];
        let stop_move = Request::sport(api::STOP_MOVE).with_priority();
        let requests = zeros.into_iter().flatten().chain([stop_move]);
        let told = async {
            // No session comes so far by counting.
            for (request, id) in requests.zip(i64::from(i32::MAX - 8)..) {
                let text = Outbound::Request { id, request }.encode(wall_time);
                self.transport.send(text).await?;
            }
            // The end of the session would overtake what was not acknowledged.
            while self.transport.backlog() > 0 {
                tokio::time::sleep(BACKLOG_POLL).await;
            }
            Ok::<(), TransportError>(())
        };
        // Where the engine is what has failed, the robot is not reached.
        let _ = tokio::time::timeout(LAST_STOP, told).await;
    }

    /// Takes up what was wished before a command was given: it may be what allows the command, or what forbids it.
    fn take_wishes(&mut self, inlets: &mut Inlets) {
        if inlets.wishes.has_changed().unwrap_or(false) {
            self.wish(inlets);
        }
    }

    fn wish(&mut self, inlets: &mut Inlets) {
        self.machine.wish(&inlets.wishes.borrow_and_update(), now());
    }

    /// Says how the session stands, where that has changed.
    fn tell_standing(&mut self) {
        let mut standing = LinkState::from(self.machine.standing(now()));
        // A recording that pauses, or is played slowly, is no robot that fails.
        if self.transport.is_recording() && standing.in_session() {
            standing = LinkState::Live;
        }
        let hears =
            standing.in_session() && (self.transport.is_recording() || self.machine.hears(now()));
        self.outlets.hears.send_if_modified(|told| std::mem::replace(told, hears) != hears);
        let before = self.outlets.state.borrow().clone();
        if standing == before {
            return;
        }
        if !matches!((&before, &standing), (LinkState::Validating, _) | (_, LinkState::Validating))
        {
            if let Some(more) = self.standing.allow(now()) {
                tracing::warn!("the link is {standing}{more}");
            }
        }
        self.outlets.state.send_replace(standing);
    }

    /// Brings everything that the machine has made to where it goes.
    async fn flush(&mut self) -> Result<(), SessionEnd> {
        failpoint("session");
        while let Some(event) = self.machine.poll_event() {
            self.event(event);
        }
        self.send_velocity();
        while let Some(message) = self.machine.poll_transmit() {
            self.send(&message).await?;
        }
        // What others want of the robot comes after all that moves or stops it.
        if self.velocity.is_none() {
            if let Some(message) = self.machine.poll_topics(self.transport.backlog(), now()) {
                self.send(&message).await?;
            }
        }
        Ok(())
    }

    /// Sends a message, if there is space for it: what comes by itself comes again.
    async fn send(&mut self, message: &Outbound) -> Result<(), TransportError> {
        let text = message.encode(wall_time);
        let backlog = self.transport.backlog();
        if !backlog::admits(message, text.len(), backlog) {
            if let Some(more) = self.crowded.allow(now()) {
                tracing::warn!(
                    "a message to the robot is left out, {backlog} bytes are not acknowledged{more}"
                );
            }
            return Ok(());
        }
        self.outgoing.sent(text.len(), backlog, now());
        self.transport.send(text).await
    }

    /// Whether something that is asked for may be sent now.
    fn has_space(&self, message: &Outbound) -> Result<(), RequestError> {
        let length = message.encode(wall_time).len();
        if length > backlog::LONGEST {
            return Err(RequestError::TooLong);
        }
        let fits = backlog::admits(message, length, self.transport.backlog());
        fits.then_some(()).ok_or(RequestError::Crowded)
    }

    /// Sends the velocity that waits, if its time has come.
    fn send_velocity(&mut self) {
        let Some((VelocityCommand { velocity, api }, given)) = self.velocity else { return };
        let (now, backlog) = (now(), self.transport.backlog());
        if velocity == Velocity::ZERO {
            if backlog >= backlog::ZERO {
                return;
            }
        } else if !self.machine.hears(now)
            || now.saturating_duration_since(given) >= self.machine.timing().quiet
        {
            self.velocity = None; // it would be walked when nobody means it any more
            return;
        } else if backlog >= backlog::VELOCITY
            || self.outgoing.oldest(backlog, now) >= self.machine.timing().unacknowledged
        {
            return;
        }
        self.velocity = None;
        let Velocity { x, y, yaw } = velocity;
        // Without a session it is dropped; what is not finite never comes this far.
        let _ = match api {
            VelocityApi::Sport => self.tell(Request::sport_move(x, y, yaw)),
            VelocityApi::Avoidance => self.tell(Request::avoidance_move(x, y, yaw)),
            VelocityApi::Sticks => self.machine.publish(WIRELESS_CONTROLLER, sticks(velocity)),
        };
    }

    fn tell(&mut self, request: Option<Request>) -> Result<(), RequestError> {
        request.map_or(Ok(()), |request| self.machine.tell(request).map(drop))
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Live => {
                if !self.transport.is_recording() {
                    tracing::info!("connected to the robot");
                }
                self.live_since = Some(now());
                self.finished.sessions += 1;
                self.report();
                self.outlets.begun.send_replace(self.live_since);
                self.outlets.session.send_replace(Some(self.finished.sessions));
            }
            Event::Message(mut message) => {
                let topic = message.topic.clone();
                let arrived = self.transport.arrived();
                let is_asked_for = self.outlets.topics.send(&topic, || {
                    message.received = arrived.unwrap_or(message.received);
                    message
                });
                if !is_asked_for && !self.machine.is_shared(&topic) {
                    self.finished.unexpected += 1;
                }
            }
            Event::Picture(picture) => {
                let _ = self.outlets.pictures.send(picture); // nobody looking is no error
            }
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
                    let early = response.may_be_early(self.lasted());
                    let meaning = if early { NOT_YET } else { response.meaning() };
                    let Response { code, api_id, .. } = response;
                    let api = api_id.map_or("?".to_owned(), |id| id.to_string());
                    tracing::warn!(
                        "the robot refuses api {api} with status {code}: {meaning}{more}"
                    );
                }
            }
            Event::Unawaited(_) => {}
            Event::Stray(response) => {
                if let Some(more) = self.stray.allow(now()) {
                    let api = response.api_id.map_or("?".to_owned(), |id| id.to_string());
                    tracing::warn!(
                        "the robot answers api {api} although no such request is open: too late, twice, or another \
                         client's{more}"
                    );
                }
            }
            Event::ModeSwitch(reason) => tracing::warn!(
                "a change of the motion mode goes to the robot because it is allowed; otherwise it is {reason}"
            ),
            Event::Unidentified(why) => tracing::warn!(
                "the robot does not tell its serial number ({why}), so that it may be another than the one that was asked for"
            ),
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

    fn command(&mut self, command: Command) {
        match command {
            command if self.transport.is_recording() => command.refuse(RequestError::Recording),
            // Nobody waits for it any more: what was called off must not be done.
            Command::Request { reply, .. } if reply.is_closed() => {}
            Command::Request { request, timeout, reply } => match self.ask(request, timeout) {
                Ok(id) => {
                    self.replies.insert(id, reply);
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Command::Publish { topic, data, reply } => {
                let _ = reply.send(self.publish(&topic, data));
            }
            Command::Keyframe => self.transport.request_keyframe(),
        }
    }

    fn ask(&mut self, request: Request, timeout: Duration) -> Result<RequestId, RequestError> {
        let id = i64::from(i32::MAX); // the longest that there is
        self.has_space(&Outbound::Request { id, request: request.clone() })?;
        self.machine.request(request, timeout, now())
    }

    fn publish(&mut self, topic: &str, data: Value) -> Result<(), RequestError> {
        self.has_space(&Outbound::Publish { topic: topic.to_owned(), data: data.clone() })?;
        self.machine.publish(topic, data)
    }

    fn total(&self) -> Counters {
        let session = self.machine.counters();
        Counters {
            sessions: self.finished.sessions,
            messages: self.finished.messages + session.messages,
            bytes: self.finished.bytes + session.bytes,
            malformed: self.finished.malformed + session.malformed,
            unexpected: self.finished.unexpected + session.unexpected,
            stray: self.finished.stray + session.stray,
            sent: self.finished.sent + session.sent,
            round_trip: session.round_trip,
            media: self.transport.media(),
        }
    }

    fn report(&self) {
        self.outlets.counters.send_replace(self.total());
        self.outlets.streams.send_replace(Arc::new(self.machine.streams(now())));
    }

    /// Ends it and gives the transport back, which is to be closed. Requests that are still waiting learn that the session is
    /// lost.
    pub(super) fn end(self) -> T {
        let total = self.total();
        self.outlets.counters.send_replace(total);
        *self.finished = total;
        // Another session begins with a list of its own.
        self.outlets.faults.send_replace(Arc::default());
        self.outlets.hears.send_replace(false);
        self.outlets.session.send_replace(None);
        self.outlets.begun.send_replace(None);
        self.outlets.streams.send_replace(Arc::default());
        self.transport
    }
}
