//! The gateway: browsers that share the node's session, and what their viewers may do with the robot.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use go2_gateway::{
    Access, Gateway, Later, Pilot, Place, Shared, ShortToken, StartError, Stop, Viewing,
};
use go2_proto::codec::{Request, Response};
use go2_proto::motion::Velocity;
use tokio::sync::watch;

use crate::motion::Stopper;
use crate::params::{SecretError, Settings};
use crate::services::Robot;

/// What viewers do with the robot. The newest replaces those before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Helm {
    /// Whether a viewer drives, and `cmd_vel` does not count.
    pub(crate) taken: bool,
    /// Where that viewer is.
    pub(crate) driver: Option<IpAddr>,
    /// What it wants.
    pub(crate) velocity: Velocity,
    /// How often anything was wanted.
    pub(crate) commands: u64,
    /// How many viewers there are.
    pub(crate) viewers: usize,
}

/// What has become of a viewer's latest velocity.
#[derive(Debug, Clone)]
pub(crate) struct Heeded {
    /// The count of [`Helm::commands`] with it.
    pub(crate) commands: u64,
    /// In words why it was ignored.
    pub(crate) outcome: Result<(), String>,
}

/// The viewers' end of the steering.
pub(crate) struct Wheel {
    helm: watch::Sender<Helm>,
    heeded: watch::Receiver<Heeded>,
}

/// Its other end, where it is carried out.
pub(crate) struct Steering {
    pub(crate) helm: watch::Receiver<Helm>,
    pub(crate) heeded: watch::Sender<Heeded>,
}

/// From viewers to whoever moves the robot.
pub(crate) fn steering() -> (Wheel, Steering) {
    let (helm, steered) = watch::channel(Helm::default());
    let (carried_out, heeded) = watch::channel(Heeded { commands: 0, outcome: Ok(()) });
    (Wheel { helm, heeded }, Steering { helm: steered, heeded: carried_out })
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error(
        "gateway_address: \"{0}\" is not an address and a port, such as 127.0.0.1:8081, or 0.0.0.0:8081 for all interfaces"
    )]
    Address(String),
    #[error(
        "gateway_address: cannot listen on {0}: {1}. Is another gateway running, or the address not this computer's?"
    )]
    Bind(SocketAddr, std::io::Error),
    #[error("gateway_token, gateway_view_token: {0}")]
    Token(#[from] ShortToken),
    #[error("{0}")]
    Secret(#[from] SecretError),
}

/// Where browsers connect to, if there is a gateway.
fn address(settings: &Settings) -> Result<Option<SocketAddr>, GatewayError> {
    let parse = |text: &String| text.parse().map_err(|_| GatewayError::Address(text.clone()));
    settings.gateway.as_ref().map(parse).transpose()
}

/// Whether it can be started as the settings want it, as far as can be told before.
pub(crate) fn check(settings: &Settings) -> Result<(), GatewayError> {
    if let Some(address) = address(settings)? {
        access(settings)?.suits(address.ip())?;
    }
    Ok(())
}

/// Who may do what.
fn access(settings: &Settings) -> Result<Access, GatewayError> {
    let secrets = settings.secrets.clone()?;
    let viewing = if settings.gateway_is_open {
        Viewing::Anyone
    } else if secrets.gateway_view.is_empty() {
        Viewing::Nobody
    } else {
        Viewing::Token(secrets.gateway_view)
    };
    Ok(Access::new(secrets.gateway, viewing, settings.gateway_origins.clone()))
}

/// Starts it, where the settings want one.
pub(crate) async fn start(
    settings: &Settings,
    robot: &Robot,
    wheel: Wheel,
) -> Result<Option<Gateway>, GatewayError> {
    let Some(address) = address(settings)? else { return Ok(None) };
    let made_up = settings.secrets.clone()?.gateway.is_empty();
    let access = access(settings)?;
    let token = access.control().clone();
    let pilot = Deck { robot: robot.clone(), wheel };
    let shared = Shared::new(robot.link.clone(), settings.place(), pilot);
    let started = Gateway::start(address, access, Place::Shared(shared)).await;
    let gateway = started.map_err(|error| match error {
        StartError::Bind(error) => GatewayError::Bind(address, error),
        StartError::Token(short) => GatewayError::Token(short),
    })?;
    let address = gateway.address();
    let port = address.port();
    let host = match address.ip() {
        ip if ip.is_unspecified() => "<this computer's address>".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    // On the terminal and nowhere else: log files and /rosout are read by others.
    if made_up {
        tell(&format!("the console: http://{host}:{port}/#token={}", token.text()));
    }
    tracing::info!("the gateway serves the console at http://{host}:{port}/");
    Ok(Some(gateway))
}

fn tell(text: &str) {
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "go2_bridge: {text}");
}

/// The node, as viewers drive it.
struct Deck {
    robot: Robot,
    wheel: Wheel,
}

impl Pilot for Deck {
    fn drive(&self, velocity: Velocity) -> Later<Result<(), String>> {
        let mut this = 0;
        self.wheel.helm.send_modify(|helm| {
            helm.velocity = velocity;
            helm.commands += 1;
            this = helm.commands;
        });
        let mut heeded = self.wheel.heeded.clone();
        Box::pin(async move {
            // A newer one has replaced it where its own outcome is gone.
            match heeded.wait_for(|heeded| heeded.commands >= this).await {
                Ok(heeded) => heeded.outcome.clone(),
                Err(_) => Err("the node is shutting down".to_owned()),
            }
        })
    }

    fn hand_over(&self, to_viewer: Option<IpAddr>) {
        self.wheel.helm.send_modify(|helm| {
            helm.taken = to_viewer.is_some();
            helm.driver = to_viewer;
            helm.velocity = Velocity::ZERO;
        });
    }

    fn seated(&self, viewers: usize) {
        self.wheel.helm.send_modify(|helm| helm.viewers = viewers);
    }

    fn stop(&self, stop: Stop) -> Later<Result<Response, String>> {
        let robot = self.robot.clone();
        let by = match stop {
            Stop::Other => Stopper::Other,
            Stop::Driver => Stopper::Driver,
            Stop::Pause => Stopper::Pause,
        };
        Box::pin(async move { robot.stop(by).await })
    }

    fn hold(&self, held: bool) -> Later<Result<(), String>> {
        let hold = self.robot.hold(held);
        Box::pin(async move { hold.await.map(drop) })
    }

    fn request(&self, request: Request) -> Later<Result<Response, String>> {
        let robot = self.robot.clone();
        Box::pin(async move { robot.ask(request).await })
    }
}
