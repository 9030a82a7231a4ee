//! `go2 discover`.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use clap::Args;
use go2_client::discovery::{Robot, Search};
use go2_proto::signaling::{SEARCH_ANSWER_PORT, SEARCH_GROUP, SEARCH_PORT};

/// What to look for, and where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only the robot with this serial number. Some firmware answers to nothing else
    #[arg(long)]
    serial_number: Option<String>,
    /// IPv4 address of the interface of this computer to search on, where the system takes the wrong one, as with a
    /// VPN; may be repeated
    #[arg(long = "interface", value_name = "ADDRESS")]
    interfaces: Vec<Ipv4Addr>,
    /// How long to wait for answers
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Port of the query; the next but two is that of the answers
    #[arg(long, hide = true, default_value_t = SEARCH_PORT)]
    port: u16,
}

/// Searches; the outcome is a table, or why there is none and what to do.
pub(crate) async fn run(options: &Options) -> Result<String, String> {
    let search = Search {
        serial_number: options.serial_number.clone(),
        interfaces: options.interfaces.clone(),
        wait: Duration::from_secs(options.seconds),
        query: SocketAddrV4::new(SEARCH_GROUP, options.port),
        answer_port: options.port.saturating_add(SEARCH_ANSWER_PORT - SEARCH_PORT),
    };
    let found = search.run().await.map_err(|error| {
        format!("the search cannot begin: {error}. Is there a network, and is each --interface an address of this computer?")
    })?;
    if found.is_empty() {
        return Err(format!(
            "no robot has answered within {} s. Is it on for a minute, and in this network? Guest networks and VPNs keep \
             multicast back: try --interface, or look for its address in the phone app. In its own hotspot it is \
             192.168.12.1",
            options.seconds
        ));
    }
    Ok(table(&found))
}

fn table(found: &[Robot]) -> String {
    let width = found.iter().map(|robot| robot.serial_number.len()).max().unwrap_or(0).max(13);
    let mut text = String::new();
    let _ = writeln!(text, "{:width$}  address", "serial number");
    for Robot { serial_number, address } in found {
        let _ = writeln!(text, "{serial_number:width$}  {address}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let robot = |serial_number: &str, last| Robot {
            serial_number: serial_number.to_owned(),
            address: Ipv4Addr::new(10, 0, 0, last).into(),
        };
        let expected =
            "serial number     address\nB42D              10.0.0.1\nB42D000000000001  10.0.0.2\n";
        assert_eq!(table(&[robot("B42D", 1), robot("B42D000000000001", 2)]), expected);
    }
}
