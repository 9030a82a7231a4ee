//! What can be wrong with what a robot sends in signaling.

/// What is wrong with a `con_notify` body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum NotifyProblem {
    #[error("it is not base64")]
    NotBase64,
    #[error("it is not the JSON object with data1 that robots send")]
    NotJson,
    #[error("it is too short to hold a key")]
    TooShort,
    #[error("the RSA key in it is unreadable or not of 1024 to 4096 bits")]
    PublicKey,
}

/// What is wrong with the AES key for `con_notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The robot uses a key of its own and none was given.
    #[error(
        "this robot's firmware (1.1.15 or later) encrypts with a key of its own, which is needed: see \
         docs/how-to/connect.md"
    )]
    Required,
    /// Neither the given key nor the static one opens the notice.
    #[error(
        "the key does not fit this robot: check that the key belongs to the robot at this \
         address and was copied whole"
    )]
    Rejected,
    /// The static key does not open a notice that should be under it.
    #[error(
        "the robot says it uses the key common to firmware 1.1.8 to 1.1.14, but that key does not fit: \
         its firmware may be newer than this driver"
    )]
    StaticRejected,
    /// A key was given, and what answers has not shown that it has the same.
    #[error("{}", unproven(*.0))]
    Unproven(Option<i64>),
    /// A key was given, and only the signaling of before all keys answers.
    #[error(
        "a key was given, but only the plain signaling of firmware before 1.1.1 (port 8081) answers at this address, so that \
         nothing shows that it is your robot; nothing was sent to it. Check the address; if your robot's firmware is that old, \
         it has no key"
    )]
    UnprovenPlain,
}

fn unproven(data2: Option<i64>) -> String {
    let seen = match data2 {
        None | Some(1) => "answers con_notify unencrypted, as firmware before 1.1.8 does",
        _ => "encrypts with the published key of firmware 1.1.8 to 1.1.14, and not with yours",
    };
    let data2 = data2.map_or("no data2".to_owned(), |data2| format!("data2={data2}"));
    format!(
        "a key was given, but what is at this address {seen} ({data2}), so that nothing shows that it is your robot; nothing \
         was sent to it. Check the address; if your robot's firmware is older than 1.1.15, it has no key of its own"
    )
}

/// What is wrong with the robot's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum AnswerProblem {
    #[error("it is empty")]
    Empty,
    #[error("it cannot be decrypted")]
    Undecryptable,
    #[error("it is not the JSON object with sdp that robots send")]
    NotJson,
    #[error("its SDP is cut off, as robots do while they are throttled")]
    Incomplete,
    #[error("its SDP holds no candidate to connect to")]
    NoCandidate,
    #[error("its SDP is longer than 64 KiB")]
    TooLong,
    #[error(
        "all of its candidates are at other addresses than the robot's, and nothing is sent there; where the robot is \
         reached through a relay or another interface, that has to be set"
    )]
    Elsewhere,
}

/// Why a `con_notify` body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] NotifyProblem),
    /// The key for it is missing or wrong.
    #[error(transparent)]
    Key(#[from] KeyProblem),
    /// A generation of the encryption that this version does not know; its `data2`.
    #[error("the encryption is unknown (data2={0})")]
    UnknownEncryption(i64),
}

/// Why an answer gives no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Another client holds the only session.
    #[error("the robot is busy")]
    Busy,
    /// It is unusable.
    #[error(transparent)]
    Unusable(#[from] AnswerProblem),
}
