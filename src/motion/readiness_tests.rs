//! Whether the robot can walk, in virtual time.

use go2_proto::commands::action;

use super::*;

struct Test {
    readiness: Readiness,
    now: Instant,
    start: Instant,
    episode: u64,
}

impl Test {
    fn new() -> Self {
        let now = Instant::now();
        Self { readiness: Readiness::default(), now, start: now, episode: 1 }
    }

    /// It says this, 20 times a second, for so many seconds; the changes that this makes.
    fn says(&mut self, activity: Activity, height: f64, seconds: f64) -> Vec<Change> {
        let messages = (seconds * 20.0).ceil() as u32;
        let one = |_| {
            self.now += Duration::from_millis(50);
            let (activity, height) = (Some(activity), Some(height));
            let (lasting, code, measured) = (None, None, None);
            let doing = Doing { activity, lasting, code, measured, height, at: self.now };
            self.readiness.heard(doing)
        };
        (0..messages).filter_map(one).collect()
    }

    fn ask(&mut self, name: &str) -> Option<Change> {
        self.readiness.asked(action(name).unwrap(), self.now)
    }

    /// Whether it walks, with `auto_balance_stand` or without.
    fn ready(&mut self, stand: bool) -> Ready {
        self.readiness.check(stand, self.episode, self.now).ready
    }

    fn waits(&mut self) -> bool {
        matches!(self.ready(false), Ready::Waits(_))
    }

    /// Seconds since a moment.
    fn since(&self, moment: Instant) -> f64 {
        (self.now - moment).as_secs_f64()
    }
}

use Activity::{Damped, LimpOrLying, Locked, Lying, LyingDown, Sitting, SittingDown, Walkable};

#[test]
fn only_a_robot_that_is_known_to_lie_is_raised_and_once_for_each_episode() {
    let mut test = Test::new();
    test.says(Lying, 0.054, 0.1);
    assert!(matches!(test.ready(false), Ready::Lacks(_)));
    assert_eq!(test.ready(true), Ready::Rises("recovery_stand"));
    for _ in 0..200 {
        test.says(Lying, 0.054, 0.05);
        assert!(matches!(test.ready(true), Ready::Lacks(_)), "it was asked once");
    }
    test.episode += 1;
    assert_eq!(test.ready(true), Ready::Rises("recovery_stand"), "the driver let go meanwhile");
    for activity in [LimpOrLying, Damped] {
        let mut test = Test::new();
        test.says(activity, 0.054, 0.1);
        for episode in 0..10 {
            test.episode = episode;
            assert!(matches!(test.ready(true), Ready::Lacks(_)), "{activity:?}");
        }
    }
}

#[test]
fn a_lying_robot_that_was_made_limp_is_not_raised_before_it_was_seen_to_stand() {
    let mut test = Test::new();
    test.says(Lying, 0.054, 0.1);
    test.readiness.damped(); // tells the same as before
    test.says(Lying, 0.054, 1.0);
    let Ready::Lacks(words) = test.ready(true) else { panic!("it would be raised") };
    assert!(words.contains("is limp"), "{words}");
    test.says(Walkable, 0.32, 1.0);
    test.says(LyingDown, 0.2, 2.0);
    test.says(Lying, 0.054, 0.1);
    assert_eq!(test.ready(true), Ready::Rises("recovery_stand"));
}

#[test]
fn whoever_has_it_lie_sit_or_go_limp_holds_cmd_vel() {
    for (seen, expected) in [
        (&[LyingDown, Lying][..], Change::Hold),
        (&[SittingDown, Sitting], Change::Hold),
        (&[Lying], Change::Hold),
        (&[Sitting], Change::Hold),
        (&[LimpOrLying], Change::Limp),
        (&[Damped], Change::Limp),
    ] {
        for before in [Walkable, Locked] {
            let mut test = Test::new();
            assert_eq!(test.says(before, 0.32, 0.5), []);
            let changes: Vec<_> =
                seen.iter().flat_map(|activity| test.says(*activity, 0.1, 0.5)).collect();
            assert_eq!(changes, [expected], "{before:?} {seen:?}");
        }
    }
    // Who comes to a robot that lies is not held: nobody has laid it down.
    assert_eq!(Test::new().says(Lying, 0.054, 0.5), []);
    // Limp while it lies down.
    let mut test = Test::new();
    test.says(Walkable, 0.32, 0.5);
    assert_eq!(test.says(LyingDown, 0.2, 0.5), [Change::Hold]);
    assert_eq!(test.says(LimpOrLying, 0.1, 0.5), [Change::Limp]);
    // Sent from here, it holds before the robot says anything.
    for name in ["stand_down", "sit"] {
        assert_eq!(Test::new().ask(name), Some(Change::Hold));
    }
    assert_eq!(Test::new().ask("hello"), Some(Change::Pause));
    assert_eq!((Test::new().ask("stop"), Test::new().ask("damp")), (None, None));
}

#[test]
fn motions_are_waited_for() {
    for activity in [LyingDown, SittingDown, Activity::Moving] {
        let mut test = Test::new();
        test.says(activity, 0.2, 0.1);
        assert!(test.waits(), "{activity:?}");
    }
}

#[test]
fn after_an_action_it_is_busy_until_it_shows_otherwise_or_the_table_says_so() {
    // Hello tells nothing of itself.
    let mut test = Test::new();
    test.says(Walkable, 0.32, 0.5);
    test.ask("hello");
    test.readiness.answered(action("hello").unwrap(), true, test.now);
    let asked = test.now;
    while test.waits() {
        test.says(Walkable, 0.32, 0.05);
    }
    let takes = action("hello").unwrap().takes.as_secs_f64();
    assert!((takes..takes + 0.1).contains(&test.since(asked)), "{}", test.since(asked));
    // A refusal, and an answer that comes when it is done.
    for (ok, after) in [(false, 0.05), (true, 1.2)] {
        let mut test = Test::new();
        test.says(Walkable, 0.32, 0.5);
        test.ask("dance1");
        test.says(Walkable, 0.32, after);
        assert!(test.waits());
        test.readiness.answered(action("dance1").unwrap(), ok, test.now);
        assert_eq!(test.ready(false), Ready::Walks, "{ok}");
    }
    // A motion that is told and ends.
    let mut test = Test::new();
    test.ask("front_jump");
    test.says(Activity::Moving, 0.4, 1.0);
    assert!(test.waits());
    test.says(Walkable, 0.32, 0.05);
    assert_eq!(test.ready(false), Ready::Walks);
}

#[test]
fn standing_up_takes_until_it_stands() {
    for (name, says) in
        [("stand_up", Locked), ("balance_stand", Walkable), ("recovery_stand", Walkable)]
    {
        let mut test = Test::new();
        test.says(Lying, 0.054, 0.5);
        test.ask(name);
        test.says(says, 0.1, 0.8);
        assert!(test.waits(), "{name}: it is on the way up");
        test.says(says, 0.31, 0.05);
        assert!(!test.waits(), "{name}");
    }
    // One that stands already says so from the beginning; what it said before counts for nothing.
    let mut test = Test::new();
    test.says(Walkable, 0.32, 0.5);
    test.ask("balance_stand");
    test.says(Walkable, 0.32, 0.1);
    assert!(test.waits());
    test.says(Walkable, 0.32, 0.05);
    assert!(!test.waits());
}

#[test]
fn what_to_know_after_stand_up_is_told_once() {
    let mut test = Test::new();
    test.ask("stand_up");
    test.says(Locked, 0.31, 1.0);
    let locked = test.readiness.check(false, 1, test.now);
    assert!(locked.tell.unwrap().contains("4 to 10 s"));
    test.says(Walkable, 0.33, 0.5);
    let told = test.readiness.check(false, 1, test.now).tell;
    assert!(told.unwrap().contains("4 to 10 s"));
    assert_eq!(test.readiness.check(false, 1, test.now).tell, None);
    // Long after, there is nothing to tell.
    let mut test = Test::new();
    test.ask("stand_up");
    test.says(Walkable, 0.33, 11.0);
    assert_eq!(test.readiness.check(false, 1, test.now).tell, None);
    assert!(test.since(test.start) > 10.0);
}

#[test]
fn a_reason_is_told_once() {
    let mut test = Test::new();
    test.says(Sitting, 0.2, 0.1);
    let told = |test: &mut Test| test.readiness.check(false, 1, test.now).tell.is_some();
    assert!(told(&mut test) && !told(&mut test));
    test.says(Locked, 0.3, 0.1);
    assert!(told(&mut test), "another one");
}

#[test]
fn of_a_silent_robot_nothing_is_known() {
    let mut test = Test::new();
    test.says(Lying, 0.054, 0.1);
    test.now += FRESH;
    assert_eq!(test.ready(true), Ready::Walks);
}
