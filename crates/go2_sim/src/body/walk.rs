//! Velocities that are asked for: by whom, when they are obeyed, how long they last.

use std::time::{Duration, Instant};

use super::{walls, Body, Posture, ACCELERATION};
use crate::profile::Gait;

/// Who asks the robot to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Move of the sport service: goes into walls.
    Sport,
    /// Move of the service that avoids obstacles.
    Avoidance,
    /// The stick channel.
    Sticks,
}

/// A velocity that is asked for: m/s, m/s, rad/s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) velocity: [f64; 3],
    source: Source,
    until: Option<Instant>,
}

impl Wanted {
    pub(super) const NOTHING: Self =
        Self { velocity: [0.0; 3], source: Source::Sport, until: None };
}

/// Limits of velocity (m/s, m/s, rad/s).
const FASTEST: [f64; 3] = [3.8, 1.0, 4.0];
/// Velocities of sticks that are pushed to their ends, usually and in rage mode.
const STICKS: [f64; 3] = [1.5, 0.6, 2.0];
const RAGE: [f64; 3] = [2.5, 1.0, 5.0];
/// How it walks behind a leash by itself.
const FOLLOWS: [f64; 3] = [0.2, 0.0, 0.0];
/// A message of the sticks lasts this long.
const STICKS_LAST: Duration = Duration::from_secs(1);
/// A robot that avoids obstacles stays this far from walls before it (m).
const AVOIDS_WITHIN: f64 = 0.5;

impl Body {
    /// Asks for a velocity (m/s, m/s, rad/s). Where it cannot be had nothing happens, and nobody is told.
    pub(crate) fn walk(&mut self, source: Source, velocity: [f64; 3], now: Instant) {
        self.step(now);
        let limits = if self.is_doing("rage_mode") { RAGE } else { FASTEST };
        if self.hears(source) && self.is_walkable() {
            let clamp = |axis: usize| velocity[axis].clamp(-limits[axis], limits[axis]);
            let lasts = if source == Source::Sticks { Some(STICKS_LAST) } else { self.move_lasts };
            let until = lasts.map(|lasts| now + lasts);
            self.wanted = Wanted { velocity: [0, 1, 2].map(clamp), source, until };
        }
    }

    /// Sticks: `ly` forward, `lx` to the right, `rx` turn to the right; each -1 to 1.
    pub(crate) fn push_sticks(&mut self, lx: f64, ly: f64, rx: f64, now: Instant) {
        let [x, y, yaw] = if self.is_doing("rage_mode") { RAGE } else { STICKS };
        let [lx, ly, rx] = [lx, ly, rx].map(|stick| stick.clamp(-1.0, 1.0));
        self.walk(Source::Sticks, [ly * x, -lx * y, -rx * yaw], now);
    }

    /// Avoids obstacles or does not.
    pub(crate) fn avoid(&mut self, on: bool) {
        self.avoids = on;
    }

    /// Takes commands from the service that avoids obstacles, and from nobody else. What it does goes on.
    pub(crate) fn take_commands(&mut self, take: bool) {
        self.takes_commands = take;
    }

    /// Whether it takes commands from that service only.
    pub(crate) fn takes_commands(&self) -> bool {
        self.takes_commands
    }

    /// Does not obey until then.
    pub(crate) fn refuse_to_walk_until(&mut self, until: Instant) {
        self.refuses_until = Some(until);
    }

    pub(super) fn stand_still(&mut self) {
        self.wanted = Wanted::NOTHING;
    }

    pub(super) fn end_walk(&mut self) {
        if self.wanted.until.is_some_and(|until| self.now >= until) {
            self.stand_still();
        }
    }

    fn hears(&self, source: Source) -> bool {
        let later = |until: Option<Instant>| until.is_some_and(|until| self.now < until);
        let refuses = later(self.refuses_until) || later(self.deaf_until);
        let heard = match source {
            // In rage mode it obeys sticks only.
            Source::Sport => !self.takes_commands && !self.is_doing("rage_mode"),
            Source::Sticks => !self.takes_commands,
            Source::Avoidance => self.takes_commands && self.avoids && !self.is_doing("rage_mode"),
        };
        heard && !refuses
    }

    fn is_walkable(&self) -> bool {
        self.posture == Posture::Balancing && self.is_up() && self.doing_lets_walk()
    }

    /// The velocity at which it aims: what is asked for, if it still can walk and need not keep from a wall.
    pub(super) fn velocity_now(&self) -> [f64; 3] {
        let Wanted { velocity: [x, y, yaw], source, .. } = self.wanted;
        if self.follows_by_itself && self.is_doing("lead_follow") {
            return FOLLOWS;
        }
        if self.posture != Posture::Balancing || !self.doing_lets_walk() {
            return [0.0; 3];
        }
        let filtered = self.avoids && source != Source::Sport && x > 0.0;
        let speed = self.motion.vx;
        let braking = match self.facts.gait {
            Gait::Exact => speed.powi(2) / 2.0 / ACCELERATION[0],
            Gait::Measured { delay, time_constant, .. } => {
                speed * (delay + time_constant).as_secs_f64()
            }
        };
        let sees_wall = |world| walls::ahead(world, &self.motion, AVOIDS_WITHIN + braking);
        let keeps_off = filtered && self.world.as_deref().is_some_and(sees_wall);
        [if keeps_off { 0.0 } else { x }, y, yaw]
    }
}
