//! The room that the body takes. Pure.

use super::Motion;
use crate::world::World;

/// Half of the body's length and width with its legs, in metres.
const HALF: [f64; 2] = [0.35, 0.16];
/// Between the points at which walls are looked for. What is thinner can be missed.
const SPACING: f64 = 0.02;

/// Whether a wall is where the body would be. Only its outline is looked at: what is to get inside must cross it.
pub(super) fn touches(world: &World, motion: &Motion) -> bool {
    let (sin, cos) = motion.yaw.sin_cos();
    let occupied = |x: f64, y: f64| {
        world.is_occupied(motion.x + x * cos - y * sin, motion.y + x * sin + y * cos)
    };
    let along = |axis: usize| {
        let steps = (2.0 * HALF[axis] / SPACING).ceil();
        (0..=steps as u32).map(move |step| HALF[axis] * (2.0 * f64::from(step) / steps - 1.0))
    };
    along(0).any(|x| occupied(x, HALF[1]) || occupied(x, -HALF[1]))
        || along(1).any(|y| occupied(HALF[0], y) || occupied(-HALF[0], y))
}

/// Whether a wall is less than `within` metres before the nose, as wide as the body.
pub(super) fn ahead(world: &World, motion: &Motion, within: f64) -> bool {
    let (sin, cos) = motion.yaw.sin_cos();
    [-HALF[1], 0.0, HALF[1]].into_iter().any(|side| {
        let from = [motion.x - side * sin, motion.y + side * cos];
        world.cast(from, motion.yaw, HALF[0] + within).is_some()
    })
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    #[test]
    fn the_body_is_longer_than_wide() {
        let world = World::house();
        let touches = |x, y, yaw| touches(&world, &Motion { x, y, yaw, ..Motion::default() });
        assert!(!touches(0.0, 0.0, 0.7));
        // The wall in the east begins at 3.10 m.
        assert!(!touches(2.74, 0.0, 0.0) && touches(2.76, 0.0, 0.0));
        assert!(!touches(2.93, 0.0, FRAC_PI_2) && touches(2.95, 0.0, FRAC_PI_2));
        // The doorway is 0.9 m wide: through it forwards, and not sideways when off its middle.
        assert!(!touches(3.15, 1.35, 0.0) && !touches(3.15, 1.35, FRAC_PI_2));
        assert!(!touches(3.15, 1.6, 0.0) && touches(3.15, 1.6, FRAC_PI_2));
        // A pillar of 0.15 m.
        assert!(touches(1.42, 1.8, 0.0) && !touches(1.42, 1.7, 0.0));
    }
    #[test]
    fn walls_are_seen_before_the_nose() {
        let world = World::house();
        let ahead =
            |x, yaw, within| super::ahead(&world, &Motion { x, yaw, ..Motion::default() }, within);
        assert!(!ahead(2.2, 0.0, 0.5) && ahead(2.3, 0.0, 0.5));
        assert!(!ahead(2.3, 2.0, 0.5) && ahead(0.0, 0.0, 3.0));
    }
}
