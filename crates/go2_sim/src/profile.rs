//! Which real robot is simulated: what was seen of each kind, as tables.
//!
//! A file for each area. A fact that differs between robots is a field there, with its source; code that needs it
//! takes it from [`Profile::facts`]. docs/real-robots.md says how sure each is.

mod camera;
mod lidar;
mod motion;
mod services;
mod state;

use clap::ValueEnum;

pub use camera::CameraFacts;
pub use lidar::LidarFacts;
pub use motion::{Codes, Gait, Heights, MotionFacts};
pub use services::ServiceFacts;
pub use state::{ImuFacts, LidarTold, MotorFacts, StateFacts};

use crate::options::Firmware;

/// The kind of robot that is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// A GO2 Pro with firmware 1.1.15, as recorded in September and October 2026.
    #[value(name = "pro-1.1.15")]
    Pro1115,
    /// A GO2 EDU under the unified motion service (MCF), as recorded in March and July 2026.
    #[value(name = "edu-mcf")]
    EduMcf,
    /// A GO2 of 2024, before firmware 1.1.7.
    #[value(name = "2024")]
    Year2024,
    /// No robot: exact numbers without noise, for tests that need them.
    Ideal,
}

/// What is known of a kind of robot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// Form of messages and commands, unless `--firmware` names another.
    pub firmware: Firmware,
    /// The front camera's stream.
    pub camera: CameraFacts,
    /// State messages: rates, numbers, noise, clock.
    pub state: StateFacts,
    /// The body: postures, mode codes, how it walks.
    pub motion: MotionFacts,
    /// What services answer, and when.
    pub services: ServiceFacts,
    /// The voxel map and the LiDAR's state.
    pub lidar: LidarFacts,
}

const PRO_1_1_15: Facts = Facts {
    firmware: Firmware::New,
    camera: camera::REAL,
    state: state::PRO_1_1_15,
    motion: motion::MCF,
    services: services::MCF,
    lidar: lidar::REAL,
};

const EDU_MCF: Facts = Facts { state: state::EDU_MCF, ..PRO_1_1_15 };

const YEAR_2024: Facts = Facts {
    firmware: Firmware::Old,
    camera: camera::REAL,
    state: state::YEAR_2024,
    motion: motion::YEAR_2024,
    services: services::YEAR_2024,
    lidar: lidar::YEAR_2024,
};

const IDEAL: Facts = Facts {
    firmware: Firmware::New,
    camera: camera::IDEAL,
    state: state::IDEAL,
    motion: motion::IDEAL,
    services: services::IDEAL,
    lidar: lidar::IDEAL,
};

impl Profile {
    /// What is known of this kind of robot.
    pub fn facts(self) -> &'static Facts {
        match self {
            Self::Pro1115 => &PRO_1_1_15,
            Self::EduMcf => &EDU_MCF,
            Self::Year2024 => &YEAR_2024,
            Self::Ideal => &IDEAL,
        }
    }
}
