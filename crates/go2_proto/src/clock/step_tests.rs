//! A clock that is set while the robot runs, and queues that look like it.

use super::tests::Sky;
use super::*;

/// A value, and the time before it.
type Timed = (f64, f64);

/// Poses and motion states at 20 Hz and maps at 7.7 Hz for 100 s, held up by `queue` seconds from 30 to 50 s, by a clock
/// that is set by `step` seconds at 40 s. The errors of their places in milliseconds, by their true time; the steps that
/// were told, with the time.
fn run(queue: f64, step: f64) -> (Vec<Timed>, Vec<Timed>) {
    let mut sky = Sky::new();
    let streams = ["pose", "sport", "map"].map(|name| sky.clock.stream(name));
    let mut messages: Vec<_> =
        [(0.053, 0.003, streams[0]), (0.05, 0.004, streams[1]), (0.13, 0.015, streams[2])]
            .into_iter()
            .flat_map(|(every, delay, stream)| {
                let count = (100.0 / every) as i32;
                (0..count).map(move |i| {
                    let made = f64::from(i) * every;
                    let sent = made + delay;
                    // First in, first out; at 50 s all that waits comes within 20 ms.
                    let drained = |waited: f64| 50.0 + waited.max(0.0) * 0.01;
                    let comes = match sent {
                        30.0..50.0 => (sent + queue).min(drained(sent + queue - 50.0)),
                        50.0.. => sent.max(drained(queue)),
                        _ => sent,
                    };
                    (comes, made, stream)
                })
            })
            .collect();
    messages.sort_by(|(a, b, _), (c, d, _)| a.total_cmp(c).then(b.total_cmp(d)));
    let (mut errors, mut steps) = (Vec::new(), Vec::new());
    let mut told = 0;
    for (comes, made, stream) in messages {
        let stamp = if made >= 40.0 { made + step } else { made };
        let (error, _) = sky.send(stream, Some(stamp), made, comes - made);
        errors.push((comes, error));
        let Steps { count, last } = sky.clock.steps();
        if count > told {
            told = count;
            let Step { size, back, .. } = last.unwrap();
            steps.push((comes, size.as_secs_f64() * if back { -1.0 } else { 1.0 }));
        }
    }
    (errors, steps)
}

/// That errors in a span of time are smaller than this.
fn assert_small(errors: &[Timed], span: std::ops::Range<f64>, limit: f64, what: &str) {
    let within = errors.iter().filter(|(at, _)| span.contains(at));
    let worst = within.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    assert!(worst.is_some_and(|(_, error)| error.abs() < limit), "{what}: {worst:?}");
}

#[test]
fn a_step_is_followed_within_three_seconds_and_told() {
    for step in [-0.6, -0.2, -2.0, -2626.0, 0.2, 0.6, 3.0, 2626.0] {
        let (errors, steps) = run(0.0, step);
        assert_small(&errors, 0.0..40.0, 16.0, &format!("before {step}"));
        assert_small(&errors, 43.0..100.0, 16.0, &format!("after {step}"));
        let [(at, size)] = steps[..] else { panic!("{step}: {steps:?}") };
        assert!((40.0..43.0).contains(&at) && (size - step).abs() < 0.02, "{step}: {steps:?}");
    }
}

#[test]
fn a_queue_is_never_taken_for_a_step() {
    for queue in [0.6, 2.0] {
        let (errors, steps) = run(queue, 0.0);
        assert!(steps.is_empty(), "{queue}: {steps:?}");
        // While it stands the model may lean towards it by a thousandth of the time.
        assert_small(&errors, 0.0..100.0, 40.0, &format!("{queue}"));
    }
}

#[test]
fn a_step_in_a_queue_is_followed_and_the_queue_is_not() {
    for queue in [0.6, 2.0] {
        for step in [-0.6, -2.0, -3600.0] {
            let (errors, steps) = run(queue, step);
            assert_small(&errors, 43.0 + queue..100.0, 60.0, &format!("{queue} {step} {steps:?}"));
            let [(at, size)] = steps[..] else { panic!("{queue} {step}: {steps:?}") };
            assert!(
                (at - 40.0 - queue) < 3.0 && (size - step).abs() < 0.06,
                "{queue} {step}: {steps:?}"
            );
        }
    }
    // Set forward by more than the queue, messages come before they were sent.
    for (queue, step) in [(0.6, 2.0), (2.0, 3.0), (2.0, 3600.0)] {
        let (errors, steps) = run(queue, step);
        assert_small(&errors, 43.0 + queue..100.0, 60.0, &format!("{queue} {step} {steps:?}"));
        assert!(
            steps.iter().map(|(_, size)| size - step).sum::<f64>().abs() < 0.06,
            "{queue} {step}: {steps:?}"
        );
    }
    // By less, it shows when the queue is gone.
    let (errors, steps) = run(2.0, 0.6);
    assert_small(&errors, 53.0..100.0, 16.0, &format!("{steps:?}"));
}

#[test]
fn a_stream_that_goes_back_alone_moves_nothing() {
    for back in [-0.6, -2.0, -3600.0] {
        let mut sky = Sky::new();
        let [pose, sport, map] = ["pose", "sport", "map"].map(|name| sky.clock.stream(name));
        for i in 0..2000 {
            let made = f64::from(i) * 0.05;
            for stream in [pose, sport] {
                let (error, source) = sky.prompt(stream, made);
                assert!(
                    error < 4.0 && source == Source::Robot,
                    "{back} at {made}: {error} {source:?}"
                );
            }
            if i % 3 == 0 {
                let stamp = if made >= 30.0 { made + back } else { made };
                sky.send(map, Some(stamp), made, 0.015);
            }
        }
        assert_eq!(sky.clock.steps().count, 0, "{back}");
    }
}

#[test]
fn two_messages_in_the_wrong_order_move_nothing() {
    let mut sky = Sky::new();
    let pose = sky.clock.stream("pose");
    for i in 0..400 {
        let made = f64::from(i) * 0.05;
        let swapped = match i % 40 {
            20 => made + 0.05,
            21 => made - 0.05,
            _ => made,
        };
        sky.send(pose, Some(swapped), made, 0.06);
    }
    assert_eq!(sky.clock.steps().count, 0);
}

#[test]
fn a_clock_that_is_set_again_and_again_is_followed_again() {
    let mut sky = Sky::new();
    let [pose, sport] = ["pose", "sport"].map(|name| sky.clock.stream(name));
    for i in 0..2400 {
        let made = f64::from(i) * 0.05;
        let steps = (made / 20.0).floor();
        for stream in [pose, sport] {
            let (error, _) = sky.prompt_by(stream, made, -0.6 * steps);
            assert!(made % 20.0 < 3.0 || error.abs() < 10.0, "{made}: {error}");
        }
    }
    assert_eq!(sky.clock.steps().count, 5);
}

#[test]
fn a_step_that_a_hole_has_hidden_is_followed_ten_seconds_later() {
    let mut sky = Sky::new();
    let [pose, sport] = ["pose", "sport"].map(|name| sky.clock.stream(name));
    for i in 0..1200 {
        let made = f64::from(i) * 0.05;
        // Nothing comes from 20 to 26 s, in which the clock is set back by 2 s.
        if (20.0..26.0).contains(&made) {
            continue;
        }
        for stream in [pose, sport] {
            let (error, _) = sky.prompt_by(stream, made, if made < 20.0 { 0.0 } else { -2.0 });
            assert!((20.0..37.0).contains(&made) || error.abs() < 10.0, "{made}: {error}");
        }
    }
    assert_eq!(sky.clock.steps().count, 1);
}
