//! The HTTP server: bounded in connections, bytes and time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::access::{Access, Rights};
use crate::console;
use crate::direct::Direct;
use crate::offer::{Offer, LONGEST};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// Connections at a time; a browser opens six. More wait in the system's queue.
const CONNECTIONS: usize = 64;
/// For the head of a request, and between two requests.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// For a whole request, its answer included.
const LIMIT: Duration = Duration::from_secs(15);
/// What is read of a body that is too long, so that its sender hears of it.
const DRAINED: u64 = 32 * 1024 * 1024;

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
}

/// The address of this computer that a client has connected to.
#[derive(Clone, Copy)]
struct Local(IpAddr);

/// A running gateway. Ends when dropped.
pub struct Gateway {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinSet<()>,
}

impl Gateway {
    /// Listens; an error says that the address cannot be had.
    pub async fn start(bind: SocketAddr, access: Access, place: Place) -> std::io::Result<Self> {
        let listener = TcpListener::bind(bind).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk { access, place });
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
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break accepted,
                Some(_) = connections.join_next() => {}
            }
        };
        match accepted {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    converse(stream, router).await;
                    drop(place);
                });
            }
            // As when descriptors run out: it passes, and must not be asked for without pause.
            Err(error) => {
                tracing::warn!("the gateway cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let service =
        TowerToHyperService::new(router.layer(Extension(Local(local.ip().to_canonical()))));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
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
    Extension(Local(local)): Extension<Local>,
    body: Body,
) -> Result<Response, Refusal> {
    let offer = Offer::read(&take(body).await?)?;
    let rights = desk.access.rights(&offer.token).ok_or(Refusal::Token)?;
    let allowed = desk.place.robot();
    if offer.ip != allowed {
        return Err(Refusal::Elsewhere { asked: offer.ip.chars().take(64).collect(), allowed });
    }
    let sdp = match &desk.place {
        // The robot knows no viewers that may not drive.
        Place::Direct(_) if rights != Rights::Control => return Err(Refusal::Control),
        Place::Direct(direct) => direct.answer(&offer.sdp).await?,
        Place::Shared(shared) => shared.answer(&offer.sdp, rights, local).await?,
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
