//! Which velocities are sent for the commands that come, and when the robot is stopped. Pure: time is an argument.

mod following; // whether velocities take effect
mod governor;
mod pause; // whether this process did not run for a while
mod velocity;

pub use following::{Measured, News, ATTEMPT};
pub use governor::{Action, Governor, Ignored, Limits};
pub use pause::{Clocks, PauseDetector};
pub use velocity::{sticks, Velocity, VelocityApi, VelocityCommand};
