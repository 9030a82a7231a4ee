//! The protocol of the Unitree GO2 over its local WebRTC interface, pure: no network, no clock of its own, no log.
//!
//! Time is an argument everywhere. Decoding is `bytes -> Result<Value, Error>`; a session is the state machine
//! [`session::Machine`]; the way from a velocity command to what is sent is [`motion::Governor`].

pub mod clock; // the robot's time carried over to this computer's
pub mod codec; // the data channel's messages: bytes to values and back
pub mod commands; // what the robot can be told: actions, settings, motion modes
pub mod geometry; // rotations, rigid transforms
pub mod lidar; // voxel frames to clouds and scans
pub mod motion; // which velocities are sent for the commands that come
pub mod rate; // keeps a rate within a bound
pub mod session; // what a session does
pub mod signaling; // keys, offers and answers
pub mod state; // what the robot says of itself, in SI units
pub mod text; // text from outside, cleaned for people
pub mod throttle; // keeps repeated log messages quiet
pub mod video; // the video track: packets to access units
