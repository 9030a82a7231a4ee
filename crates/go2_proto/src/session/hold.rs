//! What may take the robot from its place: it is not sent while the robot is held, nor before it has told the serial number that was
//! asked for. Pure.
//!
//! A list of what may pass, and not of what may not: what this version does not know may walk the robot.

use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::Value;

use crate::codec::{api, topics, Request};
use crate::commands::{Action, Api, Kind, Space, Travel, ACTIONS, SETTINGS};

/// Services in which nothing walks the robot, whatever they are asked for.
const HARMLESS: &[&str] = &[
    topics::MOTION_SWITCHER_REQUEST,
    topics::VIDEOHUB_REQUEST,
    topics::VUI_REQUEST,
    topics::AUDIOHUB_REQUEST,
    topics::BASHRUNNER_REQUEST,
];

/// A velocity of the sport service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    x: f64, // a second one is an error, so that it means the same to the robot as here
    y: f64,
    z: f64,
}

/// A velocity of the obstacle avoidance; other modes than 0 are ways to go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AvoidanceMove {
    x: f64,
    y: f64,
    yaw: f64,
    #[serde(default)]
    mode: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    data: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sticks {
    lx: f64,
    ly: f64,
    rx: f64,
    ry: f64,
    #[serde(default)]
    keys: i64,
}

/// Whether a request may take the robot from its place.
pub(super) fn may_walk(request: &Request) -> bool {
    let Request { topic, api_id, parameter, .. } = request;
    match topic.as_str() {
        topics::SPORT_REQUEST => sport_may_walk(*api_id, parameter),
        topics::OBSTACLES_AVOID_REQUEST => match *api_id {
            api::obstacles_avoid::MOVE => {
                !object(parameter).is_some_and(|AvoidanceMove { x, y, yaw, mode }| {
                    [x, y, yaw] == [0.0; 3] && mode == 0
                })
            }
            api::obstacles_avoid::TAKE_COMMANDS => false,
            _ => !is_setting(topic, *api_id),
        },
        // Of its programs some walk the robot.
        topics::ROBOT_STATE_REQUEST => *api_id != api::robot_state::LIST,
        topic => !HARMLESS.contains(&topic),
    }
}

fn sport_may_walk(api_id: i64, parameter: &str) -> bool {
    match api_id {
        api::MOVE => !object(parameter).is_some_and(|Move { x, y, z }| [x, y, z] == [0.0; 3]),
        api::EULER => false,
        _ => {
            // Of every motion mode: an id has to be harmless in all that have it.
            let ids =
                |action: &'static Action| Space::ALL.into_iter().filter_map(|s| action.api(s));
            let mut here = ACTIONS
                .iter()
                .flat_map(|action| ids(action).map(move |api| (action, api)))
                .filter(|(_, api)| api.id() == api_id)
                .peekable();
            if here.peek().is_none() {
                return !is_setting(topics::SPORT_REQUEST, api_id);
            }
            here.any(|(action, api)| begins(action, api, parameter))
        }
    }
}

/// Whether a request begins something that may take the robot from its place.
fn begins(action: &Action, api: Api, parameter: &str) -> bool {
    let off = || object(parameter).is_some_and(|Switch { data }| !data);
    let ends = action.kind == Kind::Lasting && matches!(api, Api::Flag(_)) && off();
    action.travel != Travel::Stays && !ends
}

/// What a parameter says, if it is an object of that form and nothing else.
fn object<T: DeserializeOwned>(parameter: &str) -> Option<T> {
    // A list would be read as well, its values in the order of the fields.
    let is_object = parameter.trim_start().starts_with('{');
    serde_json::from_str(parameter).ok().filter(|_| is_object)
}

/// Whether it sets or reads what the robot keeps.
fn is_setting(topic: &str, api_id: i64) -> bool {
    SETTINGS.iter().filter(|setting| setting.topic == topic).any(|setting| {
        setting.set == api_id || setting.query().is_some_and(|query| query.api_id == api_id)
    })
}

/// Whether a message on a plain topic may take the robot from its place. Requests that come so are judged as requests.
pub(super) fn may_walk_by(topic: &str, data: &Value) -> bool {
    match topic {
        topics::WIRELESS_CONTROLLER => {
            let sticks = Some(data).filter(|data| data.is_object());
            !sticks.and_then(|data| Sticks::deserialize(data).ok()).is_some_and(|sticks| {
                let Sticks { lx, ly, rx, ry, keys } = sticks;
                [lx, ly, rx, ry] == [0.0; 4] && keys == 0
            })
        }
        topics::LIDAR_SWITCH => false,
        topic => !topic.ends_with("/request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{action, Danger, MotionMode};
    use serde_json::json;

    fn ask(topic: &str, api_id: i64, parameter: &str) -> Request {
        let (topic, parameter) = (topic.to_owned(), parameter.to_owned());
        Request { topic, parameter, ..Request::sport(api_id) }
    }

    fn sport(api_id: i64, parameter: &str) -> Request {
        ask(topics::SPORT_REQUEST, api_id, parameter)
    }

    fn avoid(api_id: i64, parameter: &str) -> Request {
        ask(topics::OBSTACLES_AVOID_REQUEST, api_id, parameter)
    }

    #[test]
    fn zeros_pass_and_every_other_velocity_does_not() {
        assert!(!may_walk(&Request::sport_move(0.0, -0.0, 0.0).unwrap()));
        assert!(!may_walk(&Request::avoidance_move(0.0, 0.0, 0.0).unwrap()));
        assert!(!may_walk(&avoid(1003, r#"{"x":0,"y":0,"yaw":0}"#)));
        assert!(may_walk(&Request::sport_move(0.0, 0.0, 1e-9).unwrap()));
        assert!(may_walk(&Request::avoidance_move(0.0, -0.1, 0.0).unwrap()));
        for unclear in [
            "",
            "{}",
            "[0,0,0]",
            r#"{"x":0,"y":0}"#,
            r#"{"x":0,"y":0,"z":"0"}"#,
            r#"{"x":1,"x":0,"y":0,"z":0}"#,
            r#"{"x":0,"y":0,"z":0,"vx":1}"#,
            r#"{"x":0,"y":0,"z":0} "#.repeat(2).as_str(),
        ] {
            assert!(may_walk(&sport(1008, unclear)), "{unclear}");
            assert!(may_walk(&avoid(1003, &unclear.replace("\"z\"", "\"yaw\""))), "{unclear}");
        }
        assert!(may_walk(&avoid(1003, r#"{"x":0,"y":0,"yaw":0,"mode":2}"#)), "a way to go");
        assert!(may_walk(&sport(1018, "[]")), "a path");
    }

    #[test]
    fn what_stops_it_or_lays_it_down_passes() {
        for name in ["damp", "stop", "stand_down", "stand_up", "balance_stand", "sit", "hello"] {
            let request = action(name).unwrap().request(&MotionMode::new("mcf"), true).unwrap();
            assert!(!may_walk(&request), "{name}");
        }
        let lean = sport(1007, r#"{"x":0.1,"y":0,"z":0}"#);
        assert!(!may_walk(&lean) && !may_walk(&sport(1028, r#"{"data":true}"#)));
    }

    #[test]
    fn of_what_may_walk_nothing_begins_and_everything_ends() {
        for action in ACTIONS.iter().filter(|action| action.travel != Travel::Stays) {
            for api in Space::ALL.into_iter().filter_map(|space| action.api(space)) {
                for on in
                    [r#"{"data":true}"#, "[false]", "", r#"{"data":false,"data":true}"#, "1050"]
                {
                    assert!(may_walk(&sport(api.id(), on)), "{} {on}", action.name);
                }
                let ends = may_walk(&sport(api.id(), r#"{"data":false}"#));
                assert_eq!(ends, !matches!(api, Api::Flag(_)), "{}", action.name);
            }
        }
        let jump = action("front_jump").unwrap();
        assert_eq!((jump.danger, may_walk(&sport(1031, ""))), (Danger::Acrobatic, true));
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        for unknown in [
            sport(1012, ""),
            sport(1301, ""),
            sport(1304, r#"{"data":true}"#),
            sport(0, ""),
            avoid(1005, ""),
            ask("rt/api/uwbswitch/request", 1001, r#"{"enable":1}"#),
            ask("rt/api/slam_operate/request", 1102, ""),
            ask("rt/api/robot_state/request", 1001, r#"{"name":"utrack","switch":1}"#),
            ask("/rt/api/sport/request", 1003, ""),
            ask("", 1003, ""),
        ] {
            assert!(may_walk(&unknown), "{unknown:?}");
        }
    }

    #[test]
    fn settings_readings_and_other_services_pass() {
        for setting in SETTINGS {
            let mut requests = vec![setting.write(&json!(1))];
            requests.extend(setting.query());
            requests.extend(setting.release());
            for request in requests {
                assert!(!may_walk(&request), "{request:?}");
            }
        }
        for request in [
            Request::snapshot(),
            avoid(1004, r#"{"is_remote_commands_from_api":false}"#),
            ask(topics::MOTION_SWITCHER_REQUEST, 1001, ""),
            ask(topics::ROBOT_STATE_REQUEST, 1003, ""),
            ask(topics::BASHRUNNER_REQUEST, 1001, "{}"),
        ] {
            assert!(!may_walk(&request), "{request:?}");
        }
    }

    #[test]
    fn sticks_pass_as_long_as_nobody_pushes_them() {
        let sticks = |text: &str| {
            may_walk_by(topics::WIRELESS_CONTROLLER, &serde_json::from_str(text).unwrap())
        };
        assert!(!sticks(r#"{"lx":0.0,"ly":-0.0,"rx":0,"ry":0,"keys":0}"#));
        assert!(!sticks(r#"{"lx":0,"ly":0,"rx":0,"ry":0}"#));
        for pushed in [
            r#"{"lx":0,"ly":0.01,"rx":0,"ry":0,"keys":0}"#,
            r#"{"lx":0,"ly":0,"rx":0,"ry":-1,"keys":0}"#,
            r#"{"lx":0,"ly":0,"rx":0,"ry":0,"keys":4}"#,
            r#"{"ly":0}"#,
            "null",
            "\"on\"",
            "[0,0,0,0,0]",
        ] {
            assert!(sticks(pushed), "{pushed}");
        }
        assert!(may_walk_by("rt/uslam/client_command", &json!("navigation/start")));
        assert!(!may_walk_by(topics::LIDAR_SWITCH, &json!("OFF")));
    }
}
