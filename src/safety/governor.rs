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
const CHANGE: Duration = Duration::from_millis(10);
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
        if let Some(last) = self.held.replace(now) {
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
        let [linear, angular] = self.limits.acceleration.map(|limit| limit * since.as_secs_f64());
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
mod tests {
    use super::*;

    const FORWARD: Velocity = Velocity { x: 0.5, y: 0.0, yaw: 0.0 };
    const LEFT: Velocity = Velocity { x: 0.0, y: 0.3, yaw: 0.0 };

    struct Test {
        governor: Governor,
        now: Instant,
        sent: Vec<(u128, Action)>,
        start: Instant,
    }

    impl Test {
        fn new() -> Self {
            let fastest = Velocity { x: 1.0, y: 0.5, yaw: 1.5 };
            let acceleration = [f64::INFINITY; 2];
            let stale_after = Duration::from_millis(300);
            let limits = Limits { fastest, acceleration, stale_after };
            let now = Instant::now();
            Self { governor: Governor::new(limits), now, sent: Vec::new(), start: now }
        }

        /// Lets milliseconds pass, one at a time.
        fn wait(&mut self, milliseconds: u64) {
            for _ in 0..milliseconds {
                self.poll();
                self.now += Duration::from_millis(1);
            }
            self.poll();
        }

        fn poll(&mut self) {
            while let Some(action) = self.governor.poll(self.now) {
                self.sent.push(((self.now - self.start).as_millis(), action));
            }
        }

        fn command(&mut self, velocity: Velocity) {
            self.governor.command(velocity, self.now).unwrap();
        }

        fn taken(&mut self) -> Vec<(u128, Action)> {
            std::mem::take(&mut self.sent)
        }
    }

    fn drive(at: u128, velocity: Velocity) -> (u128, Action) {
        (at, Action::Drive(velocity))
    }

    #[test]
    fn a_stale_command_ends_in_zeros_and_stop_move() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(2000);
        let followed = (0..6).map(|i| drive(50 * i, FORWARD));
        let zeros = (0..4).map(|i| drive(300 + 50 * i, Velocity::ZERO));
        let expected: Vec<_> = followed.chain(zeros).chain([(500, Action::StopMove)]).collect();
        assert_eq!(test.taken(), expected);
        assert!(!test.governor.is_active());
        assert_eq!(test.governor.poll_timeout(), None);
    }

    #[test]
    fn changes_go_out_at_once_and_repetitions_at_20_hz() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(20);
        test.command(LEFT);
        test.wait(20);
        test.command(LEFT);
        test.wait(40);
        assert_eq!(test.taken(), [drive(0, FORWARD), drive(20, LEFT), drive(70, LEFT)]);
    }

    #[test]
    fn a_change_right_after_a_repetition_does_not_wait() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(51);
        test.command(LEFT);
        test.wait(1);
        assert_eq!(test.taken(), [drive(0, FORWARD), drive(50, FORWARD), drive(51, LEFT)]);
    }

    #[test]
    fn of_many_changes_the_newest_wins() {
        let mut test = Test::new();
        for i in 0..100 {
            test.command(Velocity { x: f64::from(i) / 100.0, ..Velocity::ZERO });
            test.wait(1);
        }
        let sent = test.taken();
        assert_eq!(sent.len(), 11, "one in 10 ms: {sent:?}");
        assert_eq!(sent[10], drive(100, Velocity { x: 0.99, ..Velocity::ZERO }));
    }

    #[test]
    fn zero_is_a_command() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(20);
        test.command(Velocity::ZERO);
        test.wait(1);
        assert_eq!(test.taken()[1], drive(20, Velocity::ZERO));
    }

    #[test]
    fn speeds_are_limited_and_numbers_required() {
        let mut test = Test::new();
        test.command(Velocity { x: 9.0, y: -9.0, yaw: 9.0 });
        test.wait(1);
        assert_eq!(test.taken(), [drive(0, Velocity { x: 1.0, y: -0.5, yaw: 1.5 })]);
        let now = test.now;
        for bad in [Velocity { x: f64::NAN, ..FORWARD }, Velocity { yaw: f64::INFINITY, ..FORWARD }]
        {
            assert_eq!(test.governor.command(bad, now), Err(Ignored::NotFinite));
        }
    }

    #[test]
    fn stop_overrides_a_fresh_command_at_once() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(20);
        test.governor.stop(test.now);
        test.wait(1000);
        let sent = test.taken();
        assert_eq!(sent[1], drive(20, Velocity::ZERO));
        assert_eq!(sent.last(), Some(&(220, Action::StopMove)));
        assert_eq!(sent.len(), 6);
    }

    #[test]
    fn a_command_during_a_stop_walks_on() {
        let mut test = Test::new();
        test.governor.stop(test.now);
        test.wait(60);
        test.command(FORWARD);
        test.wait(1);
        assert_eq!(test.taken().last(), Some(&drive(60, FORWARD)));
    }

    #[test]
    fn an_ordered_stop_holds_until_the_driver_lets_go() {
        for pause in [0, 300] {
            let mut test = Test::new();
            test.command(FORWARD);
            test.wait(10);
            test.governor.stop_and_hold(test.now);
            for _ in 0..20 {
                assert_eq!(test.governor.command(FORWARD, test.now), Err(Ignored::Held));
                test.wait(50);
            }
            let sent = test.taken();
            assert_eq!(sent.last(), Some(&(210, Action::StopMove)), "{sent:?}");
            assert_eq!(sent.len(), 6);
            if pause == 0 {
                test.command(Velocity::ZERO);
            }
            test.wait(pause.max(10));
            test.command(FORWARD);
            test.wait(1);
            assert!(matches!(test.taken().last(), Some((_, Action::Drive(FORWARD)))), "{pause}");
        }
    }

    #[test]
    fn an_ordered_stop_is_carried_out_even_if_the_driver_lets_go_meanwhile() {
        let mut test = Test::new();
        test.governor.limits.stale_after = Duration::from_millis(60);
        test.command(FORWARD);
        test.wait(10);
        test.governor.stop_and_hold(test.now);
        test.command(Velocity::ZERO);
        test.wait(20);
        assert_eq!(test.governor.command(FORWARD, test.now), Err(Ignored::Held));
        test.wait(100);
        assert_eq!(test.governor.command(FORWARD, test.now), Err(Ignored::Held));
        test.wait(400);
        assert_eq!(test.taken().last(), Some(&(210, Action::StopMove)));
        test.command(FORWARD);
        test.wait(1);
        assert!(matches!(test.taken()[..], [(_, Action::Drive(FORWARD))]));
    }

    #[test]
    fn a_limp_robot_is_told_nothing_more() {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(10);
        test.taken();
        test.governor.fall_silent(test.now);
        assert_eq!(test.governor.command(FORWARD, test.now), Err(Ignored::Held));
        test.wait(1000);
        assert_eq!(test.taken(), []);
        assert!(!test.governor.is_active());
    }

    #[test]
    fn speed_is_gained_slowly_and_lost_at_once() {
        let mut test = Test::new();
        test.governor.limits.acceleration = [2.0, 10.0];
        let at = |x: f64, yaw: f64| Velocity { x, y: 0.0, yaw };
        let mut gained = Vec::new();
        for _ in 0..6 {
            test.command(at(-0.35, 1.5));
            test.wait(50);
            gained.extend(test.taken().into_iter().map(|(_, action)| action));
        }
        gained.dedup();
        let near = |action: &Action, x: f64, yaw: f64| match action {
            Action::Drive(v) => (v.x - x).abs() < 1e-9 && (v.yaw - yaw).abs() < 1e-9,
            Action::StopMove => false,
        };
        assert!(near(&gained[0], -0.1, 0.5), "{gained:?}");
        assert!(gained.iter().any(|action| near(action, -0.35, 1.5)), "{gained:?}");
        assert!(gained.len() > 3, "{gained:?}");
        // The other way round: through standing still, at once.
        test.command(at(0.05, 0.0));
        test.wait(1);
        let taken = test.taken();
        assert!(
            matches!(taken[..], [(_, Action::Drive(Velocity { x, yaw: 0.0, .. }))] if x <= 0.05 && x > 0.0),
            "{taken:?}"
        );
        test.wait(20);
        test.command(Velocity::ZERO);
        test.wait(1);
        assert!(matches!(test.taken()[..], [.., (_, Action::Drive(Velocity::ZERO))]));
    }

    #[test]
    fn who_walks_the_robot_past_it_is_watched() {
        let mut test = Test::new();
        for _ in 0..5 {
            test.governor.watch(test.now);
            test.wait(100);
        }
        assert_eq!(test.taken(), []);
        test.wait(1000);
        let zeros = (0..4).map(|i| drive(700 + 50 * i, Velocity::ZERO));
        let expected: Vec<_> = zeros.chain([(900, Action::StopMove)]).collect();
        assert_eq!(test.taken(), expected);
        // A command of one's own counts more.
        test.command(FORWARD);
        test.governor.watch(test.now);
        test.wait(1);
        assert!(matches!(test.taken()[..], [(_, Action::Drive(FORWARD))]));
    }

    #[test]
    fn polling_at_the_timeout_is_enough() {
        let mut test = Test::new();
        test.command(FORWARD);
        while let Some(due) = test.governor.poll_timeout() {
            test.now = test.now.max(due);
            let before = test.sent.len();
            test.poll();
            assert!(test.sent.len() > before, "woken for nothing at {:?}", test.now - test.start);
        }
        assert_eq!(test.sent.last(), Some(&(500, Action::StopMove)));
    }
}
