//! A session with a robot, and the link that keeps making sessions.
//!
//! `machine` is what a session does, as a pure state machine: time and messages in, messages and events out.
//! `active` owns the connection and the clock and feeds the machine; `supervisor` makes a new session when
//! one ends; `link` is the owner's end of it all. `requests` knows which answers are due, `outgoing` what is not
//! acknowledged, `backlog` how much of that leaves space for what, `subscriptions` which topics others share, `upkeep` keeps LiDAR
//! and video on, `streams` watches whether everything comes that should, `guard` keeps back requests that can leave a robot unable
//! to walk, `identity` velocities until the robot has told the serial number that was asked for, `hold` what
//! would walk a robot that is held.

mod active;
mod backlog;
mod backoff;
mod guard;
mod hold;
mod identity;
mod link;
mod machine;
mod outgoing;
mod requests;
mod state;
mod streams;
mod subscriptions;
mod supervisor;
mod timing;
mod upkeep;

pub use backoff::Backoff;
pub use link::{Drive, Link, LinkBuilder, LinkHandle, Path, Velocity};
pub use machine::{Event, Machine};
pub use requests::RequestId;
pub use state::{
    Cause, Counters, Flow, LinkState, Message, RequestError, SessionEnd, StreamReport, Wishes,
    VIDEO,
};
pub use timing::Timing;
