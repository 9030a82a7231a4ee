//! The assembler against streams of another make's encoder and packetiser, in virtual time.

use super::*;
use crate::video::testing::*;
use bytes::Bytes;
use openh264::encoder::Profile;

const START: u32 = 1_000_000;

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
    Packet { sequence, timestamp, marker, payload: Bytes::copy_from_slice(payload) }
}

/// The usual stream: small pictures of several packets each, a keyframe each 10 pictures.
fn stream(pictures: usize, sequence: u16, timestamp: u32) -> Vec<Vec<Packet>> {
    let mut camera = Camera::new((192, 128), 10, Profile::Baseline);
    let mut sender = Sender::new(100, sequence, timestamp);
    (0..pictures).map(|_| sender.send(&camera.take())).collect()
}

fn all_errors(assembler: &mut Assembler) -> Vec<MediaError> {
    std::iter::from_fn(|| assembler.poll_error()).collect()
}

/// The NAL units of Annex B.
fn nals(data: &[u8]) -> Vec<Bytes> {
    openh264::nal_units(data)
        .map(|nal| Bytes::copy_from_slice(&nal[nal.iter().position(|&b| b == 1).unwrap() + 1..]))
        .collect()
}

fn kinds(unit: &AccessUnit) -> Vec<u8> {
    nals(&unit.data).iter().map(|nal| nal::kind(nal[0])).collect()
}

/// The packets without the aggregates, in which the packetiser puts the parameter sets.
fn without_sets(packets: &[Packet]) -> Vec<Packet> {
    packets.iter().filter(|packet| nal::kind(packet.payload[0]) != 24).cloned().collect()
}

/// Numbers packets anew.
fn renumber(packets: &mut [Packet], first: u16) {
    for (index, packet) in packets.iter_mut().enumerate() {
        packet.sequence = first.wrapping_add(index as u16);
    }
}

#[test]
fn each_picture_comes_out_with_its_last_packet() {
    let mut camera = Camera::new((192, 128), 10, Profile::Baseline);
    let mut sender = Sender::new(100, 7, START);
    let mut assembler = Assembler::new();
    let mut now = Instant::now();
    for index in 0..25u32 {
        let picture = camera.take();
        let packets = sender.send(&picture);
        assert!(packets.len() > 3, "{}", packets.len());
        let (last, others) = packets.split_last().unwrap();
        assert_eq!(feed(&mut assembler, others, now), []);
        let units = feed(&mut assembler, std::slice::from_ref(last), now + FRAME / 2);
        let [unit] = &units[..] else { panic!("{index}") };
        assert_eq!(nals(&unit.data), nals(&picture));
        assert!(unit.data.starts_with(&[0, 0, 0, 1]));
        assert_eq!((unit.keyframe, unit.number), (index % 10 == 0, u64::from(index)));
        assert_eq!(unit.timestamp, u64::from(START + index * TICKS));
        assert_eq!(unit.received, now);
        now += FRAME;
    }
    assert_eq!(assembler.size(), Some((192, 128)));
    assert!(!assembler.wants_keyframe());
    assert_eq!(assembler.poll_timeout(), None);
    let packets = assembler.counters().packets;
    assert_eq!(assembler.counters(), VideoCounters { packets, pictures: 25, ..Default::default() });
    assert_eq!(all_errors(&mut assembler), []);
}

#[test]
fn nothing_comes_out_before_the_first_keyframe() {
    let stream = stream(12, 0, START);
    let mut assembler = Assembler::new();
    assert!(!assembler.wants_keyframe());
    for packets in &stream[2..10] {
        assert_eq!(feed(&mut assembler, packets, Instant::now()), []);
        assert!(assembler.wants_keyframe());
    }
    // Of the first one nobody can tell whether it is whole.
    assert_eq!((assembler.counters().damaged, assembler.counters().skipped), (1, 7));
    assert_eq!(feed(&mut assembler, &stream[10], Instant::now()).len(), 1);
    assert!(!assembler.wants_keyframe());
    assert_eq!(feed(&mut assembler, &stream[11], Instant::now()).len(), 1);
}

#[test]
fn after_a_loss_nothing_comes_out_before_the_next_keyframe() {
    let stream = stream(12, 0, START);
    let packets_of_4 = stream[4].len();
    for lost in 0..packets_of_4 {
        let mut assembler = Assembler::new();
        let mut now = Instant::now();
        let mut came = Vec::new();
        for (index, packets) in stream.iter().enumerate() {
            let mut packets = packets.clone();
            if index == 4 {
                packets.remove(lost);
            }
            let units = feed(&mut assembler, &packets, now);
            came.extend(units.iter().map(|unit| (unit.timestamp as u32 - START) / TICKS));
            now += FRAME;
        }
        assert_eq!(came, [0, 1, 2, 3, 10, 11], "{lost}");
        let counters = assembler.counters();
        assert_eq!((counters.lost, counters.late), (1, 0));
        // Where the first or the last packet is missing, the neighbour may be what it belonged to.
        let edge = u64::from(lost == packets_of_4 - 1);
        assert_eq!((counters.damaged, counters.skipped), (1 + edge, 5 - edge), "{lost}");
        assert_eq!(counters.malformed, 0);
        let error = &all_errors(&mut assembler)[..];
        assert!(matches!(error, [MediaError::Lost { packets: 1, .. }]), "{error:?}");
    }
}

#[test]
fn a_packet_that_is_sent_again_in_time_costs_only_time() {
    let stream = stream(6, 0, START);
    let mut assembler = Assembler::new();
    let mut now = Instant::now();
    let (missing, rest) = stream[1].split_last().unwrap();
    feed(&mut assembler, &stream[0], now);
    feed(&mut assembler, rest, now);
    assert_eq!(feed(&mut assembler, &stream[2], now), []);
    assert_eq!(assembler.poll_timeout(), Some(now + WAIT));
    assert!(!assembler.wants_keyframe());
    now += WAIT - Duration::from_millis(1);
    assembler.handle_timeout(now);
    assert_eq!(feed(&mut assembler, std::slice::from_ref(missing), now).len(), 2);
    // Late by more it is useless.
    let (missing, rest) = stream[3].split_last().unwrap();
    feed(&mut assembler, rest, now);
    assert_eq!(feed(&mut assembler, &stream[4], now), []);
    now += WAIT;
    assembler.handle_timeout(now);
    assert!(assembler.wants_keyframe());
    assert_eq!(feed(&mut assembler, std::slice::from_ref(missing), now), []);
    assert_eq!((assembler.counters().lost, assembler.counters().late), (1, 1));
}

#[test]
fn a_whole_keyframe_waits_for_nothing() {
    let stream = stream(11, 0, START);
    let mut assembler = Assembler::new();
    let now = Instant::now();
    for packets in &stream[..9] {
        feed(&mut assembler, packets, now);
    }
    assert_eq!(feed(&mut assembler, &stream[9][1..], now), []);
    let units = feed(&mut assembler, &stream[10], now);
    assert_eq!(units.iter().map(|unit| unit.keyframe).collect::<Vec<_>>(), [true]);
}

#[test]
fn without_markers_a_picture_comes_out_with_the_next_ones_first_packet() {
    let mut assembler = Assembler::new();
    for (index, packets) in stream(5, 0, START).iter_mut().enumerate() {
        packets.iter_mut().for_each(|packet| packet.marker = false);
        let units = feed(&mut assembler, &packets[..1], Instant::now());
        assert_eq!(units.len(), usize::from(index > 0));
        assert_eq!(feed(&mut assembler, &packets[1..], Instant::now()), []);
    }
    assert_eq!(assembler.counters().damaged, 0);
}

#[test]
fn keyframes_get_the_parameter_sets_that_came_once() {
    let mut sequence = 0;
    let mut assembler = Assembler::new();
    for (index, packets) in stream(22, 0, START).iter().enumerate() {
        let mut packets = if index == 0 { packets.clone() } else { without_sets(packets) };
        // As some encoders do: a delimiter before everything, and a message.
        packets.insert(0, packet(0, packets[0].timestamp, false, b"\x09\xf0"));
        packets.insert(1, packet(0, packets[0].timestamp, false, b"\x06\x05\x01x\x80"));
        renumber(&mut packets, sequence);
        sequence += packets.len() as u16;
        let units = feed(&mut assembler, &packets, Instant::now());
        let [unit] = &units[..] else { panic!("{index}") };
        match index {
            0 => assert_eq!(kinds(unit), [9, 6, 7, 8, 5]),
            10 | 20 => assert_eq!(kinds(unit), [9, 7, 8, 6, 5]),
            _ => assert_eq!(kinds(unit), [9, 6, 1]),
        }
    }
}

#[test]
fn parameter_sets_may_come_in_a_picture_of_their_own() {
    let stream = stream(2, 0, START);
    let mut assembler = Assembler::new();
    let mut sets = stream[0][0].clone();
    assert_eq!(nal::kind(sets.payload[0]), 24);
    // With a marker and the keyframe's timestamp, and with a timestamp of their own.
    sets.marker = true;
    let mut packets = vec![sets.clone()];
    packets.extend_from_slice(&stream[0][1..]);
    assert_eq!(feed(&mut assembler, &packets, Instant::now()).len(), 1);

    let mut assembler = Assembler::new();
    sets.timestamp -= TICKS;
    packets[0] = sets;
    let units = feed(&mut assembler, &packets, Instant::now());
    assert_eq!(units.iter().map(kinds).collect::<Vec<_>>(), [[7, 8, 5]]);
    let counters = assembler.counters();
    assert_eq!((counters.pictures, counters.damaged, counters.skipped), (1, 0, 0));
}

#[test]
fn other_parameter_sets_hold_from_the_next_keyframe() {
    let small = stream(3, 0, START);
    let mut camera = Camera::new((320, 176), 10, Profile::Baseline);
    let mut sender = Sender::new(100, 0, START + 3 * TICKS);
    let large: Vec<_> = (0..2).map(|_| sender.send(&camera.take())).collect();

    // With a keyframe all is well.
    let mut packets: Vec<_> = small[..2].concat();
    packets.extend(large.concat());
    renumber(&mut packets, 0);
    let mut assembler = Assembler::new();
    assert_eq!(feed(&mut assembler, &packets, Instant::now()).len(), 4);
    assert_eq!(assembler.size(), Some((320, 176)));

    // Without one there is nothing to show.
    let mut packets: Vec<_> = small[..2].concat();
    packets.push(Packet { timestamp: small[2][0].timestamp, ..large[0][0].clone() });
    packets.extend_from_slice(&small[2]);
    packets.extend_from_slice(&large[1]);
    packets.extend_from_slice(&without_sets(&large[0]));
    packets.extend_from_slice(&large[1]);
    renumber(&mut packets, 0);
    let mut assembler = Assembler::new();
    let units = feed(&mut assembler, &packets, Instant::now());
    assert_eq!(
        units.iter().map(|unit| unit.keyframe).collect::<Vec<_>>(),
        [true, false, true, false]
    );
    assert_eq!(kinds(&units[2]), [7, 8, 5]);
    let counters = assembler.counters();
    assert_eq!((counters.damaged, counters.skipped), (1, 1));
    let timestamp = small[2][0].timestamp;
    assert_eq!(all_errors(&mut assembler), [MediaError::Changed { timestamp }]);
}

#[test]
fn parameter_sets_that_cannot_be_used_are_refused() {
    let good = stream(2, 0, START);
    let huge = Camera::new((1936, 1088), 1, Profile::Baseline).take();
    let sps = nals(&huge).swap_remove(0);
    let long = [b"\x67".as_slice(), &[0x42; 1024]].concat();
    for (bad, size) in [(&sps[..], true), (&b"\x67\x42"[..], false), (&long, false)] {
        let mut packets: Vec<_> = good.concat();
        packets.push(packet(0, START + 2 * TICKS, false, bad));
        let mut keyframe = without_sets(&good[0]);
        keyframe.iter_mut().for_each(|packet| packet.timestamp = START + 2 * TICKS);
        packets.extend(keyframe);
        renumber(&mut packets, 0);
        let mut assembler = Assembler::new();
        assert_eq!(feed(&mut assembler, &packets, Instant::now()).len(), 2);
        assert_eq!(assembler.counters().refused, 1);
        let errors = all_errors(&mut assembler);
        let [MediaError::Refused { what, .. }] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!(*what == Refused::Size { width: 1936, height: 1088 }, size, "{what}");
        // Nothing tells which one it was to replace, so a keyframe without any is of no use.
        let mut keyframe = without_sets(&good[0]);
        keyframe.iter_mut().for_each(|packet| packet.timestamp = START + 3 * TICKS);
        renumber(&mut keyframe, packets.len() as u16);
        assert_eq!(feed(&mut assembler, &keyframe, Instant::now()), []);
        let timestamp = START + 3 * TICKS;
        let error = MediaError::NoParameters { timestamp, pps: 0 };
        assert_eq!(all_errors(&mut assembler), [error]);
    }
}

#[test]
fn pictures_without_beginning_or_end_are_left_out() {
    let mut camera = Camera::sliced((192, 128), 4, 600);
    let mut sender = Sender::new(100, 0, START);
    let stream: Vec<_> = (0..9).map(|_| sender.send(&camera.take())).collect();
    let fragment = |packet: &Packet| nal::kind(packet.payload[0]) == 28;
    let end = |packet: &Packet| fragment(packet) && packet.payload[1] & 0x40 != 0;
    let slice = 1 + stream[4].iter().skip(1).position(end).unwrap();
    assert!(slice + 1 < stream[4].len());

    // The robot leaves out the first slice, and the end of the last one; no packet is missing.
    let mut headless = stream[4].clone();
    headless.drain(1..=slice);
    let mut endless = stream[4].clone();
    let last = endless.last_mut().unwrap();
    assert!(end(last));
    last.payload =
        [&[last.payload[0], last.payload[1] & !0x40], &last.payload[2..]].concat().into();
    for broken in [headless, endless] {
        let mut packets = [stream[..4].concat(), broken, stream[5..].concat()].concat();
        renumber(&mut packets, 0);
        let mut assembler = Assembler::new();
        let units = feed(&mut assembler, &packets, Instant::now());
        let came: Vec<_> = units.iter().map(|u| (u.timestamp as u32 - START) / TICKS).collect();
        assert_eq!(came, [0, 1, 2, 3, 8]);
        let timestamp = START + 4 * TICKS;
        assert_eq!(all_errors(&mut assembler), [MediaError::Incomplete { timestamp }]);
    }
}

#[test]
fn a_picture_that_the_robot_left_out_is_noticed() {
    let stream = stream(12, 0, START);
    let mut packets: Vec<_> = stream[..4].concat();
    packets.extend(stream[5..].concat());
    renumber(&mut packets, 0);
    let mut assembler = Assembler::new();
    let units = feed(&mut assembler, &packets, Instant::now());
    let came: Vec<_> = units.iter().map(|unit| (unit.timestamp as u32 - START) / TICKS).collect();
    assert_eq!(came, [0, 1, 2, 3, 10, 11]);
    let error = MediaError::FrameSkipped { found: 5, expected: 4 };
    assert_eq!(all_errors(&mut assembler), [error]);
}

#[test]
fn turned_off_and_on_it_waits_for_a_keyframe() {
    let stream = stream(12, 0, START);
    let mut assembler = Assembler::new();
    let now = Instant::now();
    for packets in &stream[..2] {
        assert_eq!(feed(&mut assembler, packets, now).len(), 1);
    }
    feed(&mut assembler, &stream[2][..1], now);
    assembler.reset();
    assert_eq!(assembler.poll_timeout(), None);
    for packets in &stream[2..10] {
        assert_eq!(feed(&mut assembler, packets, now), []);
    }
    assert!(assembler.wants_keyframe());
    assert_eq!(feed(&mut assembler, &stream[10], now)[0].number, 2);
}

#[test]
fn a_stream_that_starts_anew_goes_on_in_time() {
    let first = stream(3, 100, START);
    // Timestamps that jump back, and far ahead.
    for timestamp in [5, START.wrapping_sub(1 << 31), START + (1 << 30)] {
        let second = stream(3, 30_000, timestamp);
        let mut assembler = Assembler::new();
        let mut now = Instant::now();
        let mut times = Vec::new();
        for packets in first.iter().chain(&second) {
            now += FRAME;
            times.extend(feed(&mut assembler, packets, now).iter().map(|unit| unit.timestamp));
        }
        let steps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(steps, [3000, 3000, 2999, 3000, 3000], "{timestamp}");
        assert_eq!(all_errors(&mut assembler), [MediaError::Restarted { sequence: 30_000 }]);
    }
}

#[test]
fn numbers_and_timestamps_wrap_around() {
    let mut assembler = Assembler::new();
    let start = u32::MAX - 5 * TICKS;
    let mut times = Vec::new();
    for packets in stream(30, 65_500, start) {
        times.extend(feed(&mut assembler, &packets, Instant::now()).iter().map(|u| u.timestamp));
    }
    let expected: Vec<_> = (0..30).map(|i| u64::from(start) + u64::from(TICKS) * i).collect();
    assert_eq!(times, expected);
}

#[test]
fn a_picture_whose_end_does_not_come_is_given_up() {
    let stream = stream(12, 0, START);
    let mut assembler = Assembler::new();
    let mut now = Instant::now();
    feed(&mut assembler, &stream[0], now);
    feed(&mut assembler, &stream[1][..2], now);
    now += PATIENCE - Duration::from_millis(1);
    // For long it can still come.
    feed(&mut assembler, &stream[1][2..3], now);
    assert_eq!(assembler.poll_timeout(), Some(now + PATIENCE));
    now += PATIENCE;
    assembler.handle_timeout(now);
    assert_eq!((assembler.poll_timeout(), assembler.counters().damaged), (None, 1));
    assert_eq!(all_errors(&mut assembler), [MediaError::Stopped]);
    assert!(assembler.wants_keyframe());
    for packets in &stream[2..10] {
        assert_eq!(feed(&mut assembler, packets, now), []);
    }
    assert_eq!(feed(&mut assembler, &stream[10], now).len(), 1);
}

#[test]
fn payloads_that_are_no_h264_spoil_their_picture() {
    let stream = stream(11, 0, START);
    let malformed: [&[u8]; 6] = [
        b"\x7d\x85abc",
        b"\x61\x00\x00\x01\x65",
        b"\x62abc",
        b"\x78\x00\x09a",
        b"\xe1abc",
        b"\x61",
    ];
    for payload in malformed {
        let mut packets: Vec<_> = stream[..2].concat();
        packets.push(packet(0, stream[2][0].timestamp, false, payload));
        packets.extend(stream[2..].concat());
        renumber(&mut packets, 0);
        let mut assembler = Assembler::new();
        assert_eq!(feed(&mut assembler, &packets, Instant::now()).len(), 3, "{payload:?}");
        let counters = assembler.counters();
        assert_eq!((counters.malformed, counters.damaged, counters.skipped), (1, 1, 7));
        let error = &all_errors(&mut assembler)[..];
        assert!(matches!(error, [MediaError::Malformed { .. }]), "{error:?}");
    }
}

#[test]
fn padding_and_extensions_spoil_nothing() {
    let stream = stream(3, 0, START);
    let mut packets = Vec::new();
    for (index, picture) in stream.iter().enumerate() {
        let timestamp = picture[0].timestamp;
        let (sets, slice) = picture.split_at(usize::from(index == 0));
        packets.push(packet(0, timestamp - 1, false, b""));
        packets.extend_from_slice(sets);
        packets.push(packet(0, timestamp, false, b"\x6e\x80\x00\x07"));
        packets.extend_from_slice(&slice[..1]);
        packets.push(packet(0, timestamp, false, b""));
        packets.extend_from_slice(&slice[1..]);
        packets.push(packet(0, timestamp, true, b""));
    }
    renumber(&mut packets, 0);
    let mut assembler = Assembler::new();
    let units = feed(&mut assembler, &packets, Instant::now());
    assert_eq!(units.iter().map(kinds).collect::<Vec<_>>(), [vec![7, 8, 5], vec![1], vec![1]]);
}

#[test]
fn pictures_are_bounded() {
    let stream = stream(1, 0, START);
    let fragment = |start: u8| [&[0x7c, start | 1], [7; 1200].as_slice()].concat();
    let slice = b"\x41\xe2\x80abc".to_vec();
    for (first, next, packets) in
        [(fragment(0x80), fragment(0), 2000), (slice.clone(), slice, 5000)]
    {
        let mut assembler = Assembler::new();
        feed(&mut assembler, &stream[0], Instant::now());
        let mut sequence = stream[0].len() as u16;
        feed(&mut assembler, &[packet(sequence, 0, false, &first)], Instant::now());
        for _ in 0..packets {
            sequence += 1;
            feed(&mut assembler, &[packet(sequence, 0, false, &next)], Instant::now());
            assert!(assembler.unit.as_ref().is_none_or(|unit| unit.len() <= unit::MOST_BYTES));
        }
        assert!(matches!(all_errors(&mut assembler)[0], MediaError::TooLarge { timestamp: 0, .. }));
        assert!(assembler.wants_keyframe());
    }
}

#[test]
fn pictures_and_errors_that_nobody_takes_are_bounded() {
    let stream = stream(5, 0, START);
    let mut assembler = Assembler::new();
    let now = Instant::now();
    let mut sequence = 0;
    for round in 0..100 {
        for packets in &stream {
            let mut packets = packets.clone();
            renumber(&mut packets, sequence);
            sequence = sequence.wrapping_add(packets.len() as u16);
            packets.iter_mut().for_each(|packet| packet.timestamp += 5 * TICKS * round);
            packets.into_iter().for_each(|packet| assembler.push(packet, now));
        }
    }
    assert_eq!(assembler.ready.len(), MOST_UNITS);
    assert!(
        assembler.errors.len() <= MOST_ERRORS && assembler.errors.contains(&MediaError::Overrun)
    );
    let numbers: Vec<_> = drain(&mut assembler).iter().map(|unit| unit.number).collect();
    assert_eq!(numbers, (0..MOST_UNITS as u64).collect::<Vec<_>>());
    assert_eq!(assembler.ready_bytes, 0);
    assert!(assembler.wants_keyframe());
}
