//! Whether this process did not run for a while: a closed lid, a paused virtual machine, SIGSTOP. Pure.

use std::time::Duration;

/// A gap between two readings from which on the process counts as paused. A busy machine delays a thread by some tenths of a
/// second.
const PAUSE: Duration = Duration::from_secs(1);

/// Readings of two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Since the computer was started, with the time that it was suspended (CLOCK_BOOTTIME).
    pub boot: Duration,
    /// Since 1970 by the system's clock (CLOCK_REALTIME). A virtual machine that was paused may only show it here.
    pub wall: Duration,
}

/// Detects pauses by clocks that are read in short intervals. The monotonic clock does not do: it stands still while the
/// computer is suspended.
#[derive(Debug, Default)]
pub struct PauseDetector {
    last: Option<Clocks>,
}

impl PauseDetector {
    /// The longest interval between two readings by which a pause is told from a busy machine.
    pub const INTERVAL: Duration = Duration::from_millis(200);

    /// Takes a reading; returns how long the process was paused before it, if it was.
    pub fn read(&mut self, now: Clocks) -> Option<Duration> {
        let last = self.last.replace(now)?;
        let boot = now.boot.saturating_sub(last.boot);
        // A wall clock that was set back says nothing.
        let wall = now.wall.saturating_sub(last.wall);
        let gap = boot.max(wall);
        (gap > PAUSE).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn clocks(boot: u64, wall: u64) -> Clocks {
        Clocks { boot: ms(boot), wall: ms(wall) }
    }

    #[test]
    fn a_gap_of_more_than_a_second_by_either_clock_is_a_pause() {
        for (case, boot, wall, pause) in [
            ("as usual", 200, 200, None),
            ("a busy machine", 500, 500, None),
            ("just not yet", 1000, 1000, None),
            ("stopped or suspended", 4000, 4000, Some(4000)),
            (
                "a virtual machine whose clocks stood still but for the wall clock",
                200,
                9000,
                Some(9000),
            ),
            ("a wall clock that was set forward", 200, 1201, Some(1201)),
            ("suspended while the wall clock was set back", 2000, 0, Some(2000)),
            ("a wall clock that was set back", 200, 0, None),
        ] {
            let mut detector = PauseDetector::default();
            assert_eq!(detector.read(clocks(50_000, 90_000)), None, "{case}: the first reading");
            let read = detector.read(clocks(50_000 + boot, 90_000 + wall));
            assert_eq!(read, pause.map(ms), "{case}");
            assert_eq!(
                detector.read(clocks(50_200 + boot, 90_200 + wall)),
                None,
                "{case}: told once"
            );
        }
        let mut back = PauseDetector::default();
        back.read(clocks(0, 90_000));
        assert_eq!(back.read(clocks(200, 10_000)), None);
    }
}
