//! Publishers: what they send, how long that takes, and threads of their own for what is large.
//!
//! A middleware may send while it is called, and where a subscriber's network is slow that takes as long as the network does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use go2_client::failpoint::failpoint;
use r2r::{Publisher, PublisherUntyped, QosProfile, WrappedTypesupport};

use crate::streams::Tally;

/// Sending that takes longer than this is worth a warning, and what waits behind it is old.
const SLOW: Duration = Duration::from_millis(100);
/// For how long a warning holds.
const FRESH: Duration = Duration::from_secs(5);

/// How long sending takes, by topic. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Gauges(Arc<Mutex<BTreeMap<String, Gauge>>>);

/// How long sending on one topic takes. Clones share it.
#[derive(Clone, Default)]
struct Gauge(Arc<Mutex<Sending>>);

#[derive(Default)]
struct Sending {
    /// Since when a message is being sent.
    since: Option<Instant>,
    /// The latest that was slow: when it was sent, and how long it took.
    slow: Option<(Instant, Duration)>,
}

impl Sending {
    /// How slow sending is, or has been a moment ago.
    fn slow(&self, now: Instant) -> Option<Duration> {
        let present = self.since.map(|since| now.saturating_duration_since(since));
        let past = self.slow.filter(|(at, _)| now.saturating_duration_since(*at) < FRESH);
        present.filter(|took| *took >= SLOW).max(past.map(|(_, took)| took))
    }
}

impl Gauge {
    /// Measures how long `send` takes; returns that too.
    fn measure<T>(&self, send: impl FnOnce() -> T) -> (T, Duration) {
        let since = Instant::now();
        lock(&self.0).since = Some(since);
        let sent = send();
        let took = since.elapsed();
        let mut sending = lock(&self.0);
        sending.since = None;
        if took >= SLOW {
            sending.slow = Some((since + took, took));
        }
        (sent, took)
    }
}

impl Gauges {
    fn of(&self, topic: &str) -> Gauge {
        lock(&self.0).entry(topic.to_owned()).or_default().clone()
    }

    /// The topics that are, or were within the last seconds, sent slowly, and how long a message took.
    pub(crate) fn slow(&self) -> Vec<(String, Duration)> {
        let now = Instant::now();
        let gauges = lock(&self.0);
        let slow =
            |(topic, gauge): (&String, &Gauge)| Some((topic.clone(), lock(&gauge.0).slow(now)?));
        gauges.iter().filter_map(slow).collect()
    }

    /// The topics on which a message is being sent now.
    pub(crate) fn sending(&self) -> Vec<String> {
        let gauges = lock(&self.0);
        let sending = gauges.iter().filter(|(_, gauge)| lock(&gauge.0).since.is_some());
        sending.map(|(topic, _)| topic.clone()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A publisher. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Outlet<P> {
    publisher: P,
    gauge: Gauge,
}

impl<T: WrappedTypesupport + 'static> Outlet<Publisher<T>> {
    /// Creates it.
    pub(crate) fn new(
        node: &mut r2r::Node,
        gauges: &Gauges,
        topic: &str,
        qos: QosProfile,
    ) -> r2r::Result<Self> {
        Ok(Self { publisher: node.create_publisher(topic, qos)?, gauge: gauges.of(topic) })
    }

    /// Whether anybody subscribes.
    pub(crate) fn has_listener(&self) -> bool {
        self.publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0)
    }

    /// Sends a message on the calling thread, however long that takes. Whether it was slow: then what was queued meanwhile is
    /// old.
    pub(crate) fn publish(&self, message: &T) -> bool {
        failpoint("publisher");
        let (sent, took) = self.gauge.measure(|| self.publisher.publish(message));
        if let Err(error) = sent {
            tracing::debug!("publishing failed: {error}"); // only while ROS shuts down
        }
        took >= SLOW
    }
}

impl Outlet<PublisherUntyped> {
    /// Creates one that sends messages of the type `kind` as CDR.
    pub(crate) fn untyped(
        node: &mut r2r::Node,
        gauges: &Gauges,
        topic: &str,
        kind: &str,
        qos: QosProfile,
    ) -> r2r::Result<Self> {
        let publisher = node.create_publisher_untyped(topic, kind, qos)?;
        Ok(Self { publisher, gauge: gauges.of(topic) })
    }

    /// Whether anybody subscribes.
    pub(crate) fn has_listener(&self) -> bool {
        self.publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0)
    }

    /// Sends a message on the calling thread, however long that takes.
    pub(crate) fn publish_bytes(&self, message: &[u8]) {
        let (sent, _) = self.gauge.measure(|| self.publisher.publish_raw(message));
        if let Err(error) = sent {
            tracing::debug!("publishing failed: {error}"); // only while ROS shuts down
        }
    }
}

/// Messages on their way to a thread that does nothing but send them. The thread ends when this is dropped.
pub(crate) struct SendingThread<M> {
    queue: Arc<Queue<M>>,
    capacity: usize,
    tally: Tally,
}

struct Queue<M> {
    state: Mutex<Waiting<M>>,
    changed: Condvar,
}

struct Waiting<M> {
    messages: VecDeque<M>,
    /// One that was sent, whose memory may be used again.
    spare: Option<M>,
    closed: bool,
}

impl<M: Send + 'static> SendingThread<M> {
    /// Starts it. `capacity` messages may wait; beyond it the oldest are dropped, which `tally` counts and tells.
    pub(crate) fn start(
        name: &str,
        capacity: usize,
        tally: Tally,
        mut send: impl FnMut(&M) + Send + 'static,
    ) -> std::io::Result<Self> {
        let waiting = Waiting { messages: VecDeque::new(), spare: None, closed: false };
        let queue = Arc::new(Queue { state: Mutex::new(waiting), changed: Condvar::new() });
        let thread = Arc::clone(&queue);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(message) = thread.take() {
                send(&message);
                lock(&thread.state).spare = Some(message);
            }
        })?;
        Ok(Self { queue, capacity, tally })
    }

    /// Has a message sent.
    pub(crate) fn send(&self, message: M) {
        let mut state = lock(&self.queue.state);
        let late = state.messages.len() >= self.capacity;
        if late {
            state.spare = state.messages.pop_front();
        }
        state.messages.push_back(message);
        drop(state);
        self.queue.changed.notify_one();
        if late {
            self.tally.dropped(1, &"publishing is late");
        }
    }

    /// The memory of a message that was sent.
    pub(crate) fn spare(&self) -> Option<M> {
        lock(&self.queue.state).spare.take()
    }
}

impl<M> Queue<M> {
    /// The next message; `None` at the end.
    fn take(&self) -> Option<M> {
        let state = lock(&self.state);
        let idle = |waiting: &mut Waiting<M>| waiting.messages.is_empty() && !waiting.closed;
        let state = self.changed.wait_while(state, idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        match state.closed {
            true => None,
            false => state.messages.pop_front(),
        }
    }
}

impl<M> Drop for SendingThread<M> {
    fn drop(&mut self) {
        lock(&self.queue.state).closed = true;
        self.queue.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::Tallies;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn what_is_slow_is_told_while_it_lasts_and_for_some_seconds() {
        let now = Instant::now() + Duration::from_secs(100);
        let ago = |ms| now - Duration::from_millis(ms);
        let ms = Duration::from_millis;
        for (case, since, slow, told) in [
            ("idle", None, None, None),
            ("sending quickly", Some(ago(50)), None, None),
            ("sending slowly", Some(ago(400)), None, Some(ms(400))),
            ("was slow", None, Some((ago(4000), ms(200))), Some(ms(200))),
            ("was slow long ago", None, Some((ago(5000), ms(200))), None),
            ("is slower than before", Some(ago(900)), Some((ago(1000), ms(200))), Some(ms(900))),
        ] {
            assert_eq!(Sending { since, slow }.slow(now), told, "{case}");
        }
    }

    #[test]
    fn a_thread_that_is_stuck_is_named_and_keeps_the_newest() {
        let gauges = Gauges::default();
        let gauge = gauges.of("points");
        let tally = Tallies::default().of("points");
        let (begins, begun) = sync_channel(1);
        let (release, released) = sync_channel::<()>(0);
        let (sends, sent) = sync_channel(10);
        let measured = gauge.clone();
        let thread = SendingThread::start("points", 2, tally.clone(), move |message: &u32| {
            measured.measure(|| {
                let _ = begins.try_send(());
                let _ = released.recv();
            });
            sends.send(*message).unwrap();
        })
        .unwrap();
        thread.send(1);
        begun.recv().unwrap();
        assert_eq!(gauges.sending(), ["points"]);
        (2..=5).for_each(|number| thread.send(number));
        assert_eq!(tally.counts().dropped, 2);
        drop(release);
        assert_eq!([sent.recv(), sent.recv(), sent.recv()], [Ok(1), Ok(4), Ok(5)]);
        drop(thread);
        assert!(sent.recv().is_err(), "the thread has ended");
        assert_eq!(gauges.sending(), [""; 0]);
    }
}
