//! The time of a video stream. Pure.

#[cfg(any(feature = "webrtc", test))]
use std::time::Duration;
use std::time::Instant;

/// Ticks a second of a video stream's clock.
pub const RTP_HZ: u32 = 90_000;

/// A stream's clock, which begins anywhere.
#[derive(Debug, Clone, Copy)]
pub struct RtpClock {
    /// When it began.
    pub start: Instant,
    /// What it showed then.
    pub first: u32,
}

impl RtpClock {
    /// What it shows at a time; before its start what it began with. Wraps.
    pub fn at(&self, time: Instant) -> u32 {
        let since = time.saturating_duration_since(self.start).as_nanos();
        let ticks = (since * u128::from(RTP_HZ) + 500_000_000) / 1_000_000_000;
        self.first.wrapping_add(ticks as u32)
    }
}

/// Seconds since 1900 with 32 bits behind the point.
#[cfg(any(feature = "webrtc", test))]
pub(super) fn ntp(since_1970: Duration) -> u64 {
    const SECONDS_TO_1970: u64 = 2_208_988_800;
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    since_1970.as_secs().wrapping_add(SECONDS_TO_1970) << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_tick_with_90_khz_and_wrap() {
        let start = Instant::now();
        let clock = RtpClock { start, first: u32::MAX - 5 };
        assert_eq!(clock.at(start), u32::MAX - 5);
        assert_eq!(clock.at(start + Duration::from_micros(100)), 3);
        let third = Duration::from_nanos(1_000_000_000 / 15 * 3);
        assert_eq!(clock.at(start + third), 18_000 - 6);
    }

    #[test]
    fn time_is_told_in_ntp() {
        // A known value: 2000-01-01 00:00:00 is 3155673600 s after 1900.
        assert_eq!(ntp(Duration::from_secs(946_684_800)), 3_155_673_600 << 32);
        assert_eq!(ntp(Duration::from_millis(500)) as u32, 1 << 31);
    }
}
