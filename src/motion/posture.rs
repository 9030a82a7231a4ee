//! Whether the robot can walk as it stands, and bringing it there.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::FutureExt as _;
use go2_link::codec::{api, Request};
use go2_link::session::LinkHandle;
use go2_link::state::Activity;

/// What the robot was last heard to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing {
    /// As far as it matters for walking.
    pub(crate) activity: Option<Activity>,
    /// The lasting action that it is in, by its name.
    pub(crate) lasting: Option<&'static str>,
    /// The number by which firmware since 1.1.7 says what it does.
    pub(crate) code: Option<i64>,
    /// When.
    pub(crate) at: Instant,
}

/// What was heard longer ago says nothing about now.
const FRESH: Duration = Duration::from_secs(2);
/// Between two attempts to bring the robot to its feet; each takes it two or three seconds.
const AGAIN: Duration = Duration::from_secs(4);

/// The latest, if it still says anything.
pub(crate) fn fresh(doing: Option<Doing>) -> Option<Doing> {
    doing.filter(|doing| doing.at.elapsed() < FRESH)
}

/// Whether the robot walks if it is told to.
pub(super) enum Ready {
    Walks,
    /// Not yet: it is being brought to its feet.
    Rises,
    /// No; in words, what somebody has to do.
    Lacks(String),
}

/// Tells of a robot that does not walk in its posture, and makes it stand where that is wished.
pub(super) struct Readiness {
    link: LinkHandle,
    /// The posture that was told of.
    told: Option<Activity>,
    asked: Option<Instant>,
    asking: Option<BoxFuture<'static, Result<(), String>>>,
}

impl Readiness {
    pub(super) fn new(link: LinkHandle) -> Self {
        Self { link, told: None, asked: None, asking: None }
    }

    /// To be called when the robot is to walk. Where nothing is known of its posture, it does.
    pub(super) fn check(
        &mut self,
        activity: Option<Activity>,
        stand: bool,
        timeout: Duration,
        now: Instant,
    ) -> Ready {
        let (posture, way_out, api_id) = match activity {
            Some(Activity::Lying) => {
                ("lies", "call ~/stand_up, then ~/balance_stand", api::RECOVERY_STAND)
            }
            Some(Activity::Locked) => {
                ("stands with locked joints", "call ~/balance_stand", api::BALANCE_STAND)
            }
            Some(Activity::Sitting) => ("sits", "call ~/rise_sit", api::RISE_SIT),
            Some(Activity::Damped) => ("is limp", "call ~/recovery_stand", 0),
            Some(Activity::Walkable) => {
                self.told = None;
                return Ready::Walks;
            }
            Some(Activity::Other) | None => return Ready::Walks,
        };
        let raised = stand && api_id != 0;
        let end = if raised { "it is made to stand" } else { way_out };
        let reason = format!("the robot {posture} and does not walk like this: {end}");
        if self.told.replace(activity.unwrap_or(Activity::Other)) != activity {
            tracing::warn!("cmd_vel: {reason}");
        }
        if raised && self.asked.is_none_or(|asked| now >= asked + AGAIN) {
            self.asked = Some(now);
            self.ask(Request::sport(api_id), timeout);
        }
        if raised {
            Ready::Rises
        } else {
            Ready::Lacks(reason)
        }
    }

    fn ask(&mut self, request: Request, timeout: Duration) {
        let link = self.link.clone();
        let answer = async move {
            match link.request(request, timeout).await {
                Ok(response) if response.code == 0 => Ok(()),
                Ok(response) => Err(crate::services::refusal(&response)),
                Err(error) => Err(error.to_string()),
            }
        };
        self.asking = Some(answer.boxed());
    }

    /// Waits for the robot's answer, if there is one to come.
    pub(super) async fn settled(&mut self) {
        let Some(answer) = &mut self.asking else { return std::future::pending().await };
        let answer = answer.await;
        self.asking = None;
        if let Err(reason) = answer {
            tracing::warn!("cmd_vel: the robot does not stand up: {reason}");
        }
    }
}
