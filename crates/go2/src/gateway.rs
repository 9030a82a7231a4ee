//! `go2 gateway`: browsers and the robot, without a node between them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use go2_client::interruption::Interruptions;
use go2_gateway::{Access, Direct, Gateway, Place, StartError, Viewing};

use crate::output::say;
use crate::robot;

/// Where browsers connect to, and who may.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    robot: robot::Options,
    /// Address and port of this computer that browsers connect to; 0.0.0.0:8081 for all interfaces
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081")]
    bind: SocketAddr,
    /// File with the token that opens the gateway; without it, the environment variable GO2_GATEWAY_TOKEN; without both, one is
    /// made up and printed
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Origin of another page that may use the gateway, such as http://dog.example:3000; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,
}

/// Serves until Ctrl-C.
pub(crate) async fn run(options: &Options) -> Result<String, String> {
    let target = options.robot.target()?;
    let token = robot::secret(options.token_file.as_deref(), "GO2_GATEWAY_TOKEN")?;
    let made_up = token.is_empty();
    // The robot knows no viewers that may not drive: there is one token only.
    let access = Access::new(token, Viewing::Nobody, options.origins.clone());
    let fragment = match made_up {
        true => format!("#token={}", access.control().text()),
        false => String::new(),
    };
    let mut interruptions = Interruptions::listen().map_err(|error| error.to_string())?;
    let robot = target.name();
    let started = Gateway::start(options.bind, access, Place::Direct(Direct::new(target))).await;
    let gateway = started.map_err(|error| match error {
        StartError::Bind(error) => {
            format!("cannot listen on {}: {error}. Is another gateway running?", options.bind)
        }
        StartError::Token(short) => short.to_string(),
    })?;
    say(&format!("the console for {robot}: http://{}/{fragment}", gateway.address()));
    say("The page connects straight to the robot, which serves one client at a time. Ctrl-C ends.");
    interruptions.end().await;
    gateway.close().await;
    Ok(String::new())
}
