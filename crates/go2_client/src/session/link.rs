//! The link as its owner sees it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::channels::{Command, Inlets, Outlets};
use super::state::LinkState;
use super::supervisor::Supervisor;
use super::topics::{TopicReceiver, Topics};
use crate::error_code::{no_hints, Hints};
use crate::progress::Milestone;
use crate::transport::Connector;
use go2_proto::codec::{Request, Response};
use go2_proto::motion::VelocityCommand;
use go2_proto::session::{Counters, Message, Received, RequestError, StreamReport, Timing, Wishes};
use go2_proto::state::Fault;
use go2_proto::video::AccessUnit;

const COMMAND_QUEUE: usize = 256;
/// Urgent ones are few: an emergency stop, a StopMove.
const URGENT_QUEUE: usize = 32;
/// Pictures that may wait to be taken: half a second of them.
const PICTURE_QUEUE: usize = 16;
/// Messages and pictures that may wait for those who share the session.
const HEARD_QUEUE: usize = 128;

/// What a link is made from.
pub struct LinkBuilder {
    topics: HashMap<String, broadcast::Sender<Message>>,
    pictures: broadcast::Sender<AccessUnit>,
    timing: Timing,
    hints: Hints,
}

impl Default for LinkBuilder {
    fn default() -> Self {
        let (pictures, _) = broadcast::channel(PICTURE_QUEUE);
        Self { topics: HashMap::new(), pictures, timing: Timing::default(), hints: no_hints }
    }
}

impl LinkBuilder {
    /// Another set of times, for tests.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// What the log adds to failures.
    pub fn hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }

    /// Has the link subscribe to a topic in every session. The receiver's queue holds `capacity`
    /// messages and drops the oldest; it says how many it dropped.
    pub fn subscribe(&mut self, topic: &str, capacity: usize) -> broadcast::Receiver<Message> {
        let sender =
            self.topics.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(capacity).0);
        sender.subscribe()
    }

    /// The pictures of the front camera, undecoded, while [`LinkHandle::set_video`] has them on. The queue
    /// drops the oldest; after that the receiver has to wait for the next keyframe.
    pub fn pictures(&self) -> broadcast::Receiver<AccessUnit> {
        self.pictures.subscribe()
    }

    /// Starts the link's task on the current runtime.
    pub fn start<C: Connector>(self, connector: C) -> Link {
        let (commands_tx, commands) = mpsc::channel(COMMAND_QUEUE);
        let (urgent_tx, urgent) = mpsc::channel(URGENT_QUEUE);
        let (velocity_tx, velocity) = watch::channel(VelocityCommand::default());
        let (state_tx, state) = watch::channel(LinkState::Resolving { target: connector.target() });
        let (session_tx, session) = watch::channel(None);
        let (begun_tx, begun) = watch::channel(None);
        let (streams_tx, streams) = watch::channel(Arc::default());
        let (counters_tx, counters) = watch::channel(Counters::default());
        let (faults_tx, faults) = watch::channel(Arc::default());
        let (hears_tx, hears) = watch::channel(false);
        let (steps_tx, steps) = watch::channel(Vec::new());
        let (wishes_tx, wishes) = watch::channel(Wishes::default());
        let wishes_tx = Arc::new(wishes_tx);
        let topics = Topics::new(self.topics, Arc::clone(&wishes_tx));
        let (held_tx, held) = watch::channel(false);
        let (stop_tx, stop) = watch::channel(false);
        let (heard, _) = broadcast::channel(HEARD_QUEUE);
        let pictures = self.pictures.clone();
        let supervisor = Supervisor {
            connector,
            outlets: Outlets {
                heard: heard.clone(),
                topics: topics.clone(),
                pictures: self.pictures,
                state: state_tx,
                session: session_tx,
                begun: begun_tx,
                streams: streams_tx,
                counters: counters_tx,
                faults: faults_tx,
                hears: hears_tx,
                steps: steps_tx,
            },
            inlets: Inlets { commands, urgent, velocity, wishes, stop },
            timing: self.timing,
            hints: self.hints,
            finished: Counters::default(),
        };
        let task = tokio::spawn(supervisor.run());
        let handle = LinkHandle {
            pictures,
            heard,
            commands: commands_tx,
            urgent: urgent_tx,
            velocity: Arc::new(velocity_tx),
            wishes: wishes_tx,
            topics,
            held_tx: Arc::new(held_tx),
            held,
            state,
            session,
            begun,
            streams,
            counters,
            faults,
            hears,
            steps,
        };
        Link { handle, stop: stop_tx, task }
    }
}

/// A way to use a link. Clones use the same one.
#[derive(Clone)]
pub struct LinkHandle {
    pictures: broadcast::Sender<AccessUnit>,
    heard: broadcast::Sender<Received>,
    commands: mpsc::Sender<Command>,
    urgent: mpsc::Sender<Command>,
    velocity: Arc<watch::Sender<VelocityCommand>>,
    wishes: Arc<watch::Sender<Wishes>>,
    topics: Topics,
    held_tx: Arc<watch::Sender<bool>>,
    held: watch::Receiver<bool>,
    state: watch::Receiver<LinkState>,
    session: watch::Receiver<Option<u64>>,
    begun: watch::Receiver<Option<Instant>>,
    streams: watch::Receiver<Arc<Vec<StreamReport>>>,
    counters: watch::Receiver<Counters>,
    faults: watch::Receiver<Arc<Vec<Fault>>>,
    hears: watch::Receiver<bool>,
    steps: watch::Receiver<Vec<Milestone>>,
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

    /// The number of the session that the robot has accepted, counted from 1; `None` without one. It does not change while
    /// a session goes on, whatever becomes of its streams.
    pub fn session(&self) -> watch::Receiver<Option<u64>> {
        self.session.clone()
    }

    /// For how long the present session has lasted; `None` without one.
    pub fn session_age(&self) -> Option<Duration> {
        self.begun.borrow().map(|begun| begun.elapsed())
    }

    /// Whether there is a session: requests can be made.
    pub fn in_session(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// How each stream has come in the present session, brought up to date twice a second; empty without one.
    pub fn streams(&self) -> watch::Receiver<Arc<Vec<StreamReport>>> {
        self.streams.clone()
    }

    /// The steps that the latest attempt to connect has passed so far.
    pub fn steps(&self) -> watch::Receiver<Vec<Milestone>> {
        self.steps.clone()
    }

    /// What the link has seen, brought up to date at every heartbeat.
    pub fn counters(&self) -> watch::Receiver<Counters> {
        self.counters.clone()
    }

    /// Whether the robot was heard a moment ago. A live robot is never silent for long, so this is false well before a
    /// failing link counts as lost.
    pub fn hears(&self) -> watch::Receiver<bool> {
        self.hears.clone()
    }

    /// The faults that the robot reports; none without a session.
    pub fn faults(&self) -> watch::Receiver<Arc<Vec<Fault>>> {
        self.faults.clone()
    }

    /// Sends a request and waits for the robot's response, at most for `timeout`. One with priority waits behind
    /// no others. Where the caller no longer waits when its turn comes, it is not sent.
    pub async fn request(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, RequestError> {
        self.submit(request, timeout).await
    }

    /// The same, handed over when this is called and not when the response is first waited for: what is submitted first goes
    /// out first, if it has the same priority.
    pub fn submit(
        &self,
        request: Request,
        timeout: Duration,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send + 'static {
        let (reply, response) = oneshot::channel();
        let queue = if request.priority { &self.urgent } else { &self.commands };
        let sent = send(queue, Command::Request { request, timeout, reply });
        async move {
            sent?;
            response.await.unwrap_or(Err(RequestError::Lost))
        }
    }

    /// Publishes on a plain topic of the robot, which acknowledges nothing; returns when it is on its way.
    pub async fn publish(&self, topic: &str, data: Value) -> Result<(), RequestError> {
        let (reply, done) = oneshot::channel();
        send(&self.commands, Command::Publish { topic: topic.to_owned(), data, reply })?;
        done.await.unwrap_or(Err(RequestError::Lost))
    }

    /// Has the robot walk, until told otherwise. Sent at once; where the link is stuck, only the newest
    /// velocity waits. Without a live session it is dropped.
    pub fn drive(&self, drive: impl Into<VelocityCommand>) {
        self.velocity.send_replace(drive.into());
    }

    /// Has the LiDAR on, or off, from now on and in every session to come. Until this is called it is left
    /// as it is.
    pub fn set_lidar(&self, on: bool) {
        self.wishes.send_modify(|wishes| wishes.lidar = Some(on));
    }

    /// Has every change of the motion mode sent, or only those to robots of which it is known that they have several modes,
    /// as it is at first.
    pub fn allow_mode_switch(&self, allowed: bool) {
        self.wishes.send_modify(|wishes| wishes.mode_switch = allowed);
    }

    /// Holds the robot, or releases it, in this session and those to come: while it is held nothing is sent that may take it from
    /// its place, and what is left out is answered with [`RequestError::Held`]. Stops, zeros, Damp and lying down go out. It holds for
    /// all that is commanded after this call; it stops nothing that goes on.
    pub fn hold(&self, held: bool) {
        self.wishes.send_modify(|wishes| {
            wishes.held = held;
            self.held_tx.send_replace(held);
        });
    }

    /// Whether the robot is held.
    pub fn held(&self) -> watch::Receiver<bool> {
        self.held.clone()
    }

    /// Has the video track on, or off, from now on and in every session to come.
    pub fn set_video(&self, on: bool) {
        self.wishes.send_modify(|wishes| wishes.video = Some(on));
    }

    /// The pictures of the front camera, as [`LinkBuilder::pictures`].
    pub fn pictures(&self) -> broadcast::Receiver<AccessUnit> {
        self.pictures.subscribe()
    }

    /// Everything that the robot sends, as it came: for those who share the session with the owner. The queue holds a second or
    /// so and drops the oldest; it says how many.
    pub fn hear(&self) -> broadcast::Receiver<Received> {
        self.heard.subscribe()
    }

    /// Subscribes to a topic, in this session and those to come, until the receiver is dropped. The queue holds `capacity`
    /// messages, or what the first subscriber of this topic has asked for, and drops the oldest; the receiver says how many.
    pub fn subscribe(&self, topic: &str, capacity: usize) -> TopicReceiver {
        self.topics.subscribe(topic, capacity)
    }

    /// Has the link subscribe to these topics as well, in this session and those to come, and to those of the last call no
    /// more. Their messages come by [`hear`](Self::hear) only.
    pub fn share_topics(&self, topics: BTreeSet<String>) {
        self.topics.share(topics);
    }

    /// Says whether somebody who shares the session looks at the video. It is on then, even while
    /// [`set_video`](Self::set_video) has it off.
    pub fn share_video(&self, watched: bool) {
        self.wishes.send_if_modified(|wishes| {
            let changes = wishes.watched != watched;
            wishes.watched = watched;
            // Nobody else has ever wanted it: it goes off again.
            wishes.video.get_or_insert(false);
            changes
        });
    }

    /// Asks the robot for a keyframe, which it may ignore.
    pub fn request_keyframe(&self) {
        let _ = self.commands.try_send(Command::Keyframe); // the next keyframe comes anyway
    }
}

fn send(queue: &mpsc::Sender<Command>, command: Command) -> Result<(), RequestError> {
    queue.try_send(command).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => RequestError::TooMany,
        mpsc::error::TrySendError::Closed(_) => RequestError::NotLive,
    })
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
