//! H.264 in RTP packets (RFC 6184, packetization mode 1). Pure.
//!
//! Written from the RFC and not with the `rtp` crate, which the link reads with: a misunderstanding must not be in
//! both ends at once.

/// Bytes of the largest packet before encryption, header included.
pub const LARGEST_PACKET: usize = 1200;
/// Bytes of a header without extensions or contributing sources.
pub(super) const HEADER: usize = 12;
const LARGEST_PAYLOAD: usize = LARGEST_PACKET - HEADER;

const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const TYPE: u8 = 0x1f;
const IMPORTANCE: u8 = 0x60;
const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;

/// One RTP stream of H.264.
pub struct Packetizer {
    /// Payload type.
    pub payload_type: u8,
    /// Source.
    pub ssrc: u32,
    /// Number of the next packet.
    pub sequence: u16,
    /// Send the parameter sets in one packet.
    pub stap: bool,
}

impl Packetizer {
    /// The packets of one picture, whose NAL units come without start codes. The last one has the marker. `timestamp`
    /// is in ticks of 90 kHz.
    pub fn packets<N: AsRef<[u8]>>(&mut self, nals: &[N], timestamp: u32) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        let nals: Vec<&[u8]> =
            nals.iter().map(AsRef::as_ref).filter(|nal| !nal.is_empty()).collect();
        let mut rest = nals.as_slice();
        while let Some(nal) = rest.first() {
            let sets = rest.iter().take_while(|nal| is_parameter_set(nal)).count();
            let together = &rest[..sets];
            let size = 1 + together.iter().map(|nal| 2 + nal.len()).sum::<usize>();
            if self.stap && sets > 1 && size <= LARGEST_PAYLOAD {
                payloads.push(aggregate(together));
                rest = &rest[sets..];
                continue;
            }
            if nal.len() <= LARGEST_PAYLOAD {
                payloads.push(nal.to_vec());
            } else {
                fragment(nal, &mut payloads);
            }
            rest = &rest[1..];
        }
        let last = payloads.len().wrapping_sub(1);
        let packet = |(index, payload): (usize, Vec<u8>)| {
            let mut packet = self.header(timestamp, index == last).to_vec();
            packet.extend(payload);
            packet
        };
        payloads.into_iter().enumerate().map(packet).collect()
    }

    fn header(&mut self, timestamp: u32, marker: bool) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[0] = 2 << 6; // version
        header[1] = u8::from(marker) << 7 | self.payload_type;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..].copy_from_slice(&self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        header
    }
}

fn is_parameter_set(nal: &[u8]) -> bool {
    nal.first().is_some_and(|first| matches!(first & TYPE, SPS | PPS))
}

fn aggregate(nals: &[&[u8]]) -> Vec<u8> {
    let importance = nals.iter().map(|nal| nal[0] & IMPORTANCE).max().unwrap_or(0);
    let mut payload = vec![importance | STAP_A];
    for nal in nals {
        // Checked by the caller: all of them fit one packet.
        payload.extend((nal.len() as u16).to_be_bytes());
        payload.extend(*nal);
    }
    payload
}

fn fragment(nal: &[u8], payloads: &mut Vec<Vec<u8>>) {
    let (head, body) = (nal[0], &nal[1..]);
    let pieces = body.chunks(LARGEST_PAYLOAD - 2);
    let last = pieces.len() - 1;
    for (index, piece) in pieces.enumerate() {
        let first = if index == 0 { FIRST } else { 0 };
        let end = if index == last { LAST } else { 0 };
        let mut payload = vec![head & !TYPE | FU_A, first | end | head & TYPE];
        payload.extend(piece);
        payloads.push(payload);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use webrtc::rtp::codecs::h264::H264Packet;
    use webrtc::rtp::packet::Packet;
    use webrtc::rtp::packetizer::Depacketizer as _;
    use webrtc::util::marshal::Unmarshal as _;

    use super::*;

    const SSRC: u32 = 0x1234_5678;

    fn packetizer(sequence: u16, stap: bool) -> Packetizer {
        Packetizer { payload_type: 102, ssrc: SSRC, sequence, stap }
    }

    fn nal(head: u8, length: usize) -> Vec<u8> {
        let mut nal: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        nal[0] = head;
        nal
    }

    fn read(packets: &[Vec<u8>]) -> Vec<Packet> {
        let read = |packet: &Vec<u8>| Packet::unmarshal(&mut packet.as_slice()).unwrap();
        packets.iter().map(read).collect()
    }

    /// NAL units as the reader of the `rtp` crate puts them together.
    fn nals(packets: &[Packet]) -> Vec<Vec<u8>> {
        let mut reader = H264Packet::default();
        reader.is_avc = true;
        let mut nals = Vec::new();
        for packet in packets {
            let mut stream: &[u8] = &reader.depacketize(&packet.payload).unwrap();
            while let Some((length, rest)) = stream.split_at_checked(4) {
                let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
                nals.push(rest[..length].to_vec());
                stream = &rest[length..];
            }
        }
        nals
    }

    #[test]
    fn a_reader_of_another_make_finds_the_same_nal_units() {
        let limit = LARGEST_PAYLOAD;
        for slice in [3, 100, limit - 1, limit, limit + 1, 2 * limit, 2 * (limit - 2) + 1, 60_000] {
            let picture = [nal(0x67, 12), nal(0x68, 4), nal(0x65, slice), nal(0x65, 9)];
            for stap in [true, false] {
                let packets = packetizer(7, stap).packets(&picture, 90_000);
                assert!(packets.iter().all(|packet| packet.len() <= LARGEST_PACKET));
                let packets = read(&packets);
                assert_eq!(nals(&packets), picture, "slice of {slice}, stap {stap}");
                let kinds: Vec<_> = packets.iter().map(|packet| packet.payload[0] & TYPE).collect();
                assert_eq!(kinds.contains(&STAP_A), stap);
                assert_eq!(kinds.contains(&FU_A), slice > limit, "{slice}: {kinds:?}");
            }
        }
    }

    #[test]
    fn headers_count_mark_and_stay_plain() {
        let mut packetizer = packetizer(u16::MAX - 1, true);
        let first = read(&packetizer.packets(&[nal(0x41, 3000)], u32::MAX));
        let second = read(&packetizer.packets(&[nal(0x41, 10)], 5));
        let numbers: Vec<_> =
            first.iter().chain(&second).map(|packet| packet.header.sequence_number).collect();
        assert_eq!(numbers, [65534, 65535, 0, 1]);
        let markers: Vec<_> = first.iter().map(|packet| packet.header.marker).collect();
        assert_eq!(markers, [false, false, true]);
        assert!(second[0].header.marker);
        assert!(first.iter().all(|packet| packet.header.timestamp == u32::MAX));
        assert_eq!(second[0].header.timestamp, 5);
        for header in first.iter().chain(&second).map(|packet| &packet.header) {
            assert_eq!((header.version, header.payload_type, header.ssrc), (2, 102, SSRC));
            assert!(!header.extension && !header.padding && header.csrc.is_empty());
        }
    }

    #[test]
    fn parameter_sets_travel_with_their_importance() {
        let sets = [nal(0x27, 12), nal(0x68, 4)];
        let packets = packetizer(0, true).packets(&sets, 0);
        assert_eq!(packets.len(), 1);
        assert_eq!(packets[0][HEADER], 0x60 | STAP_A);
        // Alone there is nothing to aggregate.
        let packets = packetizer(0, true).packets(&sets[..1], 0);
        assert_eq!(Bytes::from(packets[0][HEADER..].to_vec()), sets[0]);
        assert!(packetizer(0, true).packets::<Vec<u8>>(&[], 0).is_empty());
    }
}
