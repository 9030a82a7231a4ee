//! The socket that the packets of a session go through.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use webrtc::util::{Conn, Error};

use super::flight::{Flight, MOST};
use super::line::Line;
use super::{now, Network, TICK};

/// A UDP socket behind a network. Packets that need not wait go straight through it.
pub(crate) struct Socket {
    network: Network,
    socket: Arc<UdpSocket>,
    /// To the client. The mutex is there because the stack above sends from several tasks; it is held for no time.
    outward: Mutex<Line>,
    late: mpsc::Sender<Departure>,
    /// From the client. Only the one task above that receives waits for it.
    inward: tokio::sync::Mutex<Inward>,
}

struct Inward {
    line: Line,
    flight: Flight,
}

/// A packet that is sent, and when it arrives.
type Departure = (Instant, Bytes, SocketAddr);

impl Socket {
    pub(super) fn new(network: Network, socket: UdpSocket, outward: Line, inward: Line) -> Self {
        let socket = Arc::new(socket);
        let (late, departures) = mpsc::channel(MOST);
        tokio::spawn(deliver(Arc::clone(&socket), departures, network.clone()));
        let inward = Inward { line: inward, flight: Flight::default() };
        Self { network, socket, outward: Mutex::new(outward), late, inward: inward.into() }
    }
}

/// Sends packets when they are due; ends with the last one after the socket is dropped.
async fn deliver(
    socket: Arc<UdpSocket>,
    mut departures: mpsc::Receiver<Departure>,
    network: Network,
) {
    let (mut flight, mut open) = (Flight::default(), true);
    loop {
        while let Some((packet, target)) = flight.pop(now() + TICK) {
            let _ = socket.send_to(&packet, target).await; // nobody there: lost, like any other
        }
        let due = flight.due();
        if due.is_none() && !open {
            return;
        }
        tokio::select! {
            departure = departures.recv(), if open => match departure {
                Some((due, packet, target)) => {
                    if !flight.push(due, packet, target) {
                        network.no_room();
                    }
                }
                None => open = false,
            },
            () = sleep_until(due) => {}
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl Conn for Socket {
    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let mut inward = self.inward.lock().await;
        let Inward { line, flight } = &mut *inward;
        loop {
            if let Some((packet, from)) = flight.pop(now() + TICK) {
                let length = packet.len().min(buffer.len());
                buffer[..length].copy_from_slice(&packet[..length]);
                return Ok((length, from));
            }
            let (length, from) = tokio::select! {
                received = self.socket.recv_from(buffer) => received?,
                () = sleep_until(flight.due()) => continue,
            };
            let sent = now();
            let Some(due) = self.network.pass(line, length, sent) else { continue };
            if due <= sent {
                return Ok((length, from));
            }
            if !flight.push(due, Bytes::copy_from_slice(&buffer[..length]), from) {
                self.network.no_room();
            }
        }
    }

    async fn send_to(&self, packet: &[u8], target: SocketAddr) -> Result<usize, Error> {
        let sent = now();
        let due = {
            let mut line = self.outward.lock().unwrap_or_else(PoisonError::into_inner);
            self.network.pass(&mut line, packet.len(), sent)
        };
        // Who sends never learns what becomes of it.
        let Some(due) = due else { return Ok(packet.len()) };
        if due <= sent {
            return Ok(self.socket.send_to(packet, target).await?);
        }
        if self.late.try_send((due, Bytes::copy_from_slice(packet), target)).is_err() {
            self.network.no_room();
        }
        Ok(packet.len())
    }

    async fn connect(&self, address: SocketAddr) -> Result<(), Error> {
        Ok(self.socket.connect(address).await?)
    }

    // The stack above names addresses; these two are for sockets that are connected.

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.recv_from(buffer).await.map(|(length, _)| length)
    }

    async fn send(&self, packet: &[u8]) -> Result<usize, Error> {
        let target = self.socket.peer_addr()?;
        self.send_to(packet, target).await
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::network::{Impairment, NetworkOptions};

    /// A socket behind a network, and one on the other side of it.
    async fn pair(network: &Network) -> (Socket, UdpSocket) {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let (near, far) = (bind().await.unwrap(), bind().await.unwrap());
        (network.socket(near), far)
    }

    async fn receive(socket: &UdpSocket) -> u8 {
        let mut buffer = [0; 10];
        socket.recv_from(&mut buffer).await.unwrap();
        buffer[0]
    }

    #[tokio::test]
    async fn packets_pass_late_and_in_another_order_in_both_directions() {
        let network = Network::new(&NetworkOptions::default());
        let delay = Duration::from_millis(50);
        let (near, far) = pair(&network).await;
        let (near_at, far_at) = (near.local_addr().unwrap(), far.local_addr().unwrap());
        let start = now();
        near.send_to(&[0], far_at).await.unwrap();
        assert_eq!(receive(&far).await, 0);

        network.set(Impairment { delay, jitter: 4 * delay, ..Impairment::default() });
        let mut order = Vec::new();
        for number in 0..50 {
            near.send_to(&[number], far_at).await.unwrap();
        }
        for _ in 0..50 {
            order.push(receive(&far).await);
        }
        assert!(start.elapsed() >= delay - TICK);
        assert!(!order.is_sorted(), "{order:?}");
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());

        let back = now();
        for number in 0..50 {
            far.send_to(&[number], near_at).await.unwrap();
        }
        let mut order = Vec::new();
        for _ in 0..50 {
            let mut buffer = [0; 10];
            assert_eq!(near.recv_from(&mut buffer).await.unwrap(), (1, far_at));
            order.push(buffer[0]);
        }
        assert!(back.elapsed() >= delay - TICK);
        assert!(!order.is_sorted(), "{order:?}");
        assert_eq!(network.count().carried, 101);
    }

    #[tokio::test]
    async fn in_a_blackout_nothing_passes_in_either_direction_and_then_it_does_again() {
        let network = Network::new(&NetworkOptions::default());
        let (near, far) = pair(&network).await;
        let (near_at, far_at) = (near.local_addr().unwrap(), far.local_addr().unwrap());
        network.set(Impairment { blackout: true, ..Impairment::default() });
        near.send_to(&[1], far_at).await.unwrap();
        far.send_to(&[1], near_at).await.unwrap();
        // Received in vain: what is sent in the dark is lost when it comes to the socket.
        let mut buffer = [0; 10];
        let waiting = near.recv_from(&mut buffer);
        assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
        network.set(Impairment::default());
        near.send_to(&[2], far_at).await.unwrap();
        far.send_to(&[3], near_at).await.unwrap();
        assert_eq!(receive(&far).await, 2);
        assert_eq!((near.recv_from(&mut buffer).await.unwrap().0, buffer[0]), (1, 3));
        assert_eq!((network.count().carried, network.count().lost), (2, 2));
    }

    #[tokio::test]
    async fn what_is_under_way_arrives_after_the_socket_is_gone() {
        let network = Network::new(&NetworkOptions::default());
        let (near, far) = pair(&network).await;
        let delay = Duration::from_millis(30);
        network.set(Impairment { delay, ..Impairment::default() });
        near.send_to(&[7], far.local_addr().unwrap()).await.unwrap();
        drop(near);
        assert_eq!(receive(&far).await, 7);
    }
}
