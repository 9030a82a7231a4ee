//! What `~/audio/state` says.

use std::sync::{Arc, Mutex, PoisonError};

use go2_proto::commands::audio::Recording;
use go2_proto::state::Playing;
use go2_proto::text::clean;
use r2r::std_msgs::msg::String as Text;
use r2r::Publisher;

use crate::outlet::Outlet;

/// Characters of what is said: many names of files may be in it.
const LONGEST: usize = 1000;

/// Clones write on the same one.
#[derive(Clone)]
pub(super) struct Board(Arc<Mutex<State>>);

struct State {
    publisher: Outlet<Publisher<Text>>,
    last: String,
    /// What was played last because somebody asked here.
    asked: Option<Recording>,
    /// While this is so, what the player does is not told.
    uploading: bool,
}

impl Board {
    pub(super) fn new(publisher: Outlet<Publisher<Text>>) -> Self {
        let state = State { publisher, last: String::new(), asked: None, uploading: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Publishes, unless this is what was said last.
    pub(super) fn say(&self, text: &str) {
        let mut state = self.lock();
        let data = clean(text, LONGEST); // what users called a file
        if state.last != data {
            data.clone_into(&mut state.last);
            state.publisher.publish(&Text { data });
        }
    }

    /// Something did not work. Told in the log too, because who asks by a topic has no answer.
    pub(super) fn fail(&self, reason: &str) {
        tracing::warn!("audio: {reason}");
        self.say(&format!("failed: {reason}"));
    }

    /// The robot plays what somebody asked for here.
    pub(super) fn asked(&self, recording: &Recording) {
        self.lock().asked = Some(recording.clone());
        self.say(&format!("playing {}", recording.name));
    }

    /// The robot says what it plays.
    pub(super) fn play(&self, playing: &Playing) {
        let name = {
            let state = self.lock();
            if state.uploading {
                return;
            }
            let asked = state.asked.as_ref().filter(|asked| asked.unique_id == playing.unique_id);
            let name = playing.name.as_ref().or(asked.map(|asked| &asked.name));
            name.unwrap_or(&playing.unique_id).clone()
        };
        self.say(&format!("playing {name}"));
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
