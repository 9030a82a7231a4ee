//! How signaling fails, and what a person does about it.

use std::net::IpAddr;
use std::time::Duration;

use crate::error_code::ErrorCode;
use go2_proto::signaling::{AnswerError, AnswerProblem, KeyProblem, NoticeError, NotifyProblem};

/// The HTTP exchange in which something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `con_notify`: asking for the robot's public key.
    Notify,
    /// `con_ing_*` or `/offer`: sending the offer.
    Offer,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Notify => "con_notify",
            Self::Offer => "the offer",
        })
    }
}

/// Why no answer was had from the robot. Each message ends with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalingError {
    /// The host name has no address.
    #[error("cannot find an address for \"{0}\": check the name, or use the robot's IP address")]
    UnknownHost(String),
    /// Nobody answers to the serial number.
    #[error(
        "no robot with serial number {0} answers in this network. Check that it is on (it needs about a minute to \
         boot), in the same network, and the number; where multicast does not pass, as with a VPN or a guest network, use \
         its address"
    )]
    NotFound(String),
    /// The network does not take the query.
    #[error(
        "the robot cannot be searched for: {0}. Check that this computer is in a network, and the interface to search on"
    )]
    Search(String),
    /// Neither signaling port accepts a connection.
    #[error(
        "no robot at {0}: neither TCP port 9991 nor 8081 answers. Check that the robot is on (it needs \
         about a minute to boot), that this computer is in its network, and the address"
    )]
    Unreachable(IpAddr),
    /// The connection broke or timed out in mid-exchange.
    #[error("{}", broken(*.step, .what))]
    Http {
        /// In which exchange.
        step: Step,
        /// What was seen.
        what: String,
    },
    /// `con_notify` answered something that is not a notice.
    #[error("the robot's con_notify response is malformed: {0}. Is this address a GO2?")]
    NotifyMalformed(#[from] NotifyProblem),
    /// The key for `con_notify` is missing or wrong.
    #[error("{0}")]
    Key(KeyProblem),
    /// A generation of the encryption that this version does not know.
    #[error(
        "the robot uses an encryption (data2={0}) that this version does not know: its firmware is \
         newer than this driver, look for an update"
    )]
    UnsupportedData2(i64),
    /// HTTP 403.
    #[error(
        "the robot refuses {0} (403): the key or serial number belongs to another robot. Check \
         the address and the key"
    )]
    Refused(Step),
    /// HTTP 429.
    #[error(
        "the robot is throttling connections (429): a client was here seconds ago or still is. It is \
         tried again in a while; close the phone app if it stays so"
    )]
    Throttled,
    /// HTTP 504.
    #[error(
        "the robot is between two states (504), as after boot; it is tried again in a few seconds"
    )]
    Transition,
    /// Another client holds the only session.
    #[error(
        "the robot is busy: it serves one client at a time. Close the phone app or the other program \
         that is connected to it"
    )]
    Busy,
    /// Another HTTP status.
    #[error(
        "the robot answers {step} with HTTP status {code}, which robots do not: is this a GO2?"
    )]
    Status {
        /// In which exchange.
        step: Step,
        /// The status code.
        code: u16,
    },
    /// The answer to the offer is unusable.
    #[error("the robot's answer is unusable: {0}. It is tried again")]
    NoAnswer(#[from] AnswerProblem),
}

impl From<NoticeError> for SignalingError {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Malformed(problem) => Self::NotifyMalformed(problem),
            NoticeError::Key(problem) => Self::Key(problem),
            NoticeError::UnknownEncryption(data2) => Self::UnsupportedData2(data2),
        }
    }
}

impl From<AnswerError> for SignalingError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Busy => Self::Busy,
            AnswerError::Unusable(problem) => Self::NoAnswer(problem),
        }
    }
}

fn broken(step: Step, what: &str) -> String {
    // Robots whose clock is at 1970 answer con_notify and then leave the offer alone.
    let clock = match step {
        Step::Notify => "",
        Step::Offer => {
            " Robots whose clock is wrong, as after a time without Internet, leave an offer without an answer: let the robot \
             into the Internet once."
        }
    };
    format!(
        "{step} to the robot failed: {what}.{clock} It is tried again; if it stays so, restart the robot"
    )
}

/// Whether it helps to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying again costs the robot nothing, because it is not there.
    Soon,
    /// Trying again with growing delays may help.
    Backoff,
    /// Trying again sooner than this makes it worse.
    NotBefore(Duration),
    /// A person has to do something, here or at the robot: it is looked at again every half minute.
    Slowly,
    /// Only a person can help: the configuration is wrong.
    Never,
}

impl SignalingError {
    /// Its code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownHost(_) => ErrorCode::NameUnknown,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Search(_) => ErrorCode::SearchFailed,
            Self::Unreachable(_) => ErrorCode::Unreachable,
            Self::Http { .. } => ErrorCode::HttpFailed,
            Self::NotifyMalformed(_) => ErrorCode::NoticeMalformed,
            Self::Key(KeyProblem::Required) => ErrorCode::KeyNeeded,
            Self::Key(KeyProblem::Rejected) => ErrorCode::KeyRejected,
            Self::Key(KeyProblem::StaticRejected) => ErrorCode::StaticKeyRejected,
            Self::Key(KeyProblem::Unproven(_) | KeyProblem::UnprovenPlain) => {
                ErrorCode::KeyUnproven
            }
            Self::UnsupportedData2(_) => ErrorCode::EncryptionUnknown,
            Self::Refused(_) => ErrorCode::Refused,
            Self::Throttled => ErrorCode::Throttled,
            Self::Transition => ErrorCode::Transition,
            Self::Busy => ErrorCode::Busy,
            Self::Status { .. } => ErrorCode::HttpStatus,
            Self::NoAnswer(AnswerProblem::Elsewhere) => ErrorCode::AnswerElsewhere,
            Self::NoAnswer(_) => ErrorCode::AnswerUnusable,
        }
    }

    /// Whether trying again helps.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable(_) | Self::UnknownHost(_) | Self::NotFound(_) | Self::Search(_) => {
                Retry::Soon
            }
            Self::Throttled => Retry::NotBefore(Duration::from_secs(12)),
            Self::Busy => Retry::NotBefore(Duration::from_secs(10)),
            Self::Transition => Retry::NotBefore(Duration::from_secs(3)),
            // A robot that cuts its answers off is throttling; each offer in this time makes it longer.
            Self::NoAnswer(AnswerProblem::Incomplete) => Retry::NotBefore(Duration::from_secs(8)),
            // Another robot may have the address tomorrow, or the right one again.
            Self::Key(_) | Self::UnsupportedData2(_) | Self::Refused(_) => Retry::Slowly,
            _ => Retry::Backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_without_an_answer_hints_at_the_robots_clock() {
        let broken = |step| SignalingError::Http { step, what: "timed out".to_owned() }.to_string();
        assert!(broken(Step::Offer).contains("clock"));
        assert!(!broken(Step::Notify).contains("clock"));
    }

    #[test]
    fn a_cut_off_answer_is_not_asked_for_again_at_once() {
        let retry = |problem| SignalingError::NoAnswer(problem).retry();
        assert_eq!(retry(AnswerProblem::Incomplete), Retry::NotBefore(Duration::from_secs(8)));
        assert_eq!(retry(AnswerProblem::Undecryptable), Retry::Backoff);
    }

    #[test]
    fn what_a_person_has_to_mend_is_looked_at_again() {
        for error in [
            SignalingError::Key(KeyProblem::Required),
            SignalingError::Key(KeyProblem::Unproven(Some(3))),
            SignalingError::UnsupportedData2(9),
            SignalingError::Refused(Step::Notify),
        ] {
            assert_eq!(error.retry(), Retry::Slowly, "{error}");
        }
    }
}
