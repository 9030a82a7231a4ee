//! One peer connection, from the offer to its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use webrtc::data::data_channel::DataChannel;
use webrtc::ice_transport::ice_candidate::RTCIceCandidate;
use webrtc::ice_transport::ice_connection_state::RTCIceConnectionState;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::rtp_transceiver::rtp_codec::RTPCodecType;
use webrtc::rtp_transceiver::rtp_transceiver_direction::RTCRtpTransceiverDirection;
use webrtc::rtp_transceiver::RTCRtpTransceiverInit;
use webrtc::track::track_local::track_local_static_rtp::TrackLocalStaticRTP;

use super::engine;
use super::tracks::Tracks;
use crate::progress::{Passed, Progress};
use crate::signaling::{Reached, SignalingError};
use crate::transport::ice::{IcePolicy, IceServer, IceSettings};
use crate::transport::{ConnectError, Layer, TransportError};
use go2_proto::signaling::candidates;
use go2_proto::signaling::{Candidate, CandidatePair};
use go2_proto::text::{clean, WORDS};

/// A connection that is suspect counts as lost after this time more. Phones' hot spots have holes of seconds in everything, and a
/// session that is given up costs 10 to 20 s: the robot keeps it, and is busy with it.
const LOST_AFTER: Duration = Duration::from_secs(6);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

fn failed(error: webrtc::Error) -> ConnectError {
    // It quotes the line of the answer that it cannot read.
    ConnectError::Engine(clean(&error.to_string(), WORDS))
}

/// The connection's states, each with the time since when.
pub(super) type States = watch::Receiver<(RTCPeerConnectionState, Instant)>;

/// A peer connection. To be closed: dropping it leaks it, and leaves the robot waiting.
pub(super) struct Peer {
    connection: Arc<RTCPeerConnection>,
    pub(super) state: States,
    ice: watch::Receiver<RTCIceConnectionState>,
    opened: oneshot::Receiver<Arc<DataChannel>>,
    pub(super) tracks: Tracks,
}

impl Peer {
    pub(super) async fn new(offered: Vec<IpAddr>, ice: &IceSettings) -> Result<Self, ConnectError> {
        Self::prepare(offered, ice).await.map_err(failed)
    }

    async fn prepare(offered: Vec<IpAddr>, ice: &IceSettings) -> Result<Self, webrtc::Error> {
        let api = engine::api(offered)?.build();
        let connection = Arc::new(api.new_peer_connection(engine::configuration(ice)).await?);
        let (state_tx, state) = watch::channel((RTCPeerConnectionState::New, Instant::now()));
        connection.on_peer_connection_state_change(Box::new(move |new| {
            state_tx.send_replace((new, Instant::now()));
            Box::pin(async {})
        }));

        let (ice_tx, ice) = watch::channel(RTCIceConnectionState::New);
        connection.on_ice_connection_state_change(Box::new(move |new| {
            ice_tx.send_replace(new);
            Box::pin(async {})
        }));

        let tracks = add_media(&connection).await?;

        let channel = connection.create_data_channel("data", None).await?;
        let (opened_tx, opened) = oneshot::channel();
        let on_open = Arc::clone(&channel);
        channel.on_open(Box::new(move || {
            Box::pin(async move {
                if let Ok(detached) = on_open.detach().await {
                    let _ = opened_tx.send(detached);
                }
            })
        }));
        Ok(Self { connection, state, ice, opened, tracks })
    }

    /// Offers, and waits for the open channel.
    pub(super) async fn connect(
        &mut self,
        robot: &Reached,
        ice: &IceSettings,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<Arc<DataChannel>, ConnectError> {
        let offer = self.offer().await.map_err(failed)?;
        if ice.policy == IcePolicy::Relay && candidates::list(&offer).is_empty() {
            let servers: Vec<_> = ice.servers.iter().map(IceServer::to_string).collect();
            return Err(ConnectError::NoRelay { servers: servers.join(", ") });
        }
        let answer = robot.exchange(&offer, progress).await?;
        let scope = ice.scope(robot.remote_ip());
        let answer = candidates::limited(&answer, scope).map_err(SignalingError::from)?;
        self.accept(answer).await.map_err(failed)?;
        let begun = Instant::now();
        match tokio::time::timeout(timeout, self.open(progress)).await {
            Ok(Some(channel)) => Ok(channel),
            _ => Err(ConnectError::Timeout { layer: self.stuck_at(), after: begun.elapsed() }),
        }
    }

    /// Waits for one layer after the other. `None` if one fails for good.
    async fn open(&mut self, progress: &Progress) -> Option<Arc<DataChannel>> {
        let decided = |state: &RTCIceConnectionState| {
            matches!(
                state,
                RTCIceConnectionState::Connected
                    | RTCIceConnectionState::Completed
                    | RTCIceConnectionState::Failed
            )
        };
        if *self.ice.wait_for(decided).await.ok()? == RTCIceConnectionState::Failed {
            return None;
        }
        if let Some(path) = self.path().await {
            progress.tell(Passed::Path(path));
        }
        let agreed = RTCPeerConnectionState::Connected;
        self.state.wait_for(|(state, _)| *state == agreed).await.ok()?;
        progress.tell(Passed::Encrypted);
        let channel = (&mut self.opened).await.ok()?;
        progress.tell(Passed::Opened);
        Some(channel)
    }

    /// The path that ICE has chosen.
    async fn path(&self) -> Option<CandidatePair> {
        let transport = self.connection.sctp().transport();
        let pair = transport.ice_transport().get_selected_candidate_pair().await?;
        let end = |candidate: &RTCIceCandidate| {
            let address = SocketAddr::new(candidate.address.parse().ok()?, candidate.port);
            Some(Candidate { address, kind: candidate.typ.to_string() })
        };
        Some(CandidatePair { local: end(&pair.local)?, remote: end(&pair.remote)? })
    }

    /// The offer with all its candidates; there is no trickle.
    async fn offer(&self) -> Result<String, webrtc::Error> {
        let offer = self.connection.create_offer(None).await?;
        let mut gathered = self.connection.gathering_complete_promise().await;
        self.connection.set_local_description(offer).await?;
        let _ = gathered.recv().await;
        let description = self.connection.local_description().await;
        Ok(description.map(|description| description.sdp).unwrap_or_default())
    }

    async fn accept(&self, answer: String) -> Result<(), webrtc::Error> {
        let answer = RTCSessionDescription::answer(answer)?;
        self.connection.set_remote_description(answer).await
    }

    fn stuck_at(&self) -> Layer {
        match (self.connection.ice_connection_state(), self.state.borrow().0) {
            (_, RTCPeerConnectionState::Connected) => Layer::Channel,
            (RTCIceConnectionState::Connected | RTCIceConnectionState::Completed, _) => Layer::Dtls,
            _ => Layer::Ice,
        }
    }

    pub(super) async fn close(&self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close()).await;
    }
}

/// Waits until the connection is no longer there, and tells why. Cancelling loses nothing.
pub(super) async fn lost(state: &mut States) -> TransportError {
    use RTCPeerConnectionState as State;
    loop {
        let is_broken = |(state, _): &(State, Instant)| {
            matches!(state, State::Disconnected | State::Failed | State::Closed)
        };
        let broken = state.wait_for(is_broken).await.map(|state| *state);
        let since = match broken {
            Ok((State::Disconnected, since)) => since,
            Ok((State::Failed, _)) => return TransportError::Lost,
            _ => return TransportError::Closed,
        };
        let back = state.wait_for(|(state, _)| *state != State::Disconnected);
        let end = tokio::time::Instant::from_std(since + LOST_AFTER);
        if tokio::time::timeout_at(end, back).await.is_err() {
            return TransportError::Lost;
        }
    }
}

/// Sections 0 and 1 of the offer: audio both ways, video from the robot.
async fn add_media(connection: &Arc<RTCPeerConnection>) -> Result<Tracks, webrtc::Error> {
    let audio =
        TrackLocalStaticRTP::new(engine::opus().capability, "audio".into(), "go2_client".into());
    connection.add_track(Arc::new(audio)).await?;
    let receive = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        send_encodings: vec![],
    };
    connection.add_transceiver_from_kind(RTPCodecType::Video, Some(receive)).await?;
    Ok(Tracks::of(connection))
}
