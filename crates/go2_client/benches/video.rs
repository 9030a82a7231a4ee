//! What a picture of 1280x720 costs: putting it together, decoding it, converting its colours.
//!
//!     cargo bench -p go2_client --bench video

#![allow(missing_docs, clippy::unwrap_used)] // a benchmark that fails to decode has nothing to say

use std::time::Instant;

use bytes::Bytes;
use criterion::{criterion_group, criterion_main, Criterion};
use go2_client::video::{Colors, Decoder, Matrix};
use go2_proto::video::{AccessUnit, Assembler, Packet};
use openh264::encoder::{BitRate, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Profile};
use openh264::formats::YUVBuffer;
use openh264::OpenH264API;

const SIZE: (usize, usize) = (1280, 720);
const KEYFRAME_EVERY: usize = 30;
const PICTURES: usize = 90;

/// A second or so of a scene that moves, at 4 Mb/s.
fn film(profile: Profile) -> Vec<AccessUnit> {
    let config = EncoderConfig::new()
        .profile(profile)
        .bitrate(BitRate::from_bps(4_000_000))
        .max_frame_rate(FrameRate::from_hz(30.0))
        .skip_frames(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(KEYFRAME_EVERY as u32));
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
    let unit = |index: usize| AccessUnit {
        data: encoder.encode(&scene(index)).unwrap().to_vec().into(),
        keyframe: index.is_multiple_of(KEYFRAME_EVERY),
        number: index as u64,
        timestamp: 3000 * index as u64,
        received: Instant::now(),
        size: (SIZE.0 as u32, SIZE.1 as u32),
    };
    (0..PICTURES).map(unit).collect()
}

fn scene(index: usize) -> YUVBuffer {
    let (width, height) = SIZE;
    let mut yuv = vec![128; width * height * 3 / 2];
    for (at, sample) in yuv[..width * height].iter_mut().enumerate() {
        let (x, y) = (at % width + 4 * index, at / width + index);
        let texture = (x / 3 * 31 + y / 3 * 17).wrapping_mul(2_654_435_761) >> 9;
        *sample = (60 + (x + y) / 16 % 100 + texture % 40) as u8;
    }
    YUVBuffer::from_vec(yuv, width, height)
}

/// Single units and fragments of 1200 bytes, the least that a packetiser can do.
fn packets(film: &[AccessUnit]) -> Vec<Packet> {
    let mut packets = Vec::new();
    for unit in film {
        let nals: Vec<_> = openh264::nal_units(&unit.data).collect();
        for (index, nal) in nals.iter().enumerate() {
            let nal = &nal[nal.iter().position(|byte| *byte == 1).unwrap() + 1..];
            let chunks: Vec<_> = nal[1..].chunks(1200).collect();
            for (place, chunk) in chunks.iter().enumerate() {
                let last = place + 1 == chunks.len();
                let edges = u8::from(place == 0) << 7 | u8::from(last) << 6;
                let header = [nal[0] & 0x60 | 28, nal[0] & 0x1f | edges];
                packets.push(Packet {
                    sequence: packets.len() as u16,
                    timestamp: unit.timestamp as u32,
                    marker: last && index + 1 == nals.len(),
                    payload: Bytes::from([&header, *chunk].concat()),
                });
            }
        }
    }
    packets
}

fn video(c: &mut Criterion) {
    let film_of = |profile| (film(profile), format!("{profile:?}").to_lowercase());
    for (film, profile) in [film_of(Profile::Baseline), film_of(Profile::High)] {
        let bytes = film.iter().map(|unit| unit.data.len()).sum::<usize>() / PICTURES;
        let mut decoder = Decoder::new().unwrap();
        // Over and over: the film starts with a keyframe.
        let mut index = 0;
        c.bench_function(&format!("decode {profile}, {bytes} bytes"), |b| {
            b.iter(|| {
                let width = decoder.decode(&film[index]).unwrap().unwrap().width();
                index = (index + 1) % PICTURES;
                width
            })
        });
    }

    let film = film(Profile::Baseline);
    let packets = packets(&film);
    c.bench_function(&format!("assemble {} packets to {PICTURES} pictures", packets.len()), |b| {
        b.iter(|| {
            let (mut assembler, now) = (Assembler::new(), Instant::now());
            for packet in &packets {
                assembler.push(packet.clone(), now);
            }
            assert_eq!(std::iter::from_fn(|| assembler.poll()).count(), PICTURES);
        })
    });

    let mut decoder = Decoder::new().unwrap();
    let picture = decoder.decode(&film[0]).unwrap().unwrap();
    let colors = Colors { matrix: Matrix::Bt601, full_range: false };
    let mut target = vec![0; SIZE.0 * SIZE.1 * 3];
    let two_thirds = SIZE.0 * SIZE.1 * 2;
    c.bench_function("to RGB", |b| b.iter(|| picture.write_rgb(colors, &mut target).unwrap()));
    c.bench_function("to BGR", |b| b.iter(|| picture.write_bgr(colors, &mut target).unwrap()));
    c.bench_function("to YUYV", |b| {
        b.iter(|| picture.write_yuv422_yuy2(&mut target[..two_thirds]).unwrap())
    });
}

criterion_group!(benches, video);
criterion_main!(benches);
