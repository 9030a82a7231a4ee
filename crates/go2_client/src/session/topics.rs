//! The subscriptions of a link.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use go2_proto::session::{Message, Wishes};
use tokio::sync::{broadcast, watch};

/// The topics of a link. Clones share them.
#[derive(Clone)]
pub(super) struct Topics(Arc<Mutex<State>>);

struct State {
    /// Those that were subscribed to when the link was made; they stay.
    fixed: HashMap<String, broadcast::Sender<Message>>,
    /// Those that were subscribed to since, while somebody listens.
    added: HashMap<String, broadcast::Sender<Message>>,
    /// Those of a gateway, which takes the messages as they come.
    shared: BTreeSet<String>,
    wishes: Arc<watch::Sender<Wishes>>,
}

impl Topics {
    pub(super) fn new(
        fixed: HashMap<String, broadcast::Sender<Message>>,
        wishes: Arc<watch::Sender<Wishes>>,
    ) -> Self {
        let (added, shared) = (HashMap::new(), BTreeSet::new());
        Self(Arc::new(Mutex::new(State { fixed, added, shared, wishes })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fixed(&self) -> BTreeSet<String> {
        self.lock().fixed.keys().cloned().collect()
    }

    pub(super) fn share(&self, topics: BTreeSet<String>) {
        let mut state = self.lock();
        state.shared = topics;
        state.tell();
    }

    /// Gives a message to those who listen to its topic. Whether it is a topic that anybody has subscribed to here.
    pub(super) fn send(&self, topic: &str, message: impl FnOnce() -> Message) -> bool {
        let state = self.lock();
        let sender = state.fixed.get(topic).or_else(|| state.added.get(topic));
        if let Some(sender) = sender {
            let _ = sender.send(message()); // nobody listening is no error
        }
        sender.is_some()
    }

    pub(super) fn subscribe(&self, topic: &str, capacity: usize) -> TopicReceiver {
        let mut state = self.lock();
        let messages = match state.fixed.get(topic) {
            Some(sender) => sender.subscribe(),
            None => {
                let new = || broadcast::channel(capacity).0;
                state.added.entry(topic.to_owned()).or_insert_with(new).subscribe()
            }
        };
        state.tell();
        drop(state);
        TopicReceiver { messages, topic: topic.to_owned(), topics: self.clone() }
    }

    /// A listener to a topic is about to go.
    fn leave(&self, topic: &str) {
        let mut state = self.lock();
        if state.added.get(topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            state.added.remove(topic);
            state.tell();
        }
    }
}

impl State {
    fn tell(&mut self) {
        let topics: BTreeSet<_> = self.added.keys().chain(&self.shared).cloned().collect();
        self.wishes.send_if_modified(|wishes| {
            let changes = *wishes.topics != topics;
            if changes {
                wishes.topics = Arc::new(topics);
            }
            changes
        });
    }
}

/// The messages of a topic. The robot is asked for no more of them when the last one is dropped.
pub struct TopicReceiver {
    messages: broadcast::Receiver<Message>,
    topic: String,
    topics: Topics,
}

impl TopicReceiver {
    /// The next message.
    ///
    /// # Errors
    /// As [`broadcast::Receiver::recv`]: how many messages were dropped because they were not taken in time, or that the link
    /// has ended.
    pub async fn recv(&mut self) -> Result<Message, broadcast::error::RecvError> {
        self.messages.recv().await
    }
}

impl Drop for TopicReceiver {
    fn drop(&mut self) {
        self.topics.leave(&self.topic);
    }
}
