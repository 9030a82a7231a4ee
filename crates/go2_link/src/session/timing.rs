//! How long a session waits for what.

use std::time::Duration;

/// The session's times.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two heartbeats. The robot drops clients that send none.
    pub heartbeat: Duration,
    /// Silence that is not usual any more: state comes several times a second, on bad Wi-Fi in bursts.
    pub stale: Duration,
    /// Silence after which the session is over. The robot echoes heartbeats, so a live one is never silent
    /// for much longer than their interval.
    pub silence: Duration,
    /// From the open channel to the robot's "Validation Ok.".
    pub validation: Duration,
    /// The longest wait between two attempts, whatever the robot asks for: a limit for tests in compressed time.
    pub longest_wait: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(2),
            stale: Duration::from_millis(1500),
            silence: Duration::from_millis(4500),
            validation: Duration::from_secs(8),
            longest_wait: Duration::MAX,
        }
    }
}
