//! State messages: rates, numbers, noise, clock.

use crate::lidar::Stamps;

/// What is known of the state messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StateFacts {
    /// Rate of `rt/lf/lowstate` in Hz.
    pub low_hz: f64,
    /// Rate of `rt/lf/sportmodestate` in Hz.
    pub sport_hz: f64,
    /// Rate of `rt/utlidar/robot_pose` in Hz.
    pub pose_hz: f64,
    /// Rate of `rt/utlidar/lidar_state` in Hz.
    pub lidar_hz: f64,
    /// How many seconds the robot's clock is behind when the robot starts.
    pub clock_behind: f64,
    /// By how much it is slow, millionths.
    pub clock_drift: f64,
    /// Stamps in the heads of voxel maps.
    pub voxel_stamps: Stamps,
    /// Numbers are printed by `%f` with six decimals, below 1e-6 and above 1e9 by `%e`, and zero as `0`.
    pub printed: bool,
    /// Validation, errors and heartbeats come without a `topic`, not with an empty one.
    pub topicless: bool,
    /// mode, progress, gait_type and foot_raise_height are 0 always, range_obstacle and foot_force zeros, and the arrays
    /// of the feet twelve zeros each.
    pub blank: bool,
    /// The audio player says `in_use` whatever it does with a sound.
    pub in_use: bool,
    /// The IMU.
    pub imu: ImuFacts,
    /// The motors.
    pub motors: MotorFacts,
    /// Current of the battery in mA, lying, standing and walking or acting.
    pub currents: [i64; 3],
    /// Velocities of a robot at rest are what its filter has left, between 1e-9 and 1e-6, and 0.02 m/s on three legs.
    pub creeps: bool,
    /// What the LiDAR tells of itself.
    pub lidar: LidarTold,
}

/// The IMU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImuFacts {
    /// Degrees Celsius, from and to.
    pub temperature: [i64; 2],
    /// Of the gyroscope, rad/s.
    pub gyro_bias: [f64; 3],
    /// Standard deviation of the gyroscope, rad/s.
    pub gyro_noise: f64,
    /// Length of what the accelerometer measures at rest, m/s^2.
    pub gravity: f64,
    /// Standard deviation of the accelerometer, m/s^2.
    pub acceleration_noise: f64,
    /// Quaternions are given with a negative w: the same attitude.
    pub negative_w: bool,
}

/// The motors of the legs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotorFacts {
    /// Degrees Celsius.
    pub temperatures: [i64; 12],
    /// Packets lost; they stay the same for a session.
    pub lost: [u64; 12],
    /// The second number of `reserve` is another in each message.
    pub reserves: bool,
}

/// What `rt/utlidar/lidar_state` says of a LiDAR that is well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LidarTold {
    /// `firmware_version` and `sdk_version`.
    pub version: &'static str,
    /// `software_version`.
    pub software: &'static str,
    /// Percent of dirt.
    pub dirt: f64,
    /// `cloud_size` and `cloud_scan_num`; `None` where they count voxels and frames.
    pub cloud: Option<[i64; 2]>,
    /// `cloud_frequency` in Hz, from and to.
    pub cloud_hz: [f64; 2],
    /// `imu_frequency` in Hz, from and to.
    pub imu_hz: [f64; 2],
}

/// A GO2 Pro with firmware 1.1.15. Recorded in September and October 2026, certain but for: the number format, the
/// clock and the rate of the LiDAR's state (high).
pub(super) const PRO_1_1_15: StateFacts = StateFacts {
    low_hz: 1.0,
    sport_hz: 20.0,
    // Steps of 53.3 ms.
    pose_hz: 18.76,
    lidar_hz: 4.9,
    clock_behind: 0.6,
    clock_drift: 90.0,
    voxel_stamps: Stamps::Good,
    printed: true,
    topicless: true,
    blank: true,
    in_use: true,
    imu: ImuFacts {
        temperature: [79, 80],
        gyro_bias: [-0.004, 0.007, 0.002],
        gyro_noise: 0.008,
        gravity: 9.52,
        acceleration_noise: 0.04,
        negative_w: true,
    },
    motors: MotorFacts {
        temperatures: [38, 44, 58, 36, 42, 55, 31, 40, 52, 33, 41, 50],
        lost: [5, 11, 7, 22, 9, 6, 14, 8, 18, 10, 12, 16],
        reserves: true,
    },
    currents: [-1050, -2010, -4040],
    creeps: true,
    lidar: LidarTold {
        version: "",
        software: "1.0.0.38",
        dirt: 2.0,
        cloud: Some([61_050, 210]),
        cloud_hz: [15.2, 15.4],
        imu_hz: [248.0, 251.0],
    },
};

/// A GO2 EDU under the unified motion service, March 2026: as far as is known the same over WebRTC.
pub(super) const EDU_MCF: StateFacts = StateFacts { ..PRO_1_1_15 };

/// A GO2 of 2024. The blank fields are filled, a clock so far behind was seen without internet, and voxel maps are
/// stamped in steps of 1000 s (high).
pub(super) const YEAR_2024: StateFacts = StateFacts {
    low_hz: 20.0,
    clock_behind: 2626.0,
    voxel_stamps: Stamps::Steps,
    blank: false,
    ..PRO_1_1_15
};

/// Exact numbers, on time.
pub(super) const IDEAL: StateFacts = StateFacts {
    low_hz: 1.0,
    sport_hz: 20.0,
    pose_hz: 18.7,
    lidar_hz: 1.0,
    clock_behind: 3600.0,
    clock_drift: 0.0,
    voxel_stamps: Stamps::Good,
    printed: false,
    topicless: false,
    blank: false,
    in_use: false,
    imu: ImuFacts {
        temperature: [68, 68],
        gyro_bias: [0.0; 3],
        gyro_noise: 0.0,
        gravity: 9.81,
        acceleration_noise: 0.0,
        negative_w: false,
    },
    motors: MotorFacts { temperatures: [40; 12], lost: [0; 12], reserves: false },
    currents: [-2481; 3],
    creeps: false,
    lidar: LidarTold {
        version: "1.0",
        software: "1.0",
        dirt: 0.0,
        cloud: None,
        cloud_hz: [15.4; 2],
        imu_hz: [250.0; 2],
    },
};
