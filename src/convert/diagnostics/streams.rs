//! Streams: whether they come, how fast, how old, and what was dropped.

use std::time::{Duration, Instant};

use go2_proto::codec::topics::VOXEL_MAP;
use go2_proto::session::{Flow, StreamReport, VIDEO};
use go2_proto::state::LidarState;
use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, unknown, Report, ERROR, OK, STALE, WARN};
use crate::clock::{told, StampReport};
use crate::streams::Counts;

/// Delays above this are worth a warning: who plans by such a message plans for the past.
const LATE: Duration = Duration::from_secs(1);

/// A clock that was set less than so long ago is worth a warning: until it was noticed, stamps were wrong.
const STEP_TOLD: Duration = Duration::from_secs(10);

/// All that is known of a stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamView {
    /// Its topic.
    pub(crate) name: String,
    /// As the link hears it; `None` without a session.
    pub(crate) report: Option<StreamReport>,
    /// What the node made of it.
    pub(crate) counts: Counts,
    pub(crate) stamps: Option<StampReport>,
}

impl StreamView {
    fn age(&self) -> Option<Duration> {
        let heard = self.report.as_ref()?.last;
        // The link's report is up to half a second old; the node may know of a newer message.
        let last: Option<Instant> = heard.max(self.counts.last.filter(|_| heard.is_some()));
        last.map(|last| last.elapsed())
    }

    fn delay(&self) -> Option<Duration> {
        self.stamps.and_then(|stamps| stamps.health.delay)
    }

    /// That the robot's clock was set a moment ago, where it stamps this stream.
    fn step(&self) -> Option<String> {
        let StampReport { health, steps, .. } = self.stamps?;
        let last = steps.last.filter(|step| step.at.elapsed() < STEP_TOLD)?;
        health.delay.map(|_| told(&last))
    }

    fn judge(&self) -> (u8, String) {
        let flow = self.report.as_ref().map_or(Flow::Idle, |report| report.flow);
        let late = self.delay().filter(|delay| *delay > LATE);
        match (flow, self.age(), late) {
            (Flow::Stopped, Some(age), _) => {
                (ERROR, format!("nothing has come for {:.1} s", age.as_secs_f64()))
            }
            (Flow::Stopped, None, _) => (ERROR, "nothing has come yet".to_owned()),
            (Flow::Idle, ..) => (OK, "nothing has come, which may be as it should".to_owned()),
            (Flow::Flowing, ..) if self.counts.dropping() => (WARN, self.counts.reason.clone()),
            (Flow::Flowing, _, Some(delay)) => {
                (WARN, format!("it comes {:.1} s late", delay.as_secs_f64()))
            }
            (Flow::Flowing, ..) => match self.step() {
                Some(step) => (WARN, step),
                None => (OK, "it comes".to_owned()),
            },
        }
    }

    fn values(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        let mut add = |key: &str, value: String| values.push((key.to_owned(), value));
        if let Some(report) = &self.report {
            if let Some(rate) = report.rate() {
                add("rate (Hz)", format!("{rate:.1}"));
            }
            add("messages in this session", report.count.to_string());
        }
        if let Some(age) = self.age() {
            add("age (s)", format!("{:.1}", age.as_secs_f64()));
        }
        add("received", self.counts.received.to_string());
        add("dropped", self.counts.dropped.to_string());
        if !self.counts.reason.is_empty() {
            add("latest drop", self.counts.reason.clone());
        }
        if let Some(delay) = self.delay() {
            add("delay (ms)", format!("{:.1}", delay.as_secs_f64() * 1e3));
        }
        if let Some(StampReport { health, offset, steps }) = self.stamps {
            if let Some(offset) = offset {
                add("clock offset (s)", format!("{offset:.3}"));
            }
            add("stamps missing", health.missing.to_string());
            add("stamps repeated", health.repeated.to_string());
            add("stamps jumped", health.jumped.to_string());
            add("clock set (times)", steps.count.to_string());
        }
        values
    }
}

/// A stream with an entry of its own kind; `say` makes its message more to the point.
fn entry(
    report: &Report<'_>,
    part: &str,
    topic: &str,
    say: impl FnOnce(u8, String, Flow) -> (u8, String),
) -> DiagnosticStatus {
    let view = report.streams.iter().find(|view| view.name == topic);
    let (level, message) = match (unknown(report), view) {
        (Some(why), _) => (STALE, why.to_owned()),
        (None, None) => say(OK, String::new(), Flow::Idle),
        (None, Some(view)) => {
            let (level, message) = view.judge();
            let flow = view.report.as_ref().map_or(Flow::Idle, |report| report.flow);
            say(level, message, flow)
        }
    };
    status(report, part, level, message, view.map(StreamView::values).unwrap_or_default())
}

pub(super) fn lidar(report: &Report<'_>) -> DiagnosticStatus {
    let state = report.lidar_state;
    let trouble = state.and_then(LidarState::trouble);
    let mut status = entry(report, "lidar", VOXEL_MAP, |level, message, flow| {
        match (report.settings.lidar, flow, trouble) {
            (false, ..) => (OK, "switched off".to_owned()),
            (true, _, Some(trouble)) if trouble.is_fatal() => (ERROR, trouble.to_string()),
            (true, Flow::Stopped, _) => {
                let why =
                    state.map_or("it is switched again".to_owned(), LidarState::without_frames);
                (level, format!("it is switched on, but {message}; {why}"))
            }
            (true, _, Some(trouble)) => (WARN, trouble.to_string()),
            (true, Flow::Idle, None) => {
                (WARN, "it is switched on, and has yet to begin".to_owned())
            }
            (true, Flow::Flowing, None) => (level, message),
        }
    });
    let mut add = |key: &str, value: Option<String>| {
        status.values.extend(value.map(|value| super::value(key.to_owned(), value)));
    };
    if let Some(state) = state {
        add("error state", state.error_state.map(|error| error.to_string()));
        add("clouds inside (Hz)", state.cloud_frequency.map(|hz| format!("{hz:.1}")));
        add("dirt (%)", state.dirty_percentage.map(|dirt| format!("{dirt:.0}")));
        add("packet loss inside", state.cloud_packet_loss_rate.map(|loss| format!("{loss:.3}")));
    }
    status
}

pub(super) fn camera(report: &Report<'_>) -> DiagnosticStatus {
    let mut camera = entry(report, "camera", VIDEO, |level, message, flow| match flow {
        Flow::Idle => (OK, "off: nobody listens".to_owned()),
        Flow::Stopped => (level, format!("video is switched on, but {message}")),
        Flow::Flowing => (level, message),
    });
    let video = report.counters.media.video;
    camera.values.extend(
        [
            ("packets", video.packets),
            ("packets lost", video.lost),
            ("packets late", video.late),
            ("pictures damaged", video.damaged),
            ("pictures skipped until a keyframe", video.skipped),
            ("malformed packets", video.malformed),
            ("refused parameter sets", video.refused),
        ]
        .map(|(key, value)| super::value(key.to_owned(), value.to_string())),
    );
    camera
}

/// An entry for each of the other streams.
pub(super) fn others(report: &Report<'_>) -> Vec<DiagnosticStatus> {
    let others =
        report.streams.iter().filter(|view| ![VOXEL_MAP, VIDEO].contains(&view.name.as_str()));
    let entry = |view: &StreamView| {
        let (level, message) = match unknown(report) {
            Some(why) => (STALE, why.to_owned()),
            None => view.judge(),
        };
        status(report, &format!("stream {}", view.name), level, message, view.values())
    };
    others.map(entry).collect()
}
