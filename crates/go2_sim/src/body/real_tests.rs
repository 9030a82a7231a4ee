//! The body of a real robot, as recordings show it: what it tells, and how it moves.

use go2_proto::codec::api;
use go2_proto::commands::action;
use serde_json::Value;

use super::*;
use crate::messages;
use crate::options::Firmware;
use crate::sensors::Sensors;
use crate::services::{ask, Settings};

struct Dog {
    body: Body,
    now: Instant,
}

impl Dog {
    fn lying() -> Self {
        let now = Instant::now();
        Self { body: Body::new(None, now).like(Profile::Pro1115.facts()), now }
    }

    fn after(names: &[&str]) -> Self {
        let mut dog = Self::lying();
        for name in names {
            dog.tell(name);
            dog.wait(3.0);
        }
        dog
    }

    fn tell(&mut self, name: &str) {
        let id = action(name).unwrap().mcf.unwrap().id();
        assert_eq!(ask(&mut self.body, id, "", self.now), 0, "{name}");
    }

    fn walk(&mut self, speed: f64) {
        let parameter = format!(r#"{{"x":{speed},"y":0,"z":0}}"#);
        assert_eq!(ask(&mut self.body, api::MOVE, &parameter, self.now), 0);
    }

    fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
        self.body.step(self.now);
    }

    fn state(&self) -> Value {
        let settings = Settings::default();
        let sensors = &mut Sensors::new(&Profile::Pro1115.facts().state, 1);
        let time = Duration::ZERO;
        messages::sport_mode_state(&self.body, &settings, Firmware::New, time, sensors)
    }

    fn code(&self) -> i64 {
        self.state()["error_code"].as_i64().unwrap()
    }

    /// The codes that it tells from now on, each once, and the seconds after which it told the last first.
    fn codes(&mut self, seconds: f64) -> (Vec<i64>, f64) {
        let (mut codes, mut last) = (vec![self.code()], 0.0);
        for tick in 1..=(seconds * 100.0) as u32 {
            self.wait(0.01);
            if *codes.last().unwrap() != self.code() {
                codes.push(self.code());
                last = f64::from(tick) / 100.0;
            }
        }
        (codes, last)
    }

    /// From now until it is as high as this, or as low.
    fn until_height(&mut self, reached: impl Fn(f64) -> bool) -> f64 {
        let start = self.now;
        while !reached(self.body.height()) {
            self.wait(0.01);
            assert!(self.now < start + Duration::from_secs(10), "{}", self.body.height());
        }
        (self.now - start).as_secs_f64()
    }
}

fn near(value: f64, wanted: f64, by: f64) -> bool {
    (value - wanted).abs() <= by
}

#[test]
fn postures_are_told_as_recorded() {
    assert_eq!(Dog::after(&["recovery_stand"]).code(), 100);
    assert_eq!(Dog::after(&["stand_up"]).code(), 1002);
    assert_eq!(Dog::after(&["balance_stand"]).code(), 1013);
    assert_eq!(Dog::after(&["recovery_stand", "damp"]).code(), 1001);
    assert_eq!(Dog::after(&["balance_stand", "sit", "rise_sit"]).code(), 1013);
    for (name, expected, seconds) in [("stand_down", [2006, 1001], 2.0), ("sit", [1006, 1007], 1.2)]
    {
        let mut dog = Dog::after(&["recovery_stand"]);
        assert_eq!(dog.code(), 100);
        dog.tell(name);
        let (codes, last) = dog.codes(4.0);
        assert_eq!(codes, expected, "{name}: never 1004");
        assert!(near(last, seconds, 0.02), "{name}: {last}");
    }
    let mut dog = Dog::after(&["balance_stand"]);
    dog.tell("hello");
    assert_eq!(dog.codes(6.0).0, [1013], "throughout");
}

#[test]
fn body_height_is_not_the_height_of_the_position() {
    for (names, body_height, z) in [
        (&["stand_up"][..], 0.324, 0.314),
        (&["balance_stand"], 0.351, 0.337),
        (&["balance_stand", "sit"], 0.264, 0.219),
        (&["balance_stand", "stand_down"], 0.074, 0.054),
        (&[], 0.074, 0.054),
    ] {
        let state = Dog::after(names).state();
        let told = state["body_height"].as_f64().unwrap();
        assert!(near(told, body_height, 1e-6), "{names:?}: {told}");
        let height = state["position"][2].as_f64().unwrap();
        assert!(near(height, z, 1e-6), "{names:?}: {height}");
    }
}

#[test]
fn it_gets_up_and_down_as_fast_as_recorded() {
    let mut dog = Dog::lying();
    dog.tell("stand_up");
    let up = dog.until_height(|height| height > 0.313);
    assert!(near(up, 0.85, 0.05), "{up}");
    dog.tell("balance_stand");
    dog.wait(2.0);
    dog.tell("stand_down");
    dog.wait(0.5);
    let before = dog.body.height();
    dog.wait(0.5);
    assert!(near(before - dog.body.height(), 0.17 / 2.0, 0.005), "0.17 m/s");
    dog.wait(1.0);
    assert!(near(dog.body.height(), 0.054, 1e-6), "after 2 s it lies");
}

#[test]
fn after_stand_up_it_ignores_velocities_for_seconds_and_never_a_stop() {
    let mut dog = Dog::lying();
    dog.tell("stand_up");
    dog.wait(1.0);
    dog.tell("balance_stand");
    let start = dog.now;
    while dog.body.motion().vx < 0.1 {
        dog.walk(0.5);
        dog.wait(0.05);
    }
    let deaf = (dog.now - start).as_secs_f64() + 1.0;
    assert!((4.0..=10.0).contains(&deaf), "{deaf}");
    dog.tell("stand_up");
    dog.wait(2.0);
    assert!(near(dog.body.motion().vx, 0.0, 1e-9));
}

#[test]
fn it_follows_late_and_with_a_time_constant() {
    let mut dog = Dog::after(&["balance_stand"]);
    dog.walk(1.1);
    let mut first = 0.0;
    while dog.body.motion().vx == 0.0 {
        dog.wait(0.005);
        first += 0.005;
    }
    assert!((0.05..=0.1).contains(&first), "{first}");
    let mut constant = 0.0;
    while dog.body.motion.vx < 1.1 * (1.0 - (-1.0_f64).exp()) {
        dog.wait(0.005);
        constant += 0.005;
    }
    assert!((0.25..=0.3).contains(&constant), "{constant}");
    dog.wait(3.0);
    dog.tell("stop");
    let mut stop = 0.0;
    while dog.body.motion().vx > 0.12 {
        dog.wait(0.005);
        stop += 0.005;
    }
    assert!((0.55..=0.7).contains(&stop), "{stop}");
    assert!(dog.body.motion().vx > 0.05, "then it creeps");
    dog.wait(3.0);
    assert_eq!(dog.body.motion().vx, 0.0);
}

#[test]
fn speed_and_height_ripple_while_it_walks() {
    let mut dog = Dog::after(&["balance_stand"]);
    dog.walk(0.8);
    dog.wait(3.0);
    let (mut speeds, mut heights, mut crossings) = (vec![], vec![], 0);
    let mut before = 0.8;
    for _ in 0..400 {
        dog.wait(0.005);
        let speed = dog.body.motion().vx;
        crossings += u32::from(before < 0.8 && speed >= 0.8);
        before = speed;
        speeds.push(speed);
        heights.push(dog.body.height());
    }
    let span = |values: &[f64]| {
        let most = values.iter().copied().fold(f64::MIN, f64::max);
        most - values.iter().copied().fold(f64::MAX, f64::min)
    };
    assert!((0.06..=0.1).contains(&span(&speeds)), "{}", span(&speeds));
    assert!((0.005..=0.01).contains(&span(&heights)), "{}", span(&heights));
    assert!((5..=7).contains(&crossings), "3 Hz: {crossings} in 2 s");
}

#[test]
fn lying_its_legs_are_folded_beyond_the_model() {
    let joints = Dog::after(&["balance_stand", "stand_down"]).body.joints();
    for (leg, angles) in joints.chunks_exact(3).enumerate() {
        assert!(near(angles[2], -2.81, 1e-9), "{angles:?}");
        let hip = if leg < 2 { 0.0 } else { 0.36 };
        assert!(near(angles[0].abs(), hip, 1e-9), "{leg}: {angles:?}");
    }
    let standing = Dog::after(&["balance_stand"]).body.joints();
    assert!(standing.iter().skip(2).step_by(3).all(|calf| (-2.0..-1.2).contains(calf)));
}
