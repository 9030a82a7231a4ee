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

use go2_link::codec::topics;
use go2_link::session::{LinkBuilder, LinkHandle, Message};
use go2_link::state::{LidarState, LowState, Remote, RobotPose, SportModeState, State};
use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::nav_msgs::msg::Odometry;
use r2r::sensor_msgs::msg::{BatteryState, Imu, JointState, Joy, LaserScan, PointCloud2};
use r2r::std_msgs::msg::String as Text;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Publisher, QosProfile, WrappedTypesupport};
use tokio::sync::broadcast::{error::RecvError, Receiver};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{RosClock, Stamps, StreamStamps};
use crate::convert::Motion;
use crate::device::Facts;
use crate::gateway::Helm;
use crate::motion::Doing;
use crate::params::Settings;
use poses::Poses;

/// Messages of one topic that may wait to be published; beyond it the oldest are dropped.
pub(crate) const QUEUE: usize = 8;
/// Frames of the LiDAR that may wait; each has tens of kilobytes.
const LIDAR_QUEUE: usize = 4;

/// What all tasks share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: RosClock,
    pub(crate) stamps: Stamps,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    /// Of every stream, by its topic.
    pub(crate) tallies: Tallies,
    doing: Arc<watch::Sender<Option<Doing>>>,
}

impl Shared {
    pub(crate) fn new(clock: RosClock, settings: watch::Receiver<Arc<Settings>>) -> Self {
        let stamps = Stamps::new(clock.clone(), settings.clone());
        let doing = Arc::new(watch::Sender::new(None));
        Self { clock, stamps, settings, tallies: Tallies::default(), doing }
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
    joints: Publisher<JointState>,
    battery: Publisher<BatteryState>,
    imu: Publisher<Imu>,
    odometry: Publisher<Odometry>,
    tf: Publisher<TFMessage>,
    points: Publisher<PointCloud2>,
    scan: Publisher<LaserScan>,
    joy: Publisher<Joy>,
    diagnostics: Publisher<DiagnosticArray>,
    link_state: Publisher<Text>,
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
        Ok(Self {
            shared,
            joints: node.create_publisher("joint_states", sensor_qos())?,
            battery: node.create_publisher("battery_state", sensor_qos())?,
            imu: node.create_publisher("imu/data", sensor_qos())?,
            odometry: node.create_publisher("odom", sensor_qos())?,
            tf: node.create_publisher("/tf", QosProfile::default().keep_last(100))?,
            points: node.create_publisher("points", sensor_qos())?,
            scan: node.create_publisher("scan", sensor_qos())?,
            joy: node.create_publisher("joy", sensor_qos())?,
            diagnostics: node.create_publisher("/diagnostics", QosProfile::default())?,
            link_state: node.create_publisher("~/link_state", latched_qos())?,
            low_states: link.subscribe(LowState::TOPIC, QUEUE),
            lidar_states: link.subscribe(LidarState::TOPIC, QUEUE),
            sport_states: link.subscribe(SportModeState::TOPIC, QUEUE),
            poses: link.subscribe(RobotPose::TOPIC, QUEUE),
            voxel_maps: link.subscribe(topics::VOXEL_MAP, LIDAR_QUEUE),
            remotes: link.subscribe(Remote::TOPIC, QUEUE),
        })
    }

    /// Starts the tasks. They end when the link does, or with the set.
    pub(crate) fn start(
        self,
        tasks: &mut JoinSet<()>,
        node_name: String,
        link: LinkHandle,
        facts: Facts,
        helm: watch::Receiver<Helm>,
    ) {
        let Self { shared, odometry, tf, scan, .. } = self;
        let (motion_tx, motion) = watch::channel(Motion::default());
        let (low_tx, low) = watch::channel(None);
        let poses = Arc::new(Mutex::new(Poses::default()));
        let source = |topic: &'static str, messages| Source::new(topic, messages, &shared);

        let low_states = source(LowState::TOPIC, self.low_states);
        tasks.spawn(state::publish_low_states(low_states, self.joints, self.battery, low_tx));
        let (lidar_tx, lidar_state) = watch::channel(None);
        tasks.spawn(lidar::keep_state(source(LidarState::TOPIC, self.lidar_states), lidar_tx));
        let sport_states = source(SportModeState::TOPIC, self.sport_states);
        tasks.spawn(state::publish_imu(sport_states, self.imu, motion_tx));
        let pose_source = source(RobotPose::TOPIC, self.poses);
        let moving = odometry::Moving { motion, poses: Arc::clone(&poses) };
        tasks.spawn(odometry::publish_odometry(pose_source, odometry, tf, moving));
        let voxel_maps = source(topics::VOXEL_MAP, self.voxel_maps);
        let place = lidar::Place(poses);
        tasks.spawn(lidar::publish_lidar(voxel_maps, self.points, scan, place));
        tasks.spawn(joy::publish_joy(source(Remote::TOPIC, self.remotes), self.joy));
        tasks.spawn(lidar::follow_switch(shared.settings.clone(), link.clone()));
        tasks.spawn(status::publish_link_state(link.clone(), self.link_state));
        let report = status::publish_diagnostics(
            shared,
            self.diagnostics,
            node_name,
            link,
            status::Latest { low, lidar: lidar_state },
            facts,
            helm,
        );
        tasks.spawn(report);
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

pub(crate) fn has_listener<T: WrappedTypesupport + 'static>(publisher: &Publisher<T>) -> bool {
    publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0)
}

pub(crate) fn publish<T: WrappedTypesupport + 'static>(publisher: &Publisher<T>, message: &T) {
    if let Err(error) = publisher.publish(message) {
        tracing::debug!("publishing failed: {error}"); // only while ROS shuts down
    }
}

/// The latest low state and when it came.
type LatestLowState = Option<(Instant, LowState)>;
/// What the LiDAR last said of itself, and when.
type LatestLidarState = Option<(Instant, LidarState)>;

const DIAGNOSTICS_EVERY: Duration = Duration::from_secs(1);
