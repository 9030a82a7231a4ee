//! `go2`: tools for a robot, without ROS. What they print is for people.
#![allow(clippy::print_stdout)]

mod discover; // which robots answer in this network
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
    /// Records all that a robot sends to an MCAP file, for Foxglove, or to be played in place of the robot. Turns LiDAR and
    /// camera on
    Record(Box<record::Options>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Discover(options) => discover::run(&options).await,
        Command::Record(options) => record::run(&options).await,
    };
    match outcome {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("go2: {reason}");
            ExitCode::FAILURE
        }
    }
}
