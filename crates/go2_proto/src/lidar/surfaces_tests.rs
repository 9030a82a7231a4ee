//! What stays of rooms whose outside is filled, and of noise.

use super::super::synthetic::{self, Bits, Noise, ORIGIN, RESOLUTION, SIDES};
use super::super::{BodyBox, VoxelDecoder};
use super::*;
use crate::codec::Json;
use crate::geometry::Transform;

type Voxel = [usize; 3];

fn holds(bits: &[u8], sides: Voxel, [x, y, z]: Voxel) -> bool {
    let bit = (z * sides[1] + y) * sides[0] + x;
    bits[bit / 8] & (0x80 >> (bit % 8)) != 0
}

/// The first occupied voxel on a ray from a place inside a voxel, side by side; the robot's `own` are looked through.
fn first_hit(
    bits: &[u8],
    sides: Voxel,
    eye: [f64; 3],
    direction: [f64; 3],
    own: &dyn Fn(Voxel) -> bool,
) -> Option<Voxel> {
    let mut voxel = eye.map(|v| v as usize);
    let mut next: [f64; 3] = std::array::from_fn(|i| match direction[i] {
        d if d > 0.0 => (voxel[i] as f64 + 1.0 - eye[i]) / d,
        d if d < 0.0 => (voxel[i] as f64 - eye[i]) / d,
        _ => f64::INFINITY,
    });
    loop {
        let axis = (0..3).min_by(|a, b| next[*a].total_cmp(&next[*b])).unwrap();
        let step = if direction[axis] > 0.0 { 1 } else { usize::MAX };
        voxel[axis] = voxel[axis].wrapping_add(step);
        if voxel[axis] >= sides[axis] {
            return None;
        }
        if holds(bits, sides, voxel) && !own(voxel) {
            return Some(voxel);
        }
        next[axis] += 1.0 / direction[axis].abs();
    }
}

fn unit(noise: &mut Noise) -> f64 {
    (noise.next() >> 11) as f64 / (1u64 << 53) as f64
}

/// Checks many rays, in all directions and along the axes, and that nothing is added.
fn check(
    bits: &[u8],
    sides: Voxel,
    eye: [f64; 3],
    noise: &mut Noise,
    body: Option<&Body>,
) -> usize {
    let [nx, ny, nz] = sides;
    let head = format!(
        r#"{{"resolution":{RESOLUTION},"origin":[{},{},{}],"width":[{nx},{ny},{nz}]}}"#,
        ORIGIN[0], ORIGIN[1], ORIGIN[2]
    );
    let payload = lz4_flex::block::compress(bits);
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&Json::from(head), &payload).unwrap();
    let head = *grid.head();
    let place = std::array::from_fn(|i| ORIGIN[i] + RESOLUTION * eye[i]);
    let mut filter = SurfaceFilter::default();
    let kept = filter.apply(&grid, place, body);
    let own = |voxel: Voxel| {
        body.is_some_and(|body| {
            let at = body.base_from_odom.apply(head.centre(voxel.map(|v| v as f64)));
            (0..3).all(|i| (body.shape.min[i]..=body.shape.max[i]).contains(&at[i]))
        })
    };
    kept.for_each(|x, y, z| assert!(holds(bits, sides, [x, y, z]), "added"));
    for ray in 0..3000 {
        let mut direction: [f64; 3] = std::array::from_fn(|_| 2.0 * unit(noise) - 1.0);
        match ray % 10 {
            0 => direction[ray / 10 % 3] = 0.0,
            1 => {
                direction =
                    std::array::from_fn(|i| if i == ray / 10 % 3 { direction[i] } else { 0.0 })
            }
            2 => direction[2] *= 0.05,
            _ => {}
        }
        if direction == [0.0; 3] {
            continue;
        }
        if let Some([x, y, z]) = first_hit(bits, sides, eye, direction, &own) {
            assert!(kept.is_occupied(x, y, z), "{x} {y} {z} from {eye:?} along {direction:?}");
        }
    }
    kept.count()
}

/// A room between these sides, walls of two voxels, filled behind them in the layers that are given; 20 of the walls'
/// voxels are missing.
fn filled_room(
    noise: &mut Noise,
    x: [usize; 2],
    y: [usize; 2],
    layers: std::ops::Range<usize>,
) -> Bits {
    let mut bits = synthetic::room(16_000);
    let inside = |i: usize, j: usize| (x[0]..=x[1]).contains(&i) && (y[0]..=y[1]).contains(&j);
    let mut walls = Vec::new();
    for k in 0..SIDES[2] {
        for j in 0..SIDES[1] {
            for i in 0..SIDES[0] {
                let bit = (k * SIDES[1] + j) * SIDES[0] + i;
                if inside(i, j) {
                    continue;
                }
                // Nothing of the other room.
                bits.bytes[bit / 8] &= !(0x80 >> (bit % 8));
                let near = (x[0].saturating_sub(2)..=x[1] + 2).contains(&i)
                    && (y[0].saturating_sub(2)..=y[1] + 2).contains(&j);
                if near && k > 10 {
                    walls.push(bit);
                } else if layers.contains(&k) {
                    bits.bytes[bit / 8] |= 0x80 >> (bit % 8);
                }
            }
        }
    }
    for bit in &walls {
        bits.bytes[bit / 8] |= 0x80 >> (bit % 8);
    }
    for _ in 0..20 {
        let bit = walls[noise.below(walls.len())];
        bits.bytes[bit / 8] &= !(0x80 >> (bit % 8));
    }
    bits
}

fn count(bits: &[u8]) -> usize {
    bits.iter().map(|byte| byte.count_ones() as usize).sum()
}

#[test]
fn the_first_occupied_voxel_of_every_ray_stays_and_the_filling_goes() {
    let mut noise = Noise(5);
    for round in 0..6 {
        let (x, y) = ([20 + round, 90], [25, 100 - 2 * round]);
        let bits = filled_room(&mut noise, x, y, 13..27);
        let before = count(&bits.bytes);
        let eye = std::array::from_fn(|i| [64.3, 64.7, 17.2][i] + unit(&mut noise) - 0.5);
        let after = check(&bits.bytes, SIDES, eye, &mut noise, None);
        assert!(after * 2 < before, "{after} of {before} stay");
        let after = after - count_inside(&bits, x, y).min(after);
        assert!(after < 14_000, "{after} beside what is in the room");
    }
}

fn count_inside(bits: &Bits, x: [usize; 2], y: [usize; 2]) -> usize {
    let mut inside = 0;
    for k in 0..SIDES[2] {
        for j in y[0]..=y[1] {
            inside += (x[0]..=x[1]).filter(|i| holds(&bits.bytes, SIDES, [*i, j, k])).count();
        }
    }
    inside
}

#[test]
fn at_the_windows_edges_and_corners_it_is_the_same() {
    let mut noise = Noise(6);
    let bits = filled_room(&mut noise, [0, 100], [10, 127], 13..27);
    for x in [0.01, 0.5, 127.99] {
        for y in [0.01, 64.5, 127.99] {
            for z in [0.01, 17.5, 37.99] {
                check(&bits.bytes, SIDES, [x, y, z], &mut noise, None);
            }
        }
    }
}

#[test]
fn noise_of_any_density_and_windows_of_other_widths_keep_every_first_hit() {
    let mut noise = Noise(7);
    for sides in [[8, 3, 2], [128, 16, 9], [136, 20, 5], [304, 9, 7], [512, 4, 3]] {
        for share in [0, 1, 5, 30, 70, 100] {
            let length = sides.iter().product::<usize>();
            let mut bits = vec![0_u8; length / 8];
            for bit in 0..length {
                if noise.below(100) < share {
                    bits[bit / 8] |= 0x80 >> (bit % 8);
                }
            }
            let eye = sides.map(|side| unit(&mut noise) * side as f64);
            check(&bits, sides, eye, &mut noise, None);
        }
    }
}

#[test]
fn the_robots_own_body_is_looked_through() {
    let mut noise = Noise(8);
    let mut bits = filled_room(&mut noise, [20, 90], [25, 100], 13..27);
    // It stands all around the LiDAR.
    for k in 12..24 {
        for j in 59..70 {
            for i in 56..73 {
                bits.set(i, j, k);
            }
        }
    }
    let shape = BodyBox { min: [-0.45, -0.3, -0.4], max: [0.45, 0.3, 0.3] };
    let at = Transform { translation: [0.0, 0.0, 0.32], ..Transform::IDENTITY };
    let body = Body { shape, base_from_odom: at.inverse() };
    let eye = [64.5, 64.5, 17.5];
    let seen = check(&bits.bytes, SIDES, eye, &mut noise, Some(&body));
    assert!(seen > 3000, "{seen}");
    assert!(
        check(&bits.bytes, SIDES, eye, &mut noise, None) < 1000,
        "without it the body hides all"
    );
}

#[test]
fn from_outside_the_window_all_stays() {
    let payload = synthetic::room(16_000).payload();
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&Json::from(synthetic::head()), &payload).unwrap();
    let mut filter = SurfaceFilter::default();
    for eye in [[-3.21, 0.0, 0.3], [0.0, 3.21, 0.3], [0.0, 0.0, 2.0], [f64::NAN, 0.0, 0.0]] {
        assert_eq!(filter.apply(&grid, eye, None).count(), 16_000);
    }
}
