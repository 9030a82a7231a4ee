//! The envelope around every message: `{"type": .., "topic": .., "data": ..}`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::frame::{Frame, FrameError};

/// What a message is for, the envelope's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the wire's own names
pub enum Kind {
    Validation,
    Subscribe,
    Unsubscribe,
    Msg,
    Req,
    Res,
    Vid,
    Aud,
    Err,
    Heartbeat,
    RtcInnerReq,
    RtcReport,
    Errors,
    AddError,
    RmError,
    /// A type that this version does not know.
    Unknown,
}

impl From<&str> for Kind {
    fn from(text: &str) -> Self {
        match text {
            "validation" => Self::Validation,
            "subscribe" => Self::Subscribe,
            "unsubscribe" => Self::Unsubscribe,
            "msg" => Self::Msg,
            "req" => Self::Req,
            "res" => Self::Res,
            "vid" => Self::Vid,
            "aud" => Self::Aud,
            "err" => Self::Err,
            "heartbeat" => Self::Heartbeat,
            "rtc_inner_req" => Self::RtcInnerReq,
            "rtc_report" => Self::RtcReport,
            "errors" => Self::Errors,
            "add_error" => Self::AddError,
            "rm_error" => Self::RmError,
            _ => Self::Unknown,
        }
    }
}

/// Why bytes from the robot are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Neither a JSON envelope nor something that holds one.
    #[error("not a JSON envelope")]
    NotJson,
    /// A binary frame that is cut or inconsistent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// JSON, but not of the shape that its type or topic has.
    #[error("JSON of another shape")]
    Shape,
    /// A number that is not finite, or out of the range of what it measures.
    #[error("a number is not finite or out of range")]
    Number,
    /// A part of an answer that does not follow the one before.
    #[error("the parts of an answer do not fit together")]
    Chunk,
}

/// A piece of JSON text, not yet decoded. Shares the memory of the message it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Bytes);

impl Json {
    /// Decodes into a value. A string that holds JSON is decoded once more: for some topics firmwares
    /// differ in whether the object comes bare or wrapped in a string.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let parsed = if self.0.first() == Some(&b'"') {
            let inner: Cow<'_, str> =
                serde_json::from_slice(&self.0).map_err(|_| DecodeError::Shape)?;
            serde_json::from_str(&inner).or_else(|_| serde_json::from_slice(&self.0))
        } else {
            serde_json::from_slice(&self.0)
        };
        parsed.map_err(|_| DecodeError::Shape)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A message, split as far as routing it needs.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// What it is for.
    pub kind: Kind,
    /// Its topic, empty where it has none.
    pub topic: String,
    /// `data`, or `info` where there is no data; `null` where there is neither.
    pub data: Json,
    /// The bytes behind the JSON of a binary frame.
    pub payload: Option<Bytes>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
}

impl Inbound {
    /// Reads a text message. Bytes around the outermost braces are ignored: trailing NULs and stray
    /// prefixes were seen in the field.
    pub fn from_text(text: &Bytes) -> Result<Self, DecodeError> {
        Self::read(text).or_else(|error| {
            let start = text.iter().position(|&b| b == b'{').ok_or(error)?;
            let end =
                text.iter().rposition(|&b| b == b'}').filter(|end| *end > start).ok_or(error)?;
            Self::read(&text.slice(start..=end))
        })
    }

    /// Reads a binary message: a frame of JSON and payload.
    pub fn from_binary(bytes: &Bytes) -> Result<Self, DecodeError> {
        let frame = Frame::parse(bytes)?;
        Ok(Self { payload: Some(frame.payload), ..Self::from_text(&frame.head)? })
    }

    fn read(text: &Bytes) -> Result<Self, DecodeError> {
        let envelope: Envelope<'_> =
            serde_json::from_slice(text).map_err(|_| DecodeError::NotJson)?;
        let data = match envelope.data.or(envelope.info) {
            Some(raw) => text.slice_ref(raw.get().as_bytes()),
            None => Bytes::from_static(b"null"),
        };
        Ok(Self {
            kind: Kind::from(envelope.kind.as_ref()),
            topic: envelope.topic.unwrap_or_default().into_owned(),
            data: Json(data),
            payload: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<Inbound, DecodeError> {
        Inbound::from_text(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn splits_an_envelope_without_decoding_its_data() {
        let message = text(r#"{"type":"msg","topic":"rt/x","data":{"a":[1, 2]}}"#).unwrap();
        assert_eq!(message.kind, Kind::Msg);
        assert_eq!(message.topic, "rt/x");
        assert_eq!(message.data.as_bytes(), br#"{"a":[1, 2]}"#);
    }

    #[test]
    fn info_stands_in_for_data() {
        let message = text(r#"{"type":"err","info":"Validation Needed."}"#).unwrap();
        assert_eq!(message.kind, Kind::Err);
        assert_eq!(message.data.decode::<String>().unwrap(), "Validation Needed.");
        assert_eq!(text(r#"{"type":"heartbeat"}"#).unwrap().data.as_bytes(), b"null");
    }

    #[test]
    fn forgives_bytes_around_the_json() {
        for odd in ["\u{1}{\"type\":\"msg\"}", "{\"type\":\"msg\"}\0\0", " {\"type\":\"msg\"}\n"] {
            assert_eq!(text(odd).unwrap().kind, Kind::Msg, "{odd:?}");
        }
    }

    #[test]
    fn unknown_types_are_messages_and_other_json_is_not() {
        assert_eq!(text(r#"{"type":"new"}"#).unwrap().kind, Kind::Unknown);
        for bad in
            ["", "{", "[]", "null", "{}", r#"{"type":3}"#, r#"{"type":"msg","topic":3}"#, "}{"]
        {
            assert_eq!(text(bad).unwrap_err(), DecodeError::NotJson, "{bad}");
        }
        let bytes = Bytes::from_static(b"{\"type\":\"msg\",\"topic\":\"\xff\"}");
        assert_eq!(Inbound::from_text(&bytes).unwrap_err(), DecodeError::NotJson);
        let nan = text(r#"{"type":"msg","topic":"","data":NaN}"#);
        assert_eq!(nan.unwrap_err(), DecodeError::NotJson);
    }

    #[test]
    fn decodes_objects_wrapped_in_strings() {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Volume {
            volume: i32,
        }
        for data in [r#"{"volume":3}"#, r#""{\"volume\":3}""#] {
            assert_eq!(Json::from(data.to_string()).decode(), Ok(Volume { volume: 3 }));
        }
        assert_eq!(Json::from("\"[1\"".to_string()).decode(), Ok("[1".to_string()));
        assert_eq!(Json::from("7".to_string()).decode::<Volume>(), Err(DecodeError::Shape));
    }
}
