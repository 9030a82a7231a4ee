//! Api ids of the robot's services. Those of the sport service mean the same on every firmware; the others are in
//! [`crate::commands::ACTIONS`].

/// Motors limp: the robot drops.
pub const DAMP: i64 = 1001;
/// Stand ready to walk.
pub const BALANCE_STAND: i64 = 1002;
/// Leave the current gait or pose. Not a brake: zero velocity is.
pub const STOP_MOVE: i64 = 1003;
/// Stand with locked joints; not ready to walk.
pub const STAND_UP: i64 = 1004;
/// Lie down.
pub const STAND_DOWN: i64 = 1005;
/// Get up from any posture, as after a fall.
pub const RECOVERY_STAND: i64 = 1006;
/// Walk with a velocity `{"x", "y", "z"}`: m/s forward, m/s to the left, rad/s counter-clockwise.
pub const MOVE: i64 = 1008;

/// Hold the body at an attitude `{"x", "y", "z"}`: roll, pitch, yaw in rad.
pub const EULER: i64 = 1007;
/// Get up from sitting.
pub const RISE_SIT: i64 = 1010;
/// Follow a path of points, past everything that avoids obstacles.
pub const TRAJECTORY_FOLLOW: i64 = 1018;
/// Whether sticks are listened to.
pub const SWITCH_JOYSTICK: i64 = 1027;

/// Api ids of the motion_switcher service.
pub mod motion_switcher {
    /// Which mode the robot is in: `{"form", "name"}`.
    pub const GET: i64 = 1001;
    /// Go into the mode `{"name"}`; takes 5 to 10 s, the robot may sit down and stand up.
    pub const SELECT: i64 = 1002;
    /// Leave the mode.
    pub const RELEASE: i64 = 1003;
}

/// Api ids of the obstacles_avoid service.
pub mod obstacles_avoid {
    /// Avoid obstacles or do not, `{"enable"}`.
    pub const SET: i64 = 1001;
    /// Whether it avoids obstacles.
    pub const GET: i64 = 1002;
    /// Walk with `{"x", "y", "yaw", "mode"}`; mode 0 is a velocity.
    pub const MOVE: i64 = 1003;
    /// Take commands of this api `{"is_remote_commands_from_api"}`, instead of the remote's.
    pub const TAKE_COMMANDS: i64 = 1004;
}

/// Api ids of the vui service.
pub mod vui {
    /// `{"volume"}`, 0 to 10; the next id reads it.
    pub const SET_VOLUME: i64 = 1003;
    /// `{"brightness"}`, 0 to 10; the next id reads it.
    pub const SET_BRIGHTNESS: i64 = 1005;
    /// `{"color", "time"}`: a colour for so many seconds.
    pub const SET_COLOUR: i64 = 1007;
    /// No colour.
    pub const RELEASE_COLOUR: i64 = 1008;
}

/// Api ids of the audiohub service.
pub mod audiohub {
    /// The files on the robot.
    pub const LIST: i64 = 1001;
    /// Play `{"unique_id"}`.
    pub const PLAY: i64 = 1002;
    /// Pause.
    pub const PAUSE: i64 = 1003;
    /// A piece of a wav file.
    pub const UPLOAD: i64 = 2001;
}

/// Api ids of the robot_state service.
pub mod robot_state {
    /// The list of programs.
    pub const LIST: i64 = 1003;
}

/// Api ids of the bashrunner service.
pub mod bashrunner {
    /// Run `{"script"}` of its menu.
    pub const RUN: i64 = 1001;
}

/// Api ids of the videohub service.
pub mod videohub {
    /// One JPEG, 1280 x 720.
    pub const SNAPSHOT: i64 = 1001;
}
