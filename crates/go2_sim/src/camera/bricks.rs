//! What the walls look like. Pure.
//!
//! The colour of the bricks tells which way a wall faces: red towards +x, blue towards -x, green towards +y, violet towards
//! -y. So a robot that looks along +x sees blue. In the planes of colour, blue and red are above or below 128: a test
//! needs no more. The bricks' shades tell where along the wall they are.

use crate::world::Face;

/// Blue and red of the bricks of a face.
pub(super) const fn colour(face: Face) -> [u8; 2] {
    match face {
        Face::PosX => [105, 175],
        Face::NegX => [170, 105],
        Face::PosY => [105, 100],
        Face::NegY => [155, 158],
    }
}

/// Texels a metre, and the size of a wall's texture: it repeats after 16 m and is as high as a wall.
pub(super) const TEXELS: f64 = 64.0;
pub(super) const ALONG: usize = 1024;
pub(super) const UP: usize = 128;
/// Size of a brick in texels, and the brightness of what is between them.
const BRICK: [usize; 2] = [16, 8];
pub(super) const MORTAR: u8 = 190;

/// The textures of the four faces, one after the other, in each the texels of a row first.
pub(super) fn bricks() -> Vec<u8> {
    let mut texels = Vec::with_capacity(4 * ALONG * UP);
    for face in 0..4 {
        for up in 0..UP {
            texels.extend((0..ALONG).map(|along| texel(face, along, up)));
        }
    }
    texels
}

fn texel(face: usize, along: usize, up: usize) -> u8 {
    let row = up / BRICK[1];
    let shifted = (along + row % 2 * BRICK[0] / 2) % ALONG;
    if shifted.is_multiple_of(BRICK[0]) || up.is_multiple_of(BRICK[1]) {
        return MORTAR;
    }
    let brick = hash([face, shifted / BRICK[0], row]) % 64;
    let grain = hash([along, up, face]) % 12;
    (70 + brick + grain) as u8
}

/// Mixes numbers, so that no two neighbours look alike.
fn hash(numbers: [usize; 3]) -> u32 {
    let mut mixed = 0x811c_9dc5u32;
    for number in numbers {
        mixed = (mixed ^ number as u32).wrapping_mul(0x85eb_ca6b);
        mixed ^= mixed >> 13;
    }
    mixed.wrapping_mul(0xc2b2_ae35) >> 8
}
