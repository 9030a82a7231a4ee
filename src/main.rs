//! `go2_bridge`: the ROS 2 node between a Unitree GO2 and the ROS graph.
//!
//! `main` puts the rooms together and takes them apart in order: first the robot stops, then the link says
//! goodbye, then ROS ends.

mod arguments; // name:=value
mod audio; // sounds on the robot
mod camera; // the front camera
mod clock; // ROS time, and the robot's carried over to it
mod convert; // robot state to ROS messages
mod device; // what the node knows and keeps of the robot
mod gateway; // browsers that share the robot
mod intake; // messages from ROS that must not be lost unseen
mod logging; // log messages go where ROS's go
mod motion; // cmd_vel and cmd_pose to the robot
mod params; // parameters, validated
mod raw; // data-channel topics as they are
mod recording; // a recording beside the robot, or in its place
mod safety; // what keeps the robot from walking when nobody means it to
mod services; // what is asked of the robot by name
mod streams; // the link's topics to ROS's

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use go2_link::lidar::{ScanError, Scanner};
use go2_link::recording::RecordingError;
use go2_link::session::LinkBuilder;
use go2_link::transport::ice::IceError;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::audio::Audio;
use crate::camera::{Calibration, CalibrationError, Camera};
use crate::clock::RosClock;
use crate::device::Device;
use crate::gateway::GatewayError;
use crate::intake::Intake;
use crate::motion::{Heard, Inputs, Motion, Order};
use crate::params::{Refused, SecretError, Settings, Store};
use crate::raw::{Raw, RawTopicError};
use crate::recording::{Started, Tape};
use crate::services::again::Newest;
use crate::services::Robot;
use crate::streams::{Shared, Streams};

/// Why the node does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("ROS: {0}")]
    Ros(#[from] r2r::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(
        "robot_ip is not set. Give the robot's address, e.g. `ros2 launch go2_bridge go2.launch.xml \
         robot_ip:=192.168.12.1`, or 127.0.0.1 for the simulated robot, or its serial_number to find it by"
    )]
    NoRobot,
    #[error(
        "parameter discovery_interface: \"{0}\" is not an IPv4 address of this computer; `ip -4 addr` lists them"
    )]
    Interface(String),
    #[error("parameters record and replay: only one of them can be set")]
    Both,
    #[error("parameter {0}: {1}")]
    Recording(&'static str, RecordingError),
    #[error("\"{0}\" is not an argument: parameters are given as name:=value")]
    Argument(String),
    #[error("parameter {0}: {1}")]
    Parameter(String, Refused),
    #[error("parameters of the scan: {0}")]
    Scan(#[from] ScanError),
    #[error("parameter camera_info_url: {0}")]
    Calibration(#[from] CalibrationError),
    #[error("parameter raw_topics: {0}")]
    RawTopic(#[from] RawTopicError),
    #[error("parameter {0}")]
    Secret(#[from] SecretError),
    #[error("parameter {0}")]
    Ice(#[from] IceError),
    #[error("parameter {0}")]
    Gateway(#[from] GatewayError),
}

/// Exit status of a wrong configuration: starting again does not help.
const MISCONFIGURED: u8 = 2;
/// From one count of tasks in the log to the next.
const TELL_TASKS: Duration = Duration::from_secs(2);
const SPIN: Duration = Duration::from_millis(100);
const ORDERS: usize = 8;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(MISCONFIGURED)
        }
    }
}

fn run() -> Result<(), StartError> {
    let arguments = arguments::own();
    logging::to_ros("go2_bridge");
    let mut node = r2r::Node::create(r2r::Context::create()?, "go2_bridge", "")?;
    let store = Arc::new(Mutex::new(Store::new()));
    let (parameters, changes) = node.make_derived_parameter_handler(Arc::clone(&store) as _)?;
    let settings = {
        let mut store = store.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        take_arguments(&mut store, &arguments)?;
        store.settings()
    };
    check(&settings.borrow())?;

    // One thread carries the network and publishes: handing each message to another costs more than it gains.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let spinning = Arc::new(AtomicBool::new(true));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        tasks.spawn(parameters);
        tasks.spawn(tell_tasks());
        tasks.spawn(changes.for_each(|_| std::future::ready(()))); // the settings have them already
        serve(node, tasks, store, settings, &spinning).await
    })
}

/// For those who look for what piles up: scripts/soak reads it.
async fn tell_tasks() {
    let metrics = tokio::runtime::Handle::current().metrics();
    loop {
        tracing::debug!("{} tasks are alive", metrics.num_alive_tasks());
        tokio::time::sleep(TELL_TASKS).await;
    }
}

/// Takes the values of arguments. They go before parameter files.
fn take_arguments(store: &mut Store, arguments: &[String]) -> Result<(), StartError> {
    params::check_arguments(std::env::args().skip(1).chain(arguments.iter().cloned()))?;
    for argument in arguments {
        let Some((name, value)) = argument.split_once(":=") else {
            return Err(StartError::Argument(argument.clone()));
        };
        let taken = store.argument(name, value);
        taken.map_err(|refused| StartError::Parameter(name.to_owned(), refused))?;
    }
    Ok(())
}

fn check(settings: &Settings) -> Result<(), StartError> {
    let replays = settings.replay.is_some();
    if replays && !settings.record.is_empty() {
        return Err(StartError::Both);
    }
    if settings.robot_ip.is_empty() && settings.serial_number.is_empty() && !replays {
        return Err(StartError::NoRobot);
    }
    let interface = &settings.discovery_interface;
    if !interface.is_empty() && interface.parse::<Ipv4Addr>().is_err() {
        return Err(StartError::Interface(interface.clone()));
    }
    settings.target()?;
    settings.ice()?.check()?;
    gateway::address(settings)?;
    Scanner::new(settings.scan)?;
    raw::check(&settings.raw_topics)?;
    Ok(())
}

async fn serve(
    mut node: r2r::Node,
    mut tasks: JoinSet<()>,
    store: Arc<Mutex<Store>>,
    settings: watch::Receiver<Arc<Settings>>,
    spinning: &Arc<AtomicBool>,
) -> Result<(), StartError> {
    let mut terminated = signal(SignalKind::terminate())?;
    let start = Arc::clone(&settings.borrow());

    let mut builder = LinkBuilder::default();
    let tape = Tape::open(&start).map_err(|error| {
        let parameter = if start.replay.is_some() { "replay" } else { "record" };
        StartError::Recording(parameter, error)
    })?;
    let shared = Shared::new(RosClock::of(&node, tape.anchor()), settings.clone());
    let streams = Streams::new(&mut node, &mut builder, shared.clone())?;
    let device = Device::new(&mut builder);
    let facts = device.facts();
    let calibration = Calibration::load(&start.camera_info_url)?;
    let camera = Camera::new(&mut node, &builder, shared.clone(), calibration)?;
    let velocities = motion::subscribe(&mut node, start.stamped_cmd_vel, shared.clock.clone())?;
    let attitudes = motion::subscribe_pose(&mut node)?;
    let doing = shared.doing();
    let mut intake = Intake::default();
    let raw = Raw::new(&mut node, &mut intake, &mut builder, &shared)?;
    let audio = Audio::new(&mut node, &mut intake, &mut builder, &shared)?;
    let Started { link, recorder, stepper } = tape.start(builder, start.target()?, start.ice()?);

    let name = node.fully_qualified_name()?;
    let (wheel, steering) = gateway::steering();
    streams.start(&mut tasks, name, link.handle(), facts.clone(), steering.helm.clone());
    device.start(&mut tasks, &link, Arc::clone(&store), &shared);
    let camera = camera.start(link.handle())?;
    tasks.spawn(camera);
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
    services::start(&mut node, &mut tasks, &robot)?;
    services::requests::start(&mut node, &mut intake, &mut tasks, &robot)?;
    raw.start(&mut tasks, &robot);
    audio.start(&mut tasks, &robot);
    if let Some(stepper) = stepper {
        recording::serve(&mut node, &mut tasks, stepper)?;
    }
    let gateway = gateway::start(&start, &robot, wheel).await?;
    let inputs = Inputs { velocities, attitudes, orders: inbox, steering };
    let motion = tokio::spawn(Motion::new(link.handle(), settings, heard, newest).run(inputs));
    let spinner = spin(node, intake, Arc::clone(spinning))?;
    if start.replay.is_none() {
        tracing::info!("connecting to the robot at {}", start.place());
    }

    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    let _ = orders.send(Order::Shutdown).await;
    let _ = motion.await;
    if let Some(gateway) = gateway {
        gateway.close().await;
    }
    link.close().await;
    if let Some(recorder) = recorder {
        recording::finish(recorder).await;
    }
    tasks.shutdown().await;
    spinning.store(false, Ordering::Relaxed);
    let _ = tokio::task::spawn_blocking(move || spinner.join()).await;
    Ok(())
}

/// r2r's `spin_once` blocks: it has a thread of its own.
fn spin(
    mut node: r2r::Node,
    mut intake: Intake,
    spinning: Arc<AtomicBool>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("ros".into()).spawn(move || {
        while spinning.load(Ordering::Relaxed) {
            node.spin_once(SPIN);
            intake.turn();
        }
    })
}
