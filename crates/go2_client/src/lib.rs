//! A client of the Unitree GO2 over its local WebRTC interface: no ROS, no jailbreak, nothing installed on the robot.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use go2_client::{connect, LowState, Velocity};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let robot = connect("192.168.12.1").await?;
//! robot.balance_stand().await?;
//! tokio::time::sleep(Duration::from_secs(3)).await; // until it is up
//! let mut velocity = robot.velocity()?;
//! velocity.drive_for(Velocity { x: 0.3, ..Velocity::ZERO }, Duration::from_secs(2)).await?;
//! let mut states = robot.subscribe::<LowState>();
//! if let Some(state) = states.next().await {
//!     println!("{:?} V, {} states missed", state.voltage, states.missed());
//! }
//! robot.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/` has this as a program that ends well on signals, and others for the camera, the LiDAR, requests and recordings.
//!
//! # Sessions
//!
//! A robot serves one client at a time. [`connect`] exchanges an offer for an answer over HTTP ([`signaling`]), opens a WebRTC
//! connection ([`transport`]), and passes the robot's validation: then there is a session. When it breaks, a new one is made, again
//! and again, at a rate that spares the robot. What was asked for (subscriptions, video, LiDAR) is kept in every session; requests
//! that were not answered fail. [`Client::status`] tells where it stands; every failure has an [`ErrorCode`](error_code::ErrorCode)
//! with a section in docs/troubleshooting.md.
//!
//! # Threads
//!
//! A client has a thread of its own, which carries the session and decides about walking. Nothing that the application does keeps a
//! heartbeat or a stop from going out. Its futures may be awaited on any tokio runtime, also a current-thread one.
//!
//! # Back-pressure
//!
//! Nothing waits for a slow reader. A subscription keeps the newest eight values and counts the others; video keeps sixteen access
//! units. At most 256 requests wait for their answers. On a link that is stuck only the newest velocity waits, and none for longer
//! than half a second.
//!
//! # Time
//!
//! Values carry the time at which they arrived ([`Sample::received`]). The robot's own stamps are by a clock that may be hours off:
//! [`go2_proto::clock`] carries them over to this computer's.
//!
//! # Safety
//!
//! The robot walks only while commands are fresh. Zeros and StopMove go out when they are not (0.3 s), when the handle or the client is
//! dropped, when nothing was heard of the robot for half a second, and first of all when a lost connection is back. While the link
//! is down nothing reaches the robot, and after SIGKILL nothing is sent: that the robot then stops by itself must not be relied on.
//!
//! # Features
//!
//! - `webrtc` (default): the WebRTC engine. Without it a [`transport::Transport`] of one's own is needed.
//! - `openh264` (default): decoding of video.
//! - `mcap` (default): recordings.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client; // what an application holds
pub mod clocks; // by which a pause of this process is seen
pub mod discovery; // robots that answer in this network
pub mod error_code; // which section of docs/troubleshooting.md a failure is in
pub mod failpoint; // where tests have this program fail
pub mod interfaces; // the network interfaces of this computer
pub mod interruption; // signals that end or suspend a program
pub mod progress; // the steps of connecting, as they are passed
#[cfg(feature = "mcap")]
pub mod recording; // what passed between robot and client, in a file
pub mod secret; // keys, tokens and passwords: never shown
pub mod session; // the link that keeps making sessions
pub mod signaling; // the HTTP exchange that comes before
pub mod thread; // threads with a runtime of their own
pub mod transport; // what carries the messages: WebRTC
#[cfg(feature = "openh264")]
pub mod video; // pictures out of access units

#[cfg(feature = "webrtc")]
pub use client::connect;
pub use client::{
    CallError, Client, NotFollowed, Options, Sample, Status, Subscription, VelocityHandle,
    VelocityInUse, VideoStream,
};
pub use go2_proto::codec::{Request, Response};
pub use go2_proto::motion::Velocity;
pub use go2_proto::session::RequestError;
pub use go2_proto::state::{
    LidarState, LowState, MultipleState, Remote, RobotPose, SportModeState, State,
};
pub use interruption::interrupted;
pub use session::{DisconnectReason, LinkState};
