//! What kind of robot is simulated.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use go2_proto::signaling::DeviceKey;
use go2_proto::state::Fault;
use serde::{Deserialize, Serialize};

use crate::camera::VideoOptions;
use crate::lidar::Stamps;
use crate::network::NetworkOptions;
use crate::profile::{Facts, Profile};
use crate::services::ServiceOptions;

/// How the robot speaks while a connection is made; each one is a range of firmware versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generation {
    /// Plain offers on port 8081, before 1.1.1.
    Plain,
    /// Encrypted on port 9991 without `data2`, 1.1.1 and later.
    Absent,
    /// The same with `data2` 1.
    #[value(name = "1")]
    One,
    /// The key under the static key, 1.1.8 to 1.1.14.
    #[value(name = "2")]
    Two,
    /// The key under the robot's own key, 1.1.15 and later.
    #[value(name = "3")]
    Three,
}

/// What the robot sends and understands once connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// Before 1.1.7: `mode` says what the robot does, lowstate at 20 Hz.
    Old,
    /// Since 1.1.7: `error_code` says it, lowstate at 1 Hz.
    New,
}

/// What the robot does about the validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// Checks the answer.
    Accept,
    /// Refuses every answer.
    Refuse,
    /// Sends the challenge and nothing more.
    Silent,
    /// Asks once more before it checks.
    Twice,
}

/// The options of a simulated robot. The defaults are the harsher ones of what real robots do.
#[derive(Debug, Clone, Parser)]
#[command(name = "go2_sim", about = "A simulated Unitree GO2 on a loopback address", version)]
pub struct Options {
    /// The robot that is simulated; what it sends and does is what was seen of such robots
    #[arg(long, value_enum, default_value = "pro-1.1.15")]
    pub profile: Profile,
    /// Loopback address to be at; several robots take several, 127.0.0.1 to 127.255.255.254
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// TCP port of the encrypted signaling; 0 takes a free one
    #[arg(long, default_value_t = go2_proto::signaling::ENCRYPTED_PORT)]
    pub encrypted_port: u16,
    /// TCP port of the plain signaling; 0 takes a free one
    #[arg(long, default_value_t = go2_proto::signaling::PLAIN_PORT)]
    pub plain_port: u16,
    /// The robot's serial number
    #[arg(long, default_value = "B42D0000SIM00001")]
    pub serial_number: String,
    /// Answer to who looks for robots, on this port of the multicast group and with loopback only; robots have 10131
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "10131")]
    pub discovery_port: Option<u16>,
    /// Generation of the signaling
    #[arg(long, value_enum, default_value = "2")]
    pub generation: Generation,
    /// The robot's own key for generation 3, 32 hexadecimal characters
    #[arg(long, value_parser = key, env = "GO2_SIM_KEY", hide_env_values = true)]
    pub key: Option<DeviceKey>,
    /// Say generation 3, but encrypt under the static key, as some robots do
    #[arg(long)]
    pub static_under_3: bool,
    /// Messages and commands of this firmware; by default the profile's
    #[arg(long, value_enum)]
    pub firmware: Option<Firmware>,
    /// What to do about the validation
    #[arg(long, value_enum, default_value = "accept")]
    pub validation: Validation,
    /// Acknowledge the data channel, which real robots do not
    #[arg(long)]
    pub dcep_ack: bool,
    /// Let UDP through to and from this address only, as a network whose clients cannot reach each other; a TURN server
    /// may be there
    #[arg(long, value_name = "ADDRESS")]
    pub only_via: Option<IpAddr>,
    /// Answer with the SCTP description of before 2017
    #[arg(long)]
    pub old_sctp_form: bool,
    /// Rate of rt/lf/lowstate in Hz; by default the firmware's
    #[arg(long)]
    pub low_hz: Option<f64>,
    /// Rate of rt/lf/sportmodestate in Hz; by default the profile's
    #[arg(long)]
    pub sport_hz: Option<f64>,
    /// Rate of rt/utlidar/robot_pose in Hz; by default the profile's
    #[arg(long)]
    pub pose_hz: Option<f64>,
    /// Seconds that the robot's clock is behind this computer's when it starts, less than 0 for ahead; by default the
    /// profile's
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub clock_behind: Option<f64>,
    /// Seed of the sensors' noise
    #[arg(long, default_value_t = 1)]
    pub noise_seed: u64,
    /// Send poses in bursts of this many, as robots on Wi-Fi seem to
    #[arg(long, default_value_t = 1)]
    pub pose_burst: u32,
    /// The map of the world around the robot, the YAML file of a map_server; by default a house of three rooms.
    /// The robot starts at (0, 0) and looks along x
    #[arg(long)]
    pub map: Option<PathBuf>,
    /// Rate of rt/utlidar/voxel_map_compressed in Hz; by default the profile's
    #[arg(long)]
    pub lidar_hz: Option<f64>,
    /// How many commands of the LiDAR's switch are missed in each session
    #[arg(long, default_value_t = 1)]
    pub lidar_ignores: u32,
    /// Stamps of the voxel maps; by default the profile's
    #[arg(long, value_enum)]
    pub lidar_stamp: Option<Stamps>,
    /// The LiDAR stops by itself when it has been on for this many seconds, once; 0 means never
    #[arg(long, default_value_t = 0.0)]
    pub lidar_stops_after: f64,
    /// Interval of latency probes in seconds, 0 for none
    #[arg(long, default_value_t = 3.0)]
    pub probe_every: f64,
    /// Drop a client without a heartbeat after this many seconds
    #[arg(long, default_value_t = 10.0)]
    pub heartbeat_timeout: f64,
    /// Give up a client that is silent or never connects after this many seconds
    #[arg(long, default_value_t = 30.0)]
    pub lost_after: f64,
    /// A Move, of the sport service or of obstacles_avoid, lasts this many seconds; 0 means for ever
    #[arg(long, default_value_t = 0.0)]
    pub move_lasts: f64,
    /// Send a binary frame of this many bytes once, after the validation
    #[arg(long)]
    pub big: Option<usize>,
    /// A fault that the robot reports, its source and its code in hexadecimal, e.g. 303:10; may be repeated
    #[arg(long = "fault", value_name = "SOURCE:CODE", value_parser = fault)]
    pub faults: Vec<Fault>,
    /// What goes wrong and when: a file with a JSON object a line, such as
    /// {"at": 5, "begin": {"freeze": "lidar"}, "for": 2.5}; docs/mishaps.md lists them
    #[arg(long, value_name = "FILE")]
    pub mishaps: Option<PathBuf>,
    /// Take orders for mishaps on this TCP port of the robot's loopback address; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub control_port: Option<u16>,
    /// Send malformed messages of every kind beside the proper ones
    #[arg(long)]
    pub garble: bool,
    /// The front camera.
    #[command(flatten)]
    pub video: VideoOptions,
    /// The network to its client.
    #[command(flatten)]
    pub network: NetworkOptions,
    /// What the robot's services are like.
    #[command(flatten)]
    pub services: ServiceOptions,
    /// Log every state message, voxel map and video frame with the time of its sending, for benchmarks
    #[arg(long)]
    pub log_sent: bool,
    /// Write everything that happens to this file, a JSON object a line
    #[arg(long)]
    pub log: Option<PathBuf>,
}

pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let probability = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    probability.ok_or_else(|| "a probability is a number from 0 to 1".to_owned())
}

fn fault(text: &str) -> Result<Fault, String> {
    let parse = || {
        let (source, code) = text.split_once(':')?;
        Some(Fault { source: source.parse().ok()?, code: i64::from_str_radix(code, 16).ok()? })
    };
    parse().ok_or_else(|| "a fault is a number, a colon and a hexadecimal number".to_owned())
}

fn key(text: &str) -> Result<DeviceKey, String> {
    text.parse().map_err(|error: go2_proto::signaling::KeyMalformed| error.to_string())
}

impl Default for Options {
    /// The defaults of the command line, on free ports.
    fn default() -> Self {
        Self { encrypted_port: 0, plain_port: 0, ..Self::parse_from(["go2_sim"]) }
    }
}

impl Options {
    /// What is known of the robot that is simulated.
    pub fn facts(&self) -> &'static Facts {
        self.profile.facts()
    }

    /// Form of messages and commands.
    pub fn firmware(&self) -> Firmware {
        self.firmware.unwrap_or(self.facts().firmware)
    }

    /// Rate of lowstate in Hz.
    pub fn low_hz(&self) -> f64 {
        self.low_hz.unwrap_or(match self.firmware {
            Some(Firmware::Old) => Profile::Year2024.facts().state.low_hz,
            Some(Firmware::New) => Profile::Pro1115.facts().state.low_hz,
            None => self.facts().state.low_hz,
        })
    }

    /// Rate of sportmodestate in Hz.
    pub fn sport_hz(&self) -> f64 {
        self.sport_hz.unwrap_or(self.facts().state.sport_hz)
    }

    /// Rate of robot_pose in Hz.
    pub fn pose_hz(&self) -> f64 {
        self.pose_hz.unwrap_or(self.facts().state.pose_hz)
    }

    /// Seconds by which the robot's clock is behind at the start.
    pub fn clock_behind(&self) -> f64 {
        self.clock_behind.unwrap_or(self.facts().state.clock_behind)
    }

    /// Stamps of the voxel maps.
    pub fn lidar_stamp(&self) -> Stamps {
        self.lidar_stamp.unwrap_or(self.facts().state.voxel_stamps)
    }

    /// Rate of the voxel maps in Hz.
    pub fn lidar_hz(&self) -> f64 {
        self.lidar_hz.unwrap_or(self.facts().lidar.hz)
    }

    /// How long a Move lasts, if it ends by itself.
    pub fn move_lasts(&self) -> Option<Duration> {
        (self.move_lasts > 0.0).then(|| Duration::from_secs_f64(self.move_lasts))
    }

    /// When the LiDAR stops by itself, if it does.
    pub fn lidar_stops_after(&self) -> Option<Duration> {
        (self.lidar_stops_after > 0.0).then(|| Duration::from_secs_f64(self.lidar_stops_after))
    }
}
