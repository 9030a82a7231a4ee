//! A window of voxels that rolls over the world.

use super::SIZE;

/// A voxel of the world: metres divided by the resolution, rounded down.
pub(super) type Voxel = [i64; 3];

/// The window. Voxels of the world keep their place in the world when it rolls.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    /// The window's least voxel.
    corner: Voxel,
    /// A row along x for each y and z, y fastest; x 0 is the most significant bit.
    rows: Vec<u128>,
}

pub(super) const ROWS: usize = SIZE[1] * SIZE[2];

impl Grid {
    /// An empty window.
    pub(super) fn new(corner: Voxel) -> Self {
        Self { corner, rows: vec![0; ROWS] }
    }

    /// The window's least voxel.
    pub(super) fn corner(&self) -> Voxel {
        self.corner
    }

    /// The rows along x: for each z, for each y, x 0 in the most significant bit.
    pub(super) fn rows(&self) -> &[u128] {
        &self.rows
    }

    /// The rows along x of a layer, counted from the lowest.
    pub(super) fn layer(&self, z: usize) -> &[u128] {
        &self.rows[z * SIZE[1]..][..SIZE[1]]
    }

    /// Occupies voxels of a layer, whose bits are given for each y.
    pub(super) fn fill(&mut self, z: usize, bits: &[u128]) {
        for (row, bits) in self.rows[z * SIZE[1]..].iter_mut().zip(bits) {
            *row |= bits;
        }
    }

    /// Frees the first occupied voxel of a row from x on. `false` if there is none.
    pub(super) fn free_one(&mut self, row: usize, x: u32) -> bool {
        let row = &mut self.rows[row];
        let from = *row & (u128::MAX >> x);
        if from != 0 {
            *row &= !(1 << (u128::BITS - 1 - from.leading_zeros()));
        }
        from != 0
    }

    /// Occupies a voxel, if the window holds it.
    pub(super) fn mark(&mut self, voxel: Voxel) {
        if let Some((row, bit)) = self.place(voxel) {
            self.rows[row] |= bit;
        }
    }

    /// Whether a voxel is occupied.
    #[cfg(test)]
    pub(super) fn holds(&self, voxel: Voxel) -> bool {
        self.place(voxel).is_some_and(|(row, bit)| self.rows[row] & bit != 0)
    }

    fn place(&self, voxel: Voxel) -> Option<(usize, u128)> {
        let local = |axis: usize| {
            let local = voxel[axis].checked_sub(self.corner[axis])?;
            usize::try_from(local).ok().filter(|local| *local < SIZE[axis])
        };
        let (x, y, z) = (local(0)?, local(1)?, local(2)?);
        Some((z * SIZE[1] + y, 1 << (SIZE[0] - 1 - x)))
    }

    /// Moves the window; what leaves it is forgotten.
    pub(super) fn roll(&mut self, corner: Voxel) {
        if corner == self.corner {
            return;
        }
        let old = std::mem::replace(self, Self::new(corner));
        let [dx, dy, dz] = [0, 1, 2].map(|axis| corner[axis].saturating_sub(old.corner[axis]));
        for (row, bits) in self.rows.iter_mut().enumerate() {
            let (y, z) = ((row % SIZE[1]) as i64, (row / SIZE[1]) as i64);
            let from = |local: i64, by: i64, size: usize| {
                usize::try_from(local.saturating_add(by)).ok().filter(|from| *from < size)
            };
            if let (Some(y), Some(z)) = (from(y, dy, SIZE[1]), from(z, dz, SIZE[2])) {
                *bits = shift(old.rows[z * SIZE[1] + y], dx);
            }
        }
    }
}

/// A row whose window has moved by so many voxels.
fn shift(row: u128, by: i64) -> u128 {
    let distance = u32::try_from(by.unsigned_abs()).unwrap_or(u32::MAX);
    let shifted = if by >= 0 { row.checked_shl(distance) } else { row.checked_shr(distance) };
    shifted.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends_where_its_size_says() {
        let mut grid = Grid::new([10, -20, 3]);
        for inside in [[10, -20, 3], [137, 107, 40]] {
            grid.mark(inside);
            assert!(grid.holds(inside));
        }
        for outside in [[9, -20, 3], [138, 107, 40], [10, 108, 3], [10, -20, 41], [i64::MIN, 0, 3]]
        {
            grid.mark(outside);
            assert!(!grid.holds(outside));
        }
        assert_eq!(grid.rows().iter().map(|row| row.count_ones()).sum::<u32>(), 2);
    }

    #[test]
    fn voxels_keep_their_place_until_the_window_has_passed_them() {
        let voxels = [[0, 0, 0], [64, 64, 19], [127, 127, 37], [127, 0, 5]];
        for corner in [
            [1, 0, 0],
            [-1, 0, 0],
            [0, 3, 0],
            [0, -3, 0],
            [0, 0, 2],
            [0, 0, -2],
            [64, -64, 7],
            [-127, 127, -37],
            [128, 0, 0],
            [0, -128, 0],
            [0, 0, 38],
            [i64::MAX, 0, 0],
            [i64::MIN, i64::MIN, i64::MIN],
        ] {
            let mut grid = Grid::new([0; 3]);
            let mut wanted = Grid::new(corner);
            for voxel in voxels {
                grid.mark(voxel);
                wanted.mark(voxel);
            }
            grid.roll(corner);
            assert_eq!(grid, wanted, "{corner:?}");
        }
    }
}
