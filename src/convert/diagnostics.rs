//! `/diagnostics`, with levels as REP 107 means them.

use std::time::Duration;

use go2_link::session::{Counters, LinkState};
use go2_link::state::{Fault, LowState};
use r2r::builtin_interfaces::msg::Time;
use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};

use super::header;
use crate::params::Settings;
use crate::streams::Counts;

/// All that a diagnostic report is made from.
pub(crate) struct Report<'a> {
    pub(crate) node: &'a str,
    pub(crate) link: &'a LinkState,
    pub(crate) counters: &'a Counters,
    /// Messages that the node dropped: undecodable, or too late. Without those of LiDAR and camera.
    pub(crate) dropped: u64,
    pub(crate) lidar: &'a Counts,
    pub(crate) camera: &'a Counts,
    /// The latest, if it is recent.
    pub(crate) low_state: Option<&'a LowState>,
    pub(crate) faults: &'a [Fault],
    pub(crate) settings: &'a Settings,
}

/// One entry each for link, battery, motors, faults, LiDAR and camera.
pub(crate) fn diagnostics(report: &Report<'_>, stamp: &Time) -> DiagnosticArray {
    DiagnosticArray {
        header: header(stamp, ""),
        status: vec![
            link(report),
            battery(report),
            motors(report),
            faults(report),
            lidar(report),
            camera(report),
        ],
    }
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
    DiagnosticStatus {
        level,
        name: format!("{}: {part}", report.node),
        message,
        hardware_id: format!("GO2 {}", report.settings.robot_ip),
        values: values.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
    }
}

fn link(report: &Report<'_>) -> DiagnosticStatus {
    let level = match report.link {
        LinkState::Live => OK,
        LinkState::Connecting { .. } | LinkState::Validating => WARN,
        LinkState::BackingOff { .. } | LinkState::Stopped { .. } | LinkState::Closed => ERROR,
    };
    let Counters { sessions, messages, bytes, malformed, unexpected, sent, .. } = *report.counters;
    let mut values: Vec<_> = [
        ("sessions", sessions),
        ("messages received", messages),
        ("bytes received", bytes),
        ("malformed messages", malformed),
        ("unexpected messages", unexpected),
        ("dropped messages", report.dropped),
        ("messages sent", sent),
        ("audio packets", report.counters.media.audio_packets),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_string()))
    .into();
    if let Some(round_trip) = report.counters.round_trip {
        let milliseconds = format!("{:.1}", round_trip.as_secs_f64() * 1e3);
        values.push(("heartbeat round trip (ms)".to_owned(), milliseconds));
    }
    status(report, "link", level, report.link.to_string(), values)
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

fn motors(report: &Report<'_>) -> DiagnosticStatus {
    let Some(motors) = report.low_state.and_then(|state| state.motors.as_ref()) else {
        return status(report, "motors", STALE, "nothing heard of them".into(), vec![]);
    };
    let mut values = Vec::new();
    let mut hottest: Option<(usize, f64)> = None;
    for (number, motor) in motors.iter().enumerate() {
        let Some(temperature) = motor.temperature else { continue };
        values.push((format!("motor {number} temperature (C)"), format!("{temperature:.0}")));
        if hottest.is_none_or(|(_, most)| temperature > most) {
            hottest = Some((number, temperature));
        }
    }
    let lost: u64 = motors.iter().map(|motor| motor.lost).sum();
    values.push(("lost packets".to_owned(), lost.to_string()));
    let (level, message) = match hottest {
        Some((number, temperature)) if temperature >= report.settings.motor_temperature_warn => {
            (WARN, format!("motor {number} is hot: {temperature:.0} C"))
        }
        Some((_, temperature)) => (OK, format!("hottest {temperature:.0} C")),
        None => (OK, "no temperatures".to_owned()),
    };
    status(report, "motors", level, message, values)
}

fn faults(report: &Report<'_>) -> DiagnosticStatus {
    let values: Vec<_> = report
        .faults
        .iter()
        .map(|fault| (format!("{} / 0x{:x}", fault.source, fault.code), fault.to_string()))
        .collect();
    match (report.link, report.faults.first()) {
        (LinkState::Live, None) => status(report, "faults", OK, "none".into(), values),
        (LinkState::Live, Some(first)) => {
            let message = match report.faults.len() {
                1 => first.to_string(),
                count => format!("{first}, and {} more", count - 1),
            };
            status(report, "faults", ERROR, message, values)
        }
        _ => status(report, "faults", STALE, "not connected".into(), vec![]),
    }
}

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

fn lidar(report: &Report<'_>) -> DiagnosticStatus {
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

fn camera(report: &Report<'_>) -> DiagnosticStatus {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Store;
    use go2_link::codec::Json;
    use go2_link::state::State as _;

    /// Of link, battery, motors and faults.
    fn levels(link: &LinkState, low_state: Option<&str>, faults: &[Fault]) -> Vec<(u8, String)> {
        let mut levels = all_levels(link, low_state, faults, [&Counts::default(); 2]);
        levels.truncate(4);
        levels
    }

    fn all_levels(
        link: &LinkState,
        low_state: Option<&str>,
        faults: &[Fault],
        [lidar, camera]: [&Counts; 2],
    ) -> Vec<(u8, String)> {
        let low_state =
            low_state.map(|text| LowState::decode(&Json::from(text.to_string())).unwrap());
        let settings = Store::new().settings();
        let report = Report {
            node: "dog",
            link,
            counters: &Counters::default(),
            dropped: 0,
            lidar,
            camera,
            low_state: low_state.as_ref(),
            faults,
            settings: &settings.borrow(),
        };
        let message = diagnostics(&report, &Time { sec: 0, nanosec: 0 });
        message.status.into_iter().map(|status| (status.level, status.message)).collect()
    }

    #[test]
    fn nothing_heard_is_stale_and_not_ok() {
        let state = LinkState::BackingOff { reason: "x".into(), delay: Default::default() };
        let levels = levels(&state, None, &[]);
        assert_eq!(levels.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [2, 3, 3, 3]);
        assert!(levels[0].1.starts_with("backing_off: x"));
    }

    #[test]
    fn low_batteries_hot_motors_and_faults_are_told() {
        let motor = |temperature| format!(r#"{{"q":0,"temperature":{temperature}}}"#);
        let list = |hot: u32| {
            let mut motors = vec![motor(40); 12];
            motors[5] = motor(hot);
            motors.join(",")
        };
        let low = |soc: u32, hot: u32| {
            format!(r#"{{"bms_state":{{"soc":{soc}}},"motor_state":[{}]}}"#, list(hot))
        };
        let fine = levels(&LinkState::Live, Some(&low(80, 45)), &[]);
        assert!(fine.iter().all(|(level, _)| *level == OK), "{fine:?}");
        let fault = Fault { source: 303, code: 1 };
        let bad = levels(&LinkState::Live, Some(&low(10, 85)), &[fault]);
        let expected = [
            (OK, "live"),
            (WARN, "10 %"),
            (WARN, "motor 5 is hot: 85 C"),
            (ERROR, "motor 3: overcurrent"),
        ];
        assert_eq!(bad, expected.map(|(level, text)| (level, text.to_owned())));
    }

    #[test]
    fn streams_that_should_flow_and_do_not_are_told() {
        let now = Some(std::time::Instant::now());
        let silent = Counts::default();
        let asked = Counts { listened: true, ..Counts::default() };
        let flowing = Counts { last: now, ..asked.clone() };
        let reason = "camera/video: cut".to_owned();
        let dropping = Counts { last_drop: now, reason, ..flowing.clone() };
        let of = |lidar, camera| {
            let levels = all_levels(&LinkState::Live, None, &[], [lidar, camera]);
            [levels[4].clone(), levels[5].clone()]
        };
        let [lidar, camera] = of(&silent, &silent);
        assert_eq!((lidar.0, camera), (WARN, (OK, "off: nobody listens".to_owned())));
        let [lidar, camera] = of(&flowing, &asked);
        assert_eq!((lidar.0, camera.0), (OK, WARN));
        let [lidar, camera] = of(&flowing, &flowing);
        assert_eq!((lidar.0, camera.0), (OK, OK));
        let [lidar, camera] = of(&dropping, &dropping);
        assert_eq!((lidar, camera.0), ((WARN, "camera/video: cut".to_owned()), WARN));
        let levels = all_levels(&LinkState::Validating, None, &[], [&flowing, &flowing]);
        assert_eq!((levels[4].0, levels[5].0), (STALE, STALE));
    }
}
