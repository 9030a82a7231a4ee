//! Every parameter of the node: name, kind, default, range, meaning. `config/go2.yaml` says the same to
//! people, and a test holds the two together.

use std::f64::consts::PI;

use go2_proto::commands::{Setting, SETTINGS};

/// What values a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Switch(bool),
    /// Text.
    Text(&'static str),
    /// Text that is never shown.
    Secret,
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// A number within a range.
    Number { default: f64, least: f64, most: f64 },
    /// Numbers of 0 and more, as many as the default has.
    Variances(&'static [f64]),
    /// Position in metres and roll, pitch, yaw in radians.
    Mount([f64; 6]),
    /// Least and most of x, y and z in metres.
    Box([f64; 6]),
    /// Names of data-channel topics; none by default.
    Topics,
    /// URLs of STUN and TURN servers; none by default.
    IceServers,
    /// Words; none by default.
    Words,
    /// What the robot keeps. Not set until the user sets it or the robot tells what it is.
    Setting(&'static Setting),
    /// The robot's motion mode; not set either.
    MotionMode,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a change takes effect at once; others are read at start only.
    pub(crate) live: bool,
    pub(crate) description: &'static str,
}

const fn at_start(name: &'static str, kind: Kind, description: &'static str) -> Spec {
    Spec { name, kind, live: false, description }
}

const fn live(name: &'static str, kind: Kind, description: &'static str) -> Spec {
    Spec { name, kind, live: true, description }
}

const fn number(default: f64, least: f64, most: f64) -> Kind {
    Kind::Number { default, least, most }
}

const DEGREE: f64 = PI / 180.0;

/// The parameter of a name.
pub(crate) fn spec(name: &str) -> Option<&'static Spec> {
    all().find(|spec| spec.name == name)
}

/// Every parameter.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    OWN.iter().chain(&ROBOTS)
}

/// Those of the robot: one for each of its settings.
static ROBOTS: [Spec; SETTINGS.len()] = {
    let mut specs = [live("", Kind::MotionMode, ""); SETTINGS.len()];
    let mut i = 0;
    while i < specs.len() {
        let setting = &SETTINGS[i];
        specs[i] = live(setting.name, Kind::Setting(setting), setting.description);
        i += 1;
    }
    specs
};

/// Those of the node.
const OWN: &[Spec] = &[
    at_start("robot_ip", Kind::Text(""), "IP address or host name of the robot"),
    at_start(
        "serial_number",
        Kind::Text(""),
        "Serial number that the robot must have; what to find it by, without robot_ip",
    ),
    at_start(
        "discovery_interface",
        Kind::Text(""),
        "IPv4 address of the only interface to search on",
    ),
    at_start("aes_128_key", Kind::Secret, "The robot's own key, 32 hexadecimal characters"),
    at_start(
        "allow_other_keys",
        Kind::Switch(false),
        "Accept a robot that does not use aes_128_key, although it is set",
    ),
    at_start("token", Kind::Secret, "Account token, usually empty"),
    at_start("network", Kind::Choice(&["station", "access_point"]), "How network is shared"),
    at_start(
        "ice_servers",
        Kind::IceServers,
        "URLs of STUN and TURN servers, where the robot is not reached directly",
    ),
    at_start("ice_username", Kind::Text(""), "For the TURN servers"),
    at_start(
        "ice_credential",
        Kind::Secret,
        "For the TURN servers; file:/path reads it from a file",
    ),
    at_start(
        "ice_transport_policy",
        Kind::Choice(&["all", "relay"]),
        "Which paths to the robot may be used",
    ),
    at_start(
        "ice_addresses",
        Kind::Words,
        "Addresses or interfaces of this computer to offer to the robot",
    ),
    at_start("record", Kind::Text(""), "File, or directory for one, to record the link to"),
    at_start("replay", Kind::Text(""), "Recording to play in place of a robot"),
    at_start(
        "replay_rate",
        number(1.0, 0.0, 100.0),
        "Times as fast as recorded; 0: one message for each call of ~/replay_step",
    ),
    at_start("gateway", Kind::Switch(false), "Serve the console to browsers, and share the robot"),
    at_start(
        "gateway_address",
        Kind::Text("127.0.0.1:8081"),
        "Address and port of this computer that browsers connect to",
    ),
    at_start(
        "gateway_token",
        Kind::Secret,
        "What lets a browser drive the robot; without one, one is made up and printed",
    ),
    at_start(
        "gateway_viewing",
        Kind::Choice(&["token", "anyone"]),
        "Who may watch: who has a token, or anyone",
    ),
    at_start("gateway_view_token", Kind::Secret, "What lets a browser watch only"),
    at_start(
        "gateway_origins",
        Kind::Words,
        "Origins of other pages that may use the gateway, such as http://dog.example:3000",
    ),
    at_start("frame_prefix", Kind::Text(""), "Put before every frame id"),
    at_start("odom_frame", Kind::Text("odom"), "Frame of the odometry"),
    at_start("base_frame", Kind::Text("base_link"), "Frame of the trunk"),
    at_start(
        "footprint_frame",
        Kind::Text("base_footprint"),
        "Frame under the trunk, level, on the floor",
    ),
    at_start("imu_frame", Kind::Text("imu_link"), "Frame of the IMU"),
    at_start("lidar_frame", Kind::Text("utlidar_lidar"), "Frame of the LiDAR"),
    at_start(
        "camera_frame",
        Kind::Text("front_camera_optical_frame"),
        "Optical frame of the camera",
    ),
    live("stamp_source", Kind::Choice(&["robot", "receive"]), "Whose clock stamps the messages"),
    live("publish_tf", Kind::Switch(true), "Publish odom -> base_link on /tf"),
    live("velocity_frame", Kind::Choice(&["body", "odom"]), "Frame of the robot's velocity"),
    live(
        "odom_pose_variances",
        Kind::Variances(&[0.01, 0.01, 0.01, 0.001, 0.001, 0.01]),
        "Diagonal of the pose covariance",
    ),
    live(
        "odom_twist_variances",
        Kind::Variances(&[0.01, 0.01, 0.01, 0.001, 0.001, 0.001]),
        "Diagonal of the twist covariance",
    ),
    live(
        "imu_orientation_variances",
        Kind::Variances(&[0.001, 0.001, 0.01]),
        "Diagonal of the orientation covariance",
    ),
    live(
        "imu_angular_velocity_variances",
        Kind::Variances(&[0.0001, 0.0001, 0.0001]),
        "Diagonal of the angular velocity covariance",
    ),
    live(
        "imu_linear_acceleration_variances",
        Kind::Variances(&[0.01, 0.01, 0.01]),
        "Diagonal of the linear acceleration covariance",
    ),
    live("lidar", Kind::Switch(true), "Whether the LiDAR is on"),
    live("points_frame", Kind::Choice(&["lidar", "base", "odom"]), "In which frame the cloud is"),
    live(
        "points_seen_only",
        Kind::Switch(false),
        "Whether points leaves out what the LiDAR cannot see from where it is",
    ),
    at_start(
        "lidar_mount",
        Kind::Mount([0.28945, 0.0, -0.046825, 0.0, 2.8782, 0.0]),
        "Pose of the LiDAR on the trunk",
    ),
    live(
        "body_box",
        Kind::Box([-0.45, 0.45, -0.25, 0.25, -0.40, 0.20]),
        "The robot's own body, cut out of points and scan",
    ),
    live("scan_min_height", number(0.10, -1.0, 2.0), "Lower edge of the scan over the floor, m"),
    live("scan_max_height", number(0.60, -1.0, 2.0), "Upper edge of the scan over the floor, m"),
    live("scan_angle_min", number(-PI, -PI, PI), "First beam, rad"),
    live("scan_angle_max", number(PI - DEGREE, -PI, PI), "Last beam, rad"),
    live("scan_angle_increment", number(DEGREE, 0.001, 0.2), "Between two beams, rad"),
    live("scan_range_min", number(0.30, 0.0, 2.0), "Nearest that counts, m"),
    live("scan_range_max", number(3.0, 0.5, 4.5), "Farthest that counts, m"),
    live(
        "camera_encoding",
        Kind::Choice(&["rgb8", "bgr8", "yuv422_yuy2"]),
        "Encoding of camera/image_raw",
    ),
    live(
        "camera_matrix",
        Kind::Choice(&["bt601", "bt709"]),
        "Matrix of the camera's colors, where its stream does not tell",
    ),
    live(
        "camera_range",
        Kind::Choice(&["limited", "full"]),
        "Range of the camera's samples, where its stream does not tell",
    ),
    at_start("camera_info_url", Kind::Text(""), "file: URL of the camera's calibration"),
    live("jpeg_quality", number(80.0, 1.0, 100.0), "Quality of camera/image_raw/compressed"),
    at_start("enable_stamped_cmd_vel", Kind::Switch(false), "cmd_vel is a TwistStamped"),
    live("cmd_vel_timeout", number(0.3, 0.05, 2.0), "Seconds until a command is stale"),
    live("max_linear_x", number(1.0, 0.0, 3.8), "Fastest forward and backward, m/s"),
    live("max_linear_y", number(0.5, 0.0, 1.0), "Fastest to the sides, m/s"),
    live("max_angular_z", number(1.5, 0.0, 4.0), "Fastest turn, rad/s"),
    live("max_linear_acceleration", number(0.0, 0.0, 20.0), "Gain of speed, m/s^2; 0: no limit"),
    live("max_angular_acceleration", number(0.0, 0.0, 50.0), "Gain of turn, rad/s^2; 0: no limit"),
    live(
        "command_path",
        Kind::Choice(&["auto", "move", "avoid", "sticks"]),
        "How velocities go to the robot",
    ),
    live("stick_linear_x", number(2.5, 0.5, 5.0), "Speed of a stick all the way forward, m/s"),
    live("stick_linear_y", number(1.0, 0.5, 5.0), "Speed of a stick all the way aside, m/s"),
    live("stick_angular_z", number(5.0, 0.5, 10.0), "Turn of a stick all the way aside, rad/s"),
    live("auto_balance_stand", Kind::Switch(false), "Bring the robot into a walkable posture"),
    live("allow_acrobatics", Kind::Switch(false), "Allow flips, jumps, handstand, rage mode"),
    live(
        "allow_mode_switch",
        Kind::Switch(false),
        "Send a change of the motion mode also to robots that have only one",
    ),
    live("request_timeout", number(5.0, 0.5, 60.0), "Seconds a service waits for the robot"),
    live("mode_timeout", number(15.0, 1.0, 60.0), "Seconds a change of motion mode may take"),
    live(super::MOTION_MODE, Kind::MotionMode, "Motion mode of the robot"),
    at_start("raw_topics", Kind::Topics, "Data-channel topics to pass on under ~/raw/"),
    live("motor_temperature_warn", number(70.0, 0.0, 127.0), "Motor degrees Celsius to warn at"),
    live("battery_warn", number(0.2, 0.0, 1.0), "Charge, 0 to 1, to warn at"),
];
