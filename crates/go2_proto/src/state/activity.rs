//! What the robot is doing, as a series of messages tells it. Pure; takes `now`.
//!
//! Since firmware 1.1.7 a robot that lies down tells 2006 and then, lying, 1001, and one that was made limp tells 1001
//! as well. A lying robot may be made to stand, a limp one must not be touched. So only one that was seen to lie down counts as lying.

use std::time::{Duration, Instant};

use super::{Activity, SportModeState};

/// Follows the robot's motion states.
#[derive(Debug, Default)]
pub struct Activities {
    /// What the latest message said, and when it came.
    last: Option<(Activity, Instant)>,
    floor: Floor,
}

/// What is known of a robot on the floor that tells 1001.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Floor {
    /// Nothing.
    #[default]
    Untold,
    /// It was seen to lie down.
    Lies,
    /// It went limp, and did not stand since.
    Limp,
}

/// Without a message for so long it can have got up and been made limp again.
const GAP: Duration = Duration::from_secs(1);
/// A body that lies is lower than this over the floor, m: 0.054 to 0.074 was measured lying, 0.22 and more sitting.
const LYING_BELOW: f64 = 0.13;
/// A robot that lies on its belly is tilted less than this, rad.
const LEVEL: f64 = 0.5;

impl Activities {
    /// Takes a message. What the robot is doing, `None` where it does not say.
    pub fn hear(&mut self, state: &SportModeState, now: Instant) -> Option<Activity> {
        let said = state.activity()?;
        let before = self.last.replace((said, now));
        let before = before.filter(|(_, at)| now.saturating_duration_since(*at) < GAP);
        self.floor = match (before.map(|(activity, _)| activity), said) {
            // Lying again after Damp and no standing in between says nothing of the motors.
            (Some(Activity::LyingDown), Activity::LimpOrLying) if self.floor != Floor::Limp => {
                if is_down(state) {
                    Floor::Lies
                } else {
                    Floor::Limp
                }
            }
            (Some(Activity::LyingDown | Activity::LimpOrLying), Activity::LimpOrLying) => {
                self.floor
            }
            (None, Activity::LimpOrLying) => Floor::Untold,
            (Some(_), Activity::LimpOrLying) => Floor::Limp,
            (_, Activity::Walkable | Activity::Locked | Activity::Sitting) => Floor::Untold,
            (None, _) => Floor::Untold,
            (Some(_), _) => self.floor,
        };
        Some(match said {
            Activity::LimpOrLying if self.floor == Floor::Lies && is_level(state) => {
                Activity::Lying
            }
            Activity::Lying if !is_level(state) => Activity::LimpOrLying,
            said => said,
        })
    }
}

/// Whether its trunk is on the floor; one that does not tell its height is not known to be.
fn is_down(state: &SportModeState) -> bool {
    let height = state.body_height.or(state.position.map(|[_, _, z]| z));
    height.is_some_and(|height| height < LYING_BELOW)
}

fn is_level(state: &SportModeState) -> bool {
    state.imu.is_none_or(|imu| {
        let up = imu.orientation.rotate([0.0, 0.0, 1.0]);
        up[2] > LEVEL.cos()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Json;
    use crate::state::State as _;

    /// A robot that tells these codes, one each 50 ms.
    struct Robot {
        activities: Activities,
        now: Instant,
        height: Option<f64>,
        roll: f64,
    }

    impl Robot {
        fn new() -> Self {
            let (activities, now) = (Activities::default(), Instant::now());
            Self { activities, now, height: Some(0.054), roll: 0.0 }
        }

        fn says(&mut self, code: i64) -> Activity {
            let (roll, height) = (self.roll, self.height);
            let height = height.map_or(String::new(), |h| format!(r#","body_height":{h}"#));
            let imu =
                format!(r#"{{"rpy":[{roll},0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,9.5]}}"#);
            let text = format!(r#"{{"mode":0,"error_code":{code},"imu_state":{imu}{height}}}"#);
            let state = SportModeState::decode(&Json::from(text)).unwrap();
            self.now += Duration::from_millis(50);
            self.activities.hear(&state, self.now).unwrap()
        }

        /// What it is after these.
        fn after(&mut self, codes: &[i64]) -> Activity {
            codes.iter().map(|code| self.says(*code)).last().unwrap()
        }
    }

    #[test]
    fn who_was_seen_to_lie_down_lies_and_nobody_else_does() {
        for (codes, expected) in [
            (&[100, 2006, 1001][..], Activity::Lying),
            (&[2006, 2006, 1001, 1001], Activity::Lying),
            (&[1013, 2006, 2006, 1001, 100, 2006, 1001], Activity::Lying),
            // At the beginning of a session, and after Damp.
            (&[1001], Activity::LimpOrLying),
            (&[100, 1001], Activity::LimpOrLying),
            (&[100, 2006, 1001, 100, 1001], Activity::LimpOrLying),
            (&[1007, 1001], Activity::LimpOrLying),
            (&[1002, 1001, 1001], Activity::LimpOrLying),
            // Limp, and told to lie down: the motors may be off all the same.
            (&[100, 1001, 2006, 1001], Activity::LimpOrLying),
            // Not known at first, and then seen to lie down.
            (&[1001, 2006, 1001], Activity::Lying),
            (&[100, 2006], Activity::LyingDown),
            (&[100, 1006, 1007], Activity::Sitting),
        ] {
            assert_eq!(Robot::new().after(codes), expected, "{codes:?}");
        }
    }

    #[test]
    fn who_went_limp_while_lying_down_does_not_lie() {
        for height in [Some(0.2), None] {
            let mut robot = Robot::new();
            robot.height = height;
            assert_eq!(robot.after(&[100, 2006, 1001]), Activity::LimpOrLying);
            robot.height = Some(0.054);
            assert_eq!(robot.says(1001), Activity::LimpOrLying, "it fell the rest of the way");
        }
    }

    #[test]
    fn on_its_side_it_does_not_lie_and_on_its_belly_again_it_does() {
        let mut robot = Robot::new();
        robot.after(&[100, 2006, 1001]);
        robot.roll = 0.6;
        assert_eq!(robot.says(1001), Activity::LimpOrLying);
        assert_eq!(robot.says(1004), Activity::LimpOrLying);
        robot.roll = -0.4;
        assert_eq!(robot.says(1004), Activity::Lying, "firmware that tells it by itself");
    }

    #[test]
    fn what_was_not_watched_is_not_known() {
        let mut robot = Robot::new();
        assert_eq!(robot.after(&[100, 2006, 1001]), Activity::Lying);
        robot.now += Duration::from_millis(800);
        assert_eq!(robot.says(1001), Activity::Lying, "a short hole");
        robot.now += GAP;
        assert_eq!(robot.says(1001), Activity::LimpOrLying);
        assert_eq!(robot.says(1001), Activity::LimpOrLying);
    }
}
