//! Turns velocity commands, as they come, into what is sent to the robot.

use std::time::{Duration, Instant};

use super::velocity::Velocity;

use super::following::{Following, Measured, News};

/// What a governor allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The fastest in each direction, either way.
    pub fastest: Velocity,
    /// The fastest gain of speed, m/s^2 and rad/s^2. Slowing down is never held back.
    pub acceleration: [f64; 2],
    /// Age at which a command no longer counts.
    pub stale_after: Duration,
}

/// Something to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Walk like this.
    Drive(Velocity),
    /// Leave the gait; the end of a stop.
    StopMove,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing to send.
    Idle,
    /// A command is fresh.
    Following { wanted: Velocity, given: Instant },
    /// Somebody walks the robot past this governor; when nothing more is heard of that, it is stopped.
    Watching { heard: Instant },
    /// Explicit zeros, then StopMove, unless the robot does something else that a StopMove could end.
    Stopping { zeros: u32, since: Instant, stop_move: bool },
}

/// Between two repetitions of the same velocity: the robot wants about 20 Hz.
const REPEAT: Duration = Duration::from_millis(50);
/// Between two different velocities; changes go out at once, but no command stream floods the link.
const CHANGE: Duration = Duration::from_millis(5);
/// Zeros before StopMove. StopMove leaves the gait but is no brake, and a single message may be the one that
/// the robot ignores.
const ZEROS: u32 = 4;

/// Follows fresh commands and stops when there are none.
#[derive(Debug)]
pub struct Governor {
    limits: Limits,
    state: State,
    last_sent: Option<(Velocity, Instant)>,
    /// Whether what was sent last is on the way to what is wanted.
    ramping: bool,
    /// When a velocity was sent that differs from the one before.
    last_change: Option<Instant>,
    /// Since somebody ordered a stop: when the latest command came. Whoever drives has to let go first.
    held: Option<Instant>,
    /// Whether nobody walks the robot, driver or not, until that is taken back.
    latched: bool,
    /// When a velocity other than zero was commanded last, followed or not, since the driver let go.
    driven: Option<Instant>,
    episode: u64,
    following: Following,
}

/// Why a command is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// A component is infinite or not a number.
    #[error("it is not made of finite numbers")]
    NotFinite,
    /// A stop was ordered, and whoever drives has not let go since.
    #[error(
        "the robot was told to stop: send zero, or nothing for a moment, before it walks again"
    )]
    Held,
    /// Nobody walks the robot before it is released.
    #[error("the robot is held")]
    Latched,
}

impl Governor {
    /// A governor that has sent nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
            last_sent: None,
            ramping: false,
            last_change: None,
            held: None,
            latched: false,
            driven: None,
            episode: 0,
            following: Following::default(),
        }
    }

    /// Other limits from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether the robot was told to do anything and not yet to stop.
    pub fn is_active(&self) -> bool {
        self.state != State::Idle
    }

    /// Whether the last that was sent has the robot walk.
    pub fn is_walking(&self) -> bool {
        self.last_sent.is_some_and(|(velocity, _)| velocity != Velocity::ZERO)
    }

    /// Whether a command would be followed, were the robot able to. To be asked for each command, once: a driver that is held
    /// has to be seen to let go. One that is not made of numbers counts as none at all, so that what came before goes stale.
    pub fn admit(&mut self, wanted: Velocity, now: Instant) -> Result<(), Ignored> {
        if ![wanted.x, wanted.y, wanted.yaw].iter().all(|value| value.is_finite()) {
            return Err(Ignored::NotFinite);
        }
        let fresh = |at: Instant| now.saturating_duration_since(at) < self.limits.stale_after;
        if wanted == Velocity::ZERO || !self.driven.is_some_and(fresh) {
            self.episode += 1;
            self.following.let_go();
        }
        self.driven = (wanted != Velocity::ZERO).then_some(now);
        if self.latched && wanted != Velocity::ZERO {
            return Err(Ignored::Latched);
        }
        let stopping = self.is_stopping();
        if let Some(last) = self.held {
            self.held = Some(now);
            let let_go = now.saturating_duration_since(last) >= self.limits.stale_after;
            // A stop that was ordered is carried out to its StopMove, whatever is commanded meanwhile.
            if wanted != Velocity::ZERO && (stopping || !let_go) {
                return Err(Ignored::Held);
            }
        }
        if !(wanted == Velocity::ZERO && stopping) {
            self.held = None;
        }
        Ok(())
    }

    /// Counts how often the driver has let go so far: commanded zero, or nothing for as long as a command is fresh.
    pub fn episode(&self) -> u64 {
        self.episode
    }

    fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping { .. })
    }

    /// Takes a command that was admitted; a newer one replaces it.
    pub fn follow(&mut self, wanted: Velocity, now: Instant) {
        if wanted == Velocity::ZERO && self.is_stopping() {
            return; // that is what is being done
        }
        let Velocity { x, y, yaw } = self.limits.fastest;
        let wanted = Velocity {
            x: wanted.x.clamp(-x, x),
            y: wanted.y.clamp(-y, y),
            yaw: wanted.yaw.clamp(-yaw, yaw),
        };
        self.state = State::Following { wanted, given: now };
    }

    /// A velocity other than zero is wanted that the robot cannot follow now: it is not sent.
    pub fn withhold(&mut self, now: Instant) {
        self.following.withheld(now);
    }

    /// A velocity went to the robot. One that [`poll`](Self::poll) gave may not, where the way there is not open yet.
    pub fn sent(&mut self, velocity: Velocity, now: Instant) {
        if velocity != Velocity::ZERO {
            self.following.sent(velocity, now);
        }
    }

    /// The robot says how it moves.
    pub fn measure(&mut self, measured: Measured, now: Instant) {
        self.following.measure(measured, now);
    }

    /// Whether velocities take effect, where that has changed.
    pub fn take_news(&mut self) -> Option<News> {
        self.following.take_news()
    }

    /// The robot is about to do something else than walk: zeros end a walk, without the StopMove that could end the other,
    /// too. A stop that is under way goes on.
    pub fn yield_to_action(&mut self, now: Instant) {
        if self.is_walking() && !self.is_stopping() {
            self.state = State::Stopping { zeros: ZEROS, since: now, stop_move: false };
        } else if !self.is_stopping() {
            (self.state, self.last_sent) = (State::Idle, None);
        }
    }

    /// The same, and the robot does not walk again before whoever drives has let go.
    pub fn yield_and_hold(&mut self, now: Instant) {
        self.yield_to_action(now);
        self.held = Some(now);
    }

    /// Stops, and does not walk again before whoever drives has let go: commanded zero, or nothing for as
    /// long as a command is fresh.
    pub fn stop_and_hold(&mut self, now: Instant) {
        self.stop(now);
        self.held = Some(now);
    }

    /// Does not walk again before whoever drives has let go; what is being sent goes on.
    pub fn hold(&mut self, now: Instant) {
        self.held = Some(now);
    }

    /// Follows nothing but zeros, whoever commands, until this is called with `false`; after that whoever drives has to let go
    /// first. What is being sent goes on.
    pub fn latch(&mut self, latched: bool, now: Instant) {
        self.latched = latched;
        self.hold(now);
    }

    /// Whether nothing but zeros is followed.
    pub fn is_latched(&self) -> bool {
        self.latched
    }

    /// Sends nothing more, not even zeros, and does not walk again before whoever drives has let go. For a
    /// robot that was made limp.
    pub fn fall_silent(&mut self, now: Instant) {
        self.state = State::Idle;
        self.last_sent = None;
        self.held = Some(now);
    }

    /// Somebody has walked the robot without this governor, as by a request of their own.
    pub fn watch(&mut self, now: Instant) {
        if matches!(self.state, State::Idle | State::Watching { .. }) {
            self.state = State::Watching { heard: now };
        }
    }

    /// Stops, whatever was commanded.
    pub fn stop(&mut self, now: Instant) {
        self.state = State::Stopping { zeros: ZEROS, since: now, stop_move: true };
    }

    /// What is to be sent now, if anything. To be called until it gives nothing.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        if let State::Following { given, .. } | State::Watching { heard: given } = self.state {
            if now.saturating_duration_since(given) >= self.limits.stale_after {
                self.stop(now);
            }
        }
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let velocity = match &mut self.state {
            State::Idle | State::Watching { .. } => return None,
            State::Following { wanted, .. } => {
                let wanted = *wanted;
                let velocity = self.gain(wanted, now);
                self.ramping = velocity != wanted;
                if !self.ramping {
                    self.following.settle();
                }
                velocity
            }
            State::Stopping { zeros: 0, stop_move, .. } => {
                let stop_move = *stop_move;
                (self.state, self.last_sent) = (State::Idle, None);
                return stop_move.then_some(Action::StopMove);
            }
            State::Stopping { zeros, .. } => {
                *zeros -= 1;
                Velocity::ZERO
            }
        };
        if self.last_sent.is_none_or(|(last, _)| last != velocity) {
            self.last_change = Some(now);
        }
        self.last_sent = Some((velocity, now));
        Some(Action::Drive(velocity))
    }

    /// As far towards what is wanted as may be gained since the last message.
    fn gain(&self, wanted: Velocity, now: Instant) -> Velocity {
        let (from, since) = match self.last_sent {
            Some((velocity, at)) => (velocity, now.saturating_duration_since(at).min(REPEAT)),
            None => (Velocity::ZERO, REPEAT),
        };
        let restraint = self.following.restraint(now);
        let wanted = restraint.map_or(wanted, |restraint| restraint.limit(wanted));
        let [slow, slow_turn] = restraint.map_or([f64::INFINITY; 2], |r| r.acceleration);
        let [linear, angular] = self.limits.acceleration;
        // No limit for no time is not a number.
        let gain = |limit: f64| if limit.is_finite() { limit * since.as_secs_f64() } else { limit };
        let [linear, angular] = [linear.min(slow), angular.min(slow_turn)].map(gain);
        Velocity {
            x: faster(from.x, wanted.x, linear),
            y: faster(from.y, wanted.y, linear),
            yaw: faster(from.yaw, wanted.yaw, angular),
        }
    }

    /// When [`poll`](Self::poll) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stale = |given: Instant| given + self.limits.stale_after;
        match self.state {
            State::Following { given, .. } => Some(self.due()?.min(stale(given))),
            State::Watching { heard } => Some(stale(heard)),
            _ => self.due(),
        }
    }

    /// When the next message is due, should the state stay as it is. A time in the past means now.
    fn due(&self) -> Option<Instant> {
        let next = match self.state {
            State::Idle | State::Watching { .. } => return None,
            State::Following { wanted, given } => match self.last_sent {
                Some((sent, at)) if sent == wanted => at + REPEAT,
                Some((_, at)) if self.ramping && given <= at && wanted != Velocity::ZERO => {
                    at + REPEAT
                }
                // Not counted from a repetition: a command that comes every 50 ms would often just miss it.
                _ => self.last_change.map_or(given, |at| at + CHANGE),
            },
            State::Stopping { zeros, since, .. } => match self.last_sent {
                Some((_, at)) if zeros < ZEROS => at + REPEAT,
                _ => since,
            },
        };
        Some(next)
    }
}

/// A speed that is nearer to the wanted one, gaining at most so much; what is slower, or stands, is there at once.
fn faster(from: f64, wanted: f64, most: f64) -> f64 {
    let from = if from * wanted > 0.0 { from } else { 0.0 };
    if wanted.abs() <= from.abs() {
        wanted
    } else {
        from + (wanted - from).clamp(-most, most)
    }
}

#[cfg(test)]
#[path = "governor_tests.rs"]
mod tests;
