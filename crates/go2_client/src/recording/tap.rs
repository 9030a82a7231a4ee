//! Writes down what another transport carries.

use std::time::Instant;

use super::Recorder;
use crate::progress::Progress;
use crate::transport::{ConnectError, Connector, Transport, TransportError};
use go2_proto::session::{MediaCount, Received};

/// A connector whose transports are recorded.
#[derive(Debug)]
pub struct Recording<C> {
    connector: C,
    recorder: Recorder,
}

impl<C: Connector> Recording<C> {
    /// Records what the transports of `connector` carry.
    pub fn new(connector: C, recorder: Recorder) -> Self {
        Self { connector, recorder }
    }
}

impl<C: Connector> Connector for Recording<C> {
    type Transport = RecordedTransport<C::Transport>;

    async fn connect(&mut self, progress: Progress) -> Result<Self::Transport, ConnectError> {
        let transport = self.connector.connect(progress).await?;
        self.recorder.mark("connected");
        Ok(RecordedTransport { transport, recorder: self.recorder.clone() })
    }

    async fn retire(&mut self, RecordedTransport { transport, recorder }: Self::Transport) {
        recorder.mark("lost");
        self.connector.retire(transport).await;
    }

    async fn finish(&mut self) {
        self.connector.finish().await;
    }

    fn target(&self) -> String {
        self.connector.target()
    }

    fn serial_number(&self) -> Option<String> {
        self.connector.serial_number()
    }
}

/// A transport that is recorded.
pub struct RecordedTransport<T> {
    transport: T,
    recorder: Recorder,
}

impl<T: Transport> Transport for RecordedTransport<T> {
    async fn send(&mut self, text: String) -> Result<(), TransportError> {
        self.recorder.sent(&text);
        self.transport.send(text).await
    }

    fn backlog(&self) -> usize {
        self.transport.backlog()
    }

    async fn receive(&mut self) -> Result<Received, TransportError> {
        let received = self.transport.receive().await?;
        self.recorder.received(&received);
        Ok(received)
    }

    fn arrived(&self) -> Option<Instant> {
        self.transport.arrived()
    }

    fn is_recording(&self) -> bool {
        self.transport.is_recording()
    }

    fn request_keyframe(&mut self) {
        self.transport.request_keyframe();
    }

    fn media(&self) -> MediaCount {
        self.transport.media()
    }

    async fn close(self) {
        self.recorder.mark("closed");
        self.transport.close().await;
    }
}
