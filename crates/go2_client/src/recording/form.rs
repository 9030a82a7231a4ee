//! What a message looks like in a recording. Pure.
//!
//! All of it is JSON, so that any tool can show it. A text message stands there as it came, to the byte. What is not a
//! JSON object, and what is binary, stands in an object of its own with its bytes in base64. A picture is a
//! `foxglove.CompressedVideo` with a few fields more, so that Foxglove shows it and replaying misses nothing.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Anchor;
use go2_proto::codec::{Inbound, Kind};
use go2_proto::session::Received;
use go2_proto::video::AccessUnit;

/// Topic of the pictures.
pub(super) const VIDEO: &str = "camera/video";
/// Topic of the marks where sessions begin and end.
pub(super) const SESSION: &str = "go2/session";
/// For messages from the robot that have no topic, by their type.
const FROM_ROBOT: &str = "from_robot";
/// For messages to the robot, by their topic or type.
const TO_ROBOT: &str = "to_robot";
/// Longer topics are no robot's.
pub(super) const LONGEST_TOPIC: usize = 120;
/// Topics of services whose answers say who and where the robot is, or hold files of its owner.
const PRIVATE: [&str; 2] = ["rt/api/bashrunner/", "rt/api/config/"];
/// What a message may hold that cannot be read well enough to say what it is.
const SUSPECT: [&[u8]; 3] = [b"validation", b"bashrunner", b"api/config"];

/// Where a message came from, and how it stands there. Kept as metadata of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// From the robot: a JSON object, as it came.
    Message,
    /// From the robot: a text that is no JSON object.
    Text,
    /// From the robot: binary.
    Binary,
    /// From the robot: a picture.
    Picture,
    /// To the robot.
    Sent,
    /// Of the recorder itself.
    Mark,
}

/// The key of the metadata that holds the form.
pub(super) const FORM: &str = "go2.form";

impl Form {
    const ALL: [Self; 6] =
        [Self::Message, Self::Text, Self::Binary, Self::Picture, Self::Sent, Self::Mark];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Picture => "picture",
            Self::Sent => "sent",
            Self::Mark => "mark",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// Name and JSON Schema of what stands there.
    pub(super) fn schema(self) -> (&'static str, &'static str) {
        match self {
            Self::Message | Self::Sent => ("go2.Message", MESSAGE_SCHEMA),
            Self::Text | Self::Binary => ("go2.Bytes", BYTES_SCHEMA),
            Self::Picture => ("foxglove.CompressedVideo", VIDEO_SCHEMA),
            Self::Mark => ("go2.Session", SESSION_SCHEMA),
        }
    }
}

const MESSAGE_SCHEMA: &str =
    r#"{"type":"object","properties":{"type":{"type":"string"},"topic":{"type":"string"}}}"#;
const BYTES_SCHEMA: &str = r#"{"type":"object","properties":{"head":{"type":"object","properties":{}},"bytes":{"type":"string","contentEncoding":"base64"}}}"#;
const SESSION_SCHEMA: &str = r#"{"type":"object","properties":{"event":{"type":"string"}}}"#;
const VIDEO_SCHEMA: &str = r#"{"type":"object","properties":{"timestamp":{"type":"object","title":"time","properties":{"sec":{"type":"integer","minimum":0},"nsec":{"type":"integer","minimum":0,"maximum":999999999}}},"frame_id":{"type":"string"},"data":{"type":"string","contentEncoding":"base64"},"format":{"type":"string"}}}"#;

/// A message as it is written.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) topic: String,
    pub(super) form: Form,
    pub(super) data: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Wrapped<'a> {
    /// The envelope of a binary frame, for people.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    head: Option<&'a RawValue>,
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Video<'a> {
    timestamp: Stamp,
    #[serde(borrow)]
    frame_id: Cow<'a, str>,
    #[serde(borrow)]
    format: Cow<'a, str>,
    keyframe: bool,
    number: u64,
    /// At 90 kHz.
    ticks: u64,
    width: u32,
    height: u32,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// When the first of a picture's packets arrived.
#[derive(Serialize, Deserialize)]
struct Stamp {
    sec: u64,
    nsec: u32,
}

/// A message from the robot as it is written; `None` where it must not be.
pub(super) fn received(received: &Received, anchor: &Anchor) -> Option<Line> {
    match received {
        Received::Text(text) => message(text),
        Received::Binary(bytes) => binary(bytes),
        Received::Picture(unit) => picture(unit, anchor),
    }
}

fn message(text: &Bytes) -> Option<Line> {
    let Ok(read) = Inbound::from_text(text) else {
        return wrapped(text, None, format!("{FROM_ROBOT}/unreadable"), Form::Text);
    };
    if is_private(&read) {
        return None;
    }
    let topic = topic(&read, FROM_ROBOT);
    let is_object = text.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<&RawValue>(text).is_ok();
    if is_object {
        return Some(Line { topic, form: Form::Message, data: text.clone() });
    }
    wrapped(text, None, format!("{topic}/text"), Form::Text)
}

fn binary(bytes: &Bytes) -> Option<Line> {
    let Ok(read) = Inbound::from_binary(bytes) else {
        return wrapped(bytes, None, format!("{FROM_ROBOT}/unreadable_binary"), Form::Binary);
    };
    if is_private(&read) {
        return None;
    }
    let head = go2_proto::codec::Frame::parse(bytes).ok()?.head;
    let head = serde_json::from_slice::<&RawValue>(&head).ok();
    wrapped(bytes, head, format!("{}/binary", topic(&read, FROM_ROBOT)), Form::Binary)
}

/// What could not be read is looked through for what must not be in a recording.
fn wrapped(bytes: &Bytes, head: Option<&RawValue>, topic: String, form: Form) -> Option<Line> {
    let holds = |word: &&[u8]| bytes.windows(word.len()).any(|window| window == *word);
    if head.is_none() && SUSPECT.iter().any(holds) {
        return None;
    }
    let bytes = BASE64_STANDARD.encode(bytes).into();
    let data = serde_json::to_vec(&Wrapped { head, bytes }).ok()?.into();
    Some(Line { topic, form, data })
}

fn picture(unit: &AccessUnit, anchor: &Anchor) -> Option<Line> {
    let received = anchor.time(unit.received);
    let video = Video {
        timestamp: Stamp { sec: received.as_secs(), nsec: received.subsec_nanos() },
        frame_id: "front_camera".into(),
        format: "h264".into(),
        keyframe: unit.keyframe,
        number: unit.number,
        ticks: unit.timestamp,
        width: unit.size.0,
        height: unit.size.1,
        data: BASE64_STANDARD.encode(&unit.data).into(),
    };
    let data = serde_json::to_vec(&video).ok()?.into();
    Some(Line { topic: VIDEO.to_owned(), form: Form::Picture, data })
}

/// A message to the robot as it is written; `None` where it must not be.
pub(super) fn sent(text: &str) -> Option<Line> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    // The link writes JSON only; should it not, it is better left out.
    let read = Inbound::from_text(&text).ok().filter(|read| !is_private(read))?;
    let inner = topic(&read, "");
    let topic = format!("{TO_ROBOT}/{}", inner.trim_start_matches('/'));
    Some(Line { topic, form: Form::Sent, data: text })
}

/// A mark of the recorder.
pub(super) fn mark(event: &str) -> Line {
    let data = serde_json::json!({ "event": event }).to_string().into();
    Line { topic: SESSION.to_owned(), form: Form::Mark, data }
}

fn is_private(message: &Inbound) -> bool {
    let of_service = |prefix: &&str| message.topic.starts_with(*prefix);
    message.kind == Kind::Validation || PRIVATE.iter().any(of_service)
}

fn topic(message: &Inbound, room: &str) -> String {
    let name = match message.topic.as_str() {
        "" => format!("{room}/{}", word(message.kind)),
        topic => topic.to_owned(),
    };
    let plain = |each: char| each.is_ascii_graphic();
    if name.len() <= LONGEST_TOPIC && name.chars().all(plain) {
        name
    } else {
        format!("{room}/odd_topic")
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Validation => "validation",
        Kind::Subscribe => "subscribe",
        Kind::Unsubscribe => "unsubscribe",
        Kind::Msg => "msg",
        Kind::Req => "req",
        Kind::Res => "res",
        Kind::Vid => "vid",
        Kind::Aud => "aud",
        Kind::Err => "err",
        Kind::Heartbeat => "heartbeat",
        Kind::RtcInnerReq => "rtc_inner_req",
        Kind::RtcReport => "rtc_report",
        Kind::Errors => "errors",
        Kind::AddError => "add_error",
        Kind::RmError => "rm_error",
        Kind::Unknown => "unknown",
    }
}

/// What the robot sent, from how it stands in the file. `None` where it is not the robot's, or damaged.
pub(super) fn replayed(form: Form, data: &[u8], anchor: &Anchor) -> Option<Received> {
    match form {
        Form::Message => Some(Received::Text(Bytes::copy_from_slice(data))),
        Form::Text => unwrapped(data).map(Received::Text),
        Form::Binary => unwrapped(data).map(Received::Binary),
        Form::Picture => {
            let video: Video<'_> = serde_json::from_slice(data).ok()?;
            let nanoseconds = video.timestamp.nsec.min(999_999_999);
            let received: Instant = anchor.at(Duration::new(video.timestamp.sec, nanoseconds));
            Some(Received::Picture(AccessUnit {
                data: BASE64_STANDARD.decode(video.data.as_bytes()).ok()?.into(),
                keyframe: video.keyframe,
                number: video.number,
                timestamp: video.ticks,
                received,
                size: (video.width, video.height),
            }))
        }
        Form::Sent | Form::Mark => None,
    }
}

fn unwrapped(data: &[u8]) -> Option<Bytes> {
    let wrapped: Wrapped<'_> = serde_json::from_slice(data).ok()?;
    BASE64_STANDARD.decode(wrapped.bytes.as_bytes()).ok().map(Bytes::from)
}
