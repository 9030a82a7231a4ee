//! Stops and the hold: each answers only when the robot is seen to stand.

use std::time::Duration;

use futures::StreamExt as _;
use go2_link::codec::Response;
use go2_link::session::RequestError;
use r2r::std_srvs::srv::SetBool;
use r2r::QosProfile;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{outcome, respond, unanswered, Robot};
use crate::motion::{fresh, Order, Rest, Stopped, Stopper};

/// From the answer to StopMove until the robot has to be seen at rest: from 1.1 m/s real ones take 0.7 s.
const REST_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn serve(
    node: &mut r2r::Node,
    tasks: &mut JoinSet<()>,
    robot: &Robot,
) -> r2r::Result<()> {
    let qos = QosProfile::services_default();
    let mut calls = node.create_service::<SetBool::Service>("~/hold", qos)?;
    let robot = robot.clone();
    tasks.spawn(async move {
        while let Some(call) = calls.next().await {
            let result = robot.hold(call.message.data).await;
            let success = result.is_ok();
            let message = result.unwrap_or_else(|reason| reason);
            respond(call, SetBool::Response { success, message });
        }
    });
    Ok(())
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

    /// Holds the robot until it is released by the same: nobody walks it meanwhile. The hold counts when this is called, and
    /// whatever comes of the stop.
    pub(crate) fn hold(
        &self,
        held: bool,
    ) -> impl std::future::Future<Output = Result<String, String>> + Send + 'static {
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
