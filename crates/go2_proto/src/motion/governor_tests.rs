//! What is sent for the commands that come, in virtual time.

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
            if let Action::Drive(velocity) = action {
                self.governor.sent(velocity, self.now);
            }
        }
    }

    fn command(&mut self, velocity: Velocity) {
        self.try_command(velocity).unwrap();
    }

    fn try_command(&mut self, velocity: Velocity) -> Result<(), Ignored> {
        self.governor.admit(velocity, self.now)?;
        self.governor.follow(velocity, self.now);
        Ok(())
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
    assert_eq!(sent.len(), 21, "one in 5 ms: {sent:?}");
    assert_eq!(sent[20], drive(100, Velocity { x: 0.99, ..Velocity::ZERO }));
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
    for bad in [Velocity { x: f64::NAN, ..FORWARD }, Velocity { yaw: f64::INFINITY, ..FORWARD }] {
        assert_eq!(test.try_command(bad), Err(Ignored::NotFinite));
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
fn a_zero_during_a_stop_that_nobody_ordered_holds_nobody() {
    let mut test = Test::new();
    test.command(FORWARD);
    test.wait(350); // stale
    test.command(Velocity::ZERO);
    test.taken();
    for _ in 0..10 {
        test.command(FORWARD); // not refused
        test.wait(50);
    }
    assert!(test.taken().iter().all(|(_, action)| *action == Action::Drive(FORWARD)));
}

#[test]
fn an_ordered_stop_holds_until_the_driver_lets_go() {
    for pause in [0, 300] {
        let mut test = Test::new();
        test.command(FORWARD);
        test.wait(10);
        test.governor.stop_and_hold(test.now);
        for _ in 0..20 {
            assert_eq!(test.try_command(FORWARD), Err(Ignored::Held));
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
    assert_eq!(test.try_command(FORWARD), Err(Ignored::Held));
    test.wait(100);
    assert_eq!(test.try_command(FORWARD), Err(Ignored::Held));
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
    assert_eq!(test.try_command(FORWARD), Err(Ignored::Held));
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
    let is_slow = |velocity: &Velocity| (0.0..=0.05).contains(&velocity.x) && velocity.yaw == 0.0;
    assert!(matches!(&taken[..], [(_, Action::Drive(v))] if is_slow(v)), "{taken:?}");
    test.command(at(0.05, 0.0));
    test.wait(100);
    assert!(matches!(test.taken()[..], [.., (_, Action::Drive(last))] if last == at(0.05, 0.0)));
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

#[test]
fn a_command_that_is_passed_over_does_not_let_go_and_zero_or_a_pause_does() {
    let mut test = Test::new();
    test.governor.hold(test.now);
    for _ in 0..20 {
        test.wait(50);
        let _ = test.governor.admit(FORWARD, test.now);
    }
    test.wait(50);
    assert_eq!(test.try_command(FORWARD), Err(Ignored::Held));
    test.wait(300);
    test.command(FORWARD);
    assert_eq!(test.taken(), []);
    test.wait(0);
    assert_eq!(test.taken().len(), 1);

    let mut test = Test::new();
    let _ = test.governor.admit(FORWARD, test.now);
    test.command(FORWARD);
    test.governor.hold(test.now);
    test.command(Velocity::ZERO);
    test.command(FORWARD);
}

impl Test {
    /// The driver commands, 20 times a second, while the robot says how fast it moves. What was sent, with the time of each.
    fn drive(&mut self, wanted: Velocity, speed: f64, seconds: f64) -> Vec<(f64, f64)> {
        for _ in 0..(20.0 * seconds) as u32 {
            self.governor.measure(Measured { speed, turning: 0.0 }, self.now);
            self.command(wanted);
            self.wait(50);
        }
        let sent = self.taken().into_iter();
        sent.map(|(at, action)| match action {
            Action::Drive(velocity) => (at as f64 / 1000.0, velocity.x),
            Action::StopMove => (at as f64 / 1000.0, f64::NAN),
        })
        .collect()
    }

    /// It is not ready for so long, while the driver goes on.
    fn withhold(&mut self, seconds: f64) {
        for _ in 0..(20.0 * seconds) as u32 {
            self.governor.admit(FORWARD, self.now).unwrap();
            self.governor.withhold(self.now);
            self.wait(50);
        }
        self.sent.clear();
    }
}

/// Whether speed is gained from zero, and by no more than half a metre a second each second.
fn is_gentle(sent: &[(f64, f64)]) -> bool {
    let from = sent[0].0 - 0.05;
    sent[0].1 <= 0.03 && sent.iter().all(|(at, speed)| *speed <= 0.5 * (at - from) + 0.01)
}

#[test]
fn velocities_that_a_robot_ignores_go_on_slowly_and_are_regained_slowly() {
    let mut test = Test::new();
    let first = test.drive(FORWARD, 0.0, 1.0);
    assert!(first.iter().all(|(_, speed)| *speed == 0.5), "a second is what it may take");
    assert_eq!(test.governor.take_news(), None);
    let ignored = test.drive(FORWARD, 0.02, 5.0);
    assert!(ignored[2..].iter().all(|(_, speed)| *speed <= 0.3 + 1e-9), "{ignored:?}");
    assert!(ignored.last().unwrap().1 > 0.25, "enough for a robot to walk at all: {ignored:?}");
    assert!(matches!(test.governor.take_news(), Some(News::NotFollowed(_))));
    assert_eq!(test.governor.take_news(), None, "once");
    let followed = test.drive(FORWARD, 0.09, 3.0);
    let from = followed[0].0;
    assert!(followed.iter().all(|(at, speed)| *speed <= 0.3 + 0.5 * (at - from + 0.1)));
    assert_eq!(followed.last().unwrap().1, 0.5, "and gets there");
    assert!(
        matches!(test.governor.take_news(), Some(News::FollowedAfter { passed, sent: true }) if passed.as_secs() == 6)
    );
    // From then on it is as free as ever.
    test.drive(Velocity { x: 0.1, ..Velocity::ZERO }, 0.1, 0.2);
    assert!(test.drive(FORWARD, 0.1, 0.5)[1..].iter().all(|(_, speed)| *speed == 0.5));
}

#[test]
fn velocities_that_were_withheld_begin_from_standing() {
    let mut test = Test::new();
    test.drive(FORWARD, 0.5, 1.0);
    test.withhold(3.0);
    let sent = test.drive(FORWARD, 0.0, 0.3);
    assert!(is_gentle(&sent), "{sent:?}");
    let sent = [sent, test.drive(FORWARD, 0.2, 2.0)].concat();
    assert!(is_gentle(&sent) && sent.last().unwrap().1 == 0.5, "{sent:?}");
    let news = test.governor.take_news();
    assert!(
        matches!(news, Some(News::FollowedAfter { sent: false, .. })),
        "from standing: {news:?}"
    );
    // Nobody says what the robot does: they begin slowly all the same.
    let mut test = Test::new();
    test.withhold(3.0);
    let mut sent = Vec::new();
    for _ in 0..40 {
        test.command(FORWARD);
        test.wait(50);
        sent.extend(test.taken());
    }
    let speeds = sent.iter().map(|(at, action)| match action {
        Action::Drive(velocity) => (*at as f64 / 1000.0, velocity.x),
        Action::StopMove => panic!("it was driven"),
    });
    let speeds: Vec<_> = speeds.collect();
    assert!(is_gentle(&speeds) && speeds.last().unwrap().1 == 0.5, "{speeds:?}");
}

#[test]
fn a_short_pause_and_a_driver_that_let_go_change_nothing() {
    let mut test = Test::new();
    test.withhold(0.8);
    assert_eq!(test.drive(FORWARD, 0.0, 0.1)[0].1, 0.5);
    let mut test = Test::new();
    test.withhold(3.0);
    test.wait(300);
    assert_eq!(test.drive(FORWARD, 0.0, 0.1)[0].1, 0.5, "a new beginning");
}

#[test]
fn zeros_are_never_held_back() {
    let mut test = Test::new();
    test.drive(FORWARD, 0.0, 3.0);
    test.command(Velocity::ZERO);
    test.wait(1);
    assert!(matches!(test.taken()[..], [(_, Action::Drive(Velocity::ZERO))]));
}

#[test]
fn an_action_ends_a_walk_with_zeros_alone() {
    for hold in [false, true] {
        let mut test = Test::new();
        test.drive(FORWARD, 0.5, 0.5);
        match hold {
            false => test.governor.yield_to_action(test.now),
            true => test.governor.yield_and_hold(test.now),
        }
        test.wait(1000);
        assert!(matches!(
            test.taken()[..],
            [
                (_, Action::Drive(Velocity::ZERO)),
                (_, Action::Drive(Velocity::ZERO)),
                (_, Action::Drive(Velocity::ZERO)),
                (_, Action::Drive(Velocity::ZERO)),
            ]
        ));
        assert!(!test.governor.is_active());
        // A robot that stands is told nothing.
        test.governor.yield_to_action(test.now);
        test.wait(1000);
        assert_eq!(test.taken(), []);
    }
}

#[test]
fn who_was_held_by_what_the_robot_does_has_to_let_go() {
    let mut test = Test::new();
    test.drive(FORWARD, 0.5, 0.5);
    test.governor.yield_and_hold(test.now);
    for _ in 0..600 {
        assert_eq!(test.try_command(FORWARD), Err(Ignored::Held)); // 30 s
        test.wait(50);
    }
    let before = test.governor.episode();
    test.command(Velocity::ZERO);
    assert!(test.governor.episode() > before && test.try_command(FORWARD).is_ok());
}

#[test]
fn a_driver_who_goes_on_through_a_silence_has_not_let_go() {
    let mut test = Test::new();
    test.governor.stop_and_hold(test.now);
    for _ in 0..40 {
        assert_eq!(test.governor.admit(FORWARD, test.now), Err(Ignored::Held));
        test.wait(50);
    }
    let episode = test.governor.episode();
    test.governor.admit(FORWARD, test.now).unwrap_err();
    assert_eq!(test.governor.episode(), episode);
}

#[test]
fn while_it_is_latched_nobody_walks_the_robot_however_often_they_let_go() {
    let mut test = Test::new();
    test.drive(FORWARD, 0.5, 0.5);
    test.governor.latch(true, test.now);
    test.governor.stop(test.now);
    for pause in [50, 50, 400, 50, 2000, 50] {
        assert_eq!(test.try_command(FORWARD), Err(Ignored::Latched));
        test.wait(pause);
    }
    let walks = |sent: Vec<(u128, Action)>| {
        let walks =
            |action: &Action| !matches!(action, Action::StopMove | Action::Drive(Velocity::ZERO));
        sent.iter().any(|(_, action)| walks(action))
    };
    let sent = test.taken();
    assert!(sent.contains(&(700, Action::StopMove)) && !walks(sent), "it was stopped");
    // As Nav2 does between two tries.
    test.command(Velocity::ZERO);
    test.wait(40);
    assert_eq!(test.taken(), [drive(3100, Velocity::ZERO)], "zeros are followed");
    assert_eq!(test.try_command(FORWARD), Err(Ignored::Latched));
    test.wait(1000);
    assert!(!walks(test.taken()) && test.governor.is_latched());
}

#[test]
fn after_a_latch_whoever_drives_has_to_let_go() {
    let mut test = Test::new();
    test.governor.latch(true, test.now);
    for _ in 0..20 {
        assert_eq!(test.try_command(FORWARD), Err(Ignored::Latched));
        test.wait(50);
    }
    test.governor.latch(false, test.now);
    for _ in 0..20 {
        assert_eq!(test.try_command(FORWARD), Err(Ignored::Held), "it has gone on all the time");
        test.wait(50);
    }
    test.wait(300);
    test.command(FORWARD);
    test.wait(1);
    assert_eq!(test.taken().len(), 1);
}
