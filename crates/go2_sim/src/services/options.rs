//! What the robot's services are like, and how they misbehave.

use std::time::Duration;

use clap::Args;
use go2_proto::commands::Space;

use super::Service;
use crate::options::Firmware;

/// A service, or one api of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The service.
    pub service: Service,
    /// The api; all of them if there is none.
    pub api_id: Option<i64>,
}

impl Target {
    /// Whether a request is meant.
    pub fn is(&self, service: Service, api_id: Option<i64>) -> bool {
        self.service == service && (self.api_id.is_none() || self.api_id == api_id)
    }
}

/// A request that is answered with a status and not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub target: Target,
    /// The status.
    pub code: i64,
}

/// A request that is answered late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    /// Which.
    pub target: Target,
    /// How late.
    pub milliseconds: u64,
}

/// The options of requests and of what they find.
#[derive(Debug, Clone, Args)]
pub struct ServiceOptions {
    /// The motion mode that the robot is in, normal, ai or mcf: it decides which ids the sport service has. By
    /// default normal on old firmware and mcf on new. In mcf no other mode can be selected
    #[arg(long, value_name = "MODE", value_parser = space)]
    pub motion_mode: Option<Space>,
    /// Seconds that a change of the motion mode takes; the robot lies down, stands up and only then answers
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub mode_switch_takes: f64,
    /// motion_switcher does not name the mode, as on some robots
    #[arg(long)]
    pub mode_name_empty: bool,
    /// Charge of the battery in percent. Below 20 the robot refuses most actions with 4206
    #[arg(long, value_name = "PERCENT", default_value_t = 55, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub charge: u32,
    /// Answer every command to walk with success, and do nothing, for this many seconds after a client has connected
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub motion_refused_for: f64,
    /// While the robot balances (mode code 1013), refuse motion with 3203 for this many seconds after a client has connected;
    /// robots were seen to do so for about 10
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub not_ready_for: f64,
    /// The obstacle avoidance answers nothing for this many seconds after the robot was turned on, which is when this program
    /// starts; robots were seen to take about 10
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub avoidance_starts: f64,
    /// Somebody plays with a remote control: rt/wirelesscontroller at 10 Hz for who subscribes to it
    #[arg(long)]
    pub remote: bool,
    /// Execute the requests of a service, or of one api of it, and do not answer them, e.g. vui or sport:1016; may be
    /// repeated
    #[arg(long, value_name = "SERVICE[:API]", value_parser = target)]
    pub never_answers: Vec<Target>,
    /// Answer requests this many milliseconds late
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub answer_after: u64,
    /// Answer the requests of an api this many milliseconds late, e.g. sport:1022:7000; may be repeated
    #[arg(long, value_name = "SERVICE:API:MS", value_parser = slow)]
    pub slow: Vec<Slow>,
    /// Send every answer twice
    #[arg(long)]
    pub answers_twice: bool,
    /// Send an answer to a request that nobody made before every answer
    #[arg(long)]
    pub foreign_answers: bool,
    /// Answer the requests of an api with a status and do nothing, e.g. sport:1016:3202; may be repeated
    #[arg(long, value_name = "SERVICE:API:CODE", value_parser = refusal)]
    pub refuse: Vec<Refusal>,
}

impl ServiceOptions {
    /// The motion mode that the robot begins in.
    pub fn space(&self, firmware: Firmware) -> Space {
        self.motion_mode.unwrap_or(match firmware {
            Firmware::Old => Space::Normal,
            Firmware::New => Space::Mcf,
        })
    }

    /// How late answers are.
    pub fn answer_after(&self) -> Duration {
        Duration::from_millis(self.answer_after)
    }

    /// How long a client that has connected cannot have the robot walk.
    pub fn motion_refused_for(&self) -> Duration {
        Duration::from_secs_f64(self.motion_refused_for)
    }

    /// How long a client that has connected has motion refused.
    pub fn not_ready_for(&self) -> Duration {
        Duration::from_secs_f64(self.not_ready_for)
    }

    /// How long the obstacle avoidance takes to start.
    pub fn avoidance_starts(&self) -> Duration {
        Duration::from_secs_f64(self.avoidance_starts)
    }

    /// How late the answers of an api are beside the others.
    pub(crate) fn slowness(&self, service: Service, api_id: Option<i64>) -> Duration {
        let slow = self.slow.iter().find(|slow| slow.target.is(service, api_id));
        slow.map_or(Duration::ZERO, |slow| Duration::from_millis(slow.milliseconds))
    }

    /// Whether a request is executed and not answered.
    pub(crate) fn is_silent(&self, service: Service, api_id: Option<i64>) -> bool {
        self.never_answers.iter().any(|target| target.is(service, api_id))
    }

    /// The status with which a request is refused, if it is.
    pub(crate) fn refused(&self, service: Service, api_id: Option<i64>) -> Option<i64> {
        self.refuse.iter().find(|refusal| refusal.target.is(service, api_id)).map(|r| r.code)
    }
}

fn space(text: &str) -> Result<Space, String> {
    let known = Space::ALL.into_iter().find(|space| space.name() == text);
    known.ok_or_else(|| {
        format!("a motion mode is one of {}", Space::ALL.map(Space::name).join(", "))
    })
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "seconds are a number from 0 to 86400".to_owned())
}

fn target(text: &str) -> Result<Target, String> {
    let (name, api_id) = match text.split_once(':') {
        Some((name, api_id)) => {
            let number = api_id.parse().map_err(|_| format!("{api_id} is not the id of an api"))?;
            (name, Some(number))
        }
        None => (text, None),
    };
    let service = Service::of_name(name).ok_or_else(|| {
        let names: Vec<_> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("a service is one of {}", names.join(", "))
    })?;
    Ok(Target { service, api_id })
}

fn refusal(text: &str) -> Result<Refusal, String> {
    let shape = || "a refusal is a service, an api and a status, e.g. sport:1016:3202".to_owned();
    let (request, code) = text.rsplit_once(':').ok_or_else(shape)?;
    let target = target(request)?;
    match code.parse() {
        Ok(code) if target.api_id.is_some() => Ok(Refusal { target, code }),
        _ => Err(shape()),
    }
}

fn slow(text: &str) -> Result<Slow, String> {
    let shape = "a slow answer is a service, an api and milliseconds, e.g. sport:1022:7000";
    let (request, milliseconds) = text.rsplit_once(':').ok_or(shape)?;
    let target = target(request)?;
    match milliseconds.parse() {
        Ok(milliseconds) if target.api_id.is_some() => Ok(Slow { target, milliseconds }),
        _ => Err(shape.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_refusals_are_read() {
        let hello = Target { service: Service::Sport, api_id: Some(1016) };
        assert_eq!(target("sport:1016"), Ok(hello));
        assert_eq!(target("vui"), Ok(Target { service: Service::Vui, api_id: None }));
        assert!(target("sports").unwrap_err().contains("bashrunner"));
        assert!(target("sport:x").is_err());
        assert_eq!(refusal("sport:1016:-1"), Ok(Refusal { target: hello, code: -1 }));
        assert_eq!(slow("sport:1016:70"), Ok(Slow { target: hello, milliseconds: 70 }));
        assert!(slow("sport:70").is_err() && slow("sport:1016:x").is_err());
        assert!(refusal("sport:3203").is_err() && refusal("vui").is_err());
        assert!(hello.is(Service::Sport, Some(1016)) && !hello.is(Service::Sport, Some(1017)));
        assert!(!hello.is(Service::Sport, None) && !hello.is(Service::Vui, Some(1016)));
    }
}
