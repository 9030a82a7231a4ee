//! The robot's side of signaling: the notice, the offer, the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use go2_proto::signaling::crypto::SessionKey;
use go2_proto::signaling::offer::{Answer, Offer as OfferObject};
use go2_server::sdp;
use go2_server::{Peer, PeerConfig, PeerError};
use serde_json::{json, Value};
use tokio::net::{TcpStream, UdpSocket};

use super::notice::notice;
use super::{lock, rsa_key, Shared};
use crate::gate::Gate;
use crate::http::{self, Reaction, Request, Response};
use crate::mishap::{Failure, Mishap};
use crate::odd;
use crate::options::Generation;

impl Shared {
    pub(super) async fn exchange(self: Arc<Self>, mut stream: TcpStream) {
        if !self.network.admits(&stream).await {
            return;
        }
        let Some(request) = http::read(&mut stream).await else { return };
        let reaction = self.react(&request).await;
        let status = match &reaction {
            Reaction::Respond(response) => Some(response.status),
            _ => None,
        };
        self.log.add("http", json!({"path": request.path, "status": status}));
        self.network.light().await;
        http::react(stream, reaction).await;
    }

    async fn react(self: &Arc<Self>, request: &Request) -> Reaction {
        let digits: String = self.digits.iter().map(|digit| (b'0' + digit) as char).collect();
        let offer_path = match self.options.generation {
            Generation::Plain => "/offer".to_owned(),
            _ => format!("/con_ing_{digits}"),
        };
        if request.path == "/con_notify" && self.options.generation != Generation::Plain {
            self.notify()
        } else if request.path == offer_path {
            self.offer(&request.body).await
        } else {
            Response::status(404).into()
        }
    }

    /// Whether the last session ended too short a time ago.
    fn throttles(&self) -> bool {
        let Some(last_end) = *lock(&self.last_end) else { return false };
        let too_soon = |mishap: &Mishap| match mishap {
            Mishap::Throttled(seconds) => {
                (last_end.elapsed() < Duration::from_secs_f64(*seconds)).then_some(())
            }
            _ => None,
        };
        self.mishaps.feel(too_soon).is_some()
    }

    fn notify(&self) -> Reaction {
        if self.throttles() {
            return Response::status(429).into();
        }
        let failure = self.mishaps.feel(|mishap| match mishap {
            Mishap::Notify(failure) => Some(failure.clone()),
            _ => None,
        });
        if let Some(reaction) = failure.as_ref().and_then(failed) {
            return reaction;
        }
        let key = rsa_key().map(rsa::RsaPrivateKey::to_public_key);
        let notice =
            key.and_then(|key| notice(&self.options, &key, &self.digits, failure.as_ref()));
        notice.map_or(Response::status(500), Response::ok).into()
    }

    /// Takes an offer, encrypted or not.
    async fn offer(self: &Arc<Self>, body: &[u8]) -> Reaction {
        if self.throttles() {
            return Response::status(429).into();
        }
        let (json, key) = match self.options.generation {
            Generation::Plain => (body.to_vec(), None),
            _ => match open(body) {
                Some((json, key)) => (json, Some(key)),
                None => return Response::status(400).into(),
            },
        };
        let seal = |sdp: &str| -> Reaction {
            let answer = Answer { sdp: sdp.to_owned(), kind: "answer".to_owned() };
            let json = serde_json::to_string(&answer).unwrap_or_default();
            let body = match &key {
                Some(key) => key.encrypt(json.as_bytes()),
                None => json,
            };
            Response::ok(body).into()
        };
        let failure = self.mishaps.feel(|mishap| match mishap {
            Mishap::Offer(failure) => Some(failure.clone()),
            _ => None,
        });
        match &failure {
            Some(Failure::Reject) => return seal(Answer::REJECT),
            Some(failure) => {
                if let Some(reaction) = failed(failure) {
                    return reaction;
                }
            }
            None => {}
        }
        let Ok(offer) = serde_json::from_slice::<OfferObject>(&json) else {
            return Response::status(400).into();
        };
        let has_token = !offer.token.is_empty();
        self.log.add("offer", json!({"id": offer.id, "sdp": offer.sdp, "has_token": has_token}));
        let congestion = ["transport-cc", "transport-wide-cc"];
        if failure == Some(Failure::TransportCc)
            && congestion.iter().any(|name| offer.sdp.contains(name))
        {
            return seal(Answer::REJECT);
        }
        let somebody = self.mishaps.feels(&Mishap::Busy);
        let slot = Arc::clone(&self.slot).try_lock_owned().ok().filter(|_| !somebody);
        let Some(slot) = slot else {
            self.log.add("busy", json!({}));
            return seal(Answer::REJECT);
        };
        let Some(facts) = sdp::Offer::read(&offer.sdp).filter(sdp::Offer::has_data) else {
            return seal("");
        };
        match self.peer(facts).await {
            Ok(peer) => {
                let answer = seal(&spoilt(peer.answer(), failure.as_ref()));
                let session = tokio::spawn(Arc::clone(self).session(peer, slot));
                let mut sessions = lock(&self.sessions);
                sessions.retain(|session| !session.is_finished());
                sessions.push(session);
                answer
            }
            Err(error) => {
                self.log.add("error", json!({"what": error.to_string()}));
                Response::status(500).into()
            }
        }
    }

    /// The robot's end for a client, on a socket of its own behind the simulated network.
    async fn peer(&self, offer: sdp::Offer) -> Result<Peer, PeerError> {
        let options = &self.options;
        let socket = UdpSocket::bind((options.bind, 0))
            .await
            .map_err(|error| PeerError::Layer("UDP", error.to_string()))?;
        let config = PeerConfig {
            address: options.bind,
            lost_after: Duration::from_secs_f64(options.lost_after),
            dcep_ack: options.dcep_ack,
            picture_loss: false,
            old_sctp_form: options.old_sctp_form,
            name: "go2_sim".to_owned(),
        };
        let socket = Gate::new(self.network.socket(socket), options.only_via);
        Peer::new(config, socket, offer).await
    }
}

/// What comes instead of the response; `None` for failures that are in what it says.
fn failed(failure: &Failure) -> Option<Reaction> {
    Some(match failure {
        Failure::Status(status) => Response::status(*status).into(),
        Failure::Body(body) => Response::ok(body.as_bytes()).into(),
        Failure::Hangup => Reaction::Hangup,
        Failure::Silence => Reaction::Silence,
        Failure::Endless => Reaction::Endless,
        Failure::Slow => Reaction::Slow,
        Failure::NotBase64 => Response::ok("%%%").into(),
        Failure::NotJson => Response::ok("bm90IEpTT04=").into(),
        Failure::Empty => Response::ok("").into(),
        Failure::Undecryptable => Response::ok("AAAAAAAAAAAAAAAAAAAAAA==").into(),
        _ => return None,
    })
}

/// The answer's SDP as it is sent.
fn spoilt(sdp: String, failure: Option<&Failure>) -> String {
    match failure {
        Some(Failure::Truncated) => sdp.chars().take(sdp.len() / 3).collect(),
        Some(Failure::NoCandidate) => {
            sdp.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate")).collect()
        }
        Some(Failure::Candidates { at, count }) => {
            let candidates = candidates(*at, *count);
            sdp.replacen("a=candidate", &format!("{candidates}a=candidate"), 1)
        }
        Some(Failure::OddLine) => {
            let line = format!("q={}\r\n", odd::text().repeat(10));
            sdp.replacen("m=", &format!("{line}m="), 1)
        }
        _ => sdp,
    }
}

/// Lines of candidates at one address and port after port, of each kind in turn.
fn candidates(at: SocketAddr, count: u16) -> String {
    let kinds = ["host", "srflx raddr 0.0.0.0 rport 9", "relay raddr 0.0.0.0 rport 9"];
    let line = |n: u16, kind| {
        let port = at.port().wrapping_add(n).max(1);
        format!("a=candidate:{n} 1 udp 2130706431 {} {port} typ {kind}\r\n", at.ip())
    };
    (0..count).zip(kinds.into_iter().cycle()).map(|(n, kind)| line(n, kind)).collect()
}

fn open(body: &[u8]) -> Option<(Vec<u8>, SessionKey)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let key = SessionKey::unwrap(rsa_key()?, body["data2"].as_str()?.as_bytes()).ok()?;
    let json = key.decrypt(body["data1"].as_str()?.as_bytes()).ok()?;
    Some((json, key))
}
