//! Signaling: one HTTP exchange that carries the client's offer to the robot and its answer back.
//!
//! Three generations of firmware are served: the encrypted exchange on TCP 9991 in all variants of its
//! key, and the plain one on TCP 8081 before it. [`Target::reach`] finds out which one the robot speaks and
//! from which local address it is reached; [`Reached::exchange`] makes the exchange.

mod error;
mod http;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use go2_proto::signaling::crypto::{DeviceKey, SessionKey};
use go2_proto::signaling::offer::{self, Offer};
use go2_proto::signaling::{candidates, notify};
use go2_proto::signaling::{
    AnswerProblem, KeyProblem, NotifyProblem, OpenedBy, ENCRYPTED_PORT, PLAIN_PORT,
};
use go2_proto::text::{clean, NAME, WORDS};

pub use error::{Retry, SignalingError, Step};

use crate::discovery::Search;
use crate::progress::{Passed, Progress};
use crate::secret::Secret;
pub use http::parse as parse_response;
use http::{Http, Post};

/// How the robot and this computer share a network; the robot is told in the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Both are stations of one network.
    #[default]
    Station,
    /// This computer is in the robot's hotspot.
    AccessPoint,
}

/// The robot to call.
#[derive(Debug, Clone)]
pub struct Target {
    /// IP address or host name; may be empty where there is a serial number.
    pub host: String,
    /// What to find the robot by, where there is no host; and what the robot must say that it has.
    pub serial_number: Option<String>,
    /// How it is searched for then.
    pub search: Search,
    /// The robot's own key, for firmware 1.1.15 and later.
    pub key: Option<DeviceKey>,
    /// Whether a robot is accepted that does not use the key that was given.
    pub allow_other_keys: bool,
    /// How the network is shared.
    pub network: Network,
    /// Account token, usually empty.
    pub token: Secret,
    /// Port of the encrypted signaling.
    pub encrypted_port: u16,
    /// Port of the plain signaling.
    pub plain_port: u16,
    /// How long to wait for a port to accept a connection.
    pub probe_timeout: Duration,
    /// How long to wait for each HTTP response.
    pub http_timeout: Duration,
}

impl Target {
    /// A robot in the same network with everything else at its default.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            serial_number: None,
            search: Search::default(),
            key: None,
            allow_other_keys: false,
            network: Network::Station,
            token: Secret::default(),
            encrypted_port: ENCRYPTED_PORT,
            plain_port: PLAIN_PORT,
            probe_timeout: Duration::from_millis(1500),
            http_timeout: Duration::from_secs(5),
        }
    }

    /// What the robot is looked for by, in words.
    pub fn name(&self) -> String {
        let name = match &self.serial_number {
            Some(serial_number) if self.host.is_empty() => format!("serial number {serial_number}"),
            _ => self.host.clone(),
        };
        clean(&name, WORDS)
    }

    /// Finds the port that answers, the newer one first.
    pub async fn reach(&self, progress: &Progress) -> Result<Reached, SignalingError> {
        let ip = self.resolve().await?;
        progress.tell(Passed::Resolved { address: ip });
        let (stream, remote, encrypted) =
            self.knock(ip).await.ok_or(SignalingError::Unreachable(ip))?;
        let local = stream.local_addr().map_err(|error| SignalingError::Http {
            step: Step::Notify,
            what: error.to_string(),
        })?;
        let local_ip = local.ip();
        progress.tell(Passed::Reached { remote, local: local_ip, encrypted });
        Ok(Reached { target: self.clone(), remote, local_ip, encrypted })
    }

    /// Tries both ports at a time, so that a robot that is not there yet is soon tried again; the newer one counts where both
    /// answer.
    async fn knock(&self, ip: IpAddr) -> Option<(TcpStream, SocketAddr, bool)> {
        let knock = |port, encrypted| async move {
            let remote = SocketAddr::new(ip, port);
            let connect = tokio::time::timeout(self.probe_timeout, TcpStream::connect(remote));
            connect.await.ok()?.ok().map(|stream| (stream, remote, encrypted))
        };
        let newer = knock(self.encrypted_port, true);
        let mut older = std::pin::pin!(knock(self.plain_port, false));
        tokio::pin!(newer);
        let (mut failed, mut fallback) = (false, None);
        loop {
            tokio::select! {
                biased;
                found = &mut newer, if !failed => match found {
                    Some(found) => return Some(found),
                    None => failed = true,
                },
                found = &mut older, if fallback.is_none() => fallback = Some(found),
            }
            if failed {
                if let Some(found) = fallback.take() {
                    return found;
                }
            }
        }
    }

    /// The robot's address; IPv4 where there is a choice, since robots offer no other candidates.
    async fn resolve(&self) -> Result<IpAddr, SignalingError> {
        if let Some(sought) = self.serial_number.as_ref().filter(|_| self.host.is_empty()) {
            return self.search(sought).await;
        }
        let lookup = tokio::net::lookup_host((self.host.as_str(), 0)).await;
        let addresses: Vec<_> = lookup.into_iter().flatten().map(|address| address.ip()).collect();
        let ipv4 = addresses.iter().find(|ip| ip.is_ipv4());
        ipv4.or(addresses.first())
            .copied()
            .ok_or_else(|| SignalingError::UnknownHost(clean(&self.host, WORDS)))
    }

    async fn search(&self, sought: &str) -> Result<IpAddr, SignalingError> {
        let search = Search { serial_number: Some(sought.to_owned()), ..self.search.clone() };
        let found =
            search.run().await.map_err(|error| SignalingError::Search(error.to_string()))?;
        let robot = found.into_iter().next();
        robot
            .map(|robot| robot.address)
            .ok_or_else(|| SignalingError::NotFound(clean(sought, NAME)))
    }
}

/// A robot whose signaling port answers.
#[derive(Debug)]
pub struct Reached {
    target: Target,
    remote: SocketAddr,
    local_ip: IpAddr,
    encrypted: bool,
}

impl Reached {
    /// The address of this computer from which the robot is reached; the one to offer as candidate.
    pub fn local_ip(&self) -> IpAddr {
        self.local_ip
    }

    /// The robot's address.
    pub fn remote_ip(&self) -> IpAddr {
        self.remote.ip()
    }

    /// Whether the robot speaks the encrypted exchange.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// Sends the offer and returns the SDP of the robot's answer.
    pub async fn exchange(&self, sdp: &str, progress: &Progress) -> Result<String, SignalingError> {
        let http = Http::new(self.target.http_timeout)?;
        let answer = if self.encrypted {
            self.exchange_encrypted(&http, sdp, progress).await?
        } else if self.target.key.is_some() && !self.target.allow_other_keys {
            return Err(SignalingError::Key(KeyProblem::UnprovenPlain));
        } else {
            let content_type = Some("application/json");
            let body = &self.offer(sdp, None)?;
            let post = Post { step: Step::Offer, path: "/offer", content_type, body };
            offer::read_answer(&http.post(self.remote, post).await?)?
        };
        let (offered, answered) = (candidates::list(sdp), candidates::list(&answer));
        progress.tell(Passed::Answered { offered, answered });
        Ok(answer)
    }

    /// The offer for a robot whose notice was opened by this, if it has any. Where a key was given, the account token is for
    /// nobody but the robot that has the same.
    fn offer(&self, sdp: &str, opened_by: Option<OpenedBy>) -> Result<String, SignalingError> {
        let is_proven = opened_by == Some(OpenedBy::DeviceKey);
        let token = match self.target.key.is_some() && !is_proven {
            true => String::new(),
            false => self.target.token.text().to_owned(),
        };
        let id = match self.target.network {
            Network::Station => "STA_localNetwork",
            Network::AccessPoint => "",
        };
        let offer = Offer { id: id.into(), sdp: sdp.into(), kind: "offer".into(), token };
        serde_json::to_string(&offer)
            .map_err(|error| SignalingError::Http { step: Step::Offer, what: error.to_string() })
    }

    async fn exchange_encrypted(
        &self,
        http: &Http,
        sdp: &str,
        progress: &Progress,
    ) -> Result<String, SignalingError> {
        let post = Post { step: Step::Notify, path: "/con_notify", content_type: None, body: "" };
        let body = http.post(self.remote, post).await?;
        let Target { key, allow_other_keys, .. } = &self.target;
        let notice = notify::read(&body, key.as_ref(), *allow_other_keys)?;
        let (data2, opened_by) = (notice.data2, notice.opened_by);
        progress.tell(Passed::Noticed { data2, opened_by });
        let offer = self.offer(sdp, Some(opened_by))?;
        let key = SessionKey::generate();
        let wrapped = key.wrap(&notice.public_key).map_err(|_| NotifyProblem::PublicKey)?;
        let body = serde_json::json!({"data1": key.encrypt(offer.as_bytes()), "data2": wrapped});
        let post = Post {
            step: Step::Offer,
            path: &notice.path,
            // The body is JSON; this is what the robot wants to be told.
            content_type: Some("application/x-www-form-urlencoded"),
            body: &body.to_string(),
        };
        let sealed = http.post(self.remote, post).await?;
        if sealed.trim_ascii().is_empty() {
            return Err(AnswerProblem::Empty.into());
        }
        let answer = key.decrypt(&sealed).map_err(|_| AnswerProblem::Undecryptable)?;
        Ok(offer::read_answer(&answer)?)
    }
}
