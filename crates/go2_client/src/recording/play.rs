//! A recording in place of a robot.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time;

use super::form::{self, Form};
use super::read::{Entry, Reader};
use super::{Anchor, RecordingError};
use crate::progress::Progress;
use crate::transport::{ConnectError, Connector, Transport, TransportError};
use go2_proto::codec::{Inbound, Kind};
use go2_proto::session::{MediaCount, Received};
use go2_proto::text::{clean, WORDS};

/// Messages that are read ahead.
const AHEAD: usize = 64;
/// A silent robot is lost; a recording only pauses. In pauses it gives a sign of life this often.
const BEAT: Duration = Duration::from_millis(500);
/// How often everybody else may run between two messages, so that each is done with before the next comes.
const ROUNDS: u8 = 4;
const ACCEPTED: &str = r#"{"type":"validation","topic":"","data":"Validation Ok."}"#;
const HEARTBEAT: &str = r#"{"type":"heartbeat","topic":"","data":""}"#;

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// One message each time that somebody asks a [`Stepper`].
    Stepped,
}

/// A message that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its topic in the recording.
    pub topic: String,
    /// How far into the recording it is.
    pub at: Duration,
}

type Asked = oneshot::Sender<Step>;

/// Asks for one message after the other.
#[derive(Debug, Clone)]
pub struct Stepper(mpsc::Sender<Asked>);

impl Stepper {
    /// Plays the next message, and returns when what it set going has come to rest. `None` when the recording is over.
    pub async fn step(&self) -> Option<Step> {
        let (asked, played) = oneshot::channel();
        self.0.send(asked).await.ok()?;
        played.await.ok()
    }
}

struct Item {
    at: Duration,
    topic: String,
    received: Received,
}

/// Plays a recording, once.
pub struct Player {
    path: PathBuf,
    anchor: Anchor,
    transport: Option<PlayedTransport>,
}

impl Player {
    /// A recording from its beginning.
    pub fn open(path: impl Into<PathBuf>, pace: Pace) -> Result<(Self, Stepper), RecordingError> {
        let path = path.into();
        let mut reader = Reader::open(&path)?;
        let first = loop {
            let entry = reader.next()?.ok_or_else(|| RecordingError::Empty(path.clone()))?;
            if entry.form != Form::Sent && entry.form != Form::Mark {
                break entry;
            }
        };
        let anchor = Anchor { at: Instant::now(), time: first.time };
        let (items_tx, items) = mpsc::channel(AHEAD);
        let source = Source { reader, anchor, items: items_tx, messages: 0, last: Duration::ZERO };
        let name = path.clone();
        let thread = std::thread::Builder::new().name("player".into());
        let started = thread.spawn(move || source.run(first, &name));
        started.map_err(|error| RecordingError::Read { path: path.clone(), error })?;
        let (ask, asks) = mpsc::channel(1);
        let transport = PlayedTransport {
            items,
            next: None,
            pace,
            anchor,
            begun: None,
            sign: time::Instant::now(),
            arrived: None,
            rounds: 0,
            asks,
            asked: None,
            played: None,
        };
        Ok((Self { path, anchor, transport: Some(transport) }, Stepper(ask)))
    }

    /// Where on this computer's monotonic clock the recording is, and when it was made.
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }
}

impl Connector for Player {
    type Transport = PlayedTransport;

    async fn connect(&mut self, _: Progress) -> Result<PlayedTransport, ConnectError> {
        match self.transport.take() {
            Some(transport) => Ok(transport),
            None => std::future::pending().await, // the end of a recording is no reason to try again
        }
    }

    async fn finish(&mut self) {}

    fn target(&self) -> String {
        format!("the recording {}", clean(&self.path.display().to_string(), WORDS))
    }
}

/// Reads ahead on a thread of its own.
struct Source {
    reader: Reader,
    anchor: Anchor,
    items: mpsc::Sender<Result<Item, String>>,
    messages: u64,
    last: Duration,
}

impl Source {
    fn run(mut self, first: Entry, path: &Path) {
        let mut entry = Ok(Some(first));
        let failure = loop {
            match entry {
                Ok(Some(entry)) => {
                    if let Some(item) = self.item(entry) {
                        self.messages += 1;
                        self.last = item.at;
                        if self.items.blocking_send(Ok(item)).is_err() {
                            return; // nobody listens any more
                        }
                    }
                }
                Ok(None) if self.reader.cut => break "; its end is missing".to_owned(),
                Ok(None) => break String::new(),
                Err(error) => break format!("; what follows cannot be read: {error}"),
            }
            entry = self.reader.next();
        };
        let (messages, seconds) = (self.messages, self.last.as_secs_f64());
        let path = path.display();
        let end = format!(
            "the recording {path} is over after {messages} messages and {seconds:.1} s{failure}"
        );
        let _ = self.items.blocking_send(Err(clean(&end, 2 * WORDS)));
    }

    /// What is to be played of an entry. Answers are not, as nobody has asked, and neither is what belongs to a session:
    /// there is a new one.
    fn item(&self, Entry { time, topic, form, data }: Entry) -> Option<Item> {
        let received = form::replayed(form, &data, &self.anchor)?;
        let read = match &received {
            Received::Text(text) => Inbound::from_text(text).ok(),
            Received::Binary(bytes) => Inbound::from_binary(bytes).ok(),
            Received::Picture(_) => None,
        };
        let old = |read: Inbound| {
            matches!(read.kind, Kind::Validation | Kind::Heartbeat | Kind::RtcInnerReq | Kind::Res)
        };
        let at = time.saturating_sub(self.anchor.time);
        (!read.is_some_and(old)).then_some(Item { at, topic, received })
    }
}

/// A recording that is being played. What is sent to it is thrown away.
pub struct PlayedTransport {
    items: mpsc::Receiver<Result<Item, String>>,
    next: Option<Item>,
    pace: Pace,
    anchor: Anchor,
    /// When playing began; before that the session was not yet told that it is accepted.
    begun: Option<time::Instant>,
    /// When something was last given.
    sign: time::Instant,
    arrived: Option<Instant>,
    /// How often everybody else is still to run before the next message.
    rounds: u8,
    asks: mpsc::Receiver<Asked>,
    /// Who waits for the next message to be played.
    asked: Option<Asked>,
    /// Who waits for the last one to be done with.
    played: Option<(Asked, Step)>,
}

impl PlayedTransport {
    /// A message of the session that the recording does not have.
    fn own(&mut self, text: &'static str) -> Received {
        self.arrived = None;
        self.sign = time::Instant::now();
        Received::Text(Bytes::from_static(text.as_bytes()))
    }

    fn play(&mut self, Item { at, topic, received }: Item) -> Received {
        self.arrived = Some(self.anchor.at(self.anchor.time.saturating_add(at)));
        self.sign = time::Instant::now();
        self.rounds = ROUNDS;
        self.played = self.asked.take().map(|asked| (asked, Step { topic, at }));
        received
    }

    /// Waits until the next message is due.
    async fn due(&mut self, at: Duration, begun: time::Instant) {
        match self.pace {
            Pace::Times(rate) => {
                // Beyond any recording where the rate is next to nothing.
                let after = Duration::try_from_secs_f64(at.as_secs_f64() / rate);
                let due = begun.checked_add(after.unwrap_or(Duration::MAX));
                match due {
                    Some(due) => time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            }
            Pace::Stepped => {
                while self.asked.is_none() {
                    match self.asks.recv().await {
                        Some(asked) => self.asked = Some(asked),
                        None => std::future::pending().await,
                    }
                }
            }
        }
    }
}

impl Transport for PlayedTransport {
    async fn send(&mut self, _: String) -> Result<(), TransportError> {
        Ok(())
    }

    fn backlog(&self) -> usize {
        0
    }

    async fn receive(&mut self) -> Result<Received, TransportError> {
        let Some(begun) = self.begun else {
            self.begun = Some(time::Instant::now());
            return Ok(self.own(ACCEPTED));
        };
        while self.rounds > 0 {
            yield_now().await;
            self.rounds -= 1;
        }
        if let Some((asked, step)) = self.played.take() {
            let _ = asked.send(step); // who asked may be gone
        }
        if self.next.is_none() {
            let next = self.items.recv().await;
            let next = next.unwrap_or_else(|| Err("the recording is over".to_owned()));
            self.next = Some(next.map_err(TransportError::Over)?);
        }
        let at = self.next.as_ref().map(|item| item.at).unwrap_or_default();
        let beat = self.sign + BEAT;
        let is_due = tokio::select! {
            biased;
            () = self.due(at, begun) => true,
            () = time::sleep_until(beat) => false,
        };
        match self.next.take_if(|_| is_due) {
            Some(item) => Ok(self.play(item)),
            None => Ok(self.own(HEARTBEAT)),
        }
    }

    fn arrived(&self) -> Option<Instant> {
        self.arrived
    }

    fn is_recording(&self) -> bool {
        true
    }

    fn request_keyframe(&mut self) {}

    fn media(&self) -> MediaCount {
        MediaCount::default()
    }

    async fn close(self) {}
}
