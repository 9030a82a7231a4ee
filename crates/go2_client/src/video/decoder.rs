//! Decoding with openh264.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use openh264::decoder::{DecodedYUV, Decoder as OpenH264, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use openh264::OpenH264API;

use go2_proto::video::{for_decoder, AccessUnit, Late, Level, Profile, StreamInfo, Unsupported};

use super::convert::{self, Colors, Matrix, Order, Planes, SizeError};

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The decoder could not be made.
    #[error("the H.264 decoder could not be made (openh264's code {0})")]
    Unavailable(i64),
    /// The unit builds on one that was not decoded.
    #[error("the picture builds on one that was not decoded; waiting for a keyframe")]
    NeedsKeyframe,
    /// The decoder found damage. Nothing of the picture is shown.
    #[error("the picture cannot be decoded (openh264's code {0}); waiting for a keyframe")]
    Damaged(i64),
    /// The unit holds no whole picture, or one of a kind that the decoder does not know.
    #[error("no whole picture came of it; waiting for a keyframe")]
    NoPicture,
    /// The whole stream is of a kind that the decoder does not know.
    #[error("the decoder cannot take H.264 {profile}, level {level}: {why}")]
    Unsupported {
        /// The stream's profile.
        profile: Profile,
        /// The stream's level.
        level: Level,
        /// What it is that the decoder does not know.
        why: Unsupported,
    },
}

impl DecodeError {
    /// Whether the stream is to blame, and another decoder may do better: nothing that waiting or a better network
    /// helps against.
    pub fn is_of_the_stream(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }
}

/// Turns access units into pictures: openh264 on the thread that calls, without concealment of errors. What builds on
/// a unit that was left out or failed is refused until the next keyframe.
///
/// Each unit gives its own picture at once, except in streams where openh264 keeps one back: see [`Late`].
pub struct Decoder {
    inner: OpenH264,
    /// Number of the unit that comes next, if the last one was decoded.
    next: Option<u64>,
    failed: bool,
    /// What the latest keyframe says of the stream.
    stream: Option<StreamInfo>,
    late: Option<Late>,
    told: Told,
    /// Keyframes in a row behind each of which something could not be decoded.
    failures: u32,
    /// Times of the units whose pictures the decoder has kept back.
    kept: BinaryHeap<Reverse<u64>>,
}

/// After so many groups of pictures in a row that could not be decoded whole, the stream is to blame: units come whole or
/// not at all.
const HOPELESS: u32 = 2;
/// More pictures than any stream may keep back.
const MOST_KEPT: usize = 16;

impl Decoder {
    /// A decoder that waits for a keyframe.
    pub fn new() -> Result<Self, DecodeError> {
        let (inner, told, kept) = (make()?, Told::default(), BinaryHeap::new());
        Ok(Self {
            inner,
            next: None,
            failed: false,
            stream: None,
            late: None,
            told,
            failures: 0,
            kept,
        })
    }

    /// Decodes a unit. No picture and no error means that it comes with a later unit. After an error, only a keyframe
    /// helps.
    pub fn decode(&mut self, unit: &AccessUnit) -> Result<Option<Picture<'_>>, DecodeError> {
        let follows = self.next.take() == Some(unit.number);
        if !unit.keyframe && !follows {
            return Err(DecodeError::NeedsKeyframe);
        }
        let (data, stream) = for_decoder(&unit.data);
        if unit.keyframe {
            self.failures = if self.failed { self.failures.saturating_add(1) } else { 0 };
            if let Some(stream) = stream {
                self.begin(stream)?;
            }
        }
        if std::mem::take(&mut self.failed) {
            // Whatever the failure left behind is not worth trusting.
            self.inner = make()?;
            self.kept.clear();
        }
        let hopeless = self.hopeless();
        let Self { inner, next, failed, late, told, kept, .. } = self;
        *failed = true;
        let decoded = inner.decode(&data);
        let yuv = decoded
            .map_err(|error| hopeless.unwrap_or(DecodeError::Damaged(error.native_code())))?;
        kept.push(Reverse(unit.timestamp));
        let timestamp = match (&yuv, *late) {
            (None, Some(_)) if kept.len() <= MOST_KEPT => None,
            (None, _) => return Err(hopeless.unwrap_or(DecodeError::NoPicture)),
            // Pictures come in the order in which they are shown.
            (Some(_), _) => kept.pop().map(|Reverse(timestamp)| timestamp),
        };
        let picture = match yuv {
            Some(yuv) => {
                Some(Picture::new(yuv, timestamp, *late, *told).ok_or(DecodeError::NoPicture)?)
            }
            None => None,
        };
        *failed = false;
        *next = Some(unit.number + 1);
        Ok(picture)
    }

    /// Takes what a keyframe says of the stream.
    fn begin(&mut self, stream: StreamInfo) -> Result<(), DecodeError> {
        if self.stream.as_ref() != Some(&stream) {
            // The decoder of the old stream would hand out its old pictures in the new size.
            self.failed |= self.stream.is_some();
            self.failures = 0;
        }
        let matrix = stream.matrix.and_then(Matrix::of_number);
        self.told = Told { full_range: stream.full_range, matrix };
        let late = stream.decoding.map_err(|why| unsupported(&stream, why));
        self.stream = Some(stream);
        self.late = late?;
        Ok(())
    }

    /// What is to be told of the next failure instead of damage, once there were too many.
    fn hopeless(&self) -> Option<DecodeError> {
        let stream = self.stream.as_ref().filter(|_| self.failures >= HOPELESS)?;
        Some(unsupported(stream, Unsupported::Tools))
    }
}

fn unsupported(stream: &StreamInfo, why: Unsupported) -> DecodeError {
    let StreamInfo { profile, level, .. } = *stream;
    DecodeError::Unsupported { profile, level, why }
}

fn make() -> Result<OpenH264, DecodeError> {
    // One thread, and no concealment, are the defaults. Flushing after each picture is a default too, and loses the
    // decoder's memory: see `plain`.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    OpenH264::with_api_config(OpenH264API::from_source(), config)
        .map_err(|error| DecodeError::Unavailable(error.native_code()))
}

/// A picture in the decoder's memory: I420.
#[derive(Debug)]
pub struct Picture<'a> {
    yuv: DecodedYUV<'a>,
    timestamp: u64,
    late: Option<Late>,
    told: Told,
}

/// What a stream tells of its colours.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    matrix: Option<Matrix>,
    full_range: Option<bool>,
}

impl<'a> Picture<'a> {
    fn new(
        yuv: DecodedYUV<'a>,
        timestamp: Option<u64>,
        late: Option<Late>,
        told: Told,
    ) -> Option<Self> {
        let picture = Self { yuv, timestamp: timestamp?, late, told };
        picture.planes().is_consistent().then_some(picture)
    }

    /// The timestamp of the unit that it is the picture of.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Why it comes later than its unit, if it does.
    pub fn late(&self) -> Option<Late> {
        self.late
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.yuv.dimensions().0
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.yuv.dimensions().1
    }

    /// The samples, where the decoder has them.
    pub fn planes(&self) -> Planes<'_> {
        let (width, height) = self.yuv.dimensions();
        let (y_stride, uv_stride, _) = self.yuv.strides();
        let (y, u, v) = (self.yuv.y(), self.yuv.u(), self.yuv.v());
        Planes { width, height, y, u, v, y_stride, uv_stride }
    }

    /// What its samples stand for: what the stream tells, and what it does not tell as given.
    pub fn colors(&self, untold: Colors) -> Colors {
        Colors {
            matrix: self.told.matrix.unwrap_or(untold.matrix),
            full_range: self.told.full_range.unwrap_or(untold.full_range),
        }
    }

    /// Writes rows of R, G, B bytes without padding: `width * height * 3` bytes.
    pub fn write_rgb(&self, colors: Colors, target: &mut [u8]) -> Result<(), SizeError> {
        if colors != (Colors { matrix: Matrix::Bt601, full_range: false }) {
            return convert::write_colors(&self.planes(), colors, Order::Rgb, target);
        }
        SizeError::check(self.width() * self.height() * 3, target)?;
        // Knows these colours only, and is faster.
        self.yuv.write_rgb8(target);
        Ok(())
    }

    /// Writes rows of B, G, R bytes without padding: `width * height * 3` bytes.
    pub fn write_bgr(&self, colors: Colors, target: &mut [u8]) -> Result<(), SizeError> {
        convert::write_colors(&self.planes(), colors, Order::Bgr, target)
    }

    /// Writes rows of Y, U, Y, V bytes without padding: `width * height * 2` bytes.
    pub fn write_yuv422_yuy2(&self, target: &mut [u8]) -> Result<(), SizeError> {
        convert::write_yuv422_yuy2(&self.planes(), target)
    }
}

#[cfg(test)]
#[cfg(feature = "webrtc")]
mod tests {
    use super::*;
    use crate::video::testing::*;
    use bytes::Bytes;
    use openh264::encoder::Profile;
    use std::time::Instant;

    fn units(size: (usize, usize), count: usize, profile: Profile) -> Vec<AccessUnit> {
        let mut camera = Camera::new(size, 5, profile);
        let unit = |number: usize| AccessUnit {
            data: camera.take(),
            keyframe: number.is_multiple_of(5),
            number: number as u64,
            timestamp: 0,
            received: Instant::now(),
            size: (0, 0),
        };
        (0..count).map(unit).collect()
    }

    #[test]
    fn each_unit_gives_its_picture_at_once() {
        for profile in [Profile::Baseline, Profile::Main, Profile::High] {
            let mut decoder = Decoder::new().unwrap();
            for unit in units((192, 128), 12, profile) {
                let picture = decoder.decode(&unit).unwrap().unwrap();
                // The bar that moves tells the pictures apart.
                let bar = (3 * unit.number as usize, 3 * unit.number as usize + 39);
                let planes = picture.planes();
                let bright = |x: usize| {
                    (0..128)
                        .map(|y| u32::from(planes.y[y * planes.y_stride + x % 192]))
                        .sum::<u32>()
                };
                let edge = 128 * 45;
                let outside = (192 - 2 - bar.0 + 192) % 192;
                assert!(
                    bright(192 - bar.0 + 2) > bright(outside) + edge,
                    "{profile:?} {}",
                    unit.number
                );
            }
        }
    }

    #[test]
    fn sizes_may_change_and_be_cropped() {
        let mut decoder = Decoder::new().unwrap();
        for size in [(192, 128), (200, 120), (66, 34), (320, 176)] {
            let unit = &units(size, 1, Profile::Baseline)[0];
            let picture = decoder.decode(unit).unwrap().unwrap();
            assert_eq!((picture.width(), picture.height()), size);
            let mut rgb = vec![0; size.0 * size.1 * 3];
            let mut bgr = rgb.clone();
            let colors = Colors { matrix: Matrix::Bt601, full_range: false };
            picture.write_rgb(colors, &mut rgb).unwrap();
            picture.write_bgr(colors, &mut bgr).unwrap();
            for (rgb, bgr) in rgb.chunks(3).zip(bgr.chunks(3)) {
                let close = rgb.iter().zip(bgr.iter().rev()).all(|(a, b)| a.abs_diff(*b) <= 2);
                assert!(close, "{rgb:?} {bgr:?}");
            }
            picture.write_yuv422_yuy2(&mut rgb[..size.0 * size.1 * 2]).unwrap();
            assert!(picture.write_rgb(colors, &mut rgb[1..]).is_err());
        }
    }

    #[test]
    fn a_unit_that_builds_on_nothing_is_refused() {
        let units = units((192, 128), 7, Profile::Baseline);
        let mut decoder = Decoder::new().unwrap();
        assert_eq!(decoder.decode(&units[1]).unwrap_err(), DecodeError::NeedsKeyframe);
        decoder.decode(&units[0]).unwrap();
        decoder.decode(&units[1]).unwrap();
        // One was dropped on the way.
        assert_eq!(decoder.decode(&units[3]).unwrap_err(), DecodeError::NeedsKeyframe);
        assert_eq!(decoder.decode(&units[4]).unwrap_err(), DecodeError::NeedsKeyframe);
        decoder.decode(&units[5]).unwrap();
        decoder.decode(&units[6]).unwrap();
    }

    #[test]
    fn damage_is_an_error_and_no_picture() {
        let units = units((192, 128), 7, Profile::Baseline);
        let mut decoder = Decoder::new().unwrap();
        for (at, cut) in [(0, 1500), (1, 100), (1, 30), (0, 60)] {
            for unit in &units[..at] {
                decoder.decode(unit).unwrap();
            }
            let mut damaged = units[at].clone();
            damaged.data.truncate(cut);
            decoder.decode(&damaged).unwrap_err();
            let next = decoder.decode(&units[at + 1]).unwrap_err();
            assert_eq!(next, DecodeError::NeedsKeyframe);
            decoder.decode(&units[5]).unwrap();
            decoder.decode(&units[6]).unwrap();
        }
        // A slice of the picture is missing.
        let mut camera = Camera::sliced((192, 128), 5, 600);
        let data = camera.take();
        let nals: Vec<_> = openh264::nal_units(&data).collect();
        for missing in 2..nals.len() {
            let mut nals = nals.clone();
            nals.remove(missing);
            let gappy = AccessUnit { data: nals.concat().into(), ..units[0].clone() };
            decoder.decode(&gappy).unwrap_err();
            decoder.decode(&units[5]).unwrap();
            decoder.decode(&units[6]).unwrap();
        }
        // Bytes that are no H.264 at all.
        for data in [&b""[..], b"\x00\x00\x00\x01", b"\x00\x00\x00\x01\x65\xff\xff", b"abcdefgh"] {
            let noise = AccessUnit { data: Bytes::from_static(data), ..units[0].clone() };
            decoder.decode(&noise).unwrap_err();
        }
        decoder.decode(&units[5]).unwrap();
    }

    #[test]
    fn what_follows_the_slices_does_not_hide_the_picture() {
        let (filler, end) = (b"\x00\x00\x00\x01\x0c\xff\xff\x80", b"\x00\x00\x00\x01\x0a");
        for tail in [&filler[..], end, b"\x00\x00\x00"] {
            for profile in [Profile::Baseline, Profile::High] {
                let mut decoder = Decoder::new().unwrap();
                for mut unit in units((192, 128), 7, profile) {
                    unit.data = [&unit.data, tail].concat().into();
                    decoder
                        .decode(&unit)
                        .unwrap_or_else(|e| panic!("{tail:?} {} {profile:?} {e}", unit.number));
                }
            }
        }
    }
}
