//! The robot's end of a WebRTC connection, put together from ICE, DTLS and SCTP.
//!
//! A whole peer connection of the `webrtc` crate would be kinder than the robot: it acknowledges data
//! channels, compares any fingerprint and echoes mids. This one is the DTLS client, compares the last
//! fingerprint of the offer as text, and answers DATA_CHANNEL_OPEN with nothing at all.

use std::future::Future;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rsa::rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha256};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use webrtc::dtls;
use webrtc::ice::agent::agent_config::AgentConfig;
use webrtc::ice::agent::Agent;
use webrtc::ice::candidate::candidate_base::unmarshal_candidate;
use webrtc::ice::candidate::{Candidate, CandidateType};
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice::network_type::NetworkType;
use webrtc::ice::state::ConnectionState;
use webrtc::ice::udp_mux::{UDPMux as _, UDPMuxDefault, UDPMuxParams};
use webrtc::ice::udp_network::UDPNetwork;
use webrtc::mux::{self, mux_func, Mux};
use webrtc::sctp::association::{self, Association};
use webrtc::sctp::chunk::chunk_payload_data::PayloadProtocolIdentifier;
use webrtc::sctp::stream::Stream;
use webrtc::util::Conn;

use crate::camera::{Sockets, Track};
use crate::gate::Gate;
use crate::network::Network;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::sdp::{Local, Offer};

/// Why a client did not get a channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    /// A layer of the stack failed.
    #[error("{0}: {1}")]
    Layer(&'static str, String),
    /// The client's certificate does not have the offer's last fingerprint.
    #[error("the certificate does not match the last fingerprint of the offer")]
    Fingerprint,
    /// The robot's end is over, for this reason.
    #[error("{0}")]
    Ended(&'static str),
    /// No path was found in time.
    #[error("the client never connected")]
    Never,
}

fn layer<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> PeerError {
    move |error| PeerError::Layer(name, error.to_string())
}

/// A connection that has answered an offer and waits for its client.
pub(crate) struct Peer {
    agent: Agent,
    udp: Arc<UDPMuxDefault>,
    certificate: dtls::crypto::Certificate,
    offer: Offer,
    dcep_ack: bool,
    local: Local,
    failed: watch::Receiver<bool>,
    lost_after: Duration,
}

/// What a connection is made of, with the video track if the offer had one.
type Layers = (Mux, Arc<dtls::conn::DTLSConn>, Association, Arc<Stream>, Option<Track>);

/// Two thirds of the time until a client is given up pass before it counts as disconnected, as in the
/// robot's library (30 s and 47 s).
const DISCONNECTED_SHARE: f64 = 0.64;
/// The robot's buffers are larger than its answer says.
const LARGEST_MESSAGE: u32 = 4 * 1024 * 1024;
const MUX_BUFFER: usize = 8192;
/// No client opens a channel of this number. Nobody hears of a stream on which nothing is sent.
const UNUSED_STREAM: u16 = 1023;
const GOODBYE: Duration = Duration::from_secs(2);

impl Peer {
    /// Binds a socket on the robot's address and prepares the answer.
    pub(crate) async fn new(
        options: &Options,
        network: &Network,
        offer: Offer,
    ) -> Result<Self, PeerError> {
        let socket = UdpSocket::bind((options.bind, 0)).await.map_err(layer("UDP"))?;
        let address = socket.local_addr().map_err(layer("UDP"))?;
        let certificate = dtls::crypto::Certificate::generate_self_signed(["go2".to_owned()])
            .map_err(layer("certificate"))?;
        let local = Local {
            ufrag: random_text(4),
            password: random_text(24),
            fingerprint: fingerprint(certificate.certificate[0].as_ref()),
            address,
            session_id: OsRng.next_u32(),
            old_sctp_form: options.old_sctp_form,
        };
        let lost_after = Duration::from_secs_f64(options.lost_after);
        let socket = Gate::new(network.socket(socket), options.only_via);
        let udp = UDPMuxDefault::new(UDPMuxParams::new(socket));
        let agent = agent(&local, Arc::clone(&udp), lost_after).await.map_err(layer("ICE"))?;
        let (failed_tx, failed) = watch::channel(false);
        agent.on_connection_state_change(Box::new(move |state| {
            if matches!(state, ConnectionState::Failed | ConnectionState::Closed) {
                failed_tx.send_replace(true);
            }
            Box::pin(async {})
        }));
        let dcep_ack = options.dcep_ack;
        Ok(Self { agent, udp, certificate, offer, dcep_ack, local, failed, lost_after })
    }

    /// The answer to send to the client.
    pub(crate) fn answer(&self) -> String {
        self.local.answer(&self.offer)
    }

    /// Waits for the client and its data channel, until `end` says why no longer.
    pub(crate) async fn connect(
        mut self,
        end: impl Future<Output = &'static str>,
    ) -> Result<Channel, PeerError> {
        let limit = self.lost_after;
        let connected = tokio::select! {
            connected = tokio::time::timeout(limit, self.connect_layers()) => connected,
            reason = end => Ok(Err(PeerError::Ended(reason))),
        };
        match connected {
            Ok(Ok((mux, dtls, association, stream, video))) => {
                let Self { agent, udp, failed, .. } = self;
                let outbox = Outbox::new(Arc::clone(&stream));
                Ok(Channel {
                    agent,
                    udp,
                    mux,
                    dtls,
                    association,
                    stream,
                    outbox,
                    video,
                    failed,
                    shut: None,
                })
            }
            other => {
                let _ = self.agent.close().await;
                let _ = self.udp.close().await;
                Err(other.map_or(PeerError::Never, |result| match result {
                    Err(error) => error,
                    Ok(_) => PeerError::Never,
                }))
            }
        }
    }

    async fn connect_layers(&mut self) -> Result<Layers, PeerError> {
        for candidate in &self.offer.candidates {
            if let Ok(candidate) = unmarshal_candidate(candidate.trim_start_matches("candidate:")) {
                let candidate: Arc<dyn Candidate + Send + Sync> = Arc::new(candidate);
                self.agent.add_remote_candidate(&candidate).map_err(layer("ICE"))?;
            }
        }
        let (_cancel, cancelled) = mpsc::channel(1);
        let Offer { ufrag, password, .. } = self.offer.clone();
        let conn = self.agent.accept(cancelled, ufrag, password).await.map_err(layer("ICE"))?;
        let conn: Arc<dyn Conn + Send + Sync> = conn;

        let mux = Mux::new(mux::Config { conn, buffer_size: MUX_BUFFER });
        let endpoint = mux.new_endpoint(Box::new(mux_func::match_dtls)).await;
        let sockets = Sockets::new(&mux).await;
        let dtls = dtls::conn::DTLSConn::new(endpoint, self.dtls_config(), true, None);
        let dtls = Arc::new(dtls.await.map_err(layer("DTLS"))?);
        let remote = dtls.connection_state().await.peer_certificates;
        if remote.first().map(|der| fingerprint(der)).as_ref() != Some(&self.offer.fingerprint) {
            let _ = dtls.close().await;
            return Err(PeerError::Fingerprint);
        }

        let video = match self.local.video(&self.offer) {
            Some((ssrc, payload_type)) => {
                let track = Track::new(sockets, &dtls, payload_type, ssrc).await;
                Some(track.map_err(layer("SRTP"))?)
            }
            None => None,
        };

        let association = Association::client(association::Config {
            net_conn: Arc::clone(&dtls) as Arc<dyn Conn + Send + Sync>,
            max_receive_buffer_size: 0,
            max_message_size: LARGEST_MESSAGE,
            mtu: 0,
            name: "go2_sim".to_owned(),
            local_port: 5000,
            remote_port: 5000,
        });
        let association = association.await.map_err(layer("SCTP"))?;
        let stream = self.opened(&association).await?;
        Ok((mux, dtls, association, stream, video))
    }

    fn dtls_config(&self) -> dtls::config::Config {
        use dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
        dtls::config::Config {
            certificates: vec![self.certificate.clone()],
            // The robot offers the short tag first.
            srtp_protection_profiles: vec![
                Profile::Srtp_Aes128_Cm_Hmac_Sha1_32,
                Profile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ],
            insecure_skip_verify: true, // the fingerprint is compared instead
            ..Default::default()
        }
    }

    /// Waits for DATA_CHANNEL_OPEN. Robots never acknowledge it.
    async fn opened(&self, association: &Association) -> Result<Arc<Stream>, PeerError> {
        const OPEN: u8 = 0x03;
        const ACK: u8 = 0x02;
        loop {
            let stream = association.accept_stream().await.ok_or(PeerError::Never)?;
            let mut buffer = vec![0; 1024];
            let Ok((length, kind)) = stream.read_sctp(&mut buffer).await else { continue };
            if kind != PayloadProtocolIdentifier::Dcep || length == 0 || buffer[0] != OPEN {
                continue;
            }
            if self.dcep_ack {
                let ack = Bytes::from_static(&[ACK]);
                let sent = stream.write_sctp(&ack, PayloadProtocolIdentifier::Dcep).await;
                sent.map_err(layer("SCTP"))?;
            }
            return Ok(stream);
        }
    }
}

async fn agent(
    local: &Local,
    udp: Arc<UDPMuxDefault>,
    lost_after: Duration,
) -> Result<Agent, webrtc::ice::Error> {
    let disconnected = lost_after.mul_f64(DISCONNECTED_SHARE);
    let agent = Agent::new(AgentConfig {
        local_ufrag: local.ufrag.clone(),
        local_pwd: local.password.clone(),
        udp_network: UDPNetwork::Muxed(udp),
        // The socket is on one of many loopback addresses, which no interface lists.
        nat_1to1_ips: vec![local.address.ip().to_string()],
        nat_1to1_ip_candidate_type: CandidateType::Host,
        include_loopback: true,
        ip_filter: Arc::new(Some(Box::new(|ip| ip.is_loopback()))),
        network_types: vec![NetworkType::Udp4],
        multicast_dns_mode: MulticastDnsMode::Disabled,
        is_controlling: false,
        disconnected_timeout: Some(disconnected),
        failed_timeout: Some(lost_after - disconnected),
        ..Default::default()
    })
    .await?;
    let (gathered_tx, mut gathered) = mpsc::channel(4);
    agent.on_candidate(Box::new(move |candidate| {
        if candidate.is_none() {
            let _ = gathered_tx.try_send(());
        }
        Box::pin(async {})
    }));
    agent.gather_candidates()?;
    let _ = gathered.recv().await;
    Ok(agent)
}

fn fingerprint(der: &[u8]) -> String {
    let bytes: Vec<_> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// Small letters, which ICE allows in its credentials.
fn random_text(length: usize) -> String {
    let mut bytes = vec![0; length];
    OsRng.fill_bytes(&mut bytes);
    bytes.into_iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// A message of the data channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// Bytes that claim to be text.
    Raw(Bytes),
}

/// An open data channel.
pub(crate) struct Channel {
    agent: Agent,
    udp: Arc<UDPMuxDefault>,
    mux: Mux,
    dtls: Arc<dtls::conn::DTLSConn>,
    association: Association,
    stream: Arc<Stream>,
    outbox: Outbox,
    /// The video track, if the client offered to receive one.
    pub(crate) video: Option<Track>,
    failed: watch::Receiver<bool>,
    /// Once the data channel is closed, another stream, which ends when the client leaves.
    shut: Option<Arc<Stream>>,
}

impl Channel {
    /// The next message of the client; `None` when it is gone. Cancelling loses nothing.
    pub(crate) async fn receive(&mut self, buffer: &mut [u8]) -> Option<Message> {
        if let Some(other) = &self.shut {
            // Nothing can come any more, but the client can leave.
            tokio::select! {
                _ = other.read_sctp(buffer) => {}
                _ = self.failed.wait_for(|failed| *failed) => {}
            }
            return None;
        }
        loop {
            let (length, kind) = tokio::select! {
                read = self.stream.read_sctp(buffer) => read.ok()?,
                _ = self.failed.wait_for(|failed| *failed) => return None,
            };
            let data = &buffer[..length];
            match kind {
                PayloadProtocolIdentifier::String => {
                    return Some(Message::Text(String::from_utf8_lossy(data).into_owned()));
                }
                PayloadProtocolIdentifier::Binary => {
                    return Some(Message::Binary(Bytes::copy_from_slice(data)));
                }
                PayloadProtocolIdentifier::Unknown => return None, // closed
                _ => {}
            }
        }
    }

    /// Sends a message after those before it, without waiting for them. `false` when the client is gone, or has taken
    /// nothing for so long that it counts as gone.
    pub(crate) fn send(&self, message: Message) -> bool {
        let (data, kind) = match message {
            // SCTP has no empty messages; a byte and a kind of its own stand for one (RFC 8831, 6.6).
            Message::Text(text) if text.is_empty() => {
                (Bytes::from_static(&[0]), PayloadProtocolIdentifier::StringEmpty)
            }
            Message::Text(text) => (Bytes::from(text), PayloadProtocolIdentifier::String),
            Message::Binary(bytes) => (bytes, PayloadProtocolIdentifier::Binary),
            Message::Raw(bytes) => (bytes, PayloadProtocolIdentifier::String),
        };
        self.outbox.push(data, kind)
    }

    /// Bytes that wait to be sent or acknowledged.
    pub(crate) fn backlog(&self) -> usize {
        self.outbox.waiting() + self.stream.buffered_amount()
    }

    /// Closes the data channel, and nothing else.
    pub(crate) async fn shut(&mut self) {
        let kind = PayloadProtocolIdentifier::Binary;
        self.shut = self.association.open_stream(UNUSED_STREAM, kind).await.ok();
        let _ = self.stream.shutdown(Shutdown::Both).await; // a client that is gone is noticed elsewhere
    }

    /// Closes with a goodbye, so that the client knows at once.
    pub(crate) async fn close(mut self) {
        // A connection that is stuck cannot be closed in peace; what is left of it ends with its sockets.
        let goodbye = async {
            let _ = self.dtls.close().await; // sends close_notify
            let _ = self.association.close().await;
            self.mux.close().await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        let _ = self.agent.close().await;
        let _ = self.udp.close().await;
    }

    /// The address that the client's packets come from.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        self.agent.get_selected_candidate_pair().map(|pair| pair.remote.addr())
    }
}
