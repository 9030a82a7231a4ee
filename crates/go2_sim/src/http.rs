//! The robot's HTTP server: HTTP/1.0 responses, one request a connection, header names as written.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Path with the leading slash.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// Status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A 200.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into() }
    }

    /// Another status without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, body: Vec::new() }
    }
}

/// What comes after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// A response.
    Respond(Response),
    /// The connection is closed.
    Hangup,
    /// Nothing, until the client closes.
    Silence,
    /// A response whose body has no end.
    Endless,
    /// A response whose body comes a byte at a time.
    Slow,
}

impl From<Response> for Reaction {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

const LARGEST_REQUEST: usize = 1024 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two bytes of a slow body.
const SLOW: Duration = Duration::from_millis(300);

/// Reads one request. `None` if none came: probes only connect.
pub(crate) async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut raw = Vec::new();
    let read = async {
        loop {
            if let Some(request) = parse(&raw) {
                return request;
            }
            let ended = matches!(stream.read_buf(&mut raw).await, Ok(0) | Err(_));
            if ended || raw.len() > LARGEST_REQUEST {
                return None;
            }
        }
    };
    tokio::time::timeout(READ_TIMEOUT, read).await.ok().flatten()
}

/// `None` while more is needed, `Some(None)` for what is no request.
fn parse(raw: &[u8]) -> Option<Option<Request>> {
    let head_end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let Ok(head) = std::str::from_utf8(&raw[..head_end]) else {
        return Some(None);
    };
    // A minimal server looks for the name as it is usually written, so this one does.
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = raw[head_end + 4..].get(..length)?.to_vec();
    let path = head.split(' ').nth(1).map(str::to_owned);
    Some(path.map(|path| Request { path, body }))
}

/// Does what comes after a request, and closes. A client that left is no matter.
pub(crate) async fn react(mut stream: TcpStream, reaction: Reaction) {
    let left = match reaction {
        Reaction::Respond(response) => respond(&mut stream, response).await,
        Reaction::Hangup => Ok(()),
        Reaction::Silence => wait_for_end(&mut stream).await,
        Reaction::Endless => trickle(&mut stream, &[b'A'; 16 * 1024], Duration::ZERO).await,
        Reaction::Slow => trickle(&mut stream, b"A", SLOW).await,
    };
    if left.is_ok() {
        let _ = stream.shutdown().await;
    }
}

async fn respond(stream: &mut TcpStream, response: Response) -> io::Result<()> {
    let reason = if response.status == 200 { "OK" } else { "Error" };
    let mut raw = format!(
        "HTTP/1.0 {} {reason}\r\nContent-Length: {}\r\n\r\n",
        response.status,
        response.body.len()
    )
    .into_bytes();
    raw.extend_from_slice(&response.body);
    stream.write_all(&raw).await
}

async fn wait_for_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// A body that goes on until the client closes.
async fn trickle(stream: &mut TcpStream, part: &[u8], pause: Duration) -> io::Result<()> {
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await?;
    loop {
        stream.write_all(part).await?;
        tokio::time::sleep(pause).await;
    }
}
