//! A connection whose data channel is open.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use webrtc::dtls::conn::DTLSConn;
use webrtc::mux::Mux;
use webrtc::sctp::association::Association;
use webrtc::sctp::chunk::chunk_payload_data::PayloadProtocolIdentifier;
use webrtc::sctp::stream::Stream;

use crate::outbox::Outbox;
use crate::path::Path;
use crate::video::Track;

/// No client opens a channel of this number. Nobody hears of a stream on which nothing is sent.
const UNUSED_STREAM: u16 = 1023;
const GOODBYE: Duration = Duration::from_secs(2);

/// A message of the data channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// Bytes that claim to be text. Never received; sent by robots that make mistakes.
    Raw(Bytes),
}

/// What a connection is made of above ICE, with the video track if the offer had one.
pub(crate) struct Layers {
    pub(crate) mux: Mux,
    pub(crate) dtls: Arc<DTLSConn>,
    pub(crate) association: Association,
    pub(crate) stream: Arc<Stream>,
    pub(crate) video: Option<Track>,
}

/// An open data channel. Dropping it ends the connection without a goodbye: the client notices after a while.
pub struct Channel {
    path: Path,
    mux: Mux,
    dtls: Arc<DTLSConn>,
    association: Association,
    stream: Arc<Stream>,
    outbox: Outbox,
    /// The video track, if the client offered to receive one.
    pub video: Option<Track>,
    /// Once the data channel is closed, another stream, which ends when the client leaves.
    shut: Option<Arc<Stream>>,
}

impl Channel {
    pub(crate) fn new(path: Path, layers: Layers) -> Self {
        let Layers { mux, dtls, association, stream, video } = layers;
        let outbox = Outbox::new(Arc::clone(&stream));
        Self { path, mux, dtls, association, stream, outbox, video, shut: None }
    }

    /// The next message of the client; `None` when it is gone, or sends what does not fit the buffer. Cancelling loses
    /// nothing.
    pub async fn receive(&mut self, buffer: &mut [u8]) -> Option<Message> {
        if let Some(other) = &self.shut {
            // Nothing can come any more, but the client can leave.
            tokio::select! {
                _ = other.read_sctp(buffer) => {}
                () = self.path.lost() => {}
            }
            return None;
        }
        loop {
            let (length, kind) = tokio::select! {
                read = self.stream.read_sctp(buffer) => read.ok()?,
                () = self.path.lost() => return None,
            };
            let data = &buffer[..length];
            match kind {
                PayloadProtocolIdentifier::String => {
                    return Some(Message::Text(String::from_utf8_lossy(data).into_owned()));
                }
                PayloadProtocolIdentifier::Binary => {
                    return Some(Message::Binary(Bytes::copy_from_slice(data)));
                }
                PayloadProtocolIdentifier::Unknown => return None, // closed
                _ => {}
            }
        }
    }

    /// Sends a message after those before it, without waiting for them. `false` when the client is gone, or has taken
    /// nothing for so long that it counts as gone.
    pub fn send(&self, message: Message) -> bool {
        let (data, kind) = match message {
            // SCTP has no empty messages; a byte and a kind of its own stand for one (RFC 8831, 6.6).
            Message::Text(text) if text.is_empty() => {
                (Bytes::from_static(&[0]), PayloadProtocolIdentifier::StringEmpty)
            }
            Message::Text(text) => (Bytes::from(text), PayloadProtocolIdentifier::String),
            Message::Binary(bytes) => (bytes, PayloadProtocolIdentifier::Binary),
            Message::Raw(bytes) => (bytes, PayloadProtocolIdentifier::String),
        };
        self.outbox.push(data, kind)
    }

    /// Bytes that wait to be sent or acknowledged.
    pub fn backlog(&self) -> usize {
        self.outbox.waiting() + self.stream.buffered_amount()
    }

    /// Closes the data channel, and nothing else.
    pub async fn shut(&mut self) {
        let kind = PayloadProtocolIdentifier::Binary;
        self.shut = self.association.open_stream(UNUSED_STREAM, kind).await.ok();
        let _ = self.stream.shutdown(Shutdown::Both).await; // a client that is gone is noticed elsewhere
    }

    /// Closes with a goodbye, so that the client knows at once. Takes 2 s at most, where the client is gone.
    pub async fn close(mut self) {
        // A connection that is stuck cannot be closed in peace; what is left of it ends with its sockets.
        let goodbye = async {
            let _ = self.dtls.close().await; // sends close_notify
            let _ = self.association.close().await;
            self.mux.close().await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.path.close().await;
    }

    /// The address that the client's packets come from.
    pub fn client(&self) -> Option<SocketAddr> {
        self.path.client()
    }
}
