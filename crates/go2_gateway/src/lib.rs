//! The browser's way to a Unitree GO2.
//!
//! A page makes a WebRTC offer and POSTs it to `/offer`. The gateway hands it to the robot, with the encryption that a page cannot do
//! itself ([`Direct`]), or answers it in the robot's place and lets many share one session ([`Shared`]). It knows no ROS.

mod access; // who may do what: pure
mod console; // the page
mod direct; // offers straight to a robot
mod door; // how many connections there may be: pure
mod guesses; // wrong tokens: pure
mod offer; // what a page sends: pure
mod refusal; // why not, in words
mod server; // HTTP
mod shared; // one session with the robot for many viewers

pub use access::{Access, Foreign, Rights, ShortToken, Viewing, SHORTEST_TOKEN};
pub use direct::Direct;
pub use refusal::Refusal;
pub use server::{Gateway, Place, StartError};
pub use shared::{Later, Pilot, Shared, Stop, MOST_VIEWERS, RESERVED};
