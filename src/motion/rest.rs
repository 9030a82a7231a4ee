//! Whether the robot is seen to stand still. Pure; takes the time from what is heard.

use std::time::{Duration, Instant};

use go2_proto::motion::Measured;
use go2_proto::state::Activity;

use super::readiness::Doing;

/// A robot that moves is faster than this (m/s, rad/s); one that stands on three legs says 0.02 m/s, and its gyroscope has noise.
const MOVES: [f64; 2] = [0.04, 0.08];
/// For so long it has to be slower: in a gait the speed swings.
const SEEN_FOR: Duration = Duration::from_millis(200);
/// Longer than this between two messages nobody has seen it.
const GAP: Duration = Duration::from_millis(500);

/// Follows what the robot says of its motion.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rest {
    /// Since when it was slow, and when that was heard last.
    slow: Option<(Instant, Instant)>,
}

impl Rest {
    /// The robot says what it does. Whether it is at rest.
    pub(crate) fn hear(&mut self, doing: &Doing) -> bool {
        let at = doing.at;
        let before = self.slow.filter(|(_, last)| at.saturating_duration_since(*last) <= GAP);
        self.slow = is_slow(doing).then(|| (before.map_or(at, |(since, _)| since), at));
        self.slow.is_some_and(|(since, last)| last.saturating_duration_since(since) >= SEEN_FOR)
    }
}

/// One on the floor does not walk; of one that does not tell its speed nothing is known.
fn is_slow(doing: &Doing) -> bool {
    let down = [Activity::Lying, Activity::Sitting, Activity::LimpOrLying, Activity::Damped];
    let slow = |Measured { speed, turning }| speed <= MOVES[0] && turning <= MOVES[1];
    doing.measured.is_some_and(slow) || doing.activity.is_some_and(|it| down.contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doing(at: Instant, speed: Option<f64>, turning: f64, activity: Activity) -> Doing {
        let measured = speed.map(|speed| Measured { speed, turning });
        let (lasting, code, height) = (None, None, None);
        Doing { activity: Some(activity), lasting, code, measured, height, at }
    }

    /// Whether it is at rest after speeds of which one comes each 50 ms.
    fn after(speeds: &[f64]) -> bool {
        let (mut rest, start) = (Rest::default(), Instant::now());
        let mut told = false;
        for (number, speed) in (0..).zip(speeds) {
            let at = start + Duration::from_millis(50) * number;
            told = rest.hear(&doing(at, Some(*speed), 0.0, Activity::Walkable));
        }
        told
    }

    #[test]
    fn it_is_at_rest_when_it_was_slow_for_a_moment() {
        assert!(!after(&[]) && !after(&[0.0]) && !after(&[0.0; 4]));
        assert!(after(&[0.0; 5]) && after(&[0.5, 0.3, 0.1, 0.02, 0.02, 0.02, 0.02, 0.02]));
        assert!(!after(&[0.2; 40]));
        // A gait swings, and between two steps it can be slow.
        assert!(!after(&[0.03, 0.01, 0.03, 0.06, 0.03, 0.01, 0.03]));
    }

    #[test]
    fn turning_is_moving_and_what_is_not_told_is_not_seen() {
        let start = Instant::now();
        let at = |number: u32| start + Duration::from_millis(50) * number;
        let after = |speed, turning, activity| {
            let mut rest = Rest::default();
            (0..9).map(|n| rest.hear(&doing(at(n), speed, turning, activity))).last()
        };
        assert_eq!(after(Some(0.0), 0.5, Activity::Walkable), Some(false));
        assert_eq!(after(Some(0.0), 0.03, Activity::Walkable), Some(true));
        assert_eq!(after(None, 0.0, Activity::Walkable), Some(false));
        assert_eq!(after(None, 0.0, Activity::LimpOrLying), Some(true), "it lies");
    }

    #[test]
    fn nobody_has_seen_it_in_a_gap() {
        let (mut rest, start) = (Rest::default(), Instant::now());
        let mut slow = |ms| {
            let at = start + Duration::from_millis(ms);
            rest.hear(&doing(at, Some(0.0), 0.0, Activity::Walkable))
        };
        assert!(!slow(0) && !slow(600) && slow(800));
    }
}
