//! Whose commands the robot's obstacle avoidance takes: this node's, or those of the hand-held remote.
//!
//! While it takes this node's, the remote may be dead: it is given back as soon as the robot stands.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::FutureExt as _;
use go2_link::codec::{api, topics, Request};
use go2_link::session::{LinkHandle, RequestError};
use go2_link::throttle::Throttle;

/// After a refusal the robot is left alone for this long.
const AGAIN: Duration = Duration::from_secs(2);
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Robot,
    Us,
}

/// Asks for the commands and gives them back, one request at a time.
pub(super) struct Remote {
    link: LinkHandle,
    owner: Owner,
    asking: Option<(Owner, BoxFuture<'static, Result<(), String>>)>,
    not_before: Option<Instant>,
    refused: Throttle,
}

impl Remote {
    pub(super) fn new(link: LinkHandle) -> Self {
        let refused = Throttle::new(LOG_EVERY);
        Self { link, owner: Owner::Robot, asking: None, not_before: None, refused }
    }

    /// Whether the avoidance takes this node's commands.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == Owner::Us && self.asking.is_none()
    }

    /// Whether nothing is left to give back.
    pub(super) fn is_free(&self) -> bool {
        self.owner == Owner::Robot && self.asking.is_none()
    }

    /// Asks for the commands, unless that is under way or was refused just now.
    pub(super) fn take(&mut self, timeout: Duration, now: Instant) {
        if self.owner == Owner::Robot && self.not_before.is_none_or(|at| now >= at) {
            self.ask(Owner::Us, timeout);
        }
    }

    /// Somebody else on this side has taken the commands, and walks the robot by them.
    pub(super) fn is_taken(&mut self) {
        if self.asking.is_none() {
            self.owner = Owner::Us;
        }
    }

    /// Gives the commands back, if they are here.
    pub(super) fn give_back(&mut self, timeout: Duration) {
        if self.owner == Owner::Us {
            self.ask(Owner::Robot, timeout);
        }
    }

    /// The session is over, and whose commands count with it.
    pub(super) fn forget(&mut self) {
        (self.owner, self.asking, self.not_before) = (Owner::Robot, None, None);
    }

    fn ask(&mut self, owner: Owner, timeout: Duration) {
        if self.asking.is_some() {
            return;
        }
        let link = self.link.clone();
        let ours = owner == Owner::Us;
        let request = Request {
            topic: topics::OBSTACLES_AVOID_REQUEST.to_owned(),
            parameter: format!("{{\"is_remote_commands_from_api\":{ours}}}"),
            // On the way out it must not wait behind anything.
            priority: !ours,
            ..Request::sport(api::obstacles_avoid::TAKE_COMMANDS)
        };
        let answer = async move {
            match link.request(request, timeout).await {
                Ok(response) if response.code == 0 => Ok(()),
                Ok(response) => Err(format!("status {}: {}", response.code, response.meaning())),
                Err(RequestError::Lost | RequestError::NotLive) => Ok(()), // forgotten with the session
                Err(error) => Err(error.to_string()),
            }
        };
        self.asking = Some((owner, answer.boxed()));
    }

    /// Waits for the robot's answer, if there is one to come.
    pub(super) async fn settled(&mut self) {
        let Some((owner, answer)) = &mut self.asking else {
            return std::future::pending().await;
        };
        let (owner, answer) = (*owner, answer.await);
        self.asking = None;
        match (owner, answer) {
            (owner, Ok(())) => self.owner = owner,
            (Owner::Us, Err(reason)) => {
                let now = Instant::now();
                self.not_before = Some(now + AGAIN);
                if let Some(more) = self.refused.allow(now) {
                    tracing::warn!(
                        "cmd_vel is ignored: the robot's obstacle avoidance does not take commands ({reason}). Set \
                         command_path to move to walk without it{more}"
                    );
                }
            }
            (Owner::Robot, Err(reason)) => {
                self.owner = Owner::Robot; // there is no use in asking for ever
                tracing::warn!(
                    "the robot's obstacle avoidance did not confirm that it listens to the remote again ({reason}). If the \
                     remote is dead, turn obstacle_avoidance off and on"
                );
            }
        }
    }
}
