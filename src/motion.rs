//! `cmd_vel` to the robot: the task that owns the governor.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, Stream, StreamExt as _};
use go2_link::codec::{api, Request, Response};
use go2_link::session::{LinkHandle, LinkState, RequestError, Velocity};
use go2_link::throttle::Throttle;
use r2r::geometry_msgs::msg::{Twist, TwistStamped};
use r2r::QosProfile;
use tokio::sync::{mpsc, oneshot, watch};

use crate::params::Settings;
use crate::safety::{Action, Governor, Limits};

/// Commands as they come from ROS.
pub(crate) type Commands = Pin<Box<dyn Stream<Item = Velocity> + Send>>;

/// The outcome of a StopMove.
pub(crate) type Stopped = Result<Response, RequestError>;

/// Who waits for the outcome of a StopMove.
type Waiting = Vec<oneshot::Sender<Stopped>>;

/// Something to do for a service or at shutdown.
pub(crate) enum Order {
    /// Stop now, and until whoever drives lets go; the answer to StopMove goes back.
    Stop(oneshot::Sender<Stopped>),
    /// Somebody walks the robot by other means than `cmd_vel`: stop it when nothing more is heard of that.
    Watch,
    /// Send nothing more: the robot is being made limp.
    FallSilent,
    /// The robot is limp: there is nothing left to stop.
    Limp,
    /// Stop if walking, then end.
    Shutdown,
}

/// How long a StopMove may take at shutdown.
const LAST_STOP: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Subscribes to `cmd_vel`, stamped or not.
pub(crate) fn subscribe(node: &mut r2r::Node, stamped: bool) -> r2r::Result<Commands> {
    let qos = QosProfile::default().keep_last(1);
    let velocity =
        |twist: Twist| Velocity { x: twist.linear.x, y: twist.linear.y, yaw: twist.angular.z };
    Ok(if stamped {
        let stream = node.subscribe::<TwistStamped>("cmd_vel", qos)?;
        Box::pin(stream.map(move |message| velocity(message.twist)))
    } else {
        Box::pin(node.subscribe::<Twist>("cmd_vel", qos)?.map(velocity))
    })
}

/// The task.
pub(crate) struct Motion {
    link: LinkHandle,
    settings: watch::Receiver<Arc<Settings>>,
    governor: Governor,
    /// Told to walk, and no StopMove was acknowledged since.
    unsettled: bool,
    /// StopMoves that the robot has not answered yet.
    stops: FuturesUnordered<BoxFuture<'static, (Stopped, Waiting)>>,
    /// Who waits for the next StopMove.
    waiting: Waiting,
    ignored: Throttle,
}

impl Motion {
    pub(crate) fn new(link: LinkHandle, settings: watch::Receiver<Arc<Settings>>) -> Self {
        let governor = Governor::new(limits(&settings.borrow()));
        Self {
            link,
            settings,
            governor,
            unsettled: false,
            stops: FuturesUnordered::new(),
            waiting: Vec::new(),
            ignored: Throttle::new(LOG_EVERY),
        }
    }

    /// Runs until told to end.
    pub(crate) async fn run(mut self, mut commands: Commands, mut orders: mpsc::Receiver<Order>) {
        let mut state = self.link.state();
        loop {
            self.act();
            let due = self.governor.poll_timeout();
            tokio::select! {
                Some(command) = commands.next() => {
                    self.command(newest(command, &mut commands));
                }
                order = orders.recv() => match order {
                    Some(Order::Stop(reply)) => {
                        self.waiting.push(reply);
                        self.governor.stop_and_hold(Instant::now());
                    }
                    Some(Order::Watch) => {
                        self.unsettled = true;
                        self.governor.watch(Instant::now());
                    }
                    Some(Order::FallSilent) => {
                        self.governor.fall_silent(Instant::now());
                        self.waiting.clear(); // there will be no StopMove to wait for
                    }
                    Some(Order::Limp) => self.unsettled = false,
                    Some(Order::Shutdown) | None => break,
                },
                Some((stopped, waiting)) = self.stops.next() => self.stopped(&stopped, waiting),
                Ok(()) = state.changed() => {
                    let live = *state.borrow_and_update() == LinkState::Live;
                    if live && self.unsettled {
                        tracing::warn!("the connection was lost while walking: stopping the robot");
                        self.governor.stop(Instant::now());
                    }
                }
                Ok(()) = self.settings.changed() => {
                    let limits = limits(&self.settings.borrow_and_update());
                    self.governor.set_limits(limits);
                }
                () = until(due) => {}
            }
        }
        self.shut_down().await;
    }

    fn command(&mut self, velocity: Velocity) {
        let reason = if *self.link.state().borrow() == LinkState::Live {
            match self.governor.command(velocity, Instant::now()) {
                Ok(()) => return,
                Err(ignored) => ignored.to_string(),
            }
        } else {
            "not connected to the robot".to_owned()
        };
        if let Some(more) = self.ignored.allow(Instant::now()) {
            tracing::warn!("cmd_vel is ignored: {reason}{more}");
        }
    }

    /// Sends what is due.
    fn act(&mut self) {
        while let Some(action) = self.governor.poll(Instant::now()) {
            match action {
                Action::Drive(velocity) => {
                    self.unsettled |= velocity != Velocity::ZERO;
                    self.link.drive(velocity);
                }
                Action::StopMove => {
                    let link = self.link.clone();
                    let timeout = self.settings.borrow().request_timeout;
                    let request = Request::sport(api::STOP_MOVE).with_priority();
                    let waiting = std::mem::take(&mut self.waiting);
                    self.stops.push(Box::pin(async move {
                        (link.request(request, timeout).await, waiting)
                    }));
                }
            }
        }
    }

    fn stopped(&mut self, stopped: &Stopped, waiting: Waiting) {
        match stopped {
            Ok(response) if response.code == 0 => self.unsettled = self.governor.is_walking(),
            Ok(response) => {
                tracing::warn!("StopMove: status {}, {}", response.code, response.meaning());
            }
            Err(error) => tracing::warn!("StopMove: {error}"),
        }
        for reply in waiting {
            let _ = reply.send(stopped.clone());
        }
    }

    /// The robot must not walk on when this program is gone.
    async fn shut_down(mut self) {
        if !(self.unsettled || self.governor.is_active() || !self.stops.is_empty()) {
            return;
        }
        self.governor.stop(Instant::now());
        let stop = async {
            self.act();
            while let Some(due) = self.governor.poll_timeout() {
                tokio::time::sleep_until(due.into()).await;
                self.act();
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

/// r2r's queue drops the newest when it is full: take all that is in it and keep the last.
fn newest(first: Velocity, commands: &mut Commands) -> Velocity {
    let mut newest = first;
    while let Some(Some(newer)) = commands.next().now_or_never() {
        newest = newer;
    }
    newest
}

fn limits(settings: &Settings) -> Limits {
    Limits { fastest: settings.limits, stale_after: settings.cmd_vel_timeout }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
