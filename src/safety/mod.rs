//! What keeps the robot from walking when nobody means it to. Pure: time is an argument.

mod following; // whether velocities take effect
mod governor;

pub(crate) use following::{Measured, News};
pub(crate) use governor::{Action, Governor, Limits};
