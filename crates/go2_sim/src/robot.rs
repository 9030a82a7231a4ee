//! A whole simulated robot: its signaling server, its one slot, its body.

mod notice; // the body of con_notify
mod signaling; // requests for the key, offers

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use go2_proto::state::Fault;
use go2_server::{Channel, Peer};
use rsa::rand_core::{OsRng, RngCore};
use rsa::RsaPrivateKey;
use serde_json::{json, Value};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::body::Body;
use crate::camera::{StoredStream, StreamError};
use crate::client::Client;
use crate::discovery::{self, Identity};
use crate::hardware::Hardware;
use crate::log::Log;
use crate::mishap::{self, Garbage, Mishap, Mishaps, Script, ScriptError, Span};
use crate::network::{Impairment, Network};
use crate::options::{Generation, Options};
use crate::world::{World, WorldError};

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
    /// The camera's stream cannot be used.
    #[error("the video {0} cannot be sent: {1}")]
    Stream(String, StreamError),
    /// The script of mishaps cannot be used.
    #[error("the mishaps {0} cannot be used: {1}")]
    Script(String, ScriptError),
    /// The port is taken, or the log cannot be written.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
}

/// A running robot. Stops when dropped.
pub struct Robot {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    address: SocketAddr,
    control_address: Option<SocketAddr>,
    server: JoinHandle<()>,
}

struct Shared {
    options: Options,
    log: Log,
    hardware: Hardware,
    network: Network,
    mishaps: Mishaps,
    /// How often the robot's end has vanished.
    crashes: watch::Sender<u32>,
    /// When the last session ended.
    last_end: Mutex<Option<Instant>>,
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
        let stored = options.video.file.as_deref().map(|path| {
            StoredStream::load(path)
                .map_err(|error| StartError::Stream(path.display().to_string(), error))
        });
        let stored = stored.transpose()?;
        let script = match &options.mishaps {
            Some(path) => Script::load(path)
                .map_err(|error| StartError::Script(path.display().to_string(), error))?,
            None => Script::default(),
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
        let (listener, address) = bind(wanted).await?;
        let seekers = options.discovery_port.map(discovery::join).transpose();
        let seekers = seekers.map_err(|error| StartError::Io("discovery".to_owned(), error))?;
        let control = match options.control_port {
            Some(port) => Some(bind(SocketAddr::new(options.bind, port)).await?),
            None => None,
        };
        let mishaps = Mishaps::default();
        if options.garble {
            mishaps.begin(Mishap::Garble(Garbage::All), Span::Open);
        }
        let hardware = Hardware::new(&options, world, stored, log.clone(), mishaps.clone())
            .ok_or(StartError::Walled)?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            hardware,
            network: Network::new(&options.network),
            log,
            mishaps,
            crashes: watch::Sender::new(0),
            last_end: Mutex::default(),
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
        let serve = Arc::clone(&shared).serve(listener, address);
        let answer = async move {
            if let Some(socket) = seekers {
                discovery::answer(socket, identity).await;
            }
            std::future::pending::<()>().await; // the robot is there without it, too
        };
        let (mishaps, network) = (shared.mishaps.clone(), shared.network.clone());
        let hardware = shared.hardware.clone();
        let control_address = control.as_ref().map(|(_, address)| *address);
        let go_wrong = async move {
            let obey = async {
                if let Some((listener, _)) = control {
                    mishap::serve_control(listener, mishaps.clone()).await;
                }
            };
            tokio::join!(
                script.play(&mishaps),
                obey,
                mishaps.keep(&network),
                hardware.obey_remote()
            );
        };
        let server = tokio::spawn(async move {
            tokio::select! {
                () = serve => {}
                () = answer => {}
                () = go_wrong => {}
            }
        });
        Ok(Self { shared, stop, address, control_address, server })
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

    /// What goes wrong with it.
    pub fn mishaps(&self) -> Mishaps {
        self.shared.mishaps.clone()
    }

    /// Where it takes orders for mishaps.
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control_address
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

async fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Io(wanted.to_string(), error);
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
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
    /// Serves until the robot stops: after each crash and blackout again.
    async fn serve(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut stop = self.stop.clone();
        let serve = async {
            let (mut listener, mut exchanges) = (listener, JoinSet::new());
            loop {
                self.accept(listener, &mut exchanges).await;
                if self.mishaps.find(|mishap| (*mishap == Mishap::Crash).then_some(())).is_some() {
                    exchanges.shutdown().await;
                    self.crash().await;
                    self.mishaps.until_over(&Mishap::Crash).await;
                } else {
                    self.network.light().await;
                }
                match bind(address).await {
                    Ok((again, _)) => listener = again,
                    Err(error) => return self.log.add("error", json!({"what": error.to_string()})),
                }
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = serve => {}
        }
    }

    /// Takes exchanges until the robot's end vanishes, or is out of reach: nobody can connect then.
    async fn accept(self: &Arc<Self>, listener: TcpListener, exchanges: &mut JoinSet<()>) {
        loop {
            tokio::select! {
                biased;
                () = self.mishaps.until(&Mishap::Crash) => return,
                () = self.network.dark() => return,
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    exchanges.spawn(Arc::clone(self).exchange(stream));
                },
                Some(_) = exchanges.join_next() => {}
            }
        }
    }

    /// All that belongs to the session vanishes; not even its goodbye gets out.
    async fn crash(&self) {
        let dark = Impairment { blackout: true, ..self.network.get() };
        self.network.set(dark);
        self.crashes.send_modify(|crashes| *crashes += 1);
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        for session in sessions {
            let _ = session.await;
        }
        self.mishaps.feels(&Mishap::Crash);
    }

    async fn session(self: Arc<Self>, peer: Peer, slot: tokio::sync::OwnedMutexGuard<()>) {
        let start = Instant::now();
        let mut ending = Ending { stop: self.stop.clone(), crashes: self.crashes.subscribe() };
        let reason = match peer.connect(ending.reason()).await {
            Ok(channel) => self.serve_client(channel, &mut ending).await.to_owned(),
            Err(error) => error.to_string(),
        };
        *lock(&self.last_end) = Some(Instant::now());
        // Who waits for the log must find what follows from it.
        drop(slot);
        let after = start.elapsed().as_secs_f64();
        self.log.add("closed", json!({"after_s": after, "reason": reason}));
    }

    async fn serve_client(&self, channel: Channel, ending: &mut Ending) -> &'static str {
        let client: Value = channel.client().map(|address| address.to_string()).into();
        self.log.add("channel", json!({"client": client}));
        let faults = self.faults.subscribe();
        Client::new(&self.options, &self.hardware, &self.log, channel, faults).run(ending).await
    }
}

/// How the robot's end of a session ends by itself.
pub(crate) struct Ending {
    stop: watch::Receiver<bool>,
    crashes: watch::Receiver<u32>,
}

impl Ending {
    /// Waits for it; says why. Cancelling loses nothing.
    pub(crate) async fn reason(&mut self) -> &'static str {
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => "the robot stopped",
            _ = self.crashes.changed() => "the robot crashed",
        }
    }
}

/// How long a test may wait for what should happen soon.
pub const SOON: Duration = Duration::from_secs(10);
