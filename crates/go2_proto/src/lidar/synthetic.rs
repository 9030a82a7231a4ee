//! A room as the robot's voxel frames show one, for tests and benchmarks. It uses nothing of this crate, so that a
//! benchmark can include the file.

pub(crate) const SIDES: [usize; 3] = [128, 128, 38];
pub(crate) const RESOLUTION: f64 = 0.05;
/// The robot stands in the middle; the floor is the layer whose middle has z 0.
pub(crate) const ORIGIN: [f64; 3] = [-3.2, -3.2, -0.575];
const FLOOR: usize = 11;

/// Numbers that look random and are the same each time (an xorshift).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }
}

pub(crate) struct Bits {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: usize,
}

impl Bits {
    pub(crate) fn empty() -> Self {
        Self { bytes: vec![0; SIDES.iter().product::<usize>() / 8], count: 0 }
    }

    pub(crate) fn set(&mut self, x: usize, y: usize, z: usize) {
        let bit = (z * SIDES[1] + y) * SIDES[0] + x;
        let mask = 0x80 >> (bit % 8);
        self.count += usize::from(self.bytes[bit / 8] & mask == 0);
        self.bytes[bit / 8] |= mask;
    }

    /// The LZ4 block.
    pub(crate) fn payload(&self) -> Vec<u8> {
        lz4_flex::block::compress(&self.bytes)
    }
}

/// The head's `data`.
pub(crate) fn head() -> String {
    let [ox, oy, oz] = ORIGIN;
    let [x, y, z] = SIDES;
    let size = x * y * z / 8;
    format!(
        r#"{{"stamp":1709106446.54,"frame_id":"odom","resolution":{RESOLUTION},"src_size":{size},"origin":[{ox},{oy},{oz}],"width":[{x},{y},{z}]}}"#
    )
}

/// A room: holed floor, walls of two voxels with a door, boxes, and the robot's own body, of which runs of some voxels
/// are seen, and with exactly `count` occupied voxels. Where that is more than the surfaces have, they get thicker.
pub(crate) fn room(count: usize) -> Bits {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let surfaces = surfaces(&mut noise);
    let mut runs = Vec::new();
    let mut rest = &surfaces[..];
    while !rest.is_empty() {
        let (run, behind) = rest.split_at((1 + noise.below(12)).min(rest.len()));
        runs.push(run);
        rest = behind;
    }
    for i in (1..runs.len()).rev() {
        runs.swap(i, noise.below(i + 1));
    }

    let mut bits = Bits::empty();
    for [dx, dy, dz] in [[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 1]] {
        for &[x, y, z] in runs.iter().copied().flatten() {
            if bits.count == count {
                return bits;
            }
            bits.set(x + dx, y + dy, (z + dz).min(SIDES[2] - 1));
        }
    }
    panic!("the room has {} voxels at most", bits.count);
}

fn surfaces(noise: &mut Noise) -> Vec<[usize; 3]> {
    let mut surfaces = Vec::new();
    let patches: Vec<_> =
        (0..50).map(|_| (noise.below(128), noise.below(128), 2 + noise.below(6))).collect();
    let holed = |x: usize, y: usize| {
        patches.iter().any(|&(px, py, r)| x.abs_diff(px).pow(2) + y.abs_diff(py).pow(2) < r * r)
    };
    for y in 14..117 {
        for x in (8..120).filter(|&x| !holed(x, y)) {
            surfaces.push([x, y, FLOOR + usize::from(noise.below(10) == 0)]);
        }
    }
    for z in FLOOR + 1..SIDES[2] {
        for y in [14, 15, 115, 116] {
            surfaces.extend((8..120).filter(|x| !holed(*x, 3 * z)).map(|x| [x, y, z]));
        }
        for x in [8, 9, 118, 119] {
            let door = |y: &usize| x > 64 && (50..70).contains(y);
            let ys = (14..117).filter(|y| !door(y) && !holed(*y, 3 * z));
            surfaces.extend(ys.map(|y| [x, y, z]));
        }
    }
    for _ in 0..14 {
        let [x, y] = [16 + noise.below(90), 22 + noise.below(80)];
        let [w, d, h] = [3 + noise.below(10), 3 + noise.below(10), 4 + noise.below(16)];
        if x.abs_diff(60) < 25 && y.abs_diff(60) < 25 {
            continue; // the robot stands there
        }
        for (k, j, i) in voxels([h, d, w]) {
            if i == 0 || j == 0 || k == h - 1 {
                surfaces.push([x + i, y + j, FLOOR + 1 + k]);
            }
        }
    }
    surfaces.extend(voxels([4, 6, 12]).map(|(k, j, i)| [58 + i, 61 + j, 15 + k]));
    surfaces
}

fn voxels([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}
