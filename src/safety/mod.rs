//! What keeps the robot from walking when nobody means it to. Pure: time is an argument.

mod governor;

pub(crate) use governor::{Action, Governor, Limits};
