//! The robot's body: postures, velocity and the gait of its legs. Pure; time is an argument.

use std::f64::consts::{PI, TAU};
use std::time::{Duration, Instant};

use go2_link::codec::api;
use serde_json::Value;

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
/// Lengths of thigh and calf in metres.
const LINK: f64 = 0.213;
const GAIT_HZ: f64 = 2.0;
const FOOT_LIFT: f64 = 0.06;

impl Body {
    /// A body that lies at the origin. A Move ends after `move_lasts`, or never.
    pub fn new(move_lasts: Option<Duration>, now: Instant) -> Self {
        Self {
            posture: Posture::Lying,
            height: LYING,
            motion: Motion::default(),
            wanted: [0.0; 3],
            wanted_at: now,
            move_lasts,
            gait_phase: 0.0,
            now,
        }
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
        let (sin, cos) = m.yaw.sin_cos();
        m.x += (m.vx * cos - m.vy * sin) * dt;
        m.y += (m.vx * sin + m.vy * cos) * dt;
        m.yaw = (m.yaw + m.wz * dt + PI).rem_euclid(TAU) - PI;
        if self.is_moving() {
            self.gait_phase = (self.gait_phase + GAIT_HZ * dt).fract();
        }
    }

    /// Angles of hip, thigh and calf of the legs FR, FL, RR, RL in radians: a trot in which the diagonal
    /// legs move together.
    pub fn joints(&self) -> [f64; 12] {
        let mut joints = [0.0; 12];
        for (leg, angles) in joints.chunks_exact_mut(3).enumerate() {
            let in_phase = leg == 0 || leg == 3;
            let phase = (self.gait_phase + if in_phase { 0.0 } else { 0.5 }).fract();
            let (forward, lift) = if self.is_moving() { self.foot(leg, phase) } else { (0.0, 0.0) };
            let (thigh, calf) = leg_angles(forward, self.height - lift);
            angles[1] = thigh;
            angles[2] = calf;
        }
        joints
    }

    /// Where a foot is along its step: metres forward of the hip and over the ground.
    fn foot(&self, leg: usize, phase: f64) -> (f64, f64) {
        let side = if leg.is_multiple_of(2) { -1.0 } else { 1.0 }; // right legs first
        let Motion { vx, wz, .. } = self.motion;
        // Half of the time the foot stands, and the body moves over it.
        let stride = (vx - side * wz * 0.142) / GAIT_HZ / 2.0;
        if phase < 0.5 {
            (stride * (0.5 - 2.0 * phase), 0.0)
        } else {
            let swing = 2.0 * phase - 1.0;
            (stride * (swing - 0.5), FOOT_LIFT * (PI * swing).sin())
        }
    }
}

fn approach(value: f64, target: f64, step: f64) -> f64 {
    value + (target - value).clamp(-step, step)
}

/// Thigh and calf angles that put the foot `forward` of the hip and `down` below it.
fn leg_angles(forward: f64, down: f64) -> (f64, f64) {
    let reach = forward.hypot(down).clamp(0.05, 2.0 * LINK - 0.005);
    let knee = 2.0 * (reach / 2.0 / LINK).acos();
    // Positive thigh angles swing the knee backwards, where it points.
    let thigh = knee / 2.0 - (forward / down.max(0.01)).atan();
    (thigh, -knee)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    fn standing(move_lasts: Option<f64>) -> (Body, Instant) {
        let start = Instant::now();
        let mut body = Body::new(move_lasts.map(Duration::from_secs_f64), start);
        assert_eq!(body.execute(api::BALANCE_STAND, "", start), 0);
        (body, seconds(start, 2.0))
    }

    const FORWARD: &str = r#"{"x":0.5,"y":0,"z":0}"#;

    #[test]
    fn walks_only_when_balancing() {
        let start = Instant::now();
        let mut body = Body::new(None, start);
        for api_id in [api::STAND_DOWN, api::STAND_UP] {
            body.execute(api_id, "", start);
            assert_eq!(body.execute(api::MOVE, FORWARD, seconds(start, 2.0)), 0);
            body.step(seconds(start, 3.0));
            assert_eq!(body.motion().x, 0.0);
        }
        body.execute(api::BALANCE_STAND, "", seconds(start, 3.0));
        body.execute(api::MOVE, FORWARD, seconds(start, 5.0));
        body.step(seconds(start, 7.0));
        assert!((0.9..1.0).contains(&body.motion().x), "{:?}", body.motion());
        assert_eq!(body.posture(), Posture::Walking);
    }

    #[test]
    fn a_move_lasts_for_ever_or_times_out() {
        for (lasts, walks) in [(None, true), (Some(1.5), false)] {
            let (mut body, now) = standing(lasts);
            body.execute(api::MOVE, FORWARD, now);
            body.step(seconds(now, 10.0));
            body.step(seconds(now, 20.0));
            assert_eq!(body.motion().vx > 0.4, walks);
        }
    }

    #[test]
    fn stop_move_stops_and_damp_drops() {
        let (mut body, now) = standing(None);
        body.execute(api::MOVE, FORWARD, now);
        body.execute(api::STOP_MOVE, "", seconds(now, 1.0));
        body.step(seconds(now, 2.0));
        assert_eq!((body.motion().vx, body.posture()), (0.0, Posture::Balancing));
        body.execute(api::DAMP, "", seconds(now, 2.0));
        body.execute(api::STAND_UP, "", seconds(now, 3.0));
        body.step(seconds(now, 4.0));
        assert_eq!((body.posture(), body.height()), (Posture::Damped, LYING));
        body.execute(api::RECOVERY_STAND, "", seconds(now, 4.0));
        assert_eq!(body.posture(), Posture::Balancing);
    }

    #[test]
    fn turns_about_itself_and_walks_circles() {
        let (mut body, now) = standing(None);
        body.execute(api::MOVE, r#"{"x":0.5,"y":0,"z":0.5}"#, now);
        body.step(seconds(now, TAU / 0.5));
        let Motion { x, y, .. } = body.motion();
        assert!(x.hypot(y) < 0.2, "a circle of 1 m closes: {x} {y}");
        assert!(body.joints().iter().all(|angle| angle.is_finite()));
    }

    #[test]
    fn bad_parameters_and_unknown_apis_have_codes() {
        let (mut body, now) = standing(None);
        assert_eq!(body.execute(api::MOVE, "{}", now), BAD_PARAMETER);
        assert_eq!(body.execute(api::MOVE, "", now), BAD_PARAMETER);
        assert_eq!(body.execute(1042, "", now), NOT_IMPLEMENTED);
    }

    #[test]
    fn standing_joints_are_within_the_limits_of_the_real_ones() {
        let (mut body, now) = standing(None);
        body.step(now);
        let [hip, thigh, calf] = [0, 1, 2].map(|joint| body.joints()[joint]);
        assert_eq!(hip, 0.0);
        assert!((0.6..1.0).contains(&thigh) && (-2.0..-1.3).contains(&calf), "{thigh} {calf}");
        // The foot is under the hip, at the height of the trunk.
        assert!((LINK * (thigh.sin() + (thigh + calf).sin())).abs() < 1e-9);
        assert!((LINK * (thigh.cos() + (thigh + calf).cos()) - STANDING).abs() < 1e-9);
    }
}
