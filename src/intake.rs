//! Messages and calls from ROS that must not be lost unseen.
//!
//! r2r keeps ten messages of a subscription and ten calls of a service, and drops the rest without a word; so does the
//! middleware with the usual settings of services. Here they are taken out of r2r by the thread that puts them in, one after
//! the other, so that a burst finds as much space as it was promised.

use std::future::Future;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use go2_client::failpoint::failpoint;
use go2_proto::rate::Rate;
use go2_proto::throttle::Throttle;
use r2r::std_msgs::msg::String as Text;
use r2r::{QosProfile, ServiceRequest, WrappedServiceTypeSupport, WrappedTypesupport};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

const LOG_EVERY: Duration = Duration::from_secs(5);
/// Calls of one service that may wait. More are refused.
pub(crate) const MOST_CALLS: usize = 256;
/// Calls, and answers to them, that the middleware may hold: more than are handed over between two turns.
const CALLS_IN_TRANSIT: usize = 2 * MOST_CALLS;
/// Calls that wait to be refused, of all services. The thread that takes them in answers none: that may take as long as the
/// caller's network.
const MOST_REFUSALS: usize = 1024;
/// Callers keep ten answers, those to others included, until they have looked at them: so many may come at once.
const ANSWERS_AT_ONCE: u32 = 8;
/// Between two answers after that.
const ANSWER_EVERY: Duration = Duration::from_millis(30);

/// What is to be done after each turn of the node.
pub(crate) struct Intake {
    takes: Vec<Box<dyn FnMut() + Send>>,
    refusals: Replies,
}

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
    /// With what refuses the calls that are too many, until the intake is gone.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send) {
        let (refusals, refuse) = replies(MOST_REFUSALS);
        (Self { takes: Vec::new(), refusals }, refuse)
    }

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
        self.takes.push(Box::new(move || {
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
        self.takes.push(Box::new(move || {
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

    /// Creates a service. [`MOST_CALLS`] of its calls may wait; beyond them each is answered with what `refuse` makes of the
    /// reason.
    pub(crate) fn serve<S>(
        &mut self,
        node: &mut r2r::Node,
        name: &str,
        refuse: fn(String) -> S::Response,
    ) -> r2r::Result<Calls<S>>
    where
        S: WrappedServiceTypeSupport + 'static,
    {
        let qos = QosProfile::services_default().keep_last(CALLS_IN_TRANSIT);
        let mut calls = node.create_service::<S>(name, qos)?;
        let (inbox, outlet) = mpsc::channel(MOST_CALLS);
        let (name, refusals) = (name.to_owned(), self.refusals.clone());
        let mut log = Throttle::new(LOG_EVERY);
        self.takes.push(Box::new(move || {
            while let Some(Some(call)) = calls.next().now_or_never() {
                let Err(TrySendError::Full(call)) = inbox.try_send(call) else { continue };
                if let Some(more) = log.allow(Instant::now()) {
                    tracing::warn!("refused a call of {name}: {MOST_CALLS} wait already{more}");
                }
                let reason = format!("not done: {MOST_CALLS} calls wait already");
                // Where even these are too many, nothing is answered; the log has told it.
                let _ = refusals.0.try_send(Box::new(move || respond(call, refuse(reason))));
            }
        }));
        Ok(Calls(outlet))
    }

    /// Takes what the last turn of the node brought.
    pub(crate) fn turn(&mut self) {
        self.takes.iter_mut().for_each(|take| take());
    }
}

/// The calls of a service.
pub(crate) struct Calls<S: WrappedServiceTypeSupport>(mpsc::Receiver<ServiceRequest<S>>);

impl<S: WrappedServiceTypeSupport + 'static> Calls<S> {
    /// Waits for a call, and takes all that have come with it; `None` when the node ends.
    pub(crate) async fn together(&mut self) -> Option<Vec<ServiceRequest<S>>> {
        let mut calls = Vec::new();
        (self.0.recv_many(&mut calls, MOST_CALLS).await > 0).then_some(calls)
    }

    /// Waits for one call; `None` when the node ends.
    pub(crate) async fn one(&mut self) -> Option<ServiceRequest<S>> {
        self.0.recv().await
    }
}

/// Where answers to calls are given, which are sent as fast as callers take them. Clones are the same.
#[derive(Clone)]
pub(crate) struct Replies(mpsc::Sender<Box<dyn FnOnce() + Send>>);

impl Replies {
    /// Answers a call, after those before it.
    pub(crate) async fn send<S>(&self, call: ServiceRequest<S>, response: S::Response)
    where
        S: WrappedServiceTypeSupport + 'static,
        S::Response: Send + 'static,
    {
        // Fails only while the node ends.
        let _ = self.0.send(Box::new(move || respond(call, response))).await;
    }
}

/// A place for `most` answers, and what sends them.
pub(crate) fn replies(most: usize) -> (Replies, impl Future<Output = ()> + Send) {
    let (replies, mut queue) = mpsc::channel::<Box<dyn FnOnce() + Send>>(most);
    let now = || tokio::time::Instant::now().into_std();
    let send = async move {
        let mut pace = Rate::new(ANSWERS_AT_ONCE, ANSWER_EVERY);
        while let Some(reply) = queue.recv().await {
            let wait = pace.wait(now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            pace.count(now());
            reply();
        }
    };
    (Replies(replies), send)
}

fn respond<S: WrappedServiceTypeSupport + 'static>(call: ServiceRequest<S>, response: S::Response) {
    failpoint("service");
    if let Err(error) = call.respond(response) {
        tracing::debug!("the caller of a service is gone: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn fifty_answers_are_sent_so_that_a_caller_who_holds_ten_can_look_at_each() {
        let (replies, sending) = replies(50);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let begun = Instant::now();
        for _ in 0..50 {
            let sent = Arc::clone(&sent);
            let reply = move || sent.lock().unwrap().push(begun.elapsed());
            assert!(replies.0.send(Box::new(reply)).await.is_ok());
        }
        drop(replies);
        sending.await;
        let sent = sent.lock().unwrap();
        assert_eq!(sent.len(), 50);
        for (number, at) in sent.iter().enumerate() {
            let within = sent[number..].iter().filter(|later| **later < *at + ANSWER_EVERY);
            assert!(within.count() <= 10, "from the {number}th on");
        }
        assert!(sent[49] < Duration::from_secs(2));
    }
}
