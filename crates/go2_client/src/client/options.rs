//! Which robot, and how it is reached.

use std::time::Duration;

use go2_proto::motion::{Limits, Velocity};
use go2_proto::session::Timing;
use go2_proto::signaling::DeviceKey;

use crate::signaling::Target;
use crate::transport::ice::IceSettings;

/// Which robot, and how it is reached; made by [`Options::new`] or from an address.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    target: Target,
    pub(super) ice: IceSettings,
    pub(super) keep_trying: bool,
    pub(super) limits: Limits,
    pub(super) request_timeout: Duration,
    pub(super) timing: Timing,
}

impl Options {
    /// A robot at an IP address or host name; in its own hotspot that is `192.168.12.1`.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            target: Target::new(host),
            ice: IceSettings::default(),
            keep_trying: false,
            limits: Limits {
                fastest: Velocity { x: 1.0, y: 0.5, yaw: 1.5 },
                acceleration: [2.0, 4.0],
                stale_after: Duration::from_millis(300),
            },
            request_timeout: Duration::from_secs(5),
            timing: Timing::default(),
        }
    }

    /// The robot's own key, for firmware 1.1.15 and later. A robot that does not use it is refused.
    pub fn device_key(mut self, key: DeviceKey) -> Self {
        self.target.key = Some(key);
        self
    }

    /// What the robot must report as its serial number before it is walked.
    pub fn serial_number(mut self, serial_number: impl Into<String>) -> Self {
        self.target.serial_number = Some(serial_number.into());
        self
    }

    /// STUN and TURN servers, and which paths may be used.
    pub fn ice(mut self, ice: IceSettings) -> Self {
        self.ice = ice;
        self
    }

    /// Whether [`connect`](super::connect) waits for a robot that is not there yet. It still ends where only a change of these options
    /// helps.
    pub fn keep_trying(mut self, keep_trying: bool) -> Self {
        self.keep_trying = keep_trying;
        self
    }

    /// What velocities are held to: by default 1 m/s forward, 0.5 m/s sideways, 1.5 rad/s; 2 m/s² and 4 rad/s²; stale after 0.3 s.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the robot may take to answer a request; 5 s by default.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The times of a session, for tests.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }
}

impl<T: Into<String>> From<T> for Options {
    fn from(host: T) -> Self {
        Self::new(host)
    }
}

impl From<Target> for Options {
    fn from(target: Target) -> Self {
        Self { target, ..Self::new("") }
    }
}
