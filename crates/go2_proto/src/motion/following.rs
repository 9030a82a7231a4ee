//! Whether velocities take effect. Pure; takes `now`.
//!
//! A robot that has ignored a velocity for a while may begin to follow it at any moment, and whoever drives may have
//! pushed harder meanwhile. So it is sent no more than it takes to make it walk, and what was without effect for long is
//! regained slowly: from standing where nothing was sent, else from what was.

use std::time::{Duration, Instant};

use super::velocity::Velocity;

/// How fast the robot says that it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Horizontally, m/s.
    pub speed: f64,
    /// About the vertical, rad/s, either way.
    pub turning: f64,
}

/// What became of the velocities, where it has to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum News {
    /// They are sent, and the robot has not moved for this long.
    NotFollowed(Duration),
    /// They have an effect again, after so long without.
    FollowedAfter {
        /// For so long.
        passed: Duration,
        /// Whether they were sent for the last second and more, at [`ATTEMPT`] at most: then it is not from standing that the
        /// robot gains speed.
        sent: bool,
    },
}

/// The most that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Restraint {
    /// The fastest gain of speed, m/s^2 and rad/s^2.
    pub(super) acceleration: [f64; 2],
    /// The fastest, m/s and rad/s.
    pub(super) fastest: [f64; 2],
}

/// Velocities without effect for longer are regained slowly.
const PATIENCE: Duration = Duration::from_secs(1);
/// How fast they are regained, m/s^2 and rad/s^2.
const REGAINED: [f64; 2] = [0.5, 1.0];
/// What a robot is sent at most that does not move, until it does (m/s, rad/s). It must be more than the least that
/// makes a robot walk: owners measured up to 0.22 m/s and 0.5 rad/s, below which real ones stand still for ever.
pub const ATTEMPT: [f64; 2] = [0.3, 0.6];
/// A robot that moves is faster than this (m/s, rad/s); one that stands can say 0.02 m/s and 0.03 rad/s.
const MOVES: [f64; 2] = [0.04, 0.08];
/// Slower velocities than this share of an attempt are not expected to show.
const SHOWS: f64 = 0.8;
/// For how long a measurement holds; the robot tells 20 a second.
const MEASURED_FOR: Duration = Duration::from_millis(500);

/// Keeps count of velocities without effect.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Since when the driver has wanted to move, and the robot did not.
    since: Option<Instant>,
    /// Since when it was told to meanwhile.
    sent_since: Option<Instant>,
    /// Whether that was told.
    told: bool,
    /// Whether speed that was lost so is being regained.
    regains: bool,
    measured: Option<(Measured, Instant)>,
    news: Option<News>,
}

impl Following {
    /// A velocity other than zero was wanted, and is not sent.
    pub(super) fn withheld(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// The robot was told to move like this.
    pub(super) fn sent(&mut self, velocity: Velocity, now: Instant) {
        let [speed, turning] = size(velocity);
        let shows = speed >= SHOWS * ATTEMPT[0] || turning >= SHOWS * ATTEMPT[1];
        let follows = |measured: Measured| {
            speed >= SHOWS * ATTEMPT[0] && measured.speed > MOVES[0]
                || turning >= SHOWS * ATTEMPT[1] && measured.turning > MOVES[1]
        };
        match self.measured(now) {
            // Nobody says what becomes of it.
            None => self.has_effect(now),
            Some(measured) if follows(measured) => self.has_effect(now),
            Some(_) if shows => {
                self.since.get_or_insert(now);
                let since = *self.sent_since.get_or_insert(now);
                let passed = now.saturating_duration_since(since);
                if passed > PATIENCE && !self.told {
                    self.told = true;
                    self.news = Some(News::NotFollowed(passed));
                }
            }
            // Too slow to be seen; that is no danger either.
            Some(_) => {}
        }
    }

    fn has_effect(&mut self, now: Instant) {
        let passed = self.since.take().map(|since| now.saturating_duration_since(since));
        if let Some(passed) = passed.filter(|passed| *passed > PATIENCE) {
            let sent = self
                .sent_since
                .is_some_and(|since| now.saturating_duration_since(since) > PATIENCE);
            self.regains = true;
            self.news = Some(News::FollowedAfter { passed, sent });
        }
        (self.sent_since, self.told) = (None, false);
    }

    /// The robot says how it moves.
    pub(super) fn measure(&mut self, measured: Measured, now: Instant) {
        self.measured = Some((measured, now));
    }

    /// The robot was told to be as fast as it is wanted to be.
    pub(super) fn settle(&mut self) {
        self.regains = false;
    }

    /// The driver has let go: what it commands next is a new beginning.
    pub(super) fn let_go(&mut self) {
        *self = Self { measured: self.measured, news: self.news, ..Self::default() };
    }

    /// What velocities are held to at the moment, if to anything.
    pub(super) fn restraint(&self, now: Instant) -> Option<Restraint> {
        let waits = self.since.is_some_and(|since| now.saturating_duration_since(since) > PATIENCE);
        let seen = self.measured(now).is_some();
        let fastest = if waits && seen { ATTEMPT } else { [f64::INFINITY; 2] };
        (waits || self.regains).then_some(Restraint { acceleration: REGAINED, fastest })
    }

    pub(super) fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    fn measured(&self, now: Instant) -> Option<Measured> {
        let fresh =
            |(_, at): &(Measured, Instant)| now.saturating_duration_since(*at) < MEASURED_FOR;
        self.measured.filter(fresh).map(|(measured, _)| measured)
    }
}

fn size(velocity: Velocity) -> [f64; 2] {
    [velocity.x.hypot(velocity.y), velocity.yaw.abs()]
}

impl Restraint {
    /// A velocity that is no faster, in the same direction.
    pub(super) fn limit(&self, velocity: Velocity) -> Velocity {
        let share = |size: f64, most: f64| if size > most { most / size } else { 1.0 };
        let [speed, turning] = size(velocity);
        let (linear, angular) = (share(speed, self.fastest[0]), share(turning, self.fastest[1]));
        Velocity { x: velocity.x * linear, y: velocity.y * linear, yaw: velocity.yaw * angular }
    }
}
