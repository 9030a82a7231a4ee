//! The velocity of the robot, as an application commands it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use go2_proto::motion::Velocity;
use go2_proto::session::RequestError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::drive::Order;
use super::error::{answered, CallError, NotFollowed};

/// Between two commands of [`VelocityHandle::drive_for`].
const EVERY: Duration = Duration::from_millis(100);

/// Commands the robot's velocity. Dropping it stops the robot.
///
/// A command counts for 0.3 s ([`Options::limits`](super::Options::limits)); when no other comes, zeros and StopMove follow, whatever
/// the thread of the application does. The same happens where nothing is heard of the robot for half a second, and after a
/// connection that was lost comes back.
pub struct VelocityHandle {
    orders: mpsc::UnboundedSender<Order>,
    in_use: Arc<AtomicBool>,
}

impl VelocityHandle {
    pub(super) fn new(orders: mpsc::UnboundedSender<Order>, in_use: Arc<AtomicBool>) -> Self {
        Self { orders, in_use }
    }

    /// Commands a velocity, which counts until it is stale.
    ///
    /// # Errors
    /// [`NotFollowed`] where nothing is sent.
    pub async fn set(&mut self, velocity: Velocity) -> Result<(), NotFollowed> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Velocity(velocity, reply)); // fails where the client is closed
        answer.await.unwrap_or(Err(RequestError::NotLive.into()))
    }

    /// Commands a velocity again and again for so long, and then zero.
    ///
    /// # Errors
    /// [`NotFollowed`] as soon as nothing is sent any more; the robot is stopped then.
    pub async fn drive_for(
        &mut self,
        velocity: Velocity,
        duration: Duration,
    ) -> Result<(), NotFollowed> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.set(velocity).await?;
            tokio::time::sleep_until(end.min(Instant::now() + EVERY)).await;
        }
        self.set(Velocity::ZERO).await
    }

    /// Sends zeros and StopMove, and waits for the robot's answer to that.
    ///
    /// # Errors
    /// [`CallError`] where the robot does not confirm it.
    pub async fn stop(&mut self) -> Result<(), CallError> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Stop(Some(reply)));
        answered(answer.await.unwrap_or(Err(RequestError::NotLive))).map(drop)
    }
}

impl Drop for VelocityHandle {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop(None));
        self.in_use.store(false, Ordering::Release);
    }
}
