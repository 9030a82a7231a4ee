//! The lens: where in the picture a direction ends up, and which direction a pixel looks in. Pure.
//!
//! Directions are in the optical frame: x to the right, y down, both over the depth, which is forward.

/// Width of the picture in pixels.
pub const WIDTH: usize = 1280;
/// Height of the picture in pixels.
pub const HEIGHT: usize = 720;

/// A `plumb_bob` calibration; all in pixels or without unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lens {
    /// Focal lengths.
    pub focal: [f64; 2],
    /// Where the optical axis meets the picture.
    pub centre: [f64; 2],
    /// Radial distortion.
    pub radial: [f64; 3],
    /// Tangential distortion.
    pub tangential: [f64; 2],
}

/// The front camera's lens as the node's default calibration has it.
pub const FRONT: Lens = Lens {
    focal: [864.39938, 863.73849],
    centre: [639.19798, 373.28118],
    radial: [-0.354630, 0.102054, 0.0],
    tangential: [-0.001614, -0.001249],
};

/// Steps of the inversion at most; two are enough from a neighbour.
const STEPS: usize = 12;
/// Error of an inverted direction that is small enough, a thousandth of a pixel.
const EXACT: f64 = 1e-6;
/// Distance from the axis at which pixels look that no direction ends up at.
const OUTERMOST: f64 = 2.0;

impl Lens {
    /// The pixel that a direction ends up at; centres of pixels are whole numbers.
    pub fn pixel(&self, direction: [f64; 2]) -> [f64; 2] {
        let (distorted, _) = self.distort(direction);
        std::array::from_fn(|axis| self.focal[axis] * distorted[axis] + self.centre[axis])
    }

    /// The direction that a pixel looks in.
    pub fn direction(&self, pixel: [f64; 2]) -> [f64; 2] {
        self.direction_near(pixel, self.plain(pixel))
    }

    /// The same, found sooner from what a neighbour looks at.
    pub(super) fn direction_near(&self, pixel: [f64; 2], neighbour: [f64; 2]) -> [f64; 2] {
        let wanted = self.plain(pixel);
        let mut direction = neighbour;
        for _ in 0..STEPS {
            let (distorted, [xx, xy, yy]) = self.distort(direction);
            let [dx, dy] = [wanted[0] - distorted[0], wanted[1] - distorted[1]];
            if dx.hypot(dy) < EXACT && direction[0].hypot(direction[1]) < OUTERMOST {
                return direction;
            }
            // Newton's method.
            let determinant = xx * yy - xy * xy;
            direction[0] += (yy * dx - xy * dy) / determinant;
            direction[1] += (xx * dy - xy * dx) / determinant;
        }
        // Beyond the edge of what the lens sees, where the polynomial turns back.
        let radius = wanted[0].hypot(wanted[1]).max(f64::MIN_POSITIVE);
        wanted.map(|axis| axis / radius * OUTERMOST)
    }

    /// The direction that a pixel would look in without distortion.
    fn plain(&self, pixel: [f64; 2]) -> [f64; 2] {
        std::array::from_fn(|axis| (pixel[axis] - self.centre[axis]) / self.focal[axis])
    }

    /// The distorted direction, and its derivatives: x by x, x by y and y by x alike, y by y.
    fn distort(&self, [x, y]: [f64; 2]) -> ([f64; 2], [f64; 3]) {
        let square = x * x + y * y;
        let [k1, k2, k3] = self.radial;
        let [p1, p2] = self.tangential;
        let scale = 1.0 + square * (k1 + square * (k2 + square * k3));
        let slope = k1 + square * (2.0 * k2 + square * 3.0 * k3);
        let distorted = [
            x * scale + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x),
            y * scale + p1 * (square + 2.0 * y * y) + 2.0 * p2 * x * y,
        ];
        let derivatives = [
            scale + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x,
            2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y,
            scale + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x,
        ];
        (distorted, derivatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_looks_where_its_direction_is_seen() {
        for v in (0..HEIGHT).step_by(7) {
            for u in (0..WIDTH).step_by(7).chain([WIDTH - 1]) {
                let pixel = [u as f64, v as f64];
                let again = FRONT.pixel(FRONT.direction(pixel));
                let error = (again[0] - pixel[0]).hypot(again[1] - pixel[1]);
                assert!(error < 1e-3, "{pixel:?} {again:?}");
            }
        }
    }

    #[test]
    fn the_barrel_sees_more_at_the_edge() {
        // Worked out by hand from the polynomial, without the tangential part.
        let lens = Lens { tangential: [0.0; 2], ..FRONT };
        let [u, _] = lens.pixel([0.5, 0.0]);
        let expected = 864.39938 * 0.5 * (1.0 - 0.354630 * 0.25 + 0.102054 * 0.0625) + 639.19798;
        assert!((u - expected).abs() < 1e-9);
        let left = FRONT.direction([0.0, 373.0])[0];
        assert!(left < -639.19798 / 864.39938 - 0.1, "{left}");
    }

    #[test]
    fn pixels_that_no_direction_reaches_look_far_out_and_stay_finite() {
        let strong = Lens { radial: [-0.9, 0.0, 0.0], ..FRONT };
        let [x, y] = strong.direction([0.0, 0.0]);
        assert!((x.hypot(y) - OUTERMOST).abs() < 1e-9 && x < 0.0 && y < 0.0, "{x} {y}");
        let centre = strong.direction(FRONT.centre);
        assert!(centre[0].hypot(centre[1]) < 1e-9);
    }
}
