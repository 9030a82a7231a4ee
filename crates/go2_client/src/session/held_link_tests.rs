//! What goes out of a link whose robot is held, in virtual time.

use serde_json::json;

use go2_proto::motion::{Velocity, VelocityApi, VelocityCommand};

use super::*;

const LIMIT: Duration = Duration::from_secs(1);
const MOVE: &str = r#"{"x":0.2,"y":0,"z":0}"#;

/// Every way of walking that a handle has.
async fn walk(link: &Link) -> Vec<Result<(), RequestError>> {
    for api in [VelocityApi::Sport, VelocityApi::Avoidance, VelocityApi::Sticks] {
        link.drive(VelocityCommand { velocity: forward(0.5), api });
        settle().await;
    }
    let asked = |topic: &str, api_id, parameter: &str| {
        let (topic, parameter) = (topic.to_owned(), parameter.to_owned());
        let limit = Duration::from_millis(10);
        link.request(Request { topic, parameter, ..Request::sport(api_id) }, limit)
    };
    let sport = topics::SPORT_REQUEST;
    let data = json!({"header": {"identity": {"api_id": api::MOVE}}, "parameter": MOVE});
    vec![
        asked(sport, api::MOVE, MOVE).await.map(drop),
        asked(sport, api::TRAJECTORY_FOLLOW, "[]").await.map(drop),
        asked(sport, 2056, r#"{"data":true}"#).await.map(drop),
        link.publish(sport, data).await,
        link.publish(topics::WIRELESS_CONTROLLER, json!({"lx":0,"ly":1,"rx":0,"ry":0})).await,
        link.publish("rt/uslam/client_command", json!("navigation/start")).await,
    ]
}

/// Messages that may walk a robot.
fn walks(wire: &Wire) -> usize {
    let is_stop = |message: &serde_json::Value| {
        message["topic"] == topics::SPORT_REQUEST
            && message["data"]["header"]["identity"]["api_id"] == api::STOP_MOVE
    };
    let requests = wire.sent("req").into_iter().filter(|message| !is_stop(message)).count();
    requests + wire.sent("msg").len()
}

async fn lost(wire: &Wire, link: &Link) {
    wire.cut();
    link.state().wait_for(|state| matches!(state, LinkState::BackingOff { .. })).await.unwrap();
    live(link).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_robot_is_held_nothing_walks_it_also_in_another_session() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    let held = link.held();
    link.hold(true);
    assert!(*held.borrow());
    assert_eq!(walk(&link).await, vec![Err(RequestError::Held); 6]);
    assert_eq!(walks(&wire), 0);
    lost(&wire, &link).await;
    assert_eq!(walk(&link).await, vec![Err(RequestError::Held); 6]);
    assert_eq!(walks(&wire), 0);

    link.hold(false);
    assert!(!*held.borrow());
    assert!(!walk(&link).await.contains(&Err(RequestError::Held)));
    assert_eq!(walks(&wire), 9, "each way is a way again");
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn stops_zeros_and_damp_reach_a_robot_that_is_held() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    link.hold(true);
    for api in [VelocityApi::Sport, VelocityApi::Avoidance, VelocityApi::Sticks] {
        link.drive(VelocityCommand { velocity: Velocity::ZERO, api });
        settle().await;
    }
    for api_id in [api::STOP_MOVE, api::DAMP, api::STAND_DOWN] {
        let asked = link.request(Request::sport(api_id).with_priority(), LIMIT).await;
        assert_eq!(asked, Err(RequestError::Timeout(LIMIT)), "this robot never answers");
    }
    let ends = Request { parameter: r#"{"data":false}"#.to_owned(), ..Request::sport(2056) };
    assert_eq!(link.request(ends, LIMIT).await, Err(RequestError::Timeout(LIMIT)));
    let sent: Vec<_> = wire.requests().into_iter().map(|(api_id, _)| api_id).collect();
    let avoid = api::obstacles_avoid::MOVE;
    let expected = [api::MOVE, avoid, api::STOP_MOVE, api::DAMP, api::STAND_DOWN, 2056];
    assert_eq!(sent, expected);
    assert_eq!(wire.sent("msg").len(), 1, "sticks at rest");
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_counts_for_what_was_given_before_it_and_a_release_for_what_comes_after() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    // What is taken up first of several things that wait is left to chance.
    for _ in 0..20 {
        link.drive(forward(0.5));
        link.hold(true);
        settle().await;
        link.drive(forward(0.5));
        let stop = link.submit(Request::sport(api::STOP_MOVE).with_priority(), LIMIT);
        settle().await;
        assert_eq!(walks(&wire), 0);
        drop(stop);
        link.drive(Velocity::ZERO);
        link.hold(false);
        settle().await;
        wire.0.sent.lock().unwrap().clear();
        link.hold(true);
        link.hold(false);
        link.drive(forward(0.5));
        settle().await;
        assert_eq!(walks(&wire), 1);
        wire.0.sent.lock().unwrap().clear();
    }
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_submitted_first_goes_out_first_whoever_waits_for_it() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    let urgent = |api_id| link.submit(Request::sport(api_id).with_priority(), LIMIT);
    let (stop, then) = (urgent(api::STOP_MOVE), urgent(2056));
    settle().await;
    let sent: Vec<_> = wire.requests().into_iter().map(|(api_id, _)| api_id).collect();
    assert_eq!(sent, [api::STOP_MOVE, 2056]);
    assert_eq!(then.await, Err(RequestError::Timeout(LIMIT)));
    assert_eq!(stop.await, Err(RequestError::Timeout(LIMIT)));
    link.close().await;
}
