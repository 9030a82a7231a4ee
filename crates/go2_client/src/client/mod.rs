//! What an application holds: one robot, its data, and a way to walk it that stops by itself.
//!
//! [`connect`] starts a thread that carries the session and decides about walking, so that nothing the application does keeps a
//! stop from going out.

mod drive;
mod error;
mod options;
mod status;
mod subscription;
mod velocity;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use go2_proto::codec::{api, Request, Response};
use go2_proto::session::Received;
use go2_proto::state::{SportModeState, State};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use error::{CallError, NotFollowed, VelocityInUse};
pub use options::Options;
pub use status::Status;
pub use subscription::{Sample, Subscription, VideoStream};
pub use velocity::VelocityHandle;

use crate::error_code::no_hints;
use crate::session::{DisconnectReason, LinkBuilder, LinkHandle, LinkState, SessionEnd};
use crate::thread::RuntimeThread;
use crate::transport::{ConnectError, Connector};
use drive::{Drive, Order};
use error::answered;

/// How long a client that is dropped waits for the stop, and for the session's end to reach the robot.
const LAST: Duration = Duration::from_secs(6);

/// A session with a robot, made anew whenever it breaks.
///
/// Dropping it stops the robot, if it was walked from here, and ends the session, so that an early `?` or a panic leaves neither a
/// robot that walks on nor one that is busy. That blocks for some milliseconds, or for up to six seconds where the robot is not
/// reached; [`close`](Self::close) does the same without blocking. Of `SIGKILL`, a power cut or [`std::process::exit`] the robot
/// learns nothing: whether it stops by itself then must not be relied on.
pub struct Client {
    link: LinkHandle,
    status: watch::Receiver<Status>,
    orders: mpsc::UnboundedSender<Order>,
    velocity_in_use: Arc<AtomicBool>,
    viewing: Mutex<Weak<subscription::Viewing>>,
    timeout: Duration,
    /// Locked so that clients can be shared.
    end: Mutex<Option<End>>,
}

/// How a client is ended.
struct End {
    begin: oneshot::Sender<()>,
    done: std::sync::mpsc::Receiver<()>,
    thread: RuntimeThread,
}

impl End {
    /// Waits until the robot was stopped and the session is over, or for [`LAST`].
    fn wait(self) {
        let _ = self.begin.send(());
        let _ = self.done.recv_timeout(LAST);
        let _ = self.thread.stop().wait(Duration::from_millis(100));
    }
}

/// Connects to a robot over WebRTC.
///
/// Tries until the first failure, unless [`Options::keep_trying`] is set. After that the client reconnects by itself for as long as
/// it lives; [`Client::status`] tells.
///
/// # Errors
/// [`DisconnectReason`], which says what was seen and what to do. Its
/// [`code`](DisconnectReason::code) is that of the section in docs/troubleshooting.md.
#[cfg(feature = "webrtc")]
pub async fn connect(options: impl Into<Options>) -> Result<Client, DisconnectReason> {
    let options = options.into();
    let mut connector = crate::transport::webrtc::WebRtcConnector::new(options.target());
    connector.ice.clone_from(&options.ice);
    Client::start(connector, options).await
}

impl Client {
    /// Connects by a connector of the application's: to a recording, or by another transport.
    ///
    /// # Errors
    /// As [`connect`].
    pub async fn start(
        connector: impl Connector,
        options: impl Into<Options>,
    ) -> Result<Self, DisconnectReason> {
        let options = options.into();
        let thread = RuntimeThread::start("go2_client").map_err(engine)?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (begin, begun) = oneshot::channel();
        let (done, finished) = std::sync::mpsc::sync_channel(1);
        let (started, starting) = oneshot::channel();
        let (limits, timing, timeout) = (options.limits, options.timing, options.request_timeout);
        thread.spawn(async move {
            let mut builder = LinkBuilder::default().timing(timing).hints(no_hints);
            // Always: it comes 20 times a second, so that a robot that is silent is known to be.
            let moves = builder.subscribe(SportModeState::TOPIC, subscription::QUEUE);
            let link = builder.start(connector);
            let (status_tx, status) = watch::channel(Status::of(&link));
            let watching = tokio::spawn(status::follow(link.handle(), status_tx));
            let mut drive =
                tokio::spawn(Drive::new(link.handle(), limits, timeout).run(inbox, moves));
            let _ = started.send((link.handle(), status)); // whoever asked may be gone: then this ends at once
                                                           // It ends by its orders, or with the client; a walk is stopped before the session ends.
            let ended = tokio::select! {
                ended = &mut drive => ended,
                _ = begun => drive.await,
            };
            if ended.is_err() {
                drive::stop_without(&link).await;
            }
            link.close().await;
            watching.abort();
            drop(done);
        });
        let (link, status) = starting.await.map_err(engine)?;
        let end = End { begin, done: finished, thread };
        let velocity_in_use = Arc::default();
        let viewing = Mutex::default();
        let end = Mutex::new(Some(end));
        let client = Self { link, status, orders, velocity_in_use, viewing, timeout, end };
        match client.first_session(options.keep_trying).await {
            Ok(()) => Ok(client),
            Err(reason) => {
                client.close().await;
                Err(reason)
            }
        }
    }

    async fn first_session(&self, keep_trying: bool) -> Result<(), DisconnectReason> {
        let mut state = self.link.state();
        loop {
            match &*state.borrow_and_update() {
                state if state.in_session() => return Ok(()),
                LinkState::BackingOff { reason, .. } if !keep_trying => return Err(reason.clone()),
                LinkState::Stopped { reason } => return Err(reason.clone()),
                LinkState::Closed => return Err(SessionEnd::Closed.into()),
                _ => {}
            }
            if state.changed().await.is_err() {
                return Err(SessionEnd::Failed.into());
            }
        }
    }

    /// Where the connection stands, what the robot reports, and what has come so far; changes are seen at once.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Subscribes to a state, from now on and in every session to come, until the subscription is dropped.
    pub fn subscribe<S: State>(&self) -> Subscription<S> {
        Subscription::new(&self.link)
    }

    /// The frames of the front camera, undecoded. The robot's video is on while such a stream exists.
    pub fn video(&self) -> VideoStream {
        VideoStream::new(&self.link, &self.viewing)
    }

    /// Turns the LiDAR on or off, and keeps it so: robots forget it. Its voxel maps come on
    /// [`topics::VOXEL_MAP`](go2_proto::codec::topics::VOXEL_MAP), see [`subscribe_raw`](Self::subscribe_raw).
    pub fn set_lidar(&self, on: bool) {
        self.link.set_lidar(on);
    }

    /// The messages of any topic, as they are.
    pub fn subscribe_raw(&self, topic: &str) -> crate::session::TopicReceiver {
        self.link.subscribe(topic, subscription::QUEUE)
    }

    /// Everything that the robot sends, undecoded: for gateways. The queue drops the oldest and says how many.
    pub fn raw_messages(&self) -> broadcast::Receiver<Received> {
        self.link.hear()
    }

    /// Makes a request and waits for the robot's answer.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the robot's status where that is not 0, otherwise why there is no answer.
    pub async fn call(&self, request: Request) -> Result<Response, CallError> {
        answered(self.link.request(request, self.timeout).await)
    }

    /// Has it stand, its joints locked. After that it takes some seconds before it can be made ready to walk.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn stand_up(&self) -> Result<(), CallError> {
        self.sport(api::STAND_UP).await
    }

    /// Makes it ready to walk.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn balance_stand(&self) -> Result<(), CallError> {
        self.sport(api::BALANCE_STAND).await
    }

    /// Has it lie down.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn stand_down(&self) -> Result<(), CallError> {
        self.sport(api::STAND_DOWN).await
    }

    async fn sport(&self, api_id: i64) -> Result<(), CallError> {
        self.call(Request::sport(api_id)).await.map(drop)
    }

    /// The velocity of the robot, which at most one handle commands at a time.
    ///
    /// # Errors
    /// [`VelocityInUse`] where there is a handle already.
    pub fn velocity(&self) -> Result<VelocityHandle, VelocityInUse> {
        if self.velocity_in_use.swap(true, Ordering::AcqRel) {
            return Err(VelocityInUse);
        }
        Ok(VelocityHandle::new(self.orders.clone(), Arc::clone(&self.velocity_in_use)))
    }

    /// What is beneath, for what this type does not have.
    pub fn link(&self) -> &LinkHandle {
        &self.link
    }

    /// Stops the robot, if it was walked from here, and ends the session, so that the robot is free for the next client.
    pub async fn close(mut self) {
        if let Some(end) = self.end.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.orders.send(Order::End);
            let _ = tokio::task::spawn_blocking(|| end.wait()).await;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(end) = self.end.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.orders.send(Order::End);
            end.wait();
        }
    }
}

fn engine(error: impl std::fmt::Display) -> DisconnectReason {
    ConnectError::Engine(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_handles_go_to_any_thread() {
        fn is_shared<T: Send + Sync>() {}
        fn is_sent<T: Send>() {}
        is_shared::<Client>();
        is_shared::<VelocityHandle>();
        is_sent::<Subscription<go2_proto::state::LowState>>();
        is_sent::<VideoStream>();
    }
}
