//! robot_state: the programs that run on the robot. A service whose program is stopped does not answer.

use go2_link::codec::api::robot_state as api;
use serde_json::{json, Value};

use super::{read, Reply, Service};

/// Starts or stops a program.
const SWITCH: i64 = 1001;
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

/// The programs.
pub(super) struct Programs(Vec<Program>);

impl Default for Programs {
    fn default() -> Self {
        let program = |name, service, protected| Program { name, service, protected, runs: true };
        Self(vec![
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
        ])
    }
}

impl Programs {
    /// Whether a service is there.
    pub(super) fn runs(&self, service: Service) -> bool {
        self.0.iter().all(|program| program.service != Some(service) || program.runs)
    }

    pub(super) fn execute(&mut self, api_id: i64, parameter: &str) -> Reply {
        match api_id {
            SWITCH => self.switch(&read(parameter)),
            api::LIST => {
                let row = |p: &Program| {
                    json!({"name": p.name, "status": i64::from(p.runs), "version": "1.0.0",
                        "protect": i64::from(p.protected)})
                };
                Reply::data(&self.0.iter().map(row).collect())
            }
            _ => Reply::NOT_IMPLEMENTED,
        }
    }

    fn switch(&mut self, parameter: &Value) -> Reply {
        let (name, run) = match (parameter["name"].as_str(), parameter["switch"].as_i64()) {
            (Some(name), Some(run @ (0 | 1))) => (name, run == 1),
            _ => return Reply::BAD_PARAMETER,
        };
        let Some(program) = self.0.iter_mut().find(|program| program.name == name) else {
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
        let mut programs = Programs::default();
        let mut switch = |name: &str, on: i64| {
            let reply = programs.execute(1001, &json!({"name": name, "switch": on}).to_string());
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
        let list: Vec<Value> = serde_json::from_str(&programs.execute(1003, "").data).unwrap();
        let vui = list.iter().find(|program| program["name"] == "vui_service").unwrap();
        assert_eq!((&vui["status"], &vui["protect"]), (&json!(0), &json!(0)));
        assert!(list.len() > 5);
        assert_eq!(programs.execute(1002, "{}").code, 3203);
    }
}
