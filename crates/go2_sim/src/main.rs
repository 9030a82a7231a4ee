//! `go2_sim`: a simulated robot on the command line.

use clap::Parser as _;
use go2_sim::{Options, Robot};
use tokio::signal::unix::{signal, SignalKind};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,webrtc=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let generation = options.generation;
    let robot = Robot::start(options).await?;
    tracing::info!("simulated robot ({generation:?}) listens on {}", robot.address());
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminated.recv() => {}
    }
    robot.stop().await;
    Ok(())
}
