//! `go2 record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use go2_client::interruption::Interruptions;
use go2_client::recording::{Recorder, Recording};
use go2_client::session::{FailureKind, LinkBuilder, LinkState};
use go2_proto::codec::topics;
use go2_proto::state::{
    LowState, MultipleState, PlayerState, Remote, RobotPose, SportModeState, State as _,
};

use crate::hints;
use crate::output::remark;
use crate::robot;

/// What is recorded, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    robot: robot::Options,
    /// File to write, or directory for it. It must not be there yet
    #[arg(long, short, value_name = "FILE", default_value = ".")]
    output: PathBuf,
    /// Seconds to record from when the robot is connected; without it, until Ctrl-C
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Further topic of the data channel; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Leave the LiDAR as it is
    #[arg(long)]
    no_lidar: bool,
    /// Leave the camera out
    #[arg(long)]
    no_camera: bool,
}

/// What the robot says of itself without being asked.
const TOPICS: [&str; 8] = [
    LowState::TOPIC,
    SportModeState::TOPIC,
    RobotPose::TOPIC,
    topics::LIDAR_STATE,
    MultipleState::TOPIC,
    topics::SERVICE_STATE,
    Remote::TOPIC,
    PlayerState::TOPIC,
];

/// Records; the outcome is what there is in the file, or why there is none.
pub(crate) async fn run(options: &Options) -> Result<String, String> {
    let mut interruptions = Interruptions::listen().map_err(|error| error.to_string())?;
    let connector = options.robot.connector()?;
    let recorder = Recorder::create(&options.output).map_err(|error| error.to_string())?;
    let mut builder = LinkBuilder::default();
    let others = options.topics.iter().map(String::as_str);
    for topic in TOPICS.into_iter().chain(others) {
        let _ = builder.subscribe(topic, 1); // asked for, not looked at
    }
    if !options.no_lidar {
        let _ = builder.subscribe(topics::VOXEL_MAP, 1);
    }
    let link = builder.start(Recording::new(connector, recorder.clone()));
    if !options.no_lidar {
        link.set_lidar(true);
    }
    if !options.no_camera {
        link.set_video(true);
    }
    let path = recorder.path().display().to_string();
    let mut state = link.state();
    let recorded = async {
        let mut over: Option<tokio::time::Instant> = None;
        loop {
            let now = state.borrow_and_update().clone();
            remark(&now.describe(hints::of));
            match &now {
                LinkState::Stopped { reason } => return Err(reason.describe(hints::of)),
                LinkState::BackingOff { reason, .. }
                    if matches!(reason.kind(), FailureKind::Key | FailureKind::Refused) =>
                {
                    return Err(reason.describe(hints::of));
                }
                now if now.in_session() && over.is_none() => {
                    let end = if options.seconds.is_none() { ", until Ctrl-C" } else { "" };
                    remark(&format!("recording to {path}{end}"));
                    let length = options.seconds.map(Duration::from_secs);
                    over = length.map(|length| tokio::time::Instant::now() + length);
                }
                _ => {}
            }
            let ended = async {
                match over {
                    Some(over) => tokio::time::sleep_until(over).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return Ok(()) },
                () = ended => return Ok(()),
                _ = interruptions.end() => return Ok(()),
            }
        }
    };
    let outcome = recorded.await;
    link.close().await;
    let counts = tokio::task::spawn_blocking(move || recorder.finish()).await;
    let counts = counts.map_err(|error| error.to_string())?;
    outcome?;
    let missing = match counts.dropped {
        0 => String::new(),
        dropped => format!("; {dropped} more could not be written"),
    };
    Ok(format!("{} messages are in {path}{missing}\n", counts.written))
}
