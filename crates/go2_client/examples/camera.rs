//! Writes ten seconds of the camera to a file that VLC and FFmpeg play, without decoding it:
//! `cargo run -p go2_client --example camera -- 192.168.12.1 dog.h264`
#![allow(clippy::print_stdout)] // that is what they do

use std::io::Write as _;
use std::time::Duration;

use go2_client::connect;
use tokio::time::{timeout_at, Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which robot? Give its address")?;
    let mut file = std::fs::File::create(arguments.next().ok_or("which file?")?)?;
    let robot = connect(address).await?;
    let mut video = robot.video();
    let (mut frames, mut follows) = (0, None);
    let end = Instant::now() + Duration::from_secs(10);
    while let Ok(Some(unit)) = timeout_at(end, video.next()).await {
        // A frame builds on the one before: after a gap, players need a keyframe.
        if unit.keyframe || follows == Some(unit.number) {
            file.write_all(&unit.data)?;
            follows = Some(unit.number + 1);
            frames += 1;
        }
    }
    println!("{frames} frames");
    robot.close().await;
    Ok(())
}
