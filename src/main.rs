//! `go2_bridge`: the ROS 2 node between a Unitree GO2 and the ROS graph.
//!
//! `main` takes the parameters and starts the node, which `node.rs` puts together.

mod arguments; // name:=value, --help, ROS's
mod audio; // sounds on the robot
mod camera; // the front camera
mod clock; // ROS time, and the robot's carried over to it
mod convert; // robot state to ROS messages
mod device; // what the node knows and keeps of the robot
mod gateway; // browsers that share the robot
mod graph; // others in the ROS graph that matter for walking
mod hints; // which parameter to change where the link fails
mod intake; // messages from ROS that must not be lost unseen
mod logging; // log messages go where ROS's go
mod middleware; // how Fast DDS sends
mod motion; // cmd_vel and cmd_pose to the robot
mod node; // all of it, put together and taken apart
mod outlet; // publishers, and how long sending takes
mod panics; // what happens when a part of the node fails
mod params; // parameters, validated
mod raw; // data-channel topics as they are
mod rcl; // what r2r does not pass on of ROS
mod recording; // a recording beside the robot, or in its place
mod services; // what is asked of the robot by name
mod start; // from arguments to a ROS node with its parameters
mod streams; // the link's topics to ROS's
mod threads; // what may hold up what

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use go2_client::interruption::Interruptions;
use go2_client::recording::RecordingError;
use go2_client::transport::ice::IceError;
use go2_proto::lidar::{ScanError, Scanner};

use crate::camera::CalibrationError;
use crate::gateway::GatewayError;
use crate::logging::Log;
use crate::middleware::Profile;
use crate::node::Node;
use crate::panics::Panics;
use crate::params::{SecretError, Settings};
use crate::raw::RawTopicError;
use crate::start::NodeError;

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
    #[error("{0}")]
    Arguments(#[from] arguments::NotText),
    #[error("{0}")]
    Node(#[from] NodeError),
    #[error("parameters of the scan: {0}")]
    Scan(#[from] ScanError),
    #[error("parameter camera_info_url: {0}")]
    Calibration(#[from] CalibrationError),
    #[error("parameter raw_topics: {0}")]
    RawTopic(#[from] RawTopicError),
    #[error("parameter {0}")]
    Secret(#[from] SecretError),
    #[error("parameter {}", hints::of_ice(.0))]
    Ice(#[from] IceError),
    #[error("parameter {0}")]
    Gateway(#[from] GatewayError),
}

/// Exit status of a wrong configuration: starting again does not help.
const MISCONFIGURED: u8 = 2;
/// How long the last lines of the log may take.
const LAST_LINES: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    // Before there is another thread that may read the environment.
    let profile = middleware::set_profile();
    let log = match logging::to_ros("go2_bridge") {
        Ok(log) => log,
        Err(_) => return ExitCode::from(MISCONFIGURED), // a system that gives no thread
    };
    run(&log, profile).unwrap_or_else(|error| {
        tracing::error!("{error}");
        log.flush(LAST_LINES);
        ExitCode::from(MISCONFIGURED)
    })
}

fn run(log: &Log, profile: Option<Profile>) -> Result<ExitCode, StartError> {
    let panics = Panics::listen();
    let (own, ros) = match arguments::read(std::env::args_os().skip(1))? {
        arguments::Arguments::Tell(text) => {
            writeln!(std::io::stdout(), "{text}")?;
            return Ok(ExitCode::SUCCESS);
        }
        arguments::Arguments::Run { own, ros } => (own, ros),
    };
    let started = start::node(&own, &ros)?;
    drop(profile); // it was read
    check(&started.settings.borrow())?;

    // Signals are answered from before the robot can walk, on a thread that nothing else runs on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interruptions = {
        let _entered = runtime.enter();
        Interruptions::listen()?
    };
    let node = Node::start(started)?;
    Ok(node.serve(&runtime, interruptions, panics, log))
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
    gateway::check(settings)?;
    Scanner::new(settings.scan)?;
    raw::check(&settings.raw_topics)?;
    Ok(())
}
