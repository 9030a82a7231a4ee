//! Postures and actions, asked for as requests of every motion mode.

use std::time::Duration;

use go2_proto::codec::api;
use go2_proto::commands::{action, Action, Api, Kind, Space, ACTIONS};

use super::tests::{LYING, SITTING, STANDING};
use super::*;
use crate::services::{sport, Reply, Settings};

/// A body in a motion mode.
struct Dog {
    body: Body,
    space: Space,
    settings: Settings,
    now: Instant,
}

const REFUSED: i64 = 4206;

impl Dog {
    fn new(space: Space) -> Self {
        let now = Instant::now();
        Self { body: Body::new(None, now), space, settings: Settings::default(), now }
    }

    /// In a posture of the table, and there for long.
    fn standing(space: Space, posture: &str) -> Self {
        let mut dog = Self::new(space);
        assert_eq!(dog.tell("recovery_stand", true), 0);
        dog.wait(1.0);
        assert_eq!(dog.tell(posture, true), 0);
        dog.wait(1.0);
        dog
    }

    fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
        self.body.step(self.now);
    }

    fn ask(&mut self, api_id: i64, parameter: &str) -> Reply {
        sport(&mut self.settings, &mut self.body, self.space, api_id, parameter, self.now)
    }

    /// Tells it an action of the table; the status.
    fn tell(&mut self, name: &str, on: bool) -> i64 {
        let request = request(action(name).unwrap(), self.space, on).unwrap();
        self.ask(request.0, &request.1).code
    }

    fn walks(&mut self) -> bool {
        assert_eq!(self.ask(api::MOVE, r#"{"x":0.5,"y":0,"z":0}"#).code, 0);
        self.wait(0.5);
        let walks = self.body.motion().vx > 0.4;
        assert_eq!(self.ask(api::STOP_MOVE, "").code, 0);
        self.wait(0.5);
        walks
    }

    fn doing(&self) -> Option<&'static str> {
        self.body.doing().map(|(name, _)| name)
    }
}

fn near(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
}

fn request(action: &Action, space: Space, on: bool) -> Option<(i64, String)> {
    let parameter = |api| match api {
        Api::Plain(_) | Api::OnOnly(_) => String::new(),
        Api::True(_) => r#"{"data":true}"#.to_owned(),
        Api::Flag(_) => format!(r#"{{"data":{on}}}"#),
    };
    action.api(space).map(|api| (api.id(), parameter(api)))
}

fn actions(space: Space) -> impl Iterator<Item = (&'static Action, Api)> {
    ACTIONS.iter().filter_map(move |action| Some((action, action.api(space)?)))
}

#[test]
fn every_space_has_its_ids_and_no_others() {
    for space in Space::ALL {
        for (action, _) in actions(space) {
            let mut dog = Dog::standing(space, "balance_stand");
            if action.name == "rise_sit" {
                dog.tell("sit", true);
            }
            let (id, parameter) = request(action, space, true).unwrap();
            assert_eq!(dog.ask(id, &parameter), Reply::OK, "{} {space}", action.name);
        }
        let here: Vec<_> = actions(space).map(|(_, api)| api.id()).collect();
        for (id, parameter) in Space::ALL.iter().flat_map(|other| {
            actions(*other).filter_map(|(action, _)| request(action, *other, true))
        }) {
            let mut dog = Dog::standing(space, "balance_stand");
            if !here.contains(&id) {
                assert_eq!(dog.ask(id, &parameter), Reply::NOT_IMPLEMENTED, "{id} {space}");
            }
        }
        for id in [0, 1, 1012, 1018, 1034, 9999] {
            assert_eq!(Dog::new(space).ask(id, "").code, 3203, "{id} {space}");
        }
    }
}

#[test]
fn flags_are_needed_where_the_table_has_them() {
    for space in Space::ALL {
        for (action, api) in actions(space) {
            let flag = matches!(api, Api::Flag(_) | Api::True(_));
            for parameter in ["", "{}", "true", r#"{"data":1}"#, r#"{"on":true}"#] {
                let mut dog = Dog::standing(space, "balance_stand");
                let code = dog.ask(api.id(), parameter).code;
                assert_eq!(code == 3204, flag, "{} {parameter}", action.name);
                assert!(!flag || dog.doing().is_none());
            }
            if let Api::True(id) = api {
                let mut dog = Dog::standing(space, "balance_stand");
                assert_eq!(dog.ask(id, r#"{"data":false}"#).code, 3204);
            }
        }
    }
}

#[test]
fn actions_need_a_robot_that_stands() {
    let postures = ["stand_up", "stand_down", "balance_stand", "recovery_stand", "damp", "stop"];
    let anywhere =
        |action: &Action| postures.contains(&action.name) || action.name == "switch_avoid_mode";
    for space in Space::ALL {
        for (action, _) in actions(space).filter(|(action, _)| !anywhere(action)) {
            for posture in ["stand_down", "damp"] {
                let mut dog = Dog::standing(space, posture);
                let before = dog.body.posture();
                assert_eq!(dog.tell(action.name, true), REFUSED, "{} {posture}", action.name);
                assert_eq!((dog.body.posture(), dog.doing()), (before, None));
            }
            let mut rising = Dog::new(space);
            rising.tell("balance_stand", true);
            rising.wait(0.1);
            assert_eq!(rising.tell(action.name, true), REFUSED, "{}", action.name);
        }
        for (name, code) in [("hello", 0), ("stretch", 0), ("dance1", REFUSED), ("pose", REFUSED)] {
            assert_eq!(Dog::standing(space, "stand_up").tell(name, true), code, "{name}");
        }
        assert_eq!(Dog::standing(space, "stand_up").tell("front_flip", true), REFUSED);
    }
}

#[test]
fn what_is_done_once_takes_seconds_and_ends_balancing() {
    let mut checked = 0;
    for space in Space::ALL {
        for (action, _) in actions(space).filter(|(action, _)| action.kind == Kind::Once) {
            let mut dog = Dog::standing(space, "balance_stand");
            if dog.tell(action.name, true) != 0 || dog.doing().is_none() {
                continue; // a posture
            }
            checked += 1;
            assert_eq!(dog.doing(), Some(action.name));
            assert!(!dog.walks(), "{}", action.name);
            assert_eq!(dog.tell("stop", true), 0);
            for name in ["hello", "stand_down", "balance_stand", "sit", "pose"] {
                assert_eq!(dog.tell(name, true), REFUSED, "{name} in {}", action.name);
            }
            let (name, progress) = dog.body.doing().unwrap();
            assert_eq!(name, action.name);
            assert!((0.25..=0.5).contains(&progress), "{name}: {progress} after a second");
            dog.wait(3.1);
            assert_eq!((dog.doing(), dog.body.posture()), (None, Posture::Balancing));
            assert!(dog.walks());
        }
    }
    assert!(checked > 30, "{checked}");
    let mut dog = Dog::standing(Space::Mcf, "balance_stand");
    dog.tell("dance1", true);
    assert_eq!(dog.tell("damp", true), 0);
    assert_eq!((dog.doing(), dog.body.posture()), (None, Posture::Damped));
}

#[test]
fn what_lasts_is_ended_by_its_own_id_and_not_by_stop() {
    for space in Space::ALL {
        for (action, api) in actions(space).filter(|(action, _)| action.kind == Kind::Lasting) {
            let mut dog = Dog::standing(space, "balance_stand");
            assert_eq!(dog.tell(action.name, true), 0);
            dog.wait(60.0);
            let name = Some(action.name);
            assert_eq!((dog.tell("stop", true), dog.doing()), (0, name));
            assert_eq!((dog.tell(action.name, true), dog.doing()), (0, name));
            let stays = ["pose", "lead_follow", "rage_mode"].contains(&action.name);
            assert_eq!(dog.walks(), !stays, "{}", action.name);
            assert_eq!(dog.tell("hello", true), REFUSED, "{}", action.name);
            assert_eq!(dog.tell("balance_stand", true), 0);
            if let Api::OnOnly(_) = api {
                assert_eq!(dog.doing(), None, "its way out");
                continue;
            }
            assert_eq!(dog.doing(), name, "{} is not ended by balance_stand", action.name);
            assert_eq!((dog.tell(action.name, false), dog.doing()), (0, None));
            assert_eq!((dog.tell(action.name, false), dog.doing()), (0, None), "again");
            assert!(dog.walks());
        }
    }
}

#[test]
fn lasting_modes_are_left_by_damp_and_by_lying_down_unless_on_two_legs() {
    for space in Space::ALL {
        for (action, _) in actions(space).filter(|(action, _)| action.kind == Kind::Lasting) {
            let name = action.name;
            let upright = ["hand_stand", "back_stand"].contains(&name);
            for (leave, posture) in [
                ("damp", Posture::Damped),
                ("stand_down", Posture::Lying),
                ("stand_up", Posture::Locked),
            ] {
                let mut dog = Dog::standing(space, "balance_stand");
                dog.tell(name, true);
                let stays = upright && leave != "damp";
                assert_eq!(dog.tell(leave, true), if stays { REFUSED } else { 0 });
                if stays {
                    assert_eq!(dog.doing(), Some(name));
                } else {
                    assert_eq!((dog.doing(), dog.body.posture()), (None, posture), "{name}");
                }
            }
        }
    }
}

#[test]
fn one_gait_follows_another_and_held_modes_are_ended_first() {
    let mut dog = Dog::standing(Space::Mcf, "balance_stand");
    assert_eq!((dog.tell("free_walk", true), dog.tell("free_bound", true)), (0, 0));
    assert_eq!(dog.doing(), Some("free_bound"));
    assert_eq!((dog.tell("free_walk", false), dog.doing()), (0, Some("free_bound")));
    assert_eq!((dog.tell("hand_stand", true), dog.tell("free_walk", true)), (0, REFUSED));
    assert_eq!(dog.doing(), Some("hand_stand"));
}

#[test]
fn sitting_is_left_by_rise_sit() {
    for space in Space::ALL {
        for posture in ["stand_down", "stand_up", "balance_stand", "damp"] {
            assert_eq!(Dog::standing(space, posture).tell("rise_sit", true), REFUSED);
        }
        let mut dog = Dog::standing(space, "sit");
        assert_eq!(dog.body.posture(), Posture::Sitting);
        assert!((dog.body.height(), dog.body.attitude()[1]) == (SITTING, SITTING_PITCH));
        assert!(!dog.walks());
        assert_eq!((dog.tell("hello", true), dog.tell("sit", true)), (REFUSED, REFUSED));
        assert_eq!(dog.tell("rise_sit", true), 0);
        dog.wait(1.0);
        assert!(dog.walks() && dog.body.attitude()[1] == 0.0);
    }
}

#[test]
fn a_tired_robot_does_little() {
    for space in Space::ALL {
        for (action, _) in actions(space) {
            let mut dog = Dog::standing(space, "balance_stand");
            dog.body.charge = 19;
            let allowed = ["damp", "stop", "stand_down", "balance_stand", "recovery_stand"];
            let code = if allowed.contains(&action.name) { 0 } else { REFUSED };
            assert_eq!(dog.tell(action.name, true), code, "{}", action.name);
        }
        let mut dog = Dog::standing(space, "balance_stand");
        dog.tell("pose", true);
        dog.body.charge = 0;
        assert_eq!((dog.tell("pose", false), dog.doing()), (0, None), "what lasts can be ended");
    }
}

#[test]
fn the_trunk_tilts_until_it_is_stopped() {
    let tilt = r#"{"x":0.3,"y":-0.2,"z":0.1}"#;
    for (posture, tilts) in [("balance_stand", true), ("pose", true), ("stand_up", false)] {
        let mut dog = Dog::standing(Space::Mcf, "balance_stand");
        dog.tell(posture, true);
        assert_eq!(dog.ask(api::EULER, tilt).code, 0);
        dog.wait(0.1);
        assert_eq!(dog.body.turning()[0] > 0.5, tilts);
        dog.wait(1.0);
        let wanted = if tilts { [0.3, -0.2, 0.1] } else { [0.0; 3] };
        assert!(near(dog.body.attitude(), wanted), "{posture}: {:?}", dog.body.attitude());
        assert_eq!(dog.body.turning(), [0.0; 3]);
        dog.tell("stop", true);
        dog.wait(1.0);
        assert!(near(dog.body.attitude(), [0.0; 3]));
    }
    let mut dog = Dog::standing(Space::Normal, "balance_stand");
    for bad in [
        "",
        r#"{"x":0.1,"y":0.1}"#,
        r#"{"x":0.76,"y":0,"z":0}"#,
        r#"{"x":0,"y":-0.76,"z":0}"#,
        r#"{"x":0,"y":0,"z":0.61}"#,
    ] {
        assert_eq!(dog.ask(api::EULER, bad).code, 3204, "{bad}");
    }
    assert_eq!(dog.ask(api::EULER, r#"{"x":0.75,"y":0.75,"z":-0.6}"#).code, 0);
}

#[test]
fn the_height_is_a_setting_of_old_firmware() {
    let mut dog = Dog::standing(Space::Ai, "balance_stand");
    assert_eq!(dog.ask(1013, r#"{"data":-0.18}"#).code, 0);
    dog.wait(1.0);
    assert!((dog.body.height() - 0.14).abs() < 1e-9);
    assert!(dog.walks());
    assert_eq!(dog.ask(1013, r#"{"data":0.04}"#).code, 3204);
    assert_eq!(dog.ask(1024, "").data, r#"{"data":-0.18}"#);
    let mut dog = Dog::standing(Space::Mcf, "balance_stand");
    assert_eq!(dog.ask(1013, r#"{"data":-0.1}"#).code, 3203);
    dog.wait(1.0);
    assert_eq!(dog.body.height(), STANDING);
}

#[test]
fn sticks_walk_for_a_second_and_faster_in_rage() {
    for (rage, fastest) in [(false, [1.5, -0.6, -2.0]), (true, [2.5, -1.0, -5.0])] {
        let mut dog = Dog::standing(Space::Mcf, "balance_stand");
        if rage {
            dog.tell("rage_mode", true);
            assert!(!dog.walks(), "Move is ignored");
        }
        dog.body.push_sticks(1.0, 2.0, 1.0, dog.now);
        dog.wait(0.95);
        let Motion { vx, vy, wz, .. } = dog.body.motion();
        assert!(near([vx, vy, wz], fastest), "{vx} {vy} {wz}");
        dog.wait(1.0);
        assert_eq!(dog.body.motion().vx, 0.0);
    }
    let mut locked = Dog::standing(Space::Mcf, "stand_up");
    locked.body.push_sticks(0.0, 1.0, 0.0, locked.now);
    locked.wait(0.5);
    assert_eq!(locked.body.motion().x, 0.0);
}

#[test]
fn at_first_it_may_refuse_to_walk() {
    let mut dog = Dog::standing(Space::Mcf, "balance_stand");
    dog.body.refuse_to_walk_until(dog.now + Duration::from_secs(10));
    assert!(!dog.walks());
    dog.wait(8.0);
    assert!(!dog.walks());
    dog.wait(1.0);
    assert!(dog.walks());
}

#[test]
fn a_change_of_mode_lies_down_and_stands_up() {
    let mut dog = Dog::standing(Space::Normal, "balance_stand");
    dog.body.change_mode(Duration::from_secs(4), dog.now);
    dog.wait(1.5);
    assert_eq!((dog.body.posture(), dog.body.height()), (Posture::Lying, LYING));
    dog.wait(2.0);
    assert_eq!((dog.body.posture(), dog.body.height()), (Posture::Balancing, STANDING));
    assert!(!dog.walks(), "not yet");
    dog.wait(1.0);
    assert!(dog.walks());
}
