//! sport: the table of actions and the settings of the sport service, as requests ask for them.

use std::time::Instant;

use go2_proto::codec::{api, topics};
use go2_proto::commands::{Action, Api, Space, ACTIONS};

use super::{numbers, read, Reply, Settings};
use crate::body::{Body, Source};

pub(crate) fn execute(
    settings: &mut Settings,
    body: &mut Body,
    space: Space,
    api_id: i64,
    parameter: &str,
    now: Instant,
) -> Reply {
    body.step(now);
    if let Some((action, api)) = find(space, api_id) {
        let Some(on) = is_on(api, parameter) else { return Reply::BAD_PARAMETER };
        return match body.act(action, api, on) {
            Ok(()) => Reply::OK,
            Err(_) => Reply::WRONG_POSTURE,
        };
    }
    match api_id {
        api::MOVE => match numbers(&read(parameter), ["x", "y", "z"]) {
            Some(velocity) => {
                body.walk(Source::Sport, velocity, now);
                Reply::OK
            }
            None => Reply::BAD_PARAMETER,
        },
        api::EULER => match numbers(&read(parameter), ["x", "y", "z"]) {
            Some(attitude) if Body::can_tilt(attitude) => {
                body.tilt(attitude);
                Reply::OK
            }
            _ => Reply::BAD_PARAMETER,
        },
        _ => {
            let reply = settings.execute(topics::SPORT_REQUEST, space, api_id, parameter);
            body.set_height_offset(settings.number("body_height"));
            reply.unwrap_or(Reply::NOT_IMPLEMENTED)
        }
    }
}

fn find(space: Space, api_id: i64) -> Option<(&'static Action, Api)> {
    let here = |action: &'static Action| action.api(space).map(|api| (action, api));
    ACTIONS.iter().filter_map(here).find(|(_, api)| api.id() == api_id)
}

/// Whether an action is to begin or to end; `None` if the parameter does not say what it has to.
fn is_on(api: Api, parameter: &str) -> Option<bool> {
    let flag = || read(parameter)["data"].as_bool();
    match api {
        Api::Plain(_) | Api::OnOnly(_) => Some(true),
        Api::True(_) => flag().filter(|on| *on),
        Api::Flag(_) => flag(),
    }
}

/// The status of one request to a robot with firmware since 1.1.7.
#[cfg(test)]
pub(crate) fn ask(body: &mut Body, api_id: i64, parameter: &str, now: Instant) -> i64 {
    execute(&mut Settings::default(), body, Space::Mcf, api_id, parameter, now).code
}
