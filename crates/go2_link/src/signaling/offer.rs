//! The offer and answer objects.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::error::{AnswerProblem, SignalingError};
use crate::progress::End;

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

/// Reads the JSON of an answer and returns its SDP, complete enough to connect to.
pub fn read_answer(json: &[u8]) -> Result<String, SignalingError> {
    if json.trim_ascii().is_empty() {
        return Err(AnswerProblem::Empty.into());
    }
    let answer: Answer = serde_json::from_slice(json).map_err(|_| AnswerProblem::NotJson)?;
    match answer.sdp.as_str() {
        Answer::REJECT => Err(SignalingError::Busy),
        "" => Err(AnswerProblem::Empty.into()),
        _ => {
            check_complete(&answer.sdp)?;
            Ok(answer.sdp)
        }
    }
}

/// The candidates in an SDP, each once, though media sections and components repeat them. Those that cannot be read are left
/// out.
pub fn candidates(sdp: &str) -> Vec<End> {
    let mut candidates = Vec::new();
    for end in sdp.lines().filter_map(candidate) {
        if !candidates.contains(&end) {
            candidates.push(end);
        }
    }
    candidates
}

fn candidate(line: &str) -> Option<End> {
    let mut words = line.strip_prefix("a=candidate:")?.split_ascii_whitespace().skip(4);
    let address = SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let kind = words.skip_while(|word| *word != "typ").nth(1)?;
    Some(End { address, kind: kind.to_owned() })
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

    fn read(sdp: &str) -> Result<String, SignalingError> {
        read_answer(serde_json::json!({"sdp": sdp, "type": "answer"}).to_string().as_bytes())
    }

    #[test]
    fn takes_a_whole_answer() {
        assert_eq!(read(SDP).unwrap(), SDP);
    }

    #[test]
    fn candidates_are_read_once_each() {
        let sdp = "v=0\r\na=candidate:1 1 udp 21 192.168.2.3 48890 typ host raddr 0.0.0.0 rport 0 generation 0\r\n\
                   a=candidate:1 2 udp 21 192.168.2.3 48890 typ host\r\na=candidate:2 1 udp 5 10.0.0.1 7 typ relay raddr 1.2.3.4\r\n\
                   a=candidate:3 1 udp 5 name.local 7 typ host\r\na=candidate:\r\na=end-of-candidates\r\n";
        let read = candidates(sdp).into_iter().map(|end| format!("{} {}", end.kind, end.address));
        assert_eq!(read.collect::<Vec<_>>(), ["host 192.168.2.3:48890", "relay 10.0.0.1:7"]);
    }

    #[test]
    fn tells_rejections_and_broken_answers_apart() {
        assert_eq!(read("reject"), Err(SignalingError::Busy));
        let problem = |result| match result {
            Err(SignalingError::NoAnswer(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(read_answer(b" \r\n")), AnswerProblem::Empty);
        assert_eq!(problem(read_answer(b"{}")), AnswerProblem::Empty);
        assert_eq!(problem(read_answer(b"[1,2,3]")), AnswerProblem::NotJson);
        assert_eq!(problem(read_answer(b"{\"sdp\":\"\xff\"}")), AnswerProblem::NotJson);
        assert_eq!(problem(read(&SDP[..30])), AnswerProblem::Incomplete);
        assert_eq!(problem(read(&SDP[..SDP.len() - 10])), AnswerProblem::Incomplete);
        assert_eq!(problem(read(&SDP.replace("a=candidate", "a=x"))), AnswerProblem::NoCandidate);
    }
}
