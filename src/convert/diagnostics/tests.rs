//! What reports say.

use std::sync::LazyLock;

use super::*;
use crate::params::Store;
use go2_link::codec::Json;
use go2_link::state::{ServiceState, State as _};

/// A report in which nothing is known.
fn empty(settings: &Settings) -> Report<'_> {
    static NOTHING: LazyLock<(Counters, Counts, Identity)> = LazyLock::new(Default::default);
    Report {
        node: "dog",
        link: &LinkState::Live,
        counters: &NOTHING.0,
        dropped: 0,
        lidar: &NOTHING.1,
        camera: &NOTHING.1,
        low_state: None,
        lost_before: None,
        faults: &[],
        mode: None,
        identity: &NOTHING.2,
        settings,
    }
}

fn low_state_of(text: &str) -> LowState {
    LowState::decode(&Json::from(text.to_owned())).unwrap()
}

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
    let low_state = low_state.map(low_state_of);
    let settings = Store::new().settings();
    let settings = settings.borrow();
    let report =
        Report { link, lidar, camera, low_state: low_state.as_ref(), faults, ..empty(&settings) };
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
    let hot = levels(&LinkState::Live, Some(&low(80, 85)), &[]);
    assert_eq!(hot[2], (WARN, "FL_calf is hot: 85 C".to_owned()));
    let bad = levels(&LinkState::Live, Some(&low(10, 85)), &[fault]);
    let expected = [
        (OK, "live"),
        (WARN, "10 %"),
        (ERROR, "motor 3: overcurrent"),
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

fn entry<'a>(message: &'a DiagnosticArray, part: &str) -> &'a DiagnosticStatus {
    message.status.iter().find(|status| status.name == format!("dog: {part}")).unwrap()
}

fn value<'a>(status: &'a DiagnosticStatus, key: &str) -> Option<&'a str> {
    status.values.iter().find(|value| value.key == key).map(|value| value.value.as_str())
}

const START: Time = Time { sec: 0, nanosec: 0 };

#[test]
fn motors_have_names_and_growing_losses_are_told() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let motor = |lost: u32| format!(r#"{{"q":0,"temperature":40,"lost":{lost}}}"#);
    let mut list = vec![motor(5); 12];
    list[6] = motor(9);
    let low = low_state_of(&format!(r#"{{"motor_state":[{}]}}"#, list.join(",")));
    let of = |lost_before, faults: &[Fault]| {
        let report = Report { low_state: Some(&low), lost_before, faults, ..empty(&settings) };
        entry(&diagnostics(&report, &START), "motors").clone()
    };
    let first = of(None, &[]);
    assert_eq!((first.level, first.message.as_str()), (OK, "hottest 40 C"));
    assert_eq!(value(&first, "FR_hip temperature (C)"), Some("40"));
    assert_eq!(value(&first, "RR_hip lost packets"), Some("9"));
    assert_eq!(value(&first, "RL_calf lost packets"), Some("5"));
    let grown = of(Some([5; 12]), &[]);
    assert_eq!((grown.level, grown.message.as_str()), (WARN, "packets are lost: RR_hip 4"));
    // A robot that was restarted counts anew.
    assert_eq!(of(Some([100; 12]), &[]).level, OK);

    let faults = [
        Fault { source: 3007, code: 0x100 },
        Fault { source: 303, code: 0x10 },
        Fault { source: 400, code: 0x10 },
    ];
    let ill = of(None, &faults);
    assert_eq!(ill.level, ERROR);
    assert_eq!(ill.message, "motor 7: communication interrupted, and 1 more");
    assert_eq!(value(&ill, "motor 3 fault 0x10"), Some("motor 3: winding overheating"));
    assert!(ill.values.iter().all(|value| !value.value.contains("LiDAR")));
    let unheard = Report { faults: &faults[..1], ..empty(&settings) };
    assert_eq!(entry(&diagnostics(&unheard, &START), "motors").level, ERROR);
}

#[test]
fn the_robot_and_its_programs_are_told() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let mode = MotionMode::new("mcf");
    let service = |name: &str, status, version: Option<&str>| ServiceState {
        name: name.to_owned(),
        status,
        protect: None,
        version: version.map(str::to_owned),
    };
    let services = vec![
        service("sport_mode", Some(1), Some("1.0")),
        service("ota_box", Some(0), None),
        service("odd", Some(5), None),
    ];
    let identity = Identity {
        firmware: Some("1.1.7".to_owned()),
        serial_number: Some("B42".to_owned()),
        services: Some(services),
        ..Identity::default()
    };
    let report = Report { mode: Some(&mode), identity: &identity, ..empty(&settings) };
    let message = diagnostics(&report, &START);
    assert!(message.status.iter().all(|status| status.hardware_id == "GO2 B42"));
    let robot = entry(&message, "robot");
    assert_eq!((robot.level, robot.message.as_str()), (OK, "motion mode mcf"));
    assert_eq!(value(robot, "firmware version"), Some("1.1.7"));
    assert_eq!(value(robot, "motion mode"), Some("mcf"));
    assert_eq!(value(robot, "hardware version"), None);
    let services = entry(&message, "services");
    assert_eq!((services.level, services.message.as_str()), (OK, "3 services"));
    assert_eq!(value(services, "sport_mode"), Some("running, version 1.0"));
    assert_eq!(value(services, "ota_box"), Some("stopped"));
    assert_eq!(value(services, "odd"), Some("status 5"));

    let message = diagnostics(&empty(&settings), &START);
    assert_eq!((entry(&message, "robot").level, entry(&message, "services").level), (OK, OK));
    let gone = Report { link: &LinkState::Validating, identity: &identity, ..empty(&settings) };
    let message = diagnostics(&gone, &START);
    assert_eq!((entry(&message, "robot").level, entry(&message, "services").level), (STALE, STALE));
    assert_eq!(message.status[0].hardware_id, "GO2 B42", "it is the same robot");
}
