//! The way to a robot: signaling, then a peer connection of the `webrtc` crate.
//!
//! What the robot's WebRTC library demands shapes this file. It never acknowledges a data channel, so the
//! channel must count as open once it is asked for; it reads only the last fingerprint and credentials of an
//! offer, so there is one of each; it numbers media sections by position and puts the data section last, so
//! the offer does the same; its messages may exceed 64 KiB although its answer does not say so, so the
//! channel is detached and read with a large buffer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use webrtc::api::interceptor_registry::configure_rtcp_reports;
use webrtc::api::media_engine::{MediaEngine, MIME_TYPE_H264, MIME_TYPE_OPUS};
use webrtc::api::setting_engine::SettingEngine;
use webrtc::api::APIBuilder;
use webrtc::data::data_channel::DataChannel;
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice::network_type::NetworkType;
use webrtc::ice_transport::ice_candidate::RTCIceCandidate;
use webrtc::ice_transport::ice_connection_state::RTCIceConnectionState;
use webrtc::ice_transport::ice_server::RTCIceServer;
use webrtc::interceptor::nack::generator::Generator;
use webrtc::interceptor::registry::Registry;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::policy::ice_transport_policy::RTCIceTransportPolicy;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::rtp_transceiver::rtp_codec::{
    RTCRtpCodecCapability, RTCRtpCodecParameters, RTPCodecType,
};
use webrtc::rtp_transceiver::rtp_transceiver_direction::RTCRtpTransceiverDirection;
use webrtc::rtp_transceiver::RTCPFeedback;
use webrtc::rtp_transceiver::RTCRtpTransceiverInit;
use webrtc::track::track_local::track_local_static_rtp::TrackLocalStaticRTP;

use super::ice::{IceError, IcePolicy, IceServer, IceSettings};
use super::tracks::Tracks;
use super::{ConnectError, Connector, Layer, MediaCount, Received, Transport, TransportError};
use crate::interfaces;
use crate::progress::{End, Passed, Path, Progress};
use crate::signaling::{self, Reached, Target};

/// The longest message that is read. Robots send up to a few hundred kilobytes; the engine's SCTP window
/// is as large.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// Bytes waiting to be sent beyond which the link is given up. Below the 128 KiB at which the engine blocks.
const LARGEST_BACKLOG: usize = 64 * 1024;
/// Silence on the wire after which the connection is suspect, and the time until it then counts as lost.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(2);
const LOST_AFTER: Duration = Duration::from_millis(750);
/// The engine looks for a path for as long as both its own times together. So this one is long, for slow robots and relays,
/// and the shorter one above is kept here.
const FAILED_AFTER: Duration = Duration::from_secs(13);
const KEEPALIVE: Duration = Duration::from_millis(500);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// For how long a goodbye waits for the robot. By then the robot has ended the session by itself.
const RETIRED_FOR: Duration = Duration::from_secs(12);
/// How long an unwanted attempt may go on to reach its goodbye when the link is closed.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Packets by which one may be late and still be taken. The engine's 64 are less than what a robot sends at once, a keyframe
/// or a few voxel maps, so that Wi-Fi that changes their order would lose them.
const REPLAY_WINDOW: usize = 1024;
/// From one request for a missing video packet to the next. What arrives within the assembler's patience counts, so a
/// lost request must leave time for another; more often only doubles what the robot sends again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

const OPUS_PAYLOAD_TYPE: u8 = 111;
const H264_PAYLOAD_TYPE: u8 = 102;

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
}

async fn attempt(
    robot: Reached,
    ice: &IceSettings,
    timeout: Duration,
    progress: Progress,
) -> Result<WebRtcTransport, ConnectError> {
    let interfaces = interfaces::list().map_err(|error| IceError::Interfaces(error.to_string()))?;
    let offered = ice.offered(robot.local_ip(), &interfaces)?;
    let mut peer = Peer::new(offered, ice).await.map_err(engine)?;
    match peer.connect(&robot, ice, timeout, &progress).await {
        Ok(channel) => Ok(WebRtcTransport { peer, channel, buffer: vec![0; LARGEST_MESSAGE] }),
        Err(error) => {
            peer.close().await;
            Err(error)
        }
    }
}

fn engine(error: webrtc::Error) -> ConnectError {
    ConnectError::Engine(error.to_string())
}

/// The connection's states, each with the time since when.
type States = watch::Receiver<(RTCPeerConnectionState, Instant)>;

/// A peer connection. To be closed: dropping it leaks it, and leaves the robot waiting.
struct Peer {
    connection: Arc<RTCPeerConnection>,
    state: States,
    ice: watch::Receiver<RTCIceConnectionState>,
    opened: oneshot::Receiver<Arc<DataChannel>>,
    tracks: Tracks,
}

impl Peer {
    async fn new(offered: Vec<IpAddr>, ice: &IceSettings) -> Result<Self, webrtc::Error> {
        let engine = api(offered)?.build();
        let connection = Arc::new(engine.new_peer_connection(configuration(ice)).await?);
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
    async fn connect(
        &mut self,
        robot: &Reached,
        ice: &IceSettings,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<Arc<DataChannel>, ConnectError> {
        let offer = self.offer().await.map_err(engine)?;
        if ice.policy == IcePolicy::Relay && signaling::offer::candidates(&offer).is_empty() {
            let servers: Vec<_> = ice.servers.iter().map(IceServer::to_string).collect();
            return Err(ConnectError::NoRelay { servers: servers.join(", ") });
        }
        let answer = robot.exchange(&offer, progress).await?;
        self.accept(answer).await.map_err(engine)?;
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
    async fn path(&self) -> Option<Path> {
        let transport = self.connection.sctp().transport();
        let pair = transport.ice_transport().get_selected_candidate_pair().await?;
        let end = |candidate: &RTCIceCandidate| {
            let address = SocketAddr::new(candidate.address.parse().ok()?, candidate.port);
            Some(End { address, kind: candidate.typ.to_string() })
        };
        Some(Path { local: end(&pair.local)?, remote: end(&pair.remote)? })
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

    async fn close(&self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close()).await;
    }
}

/// Waits until the connection is no longer there, and tells why. Cancelling loses nothing.
async fn lost(state: &mut States) -> TransportError {
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

fn configuration(ice: &IceSettings) -> RTCConfiguration {
    RTCConfiguration {
        ice_servers: vec![RTCIceServer {
            urls: ice.servers.iter().map(IceServer::to_string).collect(),
            username: ice.username.clone(),
            credential: ice.credential.text().to_owned(),
        }],
        ice_transport_policy: match ice.policy {
            IcePolicy::All => RTCIceTransportPolicy::All,
            IcePolicy::Relay => RTCIceTransportPolicy::Relay,
        },
        ..Default::default()
    }
}

fn api(offered: Vec<IpAddr>) -> Result<APIBuilder, webrtc::Error> {
    let mut media = MediaEngine::default();
    media.register_codec(opus(), RTPCodecType::Audio)?;
    media.register_codec(h264(), RTPCodecType::Video)?;
    let registry = configure_rtcp_reports(ask_for_missing(Registry::new(), &mut media));

    let mut settings = SettingEngine::default();
    settings.detach_data_channels();
    settings.set_srtp_replay_protection_window(REPLAY_WINDOW);
    settings.set_dtls_replay_protection_window(REPLAY_WINDOW);
    settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
    settings.set_include_loopback_candidate(offered.iter().any(IpAddr::is_loopback));
    settings.set_network_types(vec![match offered.iter().all(IpAddr::is_ipv4) {
        true => NetworkType::Udp4,
        false => NetworkType::Udp6,
    }]);
    // Usually one candidate, the address that routes to the robot: others (VPN, Docker) only slow its checks.
    settings.set_ip_filter(Box::new(move |ip| offered.contains(&ip)));
    settings.set_ice_timeouts(Some(DISCONNECTED_AFTER), Some(FAILED_AFTER), Some(KEEPALIVE));
    let api = APIBuilder::new()
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .with_setting_engine(settings);
    Ok(api)
}

/// Has missing video packets asked for, twice as often as the engine would by itself.
fn ask_for_missing(mut registry: Registry, media: &mut MediaEngine) -> Registry {
    for parameter in ["", "pli"] {
        let feedback = RTCPFeedback { typ: "nack".to_owned(), parameter: parameter.to_owned() };
        media.register_feedback(feedback, RTPCodecType::Video);
    }
    registry.add(Box::new(Generator::builder().with_interval(ASK_AGAIN)));
    registry
}

fn opus() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        capability: RTCRtpCodecCapability {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: vec![],
        },
        payload_type: OPUS_PAYLOAD_TYPE,
        ..Default::default()
    }
}

fn h264() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        capability: RTCRtpCodecCapability {
            mime_type: MIME_TYPE_H264.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
                .to_owned(),
            rtcp_feedback: vec![],
        },
        payload_type: H264_PAYLOAD_TYPE,
        ..Default::default()
    }
}

/// Sections 0 and 1 of the offer: audio both ways, video from the robot.
async fn add_media(connection: &Arc<RTCPeerConnection>) -> Result<Tracks, webrtc::Error> {
    let audio = TrackLocalStaticRTP::new(opus().capability, "audio".into(), "go2_link".into());
    connection.add_track(Arc::new(audio)).await?;
    let receive = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        send_encodings: vec![],
    };
    connection.add_transceiver_from_kind(RTPCodecType::Video, Some(receive)).await?;
    Ok(Tracks::of(connection))
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
        written.map(drop).map_err(|error| TransportError::Engine(error.to_string()))
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
                read.map_err(|error| TransportError::Engine(error.to_string()))?
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
