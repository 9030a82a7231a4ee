//! A client of the Unitree GO2 over its local WebRTC interface, without ROS.
//!
//! State flows `signaling > transport > codec > state`, commands the other way round. A [`session::Link`] is
//! what an application holds.
//!
//! ```no_run
//! # async fn example() {
//! use go2_client::{session::LinkBuilder, signaling::Target, transport::webrtc::WebRtcConnector};
//! use go2_proto::state::{LowState, State};
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
