//! A whole simulated robot: its signaling server, its one slot, its body.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use go2_link::signaling::crypto::{base64_encode, gcm_seal, DeviceKey, SessionKey};
use go2_link::signaling::offer::{Answer, Offer as OfferObject};
use go2_link::state::Fault;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::{OsRng, RngCore};
use rsa::RsaPrivateKey;
use serde_json::{json, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::body::Body;
use crate::client::{Client, Disorder};
use crate::discovery::{self, Identity};
use crate::hardware::Hardware;
use crate::http::{self, Request, Response};
use crate::log::Log;
use crate::network::Network;
use crate::options::{Generation, Options};
use crate::peer::{Channel, Peer};
use crate::sdp;
use crate::world::{World, WorldError};

/// A step of the signaling that a test can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The request for the key.
    Notify,
    /// The offer.
    Offer,
}

/// How a step fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// An HTTP status.
    Status(u16),
    /// A 200 with this body.
    Body(Vec<u8>),
    /// The answer's SDP is this instead.
    Sdp(String),
    /// The connection is closed without a response.
    Hangup,
}

/// Why a robot cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The simulated robot stays on loopback addresses.
    #[error("{0} is not a loopback address; a simulated robot stays on 127.0.0.0/8")]
    NotLoopback(std::net::IpAddr),
    /// Generation 3 without a key.
    #[error("generation 3 needs --key or --static-under-3")]
    KeyMissing,
    /// The map cannot be used.
    #[error("the map {0} cannot be used: {1}")]
    Map(String, WorldError),
    /// The map has a wall where the robot starts.
    #[error("the map has a wall at (0, 0), where the robot starts; move the map's origin")]
    Walled,
    /// The port is taken, or the log cannot be written.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
}

/// A running robot. Stops when dropped.
pub struct Robot {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Shared {
    options: Options,
    log: Log,
    hardware: Hardware,
    network: Network,
    failures: Mutex<VecDeque<(Step, Failure)>>,
    disorder: watch::Sender<Disorder>,
    faults: watch::Sender<Vec<Fault>>,
    /// Held by the client in session.
    slot: Arc<tokio::sync::Mutex<()>>,
    /// The five digits of `con_ing`, as they follow from the notice.
    digits: [u8; 5],
    stop: watch::Receiver<bool>,
    sessions: Mutex<Vec<JoinHandle<()>>>,
}

impl Robot {
    /// Starts a robot and waits until it listens.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.bind.is_loopback() {
            return Err(StartError::NotLoopback(options.bind));
        }
        let three = options.generation == Generation::Three;
        if three && options.key.is_none() && !options.static_under_3 {
            return Err(StartError::KeyMissing);
        }
        let world = match &options.map {
            Some(path) => World::load(path)
                .map_err(|error| StartError::Map(path.display().to_string(), error))?,
            None => World::house(),
        };
        let log = match &options.log {
            Some(path) => Log::to_file(path)
                .map_err(|error| StartError::Io(path.display().to_string(), error))?,
            None => Log::default(),
        };
        let port = match options.generation {
            Generation::Plain => options.plain_port,
            _ => options.encrypted_port,
        };
        let wanted = SocketAddr::new(options.bind, port);
        let bound = TcpListener::bind(wanted).await;
        let listener = bound.map_err(|error| StartError::Io(wanted.to_string(), error))?;
        let address =
            listener.local_addr().map_err(|error| StartError::Io(wanted.to_string(), error))?;
        let seekers = options.discovery_port.map(discovery::join).transpose();
        let seekers = seekers.map_err(|error| StartError::Io("discovery".to_owned(), error))?;
        let hardware = Hardware::new(&options, world, log.clone()).ok_or(StartError::Walled)?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            hardware,
            network: Network::new(&options.network),
            log,
            failures: Mutex::default(),
            disorder: watch::Sender::new(Disorder {
                garble: options.garble,
                ..Disorder::default()
            }),
            faults: watch::Sender::new(options.faults.clone()),
            slot: Arc::default(),
            digits: std::array::from_fn(|_| (OsRng.next_u32() % 10) as u8),
            stop: stopped,
            sessions: Mutex::default(),
            options,
        });
        // Made before the first client waits for it.
        let _ = tokio::task::spawn_blocking(rsa_key).await;
        let identity = Identity {
            serial_number: shared.options.serial_number.clone(),
            address: shared.options.bind,
        };
        let serve = Arc::clone(&shared).serve(listener);
        let answer = async move {
            if let Some(socket) = seekers {
                discovery::answer(socket, identity).await;
            }
            std::future::pending::<()>().await; // the robot is there without it, too
        };
        let server = tokio::spawn(async move {
            tokio::select! {
                () = serve => {}
                () = answer => {}
            }
        });
        Ok(Self { shared, stop, address, server })
    }

    /// Where its signaling listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it saw and did.
    pub fn log(&self) -> Log {
        self.shared.log.clone()
    }

    /// Its body.
    pub fn body(&self) -> Arc<Mutex<Body>> {
        Arc::clone(&self.shared.hardware.body)
    }

    /// The world around it.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.shared.hardware.world)
    }

    /// The network to its client.
    pub fn network(&self) -> Network {
        self.shared.network.clone()
    }

    /// Has the next exchange of a step fail; several are taken in order.
    pub fn fail_next(&self, step: Step, failure: Failure) {
        lock(&self.shared.failures).push_back((step, failure));
    }

    /// Changes how it behaves in session.
    pub fn set_disorder(&self, disorder: Disorder) {
        self.shared.disorder.send_replace(disorder);
    }

    /// Changes which faults it reports; the client in session is told of each change.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.shared.faults.send_replace(faults);
    }

    /// Says goodbye to the client and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.server.await;
        let sessions = std::mem::take(&mut *lock(&self.shared.sessions));
        for session in sessions {
            let _ = session.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One key serves all robots of a process: making one takes long.
fn rsa_key() -> Option<&'static RsaPrivateKey> {
    static KEY: OnceLock<Option<RsaPrivateKey>> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::new(&mut OsRng, 2048).ok()).as_ref()
}

impl Shared {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    tokio::spawn(Arc::clone(&self).exchange(stream));
                },
            }
        }
    }

    async fn exchange(self: Arc<Self>, mut stream: TcpStream) {
        if !self.network.admits(&stream).await {
            return;
        }
        let Some(request) = http::read(&mut stream).await else { return };
        let response = self.respond(&request).await;
        let status = response.as_ref().map(|response| response.status);
        self.log.add("http", json!({"path": request.path, "status": status}));
        if let Some(response) = response {
            self.network.light().await;
            http::respond(stream, response).await;
        }
    }

    async fn respond(self: &Arc<Self>, request: &Request) -> Option<Response> {
        let digits: String = self.digits.iter().map(|digit| (b'0' + digit) as char).collect();
        let offer_path = match self.options.generation {
            Generation::Plain => "/offer".to_owned(),
            _ => format!("/con_ing_{digits}"),
        };
        if request.path == "/con_notify" && self.options.generation != Generation::Plain {
            match self.failure(Step::Notify) {
                Some(failure) => self.fail(failure, |_| Response::status(500)),
                None => Some(self.notice().map_or(Response::status(500), Response::ok)),
            }
        } else if request.path == offer_path {
            self.offer(&request.body).await
        } else {
            Some(Response::status(404))
        }
    }

    fn failure(&self, step: Step) -> Option<Failure> {
        let mut failures = lock(&self.failures);
        let position = failures.iter().position(|(at, _)| *at == step)?;
        failures.remove(position).map(|(_, failure)| failure)
    }

    fn fail(&self, failure: Failure, seal: impl FnOnce(&str) -> Response) -> Option<Response> {
        match failure {
            Failure::Status(status) => Some(Response::status(status)),
            Failure::Body(body) => Some(Response::ok(body)),
            Failure::Sdp(sdp) => Some(seal(&sdp)),
            Failure::Hangup => None,
        }
    }

    /// The body of `con_notify`.
    fn notice(&self) -> Option<String> {
        let der = rsa_key()?.to_public_key().to_public_key_der().ok()?;
        let letters: String =
            self.digits.iter().flat_map(|digit| ['x', (b'A' + digit) as char]).collect();
        let plain = format!("ABCDEFGHIJ{}{letters}", base64_encode(der.as_bytes()));
        let seal = |key: &DeviceKey| {
            let mut nonce = [0; 12];
            OsRng.fill_bytes(&mut nonce);
            base64_encode(&gcm_seal(key, &nonce, plain.as_bytes()))
        };
        let notice = match (self.options.generation, &self.options.key) {
            (Generation::Plain | Generation::Absent, _) => json!({"data1": plain}),
            (Generation::One, _) => json!({"data1": plain, "data2": 1}),
            (Generation::Two, _) => json!({"data1": seal(&DeviceKey::STATIC), "data2": 2}),
            (Generation::Three, Some(key)) if !self.options.static_under_3 => {
                json!({"data1": seal(key), "data2": 3})
            }
            (Generation::Three, _) => json!({"data1": seal(&DeviceKey::STATIC), "data2": 3}),
        };
        Some(base64_encode(notice.to_string().as_bytes()))
    }

    /// Takes an offer, encrypted or not.
    async fn offer(self: &Arc<Self>, body: &[u8]) -> Option<Response> {
        let (json, key) = match self.options.generation {
            Generation::Plain => (body.to_vec(), None),
            _ => match open(body) {
                Some((json, key)) => (json, Some(key)),
                None => return Some(Response::status(400)),
            },
        };
        let seal = |sdp: &str| {
            let answer = Answer { sdp: sdp.to_owned(), kind: "answer".to_owned() };
            let json = serde_json::to_string(&answer).unwrap_or_default();
            Response::ok(match &key {
                Some(key) => key.encrypt(json.as_bytes()),
                None => json,
            })
        };
        if let Some(failure) = self.failure(Step::Offer) {
            return self.fail(failure, seal);
        }
        let Ok(offer) = serde_json::from_slice::<OfferObject>(&json) else {
            return Some(Response::status(400));
        };
        self.log.add("offer", json!({"id": offer.id, "sdp": offer.sdp}));
        let Ok(slot) = Arc::clone(&self.slot).try_lock_owned() else {
            self.log.add("busy", json!({}));
            return Some(seal(Answer::REJECT));
        };
        let Some(facts) = sdp::Offer::read(&offer.sdp).filter(sdp::Offer::has_data) else {
            return Some(seal(""));
        };
        match Peer::new(&self.options, &self.network, facts).await {
            Ok(peer) => {
                let answer = seal(&peer.answer());
                let session = tokio::spawn(Arc::clone(self).session(peer, slot));
                let mut sessions = lock(&self.sessions);
                sessions.retain(|session| !session.is_finished());
                sessions.push(session);
                Some(answer)
            }
            Err(error) => {
                self.log.add("error", json!({"what": error.to_string()}));
                Some(Response::status(500))
            }
        }
    }

    async fn session(self: Arc<Self>, peer: Peer, slot: tokio::sync::OwnedMutexGuard<()>) {
        let start = Instant::now();
        let mut stop = self.stop.clone();
        let connected = tokio::select! {
            connected = peer.connect() => connected,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let reason = match connected {
            Ok(channel) => self.serve_client(channel, &mut stop).await.to_owned(),
            Err(error) => error.to_string(),
        };
        // The log comes first: who waits for it must find what follows from it.
        drop(slot);
        let after = start.elapsed().as_secs_f64();
        self.log.add("closed", json!({"after_s": after, "reason": reason}));
    }

    async fn serve_client(
        &self,
        channel: Channel,
        stop: &mut watch::Receiver<bool>,
    ) -> &'static str {
        let client: Value = channel.client().map(|address| address.to_string()).into();
        self.log.add("channel", json!({"client": client}));
        let hardware = &self.hardware;
        let (disorder, faults) = (self.disorder.subscribe(), self.faults.subscribe());
        Client::new(&self.options, hardware, &self.log, channel, disorder, faults).run(stop).await
    }
}

fn open(body: &[u8]) -> Option<(Vec<u8>, SessionKey)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let key = SessionKey::unwrap(rsa_key()?, body["data2"].as_str()?.as_bytes()).ok()?;
    let json = key.decrypt(body["data1"].as_str()?.as_bytes()).ok()?;
    Some((json, key))
}

/// How long a test may wait for what should happen soon.
pub const SOON: Duration = Duration::from_secs(10);
