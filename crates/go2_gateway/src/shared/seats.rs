//! Who is there, who is about to come, and how many of them there may be. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::oneshot;

use super::helm::ViewerId;
use crate::access::Rights;
use crate::door::source;
use crate::refusal::Refusal;

/// Viewers at a time.
pub const MOST_VIEWERS: usize = 8;
/// Seats beyond these that only the token for control takes: watchers keep nobody from the controls.
pub const RESERVED: usize = 2;
/// How long an answered offer has to become a connection.
pub(super) const OFFER_LIMIT: Duration = Duration::from_secs(8);
/// Answered offers of watchers that are not connected, and those of one address.
const MOST_OFFERS: usize = 32;
const OFFERS_OF_ONE: usize = 8;
/// Answered offers with the token for control that are not connected. One more takes the place of the oldest.
const CONTROL_OFFERS: usize = 4;

/// Who an offer or a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) rights: Rights,
    pub(super) address: IpAddr,
}

/// What a viewer wants of the robot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) topics: BTreeSet<String>,
    pub(super) video: bool,
}

#[derive(Debug)]
struct Waiting {
    guest: Guest,
    /// Ends it when dropped.
    _end: oneshot::Sender<()>,
}

/// Viewers and answered offers, each by the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Seats {
    viewers: BTreeMap<ViewerId, Wants>,
    offers: BTreeMap<u64, Waiting>,
    next: u64,
}

impl Seats {
    /// Takes up an offer: its number, and what ends when another one has taken its place.
    pub(super) fn offer(&mut self, guest: Guest) -> Result<(u64, oneshot::Receiver<()>), Refusal> {
        if !self.has_seat(guest.rights) {
            return Err(Refusal::Full(self.viewers.len()));
        }
        let of_rights =
            |rights| self.offers.iter().filter(move |(_, each)| each.guest.rights == rights);
        let count = of_rights(guest.rights).count();
        match guest.rights {
            Rights::Control if count >= CONTROL_OFFERS => {
                let oldest = of_rights(Rights::Control).map(|(number, _)| *number).next();
                oldest.and_then(|number| self.offers.remove(&number));
            }
            Rights::Control => {}
            Rights::View => {
                let theirs =
                    |(_, each): &(_, &Waiting)| source(each.guest.address) == source(guest.address);
                let of_one = of_rights(Rights::View).filter(theirs).count();
                if count >= MOST_OFFERS || of_one >= OFFERS_OF_ONE {
                    let most = if of_one >= OFFERS_OF_ONE { of_one } else { count };
                    return Err(Refusal::Waiting(most, OFFER_LIMIT.as_secs()));
                }
            }
        }
        let (end, ended) = oneshot::channel();
        self.next += 1;
        self.offers.insert(self.next, Waiting { guest, _end: end });
        Ok((self.next, ended))
    }

    /// An offer is over, connected or not.
    pub(super) fn withdraw(&mut self, offer: u64) {
        self.offers.remove(&offer);
    }

    /// Seats who has connected, if there is still a seat.
    pub(super) fn sit(&mut self, rights: Rights) -> Option<ViewerId> {
        if !self.has_seat(rights) {
            return None;
        }
        self.next += 1;
        self.viewers.insert(self.next, Wants::default());
        Some(self.next)
    }

    /// A viewer is gone.
    pub(super) fn leave(&mut self, viewer: ViewerId) {
        self.viewers.remove(&viewer);
    }

    /// How many viewers there are.
    pub(super) fn count(&self) -> usize {
        self.viewers.len()
    }

    /// Notes what a viewer wants of the robot.
    pub(super) fn want(&mut self, viewer: ViewerId, wants: Wants) {
        if let Some(before) = self.viewers.get_mut(&viewer) {
            *before = wants;
        }
    }

    /// What all viewers want together.
    pub(super) fn wants(&self) -> Wants {
        let all = self.viewers.values();
        let topics = all.clone().flat_map(|wants| wants.topics.iter().cloned()).collect();
        Wants { topics, video: all.clone().any(|wants| wants.video) }
    }

    fn has_seat(&self, rights: Rights) -> bool {
        let most = match rights {
            Rights::View => MOST_VIEWERS,
            Rights::Control => MOST_VIEWERS + RESERVED,
        };
        self.viewers.len() < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(rights: Rights, last: u8) -> Guest {
        Guest { rights, address: [192, 0, 2, last].into() }
    }

    #[test]
    fn watchers_leave_seats_for_control() {
        let mut seats = Seats::default();
        let watchers: Vec<_> = std::iter::from_fn(|| seats.sit(Rights::View)).collect();
        assert_eq!(watchers.len(), MOST_VIEWERS);
        assert_eq!(seats.offer(guest(Rights::View, 1)).unwrap_err(), Refusal::Full(MOST_VIEWERS));
        assert!(seats.offer(guest(Rights::Control, 1)).is_ok());
        let drivers: Vec<_> = std::iter::from_fn(|| seats.sit(Rights::Control)).collect();
        assert_eq!(drivers.len(), RESERVED);
        let full = seats.offer(guest(Rights::Control, 1)).unwrap_err();
        assert_eq!(full, Refusal::Full(MOST_VIEWERS + RESERVED));
        seats.leave(watchers[0]);
        assert_eq!(seats.sit(Rights::View), None, "the reserved ones stay reserved");
        assert!(seats.sit(Rights::Control).is_some());
    }

    #[test]
    fn offers_that_never_connect_take_no_seat_and_are_bounded_for_each_address() {
        let mut seats = Seats::default();
        let mut kept = Vec::new();
        for _ in 0..OFFERS_OF_ONE {
            kept.push(seats.offer(guest(Rights::View, 1)).unwrap());
        }
        let limit = OFFER_LIMIT.as_secs();
        let refused = seats.offer(guest(Rights::View, 1)).unwrap_err();
        assert_eq!(refused, Refusal::Waiting(OFFERS_OF_ONE, limit));
        for address in 2.. {
            let Ok(offer) = seats.offer(guest(Rights::View, address)) else { break };
            kept.push(offer);
        }
        assert_eq!(kept.len(), MOST_OFFERS);
        assert!(seats.offer(guest(Rights::Control, 1)).is_ok(), "whatever the others do");
        assert_eq!(seats.count(), 0);
        assert!(seats.sit(Rights::View).is_some());
        seats.withdraw(kept[0].0);
        assert!(seats.offer(guest(Rights::View, 1)).is_ok());
    }

    #[test]
    fn the_newest_offers_for_control_count() {
        let mut seats = Seats::default();
        let offers: Vec<_> =
            (0..20).map(|_| seats.offer(guest(Rights::Control, 1)).unwrap()).collect();
        let ended = |(_, mut end): (u64, oneshot::Receiver<()>)| {
            end.try_recv() == Err(oneshot::error::TryRecvError::Closed)
        };
        let ended: Vec<_> = offers.into_iter().map(ended).collect();
        assert_eq!(ended.iter().filter(|ended| !**ended).count(), CONTROL_OFFERS);
        assert!(ended[..16].iter().all(|ended| *ended));
    }

    #[test]
    fn what_all_want_together_is_bounded_by_the_seats() {
        let mut seats = Seats::default();
        let topics = |of: u64| (0..64).map(|n| format!("rt/x{of}/{n}")).collect::<BTreeSet<_>>();
        while let Some(viewer) = seats.sit(Rights::Control) {
            seats.want(viewer, Wants { topics: topics(viewer), video: viewer == 3 });
        }
        let wants = seats.wants();
        assert_eq!((wants.topics.len(), wants.video), ((MOST_VIEWERS + RESERVED) * 64, true));
        seats.leave(3);
        assert!(!seats.wants().video);
    }
}
