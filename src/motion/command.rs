//! What becomes of each velocity that is commanded, and of walking when the robot does something else.

use std::time::Instant;

use go2_proto::commands::action;
use go2_proto::motion::Velocity;
use go2_proto::session::RequestError;

use super::readiness::{Change, Doing, Ready, Verdict};
use super::{Command, Motion, GATEWAY};
use go2_proto::motion::{Ignored, News, ATTEMPT};

impl Motion {
    /// Takes up a velocity, or logs and says why it is ignored.
    pub(super) fn command(
        &mut self,
        Command { velocity, age }: Command,
        source: &str,
    ) -> Result<(), String> {
        self.notice_pause();
        let now = Instant::now();
        let moves = velocity != Velocity::ZERO;
        let limit = self.settings.borrow().cmd_vel_timeout.as_secs_f64();
        let reason = if self.helm.taken && source != GATEWAY {
            "a viewer of the gateway drives the robot".to_owned()
        } else if moves && age > limit {
            format!("its stamp is {age:.1} s old; if it comes from another computer, set both clocks right")
        } else if moves && -age > limit {
            let ahead = -age;
            format!(
                "its stamp is {ahead:.1} s ahead of this computer's clock; set both clocks right"
            )
        } else if let Err(ignored) = self.governor.admit(velocity, now) {
            match ignored {
                Ignored::Latched => format!("{ignored}: release ~/hold"),
                ignored => ignored.to_string(),
            }
        } else if let Some(reason) = self.unreachable(moves) {
            if moves {
                self.governor.withhold(now);
            }
            reason
        } else if !moves {
            self.governor.follow(velocity, now); // a stop waits for nothing
            return Ok(());
        } else {
            return self.drive_if_ready(velocity, now);
        };
        if let Some(more) = self.ignored.allow(now) {
            tracing::warn!("{source} is ignored: {reason}{more}");
        }
        Err(reason)
    }

    /// Why nothing reaches the robot, if that is so.
    fn unreachable(&self, moves: bool) -> Option<String> {
        if self.settings.borrow().replay.is_some() {
            Some(RequestError::Recording.to_string())
        } else if !self.link.in_session() {
            Some("not connected to the robot".to_owned())
        } else if moves && !*self.link.hears().borrow() {
            Some("nothing is heard of the robot".to_owned())
        } else {
            None
        }
    }

    fn drive_if_ready(&mut self, velocity: Velocity, now: Instant) -> Result<(), String> {
        let stand = self.settings.borrow().auto_balance_stand;
        let Verdict { ready, tell } = self.readiness.check(stand, self.governor.episode(), now);
        if let Some(words) = tell {
            tracing::warn!("cmd_vel: {words}");
        }
        if matches!(ready, Ready::Walks | Ready::Lacks(_)) {
            self.newest.tell("a velocity");
        }
        match ready {
            Ready::Walks => {
                self.governor.follow(velocity, now);
                Ok(())
            }
            // It goes to the robot all the same, which knows better.
            Ready::Lacks(what) => {
                self.governor.follow(velocity, now);
                Err(what)
            }
            Ready::Waits(why) => {
                self.governor.withhold(now);
                Err(why)
            }
            Ready::Rises(name) => {
                self.governor.withhold(now);
                if let Some(action) = action(name) {
                    let timeout = self.settings.borrow().request_timeout;
                    self.raising.ask(action, timeout);
                    self.readiness.asked(action, now);
                }
                Ok(())
            }
        }
    }

    /// The robot says what it does.
    pub(super) fn hear(&mut self, doing: Doing) {
        if let Some(measured) = doing.measured {
            self.governor.measure(measured, doing.at);
        }
        let rested = self.readiness.is_at_rest();
        let change = self.readiness.heard(doing);
        if matches!(change, Some(Change::Hold | Change::Limp)) {
            self.newest.tell("a hold: the robot went down");
        }
        self.changed(change);
        if !rested && self.readiness.is_at_rest() && !self.governor.is_active() {
            self.unsettled = false; // as it is now, it does not walk
        }
    }

    /// The robot does something else than walk, or is about to.
    pub(super) fn changed(&mut self, change: Option<Change>) {
        let now = Instant::now();
        match change {
            None => return,
            Some(Change::Pause) => return self.governor.yield_to_action(now),
            Some(Change::Hold) => self.governor.yield_and_hold(now),
            Some(Change::Limp) => {
                self.governor.fall_silent(now);
                self.waiting.clear(); // there will be no StopMove to wait for
            }
        }
        self.remote.give_back(self.settings.borrow().request_timeout);
    }

    /// Tells whether velocities take effect, where that has changed.
    pub(super) fn tell_news(&mut self) {
        match self.governor.take_news() {
            None => {}
            Some(News::NotFollowed(passed)) => tracing::warn!(
                "the robot does not move yet: it has not followed velocities for {:.1} s. For 4 to 10 s after ~/stand_up, for \
                 10 s after connecting, with a low battery and before a wall that it avoids this is so; until it moves it is sent slow ones",
                passed.as_secs_f64()
            ),
            Some(News::FollowedAfter { passed, sent }) => tracing::warn!(
                "velocities were not followed for {:.1} s: the robot goes on {}, and gains at most 0.5 m/s each second",
                passed.as_secs_f64(),
                if sent {
                    let [linear, angular] = ATTEMPT;
                    format!("with what it was sent last, {linear} m/s and {angular} rad/s at most")
                } else {
                    "from standing".to_owned()
                }
            ),
        }
    }
}
