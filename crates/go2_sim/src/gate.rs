//! A network that lets UDP through to and from one address only, such as that of a relay.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use webrtc::util::{Conn, Result};

/// A socket behind such a network. Without an address everything passes.
pub(crate) struct Gate<C> {
    inner: C,
    only: Option<IpAddr>,
}

impl<C> Gate<C> {
    pub(crate) fn new(inner: C, only: Option<IpAddr>) -> Self {
        Self { inner, only }
    }

    fn passes(&self, other: SocketAddr) -> bool {
        self.only.is_none_or(|only| other.ip() == only)
    }
}

#[async_trait]
impl<C: Conn + Send + Sync + 'static> Conn for Gate<C> {
    async fn connect(&self, addr: SocketAddr) -> Result<()> {
        self.inner.connect(addr).await
    }

    async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_from(buf).await.map(|(length, _)| length)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.inner.recv_from(buf).await?;
            if self.passes(from) {
                return Ok((length, from));
            }
        }
    }

    async fn send(&self, buf: &[u8]) -> Result<usize> {
        self.inner.send(buf).await
    }

    async fn send_to(&self, buf: &[u8], target: SocketAddr) -> Result<usize> {
        if self.passes(target) {
            self.inner.send_to(buf, target).await
        } else {
            Ok(buf.len()) // who sends does not learn what becomes of it
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        self.inner.remote_addr()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
