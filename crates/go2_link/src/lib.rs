//! The link to a Unitree GO2 over its local WebRTC interface, without ROS.
//!
//! State flows `signaling > transport > codec > state`, commands the other way round. A [`session::Link`] is
//! what an application holds.
//!
//! ```no_run
//! # async fn example() {
//! use go2_link::state::{LowState, State};
//! use go2_link::{session::LinkBuilder, signaling::Target, transport::webrtc::WebRtcConnector};
//!
//! let mut builder = LinkBuilder::default();
//! let mut low_states = builder.subscribe(LowState::TOPIC, 4);
//! let link = builder.start(WebRtcConnector::new(Target::new("192.168.12.1")));
//! while let Ok(message) = low_states.recv().await {
//!     if let Ok(state) = LowState::decode(&message.data) {
//!         println!("{:?} V", state.voltage);
//!     }
//! }
//! link.close().await;
//! # }
//! ```

pub mod clock; // the robot's time carried over to this computer's
pub mod codec; // the data channel's language: bytes to values and back
pub mod commands; // what the robot can be told: actions, settings, motion modes
pub mod discovery; // robots that answer in this network
pub mod failpoint; // where tests have this program fail
pub mod geometry; // rotations, rigid transforms
pub mod help; // which section of docs/troubleshooting.md a failure is in
pub mod interfaces; // the network interfaces of this computer
pub mod interruption; // signals that end or suspend a program
pub mod lidar; // voxel frames to clouds and scans
pub mod media; // the video track: packets to pictures
pub mod motion; // which velocities are sent for the commands that come
pub mod progress; // the steps of connecting, as they are passed
pub mod rate; // keeps a rate within a bound
#[cfg(feature = "mcap")]
pub mod recording; // what passed between robot and client, in a file
pub mod secret; // keys, tokens and passwords: never shown
pub mod session; // what a session does, and the link that keeps making sessions
pub mod signaling; // the HTTP exchange that comes before
pub mod state; // what the robot says of itself, in SI units
pub mod text; // text from outside, cleaned for people
pub mod thread; // threads with a runtime of their own
pub mod throttle; // keeps repeated log messages quiet
pub mod transport; // what carries the messages: WebRTC
