//! motion_switcher: which motion mode the robot is in, and with it which ids the sport service has.

use std::time::{Duration, Instant};

use go2_proto::codec::api::motion_switcher as api;
use go2_proto::commands::Space;
use serde_json::json;

use super::{read, Reply, ServiceOptions};
use crate::body::Body;

/// The mode is being changed.
pub(super) const BUSY: Reply = Reply::code(7002);
/// No such mode here, or the robot is in it already.
const BAD_NAME: Reply = Reply::code(7004);

/// Why there is no sport service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoMode {
    /// The mode was left.
    Released,
    /// Another one comes.
    Changing,
}

/// The mode and its changes.
pub(super) struct Switcher {
    mode: Option<Space>,
    /// The mode that comes, and when it is there.
    coming: Option<(Space, Instant)>,
    /// The unified service has no other modes.
    unified: bool,
    takes: Duration,
    nameless: bool,
}

impl Switcher {
    pub(super) fn new(options: &ServiceOptions, space: Space) -> Self {
        Self {
            mode: Some(space),
            coming: None,
            unified: space == Space::Mcf,
            takes: Duration::from_secs_f64(options.mode_switch_takes),
            nameless: options.mode_name_empty,
        }
    }

    /// The ids of the sport service.
    pub(super) fn space(&mut self, now: Instant) -> Result<Space, NoMode> {
        if let Some((space, _)) = self.coming.take_if(|(_, at)| now >= *at) {
            self.mode = Some(space);
        }
        match (self.coming, self.mode) {
            (Some(_), _) => Err(NoMode::Changing),
            (None, None) => Err(NoMode::Released),
            (None, Some(space)) => Ok(space),
        }
    }

    pub(super) fn execute(
        &mut self,
        body: &mut Body,
        api_id: i64,
        parameter: &str,
        now: Instant,
    ) -> Reply {
        let mode = match self.space(now) {
            Err(NoMode::Changing) => return BUSY,
            Err(NoMode::Released) => None,
            Ok(space) => Some(space),
        };
        match api_id {
            api::GET => {
                let name = mode.filter(|_| !self.nameless).map_or("", Space::name);
                Reply::data(&json!({"form": "0", "name": name}))
            }
            api::SELECT => {
                let name = read(parameter)["name"].as_str().map(str::to_owned);
                let wanted = Space::ALL.into_iter().find(|s| Some(s.name()) == name.as_deref());
                let has = |space: &Space| (*space == Space::Mcf) == self.unified;
                let Some(wanted) = wanted.filter(has).filter(|_| wanted != mode) else {
                    return BAD_NAME;
                };
                self.coming = Some((wanted, now + self.takes));
                body.change_mode(self.takes, now);
                Reply { after: self.takes, ..Reply::OK }
            }
            // Nobody moves the legs any more.
            api::RELEASE => {
                self.mode = None;
                body.damp();
                Reply::OK
            }
            _ => Reply::NOT_IMPLEMENTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::body::Posture;
    use crate::options::{Firmware, Options};

    fn switcher(arguments: &[&str]) -> (Switcher, Body, Instant) {
        let arguments = ["go2_sim", "--firmware", "old"].iter().chain(arguments);
        let options = Options::try_parse_from(arguments).unwrap();
        let space = options.services.space(options.firmware());
        let now = Instant::now();
        (Switcher::new(&options.services, space), Body::new(None, now), now)
    }

    const GET: (i64, &str) = (1001, "");

    fn ask(to: &mut (Switcher, Body, Instant), (api_id, parameter): (i64, &str)) -> (i64, String) {
        to.1.step(to.2);
        let reply = to.0.execute(&mut to.1, api_id, parameter, to.2);
        (reply.code, reply.data)
    }

    #[test]
    fn normal_and_ai_are_changed_in_time_and_the_robot_ends_standing() {
        let mut robot = switcher(&[]);
        assert_eq!(ask(&mut robot, GET), (0, r#"{"form":"0","name":"normal"}"#.to_owned()));
        let reply = robot.0.execute(&mut robot.1, 1002, r#"{"name":"ai"}"#, robot.2);
        assert_eq!((reply.code, reply.after), (0, Duration::from_secs(5)));
        robot.2 += Duration::from_millis(4900);
        assert_eq!(ask(&mut robot, GET).0, 7002);
        assert_eq!(ask(&mut robot, (1002, r#"{"name":"normal"}"#)).0, 7002);
        assert_eq!(robot.0.space(robot.2), Err(NoMode::Changing));
        robot.2 += Duration::from_millis(200);
        assert_eq!(ask(&mut robot, GET), (0, r#"{"form":"0","name":"ai"}"#.to_owned()));
        assert_eq!(robot.0.space(robot.2), Ok(Space::Ai));
        assert_eq!(robot.1.posture(), Posture::Balancing);
    }

    #[test]
    fn the_mode_it_is_in_and_modes_that_are_not_there_are_refused() {
        let mut robot = switcher(&[]);
        for name in ["normal", "mcf", "advanced", "fast", ""] {
            let parameter = json!({"name": name}).to_string();
            assert_eq!(ask(&mut robot, (1002, &parameter)).0, 7004, "{name}");
        }
        assert_eq!(ask(&mut robot, (1002, "")).0, 7004);
        let mut robot = switcher(&["--motion-mode", "mcf"]);
        for name in ["normal", "ai", "mcf"] {
            let parameter = json!({"name": name}).to_string();
            assert_eq!(ask(&mut robot, (1002, &parameter)).0, 7004, "{name}");
        }
        assert_eq!(ask(&mut robot, (1004, "")).0, 3203);
        assert_eq!(robot.0.space(robot.2), Ok(Space::Mcf));
    }

    #[test]
    fn a_mode_that_is_released_can_be_selected_again() {
        let mut robot = switcher(&["--motion-mode", "mcf", "--mode-switch-takes", "0"]);
        assert_eq!(ask(&mut robot, (1003, "")).0, 0);
        assert_eq!(robot.1.posture(), Posture::Damped);
        assert_eq!(robot.0.space(robot.2), Err(NoMode::Released));
        assert_eq!(ask(&mut robot, GET), (0, r#"{"form":"0","name":""}"#.to_owned()));
        assert_eq!(ask(&mut robot, (1002, r#"{"name":"mcf"}"#)).0, 0);
        assert_eq!(robot.0.space(robot.2), Ok(Space::Mcf));
    }

    #[test]
    fn the_mode_follows_the_firmware_and_may_have_no_name() {
        let mut robot = switcher(&["--mode-name-empty"]);
        assert_eq!(ask(&mut robot, GET), (0, r#"{"form":"0","name":""}"#.to_owned()));
        let options = Options::default();
        assert_eq!(options.services.space(Firmware::New), Space::Mcf);
        assert_eq!(options.services.space(Firmware::Old), Space::Normal);
    }
}
