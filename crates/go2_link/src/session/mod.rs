//! A session with a robot, and the link that keeps making sessions.
//!
//! [`machine`] is what a session does, as a pure state machine: time and messages in, messages and events
//! out. [`link`] owns the connection and the clock, feeds the machine, and makes a new session when one ends.

mod backoff;
mod link;
mod machine;
mod state;

pub use backoff::Backoff;
pub use link::{Link, LinkBuilder, LinkHandle, Velocity};
pub use machine::{Event, Machine, RequestId, Timing};
pub use state::{Counters, LinkState, RequestError, SessionEnd};
