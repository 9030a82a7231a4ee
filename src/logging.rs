//! Log messages go where ROS's go: to the console in ROS's format, at the level of `--log-level`.
//!
//! ROS publishes them as well, which takes as long as a subscriber's network does. So a thread of their own does it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::Arc;
use std::time::Duration;

use go2_proto::text::clean;
use r2r::LogSeverity;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{filter::LevelFilter, Layer, Registry};

/// Characters of a log message. Ours have a few hundred.
const LONGEST: usize = 2000;
/// Lines that may wait; beyond it they are dropped and counted.
const QUEUE: usize = 1024;

enum Entry {
    Line {
        text: String,
        file: &'static str,
        line: u32,
        severity: LogSeverity,
    },
    /// Everything before it is out.
    Flush(SyncSender<()>),
}

struct RosLayer {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl<S: Subscriber> Layer<S> for RosLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        // What others wrote is clean by now; this holds for what users, the system and libraries say, too.
        let text = clean(&message.0, LONGEST);
        let metadata = event.metadata();
        let severity = match *metadata.level() {
            Level::ERROR => LogSeverity::Error,
            Level::WARN => LogSeverity::Warn,
            Level::INFO => LogSeverity::Info,
            Level::DEBUG | Level::TRACE => LogSeverity::Debug,
        };
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or(0));
        if self.entries.try_send(Entry::Line { text, file, line, severity }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The log of this process.
pub(crate) struct Log(SyncSender<Entry>);

impl Log {
    /// Waits until everything logged so far is out, at most for `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let (done, flushed) = sync_channel(1);
        // Where the queue is full, its thread is stuck, and there is nothing to wait for.
        if self.0.try_send(Entry::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(limit);
        }
    }
}

/// Sends what is logged in this process to ROS, under the node's name. ROS filters by level.
///
/// # Errors
/// Where the system gives no thread.
pub(crate) fn to_ros(logger: &'static str) -> std::io::Result<Log> {
    let (entries, inbox) = sync_channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let layer = RosLayer { entries: entries.clone(), lost: Arc::clone(&lost) };
    std::thread::Builder::new().name("log".into()).spawn(move || write(logger, &inbox, &lost))?;
    let subscriber = Registry::default().with(layer.with_filter(LevelFilter::DEBUG));
    // A second call would fail; the first one stands.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(Log(entries))
}

fn write(logger: &str, inbox: &Receiver<Entry>, lost: &AtomicU64) {
    while let Ok(entry) = inbox.recv() {
        match entry {
            Entry::Line { text, file, line, severity } => {
                r2r::log(&text, logger, file, line, severity);
            }
            Entry::Flush(done) => {
                let _ = done.try_send(());
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} lines of the log are missing: writing it takes too long");
            r2r::log(&text, logger, file!(), line!(), LogSeverity::Warn);
        }
    }
}
