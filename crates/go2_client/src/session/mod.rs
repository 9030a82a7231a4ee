//! The link: keeps making sessions with a robot.
//!
//! `active` owns the connection and the clock and feeds the session of [`go2_proto::session`]; `supervisor` makes a new session
//! when one ends; `link` is the owner's end of it all.

mod active;
mod backoff;
mod channels;
mod link;
mod state;
mod supervisor;
mod topics;

pub use backoff::Backoff;
pub use link::{Link, LinkBuilder, LinkHandle};
pub use state::{DisconnectReason, FailureKind, LinkState, SessionEnd};
pub use topics::TopicReceiver;
