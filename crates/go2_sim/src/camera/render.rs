//! What the front camera sees of the world. Pure.
//!
//! Walls are of bricks (`bricks.rs`), the floor has squares of half a metre, the ceiling is plain.
//!
//! Which direction each pixel looks in never changes and is worked out once. For a picture, a fan of rays finds the walls,
//! one for each of the columns that the picture would have without distortion; a pixel then only compares its slope
//! with where its column's wall begins and ends.

use std::sync::OnceLock;

use super::bricks::{bricks, colour, ALONG, TEXELS, UP};
use super::lens::{FRONT, HEIGHT, WIDTH};
use super::picture::{Picture, HALF_WIDTH};
use crate::world::{Face, World, WALL_HEIGHT};

/// Where the trunk is: metres and radians in the world.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Pose {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) yaw: f64,
    /// Of the trunk over the floor.
    pub(crate) height: f64,
}

/// The camera is this far in front of the trunk's centre and above it, in metres.
const FORWARD: f64 = 0.32715;
const ABOVE: f64 = 0.04297;

/// Rays of the fan, somewhat more than the picture has columns without distortion.
const COLUMNS: usize = 2048;
/// Only the first ray of so many is cast where the next first one sees the same wall.
const BUNDLE: usize = 4;
/// How far the camera sees walls, in metres.
const FARTHEST: f64 = 40.0;

/// Squares of the floor in a metre, and how far they are told apart, in squares.
const SQUARES: f64 = 2.0;
const FARTHEST_SQUARE: f64 = 30.0;
const FLOOR: [u8; 2] = [96, 142];
const FLOOR_COLOUR: [u8; 2] = [122, 133];
const CEILING: u8 = 205;
const CEILING_COLOUR: [u8; 2] = [128, 128];

// Pixels are worked out in fixed point, with this many bits behind the point. Conversions would cost more than all the
// rest. Sums of two of them stay within 32 bits: a wall is 128 texels high, and squares are counted modulo 256.
const SLOPE_BITS: u32 = 14;
const TEXEL_BITS: u32 = 8;
const DEPTH_BITS: u32 = 10;

fn fixed(value: f64, bits: u32) -> i32 {
    (value * f64::from(1 << bits)) as i32
}

/// What never changes.
struct Rays {
    pixels: Vec<Pixel>,
    /// How far to the right each ray of the fan looks, over the depth.
    tangents: Vec<f64>,
    /// Brightness of the walls: a texture after the other, in each the texels of a row first.
    bricks: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Pixel {
    /// Which ray of the fan it belongs to.
    column: u16,
    /// How far down it looks, over the depth.
    slope: i16,
}

/// A ray of the fan, in fixed point.
#[derive(Clone, Copy, Default)]
struct Column {
    /// Slopes at which its wall begins and ends.
    top: i16,
    bottom: i16,
    /// What one metre of depth is in the world, in metres.
    step: [i16; 2],
    /// Texels that one unit of slope is on the wall.
    texels: i32,
    /// Where its texels begin.
    bricks: u32,
}

/// Renders pictures.
pub(crate) struct Renderer {
    rays: &'static Rays,
    columns: Box<[Column; COLUMNS]>,
    /// Blue and red of the columns' walls.
    colours: Box<[[u8; 2]; COLUMNS]>,
    /// Depth of the floor by slope, in squares.
    depths: Vec<i32>,
}

impl Renderer {
    pub(crate) fn new() -> Self {
        static RAYS: OnceLock<Rays> = OnceLock::new();
        Self {
            rays: RAYS.get_or_init(Rays::new),
            columns: Box::new([Column::default(); COLUMNS]),
            colours: Box::new([[0; 2]; COLUMNS]),
            depths: vec![0; 1 << (SLOPE_BITS + 1)],
        }
    }

    /// Renders what a robot at `pose` sees.
    pub(crate) fn render(&mut self, world: &World, pose: Pose, picture: &mut Picture) {
        let (sin, cos) = pose.yaw.sin_cos();
        let camera = [pose.x + FORWARD * cos, pose.y + FORWARD * sin];
        let height = (pose.height + ABOVE).clamp(0.01, WALL_HEIGHT - 0.01);
        let step = |ray: usize| {
            // Rays look along (1, -tangent) in the trunk's frame.
            let tangent = self.rays.tangents[ray];
            [cos + tangent * sin, sin - tangent * cos]
        };
        let mut left = sight(world, camera, step(0));
        for first in (0..COLUMNS).step_by(BUNDLE) {
            let right = sight(world, camera, step((first + BUNDLE).min(COLUMNS - 1)));
            for ray in first..first + BUNDLE {
                let step = step(ray);
                let sight = match (left, right) {
                    _ if ray == first => left,
                    (Some(left), Some(right)) if left.is_on(&right) => Some(left.seen_along(step)),
                    (None, None) => None,
                    _ => sight(world, camera, step),
                };
                self.columns[ray] = column(height, step, sight);
                self.colours[ray] = sight.map_or(CEILING_COLOUR, |sight| colour(sight.face));
            }
            left = right;
        }
        for (slope, depth) in self.depths.iter_mut().enumerate() {
            let slope = (slope as f64 + 0.5) / f64::from(1 << SLOPE_BITS);
            *depth = fixed((height * SQUARES / slope).min(FARTHEST_SQUARE), DEPTH_BITS);
        }
        let view = View {
            columns: &self.columns,
            colours: &self.colours,
            bricks: &self.rays.bricks,
            depths: &self.depths,
            height: fixed(height * TEXELS, SLOPE_BITS + TEXEL_BITS),
            start: camera.map(|metre| {
                fixed((metre * SQUARES).rem_euclid(256.0) - 128.0, SLOPE_BITS + DEPTH_BITS)
            }),
        };
        for (out, pixel) in picture.y.iter_mut().zip(&self.rays.pixels) {
            *out = view.brightness(*pixel);
        }
        // Every second pixel of every second row.
        let blue = picture.u.chunks_exact_mut(HALF_WIDTH);
        let red = picture.v.chunks_exact_mut(HALF_WIDTH);
        let rows = self.rays.pixels.chunks_exact(WIDTH).step_by(2);
        for ((blue, red), pixels) in blue.zip(red).zip(rows) {
            for ((blue, red), pixel) in blue.iter_mut().zip(red).zip(pixels.iter().step_by(2)) {
                [*blue, *red] = view.colour(*pixel);
            }
        }
    }
}

/// What a ray sees, in metres.
#[derive(Clone, Copy)]
struct Sight {
    from: [f64; 2],
    /// The axis that the wall stands across, and where on it the wall is.
    axis: usize,
    wall: f64,
    face: Face,
    depth: f64,
    along: f64,
}

/// What a ray that goes along `step` for each metre of depth sees.
fn sight(world: &World, from: [f64; 2], step: [f64; 2]) -> Option<Sight> {
    let hit = world.cast(from, step[1].atan2(step[0]), FARTHEST)?;
    let depth = hit.distance / step[0].hypot(step[1]);
    let axis = usize::from(matches!(hit.face, Face::PosY | Face::NegY));
    let wall = from[axis] + depth * step[axis];
    Some(Sight { from, axis, wall, face: hit.face, depth, along: hit.along })
}

impl Sight {
    /// Whether both see the same wall, or two in line.
    fn is_on(&self, other: &Self) -> bool {
        self.face == other.face && (self.wall - other.wall).abs() < 1e-6
    }

    /// The same wall along another ray.
    fn seen_along(&self, step: [f64; 2]) -> Self {
        let depth = (self.wall - self.from[self.axis]) / step[self.axis];
        let other = 1 - self.axis;
        Self { depth, along: self.from[other] + depth * step[other], ..*self }
    }
}

/// A ray of the fan of a camera at `height`.
fn column(height: f64, step: [f64; 2], sight: Option<Sight>) -> Column {
    let step = step.map(|metre| fixed(metre, SLOPE_BITS) as i16);
    let Some(sight) = sight else {
        // Floor and ceiling meet at the horizon.
        return Column { step, ..Column::default() };
    };
    // Nearer than this, the wall fills the picture anyway.
    let depth = sight.depth.max(0.005);
    let slope = |down: f64| fixed(down / depth, SLOPE_BITS).clamp(-0x7fff, 0x7fff) as i16;
    let along = (sight.along * TEXELS).floor().rem_euclid(ALONG as f64) as usize;
    Column {
        top: slope(height - WALL_HEIGHT),
        bottom: slope(height),
        step,
        texels: fixed(depth * TEXELS, TEXEL_BITS),
        bricks: (sight.face as usize * ALONG * UP + along) as u32,
    }
}

/// One picture's view of the world.
struct View<'a> {
    columns: &'a [Column; COLUMNS],
    colours: &'a [[u8; 2]; COLUMNS],
    bricks: &'a [u8],
    depths: &'a [i32],
    /// Of the camera, in texels.
    height: i32,
    /// Of the camera, in squares of the floor.
    start: [i32; 2],
}

impl View<'_> {
    #[inline]
    fn brightness(&self, pixel: Pixel) -> u8 {
        let column = &self.columns[usize::from(pixel.column) % COLUMNS];
        let slope = i32::from(pixel.slope);
        if pixel.slope < column.top {
            CEILING
        } else if pixel.slope < column.bottom {
            let down = slope.wrapping_mul(column.texels);
            let up = self.height.wrapping_sub(down) >> (SLOPE_BITS + TEXEL_BITS);
            self.bricks[column.bricks as usize + up as usize % UP * ALONG]
        } else {
            let depth = self.depths[slope as usize % (1 << (SLOPE_BITS + 1))];
            let [x, y] = [0, 1].map(|axis| {
                let ahead = depth.wrapping_mul(i32::from(column.step[axis]));
                self.start[axis].wrapping_add(ahead) >> (SLOPE_BITS + DEPTH_BITS)
            });
            // A shade of its own for each square, so that they can be told apart.
            let shade = ((x.wrapping_mul(7) ^ y.wrapping_mul(13)) & 15) as u8;
            FLOOR[((x ^ y) & 1) as usize] + shade
        }
    }

    #[inline]
    fn colour(&self, pixel: Pixel) -> [u8; 2] {
        let index = usize::from(pixel.column) % COLUMNS;
        let column = &self.columns[index];
        if pixel.slope < column.top {
            CEILING_COLOUR
        } else if pixel.slope < column.bottom {
            self.colours[index]
        } else {
            FLOOR_COLOUR
        }
    }
}

impl Rays {
    fn new() -> Self {
        let pixels = (0..HEIGHT).flat_map(|v| (0..WIDTH).map(move |u| [u as f64, v as f64]));
        let neighbours = pixels.scan([0.0; 2], |neighbour, pixel| {
            *neighbour = FRONT.direction_near(pixel, *neighbour);
            Some(*neighbour)
        });
        let directions: Vec<_> = neighbours.collect();
        let widest = directions.iter().map(|[x, _]| x.abs()).fold(0.0, f64::max);
        let per_column = 2.0 * widest / COLUMNS as f64;
        let pixel = |[x, y]: &[f64; 2]| Pixel {
            column: ((x + widest) / per_column).clamp(0.0, COLUMNS as f64 - 1.0) as u16,
            slope: fixed(*y, SLOPE_BITS).clamp(-0x7fff, 0x7fff) as i16,
        };
        Self {
            pixels: directions.iter().map(pixel).collect(),
            tangents: (0..COLUMNS).map(|i| (i as f64 + 0.5) * per_column - widest).collect(),
            bricks: bricks(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use super::super::bricks::MORTAR;
    use super::*;

    const HEIGHT_OF_CAMERA: f64 = 0.32 + ABOVE;

    fn pose(yaw: f64) -> Pose {
        Pose { x: 0.0, y: 0.0, yaw, height: 0.32 }
    }

    fn picture(world: &World, pose: Pose) -> Picture {
        let mut picture = Picture::default();
        Renderer::new().render(world, pose, &mut picture);
        picture
    }

    fn camera(pose: Pose) -> [f64; 2] {
        [pose.x + FORWARD * pose.yaw.cos(), pose.y + FORWARD * pose.yaw.sin()]
    }

    /// Where the ray of a pixel goes on the floor or a wall, worked out without the renderer: metres over the depth.
    fn ray(pose: Pose, pixel: [usize; 2]) -> (f64, [f64; 2]) {
        let [x, y] = FRONT.direction(pixel.map(|axis| axis as f64));
        let (sin, cos) = pose.yaw.sin_cos();
        (y, [cos + x * sin, sin - x * cos])
    }

    /// What stands there and how deep, by the world itself.
    fn wall(world: &World, pose: Pose, step: [f64; 2]) -> (Face, f64) {
        let hit = world.cast(camera(pose), step[1].atan2(step[0]), FARTHEST).unwrap();
        (hit.face, hit.distance / step[0].hypot(step[1]))
    }

    #[test]
    fn walls_stand_as_far_away_as_they_are() {
        let world = World::house();
        for yaw in [0.0, 0.7, FRAC_PI_2, 2.5, PI, -1.2] {
            let pose = pose(yaw);
            let picture = picture(&world, pose);
            for u in [30, 300, 638, 900, 1250] {
                // The first pixel of the floor below the wall; colours are at every second pixel.
                let is_floor = |v: &usize| picture.pixel(u, *v)[1..] == FLOOR_COLOUR;
                let v = (374..HEIGHT).step_by(2).find(is_floor).unwrap();
                let (slope, step) = ray(pose, [u, v]);
                let (_, depth) = wall(&world, pose, step);
                let error = (slope - HEIGHT_OF_CAMERA / depth) * FRONT.focal[1];
                assert!((-1.0..3.0).contains(&error), "yaw {yaw}, column {u}: {error} pixels");
            }
        }
    }

    #[test]
    fn walls_have_the_colour_of_the_way_they_face() {
        let world = World::house();
        let centre = [638, 372];
        let mut seen = Vec::new();
        for yaw in [0.0, FRAC_PI_2, PI, -FRAC_PI_2] {
            let picture = picture(&world, pose(yaw));
            let (face, _) = wall(&world, pose(yaw), ray(pose(yaw), centre).1);
            let [_, blue, red] = picture.pixel(centre[0], centre[1]);
            assert_eq!([blue, red], colour(face), "yaw {yaw}");
            seen.push((face, blue > 128, red > 128));
        }
        let expected = [
            (Face::NegX, true, false),
            (Face::NegY, true, true),
            (Face::PosX, false, true),
            (Face::PosY, false, false),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn squares_of_the_floor_lie_where_they_are() {
        let world = World::empty();
        let pose = Pose { x: -3.1, y: 1.7, yaw: 0.4, height: 0.32 };
        let picture = picture(&world, pose);
        let mut checked = 0;
        for v in (430..HEIGHT).step_by(9) {
            for u in (0..WIDTH).step_by(9) {
                let (slope, step) = ray(pose, [u, v]);
                let depth = HEIGHT_OF_CAMERA / slope;
                let [x, y] = [0, 1].map(|i| (camera(pose)[i] + depth * step[i]) * SQUARES);
                let from_edge = [x, y].map(|axis| (axis - axis.round()).abs());
                if from_edge.iter().any(|edge| *edge < 0.03 * depth) {
                    continue;
                }
                let dark = (x.floor() + y.floor()).rem_euclid(2.0) == 0.0;
                let brightness = picture.pixel(u, v)[0];
                assert_eq!(brightness < 120, dark, "{u} {v}: {brightness}");
                checked += 1;
            }
        }
        assert!(checked > 2000, "{checked}");
    }

    #[test]
    fn without_walls_the_horizon_is_in_the_middle() {
        let picture = picture(&World::empty(), pose(1.0));
        assert_eq!(picture.pixel(638, 370)[0], CEILING);
        assert_eq!(picture.pixel(638, 376)[1..], FLOOR_COLOUR);
    }

    #[test]
    fn bricks_stay_where_they_are_when_the_robot_walks_by() {
        let world = World::house();
        // Bricks are 0.25 m long: one further, the mortar is where it was.
        let [here, half_way, next] = [0.0, 0.125, 0.25].map(|y| {
            let picture = picture(&world, Pose { y, ..pose(0.0) });
            (500..780).map(|u| picture.pixel(u, 372)[0] == MORTAR).collect::<Vec<_>>()
        });
        let mortar = here.iter().filter(|is_mortar| **is_mortar).count();
        assert!((4..200).contains(&mortar), "{mortar} of 280");
        assert_eq!(here, next);
        assert_ne!(here, half_way);
    }

    #[test]
    fn a_camera_within_a_wall_or_far_outside_shows_something() {
        let world = World::house();
        for (x, y) in [(1e6, -1e6), (f64::MAX, 0.0), (-6.0, -5.0), (5.9, 4.9)] {
            picture(&world, Pose { x, y, ..pose(0.3) });
        }
    }
}
