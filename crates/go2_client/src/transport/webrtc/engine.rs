//! How the engine is set: what is offered, and how long it waits.

use std::net::IpAddr;
use std::time::Duration;

use webrtc::api::interceptor_registry::configure_rtcp_reports;
use webrtc::api::media_engine::{MediaEngine, MIME_TYPE_H264, MIME_TYPE_OPUS};
use webrtc::api::setting_engine::SettingEngine;
use webrtc::api::APIBuilder;
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice::network_type::NetworkType;
use webrtc::ice_transport::ice_server::RTCIceServer;
use webrtc::interceptor::nack::generator::Generator;
use webrtc::interceptor::registry::Registry;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::policy::ice_transport_policy::RTCIceTransportPolicy;
use webrtc::rtp_transceiver::rtp_codec::{
    RTCRtpCodecCapability, RTCRtpCodecParameters, RTPCodecType,
};
use webrtc::rtp_transceiver::RTCPFeedback;

use crate::transport::ice::{IcePolicy, IceServer, IceSettings};

/// Silence on the wire after which the connection is suspect; [`peer`](super::peer) has how long it may stay so.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(2);
/// The engine looks for a path for as long as both its own times together. So this one is long, for slow robots and relays;
/// what counts as lost in session is decided sooner, by [`peer`](super::peer).
const FAILED_AFTER: Duration = Duration::from_secs(13);
const KEEPALIVE: Duration = Duration::from_millis(500);

/// Packets by which one may be late and still be taken. The engine's 64 are less than what a robot sends at once, a keyframe
/// or a few voxel maps, so that Wi-Fi that changes their order would lose them.
const REPLAY_WINDOW: usize = 1024;
/// From one request for a missing video packet to the next. What arrives within the assembler's patience counts, so a
/// lost request must leave time for another; more often only doubles what the robot sends again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

const OPUS_PAYLOAD_TYPE: u8 = 111;
const H264_PAYLOAD_TYPE: u8 = 102;

pub(super) fn configuration(ice: &IceSettings) -> RTCConfiguration {
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

pub(super) fn api(offered: Vec<IpAddr>) -> Result<APIBuilder, webrtc::Error> {
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

pub(super) fn opus() -> RTCRtpCodecParameters {
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
