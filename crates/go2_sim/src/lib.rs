//! A Unitree GO2 that is not there: the robot's side of the link, on a loopback address.
//!
//! It must not be kinder than a robot. Where robots differ, the default is the harsher one.

pub mod body; // postures, velocity, gait: pure
pub mod camera; // the front camera: rendering, H.264, RTP
mod client; // what the robot says to the client in session
mod clock; // the robot's clock
mod discovery; // who asks which robots are there
pub mod garbage; // messages that no client may stumble over
mod gate; // a network with only one way in
mod hardware; // body, LiDAR and world, shared by sessions
mod http; // the minimal HTTP server
pub mod lidar; // what the LiDAR sees, the voxel map: pure
pub mod log; // what happened, for tests
mod messages; // the JSON of the state messages
pub mod mishap; // what goes wrong on purpose
pub mod network; // what packets meet on their way
mod odd; // texts with what no text should have: pure
mod options; // the command line
mod print; // numbers as the robot prints them: pure
pub mod profile; // what was seen of which real robot
mod robot; // signaling, the one slot
mod sensors; // the truth with bias and noise: pure
pub mod services; // what each service does with requests: pure
pub mod world; // walls and what rays hit: pure

pub use camera::{Coding, StreamError, VideoOptions};
pub use mishap::{Failure, Fate, Garbage, LidarFailure, Mishap, Mishaps, Span, Streams};
pub use network::{Blackout, Impairment, Network, NetworkOptions};
pub use options::{Firmware, Generation, Options, Validation};
pub use profile::Profile;
pub use robot::{Robot, StartError, SOON};
pub use services::{Refusal, Service, ServiceOptions, Target};
