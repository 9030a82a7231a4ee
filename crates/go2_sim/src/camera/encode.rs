//! H.264 as the robot's camera makes it, or as constrained baseline; without reordering.

use std::time::Duration;

use openh264::encoder::{
    BitRate, Complexity, Encoder as OpenH264, EncoderConfig, FrameRate, FrameType, Level, Profile,
    RateControlMode, UsageType,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::cabac;
use super::lens::{HEIGHT, WIDTH};
use super::options::Coding;
use super::picture::{Picture, HALF_WIDTH};
use super::shape::{Shape, Unreadable};

/// Why a picture was not encoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// The library failed.
    #[error("the H.264 encoder failed: {0}")]
    Library(#[from] openh264::Error),
    /// The library left the picture out, although it was told not to.
    #[error("the H.264 encoder left a picture out")]
    LeftOut,
    /// The library does without CABAC.
    #[error("the H.264 encoder does not take CABAC")]
    NoCabac,
    /// What the library encoded cannot be given the robot's shape.
    #[error(transparent)]
    Shape(#[from] Unreadable),
}

/// An encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// NAL units without start codes; parameter sets come first in an IDR picture.
    pub(crate) nals: Vec<Vec<u8>>,
    /// Whether decoding can begin here.
    pub(crate) idr: bool,
}

/// What the encoder is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding {
    /// How pictures are coded.
    pub(crate) coding: Coding,
    /// Pictures a second.
    pub(crate) fps: f64,
    /// Bits a second that are aimed at.
    pub(crate) bitrate: u32,
    /// Pictures from one IDR picture to the next.
    pub(crate) idr_every: u32,
    /// Bytes of the largest slice; one slice a picture without.
    pub(crate) slice: Option<u32>,
}

impl Encoding {
    /// When the picture with this number is taken, after the first one.
    pub(super) fn time_of(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.fps)
    }
}

/// An encoder of one stream.
pub(crate) struct Encoder {
    library: OpenH264,
    /// What is done to the stream behind the library, where it is not the library's own.
    shape: Option<Shape>,
    /// Whether the library is set as it should be.
    set: bool,
    idr_every: u32,
    /// Pictures since the last IDR picture, that one included.
    since_idr: u32,
}

impl Encoder {
    pub(crate) fn new(encoding: Encoding) -> Result<Self, EncodeError> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .max_frame_rate(FrameRate::from_hz(encoding.fps as f32))
            .bitrate(BitRate::from_bps(encoding.bitrate))
            // The library complains on stderr that it may not leave pictures out; that is meant so.
            .rate_control_mode(RateControlMode::Bitrate)
            .skip_frames(false)
            .complexity(Complexity::Low)
            .num_threads(1)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            // With CABAC it is switched off later.
            .background_detection(encoding.coding == Coding::High);
        let config = match encoding.coding {
            Coding::High => config.profile(Profile::High).level(Level::Level_4_0),
            Coding::Baseline => config.profile(Profile::Baseline).level(Level::Level_3_1),
        };
        let config = match encoding.slice {
            Some(bytes) => config.max_slice_len(bytes),
            None => config,
        };
        let library = OpenH264::with_api_config(OpenH264API::from_source(), config)?;
        let shape = (encoding.coding == Coding::High).then(Shape::default);
        let (set, idr_every) = (shape.is_none(), encoding.idr_every.max(1));
        Ok(Self { library, shape, set, idr_every, since_idr: 0 })
    }

    /// Encodes the next picture, taken `milliseconds` after the first one; as an IDR picture when one is due or wanted.
    pub(crate) fn encode(
        &mut self,
        picture: &Picture,
        milliseconds: u64,
        idr: bool,
    ) -> Result<Encoded, EncodeError> {
        let time = Timestamp::from_millis(milliseconds);
        if !std::mem::replace(&mut self.set, true) {
            // Only with its first picture the library makes an encoder, whose settings can be changed then.
            self.library.encode_at(picture, time)?;
            if !cabac::switch_on(&mut self.library) {
                return Err(EncodeError::NoCabac);
            }
        }
        if idr || self.since_idr >= self.idr_every {
            self.library.force_intra_frame();
        }
        let stream = self.library.encode_at(picture, time)?;
        let idr = match stream.frame_type() {
            FrameType::IDR => true,
            FrameType::Invalid | FrameType::Skip => return Err(EncodeError::LeftOut),
            _ => false,
        };
        let layers = (0..stream.num_layers()).filter_map(|layer| stream.layer(layer));
        let mut nals: Vec<_> = layers
            .flat_map(|layer| {
                let nals = (0..layer.nal_count()).filter_map(|nal| layer.nal_unit(nal));
                nals.map(|nal| without_start_code(nal).to_vec()).collect::<Vec<_>>()
            })
            .collect();
        if let Some(shape) = &mut self.shape {
            shape.rewrite(&mut nals)?;
        }
        self.since_idr = if idr { 1 } else { self.since_idr + 1 };
        Ok(Encoded { nals, idr })
    }
}

fn without_start_code(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().take_while(|byte| **byte == 0).count();
    nal.get(zeros + 1..).unwrap_or_default()
}

impl YUVSource for Picture {
    fn dimensions(&self) -> (usize, usize) {
        (WIDTH, HEIGHT)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (WIDTH, HALF_WIDTH, HALF_WIDTH)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

#[cfg(test)]
mod tests {
    use openh264::decoder::{Decoder, DecoderConfig, Flush};

    use h264_reader::nal::sps::{ChromaInfo, PicOrderCntType, SeqParameterSet};
    use h264_reader::rbsp::{BitReader, ByteReader};

    use super::super::render::{Pose, Renderer};
    use super::super::stamp;
    use super::*;
    use crate::world::World;

    const SPS: u8 = 7;
    const PPS: u8 = 8;
    const SLICE: u8 = 1;
    const IDR_SLICE: u8 = 5;

    fn encoding(coding: Coding) -> Encoding {
        Encoding { coding, fps: 15.0, bitrate: 2_500_000, idr_every: 5, slice: None }
    }

    fn kinds(encoded: &Encoded) -> Vec<u8> {
        encoded.nals.iter().map(|nal| nal[0] & 0x1f).collect()
    }

    /// Pictures of a robot that turns with `rate` radians a picture.
    fn pictures(rate: f64) -> impl Iterator<Item = Picture> {
        let world = World::house();
        let mut renderer = Renderer::new();
        (0u32..).map(move |counter| {
            let mut picture = Picture::default();
            let pose = Pose { yaw: rate * f64::from(counter), height: 0.32, ..Pose::default() };
            renderer.render(&world, pose, &mut picture);
            stamp::burn(&mut picture, counter, Duration::ZERO);
            picture
        })
    }

    fn encode(encoding: Encoding, rate: f64, count: usize) -> Vec<Encoded> {
        let mut encoder = Encoder::new(encoding).unwrap();
        let encode = |(i, picture): (usize, Picture)| {
            encoder.encode(&picture, i as u64 * 1000 / 15, i == 7).unwrap()
        };
        pictures(rate).take(count).enumerate().map(encode).collect()
    }

    #[test]
    fn decoding_can_begin_as_often_as_asked_and_when_asked() {
        for (coding, start) in [(Coding::High, [100, 0x10, 40]), (Coding::Baseline, [66, 0xc0, 31])]
        {
            let encoded = encode(encoding(coding), 0.02, 14);
            let idr: Vec<_> = encoded.iter().map(|encoded| encoded.idr).collect();
            let at: Vec<_> = (0..14).filter(|i| idr[*i]).collect();
            assert_eq!(at, [0, 5, 7, 12], "every five, and the eighth was wanted");
            for encoded in &encoded {
                let expected: &[u8] = if encoded.idr { &[SPS, PPS, IDR_SLICE] } else { &[SLICE] };
                assert_eq!(kinds(encoded), expected);
            }
            assert_eq!(encoded[0].nals[0][1..4], start, "{coding:?}");
        }
    }

    #[test]
    fn the_stream_has_the_shape_that_was_recorded() {
        let encoded = encode(encoding(Coding::High), 0.02, 6);
        let bits = BitReader::new(ByteReader::skipping_h264_header(&encoded[0].nals[0][..]));
        let set = SeqParameterSet::from_bits(bits).unwrap();
        let order = PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4: 12 };
        assert_eq!(set.pic_order_cnt, order);
        assert_eq!(set.log2_max_frame_num(), 16);
        assert_eq!((set.max_num_ref_frames, set.gaps_in_frame_num_value_allowed_flag), (1, true));
        assert_eq!(set.pixel_dimensions().unwrap(), (1280, 720));
        assert_eq!((set.fps(), &set.chroma_info), (Some(30.0), &ChromaInfo::default()));
        let vui = set.vui_parameters.unwrap();
        assert!(vui.video_signal_type.is_none() && vui.aspect_ratio_info.is_none());
        let restrictions = vui.bitstream_restrictions.unwrap();
        let buffered = (restrictions.max_num_reorder_frames, restrictions.max_dec_frame_buffering);
        assert_eq!(buffered, (0, 1));
        // The picture parameter set: both ids are 0, one bit each, then comes the flag of CABAC.
        assert_eq!(encoded[0].nals[1][1] >> 5, 0b111, "CABAC");
        let headers: Vec<_> =
            encoded.iter().flat_map(|encoded| encoded.nals.iter().map(|nal| nal[0])).collect();
        assert_eq!(headers, [0x67, 0x68, 0x65, 0x41, 0x41, 0x41, 0x41, 0x67, 0x68, 0x65]);
    }

    #[test]
    fn pictures_come_back_about_the_same_and_none_is_left_out() {
        // Faster than any robot turns: the bits never suffice.
        for (coding, rate, lowest) in [
            (Coding::Baseline, 0.03, 30.0),
            (Coding::Baseline, 0.8, 20.0),
            (Coding::High, 0.03, 30.0),
            (Coding::High, 0.8, 20.0),
        ] {
            // Without a flush, the decoder gives a picture of High with the next one.
            let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
            let mut decoder = Decoder::with_api_config(OpenH264API::from_source(), config).unwrap();
            let late = u32::from(coding == Coding::High);
            let encoded = encode(encoding(coding), rate, 12);
            let mut sent = pictures(rate);
            for (counter, encoded) in (0..).zip(&encoded) {
                let mut stream = Vec::new();
                for nal in &encoded.nals {
                    stream.extend([0, 0, 0, 1]);
                    stream.extend(nal);
                }
                let decoded = decoder.decode(&stream).unwrap();
                if counter < late {
                    assert!(decoded.is_none());
                    continue;
                }
                let (decoded, picture) = (decoded.expect("no picture"), sent.next().unwrap());
                assert_eq!(decoded.dimensions(), (WIDTH, HEIGHT));
                let stride = decoded.strides().0;
                assert_eq!(stamp::read_counter(decoded.y(), stride), Some(counter - late));
                let rows = decoded.y().chunks(stride).zip(picture.y.chunks(WIDTH));
                let squares = rows.flat_map(|(decoded, sent)| decoded.iter().zip(sent));
                let sum: f64 = squares.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
                let decibels = 10.0 * (255.0f64.powi(2) / (sum / picture.y.len() as f64)).log10();
                assert!(
                    decibels > lowest,
                    "{coding:?}, rate {rate}, picture {counter}: {decibels} dB"
                );
            }
        }
    }

    #[test]
    fn slices_are_as_small_as_asked() {
        for coding in [Coding::High, Coding::Baseline] {
            let encoded = encode(Encoding { slice: Some(4000), ..encoding(coding) }, 0.05, 3);
            for encoded in &encoded {
                assert!(kinds(encoded).len() > 4, "{:?}", kinds(encoded));
                assert!(encoded.nals.iter().all(|nal| nal.len() <= 4003));
            }
        }
    }
}
