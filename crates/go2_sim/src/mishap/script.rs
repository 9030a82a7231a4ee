//! Mishaps at their times: a file with a JSON object a line.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{Mishap, Mishaps, Span};

/// One line: `{"at": 5, "begin": {"freeze": "lidar"}, "for": 2.5}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Seconds from the robot's start.
    pub at: f64,
    /// What goes wrong.
    pub begin: Mishap,
    /// For how many seconds.
    #[serde(default, rename = "for")]
    pub seconds: Option<f64>,
    /// Or on how many occasions.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Why there is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(String),
    /// A line is not what it should be.
    #[error("line {0}: {1}")]
    Line(usize, String),
}

/// All lines, in the order of their times.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script(Vec<Line>);

/// The longest time from the start, and the longest that anything lasts: a day.
const LONGEST: f64 = 86400.0;

/// How long a mishap lasts, from what a person wrote.
pub(super) fn span(seconds: Option<f64>, times: Option<u32>) -> Result<Span, &'static str> {
    match (seconds, times) {
        (Some(_), Some(_)) => Err("either \"for\" or \"times\", not both"),
        (Some(seconds), None) if (0.0..=LONGEST).contains(&seconds) => {
            Ok(Span::For(Duration::from_secs_f64(seconds)))
        }
        (Some(_), None) => Err("\"for\" is 0 to 86400 seconds"),
        (None, Some(0)) => Err("\"times\" is 1 or more"),
        (None, Some(times)) => Ok(Span::Times(times)),
        (None, None) => Ok(Span::Open),
    }
}

impl Line {
    fn check(&self) -> Result<(), &'static str> {
        if !(0.0..=LONGEST).contains(&self.at) {
            return Err("\"at\" is 0 to 86400 seconds");
        }
        self.begin.check(span(self.seconds, self.times)?)
    }
}

impl Script {
    /// Reads a script; empty lines and those that begin with # are left out.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut lines = Vec::new();
        for (number, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
                continue;
            }
            let bad = |what: String| ScriptError::Line(number, what);
            let line: Line = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
            line.check().map_err(|what| bad(what.to_owned()))?;
            lines.push(line);
        }
        lines.sort_by(|a, b| a.at.total_cmp(&b.at));
        Ok(Self(lines))
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ScriptError::Io(error.to_string()))?;
        Self::parse(&text)
    }

    /// Has each mishap begin at its time, from now on.
    pub(crate) async fn play(self, mishaps: &Mishaps) {
        let start = Instant::now();
        for Line { at, begin, seconds, times } in self.0 {
            tokio::time::sleep_until(start + Duration::from_secs_f64(at)).await;
            if let Ok(span) = span(seconds, times) {
                tracing::info!("mishap: {begin:?}");
                mishaps.begin(begin, span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Streams;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn mishaps_begin_at_their_times() {
        let text = "# two\n\n{\"at\": 7, \"begin\": \"blackhole\", \"for\": 1.5}\n{\"at\":2,\"begin\":{\"freeze\":\"all\"}}\n";
        let script = Script::parse(text).unwrap();
        let mishaps = Mishaps::default();
        let on = mishaps.clone();
        let playing = tokio::spawn(async move { script.play(&on).await });
        let names = || mishaps.on().into_iter().map(|(_, mishap)| mishap).collect::<Vec<_>>();
        tokio::time::sleep(Duration::from_millis(1999)).await;
        assert!(names().is_empty());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(names(), [Mishap::Freeze(Streams::All)]);
        playing.await.unwrap();
        assert_eq!(names().len(), 2);
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        for (text, expected) in [
            ("\n{\"at\":1,\"begin\":\"blackhol\"}", "line 2"),
            ("{\"at\":-1,\"begin\":\"mute\"}", "\"at\""),
            ("{\"at\":1,\"begin\":\"mute\",\"for\":1,\"times\":2}", "not both"),
            ("{\"at\":1,\"begin\":\"mute\",\"times\":0}", "\"times\""),
            ("{\"at\":1,\"begin\":\"mute\",\"until\":0}", "unknown field"),
            ("{\"at\":1,\"begin\":{\"offer\":\"unknown_data2\"}}", "cannot fail like that"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
