//! The robot's end of a WebRTC connection, put together from ICE, DTLS and SCTP.
//!
//! A whole peer connection of the `webrtc` crate would be kinder than the robot: it acknowledges data
//! channels, compares any fingerprint and echoes mids. This one is the DTLS client, compares the last
//! fingerprint of the offer as text, and answers DATA_CHANNEL_OPEN with nothing at all.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rsa::rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha256};
use webrtc::dtls;
use webrtc::mux::{self, mux_func, Mux};
use webrtc::sctp::association::{self, Association};
use webrtc::sctp::chunk::chunk_payload_data::PayloadProtocolIdentifier;
use webrtc::sctp::stream::Stream;
use webrtc::util::Conn;

use crate::channel::{Channel, Layers};
use crate::path::Path;
use crate::sdp::{Local, Offer};
use crate::video::{Sockets, Track};

/// Why a client did not get a channel.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A layer of the stack failed.
    #[error("{0}: {1}")]
    Layer(&'static str, String),
    /// The address is one that no client can send to.
    #[error("{0} is not an address that a client can send to")]
    Address(IpAddr),
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

/// What kind of end this is.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerConfig {
    /// The address at which the client reaches the socket, and the only one that it is told. Any but the unspecified
    /// one, also where the socket is bound to that.
    pub address: IpAddr,
    /// The client counts as lost after so long without a packet of it. So long it may take to connect, too.
    pub lost_after: Duration,
    /// Whether the opening of the data channel is acknowledged, as browsers and the standard do and robots do not.
    pub dcep_ack: bool,
    /// Whether the answer invites to tell of lost pictures, which robots hear without having said so.
    pub picture_loss: bool,
    /// Whether the data section of the answer is written as before 2017.
    pub old_sctp_form: bool,
    /// What SCTP calls this end in its log messages.
    pub name: String,
}

/// A connection that has answered an offer and waits for its client. Ends when dropped.
pub struct Peer {
    path: Path,
    certificate: dtls::crypto::Certificate,
    offer: Offer,
    local: Local,
    config: PeerConfig,
}

/// The robot's buffers are larger than its answer says.
const LARGEST_MESSAGE: u32 = 4 * 1024 * 1024;
const MUX_BUFFER: usize = 8192;

impl Peer {
    /// Prepares the answer to an offer, and listens on the socket, which no other peer may use. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`PeerError::Address`] where the address is unspecified, [`PeerError::Layer`] where the socket has no address,
    /// or certificate or ICE agent cannot be made.
    pub async fn new<C>(config: PeerConfig, socket: C, offer: Offer) -> Result<Self, PeerError>
    where
        C: Conn + Send + Sync + 'static,
    {
        if config.address.is_unspecified() {
            return Err(PeerError::Address(config.address));
        }
        let port = socket.local_addr().map_err(layer("UDP"))?.port();
        let certificate = dtls::crypto::Certificate::generate_self_signed(["go2".to_owned()])
            .map_err(layer("certificate"))?;
        let local = Local {
            ufrag: random_text(4),
            password: random_text(24),
            fingerprint: fingerprint(certificate.certificate[0].as_ref()),
            address: SocketAddr::new(config.address, port),
            session_id: OsRng.next_u32(),
            picture_loss: config.picture_loss,
            old_sctp_form: config.old_sctp_form,
        };
        let path = Path::new(socket, &local, config.lost_after).await.map_err(layer("ICE"))?;
        Ok(Self { path, certificate, offer, local, config })
    }

    /// The answer to send to the client.
    pub fn answer(&self) -> String {
        self.local.answer(&self.offer)
    }

    /// Waits for the client and its data channel, until `end` says why no longer.
    ///
    /// # Errors
    /// Each [`PeerError`] but that of the address; the connection is over then.
    pub async fn connect(
        self,
        end: impl Future<Output = &'static str>,
    ) -> Result<Channel, PeerError> {
        let limit = self.config.lost_after;
        let connected = tokio::select! {
            connected = tokio::time::timeout(limit, self.connect_layers()) => {
                connected.unwrap_or(Err(PeerError::Never))
            }
            reason = end => Err(PeerError::Ended(reason)),
        };
        match connected {
            Ok(layers) => Ok(Channel::new(self.path, layers)),
            Err(error) => {
                self.path.close().await;
                Err(error)
            }
        }
    }

    async fn connect_layers(&self) -> Result<Layers, PeerError> {
        let conn = self.path.open(&self.offer).await.map_err(layer("ICE"))?;
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
            name: self.config.name.clone(),
            local_port: 5000,
            remote_port: 5000,
        });
        let association = association.await.map_err(layer("SCTP"))?;
        let stream = self.opened(&association).await?;
        Ok(Layers { mux, dtls, association, stream, video })
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
            if self.config.dcep_ack {
                let ack = Bytes::from_static(&[ACK]);
                let sent = stream.write_sctp(&ack, PayloadProtocolIdentifier::Dcep).await;
                sent.map_err(layer("SCTP"))?;
            }
            return Ok(stream);
        }
    }
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
