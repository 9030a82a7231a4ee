//! Where the body gets to in a moment, with walls around it.

use std::f64::consts::{PI, TAU};

use super::{walls, Body, Motion};

/// A contact with a wall ends when the body has moved or turned this far from it (m, rad).
const CLEAR: [f64; 2] = [0.05, 0.15];

impl Body {
    /// Moves the body by its velocity, unless a wall is in the way.
    pub(super) fn advance(&mut self, dt: f64) {
        let m = self.motion;
        let Motion { vx, vy, .. } = self.motion();
        let (sin, cos) = m.yaw.sin_cos();
        let moved = Motion {
            x: m.x + (vx * cos - vy * sin) * dt,
            y: m.y + (vx * sin + vy * cos) * dt,
            yaw: wrapped(m.yaw + m.wz * dt),
            ..m
        };
        let stopped = Motion { vx: 0.0, vy: 0.0, ..m };
        let still = Motion { wz: 0.0, ..stopped };
        let free = |motion: &Motion| match &self.world {
            Some(world) => [m.vx, m.vy, m.wz] == [0.0; 3] || !walls::touches(world, motion),
            None => true,
        };
        // What is left of a motion into a wall: it turns where it is, or goes straight on, or stands.
        let next =
            [moved, Motion { yaw: moved.yaw, ..stopped }, Motion { wz: 0.0, yaw: m.yaw, ..moved }];
        let next = next.into_iter().find(free);
        let blocked = next.is_none_or(|next| [next.vx, next.vy, next.wz] != [m.vx, m.vy, m.wz]);
        self.motion = next.unwrap_or(still);
        self.feel(blocked);
    }

    /// Keeps count of contacts with walls.
    fn feel(&mut self, blocked: bool) {
        let m = self.motion;
        if let Some(at) = self.contact {
            let turned = wrapped(m.yaw - at.yaw).abs();
            if (m.x - at.x).hypot(m.y - at.y) > CLEAR[0] || turned > CLEAR[1] {
                self.contact = None;
            }
        }
        if blocked && self.contact.is_none() {
            (self.contact, self.bump) = (Some(m), Some(m));
        }
    }
}

/// An angle between minus and plus half a turn.
pub(super) fn wrapped(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}
