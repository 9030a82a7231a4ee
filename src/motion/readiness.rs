//! Whether the robot can walk as it is, judged by what it says and by what it was told. Pure; takes `now`.

use std::time::{Duration, Instant};

use go2_proto::commands::{Action, Kind};
use go2_proto::state::Activity;

use go2_proto::motion::Measured;

/// What the robot was last heard to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing {
    /// As far as it matters for walking.
    pub(crate) activity: Option<Activity>,
    /// The lasting action that it is in, by its name.
    pub(crate) lasting: Option<&'static str>,
    /// The number by which firmware since 1.1.7 says what it does.
    pub(crate) code: Option<i64>,
    /// How fast it moves.
    pub(crate) measured: Option<Measured>,
    /// Height of the body over the ground, m.
    pub(crate) height: Option<f64>,
    /// When.
    pub(crate) at: Instant,
}

/// What was heard longer ago says nothing about now.
const FRESH: Duration = Duration::from_secs(2);
/// What it says so soon after a request may be from before it.
const STALE: Duration = Duration::from_millis(150);
/// A mode that begins while the robot walks shows no sooner.
const BEGUN: Duration = Duration::from_millis(500);
/// An answer that comes later is one to an action that is done.
const WHEN_DONE: Duration = Duration::from_millis(500);
/// A body at this height (m) stands; it sits at 0.26 and stands at 0.31 to 0.35.
const STANDS: f64 = 0.29;
/// For so long at most a robot ignores velocities after StandUp; four at least.
const AFTER_STAND_UP: Duration = Duration::from_secs(10);
/// What to know after StandUp.
pub(crate) const STAND_UP_HINT: &str =
    "for 4 to 10 s after ~/stand_up a robot may ignore velocities";

/// The latest, if it still says anything.
pub(crate) fn fresh(doing: Option<Doing>) -> Option<Doing> {
    doing.filter(|doing| doing.at.elapsed() < FRESH)
}

/// Whether the robot walks if it is told to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ready {
    /// As far as is known.
    Walks,
    /// Not yet; in words, why. Nothing is sent.
    Waits(String),
    /// Not before it is brought to its feet by this action, which is to be asked for now.
    Rises(&'static str),
    /// No; in words, what somebody has to do. The robot may know better.
    Lacks(String),
}

/// The answer to whether it walks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) ready: Ready,
    /// What is to be logged.
    pub(super) tell: Option<String>,
}

/// What becomes of walking when the robot does something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is to pause.
    Pause,
    /// It is over until whoever drives has let go.
    Hold,
    /// The same, and nothing at all may be sent: the robot is limp.
    Limp,
}

#[derive(Debug, Clone, Copy)]
struct Busy {
    action: &'static Action,
    since: Instant,
    /// Whether the robot has told of a motion since.
    moved: bool,
}

/// Keeps count of what the robot does and was told.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    doing: Option<Doing>,
    /// Made limp by this side, and not seen to stand since.
    limp: bool,
    busy: Option<Busy>,
    stood_up: Option<Instant>,
    /// The reason that was told last.
    told: Option<String>,
    /// The driver's episode in which it was made to stand last.
    raised: Option<u64>,
}

impl Readiness {
    /// The robot says what it does.
    pub(super) fn heard(&mut self, doing: Doing) -> Option<Change> {
        let before = self.doing.replace(doing).and_then(|doing| doing.activity);
        let now = doing.activity?;
        if is_up(now) {
            self.limp = false;
        }
        if let Some(busy) = &mut self.busy {
            busy.moved |= matches!(
                now,
                Activity::Moving | Activity::LyingDown | Activity::SittingDown | Activity::Other
            );
            if busy.shows_end(&doing) {
                self.busy = None;
            }
        }
        let before = before?;
        match now {
            _ if before == now => None,
            Activity::LimpOrLying | Activity::Damped => Some(Change::Limp),
            Activity::LyingDown | Activity::SittingDown => Some(Change::Hold),
            Activity::Lying if before != Activity::LyingDown => Some(Change::Hold),
            Activity::Sitting if before != Activity::SittingDown => Some(Change::Hold),
            _ => None,
        }
    }

    /// The robot is told to do something.
    pub(super) fn asked(&mut self, action: &'static Action, now: Instant) -> Option<Change> {
        if action.name == "stand_up" {
            self.stood_up = Some(now);
        }
        if action.takes.is_zero() {
            return None;
        }
        self.busy = Some(Busy { action, since: now, moved: false });
        Some(match action.name {
            "stand_down" | "sit" => Change::Hold,
            _ => Change::Pause,
        })
    }

    /// It has answered, or has not.
    pub(super) fn answered(&mut self, action: &'static Action, ok: bool, now: Instant) {
        let done = |busy: &Busy| !ok || now.saturating_duration_since(busy.since) > WHEN_DONE;
        if self.busy.is_some_and(|busy| busy.action.name == action.name && done(&busy)) {
            self.busy = None;
        }
        if action.name == "stand_up" && !ok {
            self.stood_up = None;
        }
    }

    /// It is told to become limp.
    pub(super) fn damped(&mut self) {
        (self.limp, self.busy) = (true, None);
    }

    /// To be called when the robot is to walk, with the driver's episode: how often it has let go so far. `stand`: it is to be brought
    /// to its feet. Where nothing is known of its posture, it walks.
    pub(super) fn check(&mut self, stand: bool, episode: u64, now: Instant) -> Verdict {
        let ready = self.judge(stand && self.raised != Some(episode), now);
        let tell = match &ready {
            Ready::Waits(reason) | Ready::Lacks(reason) => {
                let new = self.told.as_ref() != Some(reason);
                self.told = Some(reason.clone());
                new.then(|| reason.clone())
            }
            Ready::Rises(action) => {
                self.raised = Some(episode);
                Some(format!("the robot does not stand ready to walk: it is told {action}"))
            }
            Ready::Walks => {
                self.told = None;
                self.stood_up.take().map(|at| now.saturating_duration_since(at)).and_then(
                    |passed| {
                        let words = format!(
                            "the robot was told to stand up {:.1} s ago: {STAND_UP_HINT}",
                            passed.as_secs_f64()
                        );
                        (passed < AFTER_STAND_UP).then_some(words)
                    },
                )
            }
        };
        Verdict { ready, tell }
    }

    fn judge(&mut self, stand: bool, now: Instant) -> Ready {
        self.busy =
            self.busy.filter(|busy| now.saturating_duration_since(busy.since) < busy.action.takes);
        if let Some(Busy { action, .. }) = self.busy {
            let (name, seconds) = (action.name, action.takes.as_secs());
            return Ready::Waits(format!(
                "the robot does not move yet: it was told {name}, which takes {seconds} s at most"
            ));
        }
        let fresh = self.doing.filter(|doing| now.saturating_duration_since(doing.at) < FRESH);
        let activity = fresh.and_then(|doing| doing.activity);
        let activity = match activity {
            Some(Activity::Lying) if self.limp => Some(Activity::Damped),
            activity => activity,
        };
        let lacks = |what: &str, way_out: &str| {
            Ready::Lacks(format!("the robot {what} and does not walk like this: {way_out}"))
        };
        let waits = |what: &str| Ready::Waits(format!("the robot does not move yet: it {what}"));
        match activity {
            Some(Activity::Lying) if stand => Ready::Rises("recovery_stand"),
            Some(Activity::Locked) if stand => Ready::Rises("balance_stand"),
            Some(Activity::Sitting) if stand => Ready::Rises("rise_sit"),
            Some(Activity::Lying) => lacks("lies", "call ~/stand_up, then ~/balance_stand"),
            Some(Activity::Locked) => lacks(
                "stands with locked joints",
                &format!("call ~/balance_stand; {STAND_UP_HINT}"),
            ),
            Some(Activity::Sitting) => lacks("sits", "call ~/rise_sit"),
            Some(Activity::Damped) => {
                lacks("is limp", "call ~/recovery_stand when the floor around it is free")
            }
            Some(Activity::LimpOrLying) => lacks(
                "is limp or lies, and does not tell which,",
                "call ~/recovery_stand when the floor around it is free",
            ),
            Some(Activity::LyingDown) => waits("lies down"),
            Some(Activity::SittingDown) => waits("sits down"),
            Some(Activity::Moving) => waits("is in a motion of its own"),
            Some(Activity::Walkable | Activity::Other) | None => Ready::Walks,
        }
    }

    /// Whether it was told to be, or is seen to be, where nothing is left to stop.
    pub(super) fn is_at_rest(&self) -> bool {
        let activity = self.doing.and_then(|doing| doing.activity);
        let down = [Activity::Lying, Activity::Sitting, Activity::LimpOrLying, Activity::Damped];
        activity.is_some_and(|activity| down.contains(&activity))
    }
}

impl Busy {
    /// Whether a message shows that the robot has done it.
    fn shows_end(&self, doing: &Doing) -> bool {
        let passed = doing.at.saturating_duration_since(self.since);
        let Some(activity) = doing.activity.filter(|_| passed >= STALE) else { return false };
        let stands = doing.height.is_none_or(|height| height >= STANDS);
        match self.action.name {
            "stand_up" => activity == Activity::Locked && stands,
            "balance_stand" | "recovery_stand" | "rise_sit" => {
                activity == Activity::Walkable && stands
            }
            "stand_down" => matches!(activity, Activity::Lying | Activity::LimpOrLying),
            "sit" => activity == Activity::Sitting,
            _ if self.action.kind == Kind::Lasting => {
                passed >= BEGUN && activity == Activity::Walkable
            }
            _ => self.moved && activity == Activity::Walkable,
        }
    }
}

fn is_up(activity: Activity) -> bool {
    matches!(activity, Activity::Walkable | Activity::Locked | Activity::Sitting)
}

#[cfg(test)]
#[path = "readiness_tests.rs"]
mod tests;
