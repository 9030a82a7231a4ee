//! From the link's topics to ROS's: one task for each kind of message.
//!
//! Nothing is decoded that nobody listens to, and a topic whose robot is silent stays silent.

mod joy; // the hand-held remote
mod lidar; // the voxel map: points, scan
mod odometry; // poses: odom, TF
mod poses; // where the robot was a moment ago
mod state; // low state and motion state: joints, battery, IMU
mod status; // link state, diagnostics
mod tally; // what became of a stream's messages

pub(crate) use tally::{Counts, Tallies, Tally};

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use go2_client::session::{LinkBuilder, LinkHandle};
use go2_proto::codec::topics;
use go2_proto::session::Message;
use go2_proto::state::{LidarState, LowState, Remote, RobotPose, SportModeState, State};
use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::nav_msgs::msg::Odometry;
use r2r::sensor_msgs::msg::{BatteryState, Imu, JointState, Joy, LaserScan, PointCloud2};
use r2r::std_msgs::msg::{Bool, String as Text};
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Publisher, QosProfile};
use tokio::sync::broadcast::{error::RecvError, Receiver};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::clock::{RosClock, Stamps, StreamStamps};
use crate::convert::Motion;
use crate::device::Facts;
use crate::gateway::Helm;
use crate::motion::Doing;
use crate::outlet::{Gauges, Outlet, SendingThread};
use crate::params::Settings;
use crate::threads::Threads;
use poses::Poses;

/// Messages of one topic that may wait to be published; beyond it the oldest are dropped.
pub(crate) const QUEUE: usize = 8;
/// Frames of the LiDAR that may wait; each has tens of kilobytes.
const LIDAR_QUEUE: usize = 4;
/// Clouds that may wait to be sent; each may have a megabyte.
const CLOUD_QUEUE: usize = 2;

/// What all tasks share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: RosClock,
    pub(crate) stamps: Stamps,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    /// Of every stream, by its topic.
    pub(crate) tallies: Tallies,
    /// How long sending takes, by topic.
    pub(crate) gauges: Gauges,
    doing: Arc<watch::Sender<Option<Doing>>>,
}

impl Shared {
    pub(crate) fn new(clock: RosClock, settings: watch::Receiver<Arc<Settings>>) -> Self {
        let stamps = Stamps::new(clock.clone(), settings.clone());
        let doing = Arc::new(watch::Sender::new(None));
        let (tallies, gauges) = (Tallies::default(), Gauges::default());
        Self { clock, stamps, settings, tallies, gauges, doing }
    }

    /// What the robot was last heard to do.
    pub(crate) fn doing(&self) -> watch::Receiver<Option<Doing>> {
        self.doing.subscribe()
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }
}

/// Reliable at a shallow depth: both kinds of subscriber match.
pub(crate) fn sensor_qos() -> QosProfile {
    QosProfile::default().keep_last(5).reliable()
}

/// For what a late subscriber is to get at once.
pub(crate) fn latched_qos() -> QosProfile {
    QosProfile::default().keep_last(1).reliable().transient_local()
}

/// The publishers and what feeds them.
pub(crate) struct Streams {
    shared: Shared,
    joints: Outlet<Publisher<JointState>>,
    battery: Outlet<Publisher<BatteryState>>,
    imu: Outlet<Publisher<Imu>>,
    odometry: Outlet<Publisher<Odometry>>,
    tf: Outlet<Publisher<TFMessage>>,
    points: Outlet<Publisher<PointCloud2>>,
    scan: Outlet<Publisher<LaserScan>>,
    joy: Outlet<Publisher<Joy>>,
    diagnostics: Outlet<Publisher<DiagnosticArray>>,
    link_state: Outlet<Publisher<Text>>,
    held: Outlet<Publisher<Bool>>,
    low_states: Receiver<Message>,
    lidar_states: Receiver<Message>,
    sport_states: Receiver<Message>,
    poses: Receiver<Message>,
    voxel_maps: Receiver<Message>,
    remotes: Receiver<Message>,
}

impl Streams {
    /// Creates the publishers and subscribes to what they need.
    pub(crate) fn new(
        node: &mut r2r::Node,
        link: &mut LinkBuilder,
        shared: Shared,
    ) -> r2r::Result<Self> {
        let gauges = &shared.gauges.clone();
        let of_transforms = QosProfile::default().keep_last(100);
        Ok(Self {
            shared,
            joints: Outlet::new(node, gauges, "joint_states", sensor_qos())?,
            battery: Outlet::new(node, gauges, "battery_state", sensor_qos())?,
            imu: Outlet::new(node, gauges, "imu/data", sensor_qos())?,
            odometry: Outlet::new(node, gauges, "odom", sensor_qos())?,
            tf: Outlet::new(node, gauges, "/tf", of_transforms)?,
            points: Outlet::new(node, gauges, "points", sensor_qos())?,
            scan: Outlet::new(node, gauges, "scan", sensor_qos())?,
            joy: Outlet::new(node, gauges, "joy", sensor_qos())?,
            diagnostics: Outlet::new(node, gauges, "/diagnostics", QosProfile::default())?,
            link_state: Outlet::new(node, gauges, "~/link_state", latched_qos())?,
            held: Outlet::new(node, gauges, "~/held", latched_qos())?,
            low_states: link.subscribe(LowState::TOPIC, QUEUE),
            lidar_states: link.subscribe(LidarState::TOPIC, QUEUE),
            sport_states: link.subscribe(SportModeState::TOPIC, QUEUE),
            poses: link.subscribe(RobotPose::TOPIC, QUEUE),
            voxel_maps: link.subscribe(topics::VOXEL_MAP, LIDAR_QUEUE),
            remotes: link.subscribe(Remote::TOPIC, QUEUE),
        })
    }

    /// Starts the tasks, each on the thread of its kind. They end when the link does, or with the threads. The one that is
    /// returned has told the link's last state when it ends.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn start(
        self,
        threads: &Threads,
        node_name: String,
        link: LinkHandle,
        facts: Facts,
        helm: watch::Receiver<Helm>,
    ) -> std::io::Result<JoinHandle<()>> {
        let Self { shared, odometry, tf, scan, .. } = self;
        let (motion_tx, motion) = watch::channel(Motion::default());
        let (low_tx, low) = watch::channel(None);
        let poses = Arc::new(Mutex::new(Poses::default()));
        let source = |topic: &'static str, messages| Source::new(topic, messages, &shared);

        let low_states = source(LowState::TOPIC, self.low_states);
        threads.state.spawn(state::publish_low_states(
            low_states,
            self.joints,
            self.battery,
            low_tx,
        ));
        let (lidar_tx, lidar_state) = watch::channel(None);
        let lidar_states = source(LidarState::TOPIC, self.lidar_states);
        threads.status.spawn(lidar::keep_state(lidar_states, lidar_tx));
        let sport_states = source(SportModeState::TOPIC, self.sport_states);
        let (decoded, to_imu) = broadcast::channel(QUEUE);
        let imu = state::ImuSource {
            states: to_imu,
            shared: shared.clone(),
            stamps: sport_states.stamps(),
            tally: shared.tallies.of(SportModeState::TOPIC),
        };
        // What the robot does decides about walking: it is read where walking is decided.
        threads.link.spawn(state::follow_motion(sport_states, motion_tx, decoded));
        threads.state.spawn(state::publish_imu(imu, self.imu));
        let pose_source = source(RobotPose::TOPIC, self.poses);
        let moving = odometry::Moving { motion, poses: Arc::clone(&poses) };
        threads.state.spawn(odometry::publish_odometry(pose_source, odometry, tf, moving));
        let voxel_maps = source(topics::VOXEL_MAP, self.voxel_maps);
        let points = lidar::Points::start(self.points, shared.tallies.of(topics::VOXEL_MAP))?;
        threads.lidar.spawn(lidar::publish_lidar(voxel_maps, points, scan, lidar::Place(poses)));
        threads.state.spawn(joy::publish_joy(source(Remote::TOPIC, self.remotes), self.joy));
        threads.status.spawn(lidar::follow_switch(shared.settings.clone(), link.clone()));
        let states = status::publish_link_state(link.clone(), self.link_state);
        let last_state = threads.status.spawn(states);
        threads.status.spawn(status::publish_held(link.held(), self.held));
        let report = status::publish_diagnostics(
            shared,
            self.diagnostics,
            node_name,
            link,
            status::Latest { low, lidar: lidar_state },
            facts,
            helm,
        );
        threads.status.spawn(report);
        Ok(last_state)
    }
}

/// The messages of one topic, and what their task needs beside them.
pub(crate) struct Source {
    messages: Receiver<Message>,
    shared: Shared,
    tally: Tally,
    stamps: StreamStamps,
}

impl Source {
    pub(crate) fn new(topic: &str, messages: Receiver<Message>, shared: &Shared) -> Self {
        let (stamps, tally) = (shared.stamps.stream(topic), shared.tallies.of(topic));
        tally.stamped_by(&stamps);
        Self { messages, shared: shared.clone(), tally, stamps }
    }

    pub(crate) fn stamps(&self) -> StreamStamps {
        self.stamps.clone()
    }

    /// Drops what waits but for the newest: it has become old while sending took long.
    pub(crate) fn skip_to_newest(&mut self) {
        skip_to_newest(&mut self.messages, &self.tally);
    }

    /// The next message; `None` when the link has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            match self.messages.recv().await {
                Ok(message) => {
                    self.tally.received();
                    return Some(message);
                }
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(count)) => {
                    let late = format_args!("publishing is late, {count} messages");
                    self.tally.dropped(count, &late);
                }
            }
        }
    }

    pub(crate) fn decode<S: State>(&self, message: &Message) -> Option<S> {
        S::decode(&message.data).map_err(|error| self.refuse(&error)).ok()
    }

    /// Counts and tells of a message that is of no use.
    fn refuse(&self, reason: &dyn std::fmt::Display) {
        self.tally.dropped(1, reason);
    }
}

/// Drops what waits in a ring but for the newest, and counts it.
fn skip_to_newest<T: Clone>(ring: &mut Receiver<T>, tally: &Tally) {
    let old = ring.len().saturating_sub(1);
    for _ in 0..old {
        let _ = ring.try_recv(); // whether it is one or several that the ring has dropped does not matter
    }
    if old > 0 {
        tally.dropped(old as u64, &"sending the one before took too long, and they are old");
    }
}

/// The latest low state and when it came.
type LatestLowState = Option<(Instant, LowState)>;
/// What the LiDAR last said of itself, and when.
type LatestLidarState = Option<(Instant, LidarState)>;

const DIAGNOSTICS_EVERY: Duration = Duration::from_secs(1);
