//! The decoder against streams of another encoder, in each shape that a camera may send, and what libavcodec makes of
//! them: see scripts/video_streams.py.

use std::collections::HashSet;
use std::time::Instant;

use bytes::Bytes;
use md5::{Digest, Md5};

use super::testing::{feed, Sender, FRAME, TICKS};
use super::{Colors, DecodeError, Decoder, Matrix, Picture, Planes};
use go2_proto::video::{AccessUnit, Assembler, Late, MediaError, StreamInfo, Unsupported};

/// A stream, and what its pictures are, in the order in which they are shown.
pub(super) struct Stream {
    pub(super) units: Vec<AccessUnit>,
    pictures: Vec<String>,
}

macro_rules! stream {
    ($name:literal) => {
        $crate::video::stream_tests::Stream::new(
            include_bytes!(concat!("../../../../tests/video/", $name, ".h264")),
            include_str!(concat!("../../../../tests/video/", $name, ".txt")),
        )
    };
}

pub(super) use stream;

impl Stream {
    pub(super) fn new(mut bytes: &'static [u8], lines: &str) -> Self {
        let mut stream = Self { units: Vec::new(), pictures: Vec::new() };
        for (number, line) in (0..).zip(lines.lines()) {
            let [length, keyframe, picture] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let (data, rest) = bytes.split_at(length.parse().unwrap());
            bytes = rest;
            stream.pictures.push(picture.to_owned());
            stream.units.push(AccessUnit {
                data: Bytes::from_static(data),
                keyframe: keyframe == "1",
                number,
                timestamp: 3000 * number,
                received: Instant::now(),
                size: (0, 0),
            });
        }
        assert!(bytes.is_empty());
        stream
    }

    /// What comes of each unit, from `first` on.
    fn decode(&self, first: usize) -> Vec<Result<Option<String>, DecodeError>> {
        let mut decoder = Decoder::new().unwrap();
        let decode = |unit| Ok(decoder.decode(unit)?.as_ref().map(fingerprint));
        self.units[first..].iter().map(decode).collect()
    }
}

fn fingerprint(picture: &Picture<'_>) -> String {
    let Planes { width, height, y, u, v, y_stride, uv_stride } = picture.planes();
    let mut hash = Md5::new();
    let mut take = |plane: &[u8], stride, width, height| {
        for row in plane.chunks(stride).take(height) {
            hash.update(&row[..width]);
        }
    };
    take(y, y_stride, width, height);
    take(u, uv_stride, width / 2, height / 2);
    take(v, uv_stride, width / 2, height / 2);
    format!("{:x}", hash.finalize())
}

/// Streams whose units give their pictures at once.
fn prompt() -> Vec<(&'static str, Stream)> {
    vec![
        ("robot", stream!("robot")),
        ("robot_slices", stream!("robot_slices")),
        ("robot_told", stream!("robot_told")),
        ("high_order_1", stream!("high_order_1")),
        ("high_order_2", stream!("high_order_2")),
        ("high_cavlc", stream!("high_cavlc")),
        ("high_references", stream!("high_references")),
        ("high_weighted", stream!("high_weighted")),
        ("high_scaled", stream!("high_scaled")),
        ("main", stream!("main")),
        ("main_order_1", stream!("main_order_1")),
        ("main_order_2", stream!("main_order_2")),
        ("baseline", stream!("baseline")),
        ("baseline_order_1", stream!("baseline_order_1")),
        ("baseline_order_2", stream!("baseline_order_2")),
        ("robot_small", stream!("robot_small")),
    ]
}

#[test]
fn each_unit_gives_the_picture_of_libavcodec_in_the_same_call() {
    for (name, stream) in prompt() {
        let decoded = stream.decode(0);
        for (number, (decoded, expected)) in decoded.iter().zip(&stream.pictures).enumerate() {
            assert_eq!(decoded.as_ref(), Ok(&Some(expected.clone())), "{name}, unit {number}");
        }
        assert_eq!(decoded.len(), stream.pictures.len());
    }
}

#[test]
fn a_stream_that_is_joined_in_the_middle_begins_with_its_keyframe() {
    let stream = stream!("robot");
    let decoded = stream.decode(11);
    assert!(decoded[..19].iter().all(|unit| *unit == Err(DecodeError::NeedsKeyframe)));
    let rest = decoded[19..].iter().map(|unit| unit.clone().unwrap().unwrap());
    assert_eq!(rest.collect::<Vec<_>>(), stream.pictures[30..]);
}

#[test]
fn what_may_be_reordered_or_has_scaling_lists_comes_one_picture_late() {
    for (name, stream, reason) in [
        ("robot_without_vui", stream!("robot_without_vui"), Late::Reordered),
        ("scaling_lists", stream!("scaling_lists"), Late::HighOnly),
    ] {
        let mut decoder = Decoder::new().unwrap();
        for (number, unit) in stream.units.iter().enumerate() {
            let picture = decoder.decode(unit).unwrap();
            let expected = number.checked_sub(1).map(|before| stream.pictures[before].clone());
            assert_eq!(picture.as_ref().map(fingerprint), expected, "{name}, unit {number}");
            let told = picture.map(|picture| (picture.timestamp(), picture.late()));
            let before = number.checked_sub(1);
            assert_eq!(told, before.map(|before| (3000 * before as u64, Some(reason))));
        }
    }
}

#[test]
fn b_pictures_come_out_in_the_order_in_which_they_are_shown() {
    let stream = stream!("b_pictures");
    let mut decoder = Decoder::new().unwrap();
    let mut shown = Vec::new();
    for unit in &stream.units {
        let picture = decoder.decode(unit).unwrap();
        shown.extend(picture.map(|picture| (fingerprint(&picture), picture.timestamp())));
    }
    let expected = (0..).map(|number| 3000 * number);
    let expected: Vec<_> = stream.pictures.iter().cloned().zip(expected).collect();
    // The last one would come with a unit behind it.
    assert_eq!(shown, expected[..expected.len() - 1]);
}

/// In which order the pictures of `b_pictures` are shown, as the stream is sent: the second and the third of three come behind
/// the one after them.
fn b_pictures_shown() -> impl Iterator<Item = u32> {
    let behind = |at: u32| match at % 30 {
        0 => at,
        28 => at + 1,
        29 => at - 1,
        _ if at == 34 => at,
        within if within % 3 == 1 => at + 2,
        _ => at - 1,
    };
    (0..35).map(behind)
}

#[test]
fn b_pictures_are_stamped_by_when_they_are_shown() {
    let stream = stream!("b_pictures");
    let (mut sender, mut assembler) = (Sender::new(400, 9, 0), Assembler::new());
    let mut decoder = Decoder::new().unwrap();
    // The 32 bits are used up within the stream.
    let (first, start) = (u32::MAX - 100_000, Instant::now());
    let mut shown = Vec::new();
    // A robot that sends it again and again.
    for (round, at) in (0..3).flat_map(|round| (0..35).map(move |at| (round, at))) {
        let place = 35 * round + b_pictures_shown().nth(at).unwrap();
        sender.timestamp = first.wrapping_add(TICKS * place);
        let now = start + FRAME * (35 * round + at as u32);
        let units = feed(&mut assembler, &sender.send(&stream.units[at].data), now);
        let [unit] = &units[..] else { panic!("unit {at}: {:?}", assembler.poll_error()) };
        assert_eq!(unit.timestamp, u64::from(first) + u64::from(TICKS * place), "unit {at}");
        let picture = decoder.decode(unit).unwrap_or_else(|error| panic!("unit {at}: {error}"));
        shown.extend(picture.map(|picture| (fingerprint(&picture), picture.timestamp())));
    }
    let times = (0..).map(|place| u64::from(first) + u64::from(TICKS) * place);
    let expected: Vec<_> = stream.pictures.iter().cycle().cloned().zip(times).take(104).collect();
    assert_eq!(shown, expected, "the last one would come with a unit behind it");
    assert_eq!(assembler.poll_error(), None);
}

#[test]
fn what_the_decoder_does_not_know_is_told_as_that() {
    for (stream, reason, text) in [
        (
            stream!("interlaced"),
            Unsupported::Interlaced,
            "High profile, level 4.0: its pictures are interlaced",
        ),
        (
            stream!("high_422"),
            Unsupported::Profile,
            "High 4:2:2 profile, level 4.0: the decoder does not know",
        ),
    ] {
        let Err(error) = &stream.decode(0)[0] else { panic!("{reason:?}") };
        assert!(
            matches!(error, DecodeError::Unsupported { why, .. } if *why == reason),
            "{error:?}"
        );
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_stream_that_fails_again_and_again_is_told_as_that() {
    // Three times over, so that there are six groups of pictures.
    let stream = stream!("named_twice");
    let mut decoder = Decoder::new().unwrap();
    let mut errors = Vec::new();
    let mut good = 0;
    for (number, unit) in (0..).zip((0..3).flat_map(|_| &stream.units[..60])) {
        match decoder.decode(&AccessUnit { number, ..unit.clone() }) {
            Ok(picture) => good += usize::from(picture.is_some()),
            Err(DecodeError::NeedsKeyframe) => {}
            Err(error) => errors.push(error.is_of_the_stream()),
        }
    }
    assert_eq!(errors, [false, false, true, true, true, true]);
    assert!(good >= 6, "what can be decoded comes");
}

#[test]
fn a_stream_may_change_its_profile_and_size_at_a_keyframe() {
    let streams = [
        stream!("robot"),
        stream!("robot_small"),
        stream!("scaling_lists"),
        stream!("baseline"),
        stream!("b_pictures"),
        stream!("high_422"),
        stream!("main"),
    ];
    let mut decoder = Decoder::new().unwrap();
    let mut number = 0;
    for (index, stream) in streams.iter().enumerate() {
        let mut came = Vec::new();
        for unit in &stream.units {
            let unit = AccessUnit { number, timestamp: 3000 * number, ..unit.clone() };
            number += 1;
            match decoder.decode(&unit) {
                Ok(picture) => came.extend(picture.as_ref().map(fingerprint)),
                Err(DecodeError::Unsupported { .. } | DecodeError::NeedsKeyframe) if index == 5 => {
                }
                Err(error) => panic!("stream {index}: {error}"),
            }
        }
        let expected = HashSet::<_>::from_iter(&stream.pictures);
        assert!(
            came.iter().all(|picture| expected.contains(picture)),
            "{index}: of another stream"
        );
        let late = [0, 0, 1, 0, 3, 3, 0][index];
        assert!(came.len() + late >= stream.pictures.len(), "{index}: {}", came.len());
    }
}

#[test]
fn the_bytes_that_come_out_of_the_assembler_are_the_robots() {
    let stream = stream!("robot");
    let (mut sender, mut assembler, now) =
        (Sender::new(400, 9, 77), Assembler::new(), Instant::now());
    let mut decoder = Decoder::new().unwrap();
    let mut pictures = Vec::new();
    for (number, sent) in stream.units.iter().enumerate() {
        // It starts in the middle of a group of pictures.
        let packets = sender.send(&sent.data);
        let units = if number < 20 { vec![] } else { feed(&mut assembler, &packets, now) };
        assert_eq!(units.len(), usize::from(number >= 30), "unit {number}");
        for unit in units {
            assert_eq!(unit.data, sent.data);
            assert_eq!(unit.size, (208, 120));
            pictures.push(fingerprint(&decoder.decode(&unit).unwrap().unwrap()));
        }
    }
    assert_eq!(pictures, stream.pictures[30..]);
}

#[test]
fn with_one_reference_a_number_that_is_left_out_is_a_loss_although_gaps_are_allowed() {
    let stream = stream!("robot");
    let (mut sender, mut assembler, now) =
        (Sender::new(400, 9, 0), Assembler::new(), Instant::now());
    let mut came = Vec::new();
    for (number, sent) in stream.units.iter().enumerate() {
        if number == 7 {
            sender.timestamp += TICKS;
            continue; // the robot did not send it: no packet is missing
        }
        let units = feed(&mut assembler, &sender.send(&sent.data), now);
        came.extend(units.iter().map(|unit| unit.timestamp as u32 / TICKS));
    }
    assert_eq!(came, (0..7).chain(30..62).collect::<Vec<_>>());
    let told = MediaError::FrameSkipped { found: 8, expected: 7 };
    assert_eq!(assembler.poll_error(), Some(told));
}

#[test]
fn pictures_have_the_colors_that_the_stream_tells() {
    let colors = |matrix, full_range| Colors { matrix, full_range };
    for (stream, untold, expected) in [
        (stream!("robot"), colors(Matrix::Bt601, false), colors(Matrix::Bt601, false)),
        (stream!("robot"), colors(Matrix::Bt709, true), colors(Matrix::Bt709, true)),
        (stream!("robot_told"), colors(Matrix::Bt601, false), colors(Matrix::Bt709, true)),
    ] {
        let mut decoder = Decoder::new().unwrap();
        let picture = decoder.decode(&stream.units[0]).unwrap().unwrap();
        assert_eq!(picture.colors(untold), expected);
    }
}

#[test]
fn a_stream_says_what_it_is() {
    let info = StreamInfo::of(&stream!("robot").units[0]).unwrap();
    assert_eq!(
        info.to_string(),
        "H.264 High profile, level 4.0, 208 x 120, nominally 30.0 pictures a second, range not told, colour matrix \
         not told; SPS 67 64 10 28 ac 13 1a a3 44 7e 58 40 00 00 03 00 40 00 00 0f 23 c6 0c a8"
    );
    let told = StreamInfo::of(&stream!("robot_told").units[0]).unwrap();
    assert_eq!((told.full_range, told.matrix), (Some(true), Some(1)));
    assert_eq!(StreamInfo::of(&stream!("robot").units[1]), None);
}
