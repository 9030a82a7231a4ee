//! `/diagnostics`, with levels as REP 107 means them.

mod gateway;
mod motors;
mod robot;
mod signaling;
mod streams;

pub(crate) use motors::{lost, Lost};
pub(crate) use streams::StreamView;

use std::time::Duration;

use go2_client::progress::Milestone;
use go2_client::session::LinkState;
use go2_proto::commands::MotionMode;
use go2_proto::session::Counters;
use go2_proto::state::{Fault, LidarState, LowState};
use r2r::builtin_interfaces::msg::Time;
use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};

use super::header;
use crate::device::Identity;
use crate::gateway::Helm;
use crate::hints;
use crate::params::Settings;

/// All that a diagnostic report is made from.
pub(crate) struct Report<'a> {
    pub(crate) node: &'a str,
    pub(crate) link: &'a LinkState,
    /// The steps that the latest attempt to connect has passed.
    pub(crate) steps: &'a [Milestone],
    pub(crate) counters: &'a Counters,
    /// Of every stream.
    pub(crate) streams: &'a [StreamView],
    /// The latest, if it is recent.
    pub(crate) low_state: Option<&'a LowState>,
    /// What the LiDAR says of itself, if it is recent.
    pub(crate) lidar_state: Option<&'a LidarState>,
    /// The lost counters of the report before this one.
    pub(crate) lost_before: Option<Lost>,
    /// Topics on which a message takes long to send, and how long.
    pub(crate) slow: &'a [(String, Duration)],
    pub(crate) faults: &'a [Fault],
    pub(crate) mode: Option<&'a MotionMode>,
    pub(crate) identity: &'a Identity,
    pub(crate) settings: &'a Settings,
    /// Viewers of the gateway.
    pub(crate) helm: Helm,
    /// Whether nobody walks the robot.
    pub(crate) held: bool,
}

/// One entry for each part.
pub(crate) fn diagnostics(report: &Report<'_>, stamp: &Time) -> DiagnosticArray {
    let mut status = vec![
        link(report),
        battery(report),
        motors::motors(report),
        faults(report),
        streams::lidar(report),
        streams::camera(report),
        robot::robot(report),
        robot::services(report),
        signaling::signaling(report),
        robot::hold(report),
        publishing(report),
    ];
    status.extend(gateway::gateway(report));
    status.extend(streams::others(report));
    DiagnosticArray { header: header(stamp, ""), status }
}

const OK: u8 = DiagnosticStatus::OK as u8;
const WARN: u8 = DiagnosticStatus::WARN as u8;
const ERROR: u8 = DiagnosticStatus::ERROR as u8;
const STALE: u8 = DiagnosticStatus::STALE as u8;

fn status(
    report: &Report<'_>,
    part: &str,
    level: u8,
    message: String,
    values: Vec<(String, String)>,
) -> DiagnosticStatus {
    let serial_number = report.identity.serial_number.as_deref();
    DiagnosticStatus {
        level,
        name: format!("{}: {part}", report.node),
        message,
        hardware_id: match serial_number {
            Some(serial_number) => format!("GO2 {serial_number}"),
            None => format!("GO2 {}", report.settings.place()),
        },
        values: values.into_iter().map(|(key, text)| value(key, text)).collect(),
    }
}

fn value(key: String, value: String) -> KeyValue {
    KeyValue { key, value }
}

/// Why nothing can be said of the robot now, if it cannot.
fn unknown(report: &Report<'_>) -> Option<&'static str> {
    match report.link {
        LinkState::Live | LinkState::Degraded { .. } => None,
        LinkState::Stale => Some("nothing is heard of the robot"),
        _ => Some("not connected"),
    }
}

fn link(report: &Report<'_>) -> DiagnosticStatus {
    let level = match report.link {
        LinkState::Live => OK,
        LinkState::Resolving { .. }
        | LinkState::Connecting { .. }
        | LinkState::Validating
        | LinkState::Degraded { .. } => WARN,
        LinkState::Stale
        | LinkState::BackingOff { .. }
        | LinkState::Stopped { .. }
        | LinkState::Closed => ERROR,
    };
    let Counters { sessions, messages, bytes, malformed, unexpected, stray, sent, .. } =
        *report.counters;
    let mut values: Vec<_> = [
        ("sessions", sessions),
        ("messages received", messages),
        ("bytes received", bytes),
        ("malformed messages", malformed),
        ("unexpected messages", unexpected),
        ("answers to no open request", stray),
        ("dropped messages", report.streams.iter().map(|stream| stream.counts.dropped).sum()),
        ("messages sent", sent),
        ("audio packets", report.counters.media.audio_packets),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_string()))
    .into();
    if let Some(round_trip) = report.counters.round_trip {
        let milliseconds = format!("{:.1}", round_trip.as_secs_f64() * 1e3);
        values.push(("heartbeat round trip (ms)".to_owned(), milliseconds));
    }
    status(report, "link", level, report.link.describe(hints::of), values)
}

/// Whether subscribers take what is published. It says nothing of the robot.
fn publishing(report: &Report<'_>) -> DiagnosticStatus {
    let milliseconds = |took: &Duration| format!("{:.0}", took.as_secs_f64() * 1e3);
    let values =
        report.slow.iter().map(|(topic, took)| (format!("{topic} (ms)"), milliseconds(took)));
    let worst = report.slow.iter().max_by_key(|(_, took)| *took);
    let (level, message) = match worst {
        None => (OK, "subscribers take what is sent".to_owned()),
        Some((topic, took)) => {
            let took = milliseconds(took);
            (WARN, format!("publishing on {topic} takes {took} ms: a subscriber's network is too slow for it"))
        }
    };
    status(report, "publishing", level, message, values.collect())
}

fn battery(report: &Report<'_>) -> DiagnosticStatus {
    let Some((state, battery)) =
        report.low_state.and_then(|state| Some((state, state.battery.as_ref()?)))
    else {
        return status(report, "battery", STALE, "nothing heard of it".into(), vec![]);
    };
    let percent = battery.charge * 100.0;
    let level = if battery.charge < report.settings.battery_warn { WARN } else { OK };
    let mut values = vec![("charge (%)".to_owned(), format!("{percent:.0}"))];
    let mut add = |key: &str, value: Option<f64>| {
        values.extend(value.map(|value| (key.to_owned(), format!("{value:.2}"))));
    };
    add("voltage (V)", state.voltage);
    add("current (A)", battery.current);
    add("cycles", battery.cycles.map(f64::from));
    add("hottest sensor (C)", battery.temperatures.iter().copied().reduce(f64::max));
    status(report, "battery", level, format!("{percent:.0} %"), values)
}

fn faults(report: &Report<'_>) -> DiagnosticStatus {
    let values: Vec<_> = report
        .faults
        .iter()
        .map(|fault| {
            (format!("{} / 0x{:x}", fault.source, fault.code), motors::told(report, fault).1)
        })
        .collect();
    match (unknown(report), motors::worst(report, &report.faults.iter().collect::<Vec<_>>())) {
        (None, None) => status(report, "faults", OK, "none".into(), values),
        (None, Some((level, message))) => status(report, "faults", level, message, values),
        (Some(why), _) => status(report, "faults", STALE, why.into(), vec![]),
    }
}

#[cfg(test)]
mod tests;
