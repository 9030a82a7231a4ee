//! The HTTP server: bounded in connections, bytes and time.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{header, HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::access::{Access, Rights, ShortToken};
use crate::console;
use crate::direct::Direct;
use crate::door::{Door, Entry, Full};
use crate::guesses::Guesses;
use crate::offer::{Offer, LONGEST};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// For the head of a request, and between two requests.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// For the body of a request.
const BODY_LIMIT: Duration = Duration::from_secs(5);
/// For a whole request, its answer included.
const LIMIT: Duration = Duration::from_secs(15);
/// For a connection, however many requests come by it; whoever takes no answer is gone then.
const LIFE: Duration = Duration::from_secs(60);
/// Bytes of a request that are held before they are looked at.
const BUFFER: usize = 16 * 1024;
/// What is read of a body that is too long, so that its sender hears of it.
const DRAINED: u64 = 32 * 1024 * 1024;
/// Connections beyond the limit that are told so at a time; others are closed without a word.
const MOST_TURNED_AWAY: usize = 32;
/// For a connection that is told so.
const TURNED_AWAY_LIMIT: Duration = Duration::from_secs(2);

/// Who answers offers.
pub enum Place {
    /// The robot.
    Direct(Direct),
    /// The gateway, for a robot whose session is shared.
    Shared(Shared),
}

impl Place {
    fn robot(&self) -> String {
        match self {
            Self::Direct(direct) => direct.robot(),
            Self::Shared(shared) => shared.robot().to_owned(),
        }
    }

    fn mode(&self) -> &'static str {
        match self {
            Self::Direct(_) => "direct",
            Self::Shared(_) => "shared",
        }
    }
}

/// What all requests share.
struct Desk {
    access: Access,
    place: Place,
    guesses: Mutex<Guesses>,
}

/// The ends of a client's connection.
#[derive(Clone, Copy)]
struct Ends {
    /// The address of this computer that it has connected to.
    local: IpAddr,
    client: IpAddr,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error(transparent)]
    Bind(#[from] std::io::Error),
    /// Other computers could guess a token.
    #[error(transparent)]
    Token(#[from] ShortToken),
}

impl Desk {
    /// Has the answer to a wrong token wait, and tells the log of it.
    async fn wrong_token(&self, token: &str, client: IpAddr) {
        if token.is_empty() {
            return; // a page that was opened without one: nothing can be learned by that
        }
        let wrong = {
            let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
            guesses.wrong(client, Instant::now())
        };
        if let Some(more) = wrong.log {
            let count = wrong.count;
            tracing::warn!("a wrong token for the gateway from {client}, {count} so far{more}");
        }
        tokio::time::sleep(wrong.wait).await;
    }
}

/// A running gateway. Ends when dropped.
pub struct Gateway {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinSet<()>,
}

impl Gateway {
    /// Listens.
    ///
    /// # Errors
    /// [`StartError`] where the address cannot be had, or where other computers reach it and a token is short.
    pub async fn start(bind: SocketAddr, access: Access, place: Place) -> Result<Self, StartError> {
        access.suits(bind.ip())?;
        let listener = TcpListener::bind(bind).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk { access, place, guesses: Mutex::default() });
        let router = router(Arc::clone(&desk));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, router));
        Ok(Self { address, desk, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and ends those that are under way.
    pub async fn close(mut self) {
        self.server.shutdown().await;
        if let Place::Shared(shared) = &self.desk.place {
            shared.close().await;
        }
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let door = Arc::new(Door::default());
    let mut connections = JoinSet::new();
    let mut turned_away = JoinSet::new();
    loop {
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break accepted,
                Some(_) = connections.join_next() => {}
                Some(_) = turned_away.join_next() => {}
            }
        };
        match accepted {
            Ok((stream, client)) => match door.enter(client.ip()) {
                Ok(entry) => {
                    connections.spawn(converse(stream, client.ip(), router.clone(), entry));
                }
                Err(full) if turned_away.len() < MOST_TURNED_AWAY => {
                    turned_away
                        .spawn(tokio::time::timeout(TURNED_AWAY_LIMIT, turn_away(stream, full)));
                }
                Err(_) => {}
            },
            // As when descriptors run out: it passes, and must not be asked for without pause.
            Err(error) => {
                tracing::warn!("the gateway cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Says that there are too many connections.
async fn turn_away(mut stream: TcpStream, full: Full) {
    let whose = if full == Full::Address { "of one address" } else { "in all" };
    let words = format!("the gateway serves {} connections {whose}: try again", full.most());
    let body = json!({"error": words}).to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n{body}"
    );
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    // A connection that is closed before its request was read is reset, and the answer with it (RFC 9112, section 9.6).
    let mut request = vec![0; BUFFER];
    while stream.read(&mut request).await.is_ok_and(|length| length > 0) {}
}

async fn converse(stream: TcpStream, client: IpAddr, router: Router, _entry: Entry) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let ends = Ends { local: local.ip().to_canonical(), client: client.to_canonical() };
    let service = TowerToHyperService::new(router.layer(Extension(ends)));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = tokio::time::sleep(LIFE) => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(LIMIT, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection to the gateway has ended: {error}");
    }
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(|| async { console::file("") }))
        .route("/about", get(about))
        .route("/offer", post(offer).options(|| async { StatusCode::NO_CONTENT }))
        .route("/{file}", get(|Path(name): Path<String>| async move { console::file(&name) }))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), admit))
        .with_state(desk)
}

/// What is true of every request: who may ask at all, for how long, and what a foreign page may read of the answer.
async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let origin = text(headers, &header::ORIGIN).map(str::to_owned);
    if let Err(foreign) = desk.access.check(origin.as_deref(), text(headers, &header::HOST)) {
        return Refusal::Foreign(foreign).into_response();
    }
    let preflight = *request.method() == Method::OPTIONS;
    let mut response = match tokio::time::timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::TimedOut(LIMIT).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(&origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if preflight {
            let methods = HeaderValue::from_static("GET, POST, OPTIONS");
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            let kinds = HeaderValue::from_static("Content-Type");
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, kinds);
        }
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn json(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn about(State(desk): State<Arc<Desk>>) -> Response {
    let viewing = if desk.access.is_open() { "anyone" } else { "token" };
    json(&json!({"mode": desk.place.mode(), "robot": desk.place.robot(), "viewing": viewing}))
}

async fn offer(
    State(desk): State<Arc<Desk>>,
    Extension(ends): Extension<Ends>,
    body: Body,
) -> Result<Response, Refusal> {
    let body = tokio::time::timeout(BODY_LIMIT, take(body)).await;
    let offer = Offer::read(&body.map_err(|_| Refusal::Slow(BODY_LIMIT))??)?;
    let Some(rights) = desk.access.rights(&offer.token) else {
        desk.wrong_token(&offer.token, ends.client).await;
        return Err(Refusal::Token);
    };
    let allowed = desk.place.robot();
    if offer.ip != allowed {
        return Err(Refusal::Elsewhere { asked: offer.ip.chars().take(64).collect(), allowed });
    }
    let sdp = match &desk.place {
        // The robot knows no viewers that may not drive.
        Place::Direct(_) if rights != Rights::Control => return Err(Refusal::Control),
        Place::Direct(direct) => direct.answer(&offer.sdp).await?,
        Place::Shared(shared) => shared.answer(&offer.sdp, rights, ends.local, ends.client).await?,
    };
    Ok(json(&json!({"sdp": sdp, "type": "answer"})))
}

/// A body, if it is no longer than an offer may be. Of one that is, the rest is read and thrown away.
async fn take(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let mut taken = Vec::new();
    let mut length = 0;
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        let frame = match frame {
            None if length > LONGEST as u64 => return Err(Refusal::TooLong(LONGEST)),
            None => return Ok(taken),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Err(Refusal::Malformed(error.to_string())),
        };
        let Some(data) = frame.data_ref() else { continue };
        length += data.len() as u64;
        if length <= LONGEST as u64 {
            taken.extend_from_slice(data);
        } else if length > DRAINED {
            return Err(Refusal::TooLong(LONGEST));
        }
    }
}
