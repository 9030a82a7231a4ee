//! The shared session: the gateway answers offers in the robot's place, and everybody is served from the one session that the
//! node has with it.
//!
//! What the robot sends goes to each viewer as it came; requests go through the node's [`Pilot`], and only the viewer that has
//! control ([`helm`]) may make them.

mod answers; // what viewers are told: pure
mod helm; // who drives: pure
mod pilot; // who carries it out
mod video; // the robot's pictures to one viewer
mod viewer; // one viewer, from its channel on

pub use pilot::{Later, Pilot};

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use go2_host::sdp::Offer;
use go2_host::{Peer, PeerConfig};
use go2_link::session::LinkHandle;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::Rights;
use crate::refusal::Refusal;
use helm::{Helm, HelmError, ViewerId};
use viewer::Viewer;

/// Viewers at a time, those that are connecting included.
pub const MOST_VIEWERS: usize = 8;
/// A viewer of which nothing is heard for so long is gone.
const LOST_AFTER: Duration = Duration::from_secs(15);
/// How often it is looked whether control has lapsed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A robot's session that viewers share. They are gone when it is dropped.
pub struct Shared {
    hub: Arc<Hub>,
    /// What it is known by.
    robot: String,
    tasks: Mutex<JoinSet<()>>,
}

/// What a viewer wants of the robot.
#[derive(Debug, Default)]
struct Wants {
    topics: BTreeSet<String>,
    video: bool,
}

/// What all viewers share.
struct Hub {
    link: LinkHandle,
    pilot: Box<dyn Pilot>,
    board: Mutex<Board>,
    /// Changes when the board does.
    changes: watch::Sender<u64>,
}

/// Who is there, and who drives.
#[derive(Default)]
struct Board {
    helm: Helm,
    viewers: HashMap<ViewerId, Wants>,
    next: ViewerId,
}

impl Shared {
    /// Shares the session of a link. Needs a tokio runtime. `robot` is what the robot is known by.
    pub fn new(link: LinkHandle, robot: String, pilot: impl Pilot) -> Self {
        let hub = Arc::new(Hub {
            link,
            pilot: Box::new(pilot),
            board: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&hub).watch_helm());
        Self { hub, robot, tasks: Mutex::new(tasks) }
    }

    /// What the robot is known by.
    pub fn robot(&self) -> &str {
        &self.robot
    }

    /// Answers an offer in the robot's place. `local` is the address of this computer that the client has reached already.
    pub(crate) async fn answer(
        &self,
        sdp: &str,
        rights: Rights,
        local: IpAddr,
    ) -> Result<String, Refusal> {
        let offer = Offer::read(sdp).ok_or_else(|| {
            Refusal::Malformed("its sdp has no ICE credentials or no fingerprint".to_owned())
        })?;
        let seat = Seat::take(&self.hub)?;
        let engine = |what: String| Refusal::Engine(what);
        let socket =
            UdpSocket::bind((local, 0)).await.map_err(|error| engine(error.to_string()))?;
        let config = PeerConfig {
            address: local,
            lost_after: LOST_AFTER,
            dcep_ack: true,
            picture_loss: true,
            old_sctp_form: false,
            name: "go2_gateway".to_owned(),
        };
        let peer =
            Peer::new(config, socket, offer).await.map_err(|error| engine(error.to_string()))?;
        let answer = peer.answer();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            match peer.connect(std::future::pending()).await {
                Ok(channel) => Viewer::new(seat, rights, channel).run().await,
                Err(error) => tracing::debug!("a viewer did not connect: {error}"),
            }
        });
        Ok(answer)
    }

    /// Ends all viewers' sessions.
    pub async fn close(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

/// A viewer's place among the others; it is free again when dropped.
struct Seat {
    hub: Arc<Hub>,
    id: ViewerId,
}

impl Seat {
    fn take(hub: &Arc<Hub>) -> Result<Self, Refusal> {
        let id = hub.change(|board| {
            if board.viewers.len() >= MOST_VIEWERS {
                return Err(Refusal::Full(MOST_VIEWERS));
            }
            board.next += 1;
            board.viewers.insert(board.next, Wants::default());
            Ok(board.next)
        })?;
        hub.count();
        Ok(Self { hub: Arc::clone(hub), id })
    }

    /// Says what this viewer wants of the robot.
    fn want(&self, topics: BTreeSet<String>, video: bool) {
        self.hub.change(|board| {
            if let Some(wants) = board.viewers.get_mut(&self.id) {
                *wants = Wants { topics, video };
            }
        });
        self.hub.ask();
    }

    /// Takes control.
    fn take_helm(&self) -> Result<(), HelmError> {
        if self.hub.change(|board| board.helm.take(self.id, Instant::now()))? {
            tracing::info!("a viewer has taken control; cmd_vel is ignored");
            self.hub.pilot.hand_over(true);
        }
        Ok(())
    }

    /// Gives control back.
    fn release_helm(&self) {
        if self.hub.change(|board| board.helm.release(self.id)) {
            tracing::info!("a viewer has given control back");
            self.hub.pilot.hand_over(false);
        }
    }

    /// Notes a command; refuses it where this viewer has no control.
    fn command(&self) -> Result<(), HelmError> {
        self.hub.board().helm.command(self.id, Instant::now())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.release_helm();
        self.hub.change(|board| board.viewers.remove(&self.id));
        self.hub.count();
        self.hub.ask();
    }
}

impl Hub {
    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board, and tells those who look at it.
    fn change<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let result = change(&mut self.board());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    fn count(&self) {
        self.pilot.seated(self.board().viewers.len());
    }

    /// Asks the link for what all viewers want together.
    fn ask(&self) {
        let (topics, video) = {
            let board = self.board();
            let all = board.viewers.values();
            let topics = all.clone().flat_map(|wants| wants.topics.iter().cloned()).collect();
            (topics, all.clone().any(|wants| wants.video))
        };
        self.link.share_topics(topics);
        self.link.share_video(video);
    }

    async fn watch_helm(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.board().helm.lapse(Instant::now()) {
                tracing::info!("a viewer has not used its control for a while and loses it");
                self.pilot.hand_over(false);
                self.change(|_| ());
            }
        }
    }
}
