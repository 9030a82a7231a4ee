//! What the robot says and does for the client that holds its slot.

mod answers; // answers that wait for their time
mod garble; // what it should not say
mod hold; // messages that are held and come in bursts
mod lidar; // the LiDAR's switch and its maps
mod requests; // requests to services, and sticks
mod state; // state messages at their rates

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use go2_proto::codec::{topics, Frame, Json};
use go2_proto::state::Fault;
use go2_server::session::{self, Heard, Session};
use go2_server::{Channel, Message};
use serde_json::{json, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::camera::Video;
use crate::hardware::Hardware;
use crate::lidar::SWITCH;
use crate::log::Log;
use crate::mishap::Mishap;
use crate::options::{Options, Validation};
use crate::print;
use crate::robot::Ending;
use answers::Answers;
use hold::Held;
use state::Ticker;

enum Input {
    Message(Message),
    Photo(Photo),
    Faults,
    Mishap,
    Time,
    End(&'static str),
}

/// A still picture, and the identity of the request that it answers.
type Photo = (Value, Vec<u8>);

/// What the robot measures the round trip with. The misspelling is the robot's.
const PROBE: &str = "rtt_probe_send_from_mechine";
/// Unsent bytes beyond which state is dropped, as on a slow Wi-Fi.
const LARGEST_BACKLOG: usize = 256 * 1024;
const RECEIVE_BUFFER: usize = 256 * 1024;

/// One client, from its open channel on.
pub(crate) struct Client<'a> {
    options: &'a Options,
    hardware: &'a Hardware,
    log: &'a Log,
    channel: Channel,
    video: Option<Video>,
    /// Still pictures that are being taken.
    photos: JoinSet<Photo>,
    /// Messages that are held, since when.
    held: Held,
    /// Whether the data channel was closed.
    shut: bool,
    /// Whether the client takes nothing any more.
    gone: bool,
    faults: watch::Receiver<Vec<Fault>>,
    /// The faults that the client knows of.
    told: Vec<Fault>,
    session: Session,
    asked_again: bool,
    /// Commands of the LiDAR's switch in this session.
    switched: u32,
    probe: Option<(Instant, String)>,
    next_probe: Instant,
    tickers: Vec<Ticker>,
    answers: Answers,
    /// Where in the bad voxel maps it is.
    garbled: usize,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        options: &'a Options,
        hardware: &'a Hardware,
        log: &'a Log,
        mut channel: Channel,
        faults: watch::Receiver<Vec<Fault>>,
    ) -> Self {
        let track = channel.video.take();
        let camera = Arc::clone(&hardware.camera);
        let video = track.map(|track| {
            let mishaps = hardware.mishaps.clone();
            let clock = hardware.clock.clone();
            Video::start(track, camera, mishaps, clock, log.clone(), options.log_sent)
        });
        let now = Instant::now();
        Self {
            options,
            hardware,
            log,
            channel,
            video,
            photos: JoinSet::new(),
            held: Held::default(),
            shut: false,
            gone: false,
            faults,
            told: Vec::new(),
            session: Session::new(session::random_challenge(), now),
            asked_again: false,
            switched: 0,
            probe: None,
            next_probe: now + Duration::from_secs_f64(options.probe_every),
            tickers: state::tickers(options, now),
            answers: Answers::default(),
            garbled: 0,
        }
    }

    /// Serves until the client leaves; returns why it ended.
    pub(crate) async fn run(mut self, ending: &mut Ending) -> &'static str {
        let mut mishaps = self.hardware.mishaps.watch();
        self.shut().await; // a mishap that is on already
        self.hardware.services().connect(Instant::now());
        self.hardware.refuse_motion(self.options.services.motion_refused_for());
        self.send_of_session(self.session.challenge()).await;
        let mut buffer = vec![0; RECEIVE_BUFFER];
        loop {
            let due = tokio::time::Instant::from_std(self.due());
            let input = tokio::select! {
                message = self.channel.receive(&mut buffer) => {
                    message.map_or(Input::End("the client left"), Input::Message)
                }
                reason = ending.reason() => Input::End(reason),
                Some(Ok(photo)) = self.photos.join_next() => Input::Photo(photo),
                Ok(()) = self.faults.changed(), if self.session.is_validated() => Input::Faults,
                _ = mishaps.changed() => Input::Mishap,
                () = tokio::time::sleep_until(due) => Input::Time,
            };
            match input {
                Input::Message(message) => self.hear(message).await,
                Input::Photo(photo) => self.send_photo(photo),
                Input::End(reason) => return self.close(reason).await,
                Input::Faults => self.tell_faults().await,
                Input::Mishap => self.shut().await,
                Input::Time => {}
            }
            let timeout = Duration::from_secs_f64(self.options.heartbeat_timeout);
            if self.session.silence(Instant::now()) > timeout {
                return self.close("no heartbeat").await;
            }
            self.tick().await;
            if self.gone {
                return self.close("the client left").await;
            }
        }
    }

    async fn close(self, reason: &'static str) -> &'static str {
        if let Some(video) = self.video {
            video.close().await;
        }
        self.channel.close().await;
        reason
    }

    /// When something is to be sent next.
    fn due(&self) -> Instant {
        let latest = Instant::now() + Duration::from_millis(500);
        let tickers = self.tickers.iter().filter(|ticker| self.session.is_subscribed(ticker.topic));
        let due = tickers.map(|ticker| ticker.due).chain(self.answers.due());
        due.chain(self.held.due()).fold(latest, Instant::min)
    }

    /// Closes the data channel if that is what goes wrong now. The client is heard until it leaves.
    async fn shut(&mut self) {
        if !self.shut && self.hardware.mishaps.feels(&Mishap::CloseChannel) {
            self.shut = true;
            self.channel.shut().await;
        }
    }

    async fn say(&mut self, kind: &str, topic: &str, data: Value) {
        let text = if self.options.facts().state.printed {
            print::message(kind, topic, data)
        } else {
            session::message(kind, topic, data)
        };
        self.send_text(text).await;
    }

    /// What is of no topic.
    async fn send_of_session(&mut self, text: String) {
        let topicless = self.options.facts().state.topicless;
        self.send_text(if topicless { print::topicless(text) } else { text }).await;
    }

    async fn send_text(&mut self, text: String) {
        self.send_message(Message::Text(text)).await;
    }

    async fn send_message(&mut self, message: Message) {
        let silent = self.shut || self.gone;
        if silent || self.hardware.mishaps.feels(&Mishap::Mute) {
            return;
        }
        let holds = self.hardware.mishaps.feel(|mishap| match mishap {
            Mishap::Bursts(seconds) => Some(Duration::from_secs_f64(*seconds)),
            _ => None,
        });
        if let Some(message) = self.held.pass(message, holds, Instant::now()) {
            self.gone |= !self.channel.send(message);
        }
    }

    /// Sends what was held, when its time has come.
    async fn send_held(&mut self, now: Instant) {
        for message in self.held.take(now) {
            if !self.shut && !self.gone {
                self.gone |= !self.channel.send(message);
            }
        }
    }

    async fn hear(&mut self, message: Message) {
        let text = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) | Message::Raw(bytes) => {
                self.log.add("rx_binary", json!({"length": bytes.len()}));
                return;
            }
        };
        let message: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
        self.log.add("rx", json!({"msg": message}));
        match self.session.hear(&text, Instant::now()) {
            Heard::Validation { right } => self.validate(right).await,
            Heard::NotValidated => self.send_of_session(session::refused()).await,
            Heard::Heartbeat { data } => {
                if !self.hardware.mishaps.feels(&Mishap::MuteHeartbeat) {
                    self.send_of_session(session::heartbeat(data)).await;
                }
            }
            Heard::Subscribe(topic) => self.subscribe(&topic),
            Heard::TrafficSaving { .. } => self.send_text(session::traffic_saving()).await,
            Heard::Inner { kind, data } => self.inner(&kind, &data),
            Heard::Video(on) => self.switch_video(on),
            Heard::Request { topic, data, answered } => self.request(&topic, &data, answered).await,
            Heard::Publish { topic, data } if topic == topics::WIRELESS_CONTROLLER => {
                self.push_sticks(&data);
            }
            Heard::Publish { topic, data } if topic == SWITCH => self.switch_lidar(&data),
            Heard::Unsubscribe(_) | Heard::Publish { .. } | Heard::Nothing => {}
        }
    }

    async fn validate(&mut self, right: bool) {
        let mishap = self.hardware.mishaps.feel(|mishap| match mishap {
            Mishap::Validation(validation) => Some(*validation),
            _ => None,
        });
        let validation = mishap.unwrap_or(self.options.validation);
        let again = validation == Validation::Twice && !self.asked_again;
        self.asked_again = true;
        match validation {
            Validation::Silent => return,
            Validation::Refuse => return self.send_of_session(session::refused()).await,
            _ if again || !right => return self.send_of_session(session::refused()).await,
            Validation::Accept | Validation::Twice => {}
        }
        let accepted = self.session.accept(Instant::now());
        self.log.add("validated", json!({}));
        self.send_of_session(accepted).await;
        self.told = self.faults.borrow_and_update().clone();
        let time = self.hardware.time();
        let snapshot: Vec<_> = self.told.iter().map(|fault| entry(fault, time)).collect();
        self.say("errors", "", snapshot.into()).await;
        if let Some(length) = self.options.big {
            self.send_big(length).await;
        }
    }

    /// Tells what has changed, a message for each fault.
    async fn tell_faults(&mut self) {
        let faults = self.faults.borrow_and_update().clone();
        let time = self.hardware.time();
        let told = std::mem::replace(&mut self.told, faults.clone());
        for gone in told.iter().filter(|fault| !faults.contains(fault)) {
            self.say("rm_error", "", entry(gone, time)).await;
        }
        for new in faults.iter().filter(|fault| !told.contains(fault)) {
            self.say("add_error", "", entry(new, time)).await;
        }
    }

    /// One binary frame whose payload byte i is i modulo 251.
    async fn send_big(&mut self, length: usize) {
        let head = json!({"type": "msg", "topic": "rt/big", "data": {}}).to_string();
        let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let frame = Frame { head: head.into(), payload: payload.into() };
        if let Some(bytes) = frame.encode() {
            self.send_message(Message::Binary(bytes)).await;
        }
    }

    fn switch_video(&self, on: bool) {
        self.log.add("video", json!({"on": on}));
        if let Some(video) = &self.video {
            video.switch(on);
        }
    }

    /// What is wanted comes at once, and again where it was wanted before.
    fn subscribe(&mut self, topic: &str) {
        let now = Instant::now();
        for ticker in self.tickers.iter_mut().filter(|ticker| ticker.topic == topic) {
            ticker.due = now;
        }
    }

    /// Takes the echo of the probe.
    fn inner(&mut self, kind: &str, data: &Json) {
        if kind != PROBE {
            return;
        }
        if let Some((sent, probe)) = self.probe.take() {
            let unchanged = data.as_bytes() == probe.as_bytes();
            let seconds = sent.elapsed().as_secs_f64();
            self.log.add("rtt_echo", json!({"unchanged": unchanged, "seconds": seconds}));
        }
    }

    /// Sends what is due.
    async fn tick(&mut self) {
        let now = Instant::now();
        if self.session.is_validated() && self.options.probe_every > 0.0 && now >= self.next_probe {
            self.next_probe = now + Duration::from_secs_f64(self.options.probe_every);
            let nanoseconds = self.hardware.time().as_nanos() as u64;
            // Spacing, order and digits are odd on purpose: the echo must be unchanged to the letter.
            let info = format!(
                "{{\"uuid\":\"p\",\"req_type\":\"{PROBE}\", \"ns\":{nanoseconds},\"x\":0.10}}"
            );
            self.probe = Some((now, info.clone()));
            self.send_text(format!("{{\"type\":\"rtc_inner_req\",\"info\":{info}}}")).await;
        }
        self.send_held(now).await;
        self.send_answers().await;
        self.send_states(now).await;
        if self.session.is_validated() {
            self.garble().await;
        }
    }
}

/// A fault as the wire has it, with the time on the robot's clock.
fn entry(fault: &Fault, time: Duration) -> Value {
    json!([time.as_secs(), fault.source, fault.code])
}
