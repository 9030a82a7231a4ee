//! Stops and the hold: each answers only when the robot is seen to stand.

use std::future::Future;
use std::time::Duration;

use go2_proto::codec::Response;
use go2_proto::session::RequestError;
use tokio::sync::oneshot;

use super::servers::Servers;
use super::{outcome, unanswered, Robot};
use crate::motion::{fresh, Order, Rest, Stopped, Stopper};

/// From the answer to StopMove until the robot has to be seen at rest: from 1.1 m/s real ones take 0.7 s.
const REST_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn serve(servers: &mut Servers<'_>, robot: &Robot) -> r2r::Result<()> {
    let robot = robot.clone();
    servers.switch("~/hold", move |held| robot.hold(held), || {})
}

impl Robot {
    /// Explicit zeros and StopMove, whatever is commanded, and but for a pause the end of modes that walk by themselves; success
    /// only where the robot is seen to stand after that.
    pub(crate) async fn stop(&self, by: Stopper) -> Result<Response, String> {
        self.newest.tell("a stop");
        let answer = self.order(|reply| Order::Stop(by, reply)).await;
        let response = answer.map_err(|error| unanswered(&error))?;
        if response.code == 0 && by != Stopper::Pause {
            self.comes_to_rest().await?;
        }
        Ok(response)
    }

    /// Sends the stop once more, for who calls while one waits for the robot to stand.
    pub(super) fn stop_again(&self) {
        let _ = self.motion.try_send(Order::Stop(Stopper::Other, oneshot::channel().0));
        // one is under way
    }

    /// Holds the robot until it is released by the same: nobody walks it meanwhile. The hold counts when this is called, and
    /// whatever comes of the stop.
    pub(crate) fn hold(
        &self,
        held: bool,
    ) -> impl Future<Output = Result<String, String>> + Send + 'static {
        let changes = *self.link.held().borrow() != held;
        self.link.hold(held);
        if changes && held {
            tracing::info!("the robot is held: nobody walks it before ~/hold is called with false");
        } else if changes {
            tracing::info!("the robot is released: whoever drives may walk it after letting go");
        }
        let robot = self.clone();
        async move {
            if !held {
                let released = robot.order(|reply| Order::Hold(false, reply)).await;
                return outcome(released);
            }
            robot.newest.tell("a hold");
            let answer = robot.order(|reply| Order::Hold(true, reply)).await;
            if let Err(error @ (RequestError::NotLive | RequestError::Recording)) = answer {
                return Ok(format!("the robot is held; {error}"));
            }
            let but = |reason| format!("the robot is held, but: {reason}");
            outcome(answer).map_err(but)?;
            robot.comes_to_rest().await.map(|()| String::new()).map_err(but)
        }
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<Stopped>) -> Order) -> Stopped {
        let (reply, stopped) = oneshot::channel();
        let sent = self.motion.send(order(reply)).await;
        sent.map_err(|_| RequestError::NotLive)?;
        stopped.await.unwrap_or(Err(RequestError::Lost))
    }

    /// Waits until the robot is seen to stand; in words why it is not.
    async fn comes_to_rest(&self) -> Result<(), String> {
        let (mut doing, mut rest) = (self.shared.doing(), Rest::default());
        let seen = async {
            while doing.changed().await.is_ok() {
                let latest = *doing.borrow_and_update();
                if latest.is_some_and(|latest| rest.hear(&latest)) {
                    return true;
                }
            }
            false
        };
        if tokio::time::timeout(REST_WITHIN, seen).await == Ok(true) {
            return Ok(());
        }
        let seconds = REST_WITHIN.as_secs();
        let measured = fresh(*self.shared.doing().borrow()).and_then(|doing| doing.measured);
        Err(match measured {
            Some(it) => format!(
                "still moving: call ~/damp if it is safe (it says {:.2} m/s and {:.2} rad/s {seconds} s after StopMove)",
                it.speed, it.turning
            ),
            None => format!(
                "not seen to stand: the robot does not tell how fast it is {seconds} s after StopMove. If it is still moving, call \
                 ~/damp if it is safe"
            ),
        })
    }
}
