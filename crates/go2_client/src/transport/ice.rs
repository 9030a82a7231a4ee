//! How ICE looks for a path to the robot: which servers help, and what of this computer is offered. Pure.

use std::net::IpAddr;
use std::str::FromStr;

use crate::interfaces::Interface;
use crate::secret::Secret;
use go2_proto::signaling::candidates::Scope;

/// Where STUN and TURN servers listen unless their URL says otherwise.
const PORT: u16 = 3478;

/// How ICE looks for a path. By default directly, from the address that routes to the robot.
#[derive(Debug, Clone, Default)]
pub struct IceSettings {
    /// STUN and TURN servers that help to find a path.
    pub servers: Vec<IceServer>,
    /// For TURN servers.
    pub username: String,
    /// For TURN servers.
    pub credential: Secret,
    /// Which paths may be used.
    pub policy: IcePolicy,
    /// Addresses or names of interfaces of this computer to offer; without any, the address that routes to the robot.
    pub addresses: Vec<String>,
}

/// Which paths may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IcePolicy {
    /// Every path; direct ones are preferred.
    #[default]
    All,
    /// Only through a TURN server.
    Relay,
}

/// A server that is reached by UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// Whether it relays, too.
    turn: bool,
    host: String,
    port: u16,
}

impl std::fmt::Display for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.turn { "turn" } else { "stun" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}:[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}:{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for IceServer {
    type Err = IceError;

    /// Reads `stun:host:port` or `turn:host:port?transport=udp`; port and transport may be left out.
    fn from_str(url: &str) -> Result<Self, IceError> {
        let bad = || IceError::Url(url.to_owned());
        let (scheme, rest) = url.split_once(':').ok_or_else(bad)?;
        let turn = match scheme {
            "stun" => false,
            "turn" => true,
            "stuns" | "turns" => return Err(IceError::NotUdp(url.to_owned())),
            _ => return Err(bad()),
        };
        let place = match rest.split_once('?') {
            None => rest,
            Some((place, "transport=udp")) if turn => place,
            Some((_, "transport=tcp")) if turn => return Err(IceError::NotUdp(url.to_owned())),
            Some(_) => return Err(bad()),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(ipv6) => {
                let (host, rest) = ipv6.split_once(']').ok_or_else(bad)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
                (
                    host,
                    if rest.is_empty() {
                        None
                    } else {
                        Some(rest.strip_prefix(':').ok_or_else(bad)?)
                    },
                )
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = port.map_or(Ok(PORT), |port| port.parse().map_err(|_| bad()))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(is_name) || port == 0 {
            return Err(bad());
        }
        Ok(Self { turn, host: host.to_owned(), port })
    }
}

/// What is wrong with the settings; [`field`](Self::field) says with which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IceError {
    /// Not the URL of a server.
    #[error(
        "\"{0}\" is not the URL of a STUN or TURN server, such as stun:stun.example.org:3478 or \
         turn:192.0.2.1:3478"
    )]
    Url(String),
    /// A server that is to be reached by TLS or TCP.
    #[error("\"{0}\" is not reached by UDP, and only that is supported: use its turn: or stun: URL without \
             transport=tcp")]
    NotUdp(String),
    /// A TURN server and no account.
    #[error("{0} is a TURN server, which wants a user name and a credential")]
    NoAccount(IceServer),
    /// Only relays may be used, and there is none.
    #[error("only relays may be used, but the list of servers has no turn: URL")]
    NoRelay,
    /// Not an address or interface of this computer.
    #[error("this computer has no interface or address \"{asked}\" that is up; it has {there}")]
    NotHere {
        /// What was asked for.
        asked: String,
        /// What there is.
        there: String,
    },
    /// Nothing to offer has the robot's version of IP.
    #[error("none of the addresses to offer is an {0} address, as the robot's is")]
    Version(&'static str),
    /// The interfaces cannot be listed.
    #[error("the interfaces of this computer cannot be listed: {0}")]
    Interfaces(String),
}

/// A part of [`IceSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceField {
    /// [`IceSettings::servers`].
    Servers,
    /// [`IceSettings::username`] and [`IceSettings::credential`].
    Account,
    /// [`IceSettings::policy`].
    Policy,
    /// [`IceSettings::addresses`].
    Addresses,
}

impl IceError {
    /// The setting with which something is wrong; `None` where it is this computer.
    pub fn field(&self) -> Option<IceField> {
        match self {
            Self::Url(_) | Self::NotUdp(_) => Some(IceField::Servers),
            Self::NoAccount(_) => Some(IceField::Account),
            Self::NoRelay => Some(IceField::Policy),
            Self::NotHere { .. } | Self::Version(_) => Some(IceField::Addresses),
            Self::Interfaces(_) => None,
        }
    }
}

impl IceSettings {
    /// Whether the settings make sense together.
    pub fn check(&self) -> Result<(), IceError> {
        let relay = self.servers.iter().find(|server| server.turn);
        if let Some(relay) = relay {
            if self.username.is_empty() || self.credential.is_empty() {
                return Err(IceError::NoAccount(relay.clone()));
            }
        } else if self.policy == IcePolicy::Relay {
            return Err(IceError::NoRelay);
        }
        Ok(())
    }

    /// Which candidates of a robot at this address count: others only where the settings are about other ways.
    #[cfg_attr(not(feature = "webrtc"), allow(dead_code))]
    pub(crate) fn scope(&self, robot: IpAddr) -> Scope {
        match self.servers.is_empty() && self.addresses.is_empty() {
            true => Scope::At(robot),
            false => Scope::Anywhere,
        }
    }

    /// The addresses of this computer to offer to a robot that is reached from `routing`.
    #[cfg_attr(not(feature = "webrtc"), allow(dead_code))]
    pub(crate) fn offered(
        &self,
        routing: IpAddr,
        interfaces: &[Interface],
    ) -> Result<Vec<IpAddr>, IceError> {
        if self.addresses.is_empty() {
            return Ok(vec![routing]);
        }
        let mut offered = Vec::new();
        for asked in &self.addresses {
            let by_address = asked.parse::<IpAddr>().ok();
            let fits = |there: &&Interface| match by_address {
                Some(address) => there.address == address,
                None => there.name == *asked,
            };
            let before = offered.len();
            offered.extend(interfaces.iter().filter(fits).map(|there| there.address));
            if offered.len() == before {
                let there: Vec<_> = interfaces.iter().map(Interface::to_string).collect();
                return Err(IceError::NotHere { asked: asked.clone(), there: there.join(", ") });
            }
        }
        offered.retain(|address| address.is_ipv4() == routing.is_ipv4());
        if offered.is_empty() {
            return Err(IceError::Version(if routing.is_ipv4() { "IPv4" } else { "IPv6" }));
        }
        Ok(offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_servers_are_read() {
        for (url, read) in [
            ("stun:stun.example.org", "stun:stun.example.org:3478"),
            ("stun:192.0.2.1:19302", "stun:192.0.2.1:19302"),
            ("turn:turn.example.org:443?transport=udp", "turn:turn.example.org:443"),
            ("turn:[2001:db8::1]", "turn:[2001:db8::1]:3478"),
            ("turn:[2001:db8::1]:5000", "turn:[2001:db8::1]:5000"),
        ] {
            let server: IceServer = url.parse().unwrap();
            assert_eq!(server.to_string(), read);
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for bad in [
            "",
            "stun",
            "stun:",
            "http://x",
            "stun://x",
            "turn:x:0",
            "turn:x:70000",
            "turn:x:y",
            "turn:a b",
            "stun:x?transport=udp",
            "turn:x?transport=sctp",
            "turn:[::1",
            "turn:[x]:1",
            "turn:[::1]1",
            "turn:user@x",
        ] {
            assert_eq!(bad.parse::<IceServer>(), Err(IceError::Url(bad.to_owned())), "{bad}");
        }
        for bad in ["turns:x", "stuns:x:1", "turn:x?transport=tcp"] {
            assert_eq!(bad.parse::<IceServer>(), Err(IceError::NotUdp(bad.to_owned())));
        }
    }

    fn servers(urls: &[&str]) -> IceSettings {
        let servers = urls.iter().map(|url| url.parse().unwrap()).collect();
        IceSettings { servers, ..IceSettings::default() }
    }

    #[test]
    fn other_addresses_count_only_where_the_settings_are_about_them() {
        let robot = IpAddr::from([10, 0, 0, 9]);
        assert_eq!(IceSettings::default().scope(robot), Scope::At(robot));
        assert_eq!(servers(&["stun:x"]).scope(robot), Scope::Anywhere);
        let addresses = vec!["wlan0".to_owned()];
        let set = IceSettings { addresses, ..IceSettings::default() };
        assert_eq!(set.scope(robot), Scope::Anywhere);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert_eq!(IceSettings::default().check(), Ok(()));
        assert_eq!(servers(&["stun:x"]).check(), Ok(()));
        let turn = servers(&["stun:x", "turn:y"]);
        assert_eq!(turn.check(), Err(IceError::NoAccount("turn:y".parse().unwrap())));
        let whole = IceSettings { username: "a".into(), credential: "b".to_owned().into(), ..turn };
        assert_eq!(whole.check(), Ok(()));
        let relay = |settings| IceSettings { policy: IcePolicy::Relay, ..settings };
        assert_eq!(relay(whole).check(), Ok(()));
        assert_eq!(relay(servers(&["stun:x"])).check(), Err(IceError::NoRelay));
    }

    #[test]
    fn addresses_are_offered_by_number_and_by_name() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let here = [
            ("lo", "127.0.0.1"),
            ("wlan0", "10.0.0.5"),
            ("wlan0", "fe80::5"),
            ("eth0", "10.1.0.5"),
        ]
        .map(|(name, address)| Interface { name: name.to_owned(), address: ip(address) });
        let offer = |addresses: &[&str], routing| {
            let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
            IceSettings { addresses, ..IceSettings::default() }.offered(ip(routing), &here)
        };
        assert_eq!(offer(&[], "10.0.0.9"), Ok(vec![ip("10.0.0.9")]));
        assert_eq!(offer(&["wlan0"], "10.0.0.5"), Ok(vec![ip("10.0.0.5")]));
        assert_eq!(offer(&["wlan0"], "fe80::1"), Ok(vec![ip("fe80::5")]));
        assert_eq!(
            offer(&["10.1.0.5", "wlan0"], "10.0.0.5"),
            Ok(vec![ip("10.1.0.5"), ip("10.0.0.5")])
        );
        assert_eq!(offer(&["eth0"], "fe80::1"), Err(IceError::Version("IPv6")));
        let unknown = offer(&["wlan0", "tun0"], "10.0.0.5").unwrap_err().to_string();
        assert!(unknown.contains("\"tun0\"") && unknown.contains("wlan0 10.0.0.5, "), "{unknown}");
        assert!(matches!(offer(&["10.9.9.9"], "10.0.0.5"), Err(IceError::NotHere { .. })));
    }
}
