//! `go2 doctor`: the way to a robot, step by step, by the same code as the node's.

mod camera;
mod connect; // from the name to the session
mod report; // what was found, as text and JSON
mod streams; // what comes in session

use std::time::Duration;

use clap::Args;
use go2_client::interruption::Interruptions;
use go2_client::session::LinkBuilder;
use go2_proto::signaling::{ENCRYPTED_PORT, PLAIN_PORT};

use crate::robot;
use report::Report;
use streams::Streams;

/// Which robot, and what to look at.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    robot: robot::Options,
    /// How long to wait in session for messages, LiDAR and camera
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Leave the LiDAR as it is, and do not wait for it
    #[arg(long)]
    no_lidar: bool,
    /// Do not wait for pictures
    #[arg(long)]
    no_camera: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Port of the encrypted signaling
    #[arg(long, hide = true, default_value_t = ENCRYPTED_PORT)]
    encrypted_port: u16,
    /// Port of the plain signaling
    #[arg(long, hide = true, default_value_t = PLAIN_PORT)]
    plain_port: u16,
}

/// Goes the way. `Ok` tells whether all was well; `Err`, why it cannot begin.
pub(crate) async fn run(options: &Options) -> Result<bool, String> {
    let mut interruptions = Interruptions::listen().map_err(|error| error.to_string())?;
    let mut connector = options.robot.connector()?;
    connector.target.encrypted_port = options.encrypted_port;
    connector.target.plain_port = options.plain_port;

    let mut builder = LinkBuilder::default();
    let streams = Streams::new(&mut builder, !options.no_lidar, !options.no_camera);
    let link = builder.start(connector);
    if !options.no_lidar {
        link.set_lidar(true);
    }
    if !options.no_camera {
        link.set_video(true);
    }
    let mut report = Report::new(options.json);
    let watched = async {
        if connect::watch(&link, &mut report).await {
            streams.watch(Duration::from_secs(options.seconds), &mut report).await;
        } else {
            streams.leave(&mut report);
        }
    };
    let interrupted = tokio::select! {
        () = watched => None,
        interruption = interruptions.end() => Some(interruption),
    };
    link.close().await;
    if let Some(interruption) = interrupted {
        return Err(format!("{} came before the end", interruption.name()));
    }
    report.end();
    Ok(report.is_good())
}
