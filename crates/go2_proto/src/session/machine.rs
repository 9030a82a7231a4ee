//! What a session does, without IO and without a clock of its own.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::error::{RequestError, SessionError};
use super::guard::{ModeGuard, Verdict};
use super::hold;
use super::identity::Identity;
use super::received::Received;
use super::requests::{RequestId, Requests};
use super::streams::Streams;
use super::subscriptions::Subscriptions;
use super::timing::Timing;
use super::types::{Counters, Message, Standing, StreamReport, Wishes, VIDEO};
use super::upkeep::{Pace, Upkeep};
use crate::codec::{topics, DecodeError, Inbound, Json, Kind, Outbound, Request, Response};
use crate::rate::Rate;
use crate::state::FaultChange;
use crate::text::{clean, WORDS};
use crate::video::AccessUnit;

mod answers; // what becomes of the robot's answers

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The robot accepted us.
    Live,
    /// A message on a topic.
    Message(Message),
    /// A picture of the video track.
    Picture(AccessUnit),
    /// The robot's list of faults changed.
    Faults(FaultChange),
    /// A request is settled.
    Settled(RequestId, Result<Response, RequestError>),
    /// A response to a request that nobody waits for, such as a velocity.
    Unawaited(Response),
    /// A response to no request that is open: too late, a second one, or another client's.
    Stray(Response),
    /// A change of the motion mode goes out that is kept back unless the owner allows it; why.
    ModeSwitch(RequestError),
    /// The robot does not tell its serial number, which was asked for; why, in words.
    Unidentified(String),
    /// An error message of the robot.
    RobotError(String),
    /// Bytes that are no message.
    Malformed(DecodeError),
}

enum Phase {
    /// Until the robot accepts our answer. Holds the latest challenge and how often it was answered.
    Validating { challenge: Option<String>, answers: u32, deadline: Instant },
    Live {
        next_heartbeat: Instant,
        last_heartbeat: Option<Instant>,
        /// When the streams are looked at next.
        review: Instant,
    },
}

/// One session, from the open channel to its end.
pub struct Machine {
    timing: Timing,
    phase: Phase,
    last_received: Instant,
    /// How long the silence was when it was last looked at: it is looked at again when it grows beyond the next limit.
    silence: Duration,
    topics: Subscriptions,
    streams: Streams,
    requests: Requests,
    guard: ModeGuard,
    identity: Identity,
    /// Whether nothing goes out that may take the robot from its place.
    held: bool,
    lidar: Upkeep,
    video: Upkeep,
    transmit: VecDeque<Outbound>,
    events: VecDeque<Event>,
    /// What is sent because the robot asks for it.
    replies: Rate,
    counters: Counters,
}

/// Answers to challenges before the robot counts as refusing us.
const MOST_ANSWERS: u32 = 5;
/// How often it is looked whether streams flow.
const REVIEW: Duration = Duration::from_millis(500);
/// Messages must stay below 64 KiB; the rest is for the envelope.
const LONGEST_MESSAGE: usize = 60_000;
/// Firmware ignores the first LiDAR switch; the phone app sends five.
const LIDAR_PACE: Pace = Pace {
    first: Duration::from_millis(100),
    firsts: 5,
    later: Duration::from_secs(2),
    laters: 10,
    at_last: Duration::from_secs(15),
};
const VIDEO_PACE: Pace = Pace { first: Duration::from_secs(1), firsts: 3, ..LIDAR_PACE };
/// What a robot that asks again and again is answered at once, and how often after that.
const REPLIES: (u32, Duration) = (20, Duration::from_millis(50));
/// Bytes of the longest probe that is sent back.
const LONGEST_PROBE: usize = 1024;
const ACCEPTED: &str = "Validation Ok.";
const NOT_VALIDATED: &str = "Validation Needed.";
/// Spelled so on the wire.
const PROBE: &str = "rtt_probe_send_from_mechine";

impl Machine {
    /// A session whose channel is open now. `first_id` is where request ids start; only its lower 30 bits
    /// are used.
    pub fn new(timing: Timing, topics: BTreeSet<String>, first_id: u32, now: Instant) -> Self {
        let deadline = now + timing.validation;
        Self {
            timing,
            phase: Phase::Validating { challenge: None, answers: 0, deadline },
            last_received: now,
            silence: Duration::ZERO,
            streams: Streams::new(topics.iter()),
            topics: Subscriptions::new(topics),
            requests: Requests::new(first_id),
            guard: ModeGuard::default(),
            identity: Identity::new(None),
            held: false,
            lidar: Upkeep::new(LIDAR_PACE),
            video: Upkeep::new(VIDEO_PACE),
            transmit: VecDeque::new(),
            events: VecDeque::new(),
            replies: Rate::new(REPLIES.0, REPLIES.1),
            counters: Counters::default(),
        }
    }

    /// Has the robot tell its serial number, and velocities wait until it has told this one.
    pub fn expecting(self, serial_number: Option<String>) -> Self {
        Self { identity: Identity::new(serial_number), ..self }
    }

    /// Whether the robot accepted us.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// How the session stands: validating, live, degraded or stale.
    pub fn standing(&self, now: Instant) -> Standing {
        if !self.is_live() {
            return Standing::Validating;
        }
        if self.silence >= self.timing.stale {
            return Standing::Stale;
        }
        match self.streams.stopped(now) {
            stopped if stopped.is_empty() => Standing::Live,
            stopped => Standing::Degraded { stopped },
        }
    }

    /// How long this session waits for what.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Whether the robot was heard a moment ago.
    pub fn hears(&self, now: Instant) -> bool {
        self.is_live() && now.saturating_duration_since(self.last_received) < self.timing.quiet
    }

    /// How each stream has come so far.
    pub fn streams(&self, now: Instant) -> Vec<StreamReport> {
        self.streams.report(now)
    }

    /// What this session has seen.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes a message. An error ends the session.
    pub fn handle(&mut self, received: Received, now: Instant) -> Result<(), SessionError> {
        let (decoded, length) = match &received {
            Received::Text(text) => (Inbound::from_text(text), text.len()),
            Received::Binary(bytes) => (Inbound::from_binary(bytes), bytes.len()),
            // No sign of life: a robot that is seen and does not speak takes no commands either.
            Received::Picture(picture) => {
                self.video.frame(now);
                self.streams.heard(VIDEO, now);
                self.events.push_back(Event::Picture(picture.clone()));
                return Ok(());
            }
        };
        self.last_received = now;
        self.silence = Duration::ZERO;
        self.counters.messages += 1;
        self.counters.bytes += length as u64;
        match decoded {
            Ok(message) => self.route(message, now),
            Err(error) => {
                self.malformed(error);
                Ok(())
            }
        }
    }

    fn route(&mut self, message: Inbound, now: Instant) -> Result<(), SessionError> {
        match message.kind {
            Kind::Validation => return self.validation(&message.data, now),
            Kind::Err => return self.error(&message.data, now),
            Kind::Heartbeat => {
                if let Phase::Live { last_heartbeat: Some(sent), .. } = self.phase {
                    self.counters.round_trip = Some(now.saturating_duration_since(sent));
                }
            }
            Kind::RtcInnerReq => self.inner(message.data, now),
            Kind::Res => match Response::decode(&message) {
                Ok((response, chunk)) => {
                    self.guard.hear(&message.topic, &response);
                    let settled = self.requests.response(&message.topic, response, chunk, now);
                    return self.responded(settled);
                }
                Err(error) => self.malformed(error),
            },
            Kind::Errors | Kind::AddError | Kind::RmError => {
                match FaultChange::decode(message.kind, &message.data) {
                    Ok(change) => self.events.push_back(Event::Faults(change)),
                    Err(error) => self.malformed(error),
                }
            }
            Kind::Msg => {
                self.streams.heard(&message.topic, now);
                if message.topic == topics::VOXEL_MAP {
                    self.lidar.frame(now);
                }
                let Inbound { topic, data, payload, .. } = message;
                self.events.push_back(Event::Message(Message {
                    topic,
                    data,
                    payload,
                    received: now,
                }));
            }
            Kind::Subscribe
            | Kind::Unsubscribe
            | Kind::Req
            | Kind::Vid
            | Kind::Aud
            | Kind::RtcReport
            | Kind::Unknown => self.counters.unexpected += 1,
        }
        Ok(())
    }

    fn validation(&mut self, data: &Json, now: Instant) -> Result<(), SessionError> {
        let Ok(text) = data.decode::<String>() else {
            self.malformed(DecodeError::Shape);
            return Ok(());
        };
        if text != ACCEPTED {
            if let Phase::Validating { challenge, .. } = &mut self.phase {
                *challenge = Some(text.clone());
            }
            return self.answer(text, now);
        }
        if !self.is_live() {
            self.phase =
                Phase::Live { next_heartbeat: now, last_heartbeat: None, review: now + REVIEW };
            self.streams.begin(now);
            self.heartbeat(now);
            self.transmit.push_back(Outbound::DisableTrafficSaving(true));
            self.transmit.extend(self.topics.own().iter().cloned().map(Outbound::Subscribe));
            self.events.push_back(Event::Live);
            self.identify(now);
        }
        Ok(())
    }

    fn answer(&mut self, challenge: String, now: Instant) -> Result<(), SessionError> {
        if let Phase::Validating { answers, .. } = &mut self.phase {
            *answers += 1;
            if *answers > MOST_ANSWERS {
                return Err(SessionError::ValidationRefused);
            }
        }
        if self.replies.allow(now) {
            self.transmit.push_back(Outbound::Validation { challenge });
        }
        Ok(())
    }

    fn error(&mut self, info: &Json, now: Instant) -> Result<(), SessionError> {
        let text = info.decode::<String>().unwrap_or_else(|_| format!("{info:?}"));
        let text = clean(&text, WORDS);
        if text == NOT_VALIDATED {
            if let Phase::Validating { challenge: Some(challenge), .. } = &self.phase {
                return self.answer(challenge.clone(), now);
            }
        }
        self.events.push_back(Event::RobotError(text));
        Ok(())
    }

    fn inner(&mut self, info: Json, now: Instant) {
        #[derive(Deserialize)]
        struct Inner {
            req_type: String,
        }
        match info.decode::<Inner>() {
            Ok(inner) if inner.req_type == PROBE => {
                if info.as_bytes().len() <= LONGEST_PROBE && self.replies.allow(now) {
                    self.transmit.push_back(Outbound::ProbeEcho(info));
                }
            }
            Ok(_) => {}
            Err(error) => self.malformed(error),
        }
    }

    fn malformed(&mut self, error: DecodeError) {
        self.counters.malformed += 1;
        self.events.push_back(Event::Malformed(error));
    }

    fn heartbeat(&mut self, now: Instant) {
        if let Phase::Live { next_heartbeat, last_heartbeat, .. } = &mut self.phase {
            *next_heartbeat = now + self.timing.heartbeat;
            *last_heartbeat = Some(now);
            self.transmit.push_back(Outbound::Heartbeat);
        }
    }

    /// What is wanted of the robot's streams from now on.
    pub fn wish(&mut self, wishes: &Wishes, now: Instant) {
        self.guard.allows = wishes.mode_switch;
        self.held = wishes.held;
        self.streams.wish(wishes, now);
        for (stream, wish) in [(&mut self.lidar, wishes.lidar), (&mut self.video, wishes.video())] {
            if let Some(on) = wish {
                stream.want(on, now);
            }
        }
        self.topics.want(&wishes.topics, now);
    }

    /// Whether messages of this topic are wished for by those who share the session.
    pub fn is_shared(&self, topic: &str) -> bool {
        self.topics.is_wanted(topic)
    }

    fn keep_up(&mut self, now: Instant) {
        if let Some((on, before)) = self.lidar.poll(now) {
            if before > 0 && on {
                // Both are needed for frames to flow, and either may have been lost or undone.
                self.transmit.push_back(Outbound::DisableTrafficSaving(true));
            }
            self.transmit.push_back(Outbound::LidarSwitch { on, attempt: before });
        }
        if let Some((on, _)) = self.video.poll(now) {
            self.transmit.push_back(Outbound::Video(on));
        }
    }

    /// Sends a request and awaits its response, which comes as [`Event::Settled`].
    pub fn request(
        &mut self,
        request: Request,
        timeout: Duration,
        now: Instant,
    ) -> Result<RequestId, RequestError> {
        self.may_go(&request)?;
        let id = self.requests.ask(&request, timeout, now)?;
        let message = Outbound::Request { id: id.0, request };
        self.transmit.extend(self.identity.hold(message));
        Ok(id)
    }

    /// Sends a request whose response nobody awaits.
    pub fn tell(&mut self, request: Request) -> Result<RequestId, RequestError> {
        self.may_go(&request)?;
        let id = self.requests.tell(&request)?;
        self.transmit.push_back(Outbound::Request { id: id.0, request });
        Ok(id)
    }

    fn must_be_live(&self) -> Result<(), RequestError> {
        self.is_live().then_some(()).ok_or(RequestError::NotLive)
    }

    /// Whether a request may be sent now: the one place that all of them pass.
    fn may_go(&mut self, request: &Request) -> Result<(), RequestError> {
        self.must_be_live()?;
        if self.held && hold::may_walk(request) {
            return Err(RequestError::Held);
        }
        if self.identity.is_open() && hold::may_walk(request) {
            return Err(RequestError::Unidentified);
        }
        if let Verdict::Allowed(reason) = self.guard.judge(request)? {
            self.events.push_back(Event::ModeSwitch(reason));
        }
        Ok(())
    }

    /// Publishes on a plain topic. Robots take requests that come so, too, without an answer.
    pub fn publish(&mut self, topic: &str, data: Value) -> Result<(), RequestError> {
        self.must_be_live()?;
        if self.held && hold::may_walk_by(topic, &data) {
            return Err(RequestError::Held);
        }
        if self.identity.is_open() && hold::may_walk_by(topic, &data) {
            return Err(RequestError::Unidentified);
        }
        if topic.ends_with("/request") {
            let api_id = data["header"]["identity"]["api_id"].as_i64().unwrap_or_default();
            let parameter = data["parameter"].as_str().unwrap_or_default().to_owned();
            self.may_go(&Request { topic: topic.to_owned(), parameter, ..Request::sport(api_id) })?;
        }
        if data.to_string().len() > LONGEST_MESSAGE {
            return Err(RequestError::TooLong);
        }
        self.transmit.push_back(Outbound::Publish { topic: topic.to_owned(), data });
        Ok(())
    }

    /// Lets time pass. An error ends the session.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), SessionError> {
        match self.phase {
            Phase::Validating { deadline, .. } if now >= deadline => {
                return Err(SessionError::ValidationTimeout);
            }
            Phase::Live { next_heartbeat, .. } if now >= next_heartbeat => self.heartbeat(now),
            Phase::Validating { .. } | Phase::Live { .. } => {}
        }
        if let Phase::Live { review, .. } = &mut self.phase {
            if now >= *review {
                *review = now + REVIEW;
            }
            self.keep_up(now);
        }
        let silence = now.saturating_duration_since(self.last_received);
        self.silence = silence;
        if self.is_live() && silence >= self.timing.silence {
            return Err(SessionError::Silent(silence));
        }
        let late: Vec<_> = self.requests.late(now).collect();
        for (id, error) in late {
            match self.identity.is_own(id) {
                true => self.identified(Err(error))?,
                false => self.events.push_back(Event::Settled(id, Err(error))),
            }
        }
        Ok(())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Instant {
        let phase = match self.phase {
            Phase::Validating { deadline, .. } => deadline,
            Phase::Live { next_heartbeat, review, .. } => {
                let upkeep =
                    [&self.lidar, &self.video].into_iter().filter_map(Upkeep::poll_timeout);
                let Timing { quiet, stale, silence, .. } = self.timing;
                let limits = [quiet, stale, silence].into_iter();
                let next = limits.filter(|limit| *limit > self.silence).min().unwrap_or(silence);
                let silence = self.last_received + next;
                upkeep.fold(next_heartbeat.min(silence).min(review), Instant::min)
            }
        };
        self.requests.poll_timeout().map_or(phase, |deadline| phase.min(deadline))
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Outbound> {
        let message = self.transmit.pop_front()?;
        self.counters.sent += 1;
        Some(message)
    }

    /// The next change of what is shared with others, where `backlog` bytes wait to be acknowledged. After everything
    /// else: see [`topics_due`](Self::topics_due) for when to ask again.
    pub fn poll_topics(&mut self, backlog: usize, now: Instant) -> Option<Outbound> {
        if !self.is_live() {
            return None;
        }
        let change = self.topics.poll(backlog, now);
        self.counters.sent += u64::from(change.is_some());
        change
    }

    /// When [`poll_topics`](Self::poll_topics) may have something.
    pub fn topics_due(&self) -> Option<Instant> {
        self.topics.due().filter(|_| self.is_live())
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_identity_tests.rs"]
mod identity_tests;
