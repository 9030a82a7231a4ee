//! Turns velocity commands, as they come, into what is sent to the robot.

use std::time::{Duration, Instant};

use go2_link::session::Velocity;

/// What a governor allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// The fastest in each direction, either way.
    pub(crate) fastest: Velocity,
    /// The fastest gain of speed, m/s^2 and rad/s^2. Slowing down is never held back.
    pub(crate) acceleration: [f64; 2],
    /// Age at which a command no longer counts.
    pub(crate) stale_after: Duration,
}

/// Something to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Action {
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
    /// Explicit zeros, then StopMove.
    Stopping { zeros: u32, since: Instant },
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
pub(crate) struct Governor {
    limits: Limits,
    state: State,
    last_sent: Option<(Velocity, Instant)>,
    /// Whether what was sent last is on the way to what is wanted.
    ramping: bool,
    /// When a velocity was sent that differs from the one before.
    last_change: Option<Instant>,
    /// Since somebody ordered a stop: when the latest command came. Whoever drives has to let go first.
    held: Option<Instant>,
}

/// Why a command is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ignored {
    #[error("it is not made of finite numbers")]
    NotFinite,
    #[error(
        "the robot was told to stop: send zero, or nothing for a moment, before it walks again"
    )]
    Held,
}

impl Governor {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
            last_sent: None,
            ramping: false,
            last_change: None,
            held: None,
        }
    }

    /// Other limits from now on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether the robot was told to do anything and not yet to stop.
    pub(crate) fn is_active(&self) -> bool {
        self.state != State::Idle
    }

    /// Whether the last that was sent has the robot walk.
    pub(crate) fn is_walking(&self) -> bool {
        self.last_sent.is_some_and(|(velocity, _)| velocity != Velocity::ZERO)
    }

    /// Takes a command; a newer one replaces it. One that is not made of numbers counts as none at all, so
    /// that what came before goes stale.
    pub(crate) fn command(&mut self, wanted: Velocity, now: Instant) -> Result<(), Ignored> {
        if ![wanted.x, wanted.y, wanted.yaw].iter().all(|value| value.is_finite()) {
            return Err(Ignored::NotFinite);
        }
        let stopping = matches!(self.state, State::Stopping { .. });
        if let Some(last) = self.held {
            self.held = Some(now);
            let let_go = now.saturating_duration_since(last) >= self.limits.stale_after;
            // A stop that was ordered is carried out to its StopMove, whatever is commanded meanwhile.
            if wanted != Velocity::ZERO && (stopping || !let_go) {
                return Err(Ignored::Held);
            }
        }
        if wanted == Velocity::ZERO && stopping {
            return Ok(()); // that is what is being done
        }
        self.held = None;
        let Velocity { x, y, yaw } = self.limits.fastest;
        let wanted = Velocity {
            x: wanted.x.clamp(-x, x),
            y: wanted.y.clamp(-y, y),
            yaw: wanted.yaw.clamp(-yaw, yaw),
        };
        self.state = State::Following { wanted, given: now };
        Ok(())
    }

    /// Stops, and does not walk again before whoever drives has let go: commanded zero, or nothing for as
    /// long as a command is fresh.
    pub(crate) fn stop_and_hold(&mut self, now: Instant) {
        self.stop(now);
        self.held = Some(now);
    }

    /// Does not walk again before whoever drives has let go; what is being sent goes on.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.held = Some(now);
    }

    /// A command came that cannot be followed: whoever drives has not let go.
    pub(crate) fn pass_over(&mut self, now: Instant) {
        if self.held.is_some() {
            self.held = Some(now);
        }
    }

    /// Sends nothing more, not even zeros, and does not walk again before whoever drives has let go. For a
    /// robot that was made limp.
    pub(crate) fn fall_silent(&mut self, now: Instant) {
        self.state = State::Idle;
        self.last_sent = None;
        self.held = Some(now);
    }

    /// Somebody has walked the robot without this governor, as by a request of their own.
    pub(crate) fn watch(&mut self, now: Instant) {
        if matches!(self.state, State::Idle | State::Watching { .. }) {
            self.state = State::Watching { heard: now };
        }
    }

    /// Stops, whatever was commanded.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.state = State::Stopping { zeros: ZEROS, since: now };
    }

    /// What is to be sent now, if anything. To be called until it gives nothing.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Action> {
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
                velocity
            }
            State::Stopping { zeros: 0, .. } => {
                self.state = State::Idle;
                self.last_sent = None;
                return Some(Action::StopMove);
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
        // No limit for no time is not a number.
        let gain = |limit: f64| if limit.is_finite() { limit * since.as_secs_f64() } else { limit };
        let [linear, angular] = self.limits.acceleration.map(gain);
        Velocity {
            x: faster(from.x, wanted.x, linear),
            y: faster(from.y, wanted.y, linear),
            yaw: faster(from.yaw, wanted.yaw, angular),
        }
    }

    /// When [`poll`](Self::poll) is to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
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
                Some((sent, at)) if sent == wanted || (self.ramping && given <= at) => at + REPEAT,
                // Not counted from a repetition: a command that comes every 50 ms would often just miss it.
                _ => self.last_change.map_or(given, |at| at + CHANGE),
            },
            State::Stopping { zeros, since } => match self.last_sent {
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
