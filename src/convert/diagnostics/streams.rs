//! LiDAR and camera.

use std::time::Duration;

use go2_link::session::LinkState;
use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, Report, OK, STALE, WARN};
use crate::streams::Counts;

/// Frames are late when none has come for this long; at the least they come five times a second.
const FRAMES_LATE: Duration = Duration::from_secs(2);

fn flows(counts: &Counts) -> bool {
    counts.last.is_some_and(|last| last.elapsed() < FRAMES_LATE)
}

fn counted(counts: &Counts, what: &str) -> Vec<(String, String)> {
    let mut values = vec![
        (format!("{what} received"), counts.received.to_string()),
        (format!("{what} dropped"), counts.dropped.to_string()),
    ];
    if !counts.reason.is_empty() {
        values.push(("latest drop".to_owned(), counts.reason.clone()));
    }
    values
}

pub(super) fn lidar(report: &Report<'_>) -> DiagnosticStatus {
    let counts = report.lidar;
    let (level, message) = match (report.link, report.settings.lidar, flows(counts)) {
        (LinkState::Live, true, true) if counts.dropping() => (WARN, counts.reason.clone()),
        (LinkState::Live, true, true) => (OK, "frames come".to_owned()),
        (LinkState::Live, true, false) => {
            (WARN, "it is switched on, but no frames come; it is switched again".to_owned())
        }
        (LinkState::Live, false, _) => (OK, "switched off".to_owned()),
        _ => (STALE, "not connected".to_owned()),
    };
    status(report, "lidar", level, message, counted(counts, "frames"))
}

pub(super) fn camera(report: &Report<'_>) -> DiagnosticStatus {
    let counts = report.camera;
    let video = report.counters.media.video;
    let (level, message) = match (report.link, flows(counts)) {
        (LinkState::Live, true) if counts.dropping() => (WARN, counts.reason.clone()),
        (LinkState::Live, true) => (OK, "pictures come".to_owned()),
        (LinkState::Live, false) if counts.listened => {
            (WARN, "video is switched on, but no pictures come".to_owned())
        }
        (LinkState::Live, false) => (OK, "off: nobody listens".to_owned()),
        _ => (STALE, "not connected".to_owned()),
    };
    let mut values = counted(counts, "pictures");
    values.extend(
        [
            ("packets", video.packets),
            ("packets lost", video.lost),
            ("packets late", video.late),
            ("pictures damaged", video.damaged),
            ("pictures skipped until a keyframe", video.skipped),
            ("malformed packets", video.malformed),
            ("refused parameter sets", video.refused),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_string())),
    );
    status(report, "camera", level, message, values)
}
