//! Which occupied voxels are surfaces that the LiDAR can see from where it is.
//!
//! Robots fill space that they never saw solid, behind walls up to the window's edge. What is a surface there, only the free
//! space tells that the LiDAR looks through.

use super::body::{Body, Cut};
use super::grid::{VoxelGrid, VoxelHead};

/// Voxels of a row that are handled together, x from the most significant bit on.
const CHUNK: usize = 128;

/// Leaves only surfaces of voxel windows. Its memory is used again for each.
///
/// Free space counts as seen where a way leads to it from the LiDAR that goes through the sides of free voxels and never back
/// along any axis. Every ray from the LiDAR is such a way, up to the first occupied voxel that it meets; so that voxel borders
/// on seen space and stays. What is seen by this rule is a little more than what rays reach, and so a little more stays.
#[derive(Debug, Default)]
pub struct SurfaceFilter {
    /// Seen voxels, by rows: for each layer, for each y.
    seen: Vec<u128>,
    /// Bits of what stays, like a grid's.
    kept: Vec<u8>,
}

impl SurfaceFilter {
    /// The window with those of its occupied voxels only that can be seen from `eye`, a place in the odometry frame in metres.
    /// Voxels of the robot's body are looked through. From outside the window nothing can be told: then all stays.
    pub fn apply<'a>(
        &'a mut self,
        grid: &VoxelGrid<'a>,
        eye: [f64; 3],
        body: Option<&Body>,
    ) -> VoxelGrid<'a> {
        let head = *grid.head();
        let Some(eye) = voxel(&head, eye) else { return *grid };
        let [nx, ny, nz] = head.width;
        let chunks = nx.div_ceil(CHUNK);
        let cut = body.map(|body| Cut::new(&head, body));
        self.seen.clear();
        self.seen.resize(chunks * ny * nz, 0);
        self.kept.clear();
        self.kept.resize(head.bytes(), 0);
        let layers: Vec<_> = grid.layers().collect();
        for z in away_from(eye[2], nz) {
            let cut = cut.as_ref().filter(|cut| cut.reaches_layer(z));
            for y in away_from(eye[1], ny) {
                let row = z * ny + y;
                let nearer = [
                    (z != eye[2]).then(|| towards(z, eye[2]) * ny + y),
                    (y != eye[1]).then(|| z * ny + towards(y, eye[1])),
                ];
                let bytes = &layers[z][y * nx / 8..(y + 1) * nx / 8];
                let stretch = cut.and_then(|cut| cut.stretch(y, z));
                let occupied = |chunk: usize| {
                    let bits = bits(bytes, chunk);
                    stretch.map_or(bits, |stretch| without(bits, chunk, stretch))
                };
                let mut pass = Pass {
                    seen: &mut self.seen,
                    kept: &mut self.kept[row * nx / 8..(row + 1) * nx / 8],
                    row: row * chunks,
                    nearer: nearer.map(|row| row.map(|row| row * chunks)),
                    nx,
                    eye: eye[0],
                };
                pass.run(&occupied);
            }
        }
        VoxelGrid::of(head, &self.kept)
    }
}

/// One row, looked at from the eye's x to both ends.
struct Pass<'a> {
    seen: &'a mut [u128],
    kept: &'a mut [u8],
    /// The row's first chunk.
    row: usize,
    /// The same of the rows that are nearer to the eye by a layer and by a y; the eye's own row has none.
    nearer: [Option<usize>; 2],
    nx: usize,
    eye: usize,
}

impl Pass<'_> {
    fn run(&mut self, occupied: &impl Fn(usize) -> u128) {
        let middle = self.eye / CHUNK;
        let eye = 1 << (CHUNK - 1 - self.eye % CHUNK);
        let mut carry = false;
        for chunk in middle..self.nx.div_ceil(CHUNK) {
            let ahead = if chunk == middle { eye | (eye - 1) } else { u128::MAX };
            carry = self.chunk(chunk, occupied(chunk), ahead, carry, eye, false);
        }
        carry = false;
        for chunk in (0..=middle).rev() {
            let ahead = if chunk == middle { !(eye - 1) } else { u128::MAX };
            carry = self.chunk(chunk, occupied(chunk), ahead, carry, eye, true);
        }
    }

    /// One chunk, of which only the bits `ahead` of the eye count. Turned round where the way leads to the least x. Tells
    /// whether its last voxel is seen.
    fn chunk(
        &mut self,
        chunk: usize,
        occupied: u128,
        ahead: u128,
        carry: bool,
        eye: u128,
        turned: bool,
    ) -> bool {
        let turn = |bits: u128| if turned { bits.reverse_bits() } else { bits };
        let valid = match self.nx - chunk * CHUNK {
            rest if rest < CHUNK => !(u128::MAX >> rest),
            _ => u128::MAX,
        };
        let mut from: u128 =
            self.nearer.iter().flatten().map(|row| self.seen[row + chunk]).fold(0, |a, b| a | b);
        let mut free = !occupied & valid;
        if self.nearer == [None, None] && chunk == self.eye / CHUNK {
            // The LiDAR looks out of its own voxel, whatever that is.
            from |= eye;
            free |= eye;
        }
        let first = u128::from(carry) << (CHUNK - 1);
        let (from, free) = (turn(from & ahead) | first, turn(free & ahead));
        let seen = flood(from & free, free);
        let reached = from | seen >> 1;
        self.seen[self.row + chunk] |= turn(seen);
        let kept = (turn(reached & !free) & occupied & ahead).to_be_bytes();
        let bytes = self.kept[chunk * CHUNK / 8..].iter_mut();
        bytes.zip(kept).for_each(|(byte, kept)| *byte |= kept);
        seen & 1 != 0
    }
}

/// The bits of `free` that are met from `from` on, towards the least significant bit.
fn flood(from: u128, mut free: u128) -> u128 {
    let mut met = from;
    for distance in [1, 2, 4, 8, 16, 32, 64] {
        met |= free & met >> distance;
        free &= free >> distance;
    }
    met
}

/// The voxel that a place is in.
fn voxel(head: &VoxelHead, place: [f64; 3]) -> Option<[usize; 3]> {
    let index = |i: usize| (place[i] - head.origin[i]) / head.resolution;
    let inside = |i: usize| (0.0..head.width[i] as f64).contains(&index(i));
    (0..3).all(inside).then(|| std::array::from_fn(|i| index(i) as usize))
}

/// All indices, each after those that are nearer.
fn away_from(eye: usize, count: usize) -> impl Iterator<Item = usize> {
    (eye..count).chain((0..eye).rev())
}

/// The next index on the way to the eye.
fn towards(index: usize, eye: usize) -> usize {
    if index > eye {
        index - 1
    } else {
        index + 1
    }
}

/// A chunk of a row's bits; zeros behind its end.
fn bits(row: &[u8], chunk: usize) -> u128 {
    let mut bytes = [0; CHUNK / 8];
    let row = &row[chunk * CHUNK / 8..];
    let length = row.len().min(bytes.len());
    bytes[..length].copy_from_slice(&row[..length]);
    u128::from_be_bytes(bytes)
}

/// A chunk without the bits of a stretch of the row, given as x of its first and last voxel.
fn without(bits: u128, chunk: usize, (from, to): (usize, usize)) -> u128 {
    let start = chunk * CHUNK;
    if to < start || from >= start + CHUNK {
        return bits;
    }
    let (from, to) = (from.saturating_sub(start), (to - start).min(CHUNK - 1));
    bits & !(u128::MAX >> from & u128::MAX << (CHUNK - 1 - to))
}

#[cfg(test)]
#[path = "surfaces_tests.rs"]
mod tests;
