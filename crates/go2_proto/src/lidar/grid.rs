//! `rt/utlidar/voxel_map_compressed`: voxel frames.
//!
//! A frame is a JSON head and a payload, one raw LZ4 block of bits: most significant first, x fastest, then y,
//! then z. A set bit is an occupied voxel.

use lz4_flex::block::{decompress_into, DecompressError};
use serde::Deserialize;

use crate::codec::Json;
use crate::state::RobotTime;

/// Most voxels that a frame may have. The robot's have 128 x 128 x 38, or up to 39 layers.
pub const MAX_VOXELS: usize = 128 * 128 * 64;
/// Most voxels along one side.
pub const MAX_SIDE: usize = 512;
/// Farthest that a window may be from the odometry frame's origin along an axis, metres.
pub const MAX_ORIGIN: f64 = 1e5;

/// Sides where the head does not give them: what every known firmware sends.
const USUAL_SIDE: usize = 128;

/// Head of a voxel frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelHead {
    /// Seconds on the robot's clock, as sent: see [`VoxelHead::time`].
    pub stamp: Option<f64>,
    /// Edge of a voxel, metres.
    pub resolution: f64,
    /// The window's least corner in the odometry frame, metres.
    pub origin: [f64; 3],
    /// Voxels along x, y and z; x is a multiple of 8.
    pub width: [usize; 3],
}

/// Why a message is not a voxel frame.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VoxelError {
    /// Something is missing or of another type.
    #[error("the head needs a resolution, an origin of 3 and a width of 3 numbers or a src_size")]
    Head,
    /// An edge that no voxel has.
    #[error("a resolution of {0} m is not above 0 and at most 1")]
    Resolution(f64),
    /// A window that is nowhere.
    #[error("an origin of {0:?} m is beyond {MAX_ORIGIN} m")]
    Origin([f64; 3]),
    /// Sides that cannot be.
    #[error(
        "a width of {0:?} is not of whole numbers, x a multiple of 8, at most {MAX_SIDE} each and \
         {MAX_VOXELS} voxels together"
    )]
    Width([f64; 3]),
    /// A size that has no whole number of layers, or too many.
    #[error("a src_size of {0} is not 1 to 64 layers of 128 x 128 voxels, 2048 bytes each")]
    Layers(f64),
    /// Two statements that contradict each other.
    #[error("a width of {width:?} takes {bytes} bytes, but src_size is {src_size}")]
    Conflict {
        /// Voxels along x, y and z.
        width: [usize; 3],
        /// What they take.
        bytes: usize,
        /// What the head says.
        src_size: f64,
    },
    /// The payload is not LZ4, or cut.
    #[error("the payload is no LZ4 block: {0}")]
    Lz4(&'static str),
    /// The payload holds less than the head says.
    #[error("the block holds {held} bytes, not {expected}")]
    Short {
        /// Bytes that came out.
        held: usize,
        /// Bytes that the head tells.
        expected: usize,
    },
    /// The payload holds more than the head says.
    #[error("the block holds more than {expected} bytes")]
    Long {
        /// Bytes that the head tells.
        expected: usize,
    },
}

#[derive(Deserialize)]
struct Wire {
    stamp: Option<f64>,
    resolution: f64,
    origin: [f64; 3],
    width: Option<[f64; 3]>,
    src_size: Option<f64>,
}

impl VoxelHead {
    /// Decodes and checks the `data` of a frame's JSON.
    pub fn decode(data: &Json) -> Result<Self, VoxelError> {
        let wire: Wire = data.decode().map_err(|_| VoxelError::Head)?;
        // Written so that NaN fails as well.
        if !(wire.resolution > 0.0 && wire.resolution <= 1.0) {
            return Err(VoxelError::Resolution(wire.resolution));
        }
        if !wire.origin.iter().all(|v| v.abs() < MAX_ORIGIN) {
            return Err(VoxelError::Origin(wire.origin));
        }
        let width = match (wire.width, wire.src_size) {
            (Some(width), _) => sides(width)?,
            (None, Some(size)) => [USUAL_SIDE, USUAL_SIDE, layers(size)?],
            (None, None) => return Err(VoxelError::Head),
        };
        let head = Self {
            stamp: wire.stamp.filter(|stamp| stamp.is_finite()),
            resolution: wire.resolution,
            origin: wire.origin,
            width,
        };
        match wire.src_size {
            Some(src_size) if src_size != head.bytes() as f64 => {
                Err(VoxelError::Conflict { width, bytes: head.bytes(), src_size })
            }
            _ => Ok(head),
        }
    }

    /// The stamp as the other topics give theirs. `None` also for what is no time: older firmware prints it as
    /// `1.709106e+09`, so that it moves in steps of 1000 s, and any whole multiple of that says nothing.
    pub fn time(&self) -> Option<RobotTime> {
        const STEP: f64 = 1000.0;
        let told = self.stamp.filter(|stamp| stamp % STEP != 0.0);
        told.and_then(|stamp| RobotTime::try_from_secs_f64(stamp).ok())
    }

    /// Bytes of the bits, at most [`MAX_VOXELS`] / 8.
    pub fn bytes(&self) -> usize {
        self.width.iter().product::<usize>() / 8
    }

    /// Middle of a voxel in the odometry frame, metres. Fractions and what is outside the window count as well.
    pub fn centre(&self, voxel: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| self.origin[i] + self.resolution * (voxel[i] + 0.5))
    }
}

fn sides(width: [f64; 3]) -> Result<[usize; 3], VoxelError> {
    let whole = |side: &f64| side.fract() == 0.0 && (1.0..=MAX_SIDE as f64).contains(side);
    let sides = width.map(|side| side as usize);
    if width.iter().all(whole) && sides[0] % 8 == 0 && sides.iter().product::<usize>() <= MAX_VOXELS
    {
        Ok(sides)
    } else {
        Err(VoxelError::Width(width))
    }
}

fn layers(src_size: f64) -> Result<usize, VoxelError> {
    const LAYER: usize = USUAL_SIDE * USUAL_SIDE / 8;
    let layers = src_size / LAYER as f64;
    if layers.fract() == 0.0 && layers >= 1.0 && src_size <= (MAX_VOXELS / 8) as f64 {
        Ok(layers as usize)
    } else {
        Err(VoxelError::Layers(src_size))
    }
}

/// Decodes voxel frames into a buffer of its own, of at most [`MAX_VOXELS`] / 8 bytes.
#[derive(Debug, Default)]
pub struct VoxelDecoder {
    bits: Vec<u8>,
}

impl VoxelDecoder {
    /// Decodes a frame: the `data` of its JSON and its payload.
    pub fn decode(&mut self, data: &Json, payload: &[u8]) -> Result<VoxelGrid<'_>, VoxelError> {
        let head = VoxelHead::decode(data)?;
        let expected = head.bytes();
        if self.bits.len() < expected {
            self.bits.resize(expected, 0);
        }
        let bits = &mut self.bits[..expected];
        let held = decompress_into(payload, bits).map_err(|error| match error {
            DecompressError::OutputTooSmall { .. } => VoxelError::Long { expected },
            DecompressError::ExpectedAnotherByte => VoxelError::Lz4("it is cut short"),
            DecompressError::LiteralOutOfBounds => {
                VoxelError::Lz4("its literals reach beyond its end")
            }
            DecompressError::OffsetZero | DecompressError::OffsetOutOfBounds => {
                VoxelError::Lz4("it repeats what is not there")
            }
            _ => VoxelError::Lz4("it cannot be decompressed"),
        })?;
        if held < expected {
            // Behind what the block held lies what an earlier frame left.
            return Err(VoxelError::Short { held, expected });
        }
        Ok(VoxelGrid { head, bits })
    }
}

/// A window of voxels. Borrows the decoder's buffer.
#[derive(Debug, Clone, Copy)]
pub struct VoxelGrid<'a> {
    head: VoxelHead,
    bits: &'a [u8],
}

impl<'a> VoxelGrid<'a> {
    /// A window of these bits, as many as the head tells.
    pub(super) fn of(head: VoxelHead, bits: &'a [u8]) -> Self {
        Self { head, bits }
    }

    /// Where the window is, and how large.
    pub fn head(&self) -> &VoxelHead {
        &self.head
    }

    /// Occupied voxels.
    pub fn count(&self) -> usize {
        let (words, rest) = self.bits.as_chunks::<8>();
        let words: u32 = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones()).sum();
        let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
        (words + rest) as usize
    }

    /// Whether a voxel is occupied. Outside the window none is.
    pub fn is_occupied(&self, x: usize, y: usize, z: usize) -> bool {
        let [nx, ny, nz] = self.head.width;
        x < nx && y < ny && z < nz && {
            let bit = (z * ny + y) * nx + x;
            self.bits[bit / 8] & (0x80 >> (bit % 8)) != 0
        }
    }

    /// Calls `visit` with x, y and z of each occupied voxel, x fastest.
    pub fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for (z, layer) in self.layers().enumerate() {
            for (y, row) in self.rows(layer).enumerate() {
                for (first, word) in words(row) {
                    bits(word).for_each(|bit| visit(first + bit, y, z));
                }
            }
        }
    }

    /// The layers' bits, lowest first.
    pub(super) fn layers(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.bits.chunks_exact(self.head.width[0] * self.head.width[1] / 8)
    }

    /// The rows' bits of a layer, least y first.
    pub(super) fn rows<'b>(&self, layer: &'b [u8]) -> impl ExactSizeIterator<Item = &'b [u8]> {
        layer.chunks_exact(self.head.width[0] / 8)
    }
}

/// A row's bits as words that are not empty, with the x of their first bit, which is the most significant.
#[inline]
pub(super) fn words(row: &[u8]) -> impl Iterator<Item = (usize, u64)> + '_ {
    row.chunks(8).enumerate().filter_map(|(i, chunk)| {
        let word = match chunk.try_into() {
            Ok(whole) => u64::from_be_bytes(whole),
            Err(_) => {
                let value = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                value << (64 - 8 * chunk.len())
            }
        };
        (word != 0).then_some((64 * i, word))
    })
}

/// The numbers of a word's set bits, the most significant being 0.
#[inline]
pub(super) fn bits(word: u64) -> impl Iterator<Item = usize> {
    // Turned round, since the lowest bit is the one that is cheaply found and taken away.
    let mut word = word.reverse_bits();
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros();
            word &= word - 1;
            bit as usize
        })
    })
}

#[cfg(test)]
#[path = "grid_tests.rs"]
mod tests;
