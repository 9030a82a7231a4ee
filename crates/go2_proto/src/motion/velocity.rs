//! Velocities, and the three ways in which they go to the robot.

use serde_json::{json, Value};

/// A velocity of the body: m/s forward, m/s to the left, rad/s counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Velocity {
    /// m/s forward.
    pub x: f64,
    /// m/s to the left.
    pub y: f64,
    /// rad/s counter-clockwise.
    pub yaw: f64,
}

impl Velocity {
    /// Standing still.
    pub const ZERO: Self = Self { x: 0.0, y: 0.0, yaw: 0.0 };
}

/// The robot's API that carries velocity commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VelocityApi {
    /// Move of the sport service.
    #[default]
    Sport,
    /// Move of the obstacles_avoid service, which must have been told to take commands.
    Avoidance,
    /// The sticks of the hand-held remote: the velocity is in parts of their full deflection, -1 to 1.
    Sticks,
}

/// A velocity and the API that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VelocityCommand {
    /// How fast.
    pub velocity: Velocity,
    /// The API.
    pub api: VelocityApi,
}

impl From<Velocity> for VelocityCommand {
    fn from(velocity: Velocity) -> Self {
        Self { velocity, api: VelocityApi::Sport }
    }
}

/// What the hand-held remote would send. Its axes are forward and to the right, those of a velocity forward and to the left.
pub fn sticks(velocity: Velocity) -> Value {
    // Taken from zero, so that there is no negative zero.
    let [forward, left, turn] =
        [velocity.x, velocity.y, velocity.yaw].map(|part| part.clamp(-1.0, 1.0));
    json!({"lx": 0.0 - left, "ly": forward, "rx": 0.0 - turn, "ry": 0.0, "keys": 0})
}
