//! The node's parameters: read at start and on change, validated with a reason.

pub(crate) mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use go2_link::geometry::{Quaternion, Transform};
use go2_link::lidar::{BodyBox, ScanError, ScanSettings, Scanner};
use go2_link::session::Velocity;
use go2_link::signaling::{DeviceKey, Network, Target};
use r2r::{Parameter, ParameterValue, RosParams};
use tokio::sync::watch;

use table::{Kind, Spec, TABLE};

/// The environment variable that may hold the robot's key, so that it need not stand in a file.
pub(crate) const KEY_VARIABLE: &str = "GO2_AES_128_KEY";

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
    pub(crate) key: Option<DeviceKey>,
    pub(crate) token: String,
    pub(crate) network: Network,
    pub(crate) odom_frame: String,
    pub(crate) base_frame: String,
    pub(crate) footprint_frame: String,
    pub(crate) imu_frame: String,
    pub(crate) lidar_frame: String,
    pub(crate) camera_frame: String,
    pub(crate) stamp_source: StampSource,
    pub(crate) lidar: bool,
    pub(crate) points_frame: PointsFrame,
    /// The LiDAR in the trunk's frame.
    pub(crate) lidar_mount: Transform,
    /// In the trunk's frame, metres.
    pub(crate) body_box: BodyBox,
    pub(crate) scan: ScanSettings,
    pub(crate) camera_encoding: Encoding,
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
    /// As wished, or as the robot says.
    pub(crate) obstacle_avoidance: Option<bool>,
    /// Speeds of sticks that are pushed all the way.
    pub(crate) stick_speeds: Velocity,
    pub(crate) auto_balance_stand: bool,
    pub(crate) allow_acrobatics: bool,
    pub(crate) request_timeout: Duration,
    pub(crate) mode_timeout: Duration,
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

    /// The robot to connect to.
    pub(crate) fn target(&self) -> Target {
        let mut target = Target::new(&self.robot_ip);
        target.key = self.key.clone();
        target.network = self.network;
        target.token = self.token.clone().into();
        target
    }
}

/// Why a parameter's value is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no parameter of this name")]
    Unknown,
    #[error("it is read at start only: restart the node with the new value")]
    StartOnly,
    #[error("it must be {0}")]
    Type(&'static str),
    #[error("it must be one of {0:?}")]
    Choice(&'static [&'static str]),
    #[error("it must be from {0} to {1}")]
    Range(f64, f64),
    #[error("it must be {0} finite numbers of 0 and more")]
    Variances(usize),
    #[error("it must be six finite numbers: x y z in metres, roll pitch yaw in radians")]
    Mount,
    #[error(
        "it must be six finite numbers, least and most of x, y and z, each least below its most"
    )]
    Box,
    #[error("together with the others it makes no scan: {0}")]
    Scan(#[from] ScanError),
    #[error("it must be a list of data-channel topics, such as [\"rt/uslam/server_log\"]")]
    Topics,
    #[error("an aes_128_key is 32 hexadecimal characters (0-9, a-f)")]
    Key,
}

/// A value that fits its parameter.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Switch(bool),
    Text(String),
    Number(f64),
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

fn check(spec: &Spec, value: &ParameterValue) -> Result<Value, Refused> {
    use ParameterValue as P;
    match (spec.kind, value) {
        (Kind::Switch(_), P::Bool(on)) => Ok(Value::Switch(*on)),
        (Kind::Switch(_), _) => Err(Refused::Type("true or false")),
        (Kind::Secret, P::String(text)) => {
            let is_key = spec.name == "aes_128_key" && !text.trim().is_empty();
            if is_key && text.parse::<DeviceKey>().is_err() {
                return Err(Refused::Key);
            }
            Ok(Value::Text(text.trim().to_owned()))
        }
        (Kind::Text(_), P::String(text)) => Ok(Value::Text(text.trim().to_owned())),
        (Kind::Text(_) | Kind::Secret, _) => {
            Err(Refused::Type("text: put it in quotes, or YAML takes it for a number"))
        }
        (Kind::Choice(words), P::String(text)) if words.contains(&text.as_str()) => {
            Ok(Value::Text(text.clone()))
        }
        (Kind::Choice(words), _) => Err(Refused::Choice(words)),
        (Kind::Number { least, most, .. }, P::Double(_) | P::Integer(_)) => {
            let number = match value {
                P::Integer(number) => *number as f64,
                P::Double(number) => *number,
                _ => f64::NAN,
            };
            let fits = (least..=most).contains(&number);
            fits.then_some(Value::Number(number)).ok_or(Refused::Range(least, most))
        }
        (Kind::Number { .. }, _) => Err(Refused::Type("a number")),
        (Kind::Variances(default), P::DoubleArray(numbers)) => {
            let fits = numbers.len() == default.len()
                && numbers.iter().all(|number| number.is_finite() && *number >= 0.0);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Variances(default.len()))
        }
        (Kind::Variances(default), _) => Err(Refused::Variances(default.len())),
        (Kind::Mount(_), P::DoubleArray(numbers)) => {
            let fits = numbers.len() == 6 && numbers.iter().all(|number| number.abs() < 100.0);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Mount)
        }
        (Kind::Mount(_), _) => Err(Refused::Mount),
        (Kind::Box(_), P::DoubleArray(numbers)) => {
            let ordered =
                |pair: &[f64]| pair[0].abs() < 100.0 && pair[0] < pair[1] && pair[1] < 100.0;
            let fits = numbers.len() == 6 && numbers.chunks_exact(2).all(ordered);
            fits.then(|| Value::Numbers(numbers.clone())).ok_or(Refused::Box)
        }
        (Kind::Box(_), _) => Err(Refused::Box),
        (Kind::Topics, P::StringArray(topics)) => {
            let fits = topics.iter().all(|topic| is_topic(topic));
            fits.then(|| Value::Texts(topics.clone())).ok_or(Refused::Topics)
        }
        (Kind::Topics, _) => Err(Refused::Topics),
    }
}

/// Whether a data-channel topic can also be part of a ROS name.
fn is_topic(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
    };
    text.split('/').all(is_word)
}

fn default(kind: Kind) -> Value {
    match kind {
        Kind::Switch(on) => Value::Switch(on),
        Kind::Text(text) => Value::Text(text.to_owned()),
        Kind::Secret => Value::Text(String::new()),
        Kind::Choice(words) => Value::Text(words[0].to_owned()),
        Kind::Number { default, .. } => Value::Number(default),
        Kind::Variances(default) => Value::Numbers(default.to_vec()),
        Kind::Mount(numbers) | Kind::Box(numbers) => Value::Numbers(numbers.to_vec()),
        Kind::Topics => Value::Texts(vec![]),
    }
}

/// All parameters; what ROS's parameter services read and write.
pub(crate) struct Store {
    values: BTreeMap<&'static str, Value>,
    settings: watch::Sender<Arc<Settings>>,
}

impl Store {
    /// The defaults.
    pub(crate) fn new() -> Self {
        let values: BTreeMap<_, _> =
            TABLE.iter().map(|spec| (spec.name, default(spec.kind))).collect();
        let settings = watch::Sender::new(Arc::new(settings(&values)));
        Self { values, settings }
    }

    /// The typed values, always up to date.
    pub(crate) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Takes a value given at start.
    fn start(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let spec = TABLE.iter().find(|spec| spec.name == name).ok_or(Refused::Unknown)?;
        self.put(spec, value)
    }

    /// Takes a `name:=value` of the command line. An empty value counts as none, so that a launch file can
    /// pass on arguments that were not given.
    pub(crate) fn argument(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        let spec = TABLE.iter().find(|spec| spec.name == name).ok_or(Refused::Unknown)?;
        let value = match spec.kind {
            _ if text.is_empty() => return Ok(()),
            Kind::Text(_) | Kind::Secret | Kind::Choice(_) => ParameterValue::String(text.into()),
            Kind::Switch(_) => match text.to_ascii_lowercase().as_str() {
                "true" => ParameterValue::Bool(true),
                "false" => ParameterValue::Bool(false),
                _ => ParameterValue::NotSet,
            },
            Kind::Number { .. } => {
                text.parse().map_or(ParameterValue::NotSet, ParameterValue::Double)
            }
            Kind::Variances(_) | Kind::Mount(_) | Kind::Box(_) | Kind::Topics => {
                ParameterValue::NotSet
            }
        };
        self.put(spec, &value)
    }

    /// Takes a new value of a parameter that can be changed while the node runs.
    pub(crate) fn change(&mut self, name: &str, value: &ParameterValue) -> Result<(), Refused> {
        let spec = changeable(name)?;
        self.check_together(spec, value)?;
        self.put(spec, value)
    }

    /// Whether the values make sense beside each other once this one is taken.
    fn check_together(&self, spec: &Spec, value: &ParameterValue) -> Result<(), Refused> {
        let mut values = self.values.clone();
        values.insert(spec.name, check(spec, value)?);
        Scanner::new(settings(&values).scan)?;
        Ok(())
    }

    fn put(&mut self, spec: &Spec, value: &ParameterValue) -> Result<(), Refused> {
        let value = check(spec, value)?;
        self.values.insert(spec.name, value);
        self.settings.send_replace(Arc::new(settings(&self.values)));
        Ok(())
    }

    fn shown(&self, spec: &Spec) -> ParameterValue {
        match self.values.get(spec.name) {
            Some(Value::Text(text)) if spec.kind == Kind::Secret && !text.is_empty() => {
                ParameterValue::String("(hidden)".into())
            }
            Some(Value::Text(text)) => ParameterValue::String(text.clone()),
            Some(Value::Switch(on)) => ParameterValue::Bool(*on),
            Some(Value::Number(number)) => ParameterValue::Double(*number),
            Some(Value::Numbers(numbers)) => ParameterValue::DoubleArray(numbers.clone()),
            Some(Value::Texts(texts)) => ParameterValue::StringArray(texts.clone()),
            None => ParameterValue::NotSet,
        }
    }
}

fn changeable(name: &str) -> Result<&'static Spec, Refused> {
    let spec = TABLE.iter().find(|spec| spec.name == name).ok_or(Refused::Unknown)?;
    if spec.live {
        Ok(spec)
    } else {
        Err(Refused::StartOnly)
    }
}

fn settings(values: &BTreeMap<&'static str, Value>) -> Settings {
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
    let key = Some(text("aes_128_key"))
        .filter(|key| !key.is_empty())
        .or_else(|| std::env::var(KEY_VARIABLE).ok());
    Settings {
        robot_ip: text("robot_ip"),
        key: key.and_then(|key| key.parse().ok()),
        token: text("token"),
        network: match text("network").as_str() {
            "access_point" => Network::AccessPoint,
            _ => Network::Station,
        },
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
        camera_encoding: match text("camera_encoding").as_str() {
            "bgr8" => Encoding::Bgr,
            "yuv422_yuy2" => Encoding::Yuv,
            _ => Encoding::Rgb,
        },
        camera_info_url: text("camera_info_url"),
        jpeg_quality: number("jpeg_quality") as u8,
        publish_tf: switch("publish_tf"),
        velocity_frame: match text("velocity_frame").as_str() {
            "body" => VelocityFrame::Body,
            _ => VelocityFrame::Odometry,
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
        obstacle_avoidance: None,
        stick_speeds: Velocity {
            x: number("stick_linear_x"),
            y: number("stick_linear_y"),
            yaw: number("stick_angular_z"),
        },
        auto_balance_stand: switch("auto_balance_stand"),
        allow_acrobatics: switch("allow_acrobatics"),
        request_timeout: Duration::from_secs_f64(number("request_timeout")),
        mode_timeout: Duration::from_secs_f64(number("mode_timeout")),
        raw_topics: match values.get("raw_topics") {
            Some(Value::Texts(topics)) => topics.clone(),
            _ => vec![],
        },
        motor_temperature_warn: number("motor_temperature_warn"),
        battery_warn: number("battery_warn"),
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

fn ros_error(name: &str, refused: &Refused) -> r2r::Error {
    r2r::Error::ParameterValueConv { name: name.to_owned(), msg: refused.to_string() }
}

impl RosParams for Store {
    /// Takes the values of the command line and fills in everything else.
    fn register_parameters(
        &mut self,
        _prefix: &str,
        _parameter: Option<Parameter>,
        params: &mut r2r::indexmap::IndexMap<String, Parameter>,
    ) -> r2r::Result<()> {
        const NOT_OURS: &[&str] = &["use_sim_time", "start_type_description_service"];
        for (name, parameter) in params.iter() {
            match self.start(name, &parameter.value) {
                Ok(()) => {}
                Err(Refused::Unknown) if NOT_OURS.contains(&name.as_str()) => {}
                Err(Refused::Unknown) if name.starts_with("qos_overrides.") => {}
                Err(refused) => return Err(ros_error(name, &refused)),
            }
        }
        for spec in TABLE {
            let value = self.shown(spec);
            params.insert(spec.name.to_owned(), Parameter { value, description: spec.description });
        }
        Ok(())
    }

    fn get_parameter(&mut self, name: &str) -> r2r::Result<ParameterValue> {
        let spec = TABLE.iter().find(|spec| spec.name == name);
        spec.map(|spec| self.shown(spec)).ok_or_else(|| ros_error(name, &Refused::Unknown))
    }

    fn set_parameter(&mut self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        self.change(name, value).map_err(|refused| ros_error(name, &refused))
    }

    fn check_parameter(&self, name: &str, value: &ParameterValue) -> r2r::Result<()> {
        changeable(name)
            .and_then(|spec| self.check_together(spec, value))
            .map_err(|refused| ros_error(name, &refused))
    }
}

#[cfg(test)]
mod tests;
