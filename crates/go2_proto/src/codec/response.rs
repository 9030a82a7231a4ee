//! What the robot's services answer, in one message or, where the answer has bytes, in several.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{DecodeError, Inbound};

/// What the robot answered to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Id of the request; some services do not echo it.
    pub id: Option<i64>,
    /// Api of the request.
    pub api_id: Option<i64>,
    /// Status: 0 is success.
    pub code: i64,
    /// The answer's data: JSON text, or empty.
    pub data: String,
    /// The answer's bytes, such as a picture; empty where it has none.
    pub payload: Bytes,
}

/// Which part of an answer a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Chunk {
    /// Counted from 1.
    #[serde(rename = "chunk_index")]
    pub index: u32,
    /// How many there are.
    #[serde(rename = "total_chunk_num")]
    pub total: u32,
}

/// Puts the parts of an answer together; they come in order.
#[derive(Debug, Default)]
pub struct Assembly {
    total: u32,
    parts: Vec<Bytes>,
    length: usize,
}

/// Parts and bytes that an answer may have. Pictures have a few hundred kilobytes.
const MOST_CHUNKS: u32 = 4096;
const LONGEST_PAYLOAD: usize = 8 * 1024 * 1024;

impl Assembly {
    /// Adds the next part; returns all bytes with the last one. After an error the answer is lost.
    pub fn add(&mut self, chunk: Chunk, payload: Bytes) -> Result<Option<Bytes>, DecodeError> {
        if self.parts.is_empty() {
            self.total = chunk.total;
        }
        self.length += payload.len();
        let in_order = chunk.index as usize == self.parts.len() + 1;
        let fits = chunk.total <= MOST_CHUNKS && self.length <= LONGEST_PAYLOAD;
        if !in_order || chunk.index > chunk.total || chunk.total != self.total || !fits {
            return Err(DecodeError::Chunk);
        }
        self.parts.push(payload);
        if chunk.index < chunk.total {
            return Ok(None);
        }
        let mut whole = BytesMut::with_capacity(self.length);
        self.parts.drain(..).for_each(|part| whole.extend_from_slice(&part));
        Ok(Some(whole.freeze()))
    }
}

/// For about so long after a client has connected, robots that stand refuse motion with status 3203.
const EARLY: Duration = Duration::from_secs(10);

impl Response {
    /// Whether the robot may take later what it has refused: it is a refusal of the first seconds after connecting, or of
    /// something that this firmware lacks. `connected` is how long the session has lasted.
    pub fn may_be_early(&self, connected: Duration) -> bool {
        self.code == 3203 && connected < EARLY
    }

    /// What the status means, in words.
    pub fn meaning(&self) -> &'static str {
        match self.code {
            0 => "success",
            -1 | 3001 => "unknown error",
            3102 => "the request could not be sent inside the robot",
            3103 => "the api is not registered on this robot",
            3104 => "timeout inside the robot",
            3105 => "the response did not match the request",
            3106 => "the data could not be read",
            3107 | 3205 | 3206 => "no lease for this service",
            3201 => "the robot could not send",
            3202 => "internal error of the service",
            3203 => "this firmware does not have the action",
            3204 => "the parameter is wrong",
            3207 => "another client holds the lease",
            4101 => "wrong number of path points",
            4201 => "the motion took too long",
            4202 | 4205 => "the motion service is not initialised",
            4206 => "not possible in this posture",
            7002 => "the motion service is busy",
            7004 => "unknown motion mode, or the robot is in it already",
            401_001 => "not while moving or just connected",
            5201 | 5202 => "the service could not be switched",
            _ => "a status that this version does not know",
        }
    }

    /// What a person can do about the status; empty where there is nothing to say.
    pub fn advice(&self) -> &'static str {
        match self.code {
            3102 | 3104 | 3201 | 3202 | 4201 | 401_001 => "try again",
            3103 | 3203 => "it may be in another motion mode, or nowhere on this robot",
            3107 | 3205 | 3206 | 3207 => "close other programs that command the robot",
            3204 => "check the value and its range",
            4202 | 4205 => "wait until the robot has started, or restart it",
            4206 => "bring it into another posture first: stand_up, balance_stand or recovery_stand; below about 20 % of battery it refuses most actions",
            7002 => "wait until the robot has changed its mode",
            _ => "",
        }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    header: Header,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    content_info: Option<Chunk>,
}

#[derive(Deserialize, Default)]
struct Header {
    #[serde(default)]
    identity: Identity,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
struct Identity {
    #[serde(default)]
    id: Option<i64>,
    #[serde(default)]
    api_id: Option<i64>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    code: Option<i64>,
}

impl Response {
    /// Reads a `res` message, and which part of the answer it is where there are several.
    pub fn decode(message: &Inbound) -> Result<(Self, Option<Chunk>), DecodeError> {
        let body: Body<'_> =
            serde_json::from_slice(message.data.as_bytes()).map_err(|_| DecodeError::Shape)?;
        let data = match body.data {
            // The field is JSON inside a string; should it come bare, its text is the same thing.
            Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned()),
            None => String::new(),
        };
        let Header { identity, status } = body.header;
        let payload = message.payload.clone();
        // Who answers with bytes has succeeded; whether such answers have a status is not known.
        let code = status.code.or(payload.as_ref().map(|_| 0)).ok_or(DecodeError::Shape)?;
        let payload = payload.unwrap_or_default();
        let response = Self { id: identity.id, api_id: identity.api_id, code, data, payload };
        Ok((response, body.content_info))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(data: &str, payload: Option<&'static [u8]>) -> Inbound {
        let text = format!(r#"{{"type":"res","topic":"rt/x/response","data":{data}}}"#);
        let message = Inbound::from_text(&Bytes::from(text)).unwrap();
        Inbound { payload: payload.map(Bytes::from_static), ..message }
    }

    fn decode(data: &str) -> Result<Response, DecodeError> {
        Response::decode(&message(data, None)).map(|(response, _)| response)
    }

    #[test]
    fn reads_responses_with_what_they_have() {
        let whole = r#"{"header":{"identity":{"id":7,"api_id":1008},"status":{"code":0}},"data":"{\"a\":1}"}"#;
        let data = r#"{"a":1}"#.to_owned();
        let payload = Bytes::new();
        let expected = Response { id: Some(7), api_id: Some(1008), code: 0, data, payload };
        assert_eq!(decode(whole).unwrap(), expected);
        let bare = r#"{"header":{"identity":{"api_id":1},"status":{"code":3203}},"data":{"a":1}}"#;
        let expected = Response { id: None, api_id: Some(1), code: 3203, ..expected };
        assert_eq!(decode(bare).unwrap(), expected);
        assert_eq!(decode(r#"{"header":{"status":{"code":-1}}}"#).unwrap().data, "");
    }

    #[test]
    fn refusals_of_the_first_seconds_are_told_apart() {
        let refused =
            |code| decode(&format!(r#"{{"header":{{"status":{{"code":{code}}}}}}}"#)).unwrap();
        let early = |code, seconds| refused(code).may_be_early(Duration::from_secs(seconds));
        assert!(early(3203, 9) && !early(3203, 10) && !early(4206, 1) && !early(0, 1));
        let moving = refused(401_001);
        assert_eq!(
            (moving.meaning(), moving.advice()),
            ("not while moving or just connected", "try again")
        );
    }

    #[test]
    fn a_response_without_a_status_is_none() {
        for bad in ["null", "{}", "[]", r#"{"header":{"status":{"code":"0"}}}"#, "\"text\""] {
            assert_eq!(decode(bad), Err(DecodeError::Shape), "{bad}");
        }
    }
    #[test]
    fn bytes_come_in_parts() {
        let part = |index: u32, total: u32| {
            format!(
                r#"{{"header":{{"identity":{{"id":7}}}},"content_info":{{"enable_chunking":true,"chunk_index":{index},"total_chunk_num":{total}}}}}"#
            )
        };
        let read = |index, total, bytes| {
            let (response, chunk) =
                Response::decode(&message(&part(index, total), Some(bytes))).unwrap();
            assert_eq!((response.id, response.code), (Some(7), 0));
            (chunk.unwrap(), response.payload)
        };
        let mut assembly = Assembly::default();
        for (index, bytes, whole) in
            [(1, b"ab", None), (2, b"cd", None), (3, b"ef", Some("abcdef"))]
        {
            let (chunk, payload) = read(index, 3, bytes);
            assert_eq!(assembly.add(chunk, payload), Ok(whole.map(Bytes::from)));
        }
        for (first, second) in
            [((2, 2), (1, 2)), ((1, 3), (3, 3)), ((1, 2), (2, 3)), ((1, 5000), (2, 5000))]
        {
            let mut assembly = Assembly::default();
            let mut add = |(index, total)| {
                let (chunk, payload) = read(index, total, b"x");
                assembly.add(chunk, payload)
            };
            let results = [add(first), add(second)];
            assert!(
                results.contains(&Err(DecodeError::Chunk)),
                "{first:?} {second:?}: {results:?}"
            );
        }
    }
}
