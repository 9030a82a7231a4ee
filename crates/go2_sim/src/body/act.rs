//! What the body does when told, by the names of the table of actions.
//!
//! ```text
//! lying, locked, balancing, sitting   one leads to the other
//! damped                              only recovery_stand leads out of it
//! once     hello, flips, ..           a few seconds, then balancing; nothing but damp ends it before
//! lasting  free_walk, pose, ..        until switched off; stop does not end it
//! ```

use std::time::{Duration, Instant};

use go2_proto::commands::{Action, Api, Danger, Kind};

use super::{Body, Posture};

/// Something with a beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    action: &'static Action,
    api: Api,
    since: Instant,
    /// How long it takes, if it is done once.
    lasts: Option<Duration>,
}

/// Not possible in the posture that the body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongPosture;

/// With less charge (percent) than this most actions are refused, and these are not.
const LOW_CHARGE: u32 = 20;
const ALWAYS: &[&str] = &["damp", "stop", "stand_down", "balance_stand", "recovery_stand"];
/// Lasting modes in which it does not walk when told.
const NOT_WALKING: &[&str] = &["pose", "lead_follow"];
/// Lasting modes that lead nowhere but back.
const HELD: &[&str] = &["pose", "lead_follow", "hand_stand", "back_stand"];
/// Those in which it is on two legs, and cannot lie down or lock its joints.
const ON_TWO_LEGS: &[&str] = &["hand_stand", "back_stand"];
/// Done once, but not from locked joints.
const FROM_BALANCE: &[&str] = &["dance1", "dance2", "wallow"];
/// Largest roll, pitch and yaw that can be asked for.
const STEEPEST: [f64; 3] = [0.75, 0.75, 0.6];

/// How long what is done once takes.
fn duration(action: &Action) -> Duration {
    Duration::from_secs(match action.name {
        _ if action.danger == Danger::Acrobatic => 2,
        "dance1" | "dance2" | "stretch" | "wallow" | "heart" => 4,
        _ => 3,
    })
}

impl Body {
    /// Begins an action, or ends one that lasts.
    pub(crate) fn act(
        &mut self,
        action: &'static Action,
        api: Api,
        on: bool,
    ) -> Result<(), WrongPosture> {
        if !on {
            if self.is_doing(action.name) {
                self.leave();
            }
            return Ok(());
        }
        let tired = self.charge < LOW_CHARGE && !ALWAYS.contains(&action.name);
        match action.name {
            "damp" => self.damp(),
            "stop" => {
                self.stand_still();
                self.tilt = [0.0; 3];
            }
            _ if tired || self.is_busy() => return Err(WrongPosture),
            "stand_up" | "stand_down" | "balance_stand" | "recovery_stand" => {
                return self.take_posture(action.name);
            }
            "rise_sit" if self.posture == Posture::Sitting => {
                self.take(Posture::Balancing, Duration::ZERO);
                self.recovered = false;
            }
            // Not a motion.
            "switch_avoid_mode" => {}
            _ => return self.begin(action, api),
        }
        Ok(())
    }

    fn take_posture(&mut self, name: &str) -> Result<(), WrongPosture> {
        let lasting = self.doing.map(|doing| (doing.action.name, doing.api));
        let (posture, lies_or_locks) = match name {
            "stand_up" => (Posture::Locked, true),
            "stand_down" => (Posture::Lying, true),
            _ => (Posture::Balancing, false),
        };
        match lasting {
            Some((mode, _)) if lies_or_locks && ON_TWO_LEGS.contains(&mode) => {
                return Err(WrongPosture);
            }
            // Success is said, but only its own id ends it.
            Some((_, Api::Flag(_))) if !lies_or_locks => return Ok(()),
            _ => {}
        }
        // A limp robot only gets up by RecoveryStand; the others answer success and do nothing.
        if self.posture != Posture::Damped || name == "recovery_stand" {
            self.leave();
            let lies = posture == Posture::Lying && self.posture != Posture::Lying;
            self.take(posture, if lies { self.facts.lies_after } else { Duration::ZERO });
            self.recovered = name == "recovery_stand";
            if name == "stand_up" {
                self.deaf_until = Some(self.now + self.facts.deaf_after_stand_up);
            }
        }
        Ok(())
    }

    /// Takes a posture, and tells so after a time.
    fn take(&mut self, posture: Posture, after: Duration) {
        self.posture = posture;
        self.settles_at = self.now + after;
    }

    fn begin(&mut self, action: &'static Action, api: Api) -> Result<(), WrongPosture> {
        if self.is_doing(action.name) {
            return Ok(());
        }
        let balancing = self.posture == Posture::Balancing;
        let from_locked = action.kind == Kind::Once
            && action.danger == Danger::None
            && !FROM_BALANCE.contains(&action.name);
        let stands = balancing || (self.posture == Posture::Locked && from_locked);
        // One gait follows another; what else lasts is to be ended first.
        let free = match self.doing {
            None => true,
            Some(doing) => action.kind == Kind::Lasting && !HELD.contains(&doing.action.name),
        };
        if !stands || !self.is_up() || !free || action.name == "rise_sit" {
            return Err(WrongPosture);
        }
        self.leave();
        if action.name == "sit" {
            self.take(Posture::Sitting, self.facts.sits_after);
            return Ok(());
        }
        self.take(Posture::Balancing, Duration::ZERO);
        let lasts = (action.kind == Kind::Once).then(|| duration(action));
        self.doing = Some(Doing { action, api, since: self.now, lasts });
        Ok(())
    }

    /// Ends whatever it does; the posture stays.
    fn leave(&mut self) {
        self.doing = None;
        self.stand_still();
        self.tilt = [0.0; 3];
    }

    /// Motors limp.
    pub(crate) fn damp(&mut self) {
        self.leave();
        self.changing = None;
        self.take(Posture::Damped, Duration::ZERO);
    }

    /// Lies down, stands up and balances, in so much time, in which it does nothing else.
    pub(crate) fn change_mode(&mut self, takes: Duration, now: Instant) {
        self.step(now);
        self.leave();
        self.posture = Posture::Lying;
        self.changing = Some([now + takes / 2, now + takes]);
        self.settle();
    }

    pub(super) fn end_action(&mut self) {
        let is_over = |doing: &Doing| doing.lasts.is_some_and(|l| self.now >= doing.since + l);
        if self.doing.as_ref().is_some_and(is_over) {
            self.doing = None;
        }
        if let Some([lies, stands]) = self.changing {
            if self.now >= lies {
                self.posture = Posture::Balancing;
            }
            if self.now >= stands {
                self.changing = None;
            }
        }
    }

    /// Whether an attitude is within what can be asked for.
    pub(crate) fn can_tilt(attitude: [f64; 3]) -> bool {
        attitude.iter().zip(STEEPEST).all(|(angle, most)| angle.abs() <= most)
    }

    /// Tilts the trunk (roll, pitch, yaw in radians) until it is stopped, if it balances or poses.
    pub(crate) fn tilt(&mut self, attitude: [f64; 3]) {
        let free = self.doing.is_none_or(|doing| doing.action.name == "pose");
        if free && self.changing.is_none() && self.posture == Posture::Balancing && self.is_up() {
            self.tilt = attitude;
        }
    }

    /// The name of the action that it does or the mode that it is in, and how much of an action is done, 0 to 1.
    pub fn doing(&self) -> Option<(&'static str, f64)> {
        let Doing { action, since, lasts, .. } = self.doing?;
        let passed = self.now.saturating_duration_since(since).as_secs_f64();
        Some((action.name, lasts.map_or(0.0, |lasts| (passed / lasts.as_secs_f64()).min(1.0))))
    }

    pub(super) fn is_doing(&self, name: &str) -> bool {
        self.doing.is_some_and(|doing| doing.action.name == name)
    }

    /// Whether it is in the middle of something that must come to its end.
    fn is_busy(&self) -> bool {
        self.changing.is_some() || self.doing.is_some_and(|doing| doing.lasts.is_some())
    }

    pub(super) fn doing_lets_walk(&self) -> bool {
        let stays = self.doing.is_some_and(|doing| NOT_WALKING.contains(&doing.action.name));
        !stays && !self.is_busy()
    }
}
