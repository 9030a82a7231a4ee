//! How long the robot has not been heard in a session, and whether whoever drives has to let go therefore. Pure.

use std::time::{Duration, Instant};

/// From when the link says that it hears nothing, which is after half a second, to when whoever drives has to let go, which is
/// after two, as after a lost connection: by then nobody can know what is still meant.
const LONG: Duration = Duration::from_millis(1500);

/// The robot's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Silence {
    /// It is heard, or there is no session.
    #[default]
    None,
    /// It is not heard, since then.
    Since(Instant),
    /// It has not been heard for long.
    Long,
}

impl Silence {
    /// The link hears the robot, or does so no more. Whether it was silent for long.
    pub(super) fn heard(&mut self, hears: bool, now: Instant) -> bool {
        let before = *self;
        *self = match (hears, before) {
            (true, _) => Self::None,
            (false, Self::None) => Self::Since(now),
            (false, silence) => silence,
        };
        before == Self::Long
    }

    /// The session has ended.
    pub(super) fn ended(&mut self) {
        *self = Self::None;
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
        assert!(!silence.heard(false, at(0)));
        assert!(!silence.heard(false, at(1000)), "it is the same silence");
        assert_eq!(silence.due(), Some(at(1500)));
        assert!(!silence.is_long(at(1499)));
        assert!(silence.is_long(at(1500)) && !silence.is_long(at(1600)));
        assert_eq!(silence.due(), None);
        assert!(silence.heard(true, at(2000)));
        assert!(!silence.heard(false, at(3000)) && !silence.heard(true, at(3500)));
        assert_eq!((silence, silence.due()), (Silence::None, None));
    }

    #[test]
    fn a_session_that_ends_is_no_silence() {
        let mut silence = Silence::default();
        silence.heard(false, Instant::now());
        silence.ended();
        assert_eq!(silence.due(), None);
    }
}
