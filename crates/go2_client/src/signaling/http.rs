//! Bounded HTTP POSTs to a robot's minimal server.
//!
//! The server inside the robot is not nginx: it closes after each response, and one Rust client in the
//! field could not talk to it with reqwest. So header names go out in title case, every connection is used
//! once, and where reqwest cannot make sense of the exchange, the same request is made again as plain
//! HTTP/1.0 over a socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::error::{SignalingError, Step};
use go2_proto::text::{clean, WORDS};

/// The longest response that is read; real ones are a few kilobytes.
const LARGEST_BODY: usize = 256 * 1024;
const LARGEST_HEAD: usize = 16 * 1024;

/// A request: everything but the address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post<'a> {
    pub(super) step: Step,
    pub(super) path: &'a str,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: &'a str,
}

/// A client for one robot.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    timeout: Duration,
    /// Set once reqwest failed where the plain socket worked.
    plain: AtomicBool,
}

enum Failure {
    /// The peer did not speak as this client expects; another client may fare better.
    Protocol(String),
    Final(String),
}

impl Http {
    pub(super) fn new(timeout: Duration) -> Result<Self, SignalingError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .http1_title_case_headers()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build()
            .map_err(|error| http_error(Step::Notify, chain(&error)))?;
        Ok(Self { client, timeout, plain: AtomicBool::new(false) })
    }

    /// Makes the request and returns the body of a 200.
    pub(super) async fn post(
        &self,
        to: SocketAddr,
        post: Post<'_>,
    ) -> Result<Vec<u8>, SignalingError> {
        let first = match self.plain.load(Ordering::Relaxed) {
            false => self.by_reqwest(to, post).await,
            true => Err(Failure::Protocol(String::new())),
        };
        let (code, body) = match first {
            Ok(response) => response,
            Err(Failure::Final(what)) => return Err(http_error(post.step, what)),
            Err(Failure::Protocol(what)) => {
                let again = tokio::time::timeout(self.timeout, by_socket(to, post)).await;
                let response = match again {
                    Ok(Ok(response)) => response,
                    Ok(Err(again)) => return Err(http_error(post.step, join(&what, &again))),
                    Err(_) => {
                        return Err(http_error(post.step, join(&what, "no response in time")))
                    }
                };
                self.plain.store(true, Ordering::Relaxed);
                response
            }
        };
        match code {
            200 => Ok(body),
            403 => Err(SignalingError::Refused(post.step)),
            429 => Err(SignalingError::Throttled),
            504 => Err(SignalingError::Transition),
            code => Err(SignalingError::Status { step: post.step, code }),
        }
    }

    async fn by_reqwest(&self, to: SocketAddr, post: Post<'_>) -> Result<(u16, Vec<u8>), Failure> {
        let mut request =
            self.client.post(format!("http://{to}{}", post.path)).header("Connection", "close");
        if let Some(content_type) = post.content_type {
            request = request.header("Content-Type", content_type);
        }
        let mut response = request.body(post.body.to_owned()).send().await.map_err(sort)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(sort)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(Failure::Final(too_long()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status().as_u16(), body))
    }
}

fn sort(error: reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Final("no response in time".into())
    } else if error.is_connect() {
        Failure::Final(chain(&error))
    } else {
        Failure::Protocol(chain(&error))
    }
}

/// The same request as HTTP/1.0 in one write; the body ends with the connection or its stated length.
async fn by_socket(to: SocketAddr, post: Post<'_>) -> Result<(u16, Vec<u8>), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(to).await.map_err(text)?;
    let content_type =
        post.content_type.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    let request = format!(
        "POST {} HTTP/1.0\r\nHost: {to}\r\n{content_type}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        post.path,
        post.body.len(),
        post.body
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut raw = Vec::new();
    let mut limited = stream.take((LARGEST_HEAD + LARGEST_BODY + 1) as u64);
    loop {
        if let Some(response) = parse(&raw, false)? {
            return Ok(response);
        }
        match limited.read_buf(&mut raw).await {
            Ok(0) => return parse(&raw, true)?.ok_or_else(|| "the response is cut off".into()),
            Ok(_) if raw.len() > LARGEST_HEAD + LARGEST_BODY => return Err(too_long()),
            Ok(_) => {}
            Err(error) if raw.is_empty() => return Err(error.to_string()),
            // A server that closes with unread input resets the connection after its response.
            Err(_) => return parse(&raw, true)?.ok_or_else(|| "the response is cut off".into()),
        }
    }
}

/// Reads what has come of an HTTP response: its status and its body; `None` while more is needed. Without a stated length
/// the body goes to the end, which is there when the connection has `ended`.
pub fn parse(raw: &[u8], ended: bool) -> Result<Option<(u16, Vec<u8>)>, String> {
    let Some(head_end) = raw.windows(4).position(|window| window == b"\r\n\r\n") else {
        if raw.len() > LARGEST_HEAD {
            return Err("the response has an endless head".into());
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&raw[..head_end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
    let code = status.and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let code = code.ok_or("the response is not HTTP")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse::<usize>().map_err(|_| "the length is not a number"))
        .transpose()?;
    let body = &raw[head_end + 4..];
    match length {
        Some(length) if length > LARGEST_BODY => Err(too_long()),
        Some(length) if body.len() >= length => Ok(Some((code, body[..length].to_vec()))),
        None if ended => Ok(Some((code, body.to_vec()))),
        _ => Ok(None),
    }
}

fn too_long() -> String {
    format!("the response is longer than {} KiB", LARGEST_BODY / 1024)
}

/// What was seen may be in the words of whoever answered.
fn http_error(step: Step, what: String) -> SignalingError {
    SignalingError::Http { step, what: clean(&what, WORDS) }
}

fn join(first: &str, second: &str) -> String {
    match first {
        "" => second.into(),
        first => format!("{first}; and as HTTP/1.0: {second}"),
    }
}

/// reqwest's own message hides the cause in `source`.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Serves one connection after the other: reads the request to its end, writes what is given, closes.
    async fn serve(responses: Vec<Vec<u8>>) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut requests = Vec::new();
            for response in responses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"BODY")
                    && stream.read_buf(&mut request).await.unwrap() > 0
                {}
                let _ = stream.write_all(&response).await;
                requests.push(String::from_utf8(request).unwrap());
            }
            requests
        });
        (address, server)
    }

    async fn post_to(responses: Vec<Vec<u8>>) -> (Result<Vec<u8>, SignalingError>, Vec<String>) {
        let (address, server) = serve(responses).await;
        let http = Http::new(Duration::from_secs(2)).unwrap();
        let post =
            Post { step: Step::Offer, path: "/x", content_type: Some("text/x"), body: "BODY" };
        let result = http.post(address, post).await;
        server.abort();
        (result, server.await.unwrap_or_default())
    }

    #[tokio::test]
    async fn reads_minimal_responses() {
        for response in [
            "HTTP/1.0 200 OK\r\n\r\nanswer",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer",
            "HTTP/1.0 200\r\ncontent-length:6\r\nConnection: close\r\n\r\nanswer",
        ] {
            let (result, _) = post_to(vec![response.into()]).await;
            assert_eq!(result.unwrap(), b"answer", "{response}");
        }
    }

    #[tokio::test]
    async fn headers_go_out_in_title_case_with_a_length() {
        let (address, server) = serve(vec![b"HTTP/1.0 200 OK\r\n\r\n".to_vec()]).await;
        let http = Http::new(Duration::from_secs(2)).unwrap();
        let post =
            Post { step: Step::Offer, path: "/x", content_type: Some("text/x"), body: "BODY" };
        http.post(address, post).await.unwrap();
        let request = server.await.unwrap().remove(0);
        assert!(request.starts_with("POST /x HTTP/1.1\r\n"), "{request}");
        for line in ["Content-Length: 4\r\n", "Content-Type: text/x\r\n", "Connection: close\r\n"] {
            assert!(request.contains(line), "{request}");
        }
    }

    #[tokio::test]
    async fn falls_back_to_a_plain_socket() {
        // hyper refuses a response that starts with an empty line or has two lengths; a lenient reader need not.
        let odd =
            b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\nanswer".to_vec();
        let (result, _) = post_to(vec![odd.clone(), odd]).await;
        assert_eq!(result.unwrap(), b"answer");
    }

    #[tokio::test]
    async fn statuses_have_errors_of_their_own() {
        let result = |code: u16| async move {
            post_to(vec![format!("HTTP/1.0 {code} X\r\n\r\n").into()]).await.0.unwrap_err()
        };
        assert_eq!(result(403).await, SignalingError::Refused(Step::Offer));
        assert_eq!(result(429).await, SignalingError::Throttled);
        assert_eq!(result(504).await, SignalingError::Transition);
        assert_eq!(result(404).await, SignalingError::Status { step: Step::Offer, code: 404 });
        assert_eq!(result(302).await, SignalingError::Status { step: Step::Offer, code: 302 });
    }

    #[tokio::test]
    async fn endless_responses_are_cut() {
        let mut long = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
        long.resize(2 * LARGEST_BODY, b'A');
        let (result, _) = post_to(vec![long]).await;
        assert!(result.unwrap_err().to_string().contains("longer than 256 KiB"));
    }

    #[tokio::test]
    async fn silence_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = Http::new(Duration::from_millis(50)).unwrap();
        let post = Post { step: Step::Notify, path: "/x", content_type: None, body: "" };
        let error = http.post(listener.local_addr().unwrap(), post).await.unwrap_err();
        assert!(error.to_string().contains("no response in time"), "{error}");
    }
}
