//! The way to a robot: signaling, then a peer connection of the `webrtc` crate.
//!
//! What the robot's WebRTC library demands shapes this file. It never acknowledges a data channel, so the
//! channel must count as open once it is asked for; it reads only the last fingerprint and credentials of an
//! offer, so there is one of each; it numbers media sections by position and puts the data section last, so
//! the offer does the same; its messages may exceed 64 KiB although its answer does not say so, so the
//! channel is detached and read with a large buffer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

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
use webrtc::ice_transport::ice_connection_state::RTCIceConnectionState;
use webrtc::interceptor::nack::generator::Generator;
use webrtc::interceptor::registry::Registry;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::rtp_transceiver::rtp_codec::{
    RTCRtpCodecCapability, RTCRtpCodecParameters, RTPCodecType,
};
use webrtc::rtp_transceiver::rtp_transceiver_direction::RTCRtpTransceiverDirection;
use webrtc::rtp_transceiver::RTCPFeedback;
use webrtc::rtp_transceiver::RTCRtpTransceiverInit;
use webrtc::track::track_local::track_local_static_rtp::TrackLocalStaticRTP;

use super::tracks::Tracks;
use super::{ConnectError, Connector, Layer, MediaCount, Received, Transport, TransportError};
use crate::signaling::{Reached, Target};

/// The longest message that is read. Robots send up to a few hundred kilobytes; the engine's SCTP window
/// is as large.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// Bytes waiting to be sent beyond which the link is given up. Below the 128 KiB at which the engine blocks.
const LARGEST_BACKLOG: usize = 64 * 1024;
/// Silence on the wire after which the connection is suspect, and the time until it then counts as lost.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(2);
const FAILED_AFTER: Duration = Duration::from_millis(2500);
const KEEPALIVE: Duration = Duration::from_millis(500);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
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
    /// Each attempt is a task of its own: once an offer is out, the robot has given its slot away, and only a
    /// proper goodbye makes it free again. So an attempt that is no longer wanted goes on to its end.
    attempts: JoinSet<()>,
}

impl WebRtcConnector {
    /// A connector with the usual time limit of 15 s.
    pub fn new(target: Target) -> Self {
        Self { target, timeout: Duration::from_secs(15), attempts: JoinSet::new() }
    }
}

impl Connector for WebRtcConnector {
    type Transport = WebRtcTransport;

    async fn connect(&mut self) -> Result<WebRtcTransport, ConnectError> {
        while self.attempts.try_join_next().is_some() {}
        let robot = self.target.reach().await?;
        let timeout = self.timeout;
        let (result_tx, result) = oneshot::channel();
        self.attempts.spawn(async move {
            let result = attempt(robot, timeout).await;
            if let Err(Ok(unwanted)) = result_tx.send(result) {
                unwanted.close().await;
            }
        });
        result.await.unwrap_or_else(|_| Err(ConnectError::Engine("the attempt was aborted".into())))
    }

    async fn finish(&mut self) {
        let ended = async { while self.attempts.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_TIMEOUT, ended).await.is_err() {
            self.attempts.shutdown().await;
        }
    }

    fn target(&self) -> String {
        self.target.host.clone()
    }
}

async fn attempt(robot: Reached, timeout: Duration) -> Result<WebRtcTransport, ConnectError> {
    let mut peer = Peer::new(robot.local_ip()).await.map_err(engine)?;
    match peer.connect(&robot, timeout).await {
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

/// A peer connection. To be closed: dropping it leaks it, and leaves the robot waiting.
struct Peer {
    connection: Arc<RTCPeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    opened: oneshot::Receiver<Arc<DataChannel>>,
    tracks: Tracks,
}

impl Peer {
    async fn new(local_ip: IpAddr) -> Result<Self, webrtc::Error> {
        let connection = Arc::new(
            api(local_ip)?.build().new_peer_connection(RTCConfiguration::default()).await?,
        );
        let (state_tx, state) = watch::channel(RTCPeerConnectionState::New);
        connection.on_peer_connection_state_change(Box::new(move |new| {
            state_tx.send_replace(new);
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
        Ok(Self { connection, state, opened, tracks })
    }

    /// Offers, and waits for the open channel.
    async fn connect(
        &mut self,
        robot: &Reached,
        timeout: Duration,
    ) -> Result<Arc<DataChannel>, ConnectError> {
        let offer = self.offer().await.map_err(engine)?;
        let answer = robot.exchange(&offer).await?;
        self.accept(answer).await.map_err(engine)?;
        match tokio::time::timeout(timeout, &mut self.opened).await {
            Ok(Ok(channel)) => Ok(channel),
            _ => Err(ConnectError::Timeout { layer: self.stuck_at(), after: timeout }),
        }
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
        match (self.connection.ice_connection_state(), *self.state.borrow()) {
            (_, RTCPeerConnectionState::Connected) => Layer::Channel,
            (RTCIceConnectionState::Connected | RTCIceConnectionState::Completed, _) => Layer::Dtls,
            _ => Layer::Ice,
        }
    }

    async fn close(&self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close()).await;
    }
}

fn api(local_ip: IpAddr) -> Result<APIBuilder, webrtc::Error> {
    let mut media = MediaEngine::default();
    media.register_codec(opus(), RTPCodecType::Audio)?;
    media.register_codec(h264(), RTPCodecType::Video)?;
    let registry = configure_rtcp_reports(ask_for_missing(Registry::new(), &mut media));

    let mut settings = SettingEngine::default();
    settings.detach_data_channels();
    settings.set_srtp_replay_protection_window(REPLAY_WINDOW);
    settings.set_dtls_replay_protection_window(REPLAY_WINDOW);
    settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
    // One candidate, the address that routes to the robot: others (VPN, Docker) only slow its checks.
    settings.set_ip_filter(Box::new(move |ip| ip == local_ip));
    settings.set_include_loopback_candidate(local_ip.is_loopback());
    settings.set_network_types(vec![match local_ip {
        IpAddr::V4(_) => NetworkType::Udp4,
        IpAddr::V6(_) => NetworkType::Udp6,
    }]);
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
        let lost = self.peer.state.wait_for(|state| {
            matches!(state, RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed)
        });
        let (length, text) = tokio::select! {
            biased;
            Some(picture) = self.peer.tracks.pictures.recv() => {
                return Ok(Received::Picture(picture));
            }
            read = self.channel.read_data_channel(&mut self.buffer) => {
                read.map_err(|error| TransportError::Engine(error.to_string()))?
            }
            state = lost => return Err(match state.as_deref() {
                Ok(RTCPeerConnectionState::Failed) => TransportError::Lost,
                _ => TransportError::Closed,
            }),
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
