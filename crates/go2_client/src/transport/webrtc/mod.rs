//! The way to a robot: signaling, then a peer connection of the `webrtc` crate.
//!
//! What the robot's WebRTC library demands shapes this folder. It never acknowledges a data channel, so the
//! channel must count as open once it is asked for; it reads only the last fingerprint and credentials of an
//! offer, so there is one of each; it numbers media sections by position and puts the data section last, so
//! the offer does the same; its messages may exceed 64 KiB although its answer does not say so, so the
//! channel is detached and read with a large buffer.

mod engine; // how the engine is set
mod peer; // one peer connection
mod tracks; // the media of the robot

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use webrtc::data::data_channel::DataChannel;

use super::ice::{IceError, IceSettings};
use super::{ConnectError, Connector, Transport, TransportError};
use crate::interfaces;
use crate::progress::Progress;
use crate::signaling::{Reached, Target};
use go2_proto::session::backlog::LARGEST_BACKLOG;
use go2_proto::session::{MediaCount, Received};
use go2_proto::text::{clean, WORDS};
use peer::{lost, Peer};

/// The longest message that is read. Robots send up to a few hundred kilobytes; the engine's SCTP window
/// is as large.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// For how long a goodbye waits for the robot. By then the robot has ended the session by itself.
const RETIRED_FOR: Duration = Duration::from_secs(12);
/// How long an unwanted attempt may go on to reach its goodbye when the link is closed.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects to a robot.
#[derive(Debug)]
pub struct WebRtcConnector {
    /// The robot.
    pub target: Target,
    /// How long all of connecting may take, from the answer to the open channel.
    pub timeout: Duration,
    /// How a path is looked for.
    pub ice: IceSettings,
    /// Each attempt is a task of its own: once an offer is out, the robot has given its slot away, and only a
    /// proper goodbye makes it free again. So an attempt that is no longer wanted goes on to its end.
    attempts: JoinSet<()>,
    /// The last transport, if it was lost, and since when.
    retired: Option<(WebRtcTransport, Instant)>,
}

impl WebRtcConnector {
    /// A connector with the usual time limit of 15 s.
    pub fn new(target: Target) -> Self {
        let (ice, attempts) = (IceSettings::default(), JoinSet::new());
        Self { target, timeout: Duration::from_secs(15), ice, attempts, retired: None }
    }
}

impl Connector for WebRtcConnector {
    type Transport = WebRtcTransport;

    async fn connect(&mut self, progress: Progress) -> Result<WebRtcTransport, ConnectError> {
        while self.attempts.try_join_next().is_some() {}
        self.ice.check()?;
        if let Some((old, _)) = self.retired.take_if(|(_, since)| since.elapsed() > RETIRED_FOR) {
            self.attempts.spawn(old.close());
        }
        let robot = self.target.reach(&progress).await?;
        let retired = self.retired.take();
        let (timeout, ice) = (self.timeout, self.ice.clone());
        let (result_tx, result) = oneshot::channel();
        self.attempts.spawn(async move {
            if let Some((old, _)) = retired {
                old.close().await;
            }
            let result = attempt(robot, &ice, timeout, progress).await;
            if let Err(Ok(unwanted)) = result_tx.send(result) {
                unwanted.close().await;
            }
        });
        result.await.unwrap_or_else(|_| Err(ConnectError::Engine("the attempt was aborted".into())))
    }

    /// While the robot is out of reach it keeps the session. What is closed then is not heard, and when the robot is back it is
    /// busy with a client that is not there; so the goodbye waits until the robot is reached.
    async fn retire(&mut self, transport: WebRtcTransport) {
        if let Some((older, _)) = self.retired.replace((transport, Instant::now())) {
            older.close().await;
        }
    }

    async fn finish(&mut self) {
        if let Some((old, _)) = self.retired.take() {
            self.attempts.spawn(old.close());
        }
        let ended = async { while self.attempts.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_TIMEOUT, ended).await.is_err() {
            self.attempts.shutdown().await;
        }
    }

    fn target(&self) -> String {
        self.target.name()
    }

    fn serial_number(&self) -> Option<String> {
        self.target.serial_number.clone()
    }
}

async fn attempt(
    robot: Reached,
    ice: &IceSettings,
    timeout: Duration,
    progress: Progress,
) -> Result<WebRtcTransport, ConnectError> {
    let interfaces = interfaces::list().map_err(|error| IceError::Interfaces(error.to_string()))?;
    let offered = ice.offered(robot.local_ip(), &interfaces)?;
    let mut peer = Peer::new(offered, ice).await?;
    match peer.connect(&robot, ice, timeout, &progress).await {
        Ok(channel) => Ok(WebRtcTransport { peer, channel, buffer: vec![0; LARGEST_MESSAGE] }),
        Err(error) => {
            peer.close().await;
            Err(error)
        }
    }
}

fn broken(error: impl std::fmt::Display) -> TransportError {
    TransportError::Engine(clean(&error.to_string(), WORDS))
}

/// An open data channel to a robot, and the media beside it.
pub struct WebRtcTransport {
    peer: Peer,
    channel: Arc<DataChannel>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for WebRtcTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebRtcTransport")
    }
}

impl Transport for WebRtcTransport {
    async fn send(&mut self, text: String) -> Result<(), TransportError> {
        if self.backlog() > LARGEST_BACKLOG {
            return Err(TransportError::Stuck);
        }
        let written = self.channel.write_data_channel(&Bytes::from(text), true).await;
        written.map(drop).map_err(broken)
    }

    fn backlog(&self) -> usize {
        self.channel.buffered_amount()
    }

    async fn receive(&mut self) -> Result<Received, TransportError> {
        let Peer { state, tracks, .. } = &mut self.peer;
        let (length, text) = tokio::select! {
            biased;
            Some(picture) = tracks.pictures.recv() => {
                return Ok(Received::Picture(picture));
            }
            read = self.channel.read_data_channel(&mut self.buffer) => {
                read.map_err(broken)?
            }
            why = lost(state) => return Err(why),
        };
        let message = Bytes::copy_from_slice(&self.buffer[..length]);
        match (length, text) {
            (_, true) => Ok(Received::Text(message)),
            // The engine says "closed" like this; an empty binary message would mean nothing anyway.
            (0, false) => Err(TransportError::Closed),
            (_, false) => Ok(Received::Binary(message)),
        }
    }

    fn request_keyframe(&mut self) {
        self.peer.tracks.request_keyframe();
    }

    fn media(&self) -> MediaCount {
        self.peer.tracks.count()
    }

    async fn close(self) {
        self.peer.close().await;
    }
}
