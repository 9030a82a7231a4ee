//! The parameters' values as the rest of the node reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use go2_client::secret::Secret;
use go2_client::signaling::{Network, Target};
use go2_client::transport::ice::{IcePolicy, IceSettings};
use go2_client::video::{Colors, Matrix};
use go2_proto::geometry::{Quaternion, Transform};
use go2_proto::lidar::{BodyBox, ScanSettings};
use go2_proto::motion::Velocity;

use super::check::Value;
use super::secret::{SecretError, Secrets};

/// The frame in which the robot gives its velocity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VelocityFrame {
    Odometry,
    Body,
}

/// Whose clock stamps the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StampSource {
    Robot,
    Receive,
}

/// The frame of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointsFrame {
    Lidar,
    Base,
    Odometry,
}

/// How velocities go to the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandPath {
    /// As the robot's state wants it.
    Auto,
    /// The sport service's Move.
    Move,
    /// The obstacles_avoid service's Move.
    Avoid,
    /// The sticks of the hand-held remote.
    Sticks,
}

/// Of `camera/image_raw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Rgb,
    Bgr,
    /// Y0 U Y1 V for each two pixels.
    Yuv,
}

impl Encoding {
    /// The name in `sensor_msgs/Image`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb8",
            Self::Bgr => "bgr8",
            Self::Yuv => "yuv422_yuy2",
        }
    }

    /// Bytes of a row of so many pixels.
    pub(crate) fn step(self, width: usize) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3 * width,
            Self::Yuv => 2 * width,
        }
    }
}

/// The parameters' values, typed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) robot_ip: String,
    pub(crate) serial_number: String,
    pub(crate) discovery_interface: String,
    pub(crate) secrets: Result<Secrets, SecretError>,
    /// Whether a robot is accepted that does not use the key that is set.
    allow_other_keys: bool,
    pub(crate) network: Network,
    /// How ICE looks for a path, without the credential.
    ice: IceSettings,
    /// Where browsers connect to, as it was given; `None` without a gateway.
    pub(crate) gateway: Option<String>,
    /// Whether anyone may watch.
    pub(crate) gateway_is_open: bool,
    pub(crate) gateway_origins: Vec<String>,
    /// Where the link is recorded to; empty: nowhere.
    pub(crate) record: String,
    /// The recording to play in place of a robot, if any.
    pub(crate) replay: Option<String>,
    /// None: by steps.
    pub(crate) replay_rate: Option<f64>,
    pub(crate) odom_frame: String,
    pub(crate) base_frame: String,
    pub(crate) footprint_frame: String,
    pub(crate) imu_frame: String,
    pub(crate) lidar_frame: String,
    pub(crate) camera_frame: String,
    pub(crate) stamp_source: StampSource,
    pub(crate) lidar: bool,
    pub(crate) points_frame: PointsFrame,
    pub(crate) points_seen_only: bool,
    /// The LiDAR in the trunk's frame.
    pub(crate) lidar_mount: Transform,
    /// In the trunk's frame, metres.
    pub(crate) body_box: BodyBox,
    pub(crate) scan: ScanSettings,
    pub(crate) camera_encoding: Encoding,
    /// What the camera's samples stand for, where its stream does not tell.
    pub(crate) camera_colors: Colors,
    pub(crate) camera_info_url: String,
    /// 1 to 100.
    pub(crate) jpeg_quality: u8,
    pub(crate) publish_tf: bool,
    pub(crate) velocity_frame: VelocityFrame,
    pub(crate) odom_pose_variances: [f64; 6],
    pub(crate) odom_twist_variances: [f64; 6],
    pub(crate) imu_orientation_variances: [f64; 3],
    pub(crate) imu_angular_velocity_variances: [f64; 3],
    pub(crate) imu_linear_acceleration_variances: [f64; 3],
    pub(crate) stamped_cmd_vel: bool,
    pub(crate) cmd_vel_timeout: Duration,
    /// The fastest in each direction.
    pub(crate) limits: Velocity,
    /// The fastest gain of speed, m/s^2 and rad/s^2; infinite without a limit.
    pub(crate) acceleration: [f64; 2],
    pub(crate) command_path: CommandPath,
    /// Speeds of sticks that are pushed all the way.
    pub(crate) stick_speeds: Velocity,
    pub(crate) auto_balance_stand: bool,
    pub(crate) allow_acrobatics: bool,
    /// Whether a change of the motion mode is sent to every robot.
    pub(crate) allow_mode_switch: bool,
    pub(crate) request_timeout: Duration,
    pub(crate) mode_timeout: Duration,
    /// As the user wants it, or as the robot says it is.
    pub(crate) obstacle_avoidance: Option<bool>,
    pub(crate) raw_topics: Vec<String>,
    /// Degrees Celsius.
    pub(crate) motor_temperature_warn: f64,
    /// 0 to 1.
    pub(crate) battery_warn: f64,
}

impl Settings {
    /// How far sticks are pushed for a velocity, -1 to 1.
    pub(crate) fn deflection(&self, velocity: Velocity) -> Velocity {
        let Velocity { x, y, yaw } = self.stick_speeds;
        Velocity { x: velocity.x / x, y: velocity.y / y, yaw: velocity.yaw / yaw }
    }

    /// Where the robot is looked for, in words.
    pub(crate) fn place(&self) -> String {
        self.open_target().name()
    }

    /// The robot to connect to, without secrets.
    fn open_target(&self) -> Target {
        let mut target = Target::new(&self.robot_ip);
        target.serial_number = Some(self.serial_number.clone()).filter(|number| !number.is_empty());
        target.search.interfaces = self.discovery_interface.parse().into_iter().collect();
        target.network = self.network;
        target.allow_other_keys = self.allow_other_keys;
        if self.gateway.is_some() && is_this_computer(&self.robot_ip) {
            // What answers there is the gateway itself.
            target.plain_port = 0;
        }
        target
    }

    /// How ICE looks for a path.
    pub(crate) fn ice(&self) -> Result<IceSettings, SecretError> {
        let credential = self.secrets.clone()?.credential;
        Ok(IceSettings { credential, ..self.ice.clone() })
    }

    /// The robot to connect to.
    pub(crate) fn target(&self) -> Result<Target, SecretError> {
        let Secrets { key, token, .. } = self.secrets.clone()?;
        Ok(Target { key, token, ..self.open_target() })
    }
}

pub(super) fn settings(values: &BTreeMap<&'static str, Value>) -> Settings {
    let text = |name: &str| match values.get(name) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let switch = |name: &str| matches!(values.get(name), Some(Value::Switch(true)));
    let number = |name: &str| match values.get(name) {
        Some(Value::Number(number)) => *number,
        _ => 0.0,
    };
    let frame = |name: &str| format!("{}{}", text("frame_prefix"), text(name));
    Settings {
        robot_ip: text("robot_ip"),
        serial_number: text("serial_number"),
        discovery_interface: text("discovery_interface"),
        secrets: Secrets::read(values),
        allow_other_keys: switch("allow_other_keys"),
        network: match text("network").as_str() {
            "access_point" => Network::AccessPoint,
            _ => Network::Station,
        },
        ice: ice(values),
        gateway: Some(text("gateway_address")).filter(|_| switch("gateway")),
        gateway_is_open: text("gateway_viewing") == "anyone",
        gateway_origins: texts(values, "gateway_origins"),
        record: text("record"),
        replay: Some(text("replay")).filter(|path| !path.is_empty()),
        replay_rate: Some(number("replay_rate")).filter(|rate| *rate > 0.0),
        odom_frame: frame("odom_frame"),
        base_frame: frame("base_frame"),
        footprint_frame: frame("footprint_frame"),
        imu_frame: frame("imu_frame"),
        lidar_frame: frame("lidar_frame"),
        camera_frame: frame("camera_frame"),
        stamp_source: match text("stamp_source").as_str() {
            "receive" => StampSource::Receive,
            _ => StampSource::Robot,
        },
        lidar: switch("lidar"),
        points_frame: match text("points_frame").as_str() {
            "odom" => PointsFrame::Odometry,
            "base" => PointsFrame::Base,
            _ => PointsFrame::Lidar,
        },
        points_seen_only: switch("points_seen_only"),
        lidar_mount: mount(numbers(values, "lidar_mount")),
        body_box: body_box(numbers(values, "body_box")),
        scan: ScanSettings {
            min_height: number("scan_min_height"),
            max_height: number("scan_max_height"),
            angle_min: number("scan_angle_min"),
            angle_max: number("scan_angle_max"),
            angle_increment: number("scan_angle_increment"),
            range_min: number("scan_range_min"),
            range_max: number("scan_range_max"),
            body: Some(body_box(numbers(values, "body_box"))),
        },
        camera_colors: Colors {
            matrix: match text("camera_matrix").as_str() {
                "bt709" => Matrix::Bt709,
                _ => Matrix::Bt601,
            },
            full_range: text("camera_range") == "full",
        },
        camera_encoding: match text("camera_encoding").as_str() {
            "bgr8" => Encoding::Bgr,
            "yuv422_yuy2" => Encoding::Yuv,
            _ => Encoding::Rgb,
        },
        camera_info_url: text("camera_info_url"),
        jpeg_quality: number("jpeg_quality") as u8,
        publish_tf: switch("publish_tf"),
        velocity_frame: match text("velocity_frame").as_str() {
            "odom" => VelocityFrame::Odometry,
            _ => VelocityFrame::Body,
        },
        odom_pose_variances: numbers(values, "odom_pose_variances"),
        odom_twist_variances: numbers(values, "odom_twist_variances"),
        imu_orientation_variances: numbers(values, "imu_orientation_variances"),
        imu_angular_velocity_variances: numbers(values, "imu_angular_velocity_variances"),
        imu_linear_acceleration_variances: numbers(values, "imu_linear_acceleration_variances"),
        stamped_cmd_vel: switch("enable_stamped_cmd_vel"),
        cmd_vel_timeout: Duration::from_secs_f64(number("cmd_vel_timeout")),
        limits: Velocity {
            x: number("max_linear_x"),
            y: number("max_linear_y"),
            yaw: number("max_angular_z"),
        },
        acceleration: ["max_linear_acceleration", "max_angular_acceleration"]
            .map(|name| Some(number(name)).filter(|limit| *limit > 0.0).unwrap_or(f64::INFINITY)),
        command_path: match text("command_path").as_str() {
            "move" => CommandPath::Move,
            "avoid" => CommandPath::Avoid,
            "sticks" => CommandPath::Sticks,
            _ => CommandPath::Auto,
        },
        stick_speeds: Velocity {
            x: number("stick_linear_x"),
            y: number("stick_linear_y"),
            yaw: number("stick_angular_z"),
        },
        auto_balance_stand: switch("auto_balance_stand"),
        allow_acrobatics: switch("allow_acrobatics"),
        allow_mode_switch: switch("allow_mode_switch"),
        request_timeout: Duration::from_secs_f64(number("request_timeout")),
        mode_timeout: Duration::from_secs_f64(number("mode_timeout")),
        obstacle_avoidance: match values.get("obstacle_avoidance") {
            Some(Value::Robot(value)) => value.as_bool(),
            _ => None,
        },
        raw_topics: texts(values, "raw_topics"),
        motor_temperature_warn: number("motor_temperature_warn"),
        battery_warn: number("battery_warn"),
    }
}

/// Whether a robot is simulated on this computer.
fn is_this_computer(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn ice(values: &BTreeMap<&'static str, Value>) -> IceSettings {
    let text = |name: &str| match values.get(name) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    IceSettings {
        servers: texts(values, "ice_servers").iter().filter_map(|url| url.parse().ok()).collect(),
        username: text("ice_username").to_owned(),
        credential: Secret::default(),
        policy: match text("ice_transport_policy") {
            "relay" => IcePolicy::Relay,
            _ => IcePolicy::All,
        },
        addresses: texts(values, "ice_addresses"),
    }
}

fn texts(values: &BTreeMap<&'static str, Value>, name: &str) -> Vec<String> {
    match values.get(name) {
        Some(Value::Texts(texts)) => texts.clone(),
        _ => vec![],
    }
}

fn mount([x, y, z, roll, pitch, yaw]: [f64; 6]) -> Transform {
    Transform { translation: [x, y, z], rotation: Quaternion::from_rpy([roll, pitch, yaw]) }
}

fn body_box([x0, x1, y0, y1, z0, z1]: [f64; 6]) -> BodyBox {
    BodyBox { min: [x0, y0, z0], max: [x1, y1, z1] }
}

fn numbers<const N: usize>(values: &BTreeMap<&'static str, Value>, name: &str) -> [f64; N] {
    match values.get(name) {
        Some(Value::Numbers(numbers)) => numbers.as_slice().try_into().unwrap_or([0.0; N]),
        _ => [0.0; N],
    }
}
