//! The video track: packets in any order, with any payload.
//!
//! The input is a list of packets: one byte of flags, one of the payload's length, what the flags ask for, the payload.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use go2_proto::video::{AccessUnit, Assembler, Packet};
use libfuzzer_sys::fuzz_target;

const MARKER: u8 = 1;
const NEW_PICTURE: u8 = 2;
/// Two bits: the next number, one left out, the last one again, or any (two bytes).
const NUMBER: u8 = 4 + 8;
const ONE_LOST: u8 = 4;
const AGAIN: u8 = 8;
/// 50 ms pass; all else happens at once.
const LATER: u8 = 16;
/// The timestamp is any (four bytes).
const TIMESTAMP: u8 = 32;
/// 32 such packets in a row.
const MANY: u8 = 64;
/// The video is turned off and on.
const RESET: u8 = 128;

/// An access unit, and a parameter set of each id before it.
const LARGEST_UNIT: usize = 2 * 1024 * 1024 + 288 * 1028;

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> u32 {
        self.take(bytes).iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

/// What has come out, and what must hold of it.
#[derive(Default)]
struct Checked {
    units: u64,
    timestamp: Option<u64>,
}

impl Checked {
    fn check(&mut self, unit: &AccessUnit, waited: bool, now: Instant) {
        assert!(unit.data.len() <= LARGEST_UNIT);
        assert!(unit.keyframe || !waited, "a picture that builds on nothing");
        assert_eq!(unit.number, self.units);
        assert!(self.timestamp.is_none_or(|before| before < unit.timestamp));
        assert!(unit.received <= now);
        self.units += 1;
        self.timestamp = Some(unit.timestamp);

        let kinds = nal_kinds(&unit.data);
        let slice = kinds.iter().position(|kind| matches!(kind, 1 | 5)).expect("a slice");
        assert_eq!(kinds[slice] == 5, unit.keyframe);
        for set in [7, 8] {
            assert!(!unit.keyframe || kinds[..slice].contains(&set), "no parameter set {set}");
        }
        assert!(kinds.iter().all(|kind| matches!(kind, 1 | 5..=12)), "{kinds:?}");
    }
}

/// The types of the NAL units, which start behind four bytes each.
fn nal_kinds(data: &[u8]) -> Vec<u8> {
    assert!(data.starts_with(&[0, 0, 0, 1]));
    let starts = data.windows(5).filter(|window| window.starts_with(&[0, 0, 0, 1]));
    starts.map(|window| window[4] & 0x1f).collect()
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut assembler = Assembler::new();
    let mut checked = Checked::default();
    let mut now = Instant::now();
    let (mut sequence, mut timestamp, mut packets) = (65_530u16, u32::MAX - 5000, 0);
    while !input.0.is_empty() {
        let flags = input.number(1) as u8;
        let length = input.number(1) as usize;
        match flags & NUMBER {
            0 => sequence = sequence.wrapping_add(1),
            ONE_LOST => sequence = sequence.wrapping_add(2),
            AGAIN => {}
            _ => sequence = input.number(2) as u16,
        }
        if flags & TIMESTAMP != 0 {
            timestamp = input.number(4);
        } else if flags & NEW_PICTURE != 0 {
            timestamp = timestamp.wrapping_add(3000);
        }
        if flags & LATER != 0 {
            now += Duration::from_millis(50);
            let waited = assembler.wants_keyframe();
            assembler.handle_timeout(now);
            drain(&mut assembler, &mut checked, waited, now);
        }
        if flags & RESET != 0 {
            assembler.reset();
        }
        let marker = flags & MARKER != 0;
        let payload = Bytes::copy_from_slice(input.take(length));
        for _ in 0..if flags & MANY != 0 { 32 } else { 1 } {
            packets += 1;
            let waited = checked.units == 0 || assembler.wants_keyframe();
            assembler.push(Packet { sequence, timestamp, marker, payload: payload.clone() }, now);
            drain(&mut assembler, &mut checked, waited, now);
            if flags & MANY != 0 {
                sequence = sequence.wrapping_add(1);
            }
        }
    }
    let counters = assembler.counters();
    assert_eq!((counters.packets, counters.pictures), (packets, checked.units));
    assert!(counters.late <= packets && counters.malformed <= packets);
    // Nothing waits for ever.
    let mut steps = 0;
    while let Some(due) = assembler.poll_timeout() {
        assert!(due <= now + Duration::from_secs(3));
        let waited = assembler.wants_keyframe();
        assembler.handle_timeout(due);
        drain(&mut assembler, &mut checked, waited, now.max(due));
        assert!(assembler.poll_timeout().is_none_or(|next| next > due));
        steps += 1;
        assert!(steps < 2000);
    }
});

fn drain(assembler: &mut Assembler, checked: &mut Checked, mut waited: bool, now: Instant) {
    while let Some(unit) = assembler.poll() {
        checked.check(&unit, waited, now);
        waited = false;
    }
    let errors = std::iter::from_fn(|| assembler.poll_error());
    assert!(errors.inspect(|error| assert!(!error.to_string().is_empty())).count() <= 16);
    assert_eq!(assembler.size().is_some(), checked.units > 0);
    if let Some((width, height)) = assembler.size() {
        assert!((1..=1920).contains(&width) && (1..=1088).contains(&height));
    }
}
