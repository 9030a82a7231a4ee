//! Which robot, and how it is reached: options that say what the node's parameters of the same names do.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use go2_client::secret;
use go2_client::secret::Secret;
use go2_client::signaling::{Network, Target};
use go2_client::transport::ice::{IcePolicy, IceServer, IceSettings};
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::signaling::KeyMalformed;

/// Which robot, and how it is reached.
#[derive(Debug, Args)]
#[group(id = "robot")] // the options that these are part of have the usual name
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
    network: Sharing,
    /// File with the robot's own key, 32 hexadecimal characters; without it, the environment variable GO2_AES_128_KEY
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Accept a robot that does not use the key that was given, such as one with older firmware
    #[arg(long)]
    allow_other_keys: bool,
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sharing {
    Station,
    #[value(name = "access_point")]
    AccessPoint,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    All,
    Relay,
}

impl Options {
    /// The robot; or what is wrong with the options.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let mut target = Target::new(self.address.clone().unwrap_or_default());
        target.serial_number.clone_from(&self.serial_number);
        target.search.interfaces.clone_from(&self.interfaces);
        target.network = match self.network {
            Sharing::Station => Network::Station,
            Sharing::AccessPoint => Network::AccessPoint,
        };
        let key = secret(self.key_file.as_deref(), "GO2_AES_128_KEY")?;
        let key = Some(key).filter(|key| !key.is_empty()).map(|key| key.text().parse());
        target.allow_other_keys = self.allow_other_keys;
        target.key = key.transpose().map_err(|error: KeyMalformed| error.to_string())?;
        Ok(target)
    }

    /// What connects to it; or what is wrong with the options.
    pub(crate) fn connector(&self) -> Result<WebRtcConnector, String> {
        let mut connector = WebRtcConnector::new(self.target()?);
        connector.ice = IceSettings {
            servers: self.ice_servers.clone(),
            username: self.ice_username.clone(),
            credential: secret(self.ice_credential_file.as_deref(), "GO2_ICE_CREDENTIAL")?,
            policy: match self.ice_transport_policy {
                Policy::All => IcePolicy::All,
                Policy::Relay => IcePolicy::Relay,
            },
            addresses: self.ice_addresses.clone(),
        };
        connector.ice.check().map_err(|error| error.to_string())?;
        Ok(connector)
    }
}

/// What a file or an environment variable holds. The variable may name a file, as it may for the node.
pub(crate) fn secret(file: Option<&Path>, variable: &str) -> Result<Secret, String> {
    let reference = file.map(|path| format!("file:{}", path.display())).unwrap_or_default();
    secret::resolve(&reference, std::env::var(variable).ok()).map_err(|error| error.to_string())
}
