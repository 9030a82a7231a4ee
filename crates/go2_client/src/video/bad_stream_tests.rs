//! Streams that are spoilt in one keyframe: a sentence, and pictures again with the next good one.

use std::io::Write;
use std::time::Instant;

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::nal::{NalHeader, WritableNal};
use h264_reader::rbsp::{decode_nal, BitReader, ByteReader, ByteWriter};

use super::stream_tests::{stream, Stream};
use super::testing::{feed, Sender, TICKS};
use super::{Assembler, Decoder};

mod nal {
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;

    pub(super) fn kind(header: u8) -> u8 {
        header & 0x1f
    }
}

/// The NAL units of a unit.
fn nals(unit: &[u8]) -> Vec<Vec<u8>> {
    let start = |nal: &[u8]| nal.iter().position(|byte| *byte == 1).unwrap() + 1;
    openh264::nal_units(unit).map(|nal| nal[start(nal)..].to_vec()).collect()
}

fn joined(nals: &[Vec<u8>]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat()).collect()
}

/// Sends the robot's stream with some units changed. Which pictures were decoded, and what was said.
fn play(
    from: usize,
    change: impl Fn(usize, Vec<Vec<u8>>) -> Vec<Vec<u8>>,
) -> (Vec<u32>, Vec<String>) {
    let stream: Stream = stream!("robot");
    let (mut sender, mut assembler) = (Sender::new(6000, 9, 0), Assembler::new());
    let mut decoder = Decoder::new().unwrap();
    let (mut came, mut said) = (Vec::new(), Vec::new());
    for (number, unit) in stream.units.iter().enumerate() {
        let data = joined(&change(number, nals(&unit.data)));
        let packets = sender.send(&data.into());
        if number < from {
            continue;
        }
        for unit in feed(&mut assembler, &packets, Instant::now()) {
            match decoder.decode(&unit) {
                Ok(picture) => came.extend(picture.map(|_| unit.timestamp as u32 / TICKS)),
                Err(error) => said.push(error.to_string()),
            }
        }
        said.extend(std::iter::from_fn(|| assembler.poll_error()).map(|error| error.to_string()));
    }
    (came, said)
}

/// Changes the second keyframe's parameter set of a kind; what was said must hold these words.
fn spoilt(kind: u8, words: &str, change: impl Fn(&[u8]) -> Vec<u8>) {
    let (came, said) = play(0, |number, mut nals| {
        for nal in nals.iter_mut().filter(|nal| number == 30 && nal::kind(nal[0]) == kind) {
            *nal = change(nal);
        }
        nals
    });
    assert_eq!(came, (0..30).chain(60..62).collect::<Vec<_>>(), "{said:?}");
    assert!(said.iter().any(|said| said.contains(words)), "{said:?}");
}

fn with(nal: &[u8], change: impl Fn(&mut SeqParameterSet)) -> Vec<u8> {
    let bits = BitReader::new(ByteReader::skipping_h264_header(nal));
    let mut fields = SeqParameterSet::from_bits(bits).unwrap();
    change(&mut fields);
    fields.to_vec_with_header(NalHeader::new(nal[0]).unwrap())
}

#[test]
fn a_parameter_set_of_4_kb() {
    spoilt(nal::SPS, "a parameter set of 40", |nal| [nal, &[0xff; 4000]].concat());
}

#[test]
fn pictures_of_16k_by_16k() {
    spoilt(nal::SPS, "pictures larger than H.264 allows", |nal| {
        with(nal, |set| {
            set.pic_width_in_mbs_minus1 = 1023;
            set.pic_height_in_map_units_minus1 = 1023;
        })
    });
    spoilt(nal::SPS, "pictures of 3840x2160 pixels", |nal| {
        with(nal, |set| {
            set.pic_width_in_mbs_minus1 = 239;
            set.pic_height_in_map_units_minus1 = 134;
        })
    });
}

#[test]
fn a_picture_parameter_set_that_names_no_sequence_parameter_set() {
    // Its own id 0, the other one's 5.
    spoilt(nal::PPS, "needs a parameter set that did not come (PPS 0)", |_| vec![0x68, 0x9b, 0x80]);
}

#[test]
fn a_size_that_the_slices_do_not_have() {
    let (came, said) = play(0, |number, mut nals| {
        for nal in nals.iter_mut().filter(|nal| number == 30 && nal::kind(nal[0]) == nal::SPS) {
            *nal = with(nal, |set| {
                set.pic_width_in_mbs_minus1 = 19;
                set.pic_height_in_map_units_minus1 = 29;
                set.frame_cropping = None;
            });
        }
        nals
    });
    assert!(
        came.starts_with(&(0..30).collect::<Vec<_>>()) && came.ends_with(&[60, 61]),
        "{came:?}"
    );
    assert!(said.iter().all(|said| !said.is_empty()) && !said.is_empty());
}

#[test]
fn a_keyframe_without_parameter_sets() {
    let bare = |number: usize, mut nals: Vec<Vec<u8>>| {
        nals.retain(|nal| number == 60 || ![nal::SPS, nal::PPS].contains(&nal::kind(nal[0])));
        nals
    };
    let (came, said) = play(20, bare);
    assert_eq!(came, [60, 61]);
    assert!(
        said.iter().any(|said| said.contains("needs a parameter set that did not come")),
        "{said:?}"
    );
}

#[test]
fn an_order_that_runs_backward() {
    let (came, said) = play(0, |number, mut nals| {
        if let [slice] = &mut nals[..] {
            let payload = decode_nal(slice).unwrap();
            let bits: String = payload.iter().map(|byte| format!("{byte:08b}")).collect();
            // First macroblock, type, set and 12 bits of frame_num; then 16 of the order.
            let at = 1 + if bits.as_bytes()[1] == b'1' { 1 } else { 5 } + 1 + 12;
            let order = 65_536 - 2 * (number % 30);
            let bits = format!("{}{order:016b}{}", &bits[..at], &bits[at + 16..]);
            let bytes: Vec<_> = (0..bits.len() / 8)
                .map(|byte| u8::from_str_radix(&bits[8 * byte..8 * byte + 8], 2).unwrap())
                .collect();
            let mut writer = ByteWriter::new(vec![slice[0]]);
            writer.write_all(&bytes).unwrap();
            *slice = writer.into_writer();
        }
        nals
    });
    assert_eq!((came, said), ((0..62).collect(), vec![]));
}
