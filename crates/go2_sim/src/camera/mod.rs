//! The front camera: what it sees, encoded and sent as the robot does.

mod network;
mod rtp;
