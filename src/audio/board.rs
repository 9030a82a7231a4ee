//! What `~/audio/state` says.

use std::sync::{Arc, Mutex, PoisonError};

use r2r::std_msgs::msg::String as Text;
use r2r::Publisher;

use crate::streams::publish;

/// Clones write on the same one.
#[derive(Clone)]
pub(super) struct Board(Arc<Mutex<State>>);

struct State {
    publisher: Publisher<Text>,
    last: String,
    /// While this is so, what the player does is not told.
    uploading: bool,
}

impl Board {
    pub(super) fn new(publisher: Publisher<Text>) -> Self {
        let state = State { publisher, last: String::new(), uploading: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Publishes, unless this is what was said last.
    pub(super) fn say(&self, text: &str) {
        let mut state = self.lock();
        if state.last != text {
            text.clone_into(&mut state.last);
            publish(&state.publisher, &Text { data: text.to_owned() });
        }
    }

    /// Something did not work. Told in the log too, because who asks by a topic has no answer.
    pub(super) fn fail(&self, reason: &str) {
        tracing::warn!("audio: {reason}");
        self.say(&format!("failed: {reason}"));
    }

    /// The robot plays something.
    pub(super) fn play(&self, name: &str) {
        if !self.lock().uploading {
            self.say(&format!("playing {name}"));
        }
    }

    /// The robot plays nothing any more.
    pub(super) fn silence(&self) {
        if !self.lock().uploading {
            self.say("idle");
        }
    }

    /// An upload begins or has ended.
    pub(super) fn set_uploading(&self, uploading: bool) {
        self.lock().uploading = uploading;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
