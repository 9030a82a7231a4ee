//! Makes any request, and shows what a refusal is: `cargo run -p go2_client --example request -- 192.168.12.1 sport 1016`
#![allow(clippy::print_stdout)] // that is what they do

use go2_client::{connect, CallError, Request};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which robot? Give its address")?;
    let service = arguments.next().ok_or("which service, such as sport?")?;
    let api_id = arguments.next().ok_or("which API id?")?.parse()?;
    let robot = connect(address).await?;
    let topic = format!("rt/api/{service}/request");
    let request = Request { topic, ..Request::sport(api_id) };
    match robot.call(request).await {
        Ok(response) => println!("done: {}", response.data),
        Err(CallError::Refused { code, meaning }) => println!("refused with {code}: {meaning}"),
        Err(error) => return Err(error.into()),
    }
    robot.close().await;
    Ok(())
}
