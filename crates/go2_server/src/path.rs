//! The way to the client: ICE over a socket that is the connection's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use webrtc::ice::agent::agent_config::AgentConfig;
use webrtc::ice::agent::Agent;
use webrtc::ice::candidate::candidate_base::unmarshal_candidate;
use webrtc::ice::candidate::{Candidate, CandidateType};
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice::network_type::NetworkType;
use webrtc::ice::state::ConnectionState;
use webrtc::ice::udp_mux::{UDPMux as _, UDPMuxDefault, UDPMuxParams};
use webrtc::ice::udp_network::UDPNetwork;
use webrtc::ice::Error;
use webrtc::util::Conn;

use crate::sdp::{Local, Offer};

/// Two thirds of the time until a client is given up pass before it counts as disconnected, as in the
/// robot's library (30 s and 47 s).
const DISCONNECTED_SHARE: f64 = 0.64;

/// An ICE agent and its socket. Both end when it is dropped.
pub(crate) struct Path {
    agent: Arc<Agent>,
    udp: Arc<UDPMuxDefault>,
    failed: watch::Receiver<bool>,
    closed: bool,
}

impl Path {
    /// Prepares for a client. The address in `local` is the only candidate.
    pub(crate) async fn new<C>(
        socket: C,
        local: &Local,
        lost_after: Duration,
    ) -> Result<Self, Error>
    where
        C: Conn + Send + Sync + 'static,
    {
        let udp = UDPMuxDefault::new(UDPMuxParams::new(socket));
        let agent = match agent(local, Arc::clone(&udp), lost_after).await {
            Ok(agent) => agent,
            Err(error) => {
                let _ = udp.close().await; // it would read its socket for ever
                return Err(error);
            }
        };
        let (failed_tx, failed) = watch::channel(false);
        agent.on_connection_state_change(Box::new(move |state| {
            if matches!(state, ConnectionState::Failed | ConnectionState::Closed) {
                failed_tx.send_replace(true);
            }
            Box::pin(async {})
        }));
        let path = Self { agent: Arc::new(agent), udp, failed, closed: false };
        path.gather().await?;
        Ok(path)
    }

    async fn gather(&self) -> Result<(), Error> {
        let (gathered_tx, mut gathered) = mpsc::channel(4);
        self.agent.on_candidate(Box::new(move |candidate| {
            if candidate.is_none() {
                let _ = gathered_tx.try_send(());
            }
            Box::pin(async {})
        }));
        self.agent.gather_candidates()?;
        let _ = gathered.recv().await;
        Ok(())
    }

    /// Waits until the client is reached, or reaches us.
    pub(crate) async fn open(&self, offer: &Offer) -> Result<Arc<dyn Conn + Send + Sync>, Error> {
        for candidate in &offer.candidates {
            if let Ok(candidate) = unmarshal_candidate(candidate.trim_start_matches("candidate:")) {
                let candidate: Arc<dyn Candidate + Send + Sync> = Arc::new(candidate);
                self.agent.add_remote_candidate(&candidate)?;
            }
        }
        let (_cancel, cancelled) = mpsc::channel(1);
        let (ufrag, password) = (offer.ufrag.clone(), offer.password.clone());
        let conn = self.agent.accept(cancelled, ufrag, password).await?;
        Ok(conn)
    }

    /// Waits until the client counts as lost.
    pub(crate) async fn lost(&self) {
        let _ = self.failed.clone().wait_for(|failed| *failed).await;
    }

    /// The address that the client's packets come from.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        self.agent.get_selected_candidate_pair().map(|pair| pair.remote.addr())
    }

    /// Ends it, and waits until it is over.
    pub(crate) async fn close(mut self) {
        self.closed = true;
        close(&self.agent, &self.udp).await;
    }
}

async fn close(agent: &Agent, udp: &UDPMuxDefault) {
    let _ = agent.close().await;
    let _ = udp.close().await;
}

impl Drop for Path {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        // Neither of the two ends by itself. Where there is no runtime any more, their tasks are gone as well.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (agent, udp) = (Arc::clone(&self.agent), Arc::clone(&self.udp));
            runtime.spawn(async move { close(&agent, &udp).await });
        }
    }
}

async fn agent(
    local: &Local,
    udp: Arc<UDPMuxDefault>,
    lost_after: Duration,
) -> Result<Agent, Error> {
    let disconnected = lost_after.mul_f64(DISCONNECTED_SHARE);
    let address = local.address.ip();
    let network = match address {
        IpAddr::V4(_) => NetworkType::Udp4,
        IpAddr::V6(_) => NetworkType::Udp6,
    };
    // The agent makes a candidate of each address that an interface lists. Ours may be one that none does, such as
    // those of 127.0.0.0/8: so one listed address, whichever it is, stands for it, and there is one candidate.
    let taken = AtomicBool::new(false);
    Agent::new(AgentConfig {
        local_ufrag: local.ufrag.clone(),
        local_pwd: local.password.clone(),
        udp_network: UDPNetwork::Muxed(udp),
        nat_1to1_ips: vec![address.to_string()],
        nat_1to1_ip_candidate_type: CandidateType::Host,
        include_loopback: true,
        ip_filter: Arc::new(Some(Box::new(move |_| !taken.swap(true, Ordering::Relaxed)))),
        network_types: vec![network],
        multicast_dns_mode: MulticastDnsMode::Disabled,
        is_controlling: false,
        disconnected_timeout: Some(disconnected),
        failed_timeout: Some(lost_after.saturating_sub(disconnected)),
        ..Default::default()
    })
    .await
}
