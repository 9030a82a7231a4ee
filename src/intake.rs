//! Messages from ROS that must not be lost unseen.
//!
//! r2r keeps ten messages of a subscription and drops the rest without a word. Here they are taken out of it by the
//! thread that puts them in, one after the other, so that a burst finds as much room as it was promised.

use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use go2_link::throttle::Throttle;
use r2r::std_msgs::msg::String as Text;
use r2r::{QosProfile, WrappedTypesupport};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

const LOG_EVERY: Duration = Duration::from_secs(5);

/// What is to be done after each turn of the node.
#[derive(Default)]
pub(crate) struct Intake(Vec<Box<dyn FnMut() + Send>>);

/// A text, or the length of one that is longer than it may be.
pub(crate) type Bounded = Result<String, usize>;

/// Lets go of texts that are too long.
pub(crate) fn bounded(text: Text, longest: usize) -> Bounded {
    let length = text.data.len();
    if length > longest {
        Err(length)
    } else {
        Ok(text.data)
    }
}

impl Intake {
    /// Subscribes. `room` messages may wait as what `take` makes of them; beyond it the newest are dropped, which the
    /// log tells. Takes only between turns, so `take` must be quick.
    pub(crate) fn subscribe<T, U>(
        &mut self,
        node: &mut r2r::Node,
        topic: &str,
        room: usize,
        mut take: impl FnMut(T) -> U + Send + 'static,
    ) -> r2r::Result<mpsc::Receiver<U>>
    where
        T: WrappedTypesupport + Send + 'static,
        U: Send + 'static,
    {
        let qos = QosProfile::default().keep_last(room).reliable();
        let mut messages = node.subscribe::<T>(topic, qos)?;
        let (inbox, outlet) = mpsc::channel(room);
        let topic = topic.to_owned();
        let mut log = Throttle::new(LOG_EVERY);
        self.0.push(Box::new(move || {
            while let Some(Some(message)) = messages.next().now_or_never() {
                if let Err(TrySendError::Full(_)) = inbox.try_send(take(message)) {
                    if let Some(more) = log.allow(Instant::now()) {
                        tracing::warn!("dropped a message on {topic}: {room} wait already{more}");
                    }
                }
            }
        }));
        Ok(outlet)
    }

    /// Subscribes where only the newest message counts: what `take` makes of it. Nothing is there before the first one. Takes
    /// only between turns, so `take` must be quick.
    pub(crate) fn newest<T, U>(
        &mut self,
        node: &mut r2r::Node,
        topic: &str,
        qos: QosProfile,
        mut take: impl FnMut(T) -> U + Send + 'static,
    ) -> r2r::Result<watch::Receiver<Option<U>>>
    where
        T: WrappedTypesupport + Send + 'static,
        U: Send + Sync + 'static,
    {
        let mut messages = node.subscribe::<T>(topic, qos)?;
        let (newest, outlet) = watch::channel(None);
        self.0.push(Box::new(move || {
            // r2r's queue drops the newest when it is full, so it is emptied each time.
            let mut last = None;
            while let Some(Some(message)) = messages.next().now_or_never() {
                last = Some(message);
            }
            if let Some(message) = last {
                newest.send_replace(Some(take(message)));
            }
        }));
        Ok(outlet)
    }

    /// Takes what the last turn of the node brought.
    pub(crate) fn turn(&mut self) {
        self.0.iter_mut().for_each(|take| take());
    }
}
