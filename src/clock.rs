//! ROS time, and the robot's time carried over to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use go2_client::recording::Anchor;
use go2_proto::clock::{Health, RobotClock, Step, Steps, Stream};
use r2r::builtin_interfaces::msg::Time;
use tokio::sync::watch;

use crate::params::{Settings, StampSource};

/// The node's clock: the system's, or `/clock` with `use_sim_time`.
#[derive(Clone)]
pub(crate) struct RosClock {
    clock: Arc<Mutex<r2r::Clock>>,
    /// When the recording that is being played was made: its messages are stamped by that.
    recording: Option<Anchor>,
}

impl RosClock {
    pub(crate) fn of(node: &r2r::Node, recording: Option<Anchor>) -> Self {
        Self { clock: node.get_ros_clock(), recording }
    }

    /// Now.
    pub(crate) fn now(&self) -> Time {
        self.before(Duration::ZERO)
    }

    /// How many seconds ago a time was; less than nothing for one to come.
    pub(crate) fn age(&self, time: &Time) -> f64 {
        let now = self.now();
        f64::from(now.sec) - f64::from(time.sec)
            + (f64::from(now.nanosec) - f64::from(time.nanosec)) * 1e-9
    }

    /// The ROS time of a moment.
    fn time(&self, at: Instant) -> Time {
        match &self.recording {
            Some(anchor) => ros_time(anchor.time(at)),
            None => self.before(at.elapsed()),
        }
    }

    /// So long ago.
    fn before(&self, age: Duration) -> Time {
        let now = self.clock.lock().unwrap_or_else(PoisonError::into_inner).get_now();
        // Only an invalid clock fails; the system's time is what it would have said.
        let now = now.unwrap_or_else(|_| system_time());
        ros_time(now.saturating_sub(age))
    }
}

/// Since 1970.
fn ros_time(time: Duration) -> Time {
    Time { sec: time.as_secs() as i32, nanosec: time.subsec_nanos() }
}

fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// When a message's content was true.
#[derive(Debug, Clone)]
pub(crate) struct Stamped {
    /// On this computer's monotonic clock.
    pub(crate) at: Instant,
    /// In ROS time.
    pub(crate) time: Time,
}

/// Stamps the messages of all streams by one model of one robot clock. Clones share it.
#[derive(Clone)]
pub(crate) struct Stamps {
    ros: RosClock,
    settings: watch::Receiver<Arc<Settings>>,
    model: Arc<Mutex<RobotClock>>,
    /// Whether the clock is the robot's own: when that is set, people want to know.
    tells: bool,
}

impl Stamps {
    pub(crate) fn new(ros: RosClock, settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { ros, settings, model: Arc::default(), tells: true }
    }

    /// A model of another clock, such as that of the video's time stamps.
    pub(crate) fn of_another_clock(&self) -> Self {
        Self { model: Arc::default(), tells: false, ..self.clone() }
    }

    /// A stream whose messages are to be stamped.
    pub(crate) fn stream(&self, name: &str) -> StreamStamps {
        let stream = self.lock().stream(name);
        StreamStamps { stamps: self.clone(), stream }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RobotClock> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stamps the messages of one stream.
#[derive(Clone)]
pub(crate) struct StreamStamps {
    stamps: Stamps,
    stream: Stream,
}

/// What the stamps of a stream are like.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct StampReport {
    pub(crate) health: Health,
    /// Seconds by which ROS's clock is ahead of the robot's.
    pub(crate) offset: Option<f64>,
    pub(crate) steps: Steps,
}

/// In words.
pub(crate) fn told(step: &Step) -> String {
    let way = if step.back { "back" } else { "forward" };
    format!("the robot's clock was set {way} by {:.2} s", step.size.as_secs_f64())
}

impl StreamStamps {
    pub(crate) fn report(&self) -> StampReport {
        let model = self.stamps.lock();
        let robot = model.robot_time(Instant::now());
        let now = self.stamps.ros.time(Instant::now());
        let now = f64::from(now.sec) + f64::from(now.nanosec) * 1e-9;
        let offset = robot.map(|robot| now - robot.as_secs_f64());
        StampReport { health: model.health(self.stream), offset, steps: model.steps() }
    }

    /// When a message with this stamp of the robot was true.
    pub(crate) fn place(&self, robot: Option<Duration>, received: Instant) -> Stamped {
        let Stamps { ros, settings, tells, .. } = &self.stamps;
        // The model hears every stamp, so that it is ready when the parameter changes.
        let placed = self.stamps.lock().place(self.stream, robot, received);
        if let Some(step) = placed.step.filter(|_| *tells) {
            tracing::warn!("{}: its stamps are followed from there", told(&step));
        }
        let at = match settings.borrow().stamp_source {
            StampSource::Robot => placed.at,
            StampSource::Receive => received,
        };
        Stamped { at, time: ros.time(at) }
    }

    /// A time before that of a message.
    pub(crate) fn before(&self, stamped: &Stamped, by: Duration) -> Time {
        self.stamps.ros.time(stamped.at.checked_sub(by).unwrap_or(stamped.at))
    }
}
