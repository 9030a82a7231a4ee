//! A camera for tests: encoded by openh264, made into packets by the rtp crate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Profile, RateControlMode,
};
use openh264::formats::YUVBuffer;
use openh264::OpenH264API;
use rtp::codecs::h264::H264Payloader;
use rtp::packetizer::Payloader;

use super::{AccessUnit, Assembler, Packet};

/// Time between two pictures, as timestamps and as clocks have it.
pub(super) const TICKS: u32 = 3000;
pub(super) const FRAME: Duration = Duration::from_micros(33_333);

/// Encodes a scene that moves.
pub(super) struct Camera {
    encoder: Encoder,
    size: (usize, usize),
    taken: usize,
}

impl Camera {
    pub(super) fn new(size: (usize, usize), keyframe_every: u32, profile: Profile) -> Self {
        Self::with_config(size, Self::config(keyframe_every, profile))
    }

    /// A camera that cuts pictures into slices of at most so many bytes.
    pub(super) fn sliced(size: (usize, usize), keyframe_every: u32, slice: u32) -> Self {
        let config = Self::config(keyframe_every, Profile::Baseline).max_slice_len(slice);
        Self::with_config(size, config)
    }

    fn config(keyframe_every: u32, profile: Profile) -> EncoderConfig {
        EncoderConfig::new()
            .profile(profile)
            .bitrate(BitRate::from_bps(3_000_000))
            .max_frame_rate(FrameRate::from_hz(30.0))
            .rate_control_mode(RateControlMode::Off)
            .skip_frames(false)
            .scene_change_detect(false)
            .num_threads(1)
            .intra_frame_period(IntraFramePeriod::from_num_frames(keyframe_every))
    }

    fn with_config(size: (usize, usize), config: EncoderConfig) -> Self {
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
        Self { encoder, size, taken: 0 }
    }

    /// The next picture, in Annex B form.
    pub(super) fn take(&mut self) -> Bytes {
        let (width, height) = self.size;
        let mut yuv = Vec::with_capacity(width * height * 3 / 2);
        let at = self.taken;
        self.taken += 1;
        for y in 0..height {
            // A slope, a texture that no prediction gets rid of, and a bar that moves.
            yuv.extend((0..width).map(|x| {
                let noise = ((x * 31 + y * 17 + at * 7) * 2_654_435_761) >> 7;
                let bar = if (x + 3 * at) % width < 40 { 90 } else { 0 };
                (40 + (x + y) / 8 % 80 + noise % 24 + bar) as u8
            }));
        }
        for plane in 0..2 {
            for y in 0..height / 2 {
                yuv.extend((0..width / 2).map(|x| (100 + (x + at) / 4 % 40 + y / 8 * plane) as u8));
            }
        }
        let picture = YUVBuffer::from_vec(yuv, width, height);
        self.encoder.encode(&picture).unwrap().to_vec().into()
    }
}

/// Makes packets of pictures.
pub(super) struct Sender {
    payloader: H264Payloader,
    mtu: usize,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

impl Sender {
    pub(super) fn new(mtu: usize, sequence: u16, timestamp: u32) -> Self {
        Self { payloader: H264Payloader::default(), mtu, sequence, timestamp }
    }

    /// The packets of the next picture.
    pub(super) fn send(&mut self, picture: &Bytes) -> Vec<Packet> {
        let payloads = self.payloader.payload(self.mtu, picture).unwrap();
        let last = payloads.len() - 1;
        let packets = payloads.into_iter().enumerate().map(|(index, payload)| {
            let sequence = self.sequence.wrapping_add(index as u16);
            Packet { sequence, timestamp: self.timestamp, marker: index == last, payload }
        });
        let packets: Vec<_> = packets.collect();
        self.sequence = self.sequence.wrapping_add(packets.len() as u16);
        self.timestamp = self.timestamp.wrapping_add(TICKS);
        packets
    }
}

/// All that comes out.
pub(super) fn drain(assembler: &mut Assembler) -> Vec<AccessUnit> {
    std::iter::from_fn(|| assembler.poll()).collect()
}

/// Feeds packets that all arrive at once.
pub(super) fn feed(assembler: &mut Assembler, packets: &[Packet], at: Instant) -> Vec<AccessUnit> {
    let mut out = Vec::new();
    for packet in packets {
        assembler.push(packet.clone(), at);
        out.extend(drain(assembler));
    }
    out
}
