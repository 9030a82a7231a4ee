//! `go2 doctor`: the way to a robot, step by step, by the same code as the node's.

mod connect; // from the name to the session
mod report; // what was found, as text and JSON
mod streams; // what comes in session

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use go2_link::discovery::{ANSWER_PORT, QUERY_PORT};
use go2_link::session::LinkBuilder;
use go2_link::signaling::{self, Network, Target};
use go2_link::transport::ice::{IcePolicy, IceServer, IceSettings};
use go2_link::transport::webrtc::WebRtcConnector;

use report::Report;
use streams::Streams;

/// Which robot, and how it is reached: what the node's parameters of the same names say.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// IP address or host name of the robot
    #[arg(required_unless_present = "serial_number")]
    address: Option<String>,
    /// Serial number to find the robot by, without an address
    #[arg(long, conflicts_with = "address")]
    serial_number: Option<String>,
    /// IPv4 address of the only interface of this computer to search on; may be repeated
    #[arg(long = "interface", value_name = "ADDRESS")]
    interfaces: Vec<Ipv4Addr>,
    /// How the network is shared
    #[arg(long, value_enum, default_value = "station")]
    network: Shared,
    /// File with the robot's own key, 32 hexadecimal characters; without it, the environment variable GO2_AES_128_KEY
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// URL of a STUN or TURN server; may be repeated
    #[arg(long = "ice-server", value_name = "URL")]
    ice_servers: Vec<IceServer>,
    /// Account on the TURN servers
    #[arg(long, default_value = "")]
    ice_username: String,
    /// File with its password; without it, the environment variable GO2_ICE_CREDENTIAL
    #[arg(long, value_name = "FILE")]
    ice_credential_file: Option<PathBuf>,
    /// Which paths may be used
    #[arg(long, value_enum, default_value = "all")]
    ice_transport_policy: Policy,
    /// Address or interface of this computer to offer; may be repeated
    #[arg(long = "ice-address", value_name = "ADDRESS")]
    ice_addresses: Vec<String>,
    /// How long to wait in session for messages, LiDAR and camera
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Leave the LiDAR as it is, and do not wait for it
    #[arg(long)]
    no_lidar: bool,
    /// Do not wait for pictures
    #[arg(long)]
    no_camera: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Port of the encrypted signaling
    #[arg(long, hide = true, default_value_t = signaling::ENCRYPTED_PORT)]
    encrypted_port: u16,
    /// Port of the plain signaling
    #[arg(long, hide = true, default_value_t = signaling::PLAIN_PORT)]
    plain_port: u16,
    /// Port of the search's query
    #[arg(long, hide = true, default_value_t = QUERY_PORT)]
    discovery_port: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shared {
    Station,
    #[value(name = "access_point")]
    AccessPoint,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    All,
    Relay,
}

/// Goes the way. `Ok` tells whether all was well; `Err`, why it cannot begin.
pub(crate) async fn run(options: &Options) -> Result<bool, String> {
    let mut connector = WebRtcConnector::new(options.target()?);
    connector.ice = options.ice()?;
    connector.ice.check().map_err(|error| error.to_string())?;

    let mut builder = LinkBuilder::default();
    let streams = Streams::new(&mut builder, !options.no_lidar, !options.no_camera);
    let link = builder.start(connector);
    if !options.no_lidar {
        link.set_lidar(true);
    }
    if !options.no_camera {
        link.set_video(true);
    }
    let mut report = Report::new(options.json);
    if connect::watch(&link, &mut report).await {
        streams.watch(Duration::from_secs(options.seconds), &mut report).await;
    } else {
        streams.leave(&mut report);
    }
    link.close().await;
    report.end();
    Ok(report.is_good())
}

impl Options {
    fn target(&self) -> Result<Target, String> {
        let mut target = Target::new(self.address.clone().unwrap_or_default());
        target.serial_number.clone_from(&self.serial_number);
        target.search.interfaces.clone_from(&self.interfaces);
        target.search.query.set_port(self.discovery_port);
        target.search.answer_port = self.discovery_port.saturating_add(ANSWER_PORT - QUERY_PORT);
        target.network = match self.network {
            Shared::Station => Network::Station,
            Shared::AccessPoint => Network::AccessPoint,
        };
        (target.encrypted_port, target.plain_port) = (self.encrypted_port, self.plain_port);
        let key = secret(self.key_file.as_deref(), "GO2_AES_128_KEY")?;
        let key = Some(key).filter(|key| !key.is_empty()).map(|key| key.parse());
        target.key = key.transpose().map_err(|error: signaling::KeyMalformed| error.to_string())?;
        Ok(target)
    }

    fn ice(&self) -> Result<IceSettings, String> {
        let credential = secret(self.ice_credential_file.as_deref(), "GO2_ICE_CREDENTIAL")?;
        Ok(IceSettings {
            servers: self.ice_servers.clone(),
            username: self.ice_username.clone(),
            credential: credential.into(),
            policy: match self.ice_transport_policy {
                Policy::All => IcePolicy::All,
                Policy::Relay => IcePolicy::Relay,
            },
            addresses: self.ice_addresses.clone(),
        })
    }
}

/// The first line of a file, or an environment variable, which may name a file as it may for the node.
fn secret(file: Option<&Path>, variable: &str) -> Result<String, String> {
    let text = std::env::var(variable).unwrap_or_default();
    let path = match (file, text.strip_prefix("file:")) {
        (Some(file), _) => file,
        (None, Some(file)) => Path::new(file),
        (None, None) => return Ok(text.trim().to_owned()),
    };
    let content = std::fs::read_to_string(path)
        .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
    match content.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(format!("the file {} is empty", path.display())),
    }
}
