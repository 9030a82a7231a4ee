//! One service for each action of [`go2_proto::commands::ACTIONS`].

use std::time::{Duration, Instant};

use go2_proto::codec::{api, Request};
use go2_proto::commands::{Action, Danger, Kind, MotionMode, Travel, ACTIONS};
use go2_proto::session::RequestError;

use super::again::{self, Wish, NOT_YET};
use super::servers::Servers;
use super::{outcome, unanswered, Robot};
use crate::motion::{fresh, Stopper, STAND_UP_HINT};

/// How long an action waits for the motion mode to be known. It is asked for when a session begins.
const MODE_WAIT: Duration = Duration::from_secs(1);
/// What robots are in that cannot tell: those of before the service that tells.
const MODE_UNTOLD: &str = "normal";
/// Rage mode takes so long to begin; only then does it listen to sticks.
const RAGE_BEGINS: Duration = Duration::from_secs(2);

pub(super) fn serve(servers: &mut Servers<'_>, robot: &Robot) -> r2r::Result<()> {
    for action in ACTIONS {
        let name = format!("~/{}", action.name);
        let asked = robot.clone();
        let act = move |on| {
            let robot = asked.clone();
            async move { robot.act(action, on).await }
        };
        // What is asked for again and again until the robot is ready is called off by the next call.
        let again = robot.clone();
        let newer = move || {
            drop(again.newest.tell("a newer action"));
            if action.name == "stop" {
                again.stop_again();
            }
        };
        match action.kind {
            Kind::Once => servers.trigger(&name, move || act(true), newer)?,
            Kind::Lasting => servers.switch(&name, act, newer)?,
        }
    }
    Ok(())
}

/// An action whose answer does not come.
fn unfinished(action: &Action, limit: Duration) -> String {
    let words = RequestError::Timeout(limit).to_string();
    if action.takes.is_zero() {
        return words;
    }
    let first = words.split(';').next().unwrap_or_default();
    format!("{first}: it may still be doing it, or its firmware may not have this service")
}

impl Robot {
    /// Has the robot do it; returns a remark, or why it does not.
    async fn act(&self, action: &'static Action, on: bool) -> Result<String, String> {
        match action.name {
            "stop" => {
                let response = self.stop(Stopper::Other).await?;
                let remark = outcome(Ok(response))?;
                return Ok(self.lasting().map_or(remark, |lasting| {
                    format!("the robot is still in {lasting}, which a stop does not end: call ~/{lasting} with false")
                }));
            }
            "damp" => return outcome(self.damp().await),
            _ => {}
        }
        if action.danger == Danger::Acrobatic && on && !self.settings.borrow().allow_acrobatics {
            return Err(format!(
                "{} is acrobatic: clear the floor, then set the parameter allow_acrobatics",
                action.name
            ));
        }
        // Asked in more than one request some would begin before they are refused.
        if on && action.travel != Travel::Stays && *self.link.held().borrow() {
            return Err(unanswered(&RequestError::Held));
        }
        let mut wish = self.newest.tell("a newer action");
        let mode = tokio::select! {
            biased;
            void = wish.void() => return Err(format!("not done: {void} came first")),
            mode = self.motion_mode() => mode?,
        };
        let request = action.request(&mode, on).map_err(|unavailable| unavailable.to_string())?;
        if action.name == "rage_mode" && on {
            return self.rage(request).await;
        }
        let remark = self.carry_out(action, request, wish).await?;
        Ok(if action.name == "stand_up" { STAND_UP_HINT.to_owned() } else { remark })
    }

    /// Asks for an action until the robot is ready for it, while nothing newer comes.
    async fn carry_out(
        &self,
        action: &Action,
        request: Request,
        mut wish: Wish,
    ) -> Result<String, String> {
        // It may be answered only when it is done.
        let timeout = self.settings.borrow().request_timeout + action.takes;
        let mut session = self.link.session();
        session.borrow_and_update();
        let mut answer = self.send(request.clone(), timeout).await;
        loop {
            let response = match answer {
                Ok(response) if self.is_early(&response) => response,
                Err(RequestError::Timeout(limit)) => return Err(unfinished(action, limit)),
                answer => return outcome(answer),
            };
            if !again::may_repeat(action) {
                let code = response.code;
                return Err(format!(
                    "the robot answers status {code}: {NOT_YET}. It is not asked again for what is acrobatic: call it later"
                ));
            }
            tracing::info!("{}: {NOT_YET}; it is asked again in a second", action.name);
            let again = async {
                tokio::time::sleep(again::PAUSE).await;
                self.send(request.clone(), timeout).await
            };
            let void = tokio::select! {
                biased;
                what = wish.void() => what,
                _ = session.changed() => "the end of the session",
                next = again => {
                    answer = next;
                    continue;
                }
            };
            return Err(format!(
                "not done: {NOT_YET} (status {}), and after {void} it is not asked again",
                response.code
            ));
        }
    }

    /// The robot has to stand, and listens to nothing but sticks afterwards.
    async fn rage(&self, request: Request) -> Result<String, String> {
        outcome(self.request(Request::sport(api::BALANCE_STAND)).await)?;
        outcome(self.request(request).await)?;
        tokio::time::sleep(RAGE_BEGINS).await;
        self.switch("switch_joystick", true).await.map(|()| String::new())
    }

    /// The robot's motion mode. It is known from a moment after the beginning of a session on.
    async fn motion_mode(&self) -> Result<MotionMode, String> {
        let mut known = self.mode.clone();
        let since = Instant::now();
        loop {
            if !self.link.in_session() {
                return Err(RequestError::NotLive.to_string());
            }
            if let Some(mode) = known.borrow_and_update().clone() {
                return Ok(mode);
            }
            let left = MODE_WAIT.saturating_sub(since.elapsed());
            match tokio::time::timeout(left, known.changed()).await {
                Ok(Ok(())) => {}
                _ => return Ok(MotionMode::new(MODE_UNTOLD)),
            }
        }
    }

    /// The lasting action that the robot was last heard to be in.
    fn lasting(&self) -> Option<&'static str> {
        fresh(*self.shared.doing().borrow())?.lasting
    }
}
