//! The offer and answer objects.

use serde::{Deserialize, Serialize};

use super::error::{AnswerError, AnswerProblem};

/// The object a client sends. The robot ignores keys that it does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Offer {
    /// `STA_localNetwork` in a shared network, empty in the robot's own hotspot.
    #[serde(default)]
    pub id: String,
    /// The whole SDP with all candidates; there is no trickle.
    pub sdp: String,
    /// Always `offer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An account token, or empty.
    #[serde(default)]
    pub token: String,
}

/// The object a robot answers with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The whole SDP, or [`REJECT`](Self::REJECT).
    #[serde(default)]
    pub sdp: String,
    /// `answer`; means nothing where the robot rejects.
    #[serde(rename = "type", default)]
    pub kind: String,
}

impl Answer {
    /// What a busy robot puts in place of an SDP.
    pub const REJECT: &'static str = "reject";
}

/// Bytes that an answer's SDP may have; real ones have two thousand.
const LONGEST_SDP: usize = 64 * 1024;

/// Reads the JSON of an answer and returns its SDP, complete enough to connect to.
pub fn read_answer(json: &[u8]) -> Result<String, AnswerError> {
    if json.trim_ascii().is_empty() {
        return Err(AnswerProblem::Empty.into());
    }
    let answer: Answer = serde_json::from_slice(json).map_err(|_| AnswerProblem::NotJson)?;
    match answer.sdp.as_str() {
        Answer::REJECT => Err(AnswerError::Busy),
        "" => Err(AnswerProblem::Empty.into()),
        sdp if sdp.len() > LONGEST_SDP => Err(AnswerProblem::TooLong.into()),
        _ => {
            check_complete(&answer.sdp)?;
            Ok(answer.sdp)
        }
    }
}

fn check_complete(sdp: &str) -> Result<(), AnswerProblem> {
    let lines = |prefix: &'static str| sdp.lines().filter(move |line| line.starts_with(prefix));
    let complete = lines("v=0").next().is_some()
        // Every offer asks for it, and it is the last.
        && lines("m=application ").next().is_some()
        && lines("a=fingerprint:").next().is_some()
        && lines("a=ice-ufrag:").next().is_some()
        && lines("a=ice-pwd:").next().is_some();
    match (complete, lines("a=candidate:").next()) {
        (false, _) => Err(AnswerProblem::Incomplete),
        (true, None) => Err(AnswerProblem::NoCandidate),
        (true, Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str =
        "v=0\r\nm=video 9 x 102\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\na=fingerprint:sha-256 AA\r\n\
                       a=candidate:0 1 udp 1 127.0.0.1 4 typ host\r\nm=application 9 x y\r\n";

    fn read(sdp: &str) -> Result<String, AnswerError> {
        read_answer(serde_json::json!({"sdp": sdp, "type": "answer"}).to_string().as_bytes())
    }

    #[test]
    fn takes_a_whole_answer() {
        assert_eq!(read(SDP).unwrap(), SDP);
    }

    #[test]
    fn tells_rejections_and_broken_answers_apart() {
        assert_eq!(read("reject"), Err(AnswerError::Busy));
        let problem = |result| match result {
            Err(AnswerError::Unusable(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(read_answer(b" \r\n")), AnswerProblem::Empty);
        assert_eq!(problem(read_answer(b"{}")), AnswerProblem::Empty);
        assert_eq!(problem(read_answer(b"[1,2,3]")), AnswerProblem::NotJson);
        assert_eq!(problem(read_answer(b"{\"sdp\":\"\xff\"}")), AnswerProblem::NotJson);
        assert_eq!(problem(read(&SDP[..30])), AnswerProblem::Incomplete);
        assert_eq!(problem(read(&SDP[..SDP.len() - 10])), AnswerProblem::Incomplete);
        assert_eq!(problem(read(&SDP.replace("a=candidate", "a=x"))), AnswerProblem::NoCandidate);
        let long = format!("{SDP}{}", "a=x\r\n".repeat(LONGEST_SDP / 5));
        assert_eq!(problem(read(&long)), AnswerProblem::TooLong);
    }
}
