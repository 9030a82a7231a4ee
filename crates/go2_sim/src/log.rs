//! What the simulated robot saw and did, for tests and for people.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};
use tokio::sync::watch;

/// A log of JSON objects, each with `event` and `t` (Unix seconds). Clones share it.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    entries: Mutex<Vec<Value>>,
    file: Option<Mutex<std::fs::File>>,
    length: watch::Sender<usize>,
}

/// Entries that are kept in memory; the file holds all.
const KEPT: usize = 100_000;

impl Default for Log {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Log {
    /// A log that is also written to a file, a line each.
    pub fn to_file(path: &Path) -> std::io::Result<Self> {
        std::fs::File::create(path).map(|file| Self::new(Some(file)))
    }

    fn new(file: Option<std::fs::File>) -> Self {
        let (length, _) = watch::channel(0);
        Self(Arc::new(Shared { entries: Mutex::default(), file: file.map(Mutex::new), length }))
    }

    /// Adds an entry; `fields` is a JSON object.
    pub fn add(&self, event: &str, fields: Value) {
        let t = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut entry = json!({"event": event, "t": t});
        if let (Value::Object(entry), Value::Object(fields)) = (&mut entry, fields) {
            entry.extend(fields);
        }
        if let Some(file) = &self.0.file {
            // The log is a tool of tests: a full disk must not end the robot.
            let _ = writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{entry}");
        }
        let length = {
            let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if entries.len() < KEPT {
                entries.push(entry);
            }
            entries.len()
        };
        self.0.length.send_replace(length);
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Value> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The entries of one kind.
    pub fn of(&self, event: &str) -> Vec<Value> {
        self.entries().into_iter().filter(|entry| entry["event"] == event).collect()
    }

    /// Waits until an entry fits, from the `from`th on, and returns it; `None` after `limit`.
    pub async fn wait_for(
        &self,
        from: usize,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let mut length = self.0.length.subscribe();
        let search = async {
            loop {
                length.mark_unchanged();
                if let Some(found) = self.entries().into_iter().skip(from).find(|entry| fits(entry))
                {
                    return Some(found);
                }
                length.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_what_comes() {
        let log = Log::default();
        log.add("first", json!({"n": 1}));
        let later = log.clone();
        tokio::spawn(async move { later.add("second", json!({"n": 2})) });
        let limit = Duration::from_secs(5);
        let found = log.wait_for(0, limit, |entry| entry["n"] == 2).await.unwrap();
        assert_eq!(found["event"], "second");
        let none = log.wait_for(2, Duration::from_millis(10), |_| true).await;
        assert!(none.is_none());
        assert_eq!(log.of("first").len(), 1);
    }
}
