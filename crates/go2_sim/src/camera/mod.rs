//! The front camera: what it sees, encoded and sent as the robot does.

pub mod lens;
pub mod picture;
pub mod stamp;

mod bricks;
mod encode;
mod network;
mod render;
mod rtp;
