//! The robot's body: postures, velocity and the gait of its legs. Pure; time is an argument.

mod gait; // steps and joint angles
#[cfg(test)]
mod tests;
mod walls; // the room it takes

use std::f64::consts::{PI, TAU};
use std::sync::Arc;
use std::time::{Duration, Instant};

use go2_link::codec::api;
use serde_json::Value;

use crate::world::World;

/// Status of a request that the sport service does not have.
pub const NOT_IMPLEMENTED: i64 = 3203;
/// Status of a parameter that cannot be read.
const BAD_PARAMETER: i64 = 3204;

/// What the body is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posture {
    /// Lying on the belly.
    Lying,
    /// Standing with locked joints: cannot walk.
    Locked,
    /// Standing and balancing: can walk.
    Balancing,
    /// Walking.
    Walking,
    /// Limp.
    Damped,
}

/// Position in the odometry frame and velocities in the body's.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Motion {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
    pub vx: f64,
    pub vy: f64,
    pub wz: f64,
}

/// A kinematic body.
pub struct Body {
    posture: Posture,
    height: f64,
    motion: Motion,
    wanted: [f64; 3],
    wanted_at: Instant,
    move_lasts: Option<Duration>,
    gait_phase: f64,
    world: Option<Arc<World>>,
    /// Where it last bumped into a wall, until it is clear of it.
    contact: Option<Motion>,
    bump: Option<Motion>,
    now: Instant,
}

/// Height of the trunk in metres.
const STANDING: f64 = 0.32;
const LYING: f64 = 0.08;
/// Metres a second while standing up or lying down.
const RISING: f64 = 0.3;
/// Limits of velocity (m/s, m/s, rad/s) and of its change.
const FASTEST: [f64; 3] = [3.8, 1.0, 4.0];
const ACCELERATION: [f64; 3] = [4.0, 4.0, 8.0];
/// A contact with a wall ends when the body has moved or turned this far from it (m, rad).
const CLEAR: [f64; 2] = [0.05, 0.15];

impl Body {
    /// A body that lies at the origin of an empty world. A Move ends after `move_lasts`, or never.
    pub fn new(move_lasts: Option<Duration>, now: Instant) -> Self {
        Self {
            posture: Posture::Lying,
            height: LYING,
            motion: Motion::default(),
            wanted: [0.0; 3],
            wanted_at: now,
            move_lasts,
            gait_phase: 0.0,
            world: None,
            contact: None,
            bump: None,
            now,
        }
    }

    /// The same body in a world with walls, which stop it. `None` if a wall is where it lies.
    pub fn within(self, world: Arc<World>) -> Option<Self> {
        let free = !walls::touches(&world, &self.motion);
        free.then_some(Self { world: Some(world), ..self })
    }

    /// Where it has bumped into a wall since this was last asked. Each contact is told once.
    pub fn take_bump(&mut self) -> Option<Motion> {
        self.bump.take()
    }

    /// What it is doing.
    pub fn posture(&self) -> Posture {
        match self.posture {
            Posture::Balancing if self.is_moving() => Posture::Walking,
            posture => posture,
        }
    }

    /// Where it is and how fast.
    pub fn motion(&self) -> Motion {
        self.motion
    }

    /// Height of the trunk in metres.
    pub fn height(&self) -> f64 {
        self.height
    }

    fn is_moving(&self) -> bool {
        let Motion { vx, vy, wz, .. } = self.motion;
        vx.hypot(vy) > 0.01 || wz.abs() > 0.01 || self.wanted != [0.0; 3]
    }

    /// Executes a request of the sport service and returns its status.
    pub fn execute(&mut self, api_id: i64, parameter: &str, now: Instant) -> i64 {
        self.step(now);
        let posture = match api_id {
            api::DAMP => Posture::Damped,
            api::BALANCE_STAND | api::RECOVERY_STAND => Posture::Balancing,
            api::STAND_UP => Posture::Locked,
            api::STAND_DOWN => Posture::Lying,
            api::STOP_MOVE => {
                self.wanted = [0.0; 3];
                return 0;
            }
            api::MOVE => return self.walk(parameter, now),
            _ => return NOT_IMPLEMENTED,
        };
        // A limp robot only gets up by RecoveryStand; the others answer success and do nothing.
        if self.posture != Posture::Damped || api_id == api::RECOVERY_STAND {
            self.posture = posture;
        }
        self.wanted = [0.0; 3];
        0
    }

    fn walk(&mut self, parameter: &str, now: Instant) -> i64 {
        let Ok(parameter) = serde_json::from_str::<Value>(parameter) else {
            return BAD_PARAMETER;
        };
        let [Some(x), Some(y), Some(z)] = ["x", "y", "z"].map(|axis| parameter[axis].as_f64())
        else {
            return BAD_PARAMETER;
        };
        // In any other posture the robot says yes and stays where it is.
        if self.posture == Posture::Balancing && self.height > 0.9 * STANDING {
            let clamp = |value: f64, axis: usize| value.clamp(-FASTEST[axis], FASTEST[axis]);
            self.wanted = [clamp(x, 0), clamp(y, 1), clamp(z, 2)];
            self.wanted_at = now;
        }
        0
    }

    /// Lets time pass.
    pub fn step(&mut self, now: Instant) {
        let mut left = now.saturating_duration_since(self.now).as_secs_f64();
        if self
            .move_lasts
            .is_some_and(|lasts| now.saturating_duration_since(self.wanted_at) > lasts)
        {
            self.wanted = [0.0; 3];
        }
        self.now = now;
        while left > 0.0 {
            let dt = left.min(0.005);
            self.integrate(dt);
            left -= dt;
        }
    }

    fn integrate(&mut self, dt: f64) {
        let target = match self.posture {
            Posture::Lying | Posture::Damped => LYING,
            _ => STANDING,
        };
        self.height = approach(self.height, target, RISING * dt);
        let wanted = if self.posture == Posture::Balancing { self.wanted } else { [0.0; 3] };
        let m = &mut self.motion;
        m.vx = approach(m.vx, wanted[0], ACCELERATION[0] * dt);
        m.vy = approach(m.vy, wanted[1], ACCELERATION[1] * dt);
        m.wz = approach(m.wz, wanted[2], ACCELERATION[2] * dt);
        self.advance(dt);
        // A step that is begun is ended.
        let steps = gait::frequency(self.twist()) * dt;
        let landed = (2.0 * (self.gait_phase + steps)).floor() > (2.0 * self.gait_phase).floor();
        if self.is_moving() {
            self.gait_phase = (self.gait_phase + steps).fract();
        } else if !self.stands() {
            self.gait_phase = if landed { 0.0 } else { self.gait_phase + steps };
        }
    }

    /// Whether all four feet are on the ground.
    fn stands(&self) -> bool {
        self.gait_phase == 0.0
    }

    /// Moves the body by its velocity, unless a wall is in the way.
    fn advance(&mut self, dt: f64) {
        let m = self.motion;
        let (sin, cos) = m.yaw.sin_cos();
        let moved = Motion {
            x: m.x + (m.vx * cos - m.vy * sin) * dt,
            y: m.y + (m.vx * sin + m.vy * cos) * dt,
            yaw: (m.yaw + m.wz * dt + PI).rem_euclid(TAU) - PI,
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
            let turned = ((m.yaw - at.yaw + PI).rem_euclid(TAU) - PI).abs();
            if (m.x - at.x).hypot(m.y - at.y) > CLEAR[0] || turned > CLEAR[1] {
                self.contact = None;
            }
        }
        if blocked && self.contact.is_none() {
            (self.contact, self.bump) = (Some(m), Some(m));
        }
    }

    fn twist(&self) -> gait::Twist {
        [self.motion.vx, self.motion.vy, self.motion.wz]
    }

    /// Angles of hip, thigh and calf of the legs FR, FL, RR, RL in radians: a trot in which the diagonal
    /// legs move together.
    pub fn joints(&self) -> [f64; 12] {
        let mut joints = [0.0; 12];
        for (leg, angles) in joints.chunks_exact_mut(3).enumerate() {
            let foot = gait::foot(leg, self.gait_phase, self.twist(), self.height);
            angles.copy_from_slice(&gait::angles(leg, foot));
        }
        joints
    }

    /// Where these joints put the feet of the legs FR, FL, RR, RL: metres in the trunk's frame.
    pub fn feet(&self) -> [[f64; 3]; 4] {
        let joints = self.joints();
        [0, 1, 2, 3].map(|leg| gait::foot_at(leg, [0, 1, 2].map(|joint| joints[3 * leg + joint])))
    }
}

fn approach(value: f64, target: f64, step: f64) -> f64 {
    value + (target - value).clamp(-step, step)
}
