//! `go2`: tools for a robot, without ROS. What they print is for people.

mod discover; // which robots answer in this network
mod doctor; // the way to a robot, step by step
mod gateway; // browsers and the robot
mod hints; // which option to change where the link fails
mod output; // what is printed
mod record; // what passes between robot and client, to a file
mod robot; // which robot, and how it is reached

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools for a Unitree GO2
#[derive(Debug, Parser)]
#[command(name = "go2", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the robots that answer in this network, with their addresses
    Discover(discover::Options),
    /// Goes the way to a robot step by step, and says what is wrong and what to do. Exit status 0 if all is well, 1 if
    /// something failed. Turns the LiDAR on
    Doctor(doctor::Options),
    /// Serves a page from which a robot can be seen and driven, and hands browsers' offers to it
    Gateway(gateway::Options),
    /// Records all that a robot sends to an MCAP file, for Foxglove, or to be played in place of the robot. Turns LiDAR and
    /// camera on
    Record(Box<record::Options>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Discover(options) => discover::run(&options).await.map(show),
        Command::Doctor(options) => doctor::run(&options).await.map(|good| match good {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }),
        Command::Gateway(options) => gateway::run(&options).await.map(show),
        Command::Record(options) => record::run(&options).await.map(show),
    };
    match outcome {
        Ok(status) => status,
        Err(reason) => {
            output::remark(&format!("go2: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn show(text: String) -> ExitCode {
    output::print(&text);
    ExitCode::SUCCESS
}
