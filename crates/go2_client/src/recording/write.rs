//! The thread that writes a recording. Nothing waits for it: what the disk does not take in time is dropped, counted and
//! told.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mcap::records::MessageHeader;
use mcap::write::NoSeek;
use mcap::{McapError, McapResult, WriteOptions, Writer};

use super::form::{self, Form, Line};
use super::{Anchor, RecordingError};
use go2_proto::session::Received;
use go2_proto::throttle::Throttle;

/// Messages and bytes that may wait to be written: a few seconds of everything.
const MOST_WAITING: usize = 1024;
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// A chunk is written whole, so this is what a crash may cost, in bytes and in time.
const CHUNK: u64 = 256 * 1024;
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Topics that a file may have. A robot has dozens.
const MOST_TOPICS: usize = 1000;
const LOG_EVERY: Duration = Duration::from_secs(10);

enum Job {
    Received(Received, Instant),
    Sent(String, Instant),
    Mark(&'static str, Instant),
    Finish,
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Received(Received::Text(bytes) | Received::Binary(bytes), _) => bytes.len(),
            Self::Received(Received::Picture(unit), _) => unit.data.len(),
            Self::Sent(text, _) => text.len(),
            Self::Mark(..) | Self::Finish => 0,
        }
    }
}

/// What became of the messages so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Messages in the file.
    pub written: u64,
    /// Messages that came faster than they could be written, or after the disk had failed.
    pub dropped: u64,
    /// Messages that recordings never hold, as they tell who the robot is.
    pub left_out: u64,
}

#[derive(Default)]
struct Shared {
    written: AtomicU64,
    dropped: AtomicU64,
    left_out: AtomicU64,
    bytes_waiting: AtomicUsize,
}

/// A recording that is being written. Clones write the same one.
#[derive(Clone)]
pub struct Recorder {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
    path: Arc<PathBuf>,
    warn: Arc<Mutex<Throttle>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorder({})", self.path.display())
    }
}

impl Recorder {
    /// Begins a file, which must not be there yet. In a directory, it is named by the time.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RecordingError> {
        let path = name(path.into());
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => RecordingError::Exists(path.clone()),
            _ => RecordingError::Write { path: path.clone(), error },
        })?;
        Self::of_file(file, path)
    }

    pub(super) fn of_file(file: File, path: PathBuf) -> Result<Self, RecordingError> {
        let failed = |error| RecordingError::Write { path: path.clone(), error };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let anchor = Anchor { at: Instant::now(), time };
        let file = Log::new(file, anchor).map_err(|error| failed(into_io(error)))?;
        let (jobs, inbox) = sync_channel(MOST_WAITING);
        let shared = Arc::<Shared>::default();
        let work = Work { file: Some(file), shared: Arc::clone(&shared), path: path.clone() };
        let thread = std::thread::Builder::new().name("recorder".into());
        let thread = thread.spawn(move || work.run(&inbox)).map_err(failed)?;
        Ok(Self {
            jobs,
            shared,
            path: Arc::new(path),
            warn: Arc::new(Mutex::new(Throttle::new(LOG_EVERY))),
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What became of the messages so far.
    pub fn counts(&self) -> Recorded {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Recorded {
            written: load(&self.shared.written),
            dropped: load(&self.shared.dropped),
            left_out: load(&self.shared.left_out),
        }
    }

    /// Takes what came from the robot just now.
    pub fn received(&self, received: &Received) {
        self.push(Job::Received(received.clone(), Instant::now()));
    }

    /// Takes what goes to the robot now.
    pub fn sent(&self, text: &str) {
        self.push(Job::Sent(text.to_owned(), Instant::now()));
    }

    /// Marks where a session begins or ends.
    pub(super) fn mark(&self, event: &'static str) {
        self.push(Job::Mark(event, Instant::now()));
    }

    fn push(&self, job: Job) {
        let bytes = job.bytes();
        let waiting = self.shared.bytes_waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes <= MOST_BYTES && self.jobs.try_send(job).is_ok() {
            return;
        }
        self.shared.bytes_waiting.fetch_sub(bytes, Ordering::Relaxed);
        let dropped = self.shared.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let mut warn = self.warn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = warn.allow(Instant::now()) {
            let path = self.path.display();
            tracing::warn!("{path}: the disk is too slow, {dropped} messages are missing in the recording{more}");
        }
    }

    /// Writes what waits and closes the file. Blocks until that is done.
    pub fn finish(&self) -> Recorded {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.jobs.send(Job::Finish); // fails only if the thread has ended
            let _ = thread.join();
        }
        self.counts()
    }
}

/// In a directory, a file named by the time.
fn name(path: PathBuf) -> PathBuf {
    if path.is_dir() {
        path.join(chrono::Local::now().format("go2_%Y-%m-%d_%H-%M-%S.mcap").to_string())
    } else {
        path
    }
}

fn into_io(error: McapError) -> std::io::Error {
    match error {
        McapError::Io(error) => error,
        error => std::io::Error::other(error.to_string()),
    }
}

struct Work {
    /// `None` once the disk has failed.
    file: Option<Log>,
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Job>) {
        let mut flush = Instant::now() + FLUSH_EVERY;
        loop {
            match inbox.recv_timeout(flush.saturating_duration_since(Instant::now())) {
                Ok(Job::Finish) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => {
                    self.shared.bytes_waiting.fetch_sub(job.bytes(), Ordering::Relaxed);
                    self.take(&job);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= flush {
                flush = Instant::now() + FLUSH_EVERY;
                self.on_file(Log::flush);
            }
        }
        self.on_file(Log::finish);
    }

    fn take(&mut self, job: &Job) {
        let Some(file) = &self.file else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let (line, at) = match job {
            Job::Received(received, at) => (form::received(received, &file.anchor), *at),
            Job::Sent(text, at) => (form::sent(text), *at),
            Job::Mark(event, at) => (Some(form::mark(event)), *at),
            Job::Finish => return,
        };
        let Some(line) = line else {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if self.on_file(|file| file.write(line, at)) {
            self.shared.written.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Works on the file. The first failure is told and is the last: the link lives on without a recording.
    fn on_file(&mut self, work: impl FnOnce(&mut Log) -> McapResult<()>) -> bool {
        let Some(file) = &mut self.file else { return false };
        let Err(error) = work(file) else { return true };
        let (path, error) = (self.path.display(), into_io(error));
        tracing::error!("{path}: the recording ends here, as it cannot be written: {error}");
        self.file = None;
        false
    }
}

/// The file.
struct Log {
    writer: Writer<NoSeek<BufWriter<File>>>,
    anchor: Anchor,
    channels: HashMap<(String, Form), u16>,
    sequence: u32,
    /// Whether something was written since the last flush.
    open: bool,
}

impl Log {
    fn new(file: File, anchor: Anchor) -> McapResult<Self> {
        let options = WriteOptions::new()
            .library(concat!("go2_client ", env!("CARGO_PKG_VERSION")))
            .compression(None)
            .chunk_size(Some(CHUNK))
            // Chunks are made in memory and written whole: what is in the file can be read after a crash.
            .disable_seeking(true);
        let mut writer = options.create(NoSeek::new(BufWriter::new(file)))?;
        writer.flush()?;
        Ok(Self { writer, anchor, channels: HashMap::new(), sequence: 0, open: false })
    }

    fn write(&mut self, line: Line, at: Instant) -> McapResult<()> {
        let time = self.anchor.nanoseconds(at);
        let channel_id = self.channel(line.topic, line.form)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let header = MessageHeader { channel_id, sequence, log_time: time, publish_time: time };
        self.open = true;
        self.writer.write_to_known_channel(&header, &line.data)
    }

    fn channel(&mut self, topic: String, form: Form) -> McapResult<u16> {
        let full = self.channels.len() >= MOST_TOPICS;
        let key = match (topic, form) {
            key if self.channels.contains_key(&key) || !full => key,
            (_, form) => (format!("other/{}", form.name()), form),
        };
        if let Some(known) = self.channels.get(&key) {
            return Ok(*known);
        }
        let (name, schema) = form.schema();
        let schema = self.writer.add_schema(name, "jsonschema", schema.as_bytes())?;
        let metadata = BTreeMap::from([(form::FORM.to_owned(), form.name().to_owned())]);
        let id = self.writer.add_channel(schema, &key.0, "json", &metadata)?;
        self.channels.insert(key, id);
        Ok(id)
    }

    fn flush(&mut self) -> McapResult<()> {
        if std::mem::take(&mut self.open) {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> McapResult<()> {
        self.writer.finish().map(drop)
    }
}
