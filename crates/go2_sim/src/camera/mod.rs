//! The front camera: what it sees, encoded and sent as the robot does.
//!
//! ```text
//! shoot:  body > render > stamp > encode    on a thread, while some client has the video on
//! video:  go2_server (RTP, SRTP) > network    a task of the session, which hears the client's feedback
//! ```
//!
//! Robots are not known to answer picture loss indications or requests for lost packets, so this one does neither by
//! default, and its client comes into the middle of a group of pictures. Tests find the frame's number in the picture:
//! `stamp.rs` says where.

pub mod lens;
pub mod picture;
pub mod stamp;

mod bricks; // what walls look like
mod cabac; // a setting that the encoder hides
mod encode; // H.264
mod network; // loses, delays and repeats packets
mod options;
mod order; // in which pictures of a stream are shown
mod render; // what is seen
mod shape; // the shape of the robot's stream
mod shoot; // the camera's clock and thread
mod still; // JPEGs
mod stored; // a stream out of a file
mod video; // the video of a session

pub use options::{Coding, VideoOptions};
pub(crate) use shoot::Camera;
pub(crate) use stored::StoredStream;
pub use stored::StreamError;
pub(crate) use video::Video;
