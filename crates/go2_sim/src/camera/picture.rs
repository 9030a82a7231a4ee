//! A picture in I420: a plane of brightness and two of colour at half the resolution.

use super::lens::{HEIGHT, WIDTH};

/// A picture of 1280 x 720 pixels, in the limited range (black 16, white 235, no colour 128).
#[derive(Clone, PartialEq)]
pub struct Picture {
    /// Brightness, row by row.
    pub y: Vec<u8>,
    /// Blue, 640 x 360.
    pub u: Vec<u8>,
    /// Red, 640 x 360.
    pub v: Vec<u8>,
}

/// Width of the colour planes.
pub(super) const HALF_WIDTH: usize = WIDTH / 2;
/// Height of the colour planes.
pub(super) const HALF_HEIGHT: usize = HEIGHT / 2;
/// Brightness of black.
pub const BLACK: u8 = 16;
/// Brightness of white.
pub const WHITE: u8 = 235;
/// No colour.
pub(super) const COLOURLESS: u8 = 128;

impl Default for Picture {
    /// A black picture.
    fn default() -> Self {
        let colour = vec![COLOURLESS; HALF_WIDTH * HALF_HEIGHT];
        Self { y: vec![BLACK; WIDTH * HEIGHT], u: colour.clone(), v: colour }
    }
}

impl Picture {
    /// Fills a rectangle with one grey; `at` and `size` are x and y in even pixels, within the picture.
    pub(super) fn fill(&mut self, at: [usize; 2], size: [usize; 2], grey: u8) {
        let rows = |plane: &mut [u8], width: usize, part: usize, value: u8| {
            let from = at[0] / part;
            let length = size[0] / part;
            for row in plane.chunks_exact_mut(width).skip(at[1] / part).take(size[1] / part) {
                row[from..from + length].fill(value);
            }
        };
        rows(&mut self.y, WIDTH, 1, grey);
        rows(&mut self.u, HALF_WIDTH, 2, COLOURLESS);
        rows(&mut self.v, HALF_WIDTH, 2, COLOURLESS);
    }

    /// Brightness and colours of a pixel.
    #[cfg(test)]
    pub(super) fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let half = y / 2 * HALF_WIDTH + x / 2;
        [self.y[y * WIDTH + x], self.u[half], self.v[half]]
    }
}
