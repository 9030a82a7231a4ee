//! obstacles_avoid: walking that stops before walls, and who may command it.

use std::time::Instant;

use go2_proto::codec::api::obstacles_avoid as api;
use go2_proto::codec::topics;
use go2_proto::commands::Space;

use super::{numbers, read, Reply, Settings};
use crate::body::{Body, Source};

/// A velocity; the other two modes, ways to go, are not simulated.
const VELOCITY: f64 = 0.0;

pub(super) fn execute(
    settings: &mut Settings,
    body: &mut Body,
    api_id: i64,
    parameter: &str,
    now: Instant,
) -> Reply {
    let topic = topics::OBSTACLES_AVOID_REQUEST;
    if let Some(reply) = settings.execute(topic, Space::Mcf, api_id, parameter) {
        body.avoid(settings.is_on("obstacle_avoidance"));
        return reply;
    }
    let parameter = read(parameter);
    match api_id {
        api::MOVE => match numbers(&parameter, ["x", "y", "yaw", "mode"]) {
            Some([x, y, yaw, VELOCITY]) => {
                body.walk(Source::Avoidance, [x, y, yaw], now);
                Reply::OK
            }
            _ => Reply::BAD_PARAMETER,
        },
        api::TAKE_COMMANDS => match parameter["is_remote_commands_from_api"].as_bool() {
            Some(take) => {
                body.take_commands(take);
                Reply::OK
            }
            None => Reply::BAD_PARAMETER,
        },
        _ => Reply::NOT_IMPLEMENTED,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::body::Motion;
    use crate::services::sport;
    use crate::world::World;

    struct Dog {
        settings: Settings,
        body: Body,
        now: Instant,
    }

    impl Dog {
        fn standing() -> Self {
            let now = Instant::now();
            let mut body = Body::new(None, now).within(Arc::new(World::house())).unwrap();
            sport::ask(&mut body, 1002, "", now);
            let mut dog = Self { settings: Settings::default(), body, now };
            dog.wait(2.0);
            dog
        }

        fn wait(&mut self, seconds: f64) {
            self.now += Duration::from_secs_f64(seconds);
            self.body.step(self.now);
        }

        fn ask(&mut self, api_id: i64, parameter: &str) -> i64 {
            execute(&mut self.settings, &mut self.body, api_id, parameter, self.now).code
        }
    }

    const FORWARD: &str = r#"{"x":0.5,"y":0,"yaw":0,"mode":0}"#;

    #[test]
    fn it_walks_only_when_it_avoids_and_takes_commands() {
        for (enable, take) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut dog = Dog::standing();
            assert_eq!(dog.ask(1001, &format!(r#"{{"enable":{enable}}}"#)), 0);
            let take_commands = format!(r#"{{"is_remote_commands_from_api":{take}}}"#);
            assert_eq!(dog.ask(1004, &take_commands), 0);
            assert_eq!(dog.ask(1003, FORWARD), 0);
            dog.wait(1.0);
            assert_eq!(dog.body.motion().vx > 0.4, enable && take, "{enable} {take}");
        }
    }

    #[test]
    fn it_stops_half_a_metre_before_a_wall_and_goes_back_and_turns() {
        let mut dog = Dog::standing();
        dog.ask(1001, r#"{"enable":true}"#);
        dog.ask(1004, r#"{"is_remote_commands_from_api":true}"#);
        dog.ask(1003, FORWARD);
        dog.wait(20.0);
        // The wall is at 3.10 m, the nose 0.35 m before the middle.
        let Motion { x, vx, .. } = dog.body.motion();
        assert!((2.1..2.35).contains(&x) && vx == 0.0, "{x} {vx}");
        assert!(dog.body.take_bump().is_none());
        dog.ask(1003, r#"{"x":-0.5,"y":0,"yaw":0.5,"mode":0}"#);
        dog.wait(1.0);
        assert!(dog.body.motion().x < 1.9 && dog.body.motion().yaw > 0.3);
    }

    #[test]
    fn while_it_takes_commands_the_others_are_dead() {
        let mut dog = Dog::standing();
        let walks = |dog: &mut Dog| {
            assert_eq!(sport::ask(&mut dog.body, 1008, r#"{"x":0.5,"y":0,"z":0}"#, dog.now), 0);
            dog.wait(0.5);
            let before = dog.body.motion().vx;
            sport::ask(&mut dog.body, 1003, "", dog.now);
            dog.wait(0.5);
            dog.body.walk(Source::Sticks, [0.5, 0.0, 0.0], dog.now);
            dog.wait(0.5);
            let both = [before > 0.4, dog.body.motion().vx > 0.4];
            dog.wait(2.0);
            both
        };
        assert_eq!(walks(&mut dog), [true, true]);
        dog.ask(1004, r#"{"is_remote_commands_from_api":true}"#);
        assert_eq!(walks(&mut dog), [false, false]);
        dog.ask(1004, r#"{"is_remote_commands_from_api":false}"#);
        assert_eq!(walks(&mut dog), [true, true]);
    }

    #[test]
    fn who_stops_taking_commands_leaves_it_walking() {
        let mut dog = Dog::standing();
        dog.ask(1001, r#"{"enable":true}"#);
        dog.ask(1004, r#"{"is_remote_commands_from_api":true}"#);
        dog.ask(1003, r#"{"x":0,"y":0,"yaw":0.5,"mode":0}"#);
        dog.ask(1004, r#"{"is_remote_commands_from_api":false}"#);
        dog.wait(5.0);
        assert_eq!(dog.body.motion().wz, 0.5);
        sport::ask(&mut dog.body, 1003, "", dog.now);
        dog.wait(1.0);
        assert_eq!(dog.body.motion().wz, 0.0);
    }

    #[test]
    fn wrong_parameters_and_apis_have_codes() {
        let mut dog = Dog::standing();
        for (api_id, parameter, code) in [
            (1001, r#"{"enable":1}"#, 3204),
            (1003, r#"{"x":0.5,"y":0,"yaw":0}"#, 3204),
            (1003, r#"{"x":0.5,"y":0,"yaw":0,"mode":1}"#, 3204),
            (1004, "{}", 3204),
            (1005, "", 3203),
        ] {
            assert_eq!(dog.ask(api_id, parameter), code, "{api_id} {parameter}");
        }
    }
}
