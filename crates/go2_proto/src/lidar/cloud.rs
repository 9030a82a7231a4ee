//! Voxels to the bytes of a point cloud.

use super::body::{without, Body, Cut};
use super::grid::{bits, words, VoxelGrid, MAX_SIDE};
use crate::geometry::Transform;

/// Bytes of a point: x, y and z as little endian `f32`, metres.
pub const POINT_SIZE: usize = 12;

/// Writes the middles of the occupied voxels, [`POINT_SIZE`] bytes each, x fastest, and tells how many there
/// are. `to_frame` maps the odometry frame's coordinates to those of the cloud's frame. Voxels with their
/// middle in `body` are left out. What `out` held is replaced; its memory is reused.
///
/// ```
/// # use go2_proto::{geometry::Transform, lidar::{VoxelDecoder, write_points}};
/// # fn example(head: &go2_proto::codec::Json, payload: &[u8]) -> Result<(), go2_proto::lidar::VoxelError> {
/// let mut decoder = VoxelDecoder::default();
/// let mut points = Vec::new();
/// let grid = decoder.decode(head, payload)?;
/// let count = write_points(&grid, &Transform::IDENTITY, None, &mut points);
/// assert_eq!(points.len(), 12 * count);
/// # Ok(()) }
/// ```
pub fn write_points(
    grid: &VoxelGrid<'_>,
    to_frame: &Transform,
    body: Option<&Body>,
    out: &mut Vec<u8>,
) -> usize {
    let head = grid.head();
    let cut = body.map(|body| Cut::new(head, body));
    let column = |i: usize| {
        let mut step = [0.0; 3];
        step[i] = head.resolution;
        to_frame.rotation.rotate(step)
    };
    let [cx, cy, cz] = [column(0), column(1), column(2)];
    let corner = to_frame.apply(head.centre([0.0; 3]));
    // Along a row of a few metres `f32` is exact to a micrometre. Where rows start is computed in `f64`, since
    // the window may be far from the odometry frame's origin.
    let mut along = [[0.0_f32; 4]; MAX_SIDE];
    for (x, step) in along.iter_mut().enumerate().take(head.width[0]) {
        *step = std::array::from_fn(|i| match i {
            0..3 => (cx[i] * x as f64) as f32,
            _ => 0.0,
        });
    }

    // Four numbers are written at once; of the last point's the fourth is too much.
    out.resize(grid.count() * POINT_SIZE + 4, 0);
    let slots = out.as_mut_slice();
    let mut end = 0;
    for (z, layer) in grid.layers().enumerate() {
        let cut = cut.as_ref().filter(|cut| cut.reaches_layer(z));
        let layer_start: [f64; 3] = std::array::from_fn(|i| corner[i] + cz[i] * z as f64);
        for (y, row) in grid.rows(layer).enumerate() {
            let mut words = words(row).peekable();
            if words.peek().is_none() {
                continue;
            }
            let stretch = cut.and_then(|cut| cut.stretch(y, z));
            let start: [f32; 4] = std::array::from_fn(|i| match i {
                0..3 => (layer_start[i] + cy[i] * y as f64) as f32,
                _ => 0.0,
            });
            for (first, mut word) in words {
                if let Some(stretch) = stretch {
                    word = without(word, first, stretch);
                }
                for bit in bits(word) {
                    let step = &along[(first + bit) % MAX_SIDE];
                    let Some(slot) = slots.get_mut(end..end + 16) else { break };
                    for i in 0..4 {
                        slot[4 * i..4 * i + 4].copy_from_slice(&(start[i] + step[i]).to_le_bytes());
                    }
                    end += POINT_SIZE;
                }
            }
        }
    }
    out.truncate(end);
    end / POINT_SIZE
}

#[cfg(test)]
#[path = "cloud_tests.rs"]
mod tests;
