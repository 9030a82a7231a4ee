//! Whom the link believes: who has the key, who has the serial number, who answers from the robot's address.
#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests too

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{address, connect, connect_with, end, robot, target, Client, LIMIT};
use go2_client::session::{LinkBuilder, LinkState};
use go2_client::transport::ice::IceSettings;
use go2_client::transport::webrtc::WebRtcConnector;
use go2_proto::motion::Velocity;
use go2_proto::session::Timing;
use go2_sim::{Failure, Generation, Mishap, Options, Robot, Service, ServiceOptions, Span, Target};
use tokio::net::UdpSocket;

const KEY: &str = "00112233445566778899aabbccddeeff";
const OTHER_KEY: &str = "ffeeddccbbaa99887766554433221100";
const SERIAL_NUMBER: &str = "B42D0000TEST0001";

/// Half a minute in half a second.
fn impatient() -> Timing {
    Timing { longest_wait: Duration::from_millis(500), ..Timing::default() }
}

fn generation(generation: Generation) -> Options {
    let static_under_3 = generation == Generation::Three;
    Options { generation, static_under_3, ..robot() }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_who_has_not_shown_it_gets_no_offer_and_no_token() {
    for (which, seen) in [
        (Generation::Plain, "port 8081"),
        (Generation::Absent, "unencrypted"),
        (Generation::One, "data2=1"),
        (Generation::Two, "data2=2"),
        (Generation::Three, "published key"),
    ] {
        let robot = Robot::start(generation(which)).await.unwrap();
        let mut target = target(robot.address(), which != Generation::Plain);
        target.key = Some(KEY.parse().unwrap());
        target.token = "a token".to_owned().into();
        let client = connect(target.clone());
        let reason = client.failure().await;
        assert!(reason.starts_with("key_needed: ") && reason.contains(seen), "{which:?}: {reason}");
        let remedies = ["Check the address", "it has no key", "[GO2-KEY-UNPROVEN]"];
        assert!(remedies.iter().all(|remedy| reason.contains(remedy)), "{reason}");
        client.link.close().await;
        assert!(robot.log().of("offer").is_empty(), "{which:?}");

        target.allow_other_keys = true;
        let client = connect(target.clone());
        client.live().await;
        assert_eq!(robot.log().of("offer")[0]["has_token"], false, "{which:?}");
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_goes_to_the_robot_that_has_the_key_and_where_there_is_none() {
    for key in [Some(KEY), None] {
        let key = key.map(|key| key.parse().unwrap());
        let generation = if key.is_some() { Generation::Three } else { Generation::Two };
        let options = Options { generation, key: key.clone(), ..robot() };
        let robot = Robot::start(options).await.unwrap();
        let mut target = target(robot.address(), true);
        (target.key, target.token) = (key, "a token".to_owned().into());
        let client = connect(target);
        client.live().await;
        assert_eq!(robot.log().of("offer")[0]["has_token"], true);
        end(robot, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_robot_is_found_again_where_another_one_was() {
    let of_key = |key: &str, options: Options| Options {
        generation: Generation::Three,
        key: Some(key.parse().unwrap()),
        ..options
    };
    let options = robot();
    let wrong = Robot::start(of_key(OTHER_KEY, options.clone())).await.unwrap();
    let address = wrong.address();
    let mut target = target(address, true);
    target.key = Some(KEY.parse().unwrap());
    let client = connect_with(target, impatient());
    let key_needed = |state: &LinkState| state.name() == "key_needed";
    client.wait_for(key_needed).await;
    wrong.stop().await;
    let options = Options { encrypted_port: address.port(), ..options };
    let right = Robot::start(of_key(KEY, options)).await.unwrap();
    client.live().await;
    end(right, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_do_not_outlast_their_reason() {
    for mishap in [
        Mishap::Notify(Failure::Status(403)),
        Mishap::Offer(Failure::Status(403)),
        Mishap::Notify(Failure::UnknownData2),
    ] {
        let robot = Robot::start(robot()).await.unwrap();
        let refused = robot.mishaps().begin(mishap.clone(), Span::Open);
        let client = connect_with(target(robot.address(), true), impatient());
        let state = client.wait_for(|state| state.name() == "refused").await.to_string();
        assert!(state.contains("next attempt in"), "{mishap:?}: {state}");
        assert!(robot.mishaps().end(refused));
        client.live().await;
        end(robot, client).await;
    }
}

/// Drives at 20 Hz, from before there is a session.
fn drive(client: &Client) -> tokio::task::JoinHandle<()> {
    let link = client.link.handle();
    tokio::spawn(async move {
        loop {
            link.drive(Velocity { x: 0.3, ..Velocity::ZERO });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

fn moves(robot: &Robot) -> usize {
    robot.log().of("request").iter().filter(|request| request["api_id"] == 1008).count()
}

/// Seconds from the question for the serial number to the first Move.
async fn first_move_after_question(robot: &Robot) -> f64 {
    let log = robot.log();
    let request = |entry: &serde_json::Value| entry["event"] == "request";
    let moved = log.wait_for(0, LIMIT, |entry| request(entry) && entry["api_id"] == 1008).await;
    let moved = moved.expect("no Move");
    let asked = |entry: &serde_json::Value| entry["parameter"].as_str().unwrap().contains("get_sn");
    let asked = log.of("request").into_iter().find(asked).expect("not asked");
    moved["t"].as_f64().unwrap() - asked["t"].as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_of_another_serial_number_is_left_before_it_walks() {
    let options = Options { serial_number: "B42D0000TEST0002".to_owned(), ..robot() };
    let robot = Robot::start(options).await.unwrap();
    let mut target = target(robot.address(), true);
    target.serial_number = Some(SERIAL_NUMBER.to_owned());
    let client = connect(target);
    let driver = drive(&client);
    let state = client.wait_for(|state| state.name() == "refused").await.to_string();
    for word in [SERIAL_NUMBER, "B42D0000TEST0002", "[GO2-OTHER-ROBOT]", "next attempt in"] {
        assert!(state.contains(word), "{word}: {state}");
    }
    let closed = robot.log().wait_for(0, LIMIT, |entry| entry["event"] == "closed").await;
    assert_eq!(closed.expect("still in session")["reason"], "the client left");
    assert_eq!(moves(&robot), 0);
    driver.abort();
    client.link.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_robot_that_was_asked_for_walks_once_it_has_told_who_it_is() {
    let services = ServiceOptions { answer_after: 1000, ..robot().services };
    let options = Options { serial_number: SERIAL_NUMBER.to_owned(), services, ..robot() };
    let robot = Robot::start(options).await.unwrap();
    let mut target = target(robot.address(), true);
    target.serial_number = Some(SERIAL_NUMBER.to_lowercase());
    let client = connect(target);
    let driver = drive(&client);
    let waited = first_move_after_question(&robot).await;
    assert!(waited > 0.9, "the answer takes a second: {waited}");
    driver.abort();
    let _ = driver.await;
    end(robot, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_tells_no_serial_number_walks_after_five_seconds() {
    let silent = Target { service: Service::Bashrunner, api_id: None };
    let services = ServiceOptions { never_answers: vec![silent], ..robot().services };
    let robot = Robot::start(Options { services, ..robot() }).await.unwrap();
    let mut target = target(robot.address(), true);
    target.serial_number = Some(SERIAL_NUMBER.to_owned());
    let client = connect(target);
    let driver = drive(&client);
    let waited = first_move_after_question(&robot).await;
    assert!(waited > 4.5 && waited < 10.0, "{waited}");
    driver.abort();
    let _ = driver.await;
    end(robot, client).await;
}

/// Sockets at a third address, on ports in a row.
async fn bystanders(count: u16) -> (SocketAddr, Vec<UdpSocket>) {
    let ip = address();
    'again: for first in (30_000..60_000).step_by(usize::from(count)) {
        let mut sockets = Vec::new();
        for port in first..first + count {
            match UdpSocket::bind((ip, port)).await {
                Ok(socket) => sockets.push(socket),
                Err(_) => continue 'again,
            }
        }
        return ((ip, first).into(), sockets);
    }
    panic!("no {count} ports in a row");
}

fn packets(sockets: &[UdpSocket]) -> usize {
    let mut packet = [0; 2048];
    let one = |socket: &UdpSocket, packet: &mut [u8]| socket.try_recv_from(packet).is_ok();
    sockets.iter().map(|socket| usize::from(one(socket, &mut packet))).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_addresses_that_the_answer_names_beside_the_robots() {
    let (at, sockets) = bystanders(40).await;
    // The second answer is too long to be one.
    for (count, connects) in [(500, true), (1500, false)] {
        let robot = Robot::start(robot()).await.unwrap();
        let named = Failure::Candidates { at, count };
        let mishap = robot.mishaps().begin(Mishap::Offer(named), Span::Open);
        let client = connect_with(target(robot.address(), true), impatient());
        if connects {
            // And again in a second session.
            for sessions in [1, 2] {
                let mut counters = client.link.counters();
                let live = counters.wait_for(|counters| counters.sessions == sessions);
                tokio::time::timeout(LIMIT, live).await.expect("no session").unwrap();
                client.live().await;
                if sessions == 1 {
                    robot.mishaps().begin(Mishap::CloseChannel, Span::Times(1));
                }
            }
        } else {
            let reason = client.failure().await;
            assert!(reason.contains("longer than 64 KiB"), "{reason}");
            let felt = robot.mishaps().wait(mishap, LIMIT, |fate| fate.felt > 2).await;
            assert!(felt.unwrap().felt > 2, "no further attempts");
        }
        client.link.close().await;
        robot.stop().await;
    }
    assert_eq!(packets(&sockets), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_settings_are_about_other_ways_others_are_tried() {
    let (at, sockets) = bystanders(3).await;
    let robot = Robot::start(robot()).await.unwrap();
    let named = Failure::Candidates { at, count: 3 };
    robot.mishaps().begin(Mishap::Offer(named), Span::Open);
    let mut connector = WebRtcConnector::new(target(robot.address(), true));
    let addresses = vec!["127.0.0.1".to_owned()];
    connector.ice = IceSettings { addresses, ..IceSettings::default() };
    let link = LinkBuilder::default().start(connector);
    let seen = async {
        while packets(&sockets) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.expect("nothing was sent there");
    link.close().await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_says_reaches_people_clean_and_short() {
    let robot = Robot::start(robot()).await.unwrap();
    robot.mishaps().begin(Mishap::Offer(Failure::OddLine), Span::Open);
    let client = connect(target(robot.address(), true));
    let reason = client.failure().await;
    assert!(reason.contains("[GO2-ENGINE-FAILED]"), "{reason}");
    assert!(reason.chars().count() < 600 && !reason.chars().any(char::is_control), "{reason:?}");
    client.link.close().await;
    robot.stop().await;
}
