//! What is written can be read, plays as it was, and holds nothing that it must not.

use std::collections::VecDeque;
use std::path::Path;

use super::form::{Form, FORM};
use super::*;
use crate::progress::Progress;
use crate::session::{Link, LinkBuilder, LinkState};
use crate::transport::{ConnectError, Connector, Transport, TransportError};
use go2_proto::session::RequestError;
use go2_proto::session::{MediaCount, Received};
use go2_proto::video::AccessUnit;

/// A directory of one test's own.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("go2_{name}_{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Gives what it was given, then says that the robot is gone.
struct Script(VecDeque<Received>);

impl Transport for Script {
    async fn send(&mut self, _: String) -> Result<(), TransportError> {
        Ok(())
    }
    fn backlog(&self) -> usize {
        0
    }
    async fn receive(&mut self) -> Result<Received, TransportError> {
        self.0.pop_front().ok_or(TransportError::Closed)
    }
    fn request_keyframe(&mut self) {}
    fn media(&self) -> MediaCount {
        MediaCount::default()
    }
    async fn close(self) {}
}

/// A robot that says the same in every session.
struct Robot(VecDeque<Received>);

impl Connector for Robot {
    type Transport = Script;

    async fn connect(&mut self, _: Progress) -> Result<Script, ConnectError> {
        Ok(Script(self.0.clone()))
    }
    async fn finish(&mut self) {}
    fn target(&self) -> String {
        "a script".to_owned()
    }
}

const STATE: &str = r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v": 28.50}}"#;

fn picture(received: Instant) -> Received {
    Received::Picture(AccessUnit {
        data: vec![0, 0, 0, 1, 0x65, 0xff].into(),
        keyframe: true,
        number: 7,
        timestamp: 123_456_789_012,
        received,
        size: (1280, 720),
    })
}

fn frame(head: &str, payload: &[u8]) -> Received {
    let head = bytes::Bytes::copy_from_slice(head.as_bytes());
    let payload = bytes::Bytes::copy_from_slice(payload);
    Received::Binary(go2_proto::codec::Frame { head, payload }.encode().unwrap())
}

fn everything() -> Vec<Received> {
    vec![
        STATE.into(),
        Received::Text(vec![b'{', 0xff, b'}'].into()),
        "{\"type\":\"msg\",\"topic\":\"rt/x\",\"data\":1}\0\0".into(),
        "[1,".into(),
        frame(r#"{"type":"msg","topic":"rt/utlidar/voxel_map_compressed","data":{}}"#, &[0; 99]),
        Received::Binary(vec![9].into()),
        r#"{"type":"add_error","data":[1,2,3]}"#.into(),
    ]
}

/// Messages that say who the robot is.
fn secrets() -> Vec<Received> {
    vec![
        r#"{"type":"validation","topic":"","data":"S3CRET challenge"}"#.into(),
        r#" {"type":"validation","data":"S3CRET"#.into(),
        r#"{"type":"validation","type":"msg","data":"S3CRET"}"#.into(),
        r#"{"type":"res","topic":"rt/api/bashrunner/response","data":{"data":"S3CRET serial"}}"#
            .into(),
        r#"{"type":"res","topic":"rt/api/bashrunner/response","data":{"data":"S3CRET cut"#.into(),
        frame(r#"{"type":"res","topic":"rt/api/config/response"}"#, b"S3CRET file"),
        Received::Binary(
            b"\x50\0\0\0{\"topic\":\"rt/api/config/response\"} S3CRET".to_vec().into(),
        ),
    ]
}

/// Plays a file by steps: what comes, and when it had arrived, in its time of day.
async fn played(path: &Path) -> (Vec<(Received, Duration)>, String) {
    let (mut player, stepper) = Player::open(path, Pace::Stepped).unwrap();
    let anchor = player.anchor();
    let stepping = tokio::spawn(async move { while stepper.step().await.is_some() {} });
    let mut transport = player.connect(Progress::new().0).await.unwrap();
    assert!(
        matches!(transport.receive().await, Ok(Received::Text(text)) if text.ends_with(b"Ok.\"}"))
    );
    let mut messages = Vec::new();
    let end = loop {
        match transport.receive().await {
            // What has not arrived with the recording is a sign of life.
            Ok(received) => {
                messages.extend(transport.arrived().map(|at| (received, anchor.time(at))))
            }
            Err(end) => break end.to_string(),
        }
    };
    drop(transport);
    stepping.await.unwrap();
    (messages, end)
}

#[tokio::test]
async fn what_was_recorded_is_played_to_the_byte() {
    let room = Room::new("bytes");
    let path = room.file("a.mcap");
    let recorder = Recorder::create(&path).unwrap();
    let mut sent = everything();
    sent.push(picture(Instant::now()));
    for received in &sent {
        recorder.received(received);
    }
    recorder.sent(r#"{"type":"vid","topic":"","data":"on"}"#);
    let counts = recorder.finish();
    assert_eq!(counts, Recorded { written: sent.len() as u64 + 1, dropped: 0, left_out: 0 });

    let (first, end) = played(&path).await;
    assert!(end.contains("is over after 8 messages") && !end.contains("missing"), "{end}");
    let (second, _) = played(&path).await;
    assert_eq!(first.len(), sent.len());
    for (((received, at), (again, at_again)), sent) in first.iter().zip(&second).zip(&sent) {
        assert_eq!(at, at_again);
        match (received, again, sent) {
            // Another replay lies elsewhere on the monotonic clock.
            (Received::Picture(first), Received::Picture(second), Received::Picture(sent)) => {
                let expected = AccessUnit { received: first.received, ..sent.clone() };
                assert_eq!(*first, expected);
                assert_eq!(AccessUnit { received: first.received, ..second.clone() }, expected);
            }
            _ => assert_eq!((received, again), (sent, sent)),
        }
    }
}

#[tokio::test]
async fn a_picture_keeps_the_time_of_its_first_packet() {
    let room = Room::new("picture");
    let path = room.file("a.mcap");
    let recorder = Recorder::create(&path).unwrap();
    recorder.received(&STATE.into());
    let before = Duration::from_millis(40);
    recorder.received(&picture(Instant::now() - before));
    recorder.finish();
    let (mut player, _stepper) = Player::open(&path, Pace::Times(1.0)).unwrap();
    let mut transport = player.connect(Progress::new().0).await.unwrap();
    let unit = loop {
        if let Received::Picture(unit) = transport.receive().await.unwrap() {
            break unit;
        }
    };
    let delay = transport.arrived().unwrap() - unit.received;
    assert!(delay >= before && delay < before * 5, "{delay:?}");
}

#[test]
fn nothing_that_names_or_opens_a_robot_is_in_it() {
    let room = Room::new("secrets");
    let path = room.file("a.mcap");
    let recorder = Recorder::create(&path).unwrap();
    let secrets = secrets();
    secrets.iter().for_each(|secret| recorder.received(secret));
    recorder.sent(r#"{"type":"validation","topic":"","data":"S3CRET answer"}"#);
    recorder.sent(r#"{"type":"req","topic":"rt/api/bashrunner/request","data":"S3CRET"}"#);
    recorder.sent("S3CRET and no JSON");
    recorder.received(&STATE.into());
    let counts = recorder.finish();
    let left_out = secrets.len() as u64 + 3;
    assert_eq!(counts, Recorded { written: 1, dropped: 0, left_out });
    let bytes = std::fs::read(&path).unwrap();
    let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert!(holds(b"28.50") && !holds(b"S3CRET") && !holds(b"UzNDUkVU"));
}

#[test]
fn channels_are_named_as_the_robot_names_its_topics() {
    let room = Room::new("channels");
    let path = room.file("a.mcap");
    let recorder = Recorder::create(&path).unwrap();
    everything().iter().for_each(|received| recorder.received(received));
    recorder.received(&picture(Instant::now()));
    recorder.sent(r#"{"type":"req","topic":"rt/api/sport/request","data":{}}"#);
    recorder.sent(r#"{"type":"heartbeat","topic":"","data":{}}"#);
    recorder.finish();
    let bytes = std::fs::read(&path).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let mut channels: Vec<_> = summary
        .channels
        .values()
        .map(|channel| {
            let schema = channel.schema.as_ref().unwrap();
            assert_eq!(
                (channel.message_encoding.as_str(), schema.encoding.as_str()),
                ("json", "jsonschema")
            );
            serde_json::from_slice::<serde_json::Value>(&schema.data).unwrap();
            assert!(Form::of_name(&channel.metadata[FORM]).is_some());
            (channel.topic.as_str(), schema.name.as_str())
        })
        .collect();
    channels.sort_unstable();
    assert_eq!(
        channels,
        [
            ("camera/video", "foxglove.CompressedVideo"),
            ("from_robot/add_error", "go2.Message"),
            ("from_robot/unreadable", "go2.Bytes"),
            ("from_robot/unreadable_binary", "go2.Bytes"),
            ("rt/lf/lowstate", "go2.Message"),
            ("rt/utlidar/voxel_map_compressed/binary", "go2.Bytes"),
            ("rt/x/text", "go2.Bytes"),
            ("to_robot/heartbeat", "go2.Message"),
            ("to_robot/rt/api/sport/request", "go2.Message"),
        ]
    );
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        let value: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
        assert!(value.is_object(), "{}: {value}", message.channel.topic);
    }
}

#[tokio::test]
async fn what_a_crash_leaves_can_be_played() {
    let room = Room::new("crash");
    let (path, cut) = (room.file("a.mcap"), room.file("cut.mcap"));
    let recorder = Recorder::create(&path).unwrap();
    recorder.received(&STATE.into());
    // Written within a second or so, although nobody has closed it.
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::metadata(&path).unwrap().len() < 300 {
        assert!(Instant::now() < deadline, "nothing was flushed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::copy(&path, &cut).unwrap();
    recorder.finish();
    let (messages, end) = played(&cut).await;
    assert_eq!(messages.len(), 1);
    assert!(end.ends_with("its end is missing"), "{end}");
    // In the middle of a chunk as well: never a panic, never a hang.
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(3) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        if let Ok((player, _stepper)) = Player::open(&cut, Pace::Stepped) {
            drop(player);
        }
    }
}

#[test]
fn damage_anywhere_is_an_error_at_worst() {
    let room = Room::new("damage");
    let (path, bad) = (room.file("a.mcap"), room.file("bad.mcap"));
    let recorder = Recorder::create(&path).unwrap();
    everything().iter().for_each(|received| recorder.received(received));
    recorder.received(&picture(Instant::now()));
    recorder.finish();
    let whole = std::fs::read(&path).unwrap();
    let anchor = Anchor { at: Instant::now(), time: Duration::ZERO };
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= [0x01, 0x80, 0xff][place % 3];
        std::fs::write(&bad, &bytes).unwrap();
        let mut reader = super::read::Reader::open(&bad).unwrap();
        while let Ok(Some(entry)) = reader.next() {
            let _ = super::form::replayed(entry.form, &entry.data, &anchor);
        }
    }
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_what_it_is() {
    let room = Room::new("refused");
    let path = room.file("a.mcap");
    let refusal = |path: &Path| match Player::open(path, Pace::Stepped) {
        Ok(_) => panic!("{} was taken", path.display()),
        Err(error) => error.to_string(),
    };
    assert!(refusal(&path).contains("cannot be read: No such file"));
    std::fs::write(&path, "[not, mcap, but, long, enough, to, be, looked, at]").unwrap();
    assert!(refusal(&path).contains("no MCAP file"), "{}", refusal(&path));
    std::fs::write(&path, "").unwrap();
    assert!(refusal(&path).contains("nothing of a robot"));
    std::fs::remove_file(&path).unwrap();
    let mut other = mcap::Writer::new(std::fs::File::create(&path).unwrap()).unwrap();
    other.add_channel(0, "x", "json", &Default::default()).unwrap();
    other.finish().unwrap();
    drop(other);
    assert!(refusal(&path).contains("nothing of a robot"));
    // And what is there is not written over.
    let error = Recorder::create(&path).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    let named = Recorder::create(&room.0).unwrap();
    assert!(named.path().file_name().unwrap().to_string_lossy().starts_with("go2_"));
    named.finish();
}

#[tokio::test]
async fn what_a_file_calls_its_topics_is_clean() {
    let room = Room::new("odd_topics");
    let path = room.file("a.mcap");
    let options = mcap::WriteOptions::new().compression(None).library("x");
    let mut writer = options.create(std::fs::File::create(&path).unwrap()).unwrap();
    let metadata = std::collections::BTreeMap::from([(FORM.to_owned(), "message".to_owned())]);
    let channel_id = writer.add_channel(0, &go2_proto::text::nasty(), "json", &metadata).unwrap();
    let header =
        mcap::records::MessageHeader { channel_id, sequence: 0, log_time: 1, publish_time: 1 };
    writer.write_to_known_channel(&header, br#"{"type":"msg","topic":"rt/x","data":{}}"#).unwrap();
    writer.finish().unwrap();
    drop(writer);

    let (mut player, stepper) = Player::open(&path, Pace::Stepped).unwrap();
    let stepping = tokio::spawn(async move { stepper.step().await });
    let mut transport = player.connect(Progress::new().0).await.unwrap();
    while transport.receive().await.is_ok() {}
    let step = stepping.await.unwrap().expect("nothing was played");
    go2_proto::text::assert_clean(&step.topic, 120);
    assert!(step.topic.starts_with("a\\u{0}"), "{}", step.topic);
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    // Linux has a device for it.
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    // The first bytes wait in memory, so that the failure comes later, or at once: both are the caller's to see.
    let room = Room::new("full");
    let link = room.file("full.mcap");
    drop(full);
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let error = Recorder::create(&link).unwrap_err();
    assert!(matches!(error, RecordingError::Exists(_)), "{error}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = Recorder::of_file(full, link).unwrap_err().to_string();
    assert!(error.contains("cannot be written: No space left"), "{error}");
}

#[test]
fn a_disk_that_fails_later_costs_the_rest_of_the_recording() {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = std::fs::File::from(std::os::fd::OwnedFd::from(writer));
    let recorder = Recorder::of_file(file, "a pipe".into()).unwrap();
    drop(reader);
    let deadline = Instant::now() + Duration::from_secs(10);
    while recorder.counts().dropped < 3 {
        assert!(Instant::now() < deadline, "{:?}", recorder.counts());
        recorder.received(&STATE.into());
        std::thread::sleep(Duration::from_millis(10));
    }
    let counts = recorder.finish();
    assert!(counts.written > 0 && counts.dropped >= 3, "{counts:?}");
    // And after its end nothing waits.
    recorder.received(&STATE.into());
    assert_eq!(recorder.counts().dropped, counts.dropped + 1);
}

#[tokio::test]
async fn a_recorded_link_can_be_played_as_a_link() {
    let room = Room::new("link");
    let path = room.file("a.mcap");
    let recorder = Recorder::create(&path).unwrap();
    let mut script =
        VecDeque::from([r#"{"type":"validation","topic":"","data":"Validation Ok."}"#.into()]);
    script.extend((0..20).map(|_| STATE.into()));
    let mut builder = LinkBuilder::default();
    let mut states = builder.subscribe("rt/lf/lowstate", 64);
    let link = builder.start(Recording::new(Robot(script), recorder.clone()));
    for _ in 0..20 {
        states.recv().await.unwrap();
    }
    link.close().await;
    recorder.finish();

    let (player, stepper) = Player::open(&path, Pace::Stepped).unwrap();
    let anchor = player.anchor();
    let mut builder = LinkBuilder::default();
    let mut states = builder.subscribe("rt/lf/lowstate", 64);
    let link = builder.start(player);
    reaches(&link, |state| *state == LinkState::Live).await;
    let request = go2_proto::codec::Request::sport(1003).with_priority();
    let refused = link.request(request, Duration::from_secs(5)).await;
    assert_eq!(refused.unwrap_err(), RequestError::Recording);
    let refused = link.publish("rt/x", 1.into()).await;
    assert_eq!(refused, Err(RequestError::Recording));
    let mut steps = 0;
    while let Some(step) = stepper.step().await {
        let message = states.try_recv().expect("it is there when the step is done");
        assert_eq!(step.topic, "rt/lf/lowstate");
        assert_eq!(anchor.time(message.received), anchor.time + step.at);
        steps += 1;
    }
    assert!(steps >= 20, "{steps}");
    reaches(&link, |state| state.name() == "stopped").await;
    let text = link.state().borrow().to_string();
    assert!(text.starts_with("stopped: the recording") && text.contains("is over after"), "{text}");
    link.close().await;
}

async fn reaches(link: &Link, wanted: impl Fn(&LinkState) -> bool) {
    let mut state = link.state();
    let reached = state.wait_for(|state| wanted(state));
    tokio::time::timeout(Duration::from_secs(10), reached).await.expect("in time").unwrap();
}
