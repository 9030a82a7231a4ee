//! The clocks by which a pause of this process is seen.

use std::time::{Duration, SystemTime};

use go2_proto::motion::Clocks;
use rustix::time::{clock_gettime, ClockId};

/// Reads both.
pub fn clocks() -> Clocks {
    let boot = clock_gettime(ClockId::Boottime);
    let seconds = Duration::from_secs(u64::try_from(boot.tv_sec).unwrap_or(0));
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Clocks { boot: seconds + Duration::from_nanos(u64::try_from(boot.tv_nsec).unwrap_or(0)), wall }
}
