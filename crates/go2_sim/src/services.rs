//! The robot's services: what each does with a request, and what it answers. Pure; time is an argument.

mod audiohub; // sounds that are kept and played
mod bashrunner; // versions, serial number, addresses
mod habits; // what they do beside their task
mod motion_switcher; // which set of ids the sport service has
mod obstacles_avoid; // walking that sees walls
mod options; // how they misbehave
mod robot_state; // the robot's programs
mod settings; // values that are kept
mod sport; // postures, actions, walking
mod vui; // head light and loudspeaker

use std::time::{Duration, Instant};

use go2_proto::codec::api;
use go2_proto::commands::Space;
use serde_json::Value;

pub(crate) use audiohub::Player;
use bashrunner::Facts;
pub use options::{Refusal, ServiceOptions, Target};
pub(crate) use settings::Settings;
#[cfg(test)]
pub(crate) use sport::{ask, execute as sport};

use crate::body::Body;
use crate::options::Options;
use audiohub::Audiohub;
use habits::Habits;
use motion_switcher::Switcher;
use robot_state::Programs;
use vui::Vui;

/// A service that answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the robot's own names
pub enum Service {
    Sport,
    MotionSwitcher,
    ObstaclesAvoid,
    Vui,
    Audiohub,
    RobotState,
    Bashrunner,
    Videohub,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sport,
        Self::MotionSwitcher,
        Self::ObstaclesAvoid,
        Self::Vui,
        Self::Audiohub,
        Self::RobotState,
        Self::Bashrunner,
        Self::Videohub,
    ];

    /// Its name, as topics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sport => "sport",
            Self::MotionSwitcher => "motion_switcher",
            Self::ObstaclesAvoid => "obstacles_avoid",
            Self::Vui => "vui",
            Self::Audiohub => "audiohub",
            Self::RobotState => "robot_state",
            Self::Bashrunner => "bashrunner",
            Self::Videohub => "videohub",
        }
    }

    /// The service of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// The service that gets the requests of a topic.
    pub fn of_topic(topic: &str) -> Option<Self> {
        Self::of_name(topic.strip_prefix("rt/api/")?.strip_suffix("/request")?)
    }
}

/// Status and data of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 0 for success.
    pub(crate) code: i64,
    /// JSON text, or empty.
    pub(crate) data: String,
    /// How long after the request it is sent.
    pub(crate) after: Duration,
    /// Whether it carries the id of its request.
    pub(crate) has_id: bool,
}

impl Reply {
    /// Success.
    pub(crate) const OK: Self = Self::code(0);
    /// The service does not have this api.
    pub(crate) const NOT_IMPLEMENTED: Self = Self::code(3203);
    /// The parameter cannot be read, or is out of range.
    pub(crate) const BAD_PARAMETER: Self = Self::code(3204);
    /// Something that is not the client's fault.
    pub(crate) const INTERNAL: Self = Self::code(3202);
    /// Not in this posture.
    pub(crate) const WRONG_POSTURE: Self = Self::code(4206);

    /// A status.
    pub(crate) const fn code(code: i64) -> Self {
        Self { code, data: String::new(), after: Duration::ZERO, has_id: true }
    }

    /// Success, with data.
    pub(crate) fn data(data: &Value) -> Self {
        Self { data: data.to_string(), ..Self::OK }
    }

    /// The answer to a request that does not say which api it is for.
    fn without_api() -> Self {
        Self { data: "Please provide app id".to_owned(), ..Self::NOT_IMPLEMENTED }
    }
}

/// The state of all services. Outlives sessions.
pub(crate) struct Services {
    pub(crate) settings: Settings,
    habits: Habits,
    facts: Facts,
    switcher: Switcher,
    vui: Vui,
    audiohub: Audiohub,
    programs: Programs,
}

impl Services {
    pub(crate) fn new(options: &Options) -> Self {
        let firmware = options.firmware();
        let space = options.services.space(firmware);
        Self {
            settings: Settings::avoiding(options.facts().services.avoidance_at_start),
            habits: Habits::new(options.facts().services, &options.services, Instant::now()),
            facts: Facts {
                firmware,
                address: options.bind,
                serial_number: options.serial_number.clone(),
            },
            switcher: Switcher::new(&options.services, space),
            vui: Vui::default(),
            audiohub: Audiohub::default(),
            programs: Programs::default(),
        }
    }

    /// A client has connected.
    pub(crate) fn connect(&mut self, now: Instant) {
        self.habits.connect(now);
    }

    /// Executes a request; `None` if nobody is there to answer it. Still pictures are taken elsewhere.
    pub(crate) fn execute(
        &mut self,
        service: Service,
        api_id: Option<i64>,
        parameter: &str,
        body: &mut Body,
        now: Instant,
    ) -> Option<Reply> {
        body.step(now);
        if !self.programs.runs(service) || self.habits.is_starting(service, now) {
            return None;
        }
        let Some(api_id) = api_id else { return Some(Reply::without_api()) };
        let space = self.switcher.space(now).unwrap_or(Space::Mcf);
        if let Some(refusal) = self.habits.refuse(service, space, api_id, body, now) {
            return Some(refusal);
        }
        let reply = match service {
            Service::Sport => match self.switcher.space(now) {
                Ok(space) => {
                    sport::execute(&mut self.settings, body, space, api_id, parameter, now)
                }
                Err(motion_switcher::NoMode::Released) => return None,
                Err(motion_switcher::NoMode::Changing) => motion_switcher::BUSY,
            },
            Service::MotionSwitcher => self.switcher.execute(body, api_id, parameter, now),
            Service::ObstaclesAvoid => {
                obstacles_avoid::execute(&mut self.settings, body, api_id, parameter, now)
            }
            Service::Vui => self.vui.execute(&mut self.settings, api_id, parameter, now),
            Service::Audiohub => self.audiohub.execute(api_id, parameter, now),
            Service::RobotState => self.programs.execute(api_id, parameter, now),
            Service::Bashrunner => bashrunner::execute(&self.facts, api_id, parameter),
            Service::Videohub => Reply::NOT_IMPLEMENTED,
        };
        Some(self.habits.time(service, space, api_id, reply))
    }

    /// Whether a request is for a still picture.
    pub(crate) fn is_snapshot(&self, service: Service, api_id: Option<i64>) -> bool {
        service == Service::Videohub
            && api_id == Some(api::videohub::SNAPSHOT)
            && self.programs.runs(service)
    }

    /// Whether the robot listens to sticks.
    pub(crate) fn listens_to_sticks(&mut self, now: Instant) -> bool {
        self.settings.is_on("switch_joystick")
            && self.switcher.space(now).is_ok()
            && self.programs.runs(Service::Sport)
    }

    /// The colour of the head light, where it has one.
    pub(crate) fn colour(&self, now: Instant) -> Option<Value> {
        self.vui.colour(&self.settings, now)
    }

    /// The list of programs, if somebody wants to be told of it now.
    pub(crate) fn take_report(&mut self, now: Instant) -> Option<Value> {
        self.programs.take_report(now)
    }

    /// What is played.
    pub(crate) fn player(&mut self, now: Instant) -> Player {
        self.audiohub.player(now)
    }
}

/// The parameter of a request; null if it is not JSON.
fn read(parameter: &str) -> Value {
    serde_json::from_str(parameter).unwrap_or_default()
}

/// Finite numbers of a parameter.
fn numbers<const N: usize>(parameter: &Value, keys: [&str; N]) -> Option<[f64; N]> {
    let numbers = keys.map(|key| parameter[key].as_f64().filter(|number| number.is_finite()));
    let all = numbers.iter().all(Option::is_some);
    all.then(|| numbers.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_name_services() {
        assert_eq!(Service::of_topic("rt/api/sport/request"), Some(Service::Sport));
        assert_eq!(
            Service::of_topic("rt/api/motion_switcher/request").unwrap().name(),
            "motion_switcher"
        );
        for topic in ["rt/api/sport/response", "rt/api/gas_sensor/request", "sport"] {
            assert_eq!(Service::of_topic(topic), None);
        }
    }
}
