//! Reads a recording from its beginning, without holding more of it in memory than a chunk.
//!
//! The framing is read here: the mcap crate's own readers panic on some damaged files, and these come from elsewhere.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcap::records::{op, Record};

use super::form::{self, Form};
use super::RecordingError;
use go2_proto::text::{clean, NAME, WORDS};

/// No record of ours is longer: a chunk ends with the message that fills it.
const LONGEST_RECORD: u64 = 32 * 1024 * 1024;
/// Opcode and length.
const FRAMING: usize = 9;

/// Something that came from the robot, still as it stands in the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Since 1970.
    pub(super) time: Duration,
    pub(super) topic: String,
    pub(super) form: Form,
    pub(super) data: Vec<u8>,
}

/// What came from the robot, in order.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    begun: bool,
    over: bool,
    /// Whether the file has no end, as after a crash.
    pub(super) cut: bool,
    contents: Contents,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path)
            .map_err(|error| RecordingError::Read { path: path.to_owned(), error })?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            begun: false,
            over: false,
            cut: false,
            contents: Contents::default(),
        })
    }

    /// The next entry; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, RecordingError> {
        loop {
            if let Some(entry) = self.contents.entries.pop_front() {
                return Ok(Some(entry));
            }
            if self.over {
                return Ok(None);
            }
            let Some((opcode, body)) = self.record()? else {
                (self.over, self.cut) = (true, true);
                continue;
            };
            self.over = opcode == op::DATA_END; // a summary follows, which says nothing new
            self.contents.take(opcode, &body).map_err(|bad| self.bad(bad))?;
        }
    }

    /// The next record of the file; `None` where it ends before its end.
    fn record(&mut self) -> Result<Option<(u8, Vec<u8>)>, RecordingError> {
        if !std::mem::replace(&mut self.begun, true) {
            match self.bytes(mcap::MAGIC.len() as u64)? {
                Some(magic) if magic == mcap::MAGIC => {}
                Some(_) => return Err(self.bad(Bad::Because("it begins otherwise".to_owned()))),
                None => return Ok(None),
            }
        }
        let Some(framing) = self.bytes(FRAMING as u64)? else { return Ok(None) };
        let (opcode, length) = split(&framing);
        if length > LONGEST_RECORD {
            return Err(self.bad(Bad::Because(format!("a record of {length} bytes"))));
        }
        Ok(self.bytes(length)?.map(|body| (opcode, body)))
    }

    /// So many bytes; `None` if there are fewer.
    fn bytes(&mut self, length: u64) -> Result<Option<Vec<u8>>, RecordingError> {
        let mut bytes = Vec::new();
        match (&mut self.file).take(length).read_to_end(&mut bytes) {
            Ok(read) => Ok((read as u64 == length).then_some(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(RecordingError::Read { path: self.path.clone(), error }),
        }
    }

    fn bad(&self, bad: Bad) -> RecordingError {
        let path = self.path.clone();
        match bad {
            Bad::Because(reason) => RecordingError::Damaged { path, reason: clean(&reason, WORDS) },
            Bad::Compressed(compression) => {
                RecordingError::Compressed { path, compression: clean(&compression, NAME) }
            }
        }
    }
}

fn split(framing: &[u8]) -> (u8, u64) {
    let mut length = [0; 8];
    length.copy_from_slice(&framing[1..FRAMING]);
    (framing[0], u64::from_le_bytes(length))
}

/// What is wrong with a record.
enum Bad {
    Because(String),
    Compressed(String),
}

/// What the records hold. Pure.
#[derive(Default)]
struct Contents {
    /// Topics and forms of the channels that are ours.
    channels: HashMap<u16, (String, Form)>,
    entries: VecDeque<Entry>,
}

impl Contents {
    fn take(&mut self, opcode: u8, body: &[u8]) -> Result<(), Bad> {
        // Others say nothing that is needed, and new ones may be unknown here.
        if ![op::CHANNEL, op::MESSAGE, op::CHUNK].contains(&opcode) {
            return Ok(());
        }
        let record = mcap::parse_record(opcode, body);
        match record.map_err(|error| Bad::Because(error.to_string()))? {
            Record::Channel(channel) => {
                let form = channel.metadata.get(form::FORM).and_then(|name| Form::of_name(name));
                if let Some(form) = form {
                    let topic = clean(&channel.topic, form::LONGEST_TOPIC);
                    self.channels.insert(channel.id, (topic, form));
                }
            }
            Record::Message { header, data } => {
                if let Some((topic, form)) = self.channels.get(&header.channel_id) {
                    self.entries.push_back(Entry {
                        time: Duration::from_nanos(header.log_time),
                        topic: topic.clone(),
                        form: *form,
                        data: data.into_owned(),
                    });
                }
            }
            Record::Chunk { header, data } if header.compression.is_empty() => {
                return self.take_all(&data);
            }
            Record::Chunk { header, .. } => return Err(Bad::Compressed(header.compression)),
            _ => {}
        }
        Ok(())
    }

    /// The records of a chunk.
    fn take_all(&mut self, mut rest: &[u8]) -> Result<(), Bad> {
        let cut = || Bad::Because("a chunk ends within a record".to_owned());
        while !rest.is_empty() {
            let (framing, behind) = rest.split_at_checked(FRAMING).ok_or_else(cut)?;
            let (opcode, length) = split(framing);
            let length = usize::try_from(length).map_err(|_| cut())?;
            let (body, behind) = behind.split_at_checked(length).ok_or_else(cut)?;
            if opcode != op::CHUNK {
                self.take(opcode, body)?;
            }
            rest = behind;
        }
        Ok(())
    }
}
