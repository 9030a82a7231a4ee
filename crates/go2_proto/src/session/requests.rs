//! Requests whose responses are under way. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::error::RequestError;
use crate::codec::{Assembly, Chunk, DecodeError, Request, Response};

/// Names a request within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) i64);

/// What a response means.
pub(super) enum Responded {
    /// Some of an answer.
    InPart,
    /// The rest of an answer, or all of it.
    Whole(RequestId, Response),
    /// An answer whose parts do not fit together.
    Garbled(RequestId, DecodeError),
    /// To a request whose response nobody awaits, as far as can be told.
    Unawaited(Response),
    /// To no request that is open.
    Stray(Response),
}

struct Pending {
    topic: String,
    api_id: i64,
    deadline: Instant,
    timeout: Duration,
    /// The parts of the answer that have come.
    parts: Assembly,
}

/// The requests of a session.
pub(super) struct Requests {
    pending: HashMap<RequestId, Pending>,
    /// The latest requests whose responses nobody awaits.
    told: VecDeque<RequestId>,
    next_id: i64,
}

pub(super) const MOST_PENDING: usize = 256;
/// Velocities whose answers may be under way.
const MOST_TOLD: usize = 256;
/// Messages must stay below 64 KiB; the rest is for the envelope and for quoting, which [`super::backlog`] measures.
pub(super) const LONGEST_PARAMETER: usize = 30_000;

impl Requests {
    /// `first_id` is where ids start; only its lower 30 bits are used.
    pub(super) fn new(first_id: u32) -> Self {
        let next_id = i64::from(first_id & 0x3fff_ffff);
        Self { pending: HashMap::new(), told: VecDeque::new(), next_id }
    }

    /// A request that goes out now and whose response is awaited.
    pub(super) fn ask(
        &mut self,
        request: &Request,
        timeout: Duration,
        now: Instant,
    ) -> Result<RequestId, RequestError> {
        // An emergency stop must work while others hang.
        if self.pending.len() >= MOST_PENDING && !request.priority {
            return Err(RequestError::TooMany);
        }
        let id = self.number(request)?;
        let topic = request.topic.clone();
        let (deadline, parts) = (now + timeout, Assembly::default());
        self.pending
            .insert(id, Pending { topic, api_id: request.api_id, deadline, timeout, parts });
        Ok(id)
    }

    /// A request that goes out now and whose response nobody awaits.
    pub(super) fn tell(&mut self, request: &Request) -> Result<RequestId, RequestError> {
        let id = self.number(request)?;
        if self.told.len() == MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back(id);
        Ok(id)
    }

    fn number(&mut self, request: &Request) -> Result<RequestId, RequestError> {
        if request.parameter.len() > LONGEST_PARAMETER {
            return Err(RequestError::TooLong);
        }
        let id = self.next_id;
        self.next_id = (id + 1) & 0x7fff_ffff;
        Ok(RequestId(id))
    }

    /// Takes a response, or a part of one.
    pub(super) fn response(
        &mut self,
        topic: &str,
        mut response: Response,
        chunk: Option<Chunk>,
        now: Instant,
    ) -> Responded {
        let Some(id) = self.meant(topic, &response) else { return self.not_pending(response) };
        let Some(pending) = self.pending.get_mut(&id) else { return self.not_pending(response) };
        let responded = match chunk {
            None => Responded::Whole(id, response),
            Some(chunk) => match pending.parts.add(chunk, std::mem::take(&mut response.payload)) {
                Ok(Some(payload)) => Responded::Whole(id, Response { payload, ..response }),
                Ok(None) => {
                    pending.deadline = now + pending.timeout;
                    return Responded::InPart;
                }
                Err(error) => Responded::Garbled(id, error),
            },
        };
        self.pending.remove(&id);
        responded
    }

    /// The request that a response names. Some services do not echo the id: then the oldest one to the same api is meant.
    fn meant(&self, topic: &str, response: &Response) -> Option<RequestId> {
        if let Some(id) = response.id {
            return Some(RequestId(id));
        }
        let asked = |pending: &Pending| {
            topic.strip_suffix("/response") == pending.topic.strip_suffix("/request")
                && response.api_id == Some(pending.api_id)
        };
        let asked = self.pending.iter().filter(|(_, pending)| asked(pending));
        asked.map(|(id, _)| *id).min_by_key(|id| id.0)
    }

    fn not_pending(&mut self, response: Response) -> Responded {
        let told = self.told.iter().position(|told| Some(told.0) == response.id);
        // Velocities may be answered, or not; without an id it cannot be told what is answered.
        match told.and_then(|place| self.told.remove(place)) {
            Some(_) => Responded::Unawaited(response),
            None if response.id.is_none() => Responded::Unawaited(response),
            None => Responded::Stray(response),
        }
    }

    /// Gives up the requests whose time is over.
    pub(super) fn late(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (RequestId, RequestError)> + '_ {
        let late = self.pending.extract_if(move |_, pending| now >= pending.deadline);
        late.map(|(id, pending)| (id, RequestError::Timeout(pending.timeout)))
    }

    /// When the next one's time is over.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.deadline).min()
    }
}
