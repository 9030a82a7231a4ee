//! Clients of another make than the link: whole peer connections of the `webrtc` crate, as browsers have them.

#![cfg(feature = "webrtc")]
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use go2_server::sdp::Offer;
use go2_server::video::{nal_units, Feedback, Stream};
use go2_server::{Channel, Message, Peer, PeerConfig, PeerError};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use webrtc::api::media_engine::MediaEngine;
use webrtc::api::setting_engine::SettingEngine;
use webrtc::api::APIBuilder;
use webrtc::data_channel::data_channel_message::DataChannelMessage;
use webrtc::data_channel::RTCDataChannel;
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use webrtc::rtp_transceiver::rtp_codec::RTPCodecType;
use webrtc::rtp_transceiver::rtp_transceiver_direction::RTCRtpTransceiverDirection;
use webrtc::rtp_transceiver::RTCRtpTransceiverInit;

const SOON: Duration = Duration::from_secs(20);

/// A client in a browser.
struct Viewer {
    connection: RTCPeerConnection,
    channel: Arc<RTCDataChannel>,
    texts: mpsc::UnboundedReceiver<String>,
    /// Number, source and payload of video packets.
    packets: mpsc::UnboundedReceiver<(u16, u32, Vec<u8>)>,
}

impl Viewer {
    async fn new(media: &[RTPCodecType]) -> Self {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        let mut settings = SettingEngine::default();
        settings.set_include_loopback_candidate(true);
        settings.set_ip_filter(Box::new(|ip| ip == IpAddr::V4(Ipv4Addr::LOCALHOST)));
        settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
        let api = APIBuilder::new().with_media_engine(engine).with_setting_engine(settings).build();
        let connection = api.new_peer_connection(Default::default()).await.unwrap();
        for kind in media {
            let direction = RTCRtpTransceiverDirection::Recvonly;
            let init = RTCRtpTransceiverInit { direction, send_encodings: vec![] };
            connection.add_transceiver_from_kind(*kind, Some(init)).await.unwrap();
        }
        let channel = connection.create_data_channel("data", None).await.unwrap();
        let (said, texts) = mpsc::unbounded_channel();
        channel.on_message(Box::new(move |message: DataChannelMessage| {
            let _ = said.send(String::from_utf8(message.data.to_vec()).unwrap());
            Box::pin(async {})
        }));
        let (arrived, packets) = mpsc::unbounded_channel();
        connection.on_track(Box::new(move |track, _, _| {
            let arrived = arrived.clone();
            tokio::spawn(async move {
                while let Ok((packet, _)) = track.read_rtp().await {
                    let header = &packet.header;
                    let packet = (header.sequence_number, header.ssrc, packet.payload.to_vec());
                    let _ = arrived.send(packet);
                }
            });
            Box::pin(async {})
        }));
        Self { connection, channel, texts, packets }
    }

    /// The offer, with the client's address hidden as browsers hide theirs.
    async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.unwrap();
        let mut gathered = self.connection.gathering_complete_promise().await;
        self.connection.set_local_description(offer).await.unwrap();
        let _ = gathered.recv().await;
        let sdp = self.connection.local_description().await.unwrap().sdp;
        let hide = |line: &str| match line.starts_with("a=candidate:") {
            true => line.replace(" 127.0.0.1 ", " 2f8a1c9e-0000-4000-8000-00000000abcd.local "),
            false => line.to_owned(),
        };
        sdp.split_inclusive('\n').map(hide).collect()
    }

    async fn connect(&self, config: PeerConfig) -> Result<Channel, PeerError> {
        let offer = self.offer().await;
        assert!(offer.contains(".local "));
        let offer = Offer::read(&offer).unwrap();
        assert!(offer.candidates.is_empty());
        let socket = UdpSocket::bind((config.address, 0)).await.unwrap();
        let peer = Peer::new(config, socket, offer).await?;
        let answer = RTCSessionDescription::answer(peer.answer()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
        peer.connect(std::future::pending()).await
    }

    async fn hears(&mut self) -> String {
        tokio::time::timeout(SOON, self.texts.recv()).await.unwrap().unwrap()
    }

    async fn sees(&mut self) -> (u16, u32, Vec<u8>) {
        tokio::time::timeout(SOON, self.packets.recv()).await.unwrap().unwrap()
    }
}

/// An end at an address that no interface lists.
fn config() -> PeerConfig {
    PeerConfig {
        address: [127, 0, 0, 7].into(),
        lost_after: SOON,
        dcep_ack: true,
        picture_loss: false,
        old_sctp_form: false,
        name: "test".to_owned(),
    }
}

async fn hears(channel: &mut Channel) -> Message {
    let mut buffer = vec![0; 65536];
    tokio::time::timeout(SOON, channel.receive(&mut buffer)).await.unwrap().unwrap()
}

#[tokio::test]
async fn several_viewers_with_hidden_addresses_have_a_channel_each() {
    let media = [RTPCodecType::Audio, RTPCodecType::Video];
    // Three sections, two, and one.
    let (mut a, mut b, mut c) =
        tokio::join!(Viewer::new(&media), Viewer::new(&media[1..]), Viewer::new(&[]));
    let (at_a, at_b, at_c) =
        tokio::join!(a.connect(config()), b.connect(config()), c.connect(config()));
    let mut channels = [at_a.unwrap(), at_b.unwrap(), at_c.unwrap()];
    assert_eq!(channels.each_ref().map(|channel| channel.video.is_some()), [true, true, false]);
    for (name, channel) in ["a", "b", "c"].iter().zip(&channels) {
        assert!(channel.client().unwrap().ip().is_loopback());
        assert!(channel.send(Message::Text(format!("to {name}"))));
    }
    for (name, viewer, channel) in [("a", &mut a, 0), ("b", &mut b, 1), ("c", &mut c, 2)] {
        assert_eq!(viewer.hears().await, format!("to {name}"));
        viewer.channel.send_text(format!("of {name}")).await.unwrap();
        assert_eq!(hears(&mut channels[channel]).await, Message::Text(format!("of {name}")));
    }
    for channel in channels {
        channel.close().await;
    }
}

#[tokio::test]
async fn a_viewer_sees_pictures_and_gets_again_what_it_missed() {
    let mut viewer = Viewer::new(&[RTPCodecType::Video]).await;
    let mut channel = viewer.connect(config()).await.unwrap();
    let mut stream = Stream::new(channel.video.take().unwrap(), true);
    let picture = [&[0, 0, 0, 1, 0x41][..], &[0x55; 3000]].concat();
    let nals: Vec<_> = nal_units(&picture).collect();
    let packets = stream.packets(&nals, 90_000);
    assert_eq!(packets.len(), 3);
    for packet in &packets[..2] {
        stream.send(packet).await;
    }
    let (first, ssrc, payload) = viewer.sees().await;
    assert_eq!(payload[..2], [0x5c, 0x81], "a fragment that begins");
    assert_eq!(viewer.sees().await.0, first.wrapping_add(1));

    let lost = first.wrapping_add(2);
    let nacks = vec![NackPair { packet_id: lost, lost_packets: 0 }];
    let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: ssrc, nacks };
    viewer.connection.write_rtcp(&[Box::new(nack)]).await.unwrap();
    let feedback = tokio::time::timeout(SOON, stream.feedback()).await.unwrap();
    assert_eq!(feedback, [Feedback::Missing(vec![lost])]);
    assert_eq!(stream.again(first.wrapping_add(3)), None);
    let again = stream.again(lost).unwrap();
    assert_eq!(again, packets[2]);
    stream.send(&again).await;
    let (number, _, payload) = viewer.sees().await;
    assert_eq!((number, payload[1]), (lost, 0x41), "a fragment that ends");
    channel.close().await;
}

#[tokio::test]
async fn nobody_can_send_to_the_unspecified_address() {
    let viewer = Viewer::new(&[]).await;
    let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let refused = viewer.connect(PeerConfig { address, ..config() }).await;
    assert!(matches!(refused, Err(PeerError::Address(at)) if at == address));
}

#[tokio::test]
async fn a_peer_that_is_dropped_leaves_its_port() {
    let viewer = Viewer::new(&[]).await;
    let offer = Offer::read(&viewer.offer().await).unwrap();
    let socket = UdpSocket::bind("127.0.0.7:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(Peer::new(config(), socket, offer).await.unwrap());
    let free = async {
        while UdpSocket::bind(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, free).await.unwrap();
}
