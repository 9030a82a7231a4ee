//! Stands up, walks for two seconds, prints the battery and leaves: `cargo run -p go2_client --example walk -- 192.168.12.1`
#![allow(clippy::print_stdout)] // that is what they do

use std::time::Duration;

use go2_client::{connect, interrupted, LowState, Velocity};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let address = std::env::args().nth(1).ok_or("which robot? Give its address")?;
    tokio::select! {
        walked = walk(address) => walked,
        signal = interrupted() => Err(signal?.into()), // dropping the client stops the robot
    }
}

async fn walk(address: String) -> Result {
    let robot = connect(address).await?;
    robot.balance_stand().await?;
    tokio::time::sleep(Duration::from_secs(3)).await; // until it is up
    let mut velocity = robot.velocity()?;
    velocity.drive_for(Velocity { x: 0.3, ..Velocity::ZERO }, Duration::from_secs(2)).await?;
    velocity.stop().await?;
    let state = robot.subscribe::<LowState>().next().await.ok_or("the robot is gone")?;
    println!("battery: {:.1} V", state.voltage.unwrap_or(f64::NAN));
    drop(velocity);
    robot.close().await;
    Ok(())
}
