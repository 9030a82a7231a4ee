//! How long a session waits for what.

use std::time::Duration;

/// The session's times.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two heartbeats. The robot drops clients that send none.
    pub heartbeat: Duration,
    /// Silence from which no velocity but zero is handed to the channel, and age from which none is. The channel is reliable:
    /// what a hole in the network swallows is delivered after it, and would be walked then.
    pub quiet: Duration,
    /// Age of what is not acknowledged from which a velocity is held back for a newer one. A robot acknowledges every other
    /// packet at once, and others within 200 ms.
    pub unacknowledged: Duration,
    /// Silence that is not usual any more: state comes several times a second, on bad Wi-Fi in bursts.
    pub stale: Duration,
    /// Silence after which the session is over. Longer than a hole of 5 s: after that SCTP is heard again 7 s after the
    /// hole's beginning, because it repeats what was lost after 1, 3 and 7 s.
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
            quiet: Duration::from_millis(500),
            unacknowledged: Duration::from_millis(300),
            stale: Duration::from_millis(1500),
            silence: Duration::from_secs(9),
            validation: Duration::from_secs(8),
            longest_wait: Duration::MAX,
        }
    }
}
