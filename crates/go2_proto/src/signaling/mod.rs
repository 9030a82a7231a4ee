//! What goes over the wire before there is a connection: keys, offers, answers and the search for robots.

pub mod candidates;
pub mod crypto;
mod error;
pub mod notify;
pub mod offer;

use std::net::Ipv4Addr;

pub use candidates::{Candidate, CandidatePair};
pub use crypto::{DeviceKey, KeyMalformed};
pub use error::{AnswerError, AnswerProblem, KeyProblem, NoticeError, NotifyProblem};
pub use notify::OpenedBy;

/// TCP port of the encrypted signaling, firmware 1.1.1 and later.
pub const ENCRYPTED_PORT: u16 = 9991;
/// TCP port of the plain signaling, firmware before 1.1.1.
pub const PLAIN_PORT: u16 = 8081;

/// The multicast group that GO2 robots listen to for searches.
pub const SEARCH_GROUP: Ipv4Addr = Ipv4Addr::new(231, 1, 1, 1);
/// UDP port of the group to which searches go.
pub const SEARCH_PORT: u16 = 10131;
/// UDP port of the client to which robots answer.
pub const SEARCH_ANSWER_PORT: u16 = 10134;
