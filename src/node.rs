//! The node, put together and taken apart: the robot stops first, then the link ends the session, then ROS ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::time::Duration;

use go2_client::interruption::{suspend, Interruption, Interruptions};
use go2_client::recording::Recorder;
use go2_client::session::{Link, LinkBuilder, LinkHandle};
use go2_client::thread::Stuck;
use go2_gateway::Gateway;
use go2_proto::codec::{api, Request};
use go2_proto::motion::{Velocity, VelocityApi, VelocityCommand};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::audio::Audio;
use crate::camera::{Calibration, Camera};
use crate::clock::RosClock;
use crate::device::Device;
use crate::intake::Intake;
use crate::logging::Log;
use crate::motion::{Heard, Inputs, Motion, Order, Stopper, LAST_STOP};
use crate::outlet::Gauges;
use crate::panics::Panics;
use crate::raw::Raw;
use crate::recording::{Started, Tape};
use crate::services::again::Newest;
use crate::services::servers::Servers;
use crate::services::Robot;
use crate::streams::{Shared, Streams};
use crate::threads::Threads;
use crate::{
    gateway, graph, hints, motion, params, recording, services, start, StartError, LAST_LINES,
};

/// From one count of tasks in the log to the next.
const TELL_TASKS: Duration = Duration::from_secs(2);
const SPIN: Duration = Duration::from_millis(100);
const ORDERS: usize = 8;
/// How long the robot may take to stop before the process is suspended, or after a part of it has failed.
const STOP: Duration = Duration::from_secs(1);
/// Between two zeros, as the robot wants velocities.
const ZERO_APART: Duration = Duration::from_millis(50);
/// How long viewers, and the end of the session, may take.
const CLOSE: Duration = Duration::from_secs(2);
/// How long the disk may take to close a recording.
const RECORDING: Duration = Duration::from_secs(5);
/// How long threads that may be held up by a subscriber's network are waited for.
const JOIN: Duration = Duration::from_millis(500);
/// Exit status after a part of the node has failed.
const FAILED: u8 = 1;

/// A node that runs.
pub(crate) struct Node {
    threads: Threads,
    tasks: JoinSet<()>,
    link: Link,
    orders: mpsc::Sender<Order>,
    motion: JoinHandle<()>,
    gateway: Option<Gateway>,
    recorder: Option<Recorder>,
    /// Ends when subscribers were told of the link's last state.
    last_state: JoinHandle<()>,
    gauges: Gauges,
    spinner: Spinner,
}

impl Node {
    /// Puts it together; from then on it serves.
    pub(crate) fn start(started: start::Started) -> Result<Self, StartError> {
        let start::Started { mut node, store, settings, graph } = started;
        let start = Arc::clone(&settings.borrow());
        let threads = Threads::start()?;
        // Tasks are of the services' thread unless another is named.
        let services_thread = threads.services.handle().clone();
        let _entered = services_thread.enter();
        let mut tasks = JoinSet::new();
        let (mut intake, refusing) = Intake::new();
        tasks.spawn(refusing);
        tasks.spawn(params::serve(&mut node, &mut intake, &store)?);
        threads.link.spawn(tell_tasks(threads.handles()));

        let mut builder = LinkBuilder::default().hints(hints::of);
        let tape = Tape::open(&start).map_err(|error| {
            let parameter = if start.replay.is_some() { "replay" } else { "record" };
            StartError::Recording(parameter, error)
        })?;
        let shared = Shared::new(RosClock::of(&node, tape.anchor()), settings.clone());
        let gauges = shared.gauges.clone();
        let streams = Streams::new(&mut node, &mut builder, shared.clone())?;
        let device = Device::new(&mut builder);
        let facts = device.facts();
        let calibration = Calibration::load(&start.camera_info_url)?;
        let camera = Camera::new(&mut node, &builder, shared.clone(), calibration)?;
        let doing = shared.doing();
        let clock = shared.clock.clone();
        let velocities = motion::subscribe(&mut node, &mut intake, start.stamped_cmd_vel, clock)?;
        let attitudes = motion::subscribe_pose(&mut node, &mut intake)?;
        let raw = Raw::new(&mut node, &mut intake, &mut builder, &shared)?;
        let audio = Audio::new(&mut node, &mut intake, &mut builder, &shared)?;
        if start.replay.is_none() {
            tracing::info!("connecting to the robot at {}", start.place());
        }
        let Started { link, recorder, stepper } = {
            let _entered = threads.link.enter();
            tape.start(builder, start.target()?, start.ice()?)
        };

        let name = node.fully_qualified_name()?;
        let (wheel, steering) = gateway::steering();
        let last_state =
            streams.start(&threads, name, link.handle(), facts.clone(), steering.helm.clone())?;
        device.start(&mut tasks, &link, Arc::clone(&store), &shared);
        threads.video.spawn(camera.start(link.handle())?);
        let (orders, inbox) = mpsc::channel(ORDERS);
        let newest = Newest::default();
        let heard = Heard { doing, avoidance: facts.avoidance.clone() };
        let robot = Robot {
            link: link.handle(),
            settings: settings.clone(),
            motion: orders.clone(),
            store,
            shared,
            mode: facts.mode,
            newest: newest.clone(),
        };
        let mut servers = Servers { node: &mut node, intake: &mut intake, tasks: &mut tasks };
        services::start(&mut servers, &robot)?;
        if let Some(stepper) = stepper {
            recording::serve(&mut servers, stepper)?;
        }
        services::requests::start(&mut node, &mut intake, &mut tasks, &robot)?;
        raw.start(&threads.raw, &mut tasks, &robot);
        audio.start(&mut tasks, &robot);
        let gateway = threads.gateway.handle().block_on(gateway::start(&start, &robot, wheel))?;
        let inputs = Inputs { velocities, attitudes, orders: inbox, steering };
        let motion = Motion::new(link.handle(), settings, heard, newest).run(inputs);
        let motion = threads.link.spawn(motion);
        let spinner = Spinner::start(node, intake, graph)?;
        Ok(Self {
            threads,
            tasks,
            link,
            orders,
            motion,
            gateway,
            recorder,
            last_state,
            gauges,
            spinner,
        })
    }

    /// Serves until something ends it; then stops the robot and takes the node apart. Returns the exit status, or ends the
    /// process where a thread is held up by a subscriber's network.
    pub(crate) fn serve(
        self,
        runtime: &tokio::runtime::Runtime,
        mut interruptions: Interruptions,
        mut panics: Panics,
        log: &Log,
    ) -> ExitCode {
        let Self {
            threads,
            mut tasks,
            link,
            orders,
            motion,
            gateway,
            recorder,
            last_state,
            gauges,
            spinner,
        } = self;
        let status = runtime.block_on(async {
            let handle = link.handle();
            let status = until_ended(&mut interruptions, &mut panics, &handle, &orders, log).await;
            stop_robot(&handle, &orders, motion).await;
            if let Some(gateway) = gateway {
                let _ = timeout(CLOSE, gateway.close()).await;
            }
            if timeout(CLOSE, link.close()).await.is_err() {
                tracing::warn!(
                    "the session was not ended in order; the robot may be busy for some seconds"
                );
            }
            if let Some(recorder) = recorder {
                let _ = timeout(RECORDING, recording::finish(recorder)).await;
            }
            let _ = timeout(JOIN, last_state).await;
            status
        });
        tasks.abort_all();
        let stuck = threads.stop(JOIN);
        let spins = spinner.stop(JOIN);
        let sending = gauges.sending();
        if stuck.is_empty() && spins.is_ok() && sending.is_empty() {
            log.flush(LAST_LINES);
            return ExitCode::from(status);
        }
        let mut threads: Vec<_> = stuck.iter().map(|Stuck(name)| *name).collect();
        threads.extend(spins.is_err().then_some("ros"));
        let what = match sending.is_empty() {
            true => format!("the threads {} are busy", threads.join(", ")),
            false => format!(
                "sending on {} is stuck: a subscriber's network is too slow",
                sending.join(", ")
            ),
        };
        tracing::warn!("the node ends although {what}");
        log.flush(LAST_LINES);
        leave(status)
    }
}

/// Waits until the process is to end, and suspends it meanwhile where that is asked for; returns the exit status.
async fn until_ended(
    interruptions: &mut Interruptions,
    panics: &mut Panics,
    link: &LinkHandle,
    orders: &mpsc::Sender<Order>,
    log: &Log,
) -> u8 {
    loop {
        let interruption = tokio::select! {
            () = panics.any() => return FAILED,
            interruption = interruptions.next() => interruption,
        };
        match interruption {
            Interruption::End(2 | 15) => tracing::info!("stopping"),
            Interruption::End(_) => tracing::info!("stopping: {}", interruption.name()),
            Interruption::Suspend(_) => {
                let (reply, stopped) = oneshot::channel();
                let order = Order::Stop(Stopper::Other, reply);
                let stop = async {
                    if link.in_session() && orders.send(order).await.is_ok() {
                        let _ = stopped.await;
                    }
                };
                let _ = timeout(STOP, stop).await;
                tracing::warn!(
                    "{} suspends this process: the robot was stopped, and nothing reaches it until the process goes on",
                    interruption.name()
                );
                log.flush(LAST_LINES);
                suspend();
                continue;
            }
        }
        return interruption.status();
    }
}

/// Has the robot stopped by whoever moves it, or without where that is gone.
async fn stop_robot(link: &LinkHandle, orders: &mpsc::Sender<Order>, motion: JoinHandle<()>) {
    let in_order = async {
        let _ = orders.send(Order::Shutdown).await; // fails where the task is gone
        motion.await
    };
    // It keeps to its own limit.
    if let Ok(Ok(())) = timeout(LAST_STOP + STOP, in_order).await {
        return;
    }
    let request = Request::sport(api::STOP_MOVE).with_priority();
    // By which way it walks is not known here. Only the newest velocity waits on the link: each is given time to go out.
    for api in
        [VelocityApi::Avoidance, VelocityApi::Sport, VelocityApi::Avoidance, VelocityApi::Sport]
    {
        link.drive(VelocityCommand { velocity: Velocity::ZERO, api });
        tokio::time::sleep(ZERO_APART).await;
    }
    if link.in_session() && link.request(request, STOP).await.is_err() {
        tracing::warn!("the robot did not acknowledge the last StopMove");
    }
}

/// Ends the process without the order of its libraries' ends, which would wait for the thread that is stuck.
fn leave(status: u8) -> ! {
    #[allow(unsafe_code)]
    // SAFETY: _exit may be called at any time; nothing runs after it.
    unsafe {
        libc::_exit(i32::from(status))
    }
}

/// For those who look for what piles up: scripts/soak reads it.
async fn tell_tasks(threads: Vec<tokio::runtime::Handle>) {
    loop {
        let alive: usize = threads.iter().map(|thread| thread.metrics().num_alive_tasks()).sum();
        tracing::debug!("{alive} tasks are alive");
        tokio::time::sleep(TELL_TASKS).await;
    }
}

/// The thread of r2r's `spin_once`, which blocks.
struct Spinner {
    spinning: Arc<AtomicBool>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Spinner {
    fn start(
        mut node: r2r::Node,
        mut intake: Intake,
        mut graph: graph::Watch,
    ) -> std::io::Result<Self> {
        let spinning = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&spinning);
        let (running, ended) = sync_channel(1);
        std::thread::Builder::new().name("ros".into()).spawn(move || {
            let _running = running;
            while goes_on.load(Ordering::Relaxed) {
                node.spin_once(SPIN);
                intake.turn();
                graph.turn(&node);
            }
            // Whoever is told of it may be behind a slow network.
            drop(node);
        })?;
        Ok(Self { spinning, ended })
    }

    /// Has it end, within `limit`.
    fn stop(self, limit: Duration) -> Result<(), ()> {
        self.spinning.store(false, Ordering::Relaxed);
        match self.ended.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => Err(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }
}
