//! Reads a recording from its beginning, without holding more of it in memory than a chunk.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcap::sans_io::{LinearReaderOptions, MessageReadEvent, MessageReader};
use mcap::McapError;

use super::form::{self, Form};
use super::RecordingError;

/// No message of a robot is longer; base64 and its object included.
const LONGEST_RECORD: usize = 16 * 1024 * 1024;

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
    messages: MessageReader,
    /// Whether the file has an end; one that was cut off by a crash has none.
    pub(super) cut: bool,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, RecordingError> {
        let failed = |error| RecordingError::Read { path: path.to_owned(), error };
        let file = BufReader::new(File::open(path).map_err(failed)?);
        let options = LinearReaderOptions::default()
            .with_record_length_limit(LONGEST_RECORD)
            .with_validate_chunk_crcs(true);
        let messages = MessageReader::new_with_options(options);
        Ok(Self { path: path.to_owned(), file, messages, cut: false })
    }

    /// The next entry; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, RecordingError> {
        loop {
            match self.messages.next_event() {
                None => return Ok(None),
                Some(Ok(MessageReadEvent::ReadRequest(wanted))) => {
                    let wanted = wanted.clamp(1, LONGEST_RECORD);
                    let read = self.file.read(self.messages.insert(wanted));
                    let read = read
                        .map_err(|error| RecordingError::Read { path: self.path.clone(), error })?;
                    self.messages.notify_read(read);
                }
                Some(Ok(MessageReadEvent::Message(message))) => {
                    let form = message.channel.metadata.get(form::FORM);
                    let Some(form) = form.and_then(|name| Form::of_name(name)) else { continue };
                    return Ok(Some(Entry {
                        time: Duration::from_nanos(message.log_time),
                        topic: message.channel.topic.clone(),
                        form,
                        data: message.data.into_owned(),
                    }));
                }
                // Whoever wrote it was ended in the middle; all that is whole was read.
                Some(Err(McapError::UnexpectedEof | McapError::UnexpectedEoc)) => {
                    self.cut = true;
                    return Ok(None);
                }
                Some(Err(error)) => return Err(self.damaged(error)),
            }
        }
    }

    fn damaged(&self, error: McapError) -> RecordingError {
        let path = self.path.clone();
        match error {
            McapError::UnsupportedCompression(compression) => {
                RecordingError::Compressed { path, compression }
            }
            error => RecordingError::Damaged { path, reason: error.to_string() },
        }
    }
}
