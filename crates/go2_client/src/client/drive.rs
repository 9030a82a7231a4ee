//! The task that owns the governor.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::StreamExt as _;
use go2_proto::codec::{api, Request, Response};
use go2_proto::motion::{Action, Governor, Limits, Measured, PauseDetector, Velocity};
use go2_proto::session::{Message, RequestError};
use go2_proto::state::{SportModeState, State as _};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::error::NotFollowed;
use crate::clocks::clocks;
use crate::session::LinkHandle;

/// How long the last StopMove may take: SCTP repeats what a hole in the network has swallowed 1 and 3 s after it began.
const LAST_STOP: Duration = Duration::from_secs(4);

type Stopped = Result<Response, RequestError>;

/// Something to do.
pub(super) enum Order {
    /// Walk like this; why not, if so.
    Velocity(Velocity, oneshot::Sender<Result<(), NotFollowed>>),
    /// Stop, and tell what the robot has answered.
    Stop(Option<oneshot::Sender<Stopped>>),
    /// Stop if walking, then end.
    End,
}

pub(super) struct Drive {
    link: LinkHandle,
    governor: Governor,
    pauses: PauseDetector,
    timeout: Duration,
    /// Told to walk, and no StopMove was acknowledged since.
    unsettled: bool,
    waiting: Vec<oneshot::Sender<Stopped>>,
    /// StopMoves that the robot has not answered yet, and who waits for that.
    stops: FuturesUnordered<BoxFuture<'static, (Stopped, Vec<oneshot::Sender<Stopped>>)>>,
}

impl Drive {
    pub(super) fn new(link: LinkHandle, limits: Limits, timeout: Duration) -> Self {
        Self {
            link,
            governor: Governor::new(limits),
            pauses: PauseDetector::default(),
            timeout,
            unsettled: false,
            waiting: Vec::new(),
            stops: FuturesUnordered::new(),
        }
    }

    /// Runs until told to end, or until the client is gone.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut moves: broadcast::Receiver<Message>,
    ) {
        let (mut session, mut hears) = (self.link.session(), self.link.hears());
        loop {
            if self.pauses.read(clocks()).is_some() {
                self.interrupted();
            }
            self.act(self.timeout);
            let due = self.governor.poll_timeout();
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Velocity(velocity, reply)) => {
                        let _ = reply.send(self.follow(velocity));
                    }
                    Some(Order::Stop(reply)) => self.stop(reply),
                    Some(Order::End) | None => break,
                },
                Some((stopped, waiting)) = self.stops.next() => self.stopped(&stopped, waiting),
                Ok(()) = session.changed() => {
                    session.borrow_and_update();
                    if self.unsettled {
                        self.interrupted();
                    }
                }
                Ok(()) = hears.changed() => {
                    if !*hears.borrow_and_update() && self.governor.is_walking() {
                        self.interrupted();
                    }
                }
                Ok(message) = moves.recv() => self.measure(&message),
                () = until(due) => {}
                () = tokio::time::sleep(PauseDetector::INTERVAL) => {}
            }
        }
        self.end().await;
    }

    /// Takes how the robot says that it moves.
    fn measure(&mut self, message: &Message) {
        let Ok(state) = SportModeState::decode(&message.data) else { return };
        if let (Some([x, y, _]), Some(turning)) = (state.velocity, state.yaw_speed) {
            let measured = Measured { speed: x.hypot(y), turning: turning.abs() };
            self.governor.measure(measured, Instant::now());
        }
    }

    fn follow(&mut self, velocity: Velocity) -> Result<(), NotFollowed> {
        let now = Instant::now();
        self.governor.admit(velocity, now)?;
        if velocity != Velocity::ZERO && !*self.link.hears().borrow() {
            return Err(RequestError::NotLive.into());
        }
        self.governor.follow(velocity, now);
        Ok(())
    }

    fn stop(&mut self, reply: Option<oneshot::Sender<Stopped>>) {
        if reply.is_none() && !self.unsettled && !self.governor.is_active() {
            return; // there is nothing to stop
        }
        self.waiting.extend(reply);
        self.governor.stop(Instant::now());
    }

    /// What was commanded is old: whoever drives has to let go first.
    fn interrupted(&mut self) {
        let now = Instant::now();
        match self.unsettled || self.governor.is_active() {
            true => self.governor.stop_and_hold(now),
            false => self.governor.hold(now),
        }
    }

    fn act(&mut self, timeout: Duration) {
        while let Some(action) = self.governor.poll(Instant::now()) {
            match action {
                Action::Drive(velocity) => {
                    self.unsettled |= velocity != Velocity::ZERO;
                    self.link.drive(velocity);
                    self.governor.sent(velocity, Instant::now());
                }
                Action::StopMove => {
                    let waiting = std::mem::take(&mut self.waiting);
                    let request = Request::sport(api::STOP_MOVE).with_priority();
                    let answer = self.link.submit(request, timeout);
                    self.stops.push(Box::pin(async move { (answer.await, waiting) }));
                }
            }
        }
    }

    fn stopped(&mut self, stopped: &Stopped, waiting: Vec<oneshot::Sender<Stopped>>) {
        match stopped {
            Ok(response) if response.code == 0 => self.unsettled = self.governor.is_walking(),
            Ok(response) => tracing::warn!("StopMove: status {}", response.code),
            Err(error) => tracing::warn!("StopMove: {error}"),
        }
        for reply in waiting {
            let _ = reply.send(stopped.clone());
        }
    }

    /// The robot must not walk on when this program is gone.
    async fn end(&mut self) {
        if !self.unsettled && !self.governor.is_active() && self.stops.is_empty() {
            return;
        }
        self.governor.stop(Instant::now());
        let stop = async {
            self.act(LAST_STOP);
            while let Some(due) = self.governor.poll_timeout() {
                tokio::time::sleep_until(due.into()).await;
                self.act(LAST_STOP);
            }
            while let Some((stopped, waiting)) = self.stops.next().await {
                self.stopped(&stopped, waiting);
            }
        };
        if tokio::time::timeout(LAST_STOP, stop).await.is_err() {
            tracing::warn!("the robot did not acknowledge the last StopMove");
        }
    }
}

/// Stops the robot where the task has failed. Only the newest velocity waits on the link, so each zero is given time to go out.
pub(super) async fn stop_without(link: &LinkHandle) {
    for _ in 0..4 {
        link.drive(Velocity::ZERO);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request = Request::sport(api::STOP_MOVE).with_priority();
    if link.in_session() && link.request(request, LAST_STOP).await.is_err() {
        tracing::warn!("the robot did not acknowledge the last StopMove");
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
