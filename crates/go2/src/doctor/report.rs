//! What was found: as lines for people, or as JSON for programs.

use std::time::Duration;

use go2_client::error_code::{with_hint, ErrorCode};
use serde_json::json;

use crate::hints;
use crate::output::say;

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// It worked; what was seen.
    Passed(String),
    /// It did not; why, and what to do.
    /// Why, and which section of docs/troubleshooting.md tells more.
    Failed(String, Option<ErrorCode>),
    /// It need not be gone, and why.
    Left(&'static str),
    /// An earlier one failed.
    NotTried,
}

/// A step on the way to the robot, or beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) step: &'static str,
    /// How long it took, where that was measured.
    pub(super) took: Option<Duration>,
    pub(super) outcome: Outcome,
}

impl Finding {
    pub(super) fn passed(step: &'static str, took: Duration, seen: impl Into<String>) -> Self {
        Self { step, took: Some(took), outcome: Outcome::Passed(seen.into()) }
    }

    /// `why` is without the code.
    pub(super) fn failed(
        step: &'static str,
        took: Duration,
        why: &str,
        code: impl Into<Option<ErrorCode>>,
    ) -> Self {
        let code = code.into();
        let why = with_hint(why, code, hints::of);
        Self { step, took: Some(took), outcome: Outcome::Failed(why, code) }
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(..))
    }

    fn code(&self) -> Option<ErrorCode> {
        match self.outcome {
            Outcome::Failed(_, code) => code,
            _ => None,
        }
    }

    /// As lines.
    fn text(&self) -> String {
        let (mark, text) = match &self.outcome {
            Outcome::Passed(seen) => ("ok", seen.as_str()),
            Outcome::Failed(why, _) => ("FAILED", why.as_str()),
            Outcome::Left(why) => ("-", *why),
            Outcome::NotTried => ("-", "not tried"),
        };
        let took = self.took.map_or(String::new(), |took| format!("{:.2} s", took.as_secs_f64()));
        let mut lines = format!("{:<22} {mark:<6} {took:>7}  {text}", self.step);
        if let Some(code) = self.code() {
            let section = code.as_str().to_lowercase();
            lines.push_str(&format!("\n{:39}read docs/troubleshooting.md#{section}", ""));
        }
        lines
    }
}

/// Gathers what is found.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, findings: Vec::new() }
    }

    /// Takes a finding; people see it at once.
    pub(super) fn add(&mut self, finding: Finding) {
        if !self.json {
            say(&finding.text());
        }
        self.findings.push(finding);
    }

    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        !self.findings.iter().any(Finding::is_failed)
    }

    /// Which steps there are so far.
    pub(super) fn has(&self, step: &str) -> bool {
        self.findings.iter().any(|finding| finding.step == step)
    }

    /// Tells the whole.
    pub(super) fn end(&self) {
        if self.json {
            let steps: Vec<_> = self.findings.iter().map(as_json).collect();
            say(&json!({"ok": self.is_good(), "steps": steps}).to_string());
        } else if self.is_good() {
            say("\nall is well");
        } else {
            let failed = self.findings.iter().filter(|finding| finding.is_failed());
            let failed: Vec<_> = failed.map(|finding| finding.step).collect();
            say(&format!("\nfailed: {}", failed.join(", ")));
        }
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let (outcome, text) = match &finding.outcome {
        Outcome::Passed(seen) => ("passed", seen.as_str()),
        Outcome::Failed(why, _) => ("failed", why.as_str()),
        Outcome::Left(why) => ("left_out", *why),
        Outcome::NotTried => ("not_tried", ""),
    };
    json!({
        "step": finding.step,
        "outcome": outcome,
        "seconds": finding.took.map(|took| took.as_secs_f64()),
        "text": text,
        "section": finding.code().map(ErrorCode::as_str),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_section() {
        let failed = Finding::failed("offer", Duration::from_millis(1234), "busy", ErrorCode::Busy);
        let expected = "offer                  FAILED  1.23 s  busy [GO2-BUSY]\n                                       read \
                        docs/troubleshooting.md#go2-busy";
        assert_eq!(failed.text(), expected);
        assert_eq!(as_json(&failed)["section"], "GO2-BUSY");
        let mut report = Report::new(true);
        report.add(Finding::passed("address", Duration::ZERO, "10.0.0.1"));
        assert!(report.is_good() && report.has("address"));
        report.add(failed);
        assert!(!report.is_good());
    }
}
