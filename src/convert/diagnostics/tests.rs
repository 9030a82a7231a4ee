//! What reports say.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::*;
use crate::clock::StampReport;
use crate::params::Store;
use crate::streams::Counts;
use go2_client::progress::Passed;
use go2_client::session::DisconnectReason;
use go2_client::signaling::SignalingError;
use go2_client::transport::ConnectError;
use go2_proto::clock::{Health, Step, Steps};
use go2_proto::codec::{topics, Json};
use go2_proto::session::{Flow, StreamReport, VIDEO};
use go2_proto::signaling::OpenedBy;
use go2_proto::state::{ServiceState, State as _};

/// A report in which nothing is known.
fn empty(settings: &Settings) -> Report<'_> {
    static NOTHING: LazyLock<(Counters, Identity)> = LazyLock::new(Default::default);
    Report {
        node: "dog",
        link: &LinkState::Live,
        steps: &[],
        counters: &NOTHING.0,
        streams: &[],
        low_state: None,
        lidar_state: None,
        lost_before: None,
        slow: &[],
        faults: &[],
        mode: None,
        identity: &NOTHING.1,
        settings,
        helm: Helm::default(),
        held: false,
    }
}

fn low_state_of(text: &str) -> LowState {
    LowState::decode(&Json::from(text.to_owned())).unwrap()
}

/// Of link, battery, motors and faults.
fn levels(link: &LinkState, low_state: Option<&str>, faults: &[Fault]) -> Vec<(u8, String)> {
    let low_state = low_state.map(low_state_of);
    let settings = Store::new().settings();
    let settings = settings.borrow();
    let report = Report { link, low_state: low_state.as_ref(), faults, ..empty(&settings) };
    let message = diagnostics(&report, &START);
    let told = message.status.into_iter().map(|status| (status.level, status.message));
    told.take(4).collect()
}

#[test]
fn nothing_heard_is_stale_and_not_ok() {
    let reason = DisconnectReason::OwnSlot;
    let state = LinkState::BackingOff { reason, delay: Default::default() };
    let levels = levels(&state, None, &[]);
    assert_eq!(levels.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [2, 3, 3, 3]);
    assert!(levels[0].1.starts_with("busy: the robot is busy"));
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

fn view(name: &str, flow: Flow, last: Option<Instant>) -> StreamView {
    let interval = last.map(|_| Duration::from_millis(50));
    let report = StreamReport { name: name.to_owned(), flow, count: 7, interval, last };
    let stamps = StampReport { offset: Some(3600.0), ..StampReport::default() };
    StreamView {
        name: name.to_owned(),
        report: Some(report),
        counts: Counts { received: 7, ..Counts::default() },
        stamps: Some(stamps),
    }
}

#[test]
fn streams_that_should_flow_and_do_not_are_told() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let now = Some(Instant::now());
    let of = |link: &LinkState, streams: &[StreamView], part: &str| {
        let report = Report { link, streams, ..empty(&settings) };
        let entry = entry(&diagnostics(&report, &START), part).clone();
        (entry.level, entry.message)
    };
    let live = |view: StreamView, part: &str| of(&LinkState::Live, &[view], part);
    let low = "stream rt/lf/lowstate";
    assert_eq!(live(view("rt/lf/lowstate", Flow::Flowing, now), low), (OK, "it comes".to_owned()));
    let (level, message) = live(view("rt/lf/lowstate", Flow::Stopped, now), low);
    assert!(level == ERROR && message.starts_with("nothing has come for 0."), "{message}");
    assert_eq!(live(view("rt/lf/lowstate", Flow::Stopped, None), low).0, ERROR);
    assert_eq!(live(view("rt/lf/lowstate", Flow::Idle, None), low).0, OK);

    let late = Health { delay: Some(Duration::from_millis(2500)), ..Health::default() };
    let late = StampReport { health: late, ..StampReport::default() };
    let late = StreamView { stamps: Some(late), ..view("rt/lf/lowstate", Flow::Flowing, now) };
    assert_eq!(live(late, low), (WARN, "it comes 2.5 s late".to_owned()));

    let step = |at: Instant| {
        let step = Step { size: Duration::from_millis(604), back: true, at };
        let health = Health { delay: Some(Duration::ZERO), ..Health::default() };
        let steps = Steps { count: 1, last: Some(step) };
        let stamps = StampReport { health, steps, offset: None };
        StreamView { stamps: Some(stamps), ..view("rt/lf/lowstate", Flow::Flowing, now) }
    };
    let told = (WARN, "the robot's clock was set back by 0.60 s".to_owned());
    assert_eq!(live(step(Instant::now()), low), told);
    if let Some(before) = Instant::now().checked_sub(Duration::from_secs(11)) {
        assert_eq!(live(step(before), low), (OK, "it comes".to_owned()));
    }

    let cut = Counts { last_drop: now, reason: "cut".to_owned(), ..Counts::default() };
    let dropping = |name| StreamView { counts: cut.clone(), ..view(name, Flow::Flowing, now) };
    assert_eq!(live(dropping("rt/lf/lowstate"), low), (WARN, "cut".to_owned()));
    assert_eq!(live(dropping(VIDEO), "camera"), (WARN, "cut".to_owned()));

    assert_eq!(of(&LinkState::Live, &[], "lidar").0, WARN, "it is wanted");
    assert_eq!(of(&LinkState::Live, &[], "camera"), (OK, "off: nobody listens".to_owned()));
    assert_eq!(live(view(VIDEO, Flow::Stopped, now), "camera").0, ERROR);
    assert_eq!(live(view(topics::VOXEL_MAP, Flow::Stopped, None), "lidar").0, ERROR);
    assert_eq!(live(view(topics::VOXEL_MAP, Flow::Flowing, now), "lidar").0, OK);

    for (link, why) in [
        (LinkState::Stale, "nothing is heard of the robot"),
        (LinkState::Validating, "not connected"),
    ] {
        for (name, part) in
            [("rt/a", "stream rt/a"), (VIDEO, "camera"), (topics::VOXEL_MAP, "lidar")]
        {
            assert_eq!(of(&link, &[view(name, Flow::Flowing, now)], part), (STALE, why.to_owned()));
        }
    }
}

#[test]
fn streams_have_figures() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let streams = [view("rt/a", Flow::Flowing, Some(Instant::now()))];
    let message = diagnostics(&Report { streams: &streams, ..empty(&settings) }, &START);
    let entry = entry(&message, "stream rt/a");
    assert_eq!(value(entry, "rate (Hz)"), Some("20.0"));
    assert_eq!(value(entry, "age (s)"), Some("0.0"));
    assert_eq!(value(entry, "dropped"), Some("0"));
    assert_eq!(value(entry, "clock offset (s)"), Some("3600.000"));
}

#[test]
fn how_the_connection_came_about_is_told() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let step = |passed| Milestone { passed, at: Instant::now() };
    let mut steps = vec![
        step(Passed::Resolved { address: [10, 0, 0, 5].into() }),
        step(Passed::Noticed { data2: Some(3), opened_by: OpenedBy::DeviceKey }),
    ];
    let of = |steps: &[Milestone], link: &LinkState| {
        let report = Report { link, steps, ..empty(&settings) };
        entry(&diagnostics(&report, &START), "signaling").clone()
    };
    let failed = LinkState::BackingOff {
        reason: DisconnectReason::Connect(ConnectError::Signaling(SignalingError::Busy)),
        delay: Duration::ZERO,
    };
    let entry = of(&steps, &failed);
    assert_eq!(entry.level, ERROR);
    assert!(
        entry.message.starts_with("the robot is busy") && entry.message.ends_with("[GO2-BUSY]")
    );
    assert_eq!(value(&entry, "robot address"), Some("10.0.0.5"));
    assert_eq!(value(&entry, "data2"), Some("3"));
    assert_eq!(value(&entry, "key"), Some("the robot's own"));
    let connecting = LinkState::Connecting { target: "10.0.0.5".into() };
    assert_eq!(of(&steps, &connecting).level, WARN);
    steps.push(step(Passed::Opened));
    assert_eq!(of(&steps, &LinkState::Live).level, OK);
    assert_eq!(of(&steps, &failed).level, OK, "it was lost later");
    assert!(value(&of(&steps, &LinkState::Live), "time to connect (s)").is_some());
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
        Fault { source: 303, code: 0x20 },
        Fault { source: 400, code: 0x10 },
    ];
    let ill = of(None, &faults);
    assert_eq!(ill.level, ERROR);
    assert_eq!(ill.message, "motor 7: communication interrupted, and 1 more");
    assert_eq!(value(&ill, "motor 3 fault 0x20"), Some("motor 3: encoder abnormal"));
    assert!(ill.values.iter().all(|value| !value.value.contains("LiDAR")));
    let unheard = Report { faults: &faults[..1], ..empty(&settings) };
    assert_eq!(entry(&diagnostics(&unheard, &START), "motors").level, ERROR);
}

#[test]
fn heat_is_believed_where_a_motor_is_hot() {
    let store = Store::new().settings();
    let settings = store.borrow();
    let faults = [Fault { source: 309, code: 0x04 }];
    let told = |temperature: Option<u32>, faults: &[Fault]| {
        let low = temperature.map(|hot| {
            let motor = |temperature| format!(r#"{{"q":0,"temperature":{temperature}}}"#);
            let mut motors = vec![motor(31); 12];
            motors[2] = motor(hot);
            low_state_of(&format!(r#"{{"motor_state":[{}]}}"#, motors.join(",")))
        });
        let report = Report { low_state: low.as_ref(), faults, ..empty(&settings) };
        let message = diagnostics(&report, &START);
        let [motors, faults] = ["motors", "faults"].map(|part| entry(&message, part).clone());
        assert_eq!((motors.level, &motors.message), (faults.level, &faults.message));
        assert_eq!(value(&faults, "309 / 0x4"), value(&motors, "motor 9 fault 0x4"));
        (motors.level, motors.message)
    };
    let doubt = "motor 9 reports heat (source 309 code 0x4), but the hottest motor has 55 C";
    assert_eq!(told(Some(55), &faults), (WARN, doubt.to_owned()));
    let believed = (ERROR, "motor 9: driver overheating".to_owned());
    assert_eq!(told(Some(85), &faults), believed);
    assert_eq!(told(None, &faults), believed, "where the temperatures are not known");
    // What is certain comes first.
    let more = [faults[0], Fault { source: 310, code: 0x01 }];
    assert_eq!(told(Some(55), &more), (ERROR, "motor 10: overcurrent, and 1 more".to_owned()));
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

#[test]
fn a_dead_lidar_and_one_that_is_well_without_frames_are_told_with_what_helps() {
    let settings = Store::new().settings();
    let settings = settings.borrow();
    let told = |state: &str, flow: Flow| {
        let state = LidarState::decode(&Json::from(state.to_owned())).unwrap();
        let view = StreamView {
            name: topics::VOXEL_MAP.to_owned(),
            report: Some(StreamReport {
                name: topics::VOXEL_MAP.to_owned(),
                flow,
                count: 0,
                interval: None,
                last: None,
            }),
            counts: Counts::default(),
            stamps: None,
        };
        let report = Report { lidar_state: Some(&state), streams: &[view], ..empty(&settings) };
        let message = diagnostics(&report, &START);
        let mut lidar = message.status.into_iter().filter(|status| status.name == "dog: lidar");
        let lidar = lidar.next().unwrap();
        let values = lidar.values.iter().map(|value| format!("{} {}", value.key, value.value));
        (lidar.level, lidar.message, values.collect::<Vec<_>>())
    };
    let dead = r#"{"error_state":6,"cloud_frequency":0,"dirty_percentage":0}"#;
    for flow in [Flow::Idle, Flow::Stopped, Flow::Flowing] {
        let (level, message, values) = told(dead, flow);
        assert_eq!(level, ERROR);
        assert!(message.contains("error 6") && message.contains("power-cycle"), "{message}");
        assert!(values.contains(&"error state 6".to_owned()), "{values:?}");
    }
    let well = r#"{"error_state":0,"cloud_frequency":15.4,"dirty_percentage":2}"#;
    let (level, message, values) = told(well, Flow::Stopped);
    assert_eq!(level, ERROR);
    assert!(
        message.contains("says that it is well") && message.contains("power-cycle"),
        "{message}"
    );
    assert!(values.contains(&"clouds inside (Hz) 15.4".to_owned()), "{values:?}");
    assert_eq!(told(well, Flow::Flowing).0, OK);
    let dirty = r#"{"error_state":0,"cloud_frequency":15.4,"dirty_percentage":60}"#;
    assert_eq!(told(dirty, Flow::Flowing).0, WARN);
}

#[test]
fn a_hold_is_told_also_while_nothing_is_connected() {
    let settings = Store::new().settings();
    let settings = settings.borrow();
    let of = |held: bool, link: &LinkState| {
        let report = Report { link, held, ..empty(&settings) };
        let message = diagnostics(&report, &START);
        let found = message.status.into_iter().find(|status| status.name == "dog: hold").unwrap();
        (found.level, found.message, found.values[0].value.clone())
    };
    for link in [LinkState::Live, LinkState::Closed] {
        assert_eq!(of(false, &link), (OK, "not held".to_owned(), "false".to_owned()));
        let (level, message, value) = of(true, &link);
        assert_eq!((level, value.as_str()), (WARN, "true"));
        assert!(message.starts_with("held:") && message.contains("~/hold"), "{message}");
    }
}
