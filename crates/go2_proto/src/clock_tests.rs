//! The clock model against patterns of arrival as they were reported from robots.

use super::*;

/// The robot's clock is an hour behind and started in the past.
const EPOCH: f64 = 1_746_565_669.0;

pub(super) struct Sky {
    pub(super) clock: RobotClock,
    start: Instant,
}

impl Sky {
    pub(super) fn new() -> Self {
        Self { clock: RobotClock::default(), start: Instant::now() + Duration::from_secs(100_000) }
    }

    /// A message that was true at `true_at` seconds, stamped so, and came `delay` seconds later. Returns the
    /// error of its place in milliseconds, positive where it is placed too late.
    pub(super) fn send(
        &mut self,
        stream: Stream,
        stamp: Option<f64>,
        true_at: f64,
        delay: f64,
    ) -> (f64, Source) {
        let received = self.start + Duration::from_secs_f64(true_at + delay);
        let stamp = stamp.map(|stamp| Duration::from_secs_f64(EPOCH + stamp));
        let placed = self.clock.place(stream, stamp, received);
        assert!(placed.at <= received + APART, "later than its receipt");
        let place = placed.at.duration_since(self.start).as_secs_f64();
        ((place - true_at) * 1e3, placed.source)
    }

    /// A message that comes promptly, by a clock that is set to `by` seconds more.
    pub(super) fn prompt_by(&mut self, stream: Stream, true_at: f64, by: f64) -> (f64, Source) {
        self.send(stream, Some(true_at + by), true_at, 0.003)
    }

    pub(super) fn prompt(&mut self, stream: Stream, true_at: f64) -> (f64, Source) {
        self.send(stream, Some(true_at), true_at, 0.003)
    }
}

/// Poses that come in bursts of two to four within a millisecond and then not for 200 ms, as was reported for
/// firmware 1.1.7: milliseconds at which they were made, and until they came.
const BURSTS: [(f64, f64); 12] = [
    (0.0, 180.0),
    (59.0, 122.0),
    (118.0, 63.0),
    (177.0, 5.0), // together at 182
    (236.0, 60.0),
    (295.0, 2.0), // at 297
    (354.0, 118.0),
    (413.0, 60.0),
    (472.0, 3.0), // at 475
    (531.0, 120.0),
    (590.0, 62.0),
    (649.0, 4.0), // at 653
];

#[test]
fn bursts_do_not_bend_the_stamps() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    for round in 0..200 {
        for (made, delay) in BURSTS {
            let true_at = f64::from(round) * 0.708 + made / 1e3;
            let (error, source) = sky.send(pose, Some(true_at), true_at, delay / 1e3);
            if round > 0 {
                assert_eq!(source, Source::Robot);
                assert!((0.0..8.0).contains(&error), "round {round}: {error} ms");
            }
        }
    }
}

#[test]
fn a_stall_of_seconds_is_seen_for_what_it_is() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    for i in 0..1000 {
        let true_at = f64::from(i) * 0.055;
        // Every 11 s everything is held up for up to 3 s and comes at once.
        let into = true_at % 11.0;
        let delay = if into > 8.0 { 11.0 - into + 0.003 } else { 0.003 };
        let (error, source) = sky.send(pose, Some(true_at), true_at, delay);
        if i > 20 {
            assert_eq!(source, Source::Robot, "{true_at}");
            assert!((-0.1..8.0).contains(&error), "{true_at}: {error} ms");
        }
    }
}

#[test]
fn drift_is_followed_for_an_hour_both_ways() {
    for drift in [200e-6, -200e-6] {
        let mut sky = Sky::new();
        let pose = sky.clock.stream("pose");
        let mut worst: f64 = 0.0;
        for i in 0..(3600 * 18) {
            let true_at = f64::from(i) / 18.0;
            let delay = 0.003 + f64::from(i * 7 % 10) * 1e-3;
            let (error, source) = sky.send(pose, Some(true_at * (1.0 + drift)), true_at, delay);
            assert_eq!(source, Source::Robot);
            worst = worst.max((error - 3.0).abs());
        }
        assert!(worst < 10.0, "drift {drift}: {worst} ms");
    }
}

#[test]
fn stamps_that_repeat_are_answered_by_receipt() {
    let mut sky = Sky::new();
    let [pose, frozen, twice] = ["pose", "frozen", "twice"].map(|name| sky.clock.stream(name));
    for i in 0..400 {
        let true_at = f64::from(i) * 0.1;
        assert_eq!(sky.prompt(pose, true_at).1, Source::Robot);
        let (error, source) = sky.send(frozen, Some(-0.5), true_at, 0.025);
        assert_eq!(
            source,
            Source::Repeated,
            "also the first: it looks like a message that is late"
        );
        assert!((error - 25.0).abs() < 0.2, "{error}");
        let stamp = f64::from(i / 2 * 2) * 0.1;
        let (error, source) = sky.send(twice, Some(stamp), true_at, 0.025);
        assert_eq!(source, if i % 2 == 0 { Source::Robot } else { Source::Repeated });
        assert!((0.0..26.0).contains(&error), "{error}");
    }
    assert_eq!(sky.clock.health(frozen).repeated, 400);
}

#[test]
fn a_frozen_stream_alone_never_moves_the_clock() {
    let mut sky = Sky::new();
    let frozen = sky.clock.stream("frozen");
    for i in 0..1000 {
        let true_at = f64::from(i) * 0.1;
        let (error, _) = sky.send(frozen, Some(0.0), true_at, 0.025);
        assert!((0.0..26.0).contains(&error), "{i}: {error}");
    }
}

#[test]
fn single_jumps_are_left_out_and_leave_no_trace() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    for i in 0..600 {
        let true_at = f64::from(i) * 0.05;
        let jump = match i % 50 {
            20 => 3600.0,
            40 => -3600.0,
            _ => 0.0,
        };
        let (error, source) = sky.send(pose, Some(true_at + jump), true_at, 0.003);
        assert!((0.0..4.0).contains(&error), "{i}: {error}");
        // A jump forward makes the stamp after it look old, but not out of place.
        let after_jump = i % 50 == 21;
        if jump != 0.0 {
            assert_eq!(source, Source::Jumped, "{i}");
        } else if !after_jump {
            assert_eq!(source, Source::Robot, "{i}");
        }
    }
}

#[test]
fn a_clock_that_is_set_is_followed() {
    for step in [7200.0, -7200.0, 2.5, -2.5, 0.3] {
        let mut sky = Sky::new();
        let [pose, sport] = ["pose", "sport"].map(|name| sky.clock.stream(name));
        for i in 0..2400 {
            let true_at = f64::from(i) * 0.05;
            let set = if true_at >= 30.0 { step } else { 0.0 };
            for (stream, delay) in [(pose, 0.003), (sport, 0.004)] {
                let (error, source) = sky.send(stream, Some(true_at + set), true_at, delay);
                if !(29.9..45.0).contains(&true_at) {
                    assert_eq!(source, Source::Robot, "{step} at {true_at}");
                    assert!((2.0..5.0).contains(&error), "{step} at {true_at}: {error} ms");
                }
            }
        }
    }
}

#[test]
fn streams_of_different_delay_fit_together() {
    let mut sky = Sky::new();
    let [pose, cloud] = ["pose", "cloud"].map(|name| sky.clock.stream(name));
    for i in 0..500 {
        let true_at = f64::from(i) * 0.06;
        let (of_pose, _) = sky.prompt(pose, true_at);
        let (of_cloud, _) = sky.send(cloud, Some(true_at), true_at, 0.025);
        assert!((of_pose - of_cloud).abs() < 0.5, "{of_pose} {of_cloud}");
    }
    let late = sky.clock.health(cloud).delay.unwrap();
    assert!((late.as_secs_f64() - 0.022).abs() < 1e-3, "{late:?}");
}

#[test]
fn a_stream_of_another_clock_stays_on_receipt_and_disturbs_nobody() {
    for other in [-9000.0, 9000.0] {
        let mut sky = Sky::new();
        let [pose, foreign] = ["pose", "foreign"].map(|name| sky.clock.stream(name));
        for i in 0..1000 {
            let true_at = f64::from(i) * 0.05;
            let (error, source) = sky.prompt(pose, true_at);
            let (of_foreign, how) = sky.send(foreign, Some(true_at + other), true_at, 0.01);
            assert_eq!((source, how), (Source::Robot, Source::Jumped), "{other} at {true_at}");
            assert!((0.0..5.0).contains(&error), "{other} at {true_at}: {error} ms");
            assert!((of_foreign - 10.0).abs() < 0.2);
        }
    }
}

#[test]
fn of_two_clocks_that_nearly_agree_none_bends_the_other() {
    for other in [-3.0, 3.0] {
        let mut sky = Sky::new();
        let [pose, foreign] = ["pose", "foreign"].map(|name| sky.clock.stream(name));
        for i in 0..1000 {
            let true_at = f64::from(i) * 0.05;
            let places = [
                sky.prompt(pose, true_at),
                sky.send(foreign, Some(true_at + other), true_at, 0.01),
            ];
            if true_at > 20.0 {
                // Which of them is right cannot be told; one is used, the other answered by receipt.
                let used = places.iter().filter(|(_, source)| *source == Source::Robot).count();
                assert_eq!(used, 1, "{other} at {true_at}: {places:?}");
                let near = places.iter().all(|(error, _)| (2.0..11.0).contains(error));
                assert!(near, "{other} at {true_at}: {places:?}");
            }
        }
    }
}

#[test]
fn messages_of_a_stream_never_go_back() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    let mut last = None;
    for i in 0..2000_u32 {
        let received = sky.start + Duration::from_millis(u64::from(i) * 20);
        // Delays that shrink and grow, and stamps that are missing now and then.
        let delay = f64::from(i * 37 % 101) * 1e-3;
        let stamp =
            (i % 7 != 0).then(|| Duration::from_secs_f64(EPOCH + f64::from(i) * 0.02 - delay));
        let placed = sky.clock.place(pose, stamp, received);
        assert!(last.is_none_or(|last| placed.at > last), "{i}");
        last = Some(placed.at);
    }
    assert_eq!(sky.clock.health(pose).missing, 286);
}

#[test]
fn absurd_stamps_are_survived() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    assert_eq!(sky.clock.stream("pose"), pose);
    for stamp in [Duration::MAX, Duration::ZERO, Duration::from_secs(u64::MAX / 2_000_000_000)] {
        let placed = sky.clock.place(pose, Some(stamp), sky.start);
        assert!(placed.at <= sky.start + 3 * APART);
    }
}
