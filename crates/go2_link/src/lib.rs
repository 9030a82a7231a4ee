//! The link to a Unitree GO2 over its local WebRTC interface, without ROS.

pub mod codec;
pub mod signaling;
pub mod state;
