//! How many connections there may be, in all and from one address. Pure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections at a time.
pub(crate) const MOST: usize = 128;
/// Connections of one address; a browser opens six.
pub(crate) const MOST_OF_ONE: usize = 32;

/// Whom an address belongs to, as far as it can be told: IPv6 gives each network 2^64 addresses.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The address has as many as one may have.
    Address,
    /// There are as many as there may be.
    All,
}

impl Full {
    /// How many that is.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Address => MOST_OF_ONE,
            Self::All => MOST,
        }
    }
}

/// Counts connections.
#[derive(Debug, Default)]
pub(crate) struct Door(Mutex<HashMap<IpAddr, usize>>);

/// A connection that counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    door: Arc<Door>,
    source: IpAddr,
}

impl Door {
    /// Lets a connection in, or says why not.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Entry, Full> {
        let source = source(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(&source).is_some_and(|count| *count >= MOST_OF_ONE) {
            return Err(Full::Address);
        }
        if counts.values().sum::<usize>() >= MOST {
            return Err(Full::All);
        }
        *counts.entry(source).or_default() += 1;
        Ok(Entry { door: Arc::clone(self), source })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self.door.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_address_keeps_no_other_out() {
        let door = Arc::new(Door::default());
        let first: Vec<_> = (0..MOST_OF_ONE).map(|_| door.enter(address(1)).unwrap()).collect();
        assert_eq!(door.enter(address(1)).unwrap_err(), Full::Address);
        let other = door.enter(address(2)).unwrap();
        drop(first);
        assert!(door.enter(address(1)).is_ok());
        drop(other);
        assert!(door.0.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn all_together_are_bounded() {
        let door = Arc::new(Door::default());
        let enter = |number: usize| door.enter(address((number / MOST_OF_ONE) as u8));
        let all: Vec<_> = (0..MOST).map(|number| enter(number).unwrap()).collect();
        assert_eq!(door.enter(address(200)).unwrap_err(), Full::All);
        drop(all);
        assert!(door.enter(address(200)).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let of = |text: &str| source(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), address(1));
    }
}
