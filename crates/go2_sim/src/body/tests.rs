//! The body in time.

use std::f64::consts::TAU;

use go2_proto::codec::api;

use super::*;
use crate::services::ask;

/// Heights of the ideal body.
pub(super) const STANDING: f64 = 0.32;
pub(super) const SITTING: f64 = 0.22;
pub(super) const LYING: f64 = 0.08;

fn seconds(start: Instant, seconds: f64) -> Instant {
    start + Duration::from_secs_f64(seconds)
}

fn standing(move_lasts: Option<f64>) -> (Body, Instant) {
    let start = Instant::now();
    let mut body = Body::new(move_lasts.map(Duration::from_secs_f64), start);
    assert_eq!(ask(&mut body, api::BALANCE_STAND, "", start), 0);
    (body, seconds(start, 2.0))
}

const FORWARD: &str = r#"{"x":0.5,"y":0,"z":0}"#;

#[test]
fn walks_only_when_balancing() {
    let start = Instant::now();
    let mut body = Body::new(None, start);
    for api_id in [api::STAND_DOWN, api::STAND_UP] {
        ask(&mut body, api_id, "", start);
        assert_eq!(ask(&mut body, api::MOVE, FORWARD, seconds(start, 2.0)), 0);
        body.step(seconds(start, 3.0));
        assert_eq!(body.motion().x, 0.0);
    }
    ask(&mut body, api::BALANCE_STAND, "", seconds(start, 3.0));
    ask(&mut body, api::MOVE, FORWARD, seconds(start, 5.0));
    body.step(seconds(start, 7.0));
    assert!((0.9..1.0).contains(&body.motion().x), "{:?}", body.motion());
    assert_eq!(body.posture(), Posture::Walking);
}

#[test]
fn a_move_lasts_for_ever_or_times_out() {
    for (lasts, walks) in [(None, true), (Some(1.5), false)] {
        let (mut body, now) = standing(lasts);
        ask(&mut body, api::MOVE, FORWARD, now);
        body.step(seconds(now, 10.0));
        body.step(seconds(now, 20.0));
        assert_eq!(body.motion().vx > 0.4, walks);
    }
}

#[test]
fn stop_move_stops_and_damp_drops() {
    let (mut body, now) = standing(None);
    ask(&mut body, api::MOVE, FORWARD, now);
    ask(&mut body, api::STOP_MOVE, "", seconds(now, 1.0));
    body.step(seconds(now, 2.0));
    assert_eq!((body.motion().vx, body.posture()), (0.0, Posture::Balancing));
    ask(&mut body, api::DAMP, "", seconds(now, 2.0));
    ask(&mut body, api::STAND_UP, "", seconds(now, 3.0));
    body.step(seconds(now, 4.0));
    assert_eq!((body.posture(), body.height()), (Posture::Damped, LYING));
    ask(&mut body, api::RECOVERY_STAND, "", seconds(now, 4.0));
    assert_eq!(body.posture(), Posture::Balancing);
}

#[test]
fn turns_about_itself_and_walks_circles() {
    let (mut body, now) = standing(None);
    ask(&mut body, api::MOVE, r#"{"x":0.5,"y":0,"z":0.5}"#, now);
    body.step(seconds(now, TAU / 0.5));
    let Motion { x, y, .. } = body.motion();
    assert!(x.hypot(y) < 0.2, "a circle of 1 m closes: {x} {y}");
    assert!(body.joints().iter().all(|angle| angle.is_finite()));
}

#[test]
fn bad_parameters_and_unknown_apis_have_codes() {
    let (mut body, now) = standing(None);
    assert_eq!(ask(&mut body, api::MOVE, "{}", now), 3204);
    assert_eq!(ask(&mut body, api::MOVE, "", now), 3204);
    assert_eq!(ask(&mut body, 1042, "", now), 3203);
}

#[test]
fn standing_joints_are_those_of_a_robot_that_stands() {
    let (mut body, now) = standing(None);
    body.step(now);
    for (leg, joints) in body.joints().chunks_exact(3).enumerate() {
        assert!(joints[0].abs() < 1e-9, "{joints:?}");
        assert!((0.6..1.0).contains(&joints[1]) && (-2.0..-1.3).contains(&joints[2]));
        let [x, y, z] = body.feet()[leg];
        let near = |value: f64, wanted: f64| (value.abs() - wanted).abs() < 1e-9;
        assert!(near(x, 0.1934) && near(y, 0.142) && near(z, STANDING), "{x} {y} {z}");
        assert_eq!((x > 0.0, y > 0.0), (leg < 2, leg % 2 == 1), "FR, FL, RR, RL");
    }
}

/// Where the feet that stand are in the odometry frame.
fn prints(body: &Body) -> [Option<[f64; 2]>; 4] {
    let Motion { x, y, yaw, .. } = body.motion();
    let (sin, cos) = yaw.sin_cos();
    body.feet().map(|[fx, fy, fz]| {
        let stands = (fz + body.height()).abs() < 1e-9;
        stands.then_some([x + fx * cos - fy * sin, y + fx * sin + fy * cos])
    })
}

#[test]
fn feet_that_stand_do_not_slip() {
    for (vx, vy, wz) in [
        (0.5, 0.0, 0.0),
        (-0.5, 0.0, 0.0),
        (0.0, 0.3, 0.0),
        (0.0, 0.0, 1.0),
        (0.4, -0.2, 0.8),
        (2.0, 0.0, 0.0),
    ] {
        let (mut body, now) = standing(None);
        ask(&mut body, api::MOVE, &format!(r#"{{"x":{vx},"y":{vy},"z":{wz}}}"#), now);
        let mut began = [None; 4];
        let mut steps = 0;
        for tick in 0..400 {
            body.step(seconds(now, 1.0 + 0.005 * f64::from(tick)));
            for (began, print) in began.iter_mut().zip(prints(&body)) {
                if began.is_none() && print.is_some() {
                    steps += 1;
                }
                // Until it lifts off, it is where it was put down.
                *began = print.map(|print: [f64; 2]| began.unwrap_or(print));
                if let (Some(began), Some(print)) = (*began, print) {
                    let slip = (print[0] - began[0]).hypot(print[1] - began[1]);
                    assert!(slip < 0.005, "{vx} {vy} {wz}: {slip}");
                }
            }
        }
        assert!(steps >= 16, "{vx} {vy} {wz}: {steps} steps of four legs in 2 s");
    }
}

#[test]
fn a_step_that_is_begun_is_ended() {
    let (mut body, now) = standing(None);
    ask(&mut body, api::MOVE, FORWARD, now);
    body.step(seconds(now, 1.13));
    assert!(prints(&body).iter().any(Option::is_none), "no leg is up");
    ask(&mut body, api::STOP_MOVE, "", seconds(now, 1.13));
    let mut before = body.joints();
    for tick in 1..200 {
        body.step(seconds(now, 1.13 + 0.005 * f64::from(tick)));
        let joints = body.joints();
        let fastest = joints.iter().zip(before).map(|(a, b)| (a - b).abs() / 0.005);
        assert!(fastest.clone().fold(0.0, f64::max) < 15.7, "faster than a calf can be");
        before = joints;
    }
    assert!(prints(&body).iter().all(Option::is_some));
}

fn in_the_house() -> (Body, Instant) {
    let start = Instant::now();
    let mut body = Body::new(None, start).within(Arc::new(World::house())).unwrap();
    ask(&mut body, api::BALANCE_STAND, "", start);
    (body, seconds(start, 2.0))
}

#[test]
fn a_wall_stops_it_once_and_it_can_go_back() {
    let (mut body, now) = in_the_house();
    ask(&mut body, api::MOVE, FORWARD, now);
    body.step(seconds(now, 4.0));
    assert!(body.take_bump().is_none());
    let mut bumps = 0;
    for tenth in 40..120 {
        body.step(seconds(now, f64::from(tenth) / 10.0));
        bumps += usize::from(body.take_bump().is_some());
    }
    // The wall is at 3.10 m, the nose 0.35 m before the middle.
    assert!((2.74..=2.75).contains(&body.motion().x), "{:?}", body.motion());
    assert_eq!((body.motion().vx, bumps), (0.0, 1));
    ask(&mut body, api::MOVE, r#"{"x":-0.5,"y":0,"z":0}"#, seconds(now, 12.0));
    body.step(seconds(now, 13.0));
    assert!(body.motion().x < 2.4 && body.take_bump().is_none());
    ask(&mut body, api::MOVE, FORWARD, seconds(now, 13.0));
    body.step(seconds(now, 15.0));
    assert!(body.take_bump().is_some(), "another contact");
}

#[test]
fn it_never_gets_into_a_wall() {
    let world = World::house();
    let (mut body, now) = in_the_house();
    for leg in 0..60u32 {
        // Anywhere, and as fast as it can.
        let angle = f64::from(leg * leg);
        let (x, y, z) = (3.0 * angle.cos(), angle.sin(), 2.0 * (1.7 * angle).sin());
        let at = seconds(now, f64::from(leg) * 2.0);
        ask(&mut body, api::MOVE, &format!(r#"{{"x":{x},"y":{y},"z":{z}}}"#), at);
        for tick in 1..=20 {
            body.step(at + Duration::from_millis(100 * tick));
            assert!(!walls::touches(&world, &body.motion()), "{:?}", body.motion());
        }
    }
    assert!(body.take_bump().is_some());
}

#[test]
fn it_does_not_begin_in_a_wall() {
    let mut body = Body::new(None, Instant::now());
    body.motion.x = 3.0;
    assert!(body.within(Arc::new(World::house())).is_none());
}
