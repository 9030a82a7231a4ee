//! The legs: where the feet go in a trot, and the joint angles that put them there. Pure.
//!
//! Points are in the trunk's frame in metres, legs in the order of the robot's motors: FR, FL, RR, RL.

use std::f64::consts::PI;

/// Velocities of the trunk in its own frame: m/s, m/s, rad/s.
pub(super) type Twist = [f64; 3];

/// Where the hip joints are: x forward of the middle, y to the side of it.
const HIP: [f64; 2] = [0.1934, 0.0465];
/// From the hip joint sideways to the thigh.
const SIDE: f64 = 0.0955;
/// Lengths of thigh and calf.
const LINK: f64 = 0.213;
/// How near to and how far from the thigh's joint the foot can be, by the limits of the calf's joint.
const REACH: std::ops::RangeInclusive<f64> = 0.09..=0.388;
/// Steps of each leg in a second, when it walks slowly.
const SLOWEST_HZ: f64 = 2.0;
/// Half of the longest step. Faster walking takes more steps instead.
const LONGEST: f64 = 0.14;
const LIFT: f64 = 0.06;

fn is_front(leg: usize) -> bool {
    leg < 2
}

/// 1 on the left, -1 on the right.
fn side(leg: usize) -> f64 {
    if leg.is_multiple_of(2) {
        -1.0
    } else {
        1.0
    }
}

fn hip(leg: usize) -> [f64; 2] {
    [if is_front(leg) { HIP[0] } else { -HIP[0] }, side(leg) * HIP[1]]
}

/// Where a foot is when the robot stands: under the thigh, and before it when there is no room under it.
fn stand(leg: usize, height: f64) -> [f64; 2] {
    let [x, y] = hip(leg);
    let folded = (REACH.start().powi(2) - height.powi(2)).max(0.0).sqrt();
    [x + folded, y + side(leg) * SIDE]
}

/// Steps a second at a velocity.
pub(super) fn frequency([vx, vy, wz]: Twist) -> f64 {
    let reach = (HIP[0]).hypot(HIP[1] + SIDE);
    let speed = vx.hypot(vy) + wz.abs() * reach;
    SLOWEST_HZ.max(0.25 * speed / LONGEST)
}

/// Where a foot is at a phase of the gait, 0 to 1. The diagonal legs move together; half of the time a foot
/// stands, and the trunk moves over it.
pub(super) fn foot(leg: usize, phase: f64, twist: Twist, height: f64) -> [f64; 3] {
    let together = leg == 0 || leg == 3;
    let phase = (phase + if together { 0.0 } else { 0.5 }).fract();
    let point = stand(leg, height);
    let stance = 0.5 / frequency(twist);
    let ([x, y], lift) = if phase < 0.5 {
        (after(point, twist, stance * (2.0 * phase - 0.5)), 0.0)
    } else {
        let swing = 2.0 * phase - 1.0;
        let [from, to] = [0.5, -0.5].map(|share| after(point, twist, stance * share));
        let between = |axis: usize| from[axis] + (to[axis] - from[axis]) * swing;
        ([between(0), between(1)], LIFT * (PI * swing).sin())
    };
    [x, y, lift - height]
}

/// Where a point of the ground is for the trunk when it has moved for some seconds.
fn after(point: [f64; 2], [vx, vy, wz]: Twist, seconds: f64) -> [f64; 2] {
    let turn = wz * seconds;
    let (sin, cos) = turn.sin_cos();
    // The way of the trunk is an arc.
    let (along, across) =
        if turn.abs() < 1e-6 { (seconds, 0.0) } else { (sin / wz, (1.0 - cos) / wz) };
    let x = point[0] - (vx * along - vy * across);
    let y = point[1] - (vx * across + vy * along);
    [x * cos + y * sin, y * cos - x * sin]
}

/// Angles of hip, thigh and calf that put a foot at a point, or towards it if it is out of reach.
pub(super) fn angles(leg: usize, foot: [f64; 3]) -> [f64; 3] {
    let [hip_x, hip_y] = hip(leg);
    let [x, y, z] = [foot[0] - hip_x, foot[1] - hip_y, foot[2]];
    let offset = side(leg) * SIDE;
    // The leg's plane turns about the hip; below the thigh it reaches this far down.
    let down = (y * y + z * z - offset * offset).max(0.0).sqrt();
    let hip = z.atan2(y) - (-down).atan2(offset);
    let reach = x.hypot(down).clamp(*REACH.start(), *REACH.end());
    let knee = 2.0 * (reach / 2.0 / LINK).acos();
    // Positive thigh angles swing the knee backwards, where it points.
    [hip, knee / 2.0 - x.atan2(down), -knee]
}

/// Angles of a leg that is folded under a body that lies, as recorded: beyond the limits of the model, and the rear
/// hips apart.
fn lying(leg: usize) -> [f64; 3] {
    let hip = if is_front(leg) { 0.0 } else { 0.36 * side(leg) };
    [hip, 1.34, -2.81]
}

/// Angles between these and those of a leg that is folded: 0 to 1.
pub(super) fn folding(leg: usize, angles: [f64; 3], folded: f64) -> [f64; 3] {
    let lying = lying(leg);
    [0, 1, 2].map(|joint| angles[joint] + folded * (lying[joint] - angles[joint]))
}

/// Where the foot is with these angles of hip, thigh and calf.
pub(super) fn foot_at(leg: usize, [hip_angle, thigh, calf]: [f64; 3]) -> [f64; 3] {
    let x = -LINK * (thigh.sin() + (thigh + calf).sin());
    let down = LINK * (thigh.cos() + (thigh + calf).cos());
    let (sin, cos) = hip_angle.sin_cos();
    let offset = side(leg) * SIDE;
    let [hip_x, hip_y] = hip(leg);
    [hip_x + x, hip_y + offset * cos + down * sin, offset * sin - down * cos]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_that_hangs_straight_ends_under_its_thigh() {
        let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        // FR, with the calf bent to the front by a right angle, then with the hip turned outwards.
        assert!(close(foot_at(0, [0.0; 3]), [0.1934, -0.142, -0.426]));
        let bent = foot_at(1, [0.0, 0.0, -PI / 2.0]);
        assert!(close(bent, [0.1934 + 0.213, 0.142, -0.213]), "{bent:?}");
        let out = foot_at(3, [PI / 2.0, 0.0, 0.0]);
        assert!(close(out, [-0.1934, 0.0465 + 0.426, 0.0955]), "{out:?}");
    }

    #[test]
    fn angles_put_the_feet_where_they_are_wanted_within_the_limits_of_the_joints() {
        let mut checked = 0;
        for twist in [
            [0.0; 3],
            [0.5, 0.0, 0.0],
            [-1.0, 0.0, 0.0],
            [3.8, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, -1.0, 0.0],
            [0.0, 0.0, 4.0],
            [0.0, 0.0, -4.0],
            [3.8, 1.0, 4.0],
            [-3.8, -1.0, 4.0],
        ] {
            for (leg, step) in (0..4).flat_map(|leg| (0..100).map(move |step| (leg, step))) {
                for height in [0.08, 0.09, 0.1, 0.2, 0.32] {
                    // It only walks when it stands.
                    let twist = if height < 0.3 { [0.0; 3] } else { twist };
                    let wanted = foot(leg, f64::from(step) / 100.0, twist, height);
                    let joints = angles(leg, wanted);
                    // Degrees.
                    let thigh = if is_front(leg) { -90.0..=200.0 } else { -30.0..=260.0 };
                    let limits = [-60.0..=60.0, thigh, -156.0..=-48.0];
                    for (angle, limit) in joints.iter().zip(&limits) {
                        assert!(
                            limit.contains(&angle.to_degrees()),
                            "{twist:?} {leg} {step}: {joints:?}"
                        );
                    }
                    // The lifted foot of a robot that is about to lie has no room; it does not matter.
                    if height > 0.15 || step < 50 && (leg == 0 || leg == 3) {
                        let is = foot_at(leg, joints);
                        let error = (0..3).map(|axis| (is[axis] - wanted[axis]).abs()).sum::<f64>();
                        assert!(error < 1e-9, "{twist:?} {leg} {step}: {is:?} is not {wanted:?}");
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 8000);
    }

    #[test]
    fn diagonal_legs_swing_together_and_high_enough() {
        let up = |leg: usize, phase: f64| foot(leg, phase, [0.5, 0.0, 0.0], 0.3)[2] + 0.3;
        for leg in 0..4 {
            let (stands, swings) = if leg == 0 || leg == 3 { (0.25, 0.75) } else { (0.75, 0.25) };
            assert!(up(leg, stands).abs() < 1e-12 && (up(leg, swings) - LIFT).abs() < 1e-9);
        }
    }
}
