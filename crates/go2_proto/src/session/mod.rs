//! What a session does, without IO and without a clock of its own.
//!
//! [`Machine`] is the session as a state machine: time and messages in, messages and events out. `requests` knows which answers
//! are due, [`Outgoing`] what is not acknowledged, [`backlog`] how much of that leaves space for what, `subscriptions` which
//! topics others share, `upkeep` keeps LiDAR and video on, `streams` watches whether everything comes that should, `guard` keeps
//! back requests that can leave a robot unable to walk, `identity` velocities until the robot has told the serial number that was
//! asked for, `hold` what would walk a robot that is held.

pub mod backlog;
mod error;
mod guard;
mod hold;
mod identity;
mod machine;
mod outgoing;
mod received;
mod requests;
mod streams;
mod subscriptions;
mod timing;
mod types;
mod upkeep;

pub use error::{RequestError, SessionError};
pub use machine::{Event, Machine};
pub use outgoing::Outgoing;
pub use received::{MediaCount, Received};
pub use requests::RequestId;
pub use timing::Timing;
pub use types::{Counters, Flow, Message, Standing, StreamReport, Wishes, VIDEO};
