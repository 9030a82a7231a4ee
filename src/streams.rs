//! From the link's topics to ROS's: one task for each kind of message.
//!
//! Nothing is decoded that nobody listens to, and a topic whose robot is silent stays silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use go2_link::codec::Inbound;
use go2_link::session::{LinkBuilder, LinkHandle};
use go2_link::state::{LowState, RobotPose, SportModeState, State};
use go2_link::throttle::Throttle;
use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::nav_msgs::msg::Odometry;
use r2r::sensor_msgs::msg::{BatteryState, Imu, JointState};
use r2r::std_msgs::msg::String as Text;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Publisher, QosProfile, WrappedTypesupport};
use tokio::sync::broadcast::{error::RecvError, Receiver};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::RosClock;
use crate::convert::{self, Motion, Report};
use crate::params::Settings;

/// Messages of one topic that may wait to be published; beyond it the oldest are dropped.
const QUEUE: usize = 8;
const LOG_EVERY: Duration = Duration::from_secs(10);
const DIAGNOSTICS_EVERY: Duration = Duration::from_secs(1);
/// Age at which a low state no longer says anything; robots send one a second or more.
const LOW_STATE_KEPT: Duration = Duration::from_secs(5);

/// What all tasks share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: RosClock,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    dropped: Arc<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(clock: RosClock, settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { clock, settings, dropped: Arc::default() }
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }
}

/// The publishers and what feeds them.
pub(crate) struct Streams {
    shared: Shared,
    joints: Publisher<JointState>,
    battery: Publisher<BatteryState>,
    imu: Publisher<Imu>,
    odometry: Publisher<Odometry>,
    tf: Publisher<TFMessage>,
    diagnostics: Publisher<DiagnosticArray>,
    link_state: Publisher<Text>,
    low_states: Receiver<Inbound>,
    sport_states: Receiver<Inbound>,
    poses: Receiver<Inbound>,
}

impl Streams {
    /// Creates the publishers and subscribes to what they need.
    pub(crate) fn new(
        node: &mut r2r::Node,
        link: &mut LinkBuilder,
        shared: Shared,
    ) -> r2r::Result<Self> {
        // Reliable at a shallow depth: both kinds of subscriber match.
        let sensor = || QosProfile::default().keep_last(5).reliable();
        let latched = QosProfile::default().keep_last(1).reliable().transient_local();
        Ok(Self {
            shared,
            joints: node.create_publisher("joint_states", sensor())?,
            battery: node.create_publisher("battery_state", sensor())?,
            imu: node.create_publisher("imu/data", sensor())?,
            odometry: node.create_publisher("odom", sensor())?,
            tf: node.create_publisher("/tf", QosProfile::default().keep_last(100))?,
            diagnostics: node.create_publisher("/diagnostics", QosProfile::default())?,
            link_state: node.create_publisher("~/link_state", latched)?,
            low_states: link.subscribe(LowState::TOPIC, QUEUE),
            sport_states: link.subscribe(SportModeState::TOPIC, QUEUE),
            poses: link.subscribe(RobotPose::TOPIC, QUEUE),
        })
    }

    /// Starts the tasks. They end when the link does, or with the set.
    pub(crate) fn start(self, tasks: &mut JoinSet<()>, node_name: String, link: LinkHandle) {
        let Self { shared, joints, battery, imu, odometry, tf, .. } = self;
        let (motion_tx, motion) = watch::channel(Motion::default());
        let (low_tx, low) = watch::channel(None);
        let source = |messages| Source::new(messages, &shared);
        tasks.spawn(publish_low_states(source(self.low_states), joints, battery, low_tx));
        let listened = odometry.clone();
        tasks.spawn(publish_imu(source(self.sport_states), imu, listened, motion_tx));
        tasks.spawn(publish_odometry(source(self.poses), odometry, tf, motion));
        tasks.spawn(publish_link_state(link.clone(), self.link_state));
        tasks.spawn(publish_diagnostics(shared, self.diagnostics, node_name, link, low));
    }
}

/// The messages of one topic, and what their task needs beside them.
struct Source {
    messages: Receiver<Inbound>,
    shared: Shared,
    malformed: Throttle,
    late: Throttle,
}

impl Source {
    fn new(messages: Receiver<Inbound>, shared: &Shared) -> Self {
        let throttle = || Throttle::new(LOG_EVERY);
        Self { messages, shared: shared.clone(), malformed: throttle(), late: throttle() }
    }

    /// The next message; `None` when the link has ended.
    async fn next(&mut self) -> Option<Inbound> {
        loop {
            match self.messages.recv().await {
                Ok(message) => return Some(message),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(count)) => {
                    self.shared.dropped.fetch_add(count, Ordering::Relaxed);
                    if let Some(more) = self.late.allow(Instant::now()) {
                        tracing::warn!("publishing is late: {count} messages were dropped{more}");
                    }
                }
            }
        }
    }

    fn decode<S: State>(&mut self, message: &Inbound) -> Option<S> {
        match S::decode(&message.data) {
            Ok(state) => Some(state),
            Err(error) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                if let Some(more) = self.malformed.allow(Instant::now()) {
                    tracing::warn!("a message on {} was dropped: {error}{more}", S::TOPIC);
                }
                None
            }
        }
    }
}

fn has_listener<T: WrappedTypesupport + 'static>(publisher: &Publisher<T>) -> bool {
    publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0)
}

fn publish<T: WrappedTypesupport + 'static>(publisher: &Publisher<T>, message: &T) {
    if let Err(error) = publisher.publish(message) {
        tracing::debug!("publishing failed: {error}"); // only while ROS shuts down
    }
}

/// The latest low state and when it came.
type LatestLowState = Option<(Instant, LowState)>;

async fn publish_low_states(
    mut source: Source,
    joints: Publisher<JointState>,
    battery: Publisher<BatteryState>,
    latest: watch::Sender<LatestLowState>,
) {
    let mut kept: Option<Instant> = None;
    while let Some(message) = source.next().await {
        let now = Instant::now();
        let for_diagnostics = kept.is_none_or(|kept| now - kept >= DIAGNOSTICS_EVERY);
        let (to_joints, to_battery) = (has_listener(&joints), has_listener(&battery));
        if !(to_joints || to_battery || for_diagnostics) {
            continue;
        }
        let Some(state) = source.decode::<LowState>(&message) else { continue };
        let stamp = source.shared.clock.now();
        if let Some(motors) = state.motors.as_ref().filter(|_| to_joints) {
            publish(&joints, &convert::joint_state(motors, &stamp));
        }
        if let Some(pack) = state.battery.as_ref().filter(|_| to_battery) {
            publish(&battery, &convert::battery_state(&state, pack, &stamp));
        }
        if for_diagnostics {
            kept = Some(now);
            latest.send_replace(Some((now, state)));
        }
    }
}

async fn publish_imu(
    mut source: Source,
    publisher: Publisher<Imu>,
    odometry: Publisher<Odometry>,
    motion: watch::Sender<Motion>,
) {
    while let Some(message) = source.next().await {
        let to_imu = has_listener(&publisher);
        if !(to_imu || has_listener(&odometry)) {
            continue;
        }
        let Some(state) = source.decode::<SportModeState>(&message) else { continue };
        motion.send_replace(Motion::from(&state));
        if let Some(imu) = state.imu.filter(|_| to_imu) {
            let stamp = source.shared.clock.now();
            publish(&publisher, &convert::imu(&imu, &source.shared.settings(), &stamp));
        }
    }
}

async fn publish_odometry(
    mut source: Source,
    odometry: Publisher<Odometry>,
    tf: Publisher<TFMessage>,
    motion: watch::Receiver<Motion>,
) {
    while let Some(message) = source.next().await {
        let settings = source.shared.settings();
        let to_tf = settings.publish_tf && has_listener(&tf);
        let to_odometry = has_listener(&odometry);
        if !(to_tf || to_odometry) {
            continue;
        }
        let Some(pose) = source.decode::<RobotPose>(&message) else { continue };
        let stamp = source.shared.clock.now();
        if to_tf {
            let transforms = vec![convert::transform(&pose, &settings, &stamp)];
            publish(&tf, &TFMessage { transforms });
        }
        if to_odometry {
            let motion = *motion.borrow();
            publish(&odometry, &convert::odometry(&pose, &motion, &settings, &stamp));
        }
    }
}

async fn publish_link_state(link: LinkHandle, publisher: Publisher<Text>) {
    let mut state = link.state();
    loop {
        let data = state.borrow_and_update().to_string();
        publish(&publisher, &Text { data });
        if state.changed().await.is_err() {
            return;
        }
    }
}

async fn publish_diagnostics(
    shared: Shared,
    publisher: Publisher<DiagnosticArray>,
    node_name: String,
    link: LinkHandle,
    low: watch::Receiver<LatestLowState>,
) {
    let (state, counters, faults) = (link.state(), link.counters(), link.faults());
    let mut interval = tokio::time::interval(DIAGNOSTICS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if !has_listener(&publisher) {
            continue;
        }
        let low = low.borrow().clone().filter(|(at, _)| at.elapsed() < LOW_STATE_KEPT);
        let message = convert::diagnostics(
            &Report {
                node: &node_name,
                link: &state.borrow().clone(),
                counters: &counters.borrow().clone(),
                dropped: shared.dropped.load(Ordering::Relaxed),
                low_state: low.as_ref().map(|(_, state)| state),
                faults: &Arc::clone(&faults.borrow()),
                settings: &shared.settings(),
            },
            &shared.clock.now(),
        );
        publish(&publisher, &message);
    }
}
