//! Answers to who looks for robots in the network, on loopback only.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use go2_proto::signaling::{SEARCH_ANSWER_PORT, SEARCH_GROUP, SEARCH_PORT};
use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// What robots know the query by.
const NAME: &str = "unitree_dapengche";
const LONGEST: usize = 2048;

/// Who the robot is.
pub(crate) struct Identity {
    pub(crate) serial_number: String,
    pub(crate) address: IpAddr,
}

/// Listens to the group; other simulated robots may do so on the same port.
pub(crate) fn join(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Bound to the group: nothing that is sent to another address comes in.
    socket.bind(&SocketAddr::from((SEARCH_GROUP, port)).into())?;
    socket.join_multicast_v4(&SEARCH_GROUP, &Ipv4Addr::LOCALHOST)?;
    UdpSocket::from_std(socket.into())
}

/// Answers until it is dropped.
pub(crate) async fn answer(socket: UdpSocket, identity: Identity) {
    let Ok(port) = socket.local_addr().map(|address| address.port()) else { return };
    let answer_port = port.saturating_add(SEARCH_ANSWER_PORT - SEARCH_PORT);
    let answer = json!({"sn": identity.serial_number, "ip": identity.address}).to_string();
    let mut datagram = vec![0; LONGEST];
    // Another socket: this one's address is the group's, which no datagram may come from.
    let Ok(sender) = UdpSocket::bind((identity.address, 0)).await else { return };
    loop {
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else { return };
        if from.ip().is_loopback() && is_meant(&datagram[..length], &identity.serial_number) {
            let _ = sender.send_to(answer.as_bytes(), (from.ip(), answer_port)).await;
            // lost, as on Wi-Fi
        }
    }
}

fn is_meant(query: &[u8], serial_number: &str) -> bool {
    let Ok(query) = serde_json::from_slice::<Value>(query) else { return false };
    query["name"] == NAME && query["sn"].as_str().is_none_or(|sought| sought == serial_number)
}
