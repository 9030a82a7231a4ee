//! One viewer, from its open channel until it leaves.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use go2_proto::codec::{api, topics, Inbound, Kind, Request, Response};
use go2_proto::motion::Velocity;
use go2_proto::rate::Rate;
use go2_proto::session::Received;
use go2_proto::throttle::Throttle;
use go2_server::session::{self, Heard, Session};
use go2_server::{Channel, Message};
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::answers::{self, Code, Standing};
use super::seats::Wants;
use super::video::{Need, Video};
use super::{Seat, Stop};
use crate::access::Rights;

/// Unsent bytes beyond which messages are left out: the viewer is slower than the robot.
const LARGEST_BACKLOG: usize = 256 * 1024;
/// Bytes of the longest message of a viewer.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Messages of a viewer that are read at once, and the time between two after that. The rest waits at the viewer's end.
const MESSAGES: (u32, Duration) = (200, Duration::from_millis(5));
/// Stops that wait for the robot, beyond the other requests.
const MOST_URGENT: usize = 16;
/// Requests that wait for the robot.
const MOST_WAITING: usize = 32;
/// For the answer to the challenge.
const VALIDATION_LIMIT: Duration = Duration::from_secs(10);
/// A page in the background may be slow, but not as slow as that.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(30);
/// Between two tellings of how things stand.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Between two wishes for a keyframe.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);

/// An answer that has come, and whose it is.
struct Settled {
    topic: String,
    identity: Value,
    /// Nothing where it was the node that did it.
    result: Result<Option<Response>, String>,
    answered: bool,
}

enum Input {
    Message(Option<Message>),
    Robot(Result<Received, RecvError>),
    Settled(Settled),
    Video(Vec<go2_server::video::Feedback>),
    Changed,
    Tick,
}

/// A viewer.
pub(super) struct Viewer {
    seat: Seat,
    rights: Rights,
    channel: Channel,
    video: Option<Video>,
    session: Session,
    robot: broadcast::Receiver<Received>,
    waiting: JoinSet<Settled>,
    messages: Rate,
    since: Instant,
    /// Messages that were left out because the viewer is slow.
    dropped: u64,
    slow: Throttle,
    wished: Throttle,
    /// The viewer takes nothing any more.
    gone: bool,
}

impl Viewer {
    pub(super) fn new(seat: Seat, rights: Rights, mut channel: Channel) -> Self {
        let now = Instant::now();
        Self {
            rights,
            video: channel.video.take().map(Video::new),
            channel,
            session: Session::new(session::random_challenge(), now),
            robot: seat.hub.link.hear(),
            waiting: JoinSet::new(),
            messages: Rate::new(MESSAGES.0, MESSAGES.1),
            since: now,
            dropped: 0,
            slow: Throttle::new(Duration::from_secs(10)),
            wished: Throttle::new(KEYFRAME_EVERY),
            gone: false,
            seat,
        }
    }

    /// Serves until the viewer leaves.
    pub(super) async fn run(mut self) {
        tracing::debug!("viewer {} is there, from {}", self.seat.id, self.seat.address);
        let hub = std::sync::Arc::clone(&self.seat.hub);
        let (mut changes, mut state) = (hub.changes.subscribe(), hub.link.state());
        let (mut faults, mut held) = (hub.link.faults(), hub.link.held());
        let mut tick = tokio::time::interval(TELL_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = vec![0; RECEIVE_BUFFER];
        self.say(self.session.challenge());
        while !self.gone {
            let input = tokio::select! {
                message = receive(&mut self.channel, &self.messages, &mut buffer) => Input::Message(message),
                received = self.robot.recv() => Input::Robot(received),
                Some(Ok(settled)) = self.waiting.join_next() => Input::Settled(settled),
                feedback = feedback(&mut self.video) => Input::Video(feedback),
                Ok(()) = changes.changed() => Input::Changed,
                Ok(()) = state.changed() => Input::Changed,
                Ok(()) = faults.changed() => Input::Changed,
                Ok(()) = held.changed() => Input::Changed,
                _ = tick.tick() => Input::Tick,
            };
            match input {
                Input::Message(None) => break,
                Input::Message(Some(message)) => {
                    self.messages.count(Instant::now());
                    self.hear(message);
                }
                Input::Robot(received) => self.pass(received).await,
                Input::Settled(settled) => self.answer(&settled),
                Input::Video(feedback) => {
                    if let Some(video) = &mut self.video {
                        let need = video.hear(feedback).await;
                        self.wish(need);
                    }
                }
                Input::Changed => self.tell(),
                Input::Tick => {
                    self.tell();
                    if let Some(video) = &mut self.video {
                        video.report().await;
                    }
                    let now = Instant::now();
                    let idle = !self.session.is_validated()
                        && now.saturating_duration_since(self.since) > VALIDATION_LIMIT;
                    if idle || self.session.silence(now) > HEARTBEAT_LIMIT {
                        break;
                    }
                }
            }
        }
        tracing::debug!("viewer {} is gone", self.seat.id);
        // Before the goodbye, which may take its time: the robot stops, and the place is free.
        drop(self.seat);
        self.channel.close().await;
    }

    fn say(&mut self, text: String) {
        self.send(Message::Text(text));
    }

    fn send(&mut self, message: Message) {
        self.gone |= !self.channel.send(message);
    }

    fn wish(&mut self, need: Need) {
        if need == Need::Keyframe && self.wished.allow(Instant::now()).is_some() {
            self.seat.hub.link.request_keyframe();
        }
    }

    /// Passes on what the robot sent.
    async fn pass(&mut self, received: Result<Received, RecvError>) {
        let need = match (received, &mut self.video) {
            (Ok(Received::Text(text)), _) => {
                if self.wants(Inbound::from_text(&text)) {
                    self.relay(Message::Raw(text));
                }
                Need::Nothing
            }
            (Ok(Received::Binary(bytes)), _) => {
                if !self.session.saves_traffic() && self.wants(Inbound::from_binary(&bytes)) {
                    self.relay(Message::Binary(bytes));
                }
                Need::Nothing
            }
            (Ok(Received::Picture(picture)), Some(video)) => video.send(&picture).await,
            (Err(RecvError::Lagged(count)), video) => {
                self.dropped += count;
                video.as_mut().map_or(Need::Nothing, Video::missed)
            }
            _ => Need::Nothing,
        };
        self.wish(need);
    }

    /// Whether a message of the robot is for this viewer.
    fn wants<E>(&self, message: Result<Inbound, E>) -> bool {
        let Ok(message) = message else { return false };
        self.session.is_validated()
            && match message.kind {
                Kind::Msg => self.session.is_subscribed(&message.topic),
                Kind::Errors | Kind::AddError | Kind::RmError => true,
                _ => false,
            }
    }

    /// Sends what may also be left out.
    fn relay(&mut self, message: Message) {
        if self.channel.backlog() <= LARGEST_BACKLOG {
            return self.send(message);
        }
        self.dropped += 1;
        if let Some(more) = self.slow.allow(Instant::now()) {
            let (id, dropped) = (self.seat.id, self.dropped);
            tracing::warn!(
                "viewer {id} takes messages more slowly than they come: {dropped} left out so far{more}"
            );
        }
    }

    fn hear(&mut self, message: Message) {
        let Message::Text(text) = message else { return };
        let now = Instant::now();
        match self.session.hear(&Bytes::from(text), now) {
            Heard::Validation { right: true } => {
                let welcome = self.session.accept(now);
                self.say(welcome);
                let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let time = time.unwrap_or_default().as_secs();
                let faults = answers::faults(&self.seat.hub.link.faults().borrow(), time);
                self.say(session::message("errors", "", faults));
            }
            Heard::Validation { right: false } | Heard::NotValidated => {
                self.say(session::refused());
            }
            Heard::Heartbeat { data } => self.say(session::heartbeat(data)),
            Heard::Subscribe(topic) => {
                self.want();
                if topic == answers::STATE {
                    self.tell();
                }
            }
            Heard::Unsubscribe(_) => self.want(),
            Heard::TrafficSaving { .. } => self.say(session::traffic_saving()),
            Heard::Video(on) => {
                let need = self.video.as_mut().map(|video| video.switch(on));
                self.want();
                self.wish(need.unwrap_or(Need::Nothing));
            }
            Heard::Request { topic, data, answered } => self.request(topic, &data, answered),
            // Commands are requests: what is published has no answer that could say that it is not allowed.
            Heard::Publish { topic, .. } => {
                tracing::debug!("viewer {} publishes on {topic}: left out", self.seat.id);
            }
            Heard::Inner { .. } | Heard::Nothing => {}
        }
    }

    /// Says what this viewer wants of the robot now.
    fn want(&self) {
        let topics = self.session.topics().filter(|topic| *topic != answers::STATE);
        let topics: BTreeSet<_> = topics.map(str::to_owned).collect();
        let video = self.video.as_ref().is_some_and(Video::is_on);
        self.seat.want(Wants { topics, video });
    }

    /// Says how things stand.
    fn tell(&mut self) {
        if !self.session.is_subscribed(answers::STATE) {
            return;
        }
        let hub = &self.seat.hub;
        let (holder, viewers) = {
            let board = hub.board();
            (board.helm.holder(), board.seats.count())
        };
        let standing = Standing {
            link: &hub.link.state().borrow().clone(),
            hears: *hub.link.hears().borrow(),
            held: *hub.link.held().borrow(),
            faults: &hub.link.faults().borrow().clone(),
            viewers,
            may_drive: self.rights == Rights::Control,
            driver: match holder {
                None => "ros",
                Some(holder) if holder == self.seat.id => "you",
                Some(_) => "viewer",
            },
        };
        let data = standing.data();
        self.say(session::message("msg", answers::STATE, data));
    }

    fn request(&mut self, topic: String, data: &Value, answered: bool) {
        let identity = data["header"]["identity"].clone();
        let api_id = identity["api_id"].as_i64().unwrap_or(-1);
        let outcome = self.carry_out(&topic, api_id, data, &identity, answered);
        let (code, words) = match outcome {
            Some(Ok(())) => (Code::Good, String::new()),
            Some(Err((code, words))) => (code, words),
            None => return, // later
        };
        if answered {
            self.say(answers::answer(&topic, &identity, code as i64, &words));
        }
    }

    /// Does what is asked for. `None` where the answer comes later.
    fn carry_out(
        &mut self,
        topic: &str,
        api_id: i64,
        data: &Value,
        identity: &Value,
        answered: bool,
    ) -> Option<Result<(), (Code, String)>> {
        if self.rights != Rights::Control {
            let words = "this viewer may only watch: reload the page with the token for control";
            return Some(Err((Code::NotAllowed, words.to_owned())));
        }
        let not_in_control = |error: super::HelmError| (Code::NotInControl, error.to_string());
        if topic == answers::REQUEST {
            return Some(match api_id {
                answers::TAKE => self.seat.take_helm().map_err(not_in_control),
                answers::RELEASE => {
                    self.seat.release_helm();
                    Ok(())
                }
                answers::HOLD | answers::END_HOLD => {
                    let outcome = self.seat.hub.pilot.hold(api_id == answers::HOLD);
                    self.wait(topic, identity, answered, async { outcome.await.map(|()| None) });
                    return None;
                }
                _ => Err((
                    Code::Failed,
                    "the gateway knows 1, take control, 2, give it back, 3, hold the robot, and 4, release it".into(),
                )),
            });
        }
        let sport = topic == topics::SPORT_REQUEST;
        let urgent = sport && matches!(api_id, api::STOP_MOVE | api::DAMP);
        let driver = self.seat.command();
        let drives = driver.is_ok();
        if let Err(error) = driver {
            if !urgent {
                return Some(Err(not_in_control(error)));
            }
        }
        if sport && api_id == api::MOVE {
            let Some(velocity) = answers::velocity(&data["parameter"]) else {
                let words = "Move takes x, y and z, in m/s and rad/s".to_owned();
                return Some(Err((Code::Failed, words)));
            };
            let outcome = self.seat.hub.pilot.drive(velocity);
            // It is carried out all the same, and the next one tells.
            if answered && self.waiting.len() < MOST_WAITING {
                self.wait(topic, identity, true, async { outcome.await.map(|()| None) });
            }
            return None;
        }
        let most = MOST_WAITING + if urgent { MOST_URGENT } else { 0 };
        if self.waiting.len() >= most {
            if drives && urgent {
                drop(self.seat.hub.pilot.drive(Velocity::ZERO)); // the stops that wait say the rest
            }
            let words = format!("{most} requests wait for the robot already");
            return Some(Err((Code::Failed, words)));
        }
        let pilot = &self.seat.hub.pilot;
        let later = if sport && api_id == api::STOP_MOVE {
            // Without priority it is what follows when a key is let go.
            let pressed = data["header"]["policy"]["priority"] == 1;
            pilot.stop(match (drives, pressed) {
                (false, _) => Stop::Other,
                (true, true) => Stop::Driver,
                (true, false) => Stop::Pause,
            })
        } else {
            pilot.request(Request {
                topic: topic.to_owned(),
                api_id,
                parameter: data["parameter"].as_str().unwrap_or_default().to_owned(),
                priority: urgent,
            })
        };
        self.wait(topic, identity, answered, async { later.await.map(Some) });
        None
    }

    /// Has a request answered when its outcome is there.
    fn wait(
        &mut self,
        topic: &str,
        identity: &Value,
        answered: bool,
        outcome: impl Future<Output = Result<Option<Response>, String>> + Send + 'static,
    ) {
        let (topic, identity) = (topic.to_owned(), identity.clone());
        self.waiting
            .spawn(async move { Settled { topic, identity, result: outcome.await, answered } });
    }

    fn answer(&mut self, settled: &Settled) {
        let Settled { topic, identity, result, answered } = settled;
        if !answered {
            return;
        }
        match result {
            Ok(None) => self.say(answers::answer(topic, identity, Code::Good as i64, "")),
            Ok(Some(response)) if response.payload.is_empty() => {
                self.say(answers::pass_on(topic, identity, response));
            }
            Ok(Some(response)) => {
                for part in
                    session::parts(&answers::response_topic(topic), identity, &response.payload)
                {
                    self.send(Message::Binary(part));
                }
            }
            Err(words) => self.say(answers::answer(topic, identity, Code::Failed as i64, words)),
        }
    }
}

/// The next message, once it may be read. Cancelling loses nothing.
async fn receive(channel: &mut Channel, messages: &Rate, buffer: &mut [u8]) -> Option<Message> {
    let wait = messages.wait(Instant::now());
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    channel.receive(buffer).await
}

/// What the viewer says of its video; pending where it has none.
async fn feedback(video: &mut Option<Video>) -> Vec<go2_server::video::Feedback> {
    match video {
        Some(video) => video.feedback().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_viewer_are_read_at_a_bounded_rate() {
        let (mut messages, start) = (Rate::new(MESSAGES.0, MESSAGES.1), Instant::now());
        let (mut now, mut read) = (start, 0);
        while now - start < Duration::from_secs(10) {
            now += messages.wait(now);
            messages.count(now);
            read += 1;
        }
        assert!((2000..=2202).contains(&read), "{read} in ten seconds");
        // Who drives sends some tens in a second: none of them waits.
        let (mut messages, mut now) = (Rate::new(MESSAGES.0, MESSAGES.1), start);
        for _ in 0..1000 {
            now += Duration::from_millis(10);
            assert!(messages.allow(now));
        }
    }
}
