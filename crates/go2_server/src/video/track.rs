//! The video stream to a client as SRTP, beside the data channel in the same connection.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use webrtc::dtls::conn::DTLSConn;
use webrtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use webrtc::mux::endpoint::Endpoint;
use webrtc::mux::{mux_func, Mux};
use webrtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use webrtc::rtcp::receiver_report::ReceiverReport;
use webrtc::rtcp::sender_report::SenderReport;
use webrtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use webrtc::srtp;
use webrtc::srtp::config::Config;
use webrtc::srtp::context::Context;
use webrtc::srtp::protection_profile::ProtectionProfile;
use webrtc::util::{Conn as _, Marshal as _};

use super::history::HISTORY;

/// Where media packets come out of a connection. Made before DTLS, so that none is lost.
pub(crate) struct Sockets {
    rtp: Arc<Endpoint>,
    rtcp: Arc<Endpoint>,
}

impl Sockets {
    pub(crate) async fn new(mux: &Mux) -> Self {
        Self {
            rtp: mux.new_endpoint(Box::new(mux_func::match_srtp)).await,
            rtcp: mux.new_endpoint(Box::new(mux_func::match_srtcp)).await,
        }
    }
}

/// Where video goes to a client, as [`Stream`](super::Stream) needs it.
pub struct Track {
    payload_type: u8,
    ssrc: u32,
    sockets: Sockets,
    contexts: Mutex<Contexts>,
}

/// The state of encryption. The mutex is only there because a track is part of what tasks share by reference, and
/// contexts cannot be: nobody ever waits for it.
struct Contexts {
    outgoing: Context,
    incoming: Context,
}

/// What the client says about the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// It cannot decode.
    PictureLost,
    /// Packets with these numbers are missing, [`HISTORY`](super::HISTORY) at most.
    Missing(Vec<u16>),
    /// How well it receives.
    Reception {
        /// Of 256 packets, since its last report.
        fraction_lost: u8,
        /// Packets since the beginning.
        total_lost: u32,
        /// In ticks of 90 kHz.
        jitter: u32,
    },
}

/// Header, source, index and tag of the shortest SRTCP packet.
const SHORTEST_RTCP: usize = 8 + 4 + 10;
const LARGEST_PACKET: usize = 2048;

impl Track {
    /// A stream with the keys of a DTLS client.
    pub(crate) async fn new(
        sockets: Sockets,
        dtls: &DTLSConn,
        payload_type: u8,
        ssrc: u32,
    ) -> Result<Self, srtp::Error> {
        let profile = match dtls.selected_srtpprotection_profile() {
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32 => {
                ProtectionProfile::Aes128CmHmacSha1_32
            }
            _ => ProtectionProfile::Aes128CmHmacSha1_80, // no other one is offered
        };
        let mut config = Config { profile, ..Config::default() };
        config.extract_session_keys_from_dtls(dtls.connection_state().await, true).await?;
        let keys = config.keys;
        let outgoing =
            Context::new(&keys.local_master_key, &keys.local_master_salt, profile, None, None)?;
        let incoming =
            Context::new(&keys.remote_master_key, &keys.remote_master_salt, profile, None, None)?;
        let contexts = Mutex::new(Contexts { outgoing, incoming });
        Ok(Self { payload_type, ssrc, sockets, contexts })
    }

    /// The payload type that the answer names.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// The source that the answer names.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    fn contexts(&mut self) -> &mut Contexts {
        self.contexts.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encrypts a packet. Packets are encrypted in the order of their numbers, however they are sent.
    pub(super) fn seal(&mut self, packet: &[u8]) -> Option<Bytes> {
        self.contexts().outgoing.encrypt_rtp(packet).ok()
    }

    /// Sends an encrypted packet. That the client is gone is noticed elsewhere.
    pub(super) async fn send(&self, packet: &[u8]) {
        let _ = self.sockets.rtp.send(packet).await;
    }

    /// Encrypts and sends a report.
    pub(super) async fn report(&mut self, report: &SenderReport) {
        let Ok(report) = report.marshal() else { return };
        if let Ok(sealed) = self.contexts().outgoing.encrypt_rtcp(&report) {
            let _ = self.sockets.rtcp.send(&sealed).await;
        }
    }

    /// What the client says next. Cancelling loses nothing.
    pub(super) async fn feedback(&mut self) -> Vec<Feedback> {
        let (mut report, mut sound) = ([0; LARGEST_PACKET], [0; LARGEST_PACKET]);
        loop {
            let received = tokio::select! {
                received = self.sockets.rtcp.recv(&mut report) => received,
                // What the client says into its microphone.
                _ = self.sockets.rtp.recv(&mut sound) => continue,
            };
            // Also the end: the connection is closed elsewhere, and nothing comes any more.
            let Ok(length) = received else { std::future::pending().await };
            if length < SHORTEST_RTCP {
                continue;
            }
            if let Ok(plain) = self.contexts().incoming.decrypt_rtcp(&report[..length]) {
                return read(&plain, self.ssrc);
            }
        }
    }
}

/// What a compound packet says about the stream `ssrc`.
fn read(mut packets: &[u8], ssrc: u32) -> Vec<Feedback> {
    let packets = webrtc::rtcp::packet::unmarshal(&mut packets).unwrap_or_default();
    let mut feedback = Vec::new();
    for packet in packets {
        let packet = packet.as_any();
        if let Some(lost) = packet.downcast_ref::<PictureLossIndication>() {
            feedback.extend((lost.media_ssrc == ssrc).then_some(Feedback::PictureLost));
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            let missing =
                nack.nacks.iter().flat_map(|pair| pair.packet_list()).take(HISTORY).collect();
            feedback.extend((nack.media_ssrc == ssrc).then_some(Feedback::Missing(missing)));
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            let reports = report.reports.iter().filter(|report| report.ssrc == ssrc);
            feedback.extend(reports.map(|report| Feedback::Reception {
                fraction_lost: report.fraction_lost,
                total_lost: report.total_lost,
                jitter: report.jitter,
            }));
        }
    }
    feedback
}

#[cfg(test)]
mod tests {
    use webrtc::rtcp::packet::Packet;
    use webrtc::rtcp::reception_report::ReceptionReport;
    use webrtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;

    use super::*;

    #[test]
    fn feedback_about_the_stream_is_read_and_about_others_is_not() {
        let about = |ssrc: u32| -> Vec<Box<dyn Packet + Send + Sync>> {
            let report = ReceptionReport { ssrc, fraction_lost: 3, ..ReceptionReport::default() };
            let nacks = vec![NackPair { packet_id: 65534, lost_packets: 0b101 }];
            vec![
                Box::new(ReceiverReport { reports: vec![report], ..ReceiverReport::default() }),
                Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: ssrc }),
                Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc: ssrc, nacks }),
            ]
        };
        let bytes = |ssrc| webrtc::rtcp::packet::marshal(&about(ssrc)).unwrap();
        let expected = [
            Feedback::Reception { fraction_lost: 3, total_lost: 0, jitter: 0 },
            Feedback::PictureLost,
            Feedback::Missing(vec![65534, 65535, 1]),
        ];
        assert_eq!(read(&bytes(7), 7), expected);
        assert!(read(&bytes(8), 7).is_empty());
        assert!(read(&[0x80], 7).is_empty());
    }
}
