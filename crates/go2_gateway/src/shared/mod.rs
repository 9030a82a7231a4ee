//! The shared session: the gateway answers offers in the robot's place, and everybody is served from the one session that the
//! node has with it.
//!
//! What the robot sends goes to each viewer as it came; requests go through the node's [`Pilot`], and only the viewer that has
//! control ([`helm`]) may make them.

mod answers; // what viewers are told: pure
mod helm; // who drives: pure
mod pilot; // who carries it out
mod seats; // who is there, and how many there may be: pure
mod video; // the robot's pictures to one viewer
mod viewer; // one viewer, from its channel on

pub use pilot::{Later, Pilot, Stop};
pub use seats::{MOST_VIEWERS, RESERVED};

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use go2_client::session::LinkHandle;
use go2_server::sdp::Offer;
use go2_server::{Peer, PeerConfig};
use tokio::net::UdpSocket;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::access::Rights;
use crate::refusal::Refusal;
use helm::{Helm, HelmError, ViewerId};
use seats::{Guest, Seats, Wants, OFFER_LIMIT};
use viewer::Viewer;

/// A viewer of which nothing is heard for so long is gone.
const LOST_AFTER: Duration = Duration::from_secs(15);
/// How often it is looked whether control has lapsed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The video stays on for so long at least: viewers who switch it to and fro do not switch the robot's.
const VIDEO_STAYS: Duration = Duration::from_secs(2);

/// A robot's session that viewers share. They are gone when it is dropped.
pub struct Shared {
    hub: Arc<Hub>,
    /// What it is known by.
    robot: String,
    tasks: Mutex<JoinSet<()>>,
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
    seats: Seats,
    /// When the video was turned on.
    video_since: Option<Instant>,
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

    /// Answers an offer in the robot's place. `local` is the address of this computer that the client has reached already,
    /// `client` where it was asked from.
    pub(crate) async fn answer(
        &self,
        sdp: &str,
        rights: Rights,
        local: IpAddr,
        client: IpAddr,
    ) -> Result<String, Refusal> {
        let offer = Offer::read(sdp).ok_or_else(|| {
            Refusal::Malformed("its sdp has no ICE credentials or no fingerprint".to_owned())
        })?;
        let mut place = Place::take(&self.hub, Guest { rights, address: client })?;
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
            match peer.connect(place.over()).await {
                Ok(channel) => {
                    let address =
                        channel.client().map_or(client, |client| client.ip().to_canonical());
                    match place.sit(address) {
                        Some(seat) => Viewer::new(seat, rights, channel).run().await,
                        None => channel.close().await,
                    }
                }
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

/// An answered offer's place among the others; it is free again when dropped.
struct Place {
    hub: Arc<Hub>,
    number: u64,
    rights: Rights,
    ended: oneshot::Receiver<()>,
}

impl Place {
    fn take(hub: &Arc<Hub>, guest: Guest) -> Result<Self, Refusal> {
        let (number, ended) = hub.board().seats.offer(guest)?;
        Ok(Self { hub: Arc::clone(hub), number, rights: guest.rights, ended })
    }

    /// Waits until the offer is no longer waited for, and says why.
    async fn over(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.ended => "newer offers have taken its place",
            () = tokio::time::sleep(OFFER_LIMIT) => "it has not connected in time",
        }
    }

    /// Has who has connected from an address sit down, if there is a seat.
    fn sit(self, address: IpAddr) -> Option<Seat> {
        let id = self.hub.change(|board| board.seats.sit(self.rights))?;
        self.hub.count();
        Some(Seat { hub: Arc::clone(&self.hub), id, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.board().seats.withdraw(self.number);
    }
}

/// A viewer's seat; it is free again when dropped.
struct Seat {
    hub: Arc<Hub>,
    id: ViewerId,
    /// Where the viewer is.
    address: IpAddr,
}

impl Seat {
    /// Says what this viewer wants of the robot.
    fn want(&self, wants: Wants) {
        self.hub.change(|board| board.seats.want(self.id, wants));
        self.hub.ask();
    }

    /// Takes control.
    fn take_helm(&self) -> Result<(), HelmError> {
        if self.hub.change(|board| board.helm.take(self.id, Instant::now()))? {
            tracing::info!("the viewer at {} has taken control; cmd_vel is ignored", self.address);
            self.hub.pilot.hand_over(Some(self.address));
        }
        Ok(())
    }

    /// Gives control back.
    fn release_helm(&self) {
        if self.hub.change(|board| board.helm.release(self.id)) {
            tracing::info!("the viewer at {} has given control back", self.address);
            self.hub.pilot.hand_over(None);
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
        self.hub.change(|board| board.seats.leave(self.id));
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
        self.pilot.seated(self.board().seats.count());
    }

    /// Asks the link for what all viewers want together.
    fn ask(&self) {
        let Wants { topics, video } = {
            let mut board = self.board();
            let wants = board.seats.wants();
            let video = stays_on(wants.video, &mut board.video_since, Instant::now());
            Wants { video, ..wants }
        };
        self.link.share_topics(topics);
        self.link.share_video(video);
    }

    async fn watch_helm(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.board().helm.lapse(Instant::now()) {
                tracing::info!("a viewer has not used its control for a while and loses it");
                self.pilot.hand_over(None);
                self.change(|_| ());
            }
            if self.board().video_since.is_some() {
                self.ask(); // it may be time to turn it off
            }
        }
    }
}

/// Whether the video is to be on: while somebody wants it, and for a while from its beginning on. `since` is kept while it is.
fn stays_on(wanted: bool, since: &mut Option<Instant>, now: Instant) -> bool {
    if wanted {
        since.get_or_insert(now);
    } else if since.is_some_and(|since| now.saturating_duration_since(since) >= VIDEO_STAYS) {
        *since = None;
    }
    since.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_that_is_switched_to_and_fro_stays_on() {
        let start = Instant::now();
        let (mut since, mut before, mut switches) = (None, false, 0);
        for ms in 0..10_000 {
            let on = stays_on(ms % 2 == 0, &mut since, start + Duration::from_millis(ms));
            switches += usize::from(std::mem::replace(&mut before, on) != on);
        }
        assert!(switches <= 10, "{switches} in ten seconds");
        let later = start + Duration::from_millis(12_000);
        assert!(!stays_on(false, &mut since, later));
        assert!(stays_on(true, &mut since, later));
    }
}
