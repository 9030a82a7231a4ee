//! How the connection was agreed on, or how far that has come.

use go2_client::progress::Passed;
use go2_client::session::LinkState;
use go2_proto::signaling::OpenedBy;
use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, Report, ERROR, OK, WARN};
use crate::hints;

pub(super) fn signaling(report: &Report<'_>) -> DiagnosticStatus {
    let opened = report.steps.iter().any(|step| step.passed == Passed::Opened);
    let (level, message) = match report.link {
        _ if opened => (OK, "the connection was made".to_owned()),
        LinkState::BackingOff { reason, .. } | LinkState::Stopped { reason } => {
            (ERROR, reason.describe(hints::of))
        }
        LinkState::Closed => (OK, "closed".to_owned()),
        _ => (WARN, report.link.describe(hints::of)),
    };
    let mut values = Vec::new();
    let mut add = |key: &str, value: String| values.push((key.to_owned(), value));
    for step in report.steps {
        match &step.passed {
            Passed::Resolved { address } => add("robot address", address.to_string()),
            Passed::Reached { remote, local, encrypted } => {
                add("port", remote.port().to_string());
                add("address of this computer", local.to_string());
                add("encrypted", encrypted.to_string());
            }
            Passed::Noticed { data2, opened_by } => {
                add("data2", data2.map_or("absent".to_owned(), |data2| data2.to_string()));
                let key = match opened_by {
                    OpenedBy::Nothing => "none",
                    OpenedBy::StaticKey => "the one common to firmware 1.1.8 to 1.1.14",
                    OpenedBy::DeviceKey => "the robot's own",
                };
                add("key", key.to_owned());
            }
            Passed::Path(path) => {
                let (local, remote) = (&path.local, &path.remote);
                let text = format!(
                    "{} ({}) to {} ({})",
                    local.address, local.kind, remote.address, remote.kind
                );
                add("path", text);
            }
            Passed::Answered { .. } | Passed::Encrypted | Passed::Opened => {}
        }
    }
    if let (Some(first), Some(last), true) = (report.steps.first(), report.steps.last(), opened) {
        let took = last.at.saturating_duration_since(first.at);
        add("time to connect (s)", format!("{:.2}", took.as_secs_f64()));
    }
    status(report, "signaling", level, message, values)
}
