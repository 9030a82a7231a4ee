//! Whose commands the robot's obstacle avoidance takes: this node's, or those of the hand-held remote.
//!
//! While it takes this node's, the remote may be dead: it is given back as soon as the robot stands.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use go2_client::session::LinkHandle;
use go2_proto::codec::{api, topics, Request};
use go2_proto::session::RequestError;
use go2_proto::throttle::Throttle;

/// After a refusal the robot is left alone for this long.
const AGAIN: Duration = Duration::from_secs(2);
/// For about 10 s after power-on the service answers nothing. A session that is younger may be of such a robot; it is asked
/// again every second. An answer to an earlier question still counts: over a bad network it may take longer than that.
const STARTS: Duration = Duration::from_secs(12);
const ASK_EVERY: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Robot,
    Us,
}

/// Why the robot does not do it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it does not answer; its firmware may not have this service")]
    Silent,
    #[error("{0}")]
    Other(String),
}

/// The answer to a request for the commands.
type Answer = BoxFuture<'static, Result<(), Refusal>>;

/// A request that the robot has not answered yet.
struct Asking {
    owner: Owner,
    answer: Answer,
    /// When it is asked once more, if it is.
    again: Option<Instant>,
}

/// What has become of a request.
enum Settled {
    Answered(Result<(), Refusal>),
    /// It is time to ask once more.
    Slow,
    /// One that was asked before was answered.
    Earlier(Result<(), Refusal>),
}

/// Asks for the commands and gives them back.
pub(super) struct Remote {
    link: LinkHandle,
    owner: Owner,
    /// Whether the robot may take this node's commands although nothing is known of it: a request was not answered, or the
    /// session ended meanwhile.
    doubtful: bool,
    /// Whether what is being asked for is to be given back as soon as it is here, and how long that may take.
    unwanted: Option<Duration>,
    asking: Option<Asking>,
    /// Requests for the commands that were followed by another one before they were answered.
    earlier: FuturesUnordered<Answer>,
    not_before: Option<Instant>,
    refused: Throttle,
    waits: Throttle,
}

impl Remote {
    pub(super) fn new(link: LinkHandle) -> Self {
        let refused = Throttle::new(LOG_EVERY);
        let waits = Throttle::new(LOG_EVERY);
        Self {
            link,
            owner: Owner::Robot,
            doubtful: false,
            unwanted: None,
            asking: None,
            earlier: FuturesUnordered::new(),
            not_before: None,
            refused,
            waits,
        }
    }

    /// Whether the avoidance takes this node's commands.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == Owner::Us && self.asking.is_none()
    }

    /// Whether nothing is left to give back.
    pub(super) fn is_free(&self) -> bool {
        self.owner == Owner::Robot && !self.doubtful && self.asking.is_none()
    }

    /// Whether the robot may have been turned on so lately that its avoidance does not answer yet.
    pub(super) fn may_be_starting(&self) -> bool {
        self.link.session_age().is_some_and(|age| age < STARTS)
    }

    /// Tells that nothing moves before the robot has said whether its avoidance is on.
    pub(super) fn wait(&mut self, now: Instant) {
        if let Some(more) = self.waits.allow(now) {
            tracing::warn!(
                "cmd_vel waits: the robot has not said yet whether its obstacle avoidance is on; nothing moves meanwhile. \
                 Set command_path to move to walk without it{more}"
            );
        }
    }

    /// Asks for the commands, unless that is under way or was refused just now.
    pub(super) fn take(&mut self, timeout: Duration, now: Instant) {
        self.unwanted = None;
        if self.owner == Owner::Robot && self.not_before.is_none_or(|at| now >= at) {
            let again = self.may_be_starting().then(|| now + ASK_EVERY.min(timeout));
            self.ask(Owner::Us, timeout, again);
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
        // What they are answered with is void once this is asked.
        self.earlier.clear();
        if self.asks_for_us() {
            self.unwanted = Some(timeout);
        } else if self.owner == Owner::Us || self.doubtful {
            self.ask(Owner::Robot, timeout, None);
        }
    }

    /// The session is over. Whether the robot forgets with it whose commands count is not known.
    pub(super) fn forget(&mut self) {
        self.doubtful |= self.owner == Owner::Us || self.asks_for_us();
        (self.owner, self.asking, self.not_before) = (Owner::Robot, None, None);
        self.earlier.clear();
        self.unwanted = None;
    }

    fn asks_for_us(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.owner == Owner::Us)
    }

    fn ask(&mut self, owner: Owner, timeout: Duration, again: Option<Instant>) {
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
                Ok(response) => {
                    let words = format!("status {}: {}", response.code, response.meaning());
                    Err(Refusal::Other(words))
                }
                Err(RequestError::Lost | RequestError::NotLive) => Ok(()), // forgotten with the session
                Err(RequestError::Timeout(_)) if ours => Err(Refusal::Silent),
                Err(error) => Err(Refusal::Other(error.to_string())),
            }
        };
        self.asking = Some(Asking { owner, answer: answer.boxed(), again });
    }

    /// Waits for the robot's answer, if there is one to come.
    pub(super) async fn settled(&mut self) {
        let Self { asking, earlier, .. } = self;
        let settled = tokio::select! {
            Some(answer) = earlier.next() => Settled::Earlier(answer),
            settled = next_of(asking) => settled,
        };
        match settled {
            Settled::Answered(answer) => {
                if let Some(Asking { owner, .. }) = self.asking.take() {
                    self.answered(owner, answer);
                }
            }
            Settled::Slow => {
                let slow = self.asking.take();
                self.earlier.extend(slow.map(|asking| asking.answer));
                self.answered(Owner::Us, Err(Refusal::Silent));
                if let Some(timeout) = self.unwanted.take() {
                    self.give_back(timeout);
                }
            }
            Settled::Earlier(Ok(())) => {
                let newer = self.asking.take_if(|asking| asking.owner == Owner::Us);
                self.earlier.extend(newer.map(|asking| asking.answer));
                self.answered(Owner::Us, Ok(()));
            }
            // The newest one tells.
            Settled::Earlier(Err(_)) => {}
        }
    }

    fn answered(&mut self, owner: Owner, answer: Result<(), Refusal>) {
        let now = Instant::now();
        match (owner, answer) {
            (owner, Ok(())) => {
                (self.owner, self.doubtful) = (owner, false);
                if let Some(timeout) = self.unwanted.take() {
                    self.give_back(timeout);
                }
            }
            (Owner::Us, Err(Refusal::Silent)) if self.may_be_starting() => {
                self.doubtful = true;
                self.not_before = Some(now);
                if let Some(more) = self.waits.allow(now) {
                    tracing::warn!(
                        "cmd_vel waits: the robot's obstacle avoidance is on and starting, which takes about 10 s after \
                         power-on. It is asked again every second, and nothing moves meanwhile{more}"
                    );
                }
            }
            (Owner::Us, Err(reason)) => {
                self.doubtful |= matches!(reason, Refusal::Silent);
                self.not_before = Some(now + AGAIN);
                if let Some(more) = self.refused.allow(now) {
                    tracing::warn!(
                        "cmd_vel is ignored: the robot's obstacle avoidance does not take commands ({reason}). Set \
                         command_path to move to walk without it{more}"
                    );
                }
            }
            (Owner::Robot, Err(reason)) => {
                // There is no use in asking for ever.
                (self.owner, self.doubtful) = (Owner::Robot, false);
                tracing::warn!(
                    "the robot's obstacle avoidance did not confirm that it listens to the remote again ({reason}). If the \
                     remote is dead, turn obstacle_avoidance off and on"
                );
            }
        }
    }
}

/// What becomes of a request.
async fn next_of(asking: &mut Option<Asking>) -> Settled {
    match asking {
        None => std::future::pending().await,
        Some(Asking { answer, again, .. }) => tokio::select! {
            answer = answer => Settled::Answered(answer),
            () = super::until(*again) => Settled::Slow,
        },
    }
}
