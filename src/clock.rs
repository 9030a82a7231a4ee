//! ROS time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use r2r::builtin_interfaces::msg::Time;

/// The node's clock: the system's, or `/clock` with `use_sim_time`.
#[derive(Clone)]
pub(crate) struct RosClock(Arc<Mutex<r2r::Clock>>);

impl RosClock {
    pub(crate) fn of(node: &r2r::Node) -> Self {
        Self(node.get_ros_clock())
    }

    /// Now.
    pub(crate) fn now(&self) -> Time {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_now();
        // Only an invalid clock fails; the system's time is what it would have said.
        let now = now.unwrap_or_else(|_| system_time());
        Time { sec: now.as_secs() as i32, nanosec: now.subsec_nanos() }
    }
}

fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
