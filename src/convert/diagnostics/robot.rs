//! Who the robot is, and the programs that run on it.

use go2_proto::commands::MotionMode;
use go2_proto::state::ServiceState;
use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, unknown, Report, OK, STALE, WARN};

pub(super) fn robot(report: &Report<'_>) -> DiagnosticStatus {
    let identity = report.identity;
    let told = [
        ("motion mode", report.mode.map(MotionMode::name)),
        ("firmware version", identity.firmware.as_deref()),
        ("software version", identity.software.as_deref()),
        ("hardware version", identity.hardware.as_deref()),
        ("serial number", identity.serial_number.as_deref()),
    ];
    let mut values: Vec<_> = told
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
        .collect();
    values.push(("sessions".to_owned(), report.counters.sessions.to_string()));
    let (level, message) = match (unknown(report), report.mode) {
        (None, Some(mode)) => (OK, format!("motion mode {mode}")),
        (None, None) => (OK, "it does not tell its motion mode".to_owned()),
        (Some(why), _) => (STALE, why.to_owned()),
    };
    status(report, "robot", level, message, values)
}

pub(super) fn services(report: &Report<'_>) -> DiagnosticStatus {
    let listed = report.identity.services.as_deref();
    let values = listed.unwrap_or_default().iter().map(|s| (s.name.clone(), state(s))).collect();
    let (level, message) = match (unknown(report), listed) {
        (None, Some(services)) => (OK, format!("{} services", services.len())),
        (None, None) => (OK, "it does not list them".to_owned()),
        (Some(why), _) => (STALE, why.to_owned()),
    };
    status(report, "services", level, message, values)
}

/// Whether it may walk at all. That is the node's, and known without a session.
pub(super) fn hold(report: &Report<'_>) -> DiagnosticStatus {
    let (level, message) = match report.held {
        true => (WARN, "held: nobody walks the robot before ~/hold is called with false"),
        false => (OK, "not held"),
    };
    let values = vec![("held".to_owned(), report.held.to_string())];
    status(report, "hold", level, message.to_owned(), values)
}

fn state(service: &ServiceState) -> String {
    let state = match service.status {
        Some(1) => "running".to_owned(),
        Some(0) => "stopped".to_owned(),
        Some(other) => format!("status {other}"),
        None => "status unknown".to_owned(),
    };
    match &service.version {
        Some(version) => format!("{state}, version {version}"),
        None => state,
    }
}
