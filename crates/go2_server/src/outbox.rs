//! What waits to be sent to the client. The robot goes on listening while a narrow network takes its time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use webrtc::sctp::chunk::chunk_payload_data::PayloadProtocolIdentifier;
use webrtc::sctp::stream::Stream;

/// Bytes that may wait beside what the stream itself holds. State is dropped long before.
const MOST: usize = 4 * 1024 * 1024;

/// A client that takes nothing for so long counts as gone.
const STUCK: Duration = Duration::from_secs(10);

type Message = (Bytes, PayloadProtocolIdentifier);

/// A queue in front of a stream. It ends when dropped.
pub(crate) struct Outbox {
    messages: mpsc::UnboundedSender<Message>,
    waiting: Arc<AtomicUsize>,
    writer: JoinHandle<()>,
}

impl Outbox {
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        let (messages, mut queue) = mpsc::unbounded_channel::<Message>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        let writer = tokio::spawn(async move {
            while let Some((data, kind)) = queue.recv().await {
                let written = tokio::time::timeout(STUCK, stream.write_sctp(&data, kind)).await;
                left.fetch_sub(data.len(), Ordering::Relaxed);
                if !matches!(written, Ok(Ok(_))) {
                    return; // and nothing more is taken
                }
            }
        });
        Self { messages, waiting, writer }
    }

    /// Takes a message; `false` if the client is gone, or so slow that it might as well be.
    pub(crate) fn push(&self, data: Bytes, kind: PayloadProtocolIdentifier) -> bool {
        let length = data.len();
        if self.waiting() > MOST {
            return false;
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        self.messages.send((data, kind)).is_ok()
    }

    /// Bytes that the stream has not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.writer.abort();
    }
}
