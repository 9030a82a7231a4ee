//! The robot's body: postures, actions, velocity and the gait of its legs. Pure; time is an argument.

mod act; // what it does when told
#[cfg(test)]
mod act_tests;
mod advance; // where it gets to
mod gait; // steps and joint angles
mod lag; // how a real body follows
#[cfg(test)]
mod real_tests;
#[cfg(test)]
mod tests;
mod walk; // velocities that are asked for
mod walls; // the room it takes

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::profile::{Facts, Gait, Heights, MotionFacts, Profile};
use crate::world::World;
use act::Doing;
use lag::Lag;
pub(crate) use walk::Source;
use walk::Wanted;

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
    /// Sitting on the hind legs.
    Sitting,
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
    /// Never [`Posture::Walking`].
    posture: Posture,
    doing: Option<Doing>,
    /// Until it has taken its posture.
    settles_at: Instant,
    /// Whether it stands after RecoveryStand, and not after BalanceStand.
    recovered: bool,
    /// While the motion mode changes: until when it lies, and until when it then stands before it can do anything.
    changing: Option<[Instant; 2]>,
    height: f64,
    /// What `body_height` tells beyond that.
    told_above: f64,
    height_offset: f64,
    /// Roll, pitch, yaw of the trunk beside its heading, what they are to be, and how fast they change.
    attitude: [f64; 3],
    tilt: [f64; 3],
    turning: [f64; 3],
    motion: Motion,
    wanted: Wanted,
    move_lasts: Option<Duration>,
    refuses_until: Option<Instant>,
    /// After StandUp: until when no velocity is heard.
    deaf_until: Option<Instant>,
    avoids: bool,
    takes_commands: bool,
    follows_by_itself: bool,
    charge: u32,
    gait_phase: f64,
    world: Option<Arc<World>>,
    /// Where it last bumped into a wall, until it is clear of it.
    contact: Option<Motion>,
    bump: Option<Motion>,
    lag: Lag,
    facts: &'static MotionFacts,
    now: Instant,
}

/// Metres a second at which a limp body drops, and at which `body_height` drifts from the trunk's height.
const DROPPING: f64 = 0.5;
const DRIFTING: f64 = 0.1;
/// Pitch of the trunk while sitting (rad; nose up is negative), and how fast attitudes change (rad/s).
const SITTING_PITCH: f64 = -0.5;
const TILTING: f64 = 1.0;
/// The change of velocity (m/s^2, m/s^2, rad/s^2).
const ACCELERATION: [f64; 3] = [4.0, 4.0, 8.0];
const SLICE: Duration = Duration::from_millis(5);
/// Charge in percent of a body of which nothing else is said.
const CHARGE: u32 = 55;

impl Body {
    /// A body that lies at the origin of an empty world, and is [`Profile::Ideal`]'s. A Move ends after `move_lasts`, or
    /// never.
    pub fn new(move_lasts: Option<Duration>, now: Instant) -> Self {
        let facts = &Profile::Ideal.facts().motion;
        Self {
            posture: Posture::Lying,
            doing: None,
            settles_at: now,
            recovered: false,
            changing: None,
            height: facts.heights.lying,
            told_above: 0.0,
            height_offset: 0.0,
            attitude: [0.0; 3],
            tilt: [0.0; 3],
            turning: [0.0; 3],
            motion: Motion::default(),
            wanted: Wanted::NOTHING,
            move_lasts,
            refuses_until: None,
            deaf_until: None,
            avoids: false,
            takes_commands: false,
            follows_by_itself: false,
            charge: CHARGE,
            gait_phase: 0.0,
            world: None,
            contact: None,
            bump: None,
            lag: Lag::default(),
            facts,
            now,
        }
    }

    /// The same body, of the kind of robot that is known so.
    pub fn like(self, facts: &'static Facts) -> Self {
        let facts = &facts.motion;
        let height = facts.heights.lying;
        Self { facts, height, told_above: facts.body_heights.lying - height, ..self }
    }

    /// The same body in a world with walls, which stop it. `None` if a wall is where it lies.
    pub fn within(self, world: Arc<World>) -> Option<Self> {
        let free = !walls::touches(&world, &self.motion);
        free.then_some(Self { world: Some(world), ..self })
    }

    /// The same body with so much charge in its battery, in percent.
    pub fn charged(self, charge: u32) -> Self {
        Self { charge, ..self }
    }

    /// The same body, which walks by itself or stands while it follows a leash.
    pub fn following(self, by_itself: bool) -> Self {
        Self { follows_by_itself: by_itself, ..self }
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

    /// Whether it has taken the posture that it was told to take.
    pub fn is_settled(&self) -> bool {
        self.now >= self.settles_at
    }

    /// Whether it stands as RecoveryStand leaves it.
    pub fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// What is known of bodies like this one.
    pub(crate) fn facts(&self) -> &'static MotionFacts {
        self.facts
    }

    /// Where it is and how fast.
    pub fn motion(&self) -> Motion {
        let [x, y] = self.lag.surge();
        Motion { vx: self.motion.vx + x, vy: self.motion.vy + y, ..self.motion }
    }

    /// Height of the trunk in the odometry frame, metres.
    pub fn height(&self) -> f64 {
        self.height + self.lag.bounce()
    }

    /// Height of the body over the ground in metres, as it tells it.
    pub fn told_height(&self) -> f64 {
        self.height() + self.told_above
    }

    /// Roll, pitch and yaw of the trunk in radians, in the odometry frame.
    pub fn attitude(&self) -> [f64; 3] {
        let [roll, pitch, yaw] = self.attitude;
        [roll, pitch, advance::wrapped(self.motion.yaw + yaw)]
    }

    /// How fast the trunk turns about its axes, rad/s.
    pub fn turning(&self) -> [f64; 3] {
        let [roll, pitch, yaw] = self.turning;
        [roll, pitch, yaw + self.motion.wz]
    }

    /// Charge of the battery in percent.
    pub fn charge(&self) -> u32 {
        self.charge
    }

    /// Lets the trunk stand higher or lower than usual, metres.
    pub fn set_height_offset(&mut self, offset: f64) {
        self.height_offset = offset;
    }

    fn is_moving(&self) -> bool {
        let Motion { vx, vy, wz, .. } = self.motion;
        vx.hypot(vy) > 0.01 || wz.abs() > 0.01 || self.wanted.velocity != [0.0; 3]
    }

    /// The height of its posture among these.
    fn height_among(&self, heights: &Heights) -> f64 {
        match self.posture {
            Posture::Lying | Posture::Damped => heights.lying,
            Posture::Sitting => heights.sitting,
            Posture::Locked => heights.locked + self.height_offset,
            Posture::Balancing | Posture::Walking => heights.balancing + self.height_offset,
        }
    }

    /// The least height that it can have, standing.
    fn standing(&self) -> f64 {
        self.facts.heights.locked + self.height_offset
    }

    /// Whether it has got up.
    fn is_up(&self) -> bool {
        self.height > 0.9 * self.standing()
    }

    /// Lets time pass.
    pub fn step(&mut self, now: Instant) {
        while self.now < now {
            let slice = (now - self.now).min(SLICE);
            self.integrate(slice.as_secs_f64());
            self.now += slice;
            self.settle();
        }
    }

    /// Ends what has lasted long enough.
    fn settle(&mut self) {
        self.end_walk();
        self.end_action();
    }

    fn integrate(&mut self, dt: f64) {
        let rest = match self.posture {
            Posture::Lying | Posture::Damped => [0.0; 3],
            Posture::Sitting => [0.0, SITTING_PITCH, 0.0],
            _ => self.tilt,
        };
        let height = self.height_among(&self.facts.heights);
        let speed = match self.posture {
            Posture::Damped if self.facts.gait != Gait::Exact => DROPPING,
            _ if height < self.height => self.facts.lowering,
            _ => self.facts.rising,
        };
        self.height = approach(self.height, height, speed * dt);
        let above = self.height_among(&self.facts.body_heights) - height;
        self.told_above = approach(self.told_above, above, DRIFTING * dt);
        let before = self.attitude;
        self.attitude = [0, 1, 2].map(|axis| approach(before[axis], rest[axis], TILTING * dt));
        self.turning = [0, 1, 2].map(|axis| (self.attitude[axis] - before[axis]) / dt);
        let wanted = self.velocity_now();
        match self.facts.gait {
            Gait::Exact => {
                let m = &mut self.motion;
                m.vx = approach(m.vx, wanted[0], ACCELERATION[0] * dt);
                m.vy = approach(m.vy, wanted[1], ACCELERATION[1] * dt);
                m.wz = approach(m.wz, wanted[2], ACCELERATION[2] * dt);
            }
            Gait::Measured { delay, time_constant, ripple, bounce } => {
                let wanted = self.lag.delayed(wanted, delay, self.now);
                let share = 1.0 - (-dt / time_constant.as_secs_f64()).exp();
                let twist = self.twist();
                let [vx, vy, wz] =
                    [0, 1, 2].map(|axis| lag::follow(twist[axis], wanted[axis], share));
                self.motion = Motion { vx, vy, wz, ..self.motion };
                self.lag.sway([vx, vy], ripple, bounce, dt);
            }
        }
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

    fn twist(&self) -> gait::Twist {
        [self.motion.vx, self.motion.vy, self.motion.wz]
    }

    /// Angles of hip, thigh and calf of the legs FR, FL, RR, RL in radians: a trot in which the diagonal
    /// legs move together.
    pub fn joints(&self) -> [f64; 12] {
        let mut joints = [0.0; 12];
        for (leg, angles) in joints.chunks_exact_mut(3).enumerate() {
            let foot = gait::foot(leg, self.gait_phase, self.twist(), self.height);
            let walking = gait::angles(leg, foot);
            let folded = match self.facts.gait {
                Gait::Exact => 0.0,
                Gait::Measured { .. } => self.folded(),
            };
            angles.copy_from_slice(&gait::folding(leg, walking, folded));
        }
        joints
    }

    /// How far the legs are folded under a body that lies, 0 to 1.
    fn folded(&self) -> f64 {
        let Heights { lying, sitting, .. } = self.facts.heights;
        ((0.5 * (lying + sitting) - self.height) / (0.5 * (sitting - lying))).clamp(0.0, 1.0)
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
