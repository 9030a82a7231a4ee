//! What a real robot's services do beside their task: refusals of the first seconds, answers that take their time. Pure.

use std::time::{Duration, Instant};

use go2_proto::codec::api;
use go2_proto::commands::{action, Action, Api, Kind, Space, ACTIONS};

use super::{Reply, Service, ServiceOptions};
use crate::body::{Body, Posture};
use crate::messages::mode_code;
use crate::profile::ServiceFacts;

/// Not while moving or just connected.
const NOT_NOW: Reply = Reply::code(401_001);
/// Mode code of a robot that balances.
const BALANCING: i64 = 1013;
/// Charge in percent below which motion is refused.
const LOW_CHARGE: u32 = 20;

/// The habits of one robot.
pub(super) struct Habits {
    facts: ServiceFacts,
    not_ready_for: Duration,
    avoidance_starts: Duration,
    /// When the robot was turned on, and when its client has connected.
    on_since: Instant,
    connected: Instant,
}

impl Habits {
    pub(super) fn new(facts: ServiceFacts, options: &ServiceOptions, now: Instant) -> Self {
        Self {
            facts,
            not_ready_for: options.not_ready_for(),
            avoidance_starts: options.avoidance_starts(),
            on_since: now,
            connected: now,
        }
    }

    /// A client has connected.
    pub(super) fn connect(&mut self, now: Instant) {
        self.connected = now;
    }

    /// Whether a service has not started yet.
    pub(super) fn is_starting(&self, service: Service, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.on_since);
        service == Service::ObstaclesAvoid && age < self.avoidance_starts
    }

    /// The answer to a request that the service does nothing about.
    pub(super) fn refuse(
        &self,
        service: Service,
        space: Space,
        api_id: i64,
        body: &Body,
        now: Instant,
    ) -> Option<Reply> {
        let tired = self.facts.tired_does_not_walk && body.charge() < LOW_CHARGE;
        match (service, api_id) {
            (Service::ObstaclesAvoid, api::obstacles_avoid::MOVE) => {
                let foreign = self.facts.avoidance_wants_taking && !body.takes_commands();
                foreign.then_some(Reply::INTERNAL).or(tired.then_some(Reply::WRONG_POSTURE))
            }
            (Service::Sport, api_id) => self.refuse_motion(space, api_id, body, tired, now),
            _ => None,
        }
    }

    fn refuse_motion(
        &self,
        space: Space,
        api_id: i64,
        body: &Body,
        tired: bool,
        now: Instant,
    ) -> Option<Reply> {
        let age = now.saturating_duration_since(self.connected);
        match api_id {
            api::DAMP | api::RECOVERY_STAND => return None,
            // Answered and not heeded: only its own id ends what lasts.
            api::STOP_MOVE => {
                let lasts = body.doing().and_then(|(name, _)| action(name));
                let lasts = lasts.is_some_and(|a| a.kind == Kind::Lasting && a.name != "pose");
                return (lasts && self.facts.lasting_outlives_stop).then_some(Reply::OK);
            }
            _ => {}
        }
        let early = space == Space::Mcf && age < self.not_ready_for;
        if early && mode_code(body) == BALANCING {
            return Some(Reply::NOT_IMPLEMENTED);
        }
        if api_id == api::MOVE && tired {
            return Some(Reply::WRONG_POSTURE);
        }
        let is_pose = find(space, api_id).is_some_and(|action| action.name == "pose");
        let not_now = |after| age < after || body.posture() == Posture::Walking;
        (is_pose && self.facts.no_pose_for.is_some_and(not_now)).then_some(NOT_NOW)
    }

    /// An answer when it comes: some only when the action is done.
    pub(super) fn time(&self, service: Service, space: Space, api_id: i64, reply: Reply) -> Reply {
        let action = find(space, api_id).filter(|_| service == Service::Sport && reply.code == 0);
        let takes = |action: &Action| {
            let of = |(name, _): &&(&str, Duration)| *name == action.name;
            self.facts.answers_after.iter().find(of).map_or(Duration::ZERO, |(_, after)| *after)
        };
        let after = action.map_or(Duration::ZERO, takes);
        Reply { after: reply.after.max(after), ..reply }
    }
}

fn find(space: Space, api_id: i64) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.api(space).map(Api::id) == Some(api_id))
}
