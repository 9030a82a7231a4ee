//! Plays a recording in place of a robot: `cargo run -p go2_client --example replay -- dog.mcap`
#![allow(clippy::print_stdout)] // that is what they do

use go2_client::recording::{Pace, Player};
use go2_client::{Client, SportModeState};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which recording?")?;
    let (player, _) = Player::open(path, Pace::Times(10.0))?;
    let robot = Client::start(player, "").await?;
    let mut states = robot.subscribe::<SportModeState>();
    let (mut count, mut farthest) = (0, 0.0_f64);
    while let Some(state) = states.next().await {
        count += 1;
        farthest = farthest.max(state.velocity.map_or(0.0, |[x, y, _]| x.hypot(y)));
    }
    println!("{count} motion states, at most {farthest:.2} m/s");
    Ok(())
}
