//! `go2 discover` against simulated robots.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::process::Command;

use go2_sim::{Options, Robot};

/// A port that no other test has.
fn port() -> u16 {
    40_000 + (std::process::id() % 5_000) as u16 * 4
}

async fn discover(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_go2"));
    command.args(["discover", "--interface", "127.0.0.1", "--seconds", "1"]);
    command.args(["--port", &port().to_string()]).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_are_listed_with_their_addresses() {
    let (found, _, complaint) = discover(&[]).await;
    assert!(!found && complaint.contains("no robot has answered"), "{complaint}");
    let start = |last: u8, serial_number: &str| {
        Robot::start(Options {
            bind: Ipv4Addr::new(127, 77, (std::process::id() % 250) as u8, last).into(),
            serial_number: serial_number.to_owned(),
            discovery_port: Some(port()),
            ..Options::default()
        })
    };
    let robots =
        [start(1, "B42D000000000002").await.unwrap(), start(2, "B42D000000000001").await.unwrap()];
    let (found, table, complaint) = discover(&[]).await;
    assert!(found, "{complaint}");
    let expected = format!(
        "serial number     address\nB42D000000000001  {}\nB42D000000000002  {}\n",
        robots[1].address().ip(),
        robots[0].address().ip()
    );
    assert_eq!(table, expected);
    let (found, table, _) = discover(&["--serial-number", "B42D000000000002"]).await;
    assert!(found && table.lines().count() == 2, "{table}");
    assert!(!discover(&["--serial-number", "B42D000000000003"]).await.0);
    for robot in robots {
        robot.stop().await;
    }
}
