//! robot_state: the programs that run on the robot. A service whose program is stopped does not answer.

use std::time::{Duration, Instant};

use go2_proto::codec::api::robot_state as api;
use serde_json::{json, Value};

use super::{numbers, read, Reply, Service};

/// Starts or stops a program.
const SWITCH: i64 = 1001;
/// Has the list sent as state, each `interval` for a `duration`, both in seconds.
const REPORT: i64 = 1002;
/// The longest and the shortest of these that make sense.
const SECONDS: std::ops::RangeInclusive<f64> = 0.1..=3600.0;
/// No such program.
const UNKNOWN: Reply = Reply::code(5201);
/// The program may not be stopped.
const PROTECTED: i64 = 5202;

struct Program {
    name: &'static str,
    service: Option<Service>,
    protected: bool,
    runs: bool,
}

/// When the list is sent as state.
struct Report {
    next: Instant,
    every: Duration,
    until: Instant,
}

/// The programs.
pub(super) struct Programs {
    programs: Vec<Program>,
    report: Option<Report>,
}

impl Default for Programs {
    fn default() -> Self {
        let program = |name, service, protected| Program { name, service, protected, runs: true };
        let programs = vec![
            program("webrtc_bridge", None, true),
            program("basic_service", None, true),
            program("robot_state", Some(Service::RobotState), true),
            program("motion_switcher", Some(Service::MotionSwitcher), true),
            program("bashrunner", Some(Service::Bashrunner), true),
            program("sport_mode", Some(Service::Sport), false),
            program("obstacles_avoid", Some(Service::ObstaclesAvoid), false),
            program("vui_service", Some(Service::Vui), false),
            program("audio_hub", Some(Service::Audiohub), false),
            program("video_hub", Some(Service::Videohub), false),
            program("unitree_lidar", None, false),
        ];
        Self { programs, report: None }
    }
}

impl Programs {
    /// Whether a service is there.
    pub(super) fn runs(&self, service: Service) -> bool {
        self.programs.iter().all(|program| program.service != Some(service) || program.runs)
    }

    pub(super) fn execute(&mut self, api_id: i64, parameter: &str, now: Instant) -> Reply {
        match api_id {
            SWITCH => self.switch(&read(parameter)),
            REPORT => {
                let Some([interval, duration]) =
                    numbers(&read(parameter), ["interval", "duration"])
                        .filter(|seconds| seconds.iter().all(|seconds| SECONDS.contains(seconds)))
                else {
                    return Reply::BAD_PARAMETER;
                };
                let [every, lasts] = [interval, duration].map(Duration::from_secs_f64);
                self.report = Some(Report { next: now, every, until: now + lasts });
                Reply::OK
            }
            api::LIST => Reply::data(&self.list()),
            _ => Reply::NOT_IMPLEMENTED,
        }
    }

    fn list(&self) -> Value {
        let row = |p: &Program| {
            json!({"name": p.name, "status": i64::from(p.runs), "version": "1.0.0",
                "protect": i64::from(p.protected)})
        };
        self.programs.iter().map(row).collect()
    }

    /// The list, if it is to be sent as state now.
    pub(super) fn take_report(&mut self, now: Instant) -> Option<Value> {
        self.report.take_if(|report| now >= report.until);
        let report = self.report.as_mut().filter(|report| now >= report.next)?;
        report.next = now + report.every;
        Some(self.list())
    }

    fn switch(&mut self, parameter: &Value) -> Reply {
        let (name, run) = match (parameter["name"].as_str(), parameter["switch"].as_i64()) {
            (Some(name), Some(run @ (0 | 1))) => (name, run == 1),
            _ => return Reply::BAD_PARAMETER,
        };
        let Some(program) = self.programs.iter_mut().find(|program| program.name == name) else {
            return UNKNOWN;
        };
        if program.protected {
            let data = json!({"name": name, "status": 5}).to_string();
            return Reply { data, ..Reply::code(PROTECTED) };
        }
        program.runs = run;
        Reply::data(&json!({"name": name, "status": i64::from(run)}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_listed_and_switched_unless_protected() {
        let (mut programs, now) = (Programs::default(), Instant::now());
        let mut switch = |name: &str, on: i64| {
            let reply =
                programs.execute(1001, &json!({"name": name, "switch": on}).to_string(), now);
            (reply.code, reply.data)
        };
        assert_eq!(
            switch("vui_service", 0),
            (0, r#"{"name":"vui_service","status":0}"#.to_owned())
        );
        assert_eq!(switch("motion_switcher", 0).0, 5202);
        assert_eq!(switch("warp_drive", 0).0, 5201);
        assert_eq!(switch("vui_service", 2).0, 3204);
        assert!(!programs.runs(Service::Vui) && programs.runs(Service::MotionSwitcher));
        let list: Vec<Value> = serde_json::from_str(&programs.execute(1003, "", now).data).unwrap();
        let vui = list.iter().find(|program| program["name"] == "vui_service").unwrap();
        assert_eq!((&vui["status"], &vui["protect"]), (&json!(0), &json!(0)));
        assert!(list.len() > 5);
        assert_eq!(programs.execute(1004, "{}", now).code, 3203);
    }

    #[test]
    fn the_list_is_sent_at_the_interval_that_was_asked_for_and_not_for_ever() {
        let (mut programs, now) = (Programs::default(), Instant::now());
        let at = |seconds: f64| now + Duration::from_secs_f64(seconds);
        assert_eq!(programs.take_report(now), None);
        assert_eq!(programs.execute(1002, r#"{"interval":2,"duration":0}"#, now).code, 3204);
        assert_eq!(programs.execute(1002, r#"{"interval":2,"duration":5}"#, now).code, 0);
        let quarters: Vec<_> = (0..80)
            .map(|quarter| 0.25 * f64::from(quarter))
            .filter(|s| programs.take_report(at(*s)).is_some())
            .collect();
        assert_eq!(quarters, [0.0, 2.0, 4.0]);
    }
}
