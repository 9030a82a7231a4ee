//! Keeps one of the robot's streams on, or off, as it is wanted. Pure.
//!
//! The switches of LiDAR and video are plain messages that nobody acknowledges. Firmware ignores the first
//! LiDAR switch of a session, turns the LiDAR off by itself, or on again for its obstacle avoidance. Only the
//! frames tell, so the switch is repeated until they do as wanted.

use std::time::{Duration, Instant};

/// How often a switch is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between the first commands, and how many those are.
    pub(super) first: Duration,
    pub(super) firsts: u32,
    /// Between the later ones, and how many those are.
    pub(super) later: Duration,
    pub(super) laters: u32,
    /// Between those after them: by then the switch is not what is wrong.
    pub(super) at_last: Duration,
}

/// Without a frame for this long a stream counts as stopped.
const STOPPED_AFTER: Duration = Duration::from_secs(2);
/// Frames may be under way for this long after a stream was turned off.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A stream and its switch.
#[derive(Debug)]
pub(super) struct Upkeep {
    pace: Pace,
    /// `None` until somebody wants it one way or the other.
    wanted: Option<bool>,
    /// When the next command is due, and how many there were in a row.
    due: Option<Instant>,
    commands: u32,
    last_command: Option<Instant>,
}

impl Upkeep {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, wanted: None, due: None, commands: 0, last_command: None }
    }

    /// How it is wanted.
    pub(super) fn want(&mut self, on: bool, now: Instant) {
        if self.wanted != Some(on) {
            self.wanted = Some(on);
            self.commands = 0;
            self.due = Some(now);
        }
    }

    /// A frame came.
    pub(super) fn frame(&mut self, now: Instant) {
        match self.wanted {
            Some(true) => {
                self.commands = 0;
                self.due = Some(now + STOPPED_AFTER);
            }
            Some(false) if self.due.is_none() => {
                let heard = self.last_command.map(|at| at + UNDER_WAY);
                self.due = heard.filter(|heard| now >= *heard).map(|_| now);
            }
            Some(false) | None => {}
        }
    }

    /// When [`poll`](Self::poll) has something.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The command that is due: on or off, and how many went before it.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(bool, u32)> {
        let on = self.wanted?;
        self.due.filter(|due| *due <= now)?;
        let before = self.commands;
        self.commands += 1;
        self.last_command = Some(now);
        let Pace { first, firsts, later, laters, at_last } = self.pace;
        let pause = match self.commands {
            few if few < firsts => first,
            many if many < firsts + laters => later,
            _ => at_last,
        };
        // Off is said a few times; after that frames would tell that it was not heard.
        let again = on || self.commands < self.pace.firsts;
        self.due = again.then(|| now + pause);
        Some((on, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        first: Duration::from_millis(100),
        firsts: 5,
        later: Duration::from_secs(2),
        laters: 3,
        at_last: Duration::from_secs(15),
    };

    /// Milliseconds at which a command is given, until `end`, with frames at the times given.
    fn commands(upkeep: &mut Upkeep, start: Instant, end: u64, frames: &[u64]) -> Vec<(u64, bool)> {
        let mut given = Vec::new();
        for ms in 0..end {
            let now = start + Duration::from_millis(ms);
            if frames.contains(&ms) {
                upkeep.frame(now);
            }
            if let Some((on, _)) = upkeep.poll(now) {
                given.push((ms, on));
            }
        }
        given
    }

    #[test]
    fn on_is_repeated_until_frames_come_and_when_they_stop() {
        let start = Instant::now();
        let mut upkeep = Upkeep::new(PACE);
        assert!(commands(&mut upkeep, start, 1000, &[]).is_empty(), "nobody wants anything");
        upkeep.want(true, start);
        let given = commands(&mut upkeep, start, 9000, &[250, 400, 4500]);
        let times: Vec<_> = given.iter().map(|(ms, _)| *ms).collect();
        assert_eq!(
            times,
            [0, 100, 200, 2400, 2500, 2600, 2700, 2800, 6500, 6600, 6700, 6800, 6900, 8900]
        );
        assert!(given.iter().all(|(_, on)| *on));
    }

    #[test]
    fn what_does_not_help_is_repeated_less_often() {
        let start = Instant::now();
        let mut upkeep = Upkeep::new(PACE);
        upkeep.want(true, start);
        let given = commands(&mut upkeep, start, 60_000, &[50_000]);
        let times: Vec<_> = given.iter().map(|(ms, _)| *ms).collect();
        let again = [52_000, 52_100, 52_200, 52_300, 52_400, 54_400, 56_400, 58_400];
        assert_eq!(times[..10], [0, 100, 200, 300, 400, 2400, 4400, 6400, 21_400, 36_400]);
        assert_eq!(times[10..], again, "from the beginning after a frame");
    }

    #[test]
    fn off_is_repeated_while_frames_come() {
        let start = Instant::now();
        let mut upkeep = Upkeep::new(PACE);
        upkeep.want(false, start);
        let given = commands(&mut upkeep, start, 9000, &[50, 900, 3000, 3050]);
        let times: Vec<_> = given.iter().map(|(ms, _)| *ms).collect();
        assert_eq!(times, [0, 100, 200, 300, 400, 3000]);
        assert!(given.iter().all(|(_, on)| !*on));
    }

    #[test]
    fn a_change_of_mind_counts_at_once() {
        let start = Instant::now();
        let mut upkeep = Upkeep::new(PACE);
        upkeep.want(true, start);
        assert_eq!(upkeep.poll(start), Some((true, 0)));
        upkeep.want(false, start);
        assert_eq!(upkeep.poll(start), Some((false, 0)));
        upkeep.want(false, start);
        assert_eq!(upkeep.poll(start), None);
    }
}
