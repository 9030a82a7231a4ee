//! What the node knows and keeps of the robot: its settings, its motion mode, who it is.

mod answer; // what an answer means
mod identity; // versions, serial number, programs
mod keeper; // one setting: what to ask, what to show
mod mode; // the motion mode: what to ask, what to show
mod task; // sends what the keepers want

pub(crate) use identity::Identity;

use std::sync::{Arc, Mutex};

use go2_client::session::{LinkBuilder, LinkHandle};
use go2_proto::commands::MotionMode;
use go2_proto::session::Message;
use go2_proto::state::{MultipleState, State as _};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::params::{Settings, Store};
use crate::streams::Shared;

/// Messages with the robot's switches that may wait; they come once a second.
const QUEUE: usize = 4;

/// What the rest of the node may know of the robot.
#[derive(Clone)]
pub(crate) struct Facts {
    /// Its motion mode; `None` without a session, and while the robot does not tell.
    pub(crate) mode: watch::Receiver<Option<MotionMode>>,
    pub(crate) identity: watch::Receiver<Arc<Identity>>,
    /// Whether it avoids obstacles; `None` while that is not known for certain.
    pub(crate) avoidance: watch::Receiver<Option<bool>>,
}

/// The tasks, before they start.
pub(crate) struct Device {
    switches: broadcast::Receiver<Message>,
    mode: watch::Sender<Option<MotionMode>>,
    identity: watch::Sender<Arc<Identity>>,
    avoidance: watch::Sender<Option<bool>>,
}

impl Device {
    /// Subscribes to what they need.
    pub(crate) fn new(link: &mut LinkBuilder) -> Self {
        Self {
            switches: link.subscribe(MultipleState::TOPIC, QUEUE),
            mode: watch::Sender::new(None),
            identity: watch::Sender::new(Arc::default()),
            avoidance: watch::Sender::new(None),
        }
    }

    /// What will be known.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            mode: self.mode.subscribe(),
            identity: self.identity.subscribe(),
            avoidance: self.avoidance.subscribe(),
        }
    }

    /// Starts the tasks. They end when the link does, or with the set.
    pub(crate) fn start(
        self,
        tasks: &mut JoinSet<()>,
        link: &LinkHandle,
        store: Arc<Mutex<Store>>,
        shared: &Shared,
    ) {
        let settings = shared.settings.clone();
        tasks.spawn(permit(link.clone(), settings.clone()));
        let mode = self.mode.subscribe();
        tasks.spawn(identity::follow(link.clone(), settings, mode, self.identity));
        let task = task::Task::new(link.clone(), store, shared.clone(), self.mode, self.avoidance);
        tasks.spawn(task.run(self.switches));
    }
}

/// The task that tells the link whether changes of the motion mode may go to every robot.
async fn permit(link: LinkHandle, mut settings: watch::Receiver<Arc<Settings>>) {
    let mut allowed = false;
    loop {
        let allow = settings.borrow_and_update().allow_mode_switch;
        if allow && !allowed {
            tracing::warn!(
                "allow_mode_switch: changes of the motion mode go to every robot; one in mcf may need to be powered off \
                 after them"
            );
        }
        allowed = allow;
        link.allow_mode_switch(allowed);
        if settings.changed().await.is_err() {
            return;
        }
    }
}
