//! A client's video: a track, with the numbers, the history and the counts of what goes over it.

use std::time::Duration;

use bytes::Bytes;
use rsa::rand_core::{OsRng, RngCore};
use webrtc::rtcp::sender_report::SenderReport;

use super::clock::ntp;
use super::history::History;
use super::packetizer::{Packetizer, HEADER};
use super::track::{Feedback, Track};

/// A stream of pictures to one client.
///
/// Packets are made ([`Stream::packets`]) and sent ([`Stream::send`]) in two steps, so that a caller can lose some on
/// purpose.
pub struct Stream {
    track: Track,
    packetizer: Packetizer,
    history: History,
    packets: u32,
    octets: u32,
}

impl Stream {
    /// A stream over a track, whose numbers begin anywhere. With `stap` parameter sets go together in one packet.
    pub fn new(track: Track, stap: bool) -> Self {
        let packetizer = Packetizer {
            payload_type: track.payload_type(),
            ssrc: track.ssrc(),
            sequence: OsRng.next_u32() as u16,
            stap,
        };
        Self { track, packetizer, history: History::default(), packets: 0, octets: 0 }
    }

    /// The encrypted packets of one picture, whose NAL units come without start codes (see
    /// [`nal_units`](super::nal_units)). `timestamp` is in ticks of 90 kHz and the same for no other picture.
    pub fn packets<N: AsRef<[u8]>>(&mut self, nals: &[N], timestamp: u32) -> Vec<Bytes> {
        let packets = self.packetizer.packets(nals, timestamp);
        let mut sealed = Vec::with_capacity(packets.len());
        for packet in packets {
            let Some(bytes) = self.track.seal(&packet) else { continue };
            self.history.push(u16::from_be_bytes([packet[2], packet[3]]), bytes.clone());
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add((packet.len() - HEADER) as u32);
            sealed.push(bytes);
        }
        sealed
    }

    /// Sends an encrypted packet. That the client is gone is noticed elsewhere.
    pub async fn send(&self, packet: &[u8]) {
        self.track.send(packet).await;
    }

    /// The encrypted packet with a number, if it is one of the last [`HISTORY`](super::HISTORY): to be sent again.
    pub fn again(&self, sequence: u16) -> Option<Bytes> {
        self.history.get(sequence)
    }

    /// What the client says next. Cancelling loses nothing.
    pub async fn feedback(&mut self) -> Vec<Feedback> {
        self.track.feedback().await
    }

    /// Tells the client which time a timestamp of the stream stands for, and how much was sent. `time` is since 1970.
    /// Before the first packet nothing is told.
    pub async fn report(&mut self, time: Duration, timestamp: u32) {
        if self.packets == 0 {
            return;
        }
        let report = SenderReport {
            ssrc: self.track.ssrc(),
            ntp_time: ntp(time),
            rtp_time: timestamp,
            packet_count: self.packets,
            octet_count: self.octets,
            ..SenderReport::default()
        };
        self.track.report(&report).await;
    }
}
