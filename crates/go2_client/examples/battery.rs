//! Prints charge and voltage each time that they change: `cargo run -p go2_client --example battery -- 192.168.12.1`
#![allow(clippy::print_stdout)] // that is what they do

use go2_client::{connect, LowState};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("which robot? Give its address")?;
    let robot = connect(address).await?;
    let mut states = robot.subscribe::<LowState>();
    let mut last = String::new();
    while let Some(state) = states.next().await {
        let charge = state.battery.as_ref().map_or(f64::NAN, |battery| battery.charge);
        let line = format!("{:.0} %, {:.1} V", 100.0 * charge, state.voltage.unwrap_or(f64::NAN));
        if line != last {
            println!("{line}");
            last = line;
        }
        if states.missed() > 0 {
            eprintln!("{} states were missed", states.missed());
        }
    }
    Ok(())
}
