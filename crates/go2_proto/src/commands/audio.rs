//! Sounds that the robot keeps and plays: what it takes, in which pieces, and what it has.

use base64::prelude::{Engine as _, BASE64_STANDARD};
use md5::{Digest as _, Md5};
use serde_json::{json, Value};

use crate::codec::{api::audiohub, topics, Request};
use crate::text::clean;

/// Bytes that a file may have.
pub const LONGEST: usize = 10 * 1024 * 1024;
/// Samples a second, in Hz, that a file must have.
pub const RATE: u32 = 44_100;
/// Bits of a sample that a file must have.
pub const BITS: u16 = 16;
/// What makes a wav file for the robot from any sound file.
pub const CONVERT: &str = "ffmpeg -i in -ar 44100 -ac 1 -c:a pcm_s16le out.wav";

/// Characters of a name; files cannot have more.
pub const LONGEST_NAME: usize = 255;
/// Bytes in a block: 4096 characters of base64.
const BLOCK: usize = 3072;

/// How the samples of a wav file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// 1 for PCM.
    pub tag: u16,
    /// How many.
    pub channels: u16,
    /// Samples of a channel in a second, Hz.
    pub rate: u32,
    /// Bits of a sample.
    pub bits: u16,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tag, channels, rate, bits } = self;
        match *tag {
            PCM => write!(f, "PCM")?,
            3 => write!(f, "floating point")?,
            6 | 7 => write!(f, "telephone (G.711)")?,
            tag => write!(f, "compressed (format {tag})")?,
        }
        let plural = if *channels == 1 { "" } else { "s" };
        write!(f, ", {bits} bit, {rate} Hz, {channels} channel{plural}")
    }
}

/// Why a file is not for the robot's loudspeaker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlayable {
    /// Something else.
    #[error("it is no wav file")]
    NotWav,
    /// Less is there than the file says.
    #[error("it is cut short, or was never finished")]
    Cut,
    /// A wav file without samples.
    #[error("there is no sound in it")]
    Empty,
    /// Samples of another kind.
    #[error("it is {0}; it has to be PCM, {BITS} bit, {RATE} Hz, 1 or 2 channels")]
    Format(Format),
    /// More bytes than the robot takes.
    #[error("it has {0} bytes and may have {LONGEST}")]
    TooLong(usize),
}

const PCM: u16 = 1;
/// The true format stands further behind.
const EXTENSIBLE: u16 = 0xfffe;

/// Checks that these bytes are a wav file that the robot can play.
pub fn check_wav(bytes: &[u8]) -> Result<Format, NotPlayable> {
    if bytes.len() > LONGEST {
        return Err(NotPlayable::TooLong(bytes.len()));
    }
    let is_wav = bytes.get(..4) == Some(b"RIFF") && bytes.get(8..12) == Some(b"WAVE");
    let mut rest = bytes.get(12..).filter(|_| is_wav).ok_or(NotPlayable::NotWav)?;
    let mut format = None;
    while let Some((name, length)) = rest.get(..4).zip(u32_at(rest, 4)) {
        let length = length as usize;
        let chunk = &rest[8..];
        if name == b"fmt " {
            let chunk = chunk.get(..length).ok_or(NotPlayable::Cut)?;
            format = Some(read_format(chunk).ok_or(NotPlayable::Cut)?);
        }
        if name == b"data" {
            let format = format.ok_or(NotPlayable::NotWav)?;
            let Format { tag, channels, rate, bits } = format;
            if tag != PCM || bits != BITS || rate != RATE || !(1..=2).contains(&channels) {
                return Err(NotPlayable::Format(format));
            }
            return match length {
                0 => Err(NotPlayable::Empty),
                length if length > chunk.len() => Err(NotPlayable::Cut),
                _ => Ok(format),
            };
        }
        // Chunks begin at even places.
        rest = chunk.get(length + length % 2..).unwrap_or_default();
    }
    Err(NotPlayable::Cut)
}

fn read_format(chunk: &[u8]) -> Option<Format> {
    let tag = match u16_at(chunk, 0)? {
        EXTENSIBLE => u16_at(chunk, 24)?,
        tag => tag,
    };
    let (channels, rate, bits) = (u16_at(chunk, 2)?, u32_at(chunk, 4)?, u16_at(chunk, 14)?);
    Some(Format { tag, channels, rate, bits })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A file on its way to the robot.
pub struct Upload {
    name: String,
    wav: Vec<u8>,
    md5: String,
    created: u64,
}

impl Upload {
    /// A wav file under a name without `.wav`; `created` is in Unix milliseconds.
    pub fn new(name: &str, wav: Vec<u8>, created: u64) -> Result<Self, NotPlayable> {
        check_wav(&wav)?;
        let md5 = Md5::digest(&wav).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { name: name.to_owned(), wav, md5, created })
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.wav.len().div_ceil(BLOCK)
    }

    /// The requests that bring the blocks to the robot, in order.
    pub fn requests(&self) -> impl Iterator<Item = Request> + '_ {
        self.wav.chunks(BLOCK).zip(1_usize..).map(|(block, index)| {
            let content = BASE64_STANDARD.encode(block);
            let parameter = json!({
                "file_name": self.name,
                "file_type": "wav",
                "file_size": self.wav.len(),
                "current_block_index": index,
                "total_block_number": self.blocks(),
                "current_block_size": content.len(),
                "block_content": content,
                "file_md5": self.md5,
                "create_time": self.created,
            });
            request(audiohub::UPLOAD, &parameter)
        })
    }
}

fn request(api_id: i64, parameter: &Value) -> Request {
    let topic = topics::AUDIOHUB_REQUEST.to_owned();
    Request { topic, api_id, parameter: parameter.to_string(), priority: false }
}

/// Asks which files there are.
pub fn list() -> Request {
    request(audiohub::LIST, &json!({}))
}

/// Plays a file.
pub fn play(unique_id: &str) -> Request {
    request(audiohub::PLAY, &json!({ "unique_id": unique_id }))
}

/// Stops what is being played.
pub fn pause() -> Request {
    request(audiohub::PAUSE, &json!({}))
}

/// A file on the robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// By what the robot knows it, to the letter: it goes back to the robot.
    pub unique_id: String,
    /// By what people know it; clean and bounded.
    pub name: String,
}

fn bare(name: &str) -> &str {
    name.strip_suffix(".wav").unwrap_or(name)
}

/// The files in the answer to [`list`]; entries that have no id are left out. `None` if it is no list.
pub fn recordings(data: &str) -> Option<Vec<Recording>> {
    let value: Value = serde_json::from_str(data).ok()?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(object) => object.values().find_map(Value::as_array)?,
        _ => return None,
    };
    let read = |entry: &Value| {
        // Capitals in some answers, small letters in the requests.
        let text = |upper: &str, lower: &str| {
            let text = entry.get(upper).or_else(|| entry.get(lower));
            text.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let unique_id = text("UNIQUE_ID", "unique_id")?;
        let name = text("CUSTOM_NAME", "custom_name").unwrap_or_else(|| unique_id.clone());
        let name = clean(&name, LONGEST_NAME);
        Some(Recording { unique_id, name })
    };
    Some(list.iter().filter_map(read).collect())
}

/// The recording that a person means: by its id, or by its name, with `.wav` or without.
pub fn find<'a>(recordings: &'a [Recording], wanted: &str) -> Option<&'a Recording> {
    let by_id = recordings.iter().find(|recording| recording.unique_id == wanted);
    let wanted = clean(bare(wanted), LONGEST_NAME);
    by_id.or_else(|| recordings.iter().find(|each| bare(&each.name) == wanted))
}

#[cfg(test)]
#[path = "audio_tests.rs"]
mod tests;
