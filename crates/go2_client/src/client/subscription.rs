//! What a robot sends, as streams.

use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use go2_proto::state::State;
use go2_proto::video::AccessUnit;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::session::{LinkHandle, LinkState};

/// Messages of a topic that may wait to be taken.
pub(super) const QUEUE: usize = 8;

/// A value that the robot has sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample<S> {
    /// The value.
    pub value: S,
    /// When it arrived at this computer.
    pub received: Instant,
}

impl<S> Deref for Sample<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.value
    }
}

fn is_over(state: &LinkState) -> bool {
    matches!(state, LinkState::Stopped { .. } | LinkState::Closed)
}

/// What was left out of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    missed: u64,
    malformed: u64,
}

/// The values of one topic. It ends with the client, or where the link has stopped for good, as after a recording.
///
/// Eight values wait to be taken; the oldest are dropped for newer ones and counted, see [`missed`](Self::missed).
pub struct Subscription<S> {
    values: BoxStream<'static, Sample<S>>,
    left: Arc<Mutex<Left>>,
    kind: PhantomData<S>,
}

impl<S: State> Subscription<S> {
    pub(super) fn new(link: &LinkHandle) -> Self {
        let left = Arc::new(Mutex::new(Left::default()));
        let receiver = link.subscribe(S::TOPIC, QUEUE);
        let counts = Arc::clone(&left);
        let values = stream::unfold((receiver, link.state()), move |(mut receiver, mut state)| {
            let counts = Arc::clone(&counts);
            async move {
                loop {
                    let count = |add: fn(&mut Left, u64), number| {
                        add(&mut counts.lock().unwrap_or_else(PoisonError::into_inner), number);
                    };
                    let received = tokio::select! {
                        biased; // what waits comes before the end
                        received = receiver.recv() => received,
                        _ = state.wait_for(is_over) => return None,
                    };
                    match received {
                        Ok(message) => match S::decode(&message.data) {
                            Ok(value) => {
                                let received = message.received;
                                return Some((Sample { value, received }, (receiver, state)));
                            }
                            Err(_) => count(|left, number| left.malformed += number, 1),
                        },
                        Err(RecvError::Lagged(number)) => {
                            count(|left, number| left.missed += number, number);
                        }
                        Err(RecvError::Closed) => return None,
                    }
                }
            }
        });
        Self { values: values.boxed(), left, kind: PhantomData }
    }
}

impl<S> Subscription<S> {
    /// The next value; `None` when the client is closed. Values that wait are given first.
    pub async fn next(&mut self) -> Option<Sample<S>> {
        self.values.next().await
    }

    /// Values that were dropped so far because they were not taken in time.
    pub fn missed(&self) -> u64 {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).missed
    }

    /// Messages so far that could not be decoded.
    pub fn malformed(&self) -> u64 {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).malformed
    }
}

impl<S> Unpin for Subscription<S> {}

impl<S> Stream for Subscription<S> {
    type Item = Sample<S>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Sample<S>>> {
        self.values.poll_next_unpin(context)
    }
}

/// The frames of the camera, undecoded: access units of H.264.
///
/// The robot's video is on while any such stream exists. A unit whose number does not follow that of the one before needs a
/// keyframe; a decoder sees to that.
pub struct VideoStream {
    units: broadcast::Receiver<AccessUnit>,
    viewing: Arc<Viewing>,
}

/// Somebody looks at the video of this link.
pub(super) struct Viewing(LinkHandle);

impl Drop for Viewing {
    fn drop(&mut self) {
        self.0.set_video(false);
    }
}

impl VideoStream {
    pub(super) fn new(link: &LinkHandle, viewing: &Mutex<Weak<Viewing>>) -> Self {
        let mut current = viewing.lock().unwrap_or_else(PoisonError::into_inner);
        let viewing = current.upgrade().unwrap_or_else(|| {
            link.set_video(true);
            Arc::new(Viewing(link.clone()))
        });
        *current = Arc::downgrade(&viewing);
        Self { units: link.pictures(), viewing }
    }

    /// The next unit; `None` when the client is closed.
    pub async fn next(&mut self) -> Option<AccessUnit> {
        loop {
            match self.units.recv().await {
                Ok(unit) => return Some(unit),
                // The numbers tell of it.
                Err(RecvError::Lagged(_)) => self.viewing.0.request_keyframe(),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
