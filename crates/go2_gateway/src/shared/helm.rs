//! Who drives: ROS, unless a viewer has taken control. Pure.

use std::time::{Duration, Instant};

/// A viewer, by the order in which they came.
pub(crate) type ViewerId = u64;

/// Control lapses when its holder has commanded nothing for so long.
pub(crate) const LAPSE: Duration = Duration::from_secs(10);

/// Why control cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelmError {
    #[error("another viewer has control; it gives it back, or loses it after {} s without a command", LAPSE.as_secs())]
    Taken,
    #[error("take control first: request 1 on rt/api/gateway/request")]
    NotInControl,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    viewer: ViewerId,
    /// When it commanded last.
    last: Instant,
}

/// Which viewer has control, if any.
#[derive(Debug, Default)]
pub(crate) struct Helm {
    holder: Option<Holder>,
}

impl Helm {
    /// Who has control.
    pub(crate) fn holder(&self) -> Option<ViewerId> {
        self.holder.map(|holder| holder.viewer)
    }

    /// Gives control to a viewer. Says whether that is new.
    pub(crate) fn take(&mut self, viewer: ViewerId, now: Instant) -> Result<bool, HelmError> {
        let before = self.holder();
        if before.is_some_and(|holder| holder != viewer) {
            return Err(HelmError::Taken);
        }
        self.holder = Some(Holder { viewer, last: now });
        Ok(before.is_none())
    }

    /// Notes a command; refuses it where the viewer has no control.
    pub(crate) fn command(&mut self, viewer: ViewerId, now: Instant) -> Result<(), HelmError> {
        match &mut self.holder {
            Some(holder) if holder.viewer == viewer => {
                holder.last = now;
                Ok(())
            }
            _ => Err(HelmError::NotInControl),
        }
    }

    /// Takes control away from a viewer that gives it back or is gone. Says whether it had it.
    pub(crate) fn release(&mut self, viewer: ViewerId) -> bool {
        let held = self.holder() == Some(viewer);
        if held {
            self.holder = None;
        }
        held
    }

    /// Takes control away from who has not used it for too long. Says whether that is so.
    pub(crate) fn lapse(&mut self, now: Instant) -> bool {
        let lapsed =
            self.holder.is_some_and(|holder| now.saturating_duration_since(holder.last) >= LAPSE);
        if lapsed {
            self.holder = None;
        }
        lapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_viewer_at_a_time_has_control() {
        let (mut helm, now) = (Helm::default(), Instant::now());
        assert_eq!(helm.command(1, now), Err(HelmError::NotInControl), "ROS drives by default");
        assert_eq!(helm.take(1, now), Ok(true));
        assert_eq!(helm.take(1, now), Ok(false));
        assert_eq!(helm.take(2, now), Err(HelmError::Taken));
        assert_eq!(helm.command(2, now), Err(HelmError::NotInControl));
        assert!(!helm.release(2));
        assert!(helm.release(1));
        assert_eq!(helm.take(2, now), Ok(true));
        assert_eq!(helm.holder(), Some(2));
    }

    #[test]
    fn control_lapses_without_commands() {
        let (mut helm, start) = (Helm::default(), Instant::now());
        helm.take(1, start).unwrap();
        let later = start + LAPSE - Duration::from_millis(1);
        assert!(!helm.lapse(later));
        helm.command(1, later).unwrap();
        assert!(!helm.lapse(start + LAPSE));
        assert!(helm.lapse(later + LAPSE));
        assert_eq!(helm.holder(), None);
        assert!(!helm.lapse(later + LAPSE), "once");
    }
}
