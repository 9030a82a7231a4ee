//! The gateway's HTTP door, as clients of several addresses meet it. The robot behind it is not there.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use go2_client::signaling::Target;
use go2_gateway::{Access, Direct, Gateway, Place, StartError, Viewing};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const TOKEN: &str = "the right token";
/// How long anything may take on a busy machine that is not kept waiting on purpose.
const SOON: Duration = Duration::from_secs(4);
/// An address at which no robot answers.
const NOBODY: &str = "127.0.0.99";

async fn gateway() -> Gateway {
    start(Ipv4Addr::LOCALHOST.into(), TOKEN).await.unwrap()
}

async fn start(address: IpAddr, token: &str) -> Result<Gateway, StartError> {
    let access = Access::new(token.to_owned().into(), Viewing::Nobody, vec![]);
    let place = Place::Direct(Direct::new(Target::new(NOBODY)));
    Gateway::start(SocketAddr::new(address, 0), access, place).await
}

/// A client at 127.0.0.`last`.
async fn connect(gateway: &Gateway, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new([127, 0, 0, last].into(), 0)).unwrap();
    socket.connect(gateway.address()).await.unwrap()
}

/// All that comes until the other end closes or resets.
async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn about(gateway: &Gateway, last: u8) -> String {
    let mut stream = connect(gateway, last).await;
    let request = "GET /about HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(request.as_bytes()).await;
    read(&mut stream).await
}

/// The status of the answer to an offer.
async fn offer(gateway: &Gateway, last: u8, token: &str) -> u16 {
    let mut stream = connect(gateway, last).await;
    let sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let body =
        json!({"token": token, "id": "", "type": "offer", "ip": NOBODY, "sdp": sdp}).to_string();
    let head = "POST /offer HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length:";
    let _ = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    let answer = read(&mut stream).await;
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn half_open_requests_of_one_address_keep_no_other_out_and_end() {
    let gateway = gateway().await;
    let mut half_open = Vec::new();
    for number in 0..200 {
        let mut stream = connect(&gateway, 2).await;
        let part = match number % 3 {
            0 => "POST /offer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
            1 => "POST /offer HTTP/1.1\r\nHost",
            _ => "",
        };
        let _ = stream.write_all(part.as_bytes()).await;
        half_open.push(stream);
    }
    let start = Instant::now();
    assert!(about(&gateway, 3).await.contains("\"mode\""));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let refused = about(&gateway, 2).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 503"), "{refused}");
    // Those that are served end by themselves.
    tokio::time::timeout(Duration::from_secs(20), ends(&mut half_open)).await.unwrap();
    assert!(about(&gateway, 2).await.contains("\"mode\""));
    gateway.close().await;
}

/// Waits until the other end has closed all of them.
async fn ends(streams: &mut [TcpStream]) {
    for stream in streams {
        read(stream).await;
    }
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let gateway = gateway().await;
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(connect(&gateway, 2).await);
    }
    assert!(about(&gateway, 3).await.contains("\"mode\""), "they are all taken up by now");
    let answer = read(&mut connect(&gateway, 2).await).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("32 connections"), "{answer}");
    // Also where the request is sent late, in parts, and only then looked for an answer to.
    let mut stream = connect(&gateway, 2).await;
    stream.readable().await.unwrap();
    for part in
        ["POST /offer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n", "{\"sdp\":", "1}"]
    {
        stream.write_all(part.as_bytes()).await.unwrap();
    }
    let mut answer = String::new();
    stream.shutdown().await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    gateway.close().await;
}

#[tokio::test]
async fn wrong_tokens_are_answered_slowly_and_the_right_one_is_not() {
    let gateway = std::sync::Arc::new(gateway().await);
    let start = Instant::now();
    let mut guesses = JoinSet::new();
    for guesser in 0..24 {
        let gateway = std::sync::Arc::clone(&gateway);
        guesses.spawn(async move {
            let mut count = 0;
            while start.elapsed() < Duration::from_secs(5) {
                count += usize::from(offer(&gateway, 2, &format!("guess {guesser}")).await == 401);
            }
            count
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = Instant::now();
    // Who guesses from the same address does not keep the owner of the token out.
    let status = offer(&gateway, 2, TOKEN).await;
    assert!(matches!(status, 502 | 504), "{status}: there is no robot");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let counts = guesses.join_all().await;
    let (answered, took) = (counts.iter().sum::<usize>(), start.elapsed().as_secs_f64());
    assert!(answered >= 24, "each is answered in the end");
    assert!((answered as f64) < 3.0 + 16.0 * (took + 2.0), "{answered} in {took:.1} s");
}

#[tokio::test]
async fn short_tokens_open_nothing_to_other_computers() {
    let everywhere = Ipv4Addr::UNSPECIFIED.into();
    let refused = start(everywhere, "a").await.err().unwrap();
    assert!(matches!(refused, StartError::Token(_)));
    assert!(refused.to_string().contains("has 1 characters"), "{refused}");
    start(everywhere, TOKEN).await.unwrap().close().await;
    start(Ipv4Addr::LOCALHOST.into(), "a").await.unwrap().close().await;
}
