//! What the simulated robot sends and does, held against what was seen of real ones: docs/real-robots.md.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

#[path = "real_robot/commands.rs"]
mod commands;
#[path = "real_robot/lidar.rs"]
mod lidar;
#[path = "real_robot/network.rs"]
mod network;
#[path = "real_robot/state.rs"]
mod state;
mod wire;
