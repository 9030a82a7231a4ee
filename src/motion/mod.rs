//! `cmd_vel` and `cmd_pose` to the robot: the task that owns the governor.

mod command; // what becomes of each velocity
mod modes; // those that walk by themselves, which a stop has to end
mod pose; // attitudes of the standing body
mod posture; // bringing it to its feet
mod readiness; // whether it can walk as it is
mod remote; // whose commands the obstacle avoidance takes
mod rest; // whether it is seen to stand still
mod silence; // how long the robot has not been heard
mod stopping; // stops that somebody orders, and the hold

pub(crate) use modes::{Answer, Asked};
pub(crate) use pose::subscribe as subscribe_pose;
pub(crate) use readiness::{fresh, Doing, STAND_UP_HINT};
pub(crate) use rest::Rest;
pub(crate) use stopping::Stopper;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::StreamExt as _;
use go2_client::clocks::clocks;
use go2_client::failpoint::failpoint;
use go2_client::session::LinkHandle;
use go2_proto::codec::{api, Request, Response};
use go2_proto::motion::{Action, Governor, Limits, PauseDetector};
use go2_proto::motion::{Velocity, VelocityApi, VelocityCommand};
use go2_proto::session::RequestError;
use go2_proto::throttle::Throttle;
use r2r::geometry_msgs::msg::{Twist, TwistStamped};
use r2r::QosProfile;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::RosClock;
use crate::gateway::{Heeded, Helm, Steering};
use crate::intake::Intake;
use crate::params::{CommandPath, Settings};
use crate::services::again::Newest;
use modes::Modes;
use pose::{Attitudes, Posing};
use posture::Raising;
use readiness::Readiness;
use remote::Remote;
use silence::Silence;

/// A velocity as it comes from ROS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command {
    velocity: Velocity,
    /// Seconds that it was old by its stamp when it was taken up, less than nothing for one to come; nothing without a stamp.
    age: f64,
}

/// Commands as they come from ROS.
pub(crate) type Commands = watch::Receiver<Option<Command>>;

/// The outcome of a StopMove.
pub(crate) type Stopped = Result<Response, RequestError>;

/// Who waits for the outcome of a StopMove.
type Waiting = Vec<oneshot::Sender<Stopped>>;

/// Something to do for a service or at shutdown.
pub(crate) enum Order {
    /// Stop now; the answer to StopMove goes back.
    Stop(Stopper, oneshot::Sender<Stopped>),
    /// Hold the robot, which stops it, or release it. The answer to StopMove goes back, or success where there is nothing to
    /// stop.
    Hold(bool, oneshot::Sender<Stopped>),
    /// Somebody walks the robot this way, but not by `cmd_vel`: stop it when nothing more is heard of that.
    Watch(VelocityApi),
    /// The robot is about to be told something else than to walk.
    Asked(Asked),
    /// What has become of that.
    Answered(Asked, Answer),
    /// Send nothing more: the robot is being made limp.
    FallSilent,
    /// The robot is limp: there is nothing left to stop.
    Limp,
    /// Stop if walking, then end.
    Shutdown,
}

/// How long a StopMove may take at shutdown.
pub(crate) const LAST_STOP: Duration = Duration::from_secs(1);
/// What velocities of viewers are called.
const GATEWAY: &str = "what the gateway's viewer commands";
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Subscribes to `cmd_vel`, stamped or not.
pub(crate) fn subscribe(
    node: &mut r2r::Node,
    intake: &mut Intake,
    stamped: bool,
    clock: RosClock,
) -> r2r::Result<Commands> {
    // Reliable publishers are heard as well, and a velocity that was lost is not worth having later.
    let qos = QosProfile::default().keep_last(1).best_effort();
    let velocity =
        |twist: Twist| Velocity { x: twist.linear.x, y: twist.linear.y, yaw: twist.angular.z };
    if stamped {
        intake.newest(node, "cmd_vel", qos, move |message: TwistStamped| {
            let stamp = message.header.stamp;
            let unset = stamp.sec == 0 && stamp.nanosec == 0;
            let age = if unset { 0.0 } else { clock.age(&stamp) };
            Command { velocity: velocity(message.twist), age }
        })
    } else {
        let take = move |twist| Command { velocity: velocity(twist), age: 0.0 };
        intake.newest::<Twist, _>(node, "cmd_vel", qos, take)
    }
}

/// What comes from ROS.
pub(crate) struct Inputs {
    pub(crate) velocities: Commands,
    pub(crate) attitudes: Attitudes,
    pub(crate) orders: mpsc::Receiver<Order>,
    /// Viewers of the gateway.
    pub(crate) steering: Steering,
}

/// What is heard of the robot.
pub(crate) struct Heard {
    pub(crate) doing: watch::Receiver<Option<Doing>>,
    /// Whether it avoids obstacles, once that is known for certain in a session.
    pub(crate) avoidance: watch::Receiver<Option<bool>>,
}

/// The task.
pub(crate) struct Motion {
    link: LinkHandle,
    settings: watch::Receiver<Arc<Settings>>,
    heard: Heard,
    governor: Governor,
    remote: Remote,
    readiness: Readiness,
    raising: Raising,
    posing: Posing,
    /// The way that the last velocity went.
    path: VelocityApi,
    /// Told to walk, and no StopMove was acknowledged since.
    unsettled: bool,
    /// StopMoves that the robot has not answered yet.
    stops: FuturesUnordered<BoxFuture<'static, (Stopped, Waiting)>>,
    /// Who waits for the next StopMove.
    waiting: Waiting,
    /// The modes that a stop has to end.
    modes: Modes,
    /// Whether the next StopMove belongs to a stop that somebody has ordered, which ends these.
    ends_modes: bool,
    /// Ends of modes that the robot has not answered yet.
    ends: FuturesUnordered<BoxFuture<'static, (&'static str, Stopped)>>,
    /// When the robot last answered that it has ended one.
    ended_at: Option<Instant>,
    rest: Rest,
    /// Whether the robot was last seen at rest.
    rests: bool,
    walks_held: Throttle,
    ignored: Throttle,
    silent: Throttle,
    silence: Silence,
    pauses: PauseDetector,
    /// What viewers of the gateway do.
    helm: Helm,
    /// What makes void the actions that are to be asked for again.
    newest: Newest,
}

impl Motion {
    pub(crate) fn new(
        link: LinkHandle,
        settings: watch::Receiver<Arc<Settings>>,
        heard: Heard,
        newest: Newest,
    ) -> Self {
        let governor = Governor::new(limits(&settings.borrow()));
        Self {
            remote: Remote::new(link.clone()),
            readiness: Readiness::default(),
            raising: Raising::new(link.clone()),
            posing: Posing::new(link.clone()),
            link,
            settings,
            heard,
            governor,
            path: VelocityApi::default(),
            unsettled: false,
            stops: FuturesUnordered::new(),
            waiting: Vec::new(),
            modes: Modes::default(),
            ends_modes: false,
            ends: FuturesUnordered::new(),
            ended_at: None,
            rest: Rest::default(),
            rests: false,
            walks_held: Throttle::new(LOG_EVERY),
            ignored: Throttle::new(LOG_EVERY),
            silent: Throttle::new(LOG_EVERY),
            silence: Silence::default(),
            pauses: PauseDetector::default(),
            helm: Helm::default(),
            newest,
        }
    }

    /// Runs until told to end.
    pub(crate) async fn run(mut self, mut inputs: Inputs) {
        let (mut session, mut hears) = (self.link.session(), self.link.hears());
        let mut doing = self.heard.doing.clone();
        loop {
            self.notice_pause();
            self.act();
            let due =
                [self.governor.poll_timeout(), self.silence.due()].into_iter().flatten().min();
            let timeout = self.settings.borrow().request_timeout;
            tokio::select! {
                Ok(()) = inputs.velocities.changed() => {
                    if let Some(command) = *inputs.velocities.borrow_and_update() {
                        let _ = self.command(command, "cmd_vel"); // ROS has no way to tell it but the log
                    }
                }
                Ok(()) = inputs.steering.helm.changed() => {
                    let helm = *inputs.steering.helm.borrow_and_update();
                    if let Some(outcome) = self.steer(helm) {
                        let heeded = Heeded { commands: helm.commands, outcome };
                        inputs.steering.heeded.send_replace(heeded);
                    }
                }
                Ok(()) = inputs.attitudes.changed() => {
                    if let Some(attitude) = *inputs.attitudes.borrow_and_update() {
                        self.posing.command(attitude, timeout);
                    }
                }
                order = inputs.orders.recv() => match order {
                    Some(Order::Shutdown) | None => break,
                    Some(order) => self.obey(order),
                },
                Some((stopped, waiting)) = self.stops.next() => self.stopped(&stopped, waiting),
                Some((name, answer)) = self.ends.next() => self.ended(name, &answer),
                () = self.remote.settled() => {}
                (action, ok) = self.raising.settled() => {
                    self.readiness.answered(action, ok, Instant::now());
                }
                () = self.posing.settled(timeout) => {}
                Ok(()) = session.changed() => {
                    let is = session.borrow_and_update().is_some();
                    self.in_session(is);
                }
                Ok(()) = hears.changed() => self.heard(*hears.borrow_and_update()),
                Ok(()) = doing.changed() => {
                    let latest = *doing.borrow_and_update();
                    if let Some(latest) = latest {
                        self.hear(latest);
                        self.look();
                    }
                }
                Ok(()) = self.settings.changed() => {
                    let limits = limits(&self.settings.borrow_and_update());
                    self.governor.set_limits(limits);
                }
                () = until(due) => {
                    let now = Instant::now();
                    if self.silence.is_long(now) {
                        self.newest.tell("the robot's silence");
                        self.governor.hold(now);
                    }
                }
                () = tokio::time::sleep(PauseDetector::INTERVAL) => {}
            }
        }
        inputs.orders.close(); // who asks for more, learns that it is too late
        self.shut_down().await;
    }

    /// Where this process did not run for a while, whoever drives has to let go first: what it commanded before is old.
    fn notice_pause(&mut self) {
        let Some(gap) = self.pauses.read(clocks()) else { return };
        tracing::warn!(
            "this process did not run for {:.1} s: commands from before are dropped. Send zero, or nothing for a moment, before \
             the robot walks again",
            gap.as_secs_f64()
        );
        self.newest.tell("a pause of this process");
        let now = Instant::now();
        if self.unsettled || self.governor.is_active() {
            self.governor.stop_and_hold(now);
        } else {
            self.governor.hold(now);
        }
    }

    /// A session has begun, or has ended.
    fn in_session(&mut self, is: bool) {
        let now = Instant::now();
        if !is {
            self.remote.forget();
            return self.silence.ended(now);
        }
        let walks_held = self.governor.is_latched() && self.modes.has_any(None);
        self.ends_modes |= walks_held;
        if self.unsettled || walks_held {
            tracing::warn!("the connection was lost while walking: stopping the robot");
            if self.silence.has_been_long(now) {
                self.governor.stop_and_hold(now);
            } else {
                self.governor.stop(now);
            }
        }
    }

    /// The robot has fallen silent, or is heard again.
    fn heard(&mut self, hears: bool) {
        let now = Instant::now();
        if !hears && !self.link.in_session() {
            return self.silence.ended(now);
        }
        let was_held = self.silence.heard(hears, now);
        if hears && was_held && self.unsettled {
            self.newest.tell("a stop");
            // What was said into the silence may be lost or late.
            self.governor.stop_and_hold(now);
        } else if !hears && self.governor.is_walking() {
            if let Some(more) = self.silent.allow(now) {
                tracing::warn!(
                    "nothing was heard of the robot for half a second while it walks: stopping it. Until it is heard again, \
                     nothing reaches it{more}"
                );
            }
            self.newest.tell("a stop");
            self.governor.stop(now);
        }
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Stop(by, reply) => self.stop(by, reply),
            Order::Hold(held, reply) => self.hold(held, reply),
            Order::Watch(path) => {
                if !self.governor.is_walking() {
                    self.path = path;
                }
                if path == VelocityApi::Avoidance {
                    self.remote.is_taken();
                }
                self.unsettled = true;
                self.governor.watch(now);
            }
            Order::Asked(asked) => {
                self.modes.asked(asked, now);
                let change = self.readiness.asked(asked.action, now);
                self.changed(change);
            }
            Order::Answered(asked, answer) => {
                self.modes.answered(asked, answer);
                self.readiness.answered(asked.action, answer == Answer::Done, now);
            }
            Order::FallSilent => {
                self.readiness.damped();
                self.governor.fall_silent(now);
                self.ends_modes = false;
                self.waiting.clear(); // there will be no StopMove to wait for
            }
            Order::Limp => {
                self.readiness.damped();
                self.modes.forget();
                self.unsettled = false;
                self.remote.give_back(self.settings.borrow().request_timeout);
            }
            Order::Shutdown => {}
        }
    }

    /// A viewer of the gateway has taken control or given it back, or commands a velocity; what has become of that.
    fn steer(&mut self, helm: Helm) -> Option<Result<(), String>> {
        let before = std::mem::replace(&mut self.helm, helm);
        if before.taken != helm.taken {
            self.newest.tell("a change of who drives");
        }
        match (before.taken, helm.taken) {
            // The viewer has not driven yet: it has nothing to let go of.
            (false, true) => self.governor.stop(Instant::now()),
            // Nobody has looked whether ROS still wants what it has gone on to send.
            (true, false) => self.governor.stop_and_hold(Instant::now()),
            _ => {}
        }
        if helm.commands == before.commands {
            return None;
        }
        let command = Command { velocity: helm.velocity, age: 0.0 };
        Some(if helm.taken {
            self.command(command, GATEWAY)
        } else {
            Err("control was given back meanwhile".to_owned())
        })
    }

    fn doing(&self) -> Option<Doing> {
        fresh(*self.heard.doing.borrow())
    }

    /// The way that velocities go now; `None` while it is not known which is the right one.
    fn choose(&self) -> Option<VelocityApi> {
        let settings = self.settings.borrow();
        Some(match settings.command_path {
            CommandPath::Move => VelocityApi::Sport,
            CommandPath::Avoid => VelocityApi::Avoidance,
            CommandPath::Sticks => VelocityApi::Sticks,
            CommandPath::Auto => {
                // In rage mode nothing else is listened to.
                if self.doing().is_some_and(|doing| doing.lasting == Some("rage_mode")) {
                    VelocityApi::Sticks
                } else {
                    let wished = || settings.obstacle_avoidance.unwrap_or(false);
                    // A Move goes past an avoidance that is on.
                    match *self.heard.avoidance.borrow() {
                        None if self.remote.may_be_starting() => return None,
                        avoids if avoids.unwrap_or_else(wished) => VelocityApi::Avoidance,
                        _ => VelocityApi::Sport,
                    }
                }
            }
        })
    }

    /// Sends what is due.
    fn act(&mut self) {
        failpoint("governor");
        while let Some(action) = self.governor.poll(Instant::now()) {
            match action {
                Action::Drive(velocity) => self.drive(velocity),
                Action::StopMove => {
                    let timeout = self.settings.borrow().request_timeout;
                    let request = Request::sport(api::STOP_MOVE).with_priority();
                    let waiting = std::mem::take(&mut self.waiting);
                    let answer = self.link.submit(request, timeout);
                    self.stops.push(Box::pin(async move { (answer.await, waiting) }));
                    if std::mem::take(&mut self.ends_modes) {
                        self.end_modes();
                    }
                    self.remote.give_back(timeout);
                }
            }
        }
    }

    fn drive(&mut self, velocity: Velocity) {
        let (now, timeout) = (Instant::now(), self.settings.borrow().request_timeout);
        let still = velocity == Velocity::ZERO;
        let path = match (still, self.unsettled.then_some(self.path).or_else(|| self.choose())) {
            // A robot that walks is stopped the way that it was driven, as far as that is still open.
            (true, Some(VelocityApi::Avoidance) | None) if !self.remote.is_ours() => {
                VelocityApi::Sport
            }
            (true, path) => path.unwrap_or_default(),
            (false, _) => match self.choose() {
                Some(path) => path,
                None => {
                    self.governor.withhold(now);
                    return self.remote.wait(now);
                }
            },
        };
        if path != self.path && self.unsettled {
            // Only the newest velocity waits on the link: the zero goes alone, and the governor repeats what is wanted.
            self.link.drive(VelocityCommand { velocity: Velocity::ZERO, api: self.path });
            self.path = path;
            return;
        }
        if path == VelocityApi::Avoidance && !self.remote.is_ours() {
            // What is sent before the robot has agreed would be lost; the governor repeats itself.
            self.remote.take(timeout, now);
            self.governor.withhold(now);
            return;
        }
        if path != VelocityApi::Avoidance {
            self.remote.give_back(timeout);
        }
        self.path = path;
        self.unsettled |= !still;
        if !still {
            self.modes.walks();
        }
        let wanted = velocity;
        let velocity = match path {
            VelocityApi::Sticks => self.settings.borrow().deflection(velocity),
            VelocityApi::Sport | VelocityApi::Avoidance => velocity,
        };
        self.link.drive(VelocityCommand { velocity, api: path });
        self.governor.sent(wanted, now);
        self.tell_news();
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
        self.newest.tell("the end of the node");
        let told = self.told_mode();
        let walks = self.unsettled || self.modes.has_any(told);
        let stopped = !walks && !self.governor.is_active() && self.stops.is_empty();
        if stopped && self.remote.is_free() {
            return;
        }
        if stopped {
            self.remote.give_back(LAST_STOP); // and no more than that: the robot may be limp
        } else {
            if let Some(lasting) = told.filter(|_| !self.modes.has_any(told)) {
                tracing::warn!("the robot stays in {lasting}, which a stop does not end");
            }
            self.ends_modes = true;
            self.governor.stop(Instant::now());
        }
        let by = Instant::now() + LAST_STOP;
        let stop = async {
            self.act();
            while let Some(due) = self.governor.poll_timeout() {
                tokio::time::sleep_until(due.into()).await;
                self.act();
            }
            while let Some((stopped, waiting)) = self.stops.next().await {
                self.stopped(&stopped, waiting);
            }
            while !self.remote.is_free() {
                self.remote.settled().await;
                self.remote.give_back(LAST_STOP);
            }
        };
        if tokio::time::timeout(LAST_STOP, stop).await.is_err() {
            tracing::warn!("the robot did not acknowledge the last StopMove");
        }
        self.end_at_rest(by).await;
    }
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        fastest: settings.limits,
        acceleration: settings.acceleration,
        stale_after: settings.cmd_vel_timeout,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
