//! `go2_sim`: a simulated robot on the command line.

use std::process::ExitCode;

use clap::Parser as _;
use go2_sim::{Options, Robot, StartError};
use tokio::signal::unix::{signal, SignalKind};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), StartError> {
    let signals = |error| StartError::Io("signals".to_owned(), error);
    let mut interrupted = signal(SignalKind::interrupt()).map_err(signals)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(signals)?;
    let generation = options.generation;
    let robot = Robot::start(options).await?;
    tracing::info!("simulated robot ({generation:?}) listens on {}", robot.address());
    if let Some(address) = robot.control_address() {
        tracing::info!("control port at {address}");
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    robot.stop().await;
    Ok(())
}
