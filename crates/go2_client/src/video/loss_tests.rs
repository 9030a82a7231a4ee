//! Streams that are disturbed at random: what comes out decodes to exactly what the robot encoded.

use std::collections::hash_map::DefaultHasher;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::testing::*;
use super::{AccessUnit, Assembler, Decoder, Packet, Picture};
use bytes::Bytes;
use openh264::encoder::Profile;

const SIZE: (usize, usize) = (192, 128);
const KEYFRAME_EVERY: usize = 8;
const PICTURES: usize = 72;

/// The same picture always gives the same number.
fn fingerprint(picture: &Picture<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let planes = picture.planes();
    for row in 0..planes.height {
        planes.y[row * planes.y_stride..][..planes.width].hash(&mut hasher);
        let (start, half) = (row / 2 * planes.uv_stride, planes.width / 2);
        planes.u[start..][..half].hash(&mut hasher);
        planes.v[start..][..half].hash(&mut hasher);
    }
    hasher.finish()
}

/// A stream, and what its pictures look like.
struct Film {
    packets: Vec<Vec<Packet>>,
    fingerprints: Vec<u64>,
    start: u32,
}

impl Film {
    fn new(mut camera: Camera, start: u32) -> Self {
        let mut sender = Sender::new(120, 65_000, start);
        let mut decoder = Decoder::new().unwrap();
        let mut film = Self { packets: Vec::new(), fingerprints: Vec::new(), start };
        for index in 0..PICTURES {
            let data = camera.take();
            film.packets.push(sender.send(&data));
            let unit = unit(index, data);
            film.fingerprints.push(fingerprint(&decoder.decode(&unit).unwrap().unwrap()));
        }
        film
    }

    /// Which picture it is.
    fn index(&self, unit: &AccessUnit) -> usize {
        ((unit.timestamp as u32).wrapping_sub(self.start) / TICKS) as usize
    }

    /// Decodes what came out, which must go without errors, and tells which pictures it was.
    fn check(&self, units: &[AccessUnit], what: &str) -> Vec<usize> {
        let mut decoder = Decoder::new().unwrap();
        let mut seen = Vec::new();
        for unit in units {
            let index = self.index(unit);
            let picture = decoder.decode(unit).unwrap_or_else(|e| panic!("{what}, {index}: {e}"));
            let picture = picture.unwrap_or_else(|| panic!("{what}, {index}: late"));
            assert_eq!(fingerprint(&picture), self.fingerprints[index], "{what}, {index}");
            seen.push(index);
        }
        assert!(seen.is_sorted(), "{what}: {seen:?}");
        seen
    }
}

fn unit(index: usize, data: Bytes) -> AccessUnit {
    AccessUnit {
        data,
        keyframe: index.is_multiple_of(KEYFRAME_EVERY),
        number: index as u64,
        timestamp: 0,
        received: Instant::now(),
        size: (0, 0),
    }
}

/// How a network treats packets: chances in a thousand.
#[derive(Debug, Clone, Copy)]
struct Network {
    loses: u64,
    doubles: u64,
    delays: u64,
    /// How long at most it holds a packet back.
    delay: Duration,
}

/// Packets by arrival, and the picture that the last disturbance hit, if any did.
type Arrivals = BTreeMap<(Duration, usize), Packet>;

impl Network {
    fn carry(self, film: &Film, seed: u64) -> (Arrivals, Option<usize>) {
        let mut random = Random::new(seed);
        let mut arrivals = BTreeMap::new();
        let mut lost = None;
        let mut count = 0;
        for (index, packets) in film.packets.iter().enumerate() {
            for (place, packet) in packets.iter().enumerate() {
                let sent = FRAME * index as u32 + Duration::from_micros(100 * place as u64);
                let mut arrive = |delay: Duration| {
                    count += 1;
                    arrivals.insert((sent + delay, count), packet.clone());
                };
                if index == 0 {
                    // What overtakes the very first packet makes it late; that is not looked at here.
                    arrive(Duration::ZERO);
                    continue;
                }
                if random.below(1000) < self.loses {
                    lost = Some(index);
                    continue;
                }
                let mut delay = Duration::ZERO;
                if random.below(1000) < self.delays {
                    delay = self.delay * random.below(1000) as u32 / 1000;
                }
                arrive(delay);
                if random.below(1000) < self.doubles {
                    arrive(delay + self.delay * random.below(1000) as u32 / 1000);
                }
            }
        }
        (arrivals, lost)
    }
}

/// Plays arrivals in virtual time, as an owner would.
fn play(arrivals: Arrivals) -> (Vec<AccessUnit>, Assembler) {
    let start = Instant::now();
    let mut assembler = Assembler::new();
    let mut units = Vec::new();
    for ((at, _), packet) in arrivals {
        while let Some(due) = assembler.poll_timeout().filter(|due| *due <= start + at) {
            assembler.handle_timeout(due);
            units.extend(drain(&mut assembler));
            assert!(assembler.poll_timeout().is_none_or(|next| next > due));
        }
        assembler.push(packet, start + at);
        units.extend(drain(&mut assembler));
    }
    while let Some(due) = assembler.poll_timeout() {
        assembler.handle_timeout(due);
        units.extend(drain(&mut assembler));
    }
    (units, assembler)
}

#[test]
fn never_a_damaged_picture_and_always_back_with_the_next_keyframe() {
    let networks = [
        Network { loses: 0, doubles: 0, delays: 0, delay: Duration::ZERO },
        Network { loses: 4, doubles: 20, delays: 20, delay: Duration::from_millis(40) },
        Network { loses: 30, doubles: 100, delays: 100, delay: Duration::from_millis(120) },
        Network { loses: 0, doubles: 50, delays: 200, delay: Duration::from_millis(50) },
        Network { loses: 200, doubles: 200, delays: 300, delay: Duration::from_millis(300) },
    ];
    let cameras = [
        Camera::new(SIZE, KEYFRAME_EVERY as u32, Profile::Baseline),
        Camera::new(SIZE, KEYFRAME_EVERY as u32, Profile::High),
        Camera::sliced(SIZE, KEYFRAME_EVERY as u32, 600),
    ];
    for camera in cameras {
        // Both kinds of numbers wrap around on the way.
        let film = Film::new(camera, u32::MAX - 20 * TICKS);
        for (network, seed) in networks.iter().flat_map(|n| (0..30).map(move |seed| (n, seed))) {
            let what = format!("{network:?}, seed {seed}");
            let (arrivals, lost) = network.carry(&film, seed);
            let (units, assembler) = play(arrivals);
            let seen = film.check(&units, &what);
            let counters = assembler.counters();
            assert_eq!(counters.pictures, seen.len() as u64);
            if network.delay < Duration::from_millis(60) {
                // Nothing came too late, so only losses cost pictures, until the next keyframe.
                let good = lost.map_or(0, |lost| (lost / KEYFRAME_EVERY + 2) * KEYFRAME_EVERY);
                let back: Vec<_> = seen.iter().copied().filter(|index| *index >= good).collect();
                assert_eq!(back, (good..PICTURES).collect::<Vec<_>>(), "{what}");
                assert!(lost.is_some() || counters.lost + counters.damaged == 0, "{what}");
            }
        }
    }
}

#[test]
fn cut_packets_neither_panic_nor_cost_more_than_their_pictures() {
    let film = Film::new(Camera::new(SIZE, KEYFRAME_EVERY as u32, Profile::Baseline), 0);
    let whole: Vec<_> = film.packets[..3 * KEYFRAME_EVERY].concat();
    let first = film.packets[..KEYFRAME_EVERY].iter().map(Vec::len).sum::<usize>();
    for (cut, packet) in whole[..first].iter().enumerate() {
        for length in 0..packet.payload.len() {
            let mut packets = whole.clone();
            packets[cut].payload = packet.payload.slice(..length);
            let mut assembler = Assembler::new();
            let units = feed(&mut assembler, &packets, Instant::now());
            // What is cut within a slice only the decoder can find.
            let back = units.iter().filter(|unit| film.index(unit) >= KEYFRAME_EVERY);
            let back: Vec<_> = back.cloned().collect();
            assert_eq!(back.len(), 2 * KEYFRAME_EVERY, "packet {cut} of {length} bytes");
            if length % 20 == 0 {
                film.check(&back, "behind the cut one");
            }
        }
    }
}

/// Random numbers that are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }
}
