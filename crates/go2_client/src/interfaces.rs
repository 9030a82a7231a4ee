//! The network interfaces of this computer.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// An address of an interface. One with several addresses is there several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `wlan0`.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

impl std::fmt::Display for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.address)
    }
}

/// Those that are up and have an address; loopback too.
pub fn list() -> io::Result<Vec<Interface>> {
    let down = |status: &if_addrs::IfOperStatus| {
        use if_addrs::IfOperStatus as Status;
        matches!(status, Status::Down | Status::NotPresent | Status::LowerLayerDown)
    };
    let interfaces = if_addrs::get_if_addrs()?.into_iter();
    let up = interfaces.filter(|interface| !down(&interface.oper_status));
    Ok(up.map(|interface| Interface { address: interface.ip(), name: interface.name }).collect())
}

/// Their IPv4 addresses, each once.
pub(crate) fn ipv4(interfaces: &[Interface]) -> Vec<Ipv4Addr> {
    let mut addresses = Vec::new();
    for interface in interfaces {
        if let IpAddr::V4(address) = interface.address {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_listed() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let found = list().unwrap();
        let found = found.iter().find(|interface| interface.address == loopback).unwrap();
        assert!(found.name.starts_with("lo"), "{found}");
    }

    #[test]
    fn ipv4_addresses_are_listed_once() {
        let interface = |name: &str, address: &str| Interface {
            name: name.to_owned(),
            address: address.parse().unwrap(),
        };
        let all = [
            interface("a", "10.0.0.1"),
            interface("a", "fe80::1"),
            interface("b", "10.0.0.1"),
            interface("b", "10.0.0.2"),
        ];
        let [first, second] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        assert_eq!(ipv4(&all), [first, second] as [Ipv4Addr; 2]);
    }
}
