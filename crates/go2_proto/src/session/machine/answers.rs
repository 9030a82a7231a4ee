//! What becomes of the robot's answers: those that somebody waits for, and the one that says who it is.

use std::time::Instant;

use super::super::error::{RequestError, SessionError};
use super::super::identity::{self, Verdict};
use super::super::requests::Responded;
use super::{Event, Machine};
use crate::codec::{Outbound, Response};

impl Machine {
    pub(super) fn responded(&mut self, responded: Responded) -> Result<(), SessionError> {
        let event = match responded {
            Responded::InPart => return Ok(()),
            Responded::Whole(id, response) if self.identity.is_own(id) => {
                return self.identified(Ok(response));
            }
            Responded::Garbled(id, _) if self.identity.is_own(id) => {
                return self.identified(Err(RequestError::Garbled));
            }
            Responded::Whole(id, response) => Event::Settled(id, Ok(response)),
            Responded::Garbled(id, error) => {
                self.malformed(error);
                Event::Settled(id, Err(RequestError::Garbled))
            }
            Responded::Unawaited(response) => Event::Unawaited(response),
            Responded::Stray(response) => {
                self.counters.stray += 1;
                Event::Stray(response)
            }
        };
        self.events.push_back(event);
        Ok(())
    }

    /// Asks the robot who it is, where that matters.
    pub(super) fn identify(&mut self, now: Instant) {
        let Some(question) = self.identity.question() else { return };
        // Nothing else is under way yet that there could be too much of.
        if let Ok(id) = self.requests.ask(&question, identity::PATIENCE, now) {
            self.identity.asked(id);
            self.transmit.push_back(Outbound::Request { id: id.0, request: question });
        }
    }

    /// Takes the answer to that. Another robot's ends the session.
    pub(super) fn identified(
        &mut self,
        answer: Result<Response, RequestError>,
    ) -> Result<(), SessionError> {
        let (verdict, held) = self.identity.settle(answer);
        self.transmit.extend(held);
        match verdict {
            Verdict::Same => {}
            Verdict::Untold(why) => self.events.push_back(Event::Unidentified(why)),
            Verdict::Other(told) => {
                let wanted = self.identity.wanted().to_owned();
                return Err(SessionError::OtherRobot { wanted, told });
            }
        }
        Ok(())
    }
}
