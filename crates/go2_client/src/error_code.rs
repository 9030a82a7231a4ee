//! Codes of failures. docs/troubleshooting.md has a section for each.

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A kind of failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word that messages carry, and the heading of its section in docs/troubleshooting.md.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

sections! {
    /// The host name has no address.
    NameUnknown = "GO2-NAME-UNKNOWN",
    /// No robot with the serial number answers.
    NotFound = "GO2-NOT-FOUND",
    /// The search cannot begin.
    SearchFailed = "GO2-SEARCH-FAILED",
    /// No signaling port answers.
    Unreachable = "GO2-UNREACHABLE",
    /// An HTTP exchange broke.
    HttpFailed = "GO2-HTTP-FAILED",
    /// An HTTP status that robots do not send.
    HttpStatus = "GO2-HTTP-STATUS",
    /// `con_notify` cannot be read.
    NoticeMalformed = "GO2-NOTICE-MALFORMED",
    /// The robot's own key is missing.
    KeyNeeded = "GO2-KEY-NEEDED",
    /// The key is another robot's.
    KeyRejected = "GO2-KEY-REJECTED",
    /// The key that is common to older firmware does not fit.
    StaticKeyRejected = "GO2-STATIC-KEY-REJECTED",
    /// A key was given, and the robot has not shown that it has it.
    KeyUnproven = "GO2-KEY-UNPROVEN",
    /// A newer encryption.
    EncryptionUnknown = "GO2-ENCRYPTION-UNKNOWN",
    /// HTTP 403.
    Refused = "GO2-REFUSED",
    /// HTTP 429.
    Throttled = "GO2-THROTTLED",
    /// HTTP 504.
    Transition = "GO2-TRANSITION",
    /// Another client holds the robot.
    Busy = "GO2-BUSY",
    /// The answer to the offer is unusable.
    AnswerUnusable = "GO2-ANSWER-UNUSABLE",
    /// The answer names other addresses only.
    AnswerElsewhere = "GO2-ANSWER-ELSEWHERE",
    /// ICE is set to what cannot be done.
    IceSettings = "GO2-ICE-SETTINGS",
    /// No relay was to be had.
    NoRelay = "GO2-ICE-NO-RELAY",
    /// UDP does not pass.
    NoPath = "GO2-ICE-NO-PATH",
    /// No encryption was agreed on.
    Dtls = "GO2-DTLS-TIMEOUT",
    /// The data channel did not open.
    Channel = "GO2-CHANNEL-TIMEOUT",
    /// The WebRTC engine failed.
    Engine = "GO2-ENGINE-FAILED",
    /// The validation did not end.
    ValidationTimeout = "GO2-VALIDATION-TIMEOUT",
    /// The robot refuses the answer to its challenge.
    ValidationRefused = "GO2-VALIDATION-REFUSED",
    /// The robot has another serial number.
    OtherRobot = "GO2-OTHER-ROBOT",
    /// The robot closed the connection.
    ConnectionClosed = "GO2-CONNECTION-CLOSED",
    /// No packets come any more.
    ConnectionLost = "GO2-CONNECTION-LOST",
    /// No messages come any more.
    Silent = "GO2-SILENT",
    /// Nothing can be sent any more.
    Stuck = "GO2-STUCK",
    /// A recording is at its end.
    RecordingOver = "GO2-RECORDING-OVER",
    /// Nothing has come for a moment.
    Stale = "GO2-STALE",
    /// Some streams have stopped.
    Degraded = "GO2-DEGRADED",
    /// A topic on which nothing comes.
    NoMessages = "GO2-NO-MESSAGES",
    /// No frames of the LiDAR.
    NoLidar = "GO2-NO-LIDAR",
    /// No pictures.
    NoPictures = "GO2-NO-PICTURES",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an application adds to a failure: which of its settings to change. See [`with_hint`].
pub type Hints = fn(ErrorCode) -> Option<&'static str>;

/// No application's hints.
pub fn no_hints(_: ErrorCode) -> Option<&'static str> {
    None
}

/// A message for people: what was seen, what to do, and the code in brackets.
pub fn with_hint(message: &str, code: Option<ErrorCode>, hints: Hints) -> String {
    let Some(code) = code else { return message.to_owned() };
    match hints(code) {
        Some(hint) => format!("{}. {hint} [{code}]", message.trim_end_matches('.')),
        None => format!("{message} [{code}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/troubleshooting.md");

    #[test]
    fn every_failure_has_its_section_and_every_section_its_failure() {
        let headings: Vec<_> =
            PAGE.lines().filter_map(|line| line.strip_prefix("## GO2-")).collect();
        let codes: Vec<_> =
            ErrorCode::ALL.iter().map(|code| &code.as_str()["GO2-".len()..]).collect();
        for code in &codes {
            assert_eq!(headings.iter().filter(|heading| *heading == code).count(), 1, "{code}");
        }
        for heading in headings {
            assert!(codes.contains(&heading), "nothing fails with {heading}");
        }
    }

    #[test]
    fn every_section_says_something() {
        for section in PAGE.split("\n## GO2-").skip(1) {
            let (code, text) = section.split_once('\n').unwrap();
            assert!(text.split_whitespace().count() > 15, "{code}");
        }
    }

    #[test]
    fn a_hint_goes_between_message_and_code() {
        let hints: Hints = |code| (code == ErrorCode::Busy).then_some("Close the other program");
        let message = |code| with_hint("it is busy.", code, hints);
        assert_eq!(
            message(Some(ErrorCode::Busy)),
            "it is busy. Close the other program [GO2-BUSY]"
        );
        assert_eq!(message(Some(ErrorCode::Stale)), "it is busy. [GO2-STALE]");
        assert_eq!(message(None), "it is busy.");
    }
}
