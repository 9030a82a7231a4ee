//! Where the robot was a moment ago, and is now. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use go2_proto::geometry::{Transform, Twist};

/// The latest poses of the trunk in the odometry frame, by time.
#[derive(Debug, Default)]
pub(crate) struct Poses(VecDeque<(Instant, Transform)>);

/// Two to three seconds at the robot's rate.
const KEPT: usize = 50;
/// How far before the first and after the last pose a place is still known. Poses come in bursts.
const REACH: Duration = Duration::from_millis(500);
/// The speed is taken over so long a time, so that poses which came a little early or late do not bend it.
const APART: Duration = Duration::from_millis(100);

impl Poses {
    /// Adds a pose. One that is older than the last is left out.
    pub(crate) fn add(&mut self, at: Instant, pose: Transform) {
        if self.0.back().is_some_and(|(last, _)| at <= *last) {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((at, pose));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the robot was, or is if it went on as it did last. `None` where no pose is near.
    pub(crate) fn at(&self, time: Instant) -> Option<Transform> {
        let after = self.0.partition_point(|(at, _)| *at < time);
        let (first, last) = (self.0.front()?, self.0.back()?);
        if after == 0 {
            let near = first.0.saturating_duration_since(time) <= REACH;
            return near.then_some(first.1);
        }
        if after < self.0.len() {
            let (before, after) = (&self.0[after - 1], &self.0[after]);
            let share = (time - before.0).as_secs_f64() / (after.0 - before.0).as_secs_f64();
            return Some(before.1.interpolate(&after.1, share));
        }
        let ahead = time.saturating_duration_since(last.0);
        if ahead > REACH {
            return None;
        }
        let earlier = self.0.iter().rev().find(|(at, _)| last.0.duration_since(*at) >= APART);
        let Some(earlier) = earlier.filter(|(at, _)| last.0.duration_since(*at) <= REACH) else {
            return Some(last.1);
        };
        let twist = Twist::between(&earlier.1, &last.1, (last.0 - earlier.0).as_secs_f64())?;
        Some(last.1.moved(&twist, ahead.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use go2_proto::geometry::Quaternion;

    fn pose(x: f64, yaw: f64) -> Transform {
        Transform { translation: [x, 0.0, 0.3], rotation: Quaternion::from_rpy([0.0, 0.0, yaw]) }
    }

    #[test]
    fn between_poses_and_beyond_them() {
        let start = Instant::now() + Duration::from_secs(10);
        let ms = |ms: i64| match u64::try_from(ms) {
            Ok(ms) => start + Duration::from_millis(ms),
            Err(_) => start - Duration::from_millis(ms.unsigned_abs()),
        };
        let mut poses = Poses::default();
        assert_eq!(poses.at(start), None);
        poses.add(ms(0), pose(1.0, 0.0));
        assert_eq!(poses.at(ms(50)).unwrap().translation[0], 1.0, "one pose alone has no speed");
        poses.add(ms(100), pose(1.1, 0.2));
        poses.add(ms(40), pose(9.0, 0.0)); // too late to count
        for (at, x, yaw) in [(-100, 1.0, 0.0), (50, 1.05, 0.1), (100, 1.1, 0.2), (150, 1.15, 0.3)] {
            let found = poses.at(ms(at)).unwrap();
            let expected = pose(x, yaw);
            assert!((found.translation[0] - x).abs() < 0.01, "{at}: {found:?}");
            assert!((found.rotation.z - expected.rotation.z).abs() < 1e-6, "{at}: {found:?}");
        }
        assert_eq!(poses.at(ms(-501)), None);
        assert_eq!(poses.at(ms(601)), None);
    }
}
