//! Names of the data channel's topics, as the robot spells them.

/// Trimmed low state: joint angles, temperatures, battery. 1 Hz on firmware 1.1.7 and later.
pub const LOW_STATE: &str = "rt/lf/lowstate";
/// Motion state with the whole IMU, up to about 20 Hz.
pub const SPORT_MODE_STATE: &str = "rt/lf/sportmodestate";
/// Odometry pose of the trunk, nominally 18.7 Hz.
pub const ROBOT_POSE: &str = "rt/utlidar/robot_pose";
/// State of the LiDAR, 1 Hz.
pub const LIDAR_STATE: &str = "rt/utlidar/lidar_state";
/// Switches and levels (volume, brightness, avoidance), 1 Hz and on change.
pub const MULTIPLE_STATE: &str = "rt/multiplestate";
/// State of the robot's services, only after robot_state api 1002.
pub const SERVICE_STATE: &str = "rt/servicestate";
/// Sticks: commands out, the hand-held remote in.
pub const WIRELESS_CONTROLLER: &str = "rt/wirelesscontroller";

/// Requests to the sport service.
pub const SPORT_REQUEST: &str = "rt/api/sport/request";

/// The LiDAR's voxel map in binary frames, about 7.5 Hz; see [`crate::lidar`].
pub const VOXEL_MAP: &str = "rt/utlidar/voxel_map_compressed";
/// Turns the LiDAR on and off: a bare string, `on` or `off`.
pub const LIDAR_SWITCH: &str = "rt/utlidar/switch";
/// Requests to the camera's service.
pub const VIDEOHUB_REQUEST: &str = "rt/api/videohub/request";
/// Requests to the service that chooses the motion mode.
pub const MOTION_SWITCHER_REQUEST: &str = "rt/api/motion_switcher/request";
/// Requests to the service that avoids obstacles.
pub const OBSTACLES_AVOID_REQUEST: &str = "rt/api/obstacles_avoid/request";
/// Requests to loudspeaker volume and head light.
pub const VUI_REQUEST: &str = "rt/api/vui/request";
/// Requests to the audio player.
pub const AUDIOHUB_REQUEST: &str = "rt/api/audiohub/request";
/// State of the audio player: JSON in a string.
pub const AUDIOHUB_STATE: &str = "rt/audiohub/player/state";
/// Requests to the service that starts and stops the robot's programs.
pub const ROBOT_STATE_REQUEST: &str = "rt/api/robot_state/request";
/// Requests to the runner of a fixed menu of scripts.
pub const BASHRUNNER_REQUEST: &str = "rt/api/bashrunner/request";

/// Bytes of the longest name that [`is_name`] takes. The longest that is known has 37.
pub const LONGEST_NAME: usize = 96;

/// Whether a text has the form of a topic's name: `rt/`, then words of letters, digits and underscores with slashes between.
/// All that robots and their clients are known to use have it.
pub fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let words = text.strip_prefix("rt/").filter(|_| text.len() <= LONGEST_NAME);
    words.is_some_and(|words| words.split('/').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_known_form() {
        let longest = format!("rt/{}", "x".repeat(LONGEST_NAME - 3));
        for name in
            [LOW_STATE, VOXEL_MAP, AUDIOHUB_STATE, SPORT_REQUEST, "rt/arm_Command", &longest]
        {
            assert!(is_name(name), "{name}");
        }
        let long = format!("{longest}x");
        for other in [
            "",
            "rt",
            "rt/",
            "rt//x",
            "rt/x/",
            "/rt/x",
            "x",
            "RT/x",
            "rt/x y",
            "rt/x\n",
            "rt/\u{1b}[2J",
            "rt/\u{e9}",
            "rt/x\0",
            "rt/\"",
            "rt/x-y",
            "rt/../x",
            &long,
        ] {
            assert!(!is_name(other), "{other:?}");
        }
    }
}
