//! Which robots are in this network: the multicast query that the phone app sends, and the answers to it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use go2_proto::signaling::{SEARCH_ANSWER_PORT, SEARCH_GROUP, SEARCH_PORT};
use serde::Deserialize;
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::interfaces;

/// What robots know the query by.
const NAME: &str = "unitree_dapengche";
/// Datagrams are lost on Wi-Fi: each query is sent so often, so far apart.
const QUERIES: u32 = 3;
const APART: Duration = Duration::from_millis(200);
/// No answer is longer.
const LONGEST: usize = 2048;
/// More robots are not believed in.
const MOST: usize = 256;

/// A robot that answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Robot {
    /// Its serial number.
    pub serial_number: String,
    /// Where it is.
    pub address: IpAddr,
}

/// A search for robots.
#[derive(Debug, Clone)]
pub struct Search {
    /// Only this one; all without. Some robots only answer to their own serial number.
    pub serial_number: Option<String>,
    /// The addresses of this computer's interfaces to search on, one query from each. Without any, all are searched on.
    pub interfaces: Vec<Ipv4Addr>,
    /// How long to listen. Robots answer within two or three seconds.
    pub wait: Duration,
    /// Where queries go.
    pub query: SocketAddrV4,
    /// The port for the answers.
    pub answer_port: u16,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            serial_number: None,
            interfaces: Vec::new(),
            wait: Duration::from_secs(3),
            query: SocketAddrV4::new(SEARCH_GROUP, SEARCH_PORT),
            answer_port: SEARCH_ANSWER_PORT,
        }
    }
}

impl Search {
    /// Sends the queries and gathers the answers, without doubles, by serial number. Ends early when the one robot that is
    /// sought has answered.
    pub async fn run(&self) -> io::Result<Vec<Robot>> {
        let (answers, interfaces) = self.listen()?;
        let mut found = BTreeMap::new();
        let end = Instant::now() + self.wait;
        let mut datagram = vec![0; LONGEST];
        // What has come before the query answers another one.
        while answers.try_recv_from(&mut datagram).is_ok() {}
        self.ask(&interfaces)?;
        let mut queries = 1;
        let mut next = Instant::now() + APART;
        loop {
            tokio::select! {
                biased; // what comes after the end does not count, even if it is there
                () = tokio::time::sleep_until(end) => break,
                () = tokio::time::sleep_until(next), if queries < QUERIES => {
                    queries += 1;
                    next += APART;
                    self.ask(&interfaces)?;
                }
                received = answers.recv_from(&mut datagram) => {
                    let Ok((length, from)) = received else { continue };
                    let Some(robot) = read(&datagram[..length], from.ip()) else { continue };
                    let sought = self.serial_number.as_ref();
                    if sought.is_some_and(|sought| *sought != robot.serial_number) || found.len() >= MOST {
                        continue;
                    }
                    found.insert(robot.serial_number.clone(), robot);
                    if sought.is_some() {
                        break;
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Other searches on this computer may listen at the same time.
    fn listen(&self) -> io::Result<(UdpSocket, Vec<Ipv4Addr>)> {
        let socket = udp()?;
        socket.set_reuse_address(true)?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.answer_port));
        socket.bind(&any.into())?;
        let join = |interface: &Ipv4Addr| socket.join_multicast_v4(self.query.ip(), interface);
        let mut interfaces = self.interfaces.clone();
        if interfaces.is_empty() {
            // Not every interface takes multicast.
            interfaces = interfaces::ipv4(&interfaces::list()?);
            interfaces.retain(|interface| join(interface).is_ok());
            if interfaces.is_empty() {
                return Err(io::Error::other("no interface of this computer takes multicast"));
            }
        } else {
            interfaces.iter().try_for_each(join)?;
        }
        Ok((UdpSocket::from_std(socket.into())?, interfaces))
    }

    fn ask(&self, interfaces: &[Ipv4Addr]) -> io::Result<()> {
        let mut query = json!({ "name": NAME });
        if let Some(serial_number) = &self.serial_number {
            query["sn"] = serial_number.as_str().into();
        }
        let query = query.to_string();
        for interface in interfaces {
            let socket = udp()?;
            socket.set_multicast_if_v4(interface)?;
            // A full buffer loses one of three.
            let _ = socket.send_to(query.as_bytes(), &SocketAddr::V4(self.query).into());
        }
        Ok(())
    }
}

fn udp() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[derive(Deserialize)]
struct Wire {
    sn: String,
    #[serde(default)]
    ip: Option<String>,
}

/// Reads an answer; `None` if it is none, or speaks of another address than the sender's: a robot answers for itself.
pub fn read(datagram: &[u8], from: IpAddr) -> Option<Robot> {
    let Wire { sn, ip } = serde_json::from_slice(datagram).ok()?;
    let is_serial_number =
        (1..=64).contains(&sn.len()) && sn.chars().all(|c| c.is_ascii_alphanumeric());
    let told = ip.and_then(|ip| ip.parse().ok()).filter(|ip: &IpAddr| !ip.is_unspecified());
    let is_own = told.is_none_or(|told| told == from);
    (is_serial_number && is_own).then_some(Robot { serial_number: sn, address: from })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

    #[test]
    fn answers_are_read_with_and_without_an_address() {
        let robot = |text: &str| read(text.as_bytes(), FROM).map(|robot| robot.address.to_string());
        assert_eq!(robot(r#"{"sn":"B42D1","ip":"127.0.0.9"}"#).as_deref(), Some("127.0.0.9"));
        let more = r#"{"sn":"B42D1","ip":"","key":"","name":"unitree_dapengche"}"#;
        assert_eq!(robot(more).as_deref(), Some("127.0.0.9"));
        assert_eq!(robot(r#"{"sn":"B42D1","ip":"0.0.0.0"}"#).as_deref(), Some("127.0.0.9"));
        for bad in [
            "",
            "{}",
            r#"{"sn":""}"#,
            r#"{"sn":"a b"}"#,
            r#"{"sn":"a\u001b"}"#,
            r#"{"ip":"1.2.3.4"}"#,
            r#"{"sn":"B42D1","ip":"192.168.1.5"}"#,
            "[1]",
            "\u{0}",
        ] {
            assert_eq!(robot(bad), None, "{bad}");
        }
        // Our own query comes back to who has joined the group.
        assert_eq!(robot(r#"{"name":"unitree_dapengche"}"#), None);
    }

    /// Answers every query for its serial number, from its own address: with what `answers` makes of the port for answers.
    async fn answerer(
        search: &Search,
        sn: &'static str,
        last: u8,
        answers: impl Fn(IpAddr) -> Vec<String> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        let socket = udp().unwrap();
        socket.set_reuse_address(true).unwrap();
        socket
            .bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, search.query.port())).into())
            .unwrap();
        socket.join_multicast_v4(search.query.ip(), &Ipv4Addr::LOCALHOST).unwrap();
        let socket = UdpSocket::from_std(socket.into()).unwrap();
        let own = IpAddr::from([127, 9, 9, last]);
        let sender = UdpSocket::bind((own, 0)).await.unwrap();
        let port = search.answer_port;
        tokio::spawn(async move {
            let mut datagram = vec![0; LONGEST];
            while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
                let query: serde_json::Value = serde_json::from_slice(&datagram[..length]).unwrap();
                assert_eq!(query["name"], NAME);
                if query["sn"].as_str().is_some_and(|sought| sought != sn) {
                    continue;
                }
                for answer in answers(own) {
                    let _ = sender.send_to(answer.as_bytes(), (from.ip(), port)).await;
                }
            }
        })
    }

    /// A robot that answers, and somebody else who says something too.
    async fn robot(search: &Search, sn: &'static str, last: u8) -> tokio::task::JoinHandle<()> {
        let answer = move |own| vec![format!(r#"{{"sn":"{sn}","ip":"{own}"}}"#), "noise".into()];
        answerer(search, sn, last, answer).await
    }

    fn search() -> Search {
        use std::sync::atomic::{AtomicU16, Ordering};
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let port = 20_000 + (std::process::id() % 5_000) as u16 * 4;
        let port = port + NEXT.fetch_add(2, Ordering::Relaxed);
        Search {
            interfaces: vec![Ipv4Addr::LOCALHOST],
            wait: Duration::from_millis(800),
            query: SocketAddrV4::new(SEARCH_GROUP, port),
            answer_port: port + 1,
            ..Search::default()
        }
    }

    #[tokio::test]
    async fn robots_are_found_on_loopback() {
        let all = search();
        let robots = [robot(&all, "B42D0002", 2).await, robot(&all, "B42D0001", 1).await];
        let found = all.run().await.unwrap();
        let numbers: Vec<_> = found.iter().map(|robot| robot.serial_number.as_str()).collect();
        assert_eq!(numbers, ["B42D0001", "B42D0002"]);
        assert_eq!(found[0].address.to_string(), "127.9.9.1");
        // Whoever names no interface searches on all of them.
        let everywhere = Search { interfaces: Vec::new(), ..all.clone() };
        assert_eq!(everywhere.run().await.unwrap(), found);
        let one = Search { serial_number: Some("B42D0002".into()), ..all.clone() };
        assert_eq!(one.run().await.unwrap().len(), 1);
        let none = Search { serial_number: Some("B42D0003".into()), ..all };
        assert_eq!(none.run().await.unwrap(), []);
        robots.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn nobody_answers_for_others_and_nobody_is_heard_unasked() {
        let one = Search { serial_number: Some("B42D0007".into()), ..search() };
        let lies = |_| {
            let other = r#"{"sn":"B42D0008","ip":"127.9.9.3"}"#;
            vec![r#"{"sn":"B42D0007","ip":"127.66.6.6"}"#.to_owned(), other.to_owned()]
        };
        let liar = answerer(&one, "B42D0007", 3, lies).await;
        // Before the query and, as after an earlier search, before anybody listens.
        let early = UdpSocket::bind("127.66.6.6:0").await.unwrap();
        let unasked = r#"{"sn":"B42D0007","ip":"127.66.6.6"}"#;
        let _ = early.send_to(unasked.as_bytes(), ("127.0.0.1", one.answer_port)).await;
        assert_eq!(one.run().await.unwrap(), []);
        liar.abort();
    }
}
