//! How long the robot has not been heard in a session, and whether whoever drives has to let go therefore. Pure.

use std::time::{Duration, Instant};

/// From the last that was heard of the robot, or from the end of a session with one that was heard until then, to when
/// whoever drives has to let go: by then nobody can know what is still meant.
const LONG: Duration = Duration::from_secs(2);
/// The link says that it hears nothing when it has been so for this long.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// The robot's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Silence {
    /// It is heard, or was not yet.
    #[default]
    None,
    /// It was heard last then, or the session ended then.
    Since(Instant),
    /// It has not been heard for long.
    Long,
}

impl Silence {
    /// The link hears the robot, or does so no more in a session that goes on. Whether it was silent for long.
    pub(super) fn heard(&mut self, hears: bool, now: Instant) -> bool {
        let was_long = self.has_been_long(now);
        *self = match (hears, *self) {
            (true, _) => Self::None,
            (false, Self::None) => Self::Since(now.checked_sub(TOLD_AFTER).unwrap_or(now)),
            (false, silence) => silence,
        };
        was_long
    }

    /// The session has ended.
    pub(super) fn ended(&mut self, now: Instant) {
        if *self == Self::None {
            *self = Self::Since(now);
        }
    }

    /// Whether it has lasted for so long that whoever drives has to let go.
    pub(super) fn has_been_long(&self, now: Instant) -> bool {
        *self == Self::Long || self.due().is_some_and(|due| due <= now)
    }

    /// When [`is_long`](Self::is_long) is to be asked.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Since(since) => Some(*since + LONG),
            Self::None | Self::Long => None,
        }
    }

    /// Whether it has just become long.
    pub(super) fn is_long(&mut self, now: Instant) -> bool {
        let is = self.due().is_some_and(|due| due <= now);
        if is {
            *self = Self::Long;
        }
        is
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_becomes_long_once_and_ends_when_the_robot_is_heard() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut silence = Silence::default();
        assert_eq!(silence.due(), None);
        // Heard last at 0, which is told half a second later.
        assert!(!silence.heard(false, at(500)));
        assert!(!silence.heard(false, at(1500)), "it is the same silence");
        assert_eq!(silence.due(), Some(at(2000)));
        assert!(!silence.is_long(at(1999)) && !silence.has_been_long(at(1999)));
        assert!(silence.has_been_long(at(2000)), "also before that was looked at");
        assert!(silence.is_long(at(2000)) && !silence.is_long(at(2100)));
        assert_eq!(silence.due(), None);
        assert!(silence.heard(true, at(2500)));
        assert!(!silence.heard(false, at(3500)) && !silence.heard(true, at(4000)));
        assert_eq!((silence, silence.due()), (Silence::None, None));
    }

    #[test]
    fn without_a_session_it_is_silent_from_its_end_on_or_from_when_it_was_heard_last() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut silence = Silence::default();
        silence.ended(at(0));
        assert!(!silence.has_been_long(at(1999)) && !silence.heard(true, at(1999)));
        silence.ended(at(5000));
        assert!(silence.is_long(at(7000)) && silence.has_been_long(at(7500)));
        assert!(silence.heard(true, at(8000)), "in the next session");
        silence.heard(false, at(10_500));
        silence.ended(at(11_500));
        assert_eq!(silence.due(), Some(at(12_000)), "the silence before its end counts");
    }
}
