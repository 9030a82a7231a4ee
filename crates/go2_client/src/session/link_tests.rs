//! The link with a transport that is not there, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::active::BACKLOG_POLL;
use super::*;
use crate::progress::{Passed, Progress};
use crate::signaling::SignalingError;
use crate::transport::ice::IceError;
use crate::transport::{ConnectError, Transport, TransportError};
use go2_proto::codec::{api, topics};
use go2_proto::motion::Velocity;
use go2_proto::session::backlog::VELOCITY as VELOCITY_BACKLOG;
use go2_proto::session::{MediaCount, Received};
use go2_proto::signaling::KeyProblem;

#[path = "held_link_tests.rs"]
mod held;

const CHALLENGE: &str = r#"{"type":"validation","topic":"","data":"0123456789abcdef"}"#;
const OK: &str = r#"{"type":"validation","topic":"","data":"Validation Ok."}"#;

/// The test's end of a transport.
#[derive(Clone, Default)]
struct Wire(Arc<WireState>);

#[derive(Default)]
struct WireState {
    sent: Mutex<Vec<serde_json::Value>>,
    to_client: Mutex<Option<mpsc::UnboundedSender<Received>>>,
    backlog: AtomicUsize,
    closed: AtomicUsize,
    /// Milliseconds that saying goodbye takes.
    slow_goodbye: AtomicUsize,
    keyframes: AtomicUsize,
    refusals: Mutex<Vec<ConnectError>>,
}

impl Wire {
    fn say(&self, text: &str) {
        self.0.to_client.lock().unwrap().as_ref().unwrap().send(Received::from(text)).unwrap();
    }

    /// Breaks the connection.
    fn cut(&self) {
        *self.0.to_client.lock().unwrap() = None;
    }

    fn sent(&self, kind: &str) -> Vec<serde_json::Value> {
        let sent = self.0.sent.lock().unwrap();
        sent.iter().filter(|message| message["type"] == kind).cloned().collect()
    }

    /// Api ids and parameters of the requests so far.
    fn requests(&self) -> Vec<(i64, String)> {
        let request = |message: serde_json::Value| {
            let data = &message["data"];
            let api_id = data["header"]["identity"]["api_id"].as_i64().unwrap();
            (api_id, data["parameter"].as_str().unwrap().to_owned())
        };
        self.sent("req").into_iter().map(request).collect()
    }
}

struct FakeTransport {
    wire: Wire,
    incoming: mpsc::UnboundedReceiver<Received>,
}

impl Transport for FakeTransport {
    async fn send(&mut self, text: String) -> Result<(), TransportError> {
        self.wire.0.sent.lock().unwrap().push(serde_json::from_str(&text).unwrap());
        Ok(())
    }

    fn backlog(&self) -> usize {
        self.wire.0.backlog.load(Ordering::Relaxed)
    }

    async fn receive(&mut self) -> Result<Received, TransportError> {
        self.incoming.recv().await.ok_or(TransportError::Lost)
    }

    fn request_keyframe(&mut self) {
        self.wire.0.keyframes.fetch_add(1, Ordering::Relaxed);
    }

    fn media(&self) -> MediaCount {
        MediaCount::default()
    }

    async fn close(self) {
        let slow = self.wire.0.slow_goodbye.load(Ordering::Relaxed) as u64;
        tokio::time::sleep(Duration::from_millis(slow)).await;
        self.wire.0.closed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connector for Wire {
    type Transport = FakeTransport;

    async fn connect(&mut self, progress: Progress) -> Result<FakeTransport, ConnectError> {
        if let Some(refusal) = self.0.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        progress.tell(Passed::Opened);
        let (to_client, incoming) = mpsc::unbounded_channel();
        *self.0.to_client.lock().unwrap() = Some(to_client);
        self.say(CHALLENGE);
        self.say(OK);
        Ok(FakeTransport { wire: self.clone(), incoming })
    }

    async fn finish(&mut self) {}

    fn target(&self) -> String {
        "fake".into()
    }
}

async fn live(link: &Link) {
    link.state().wait_for(|state| *state == LinkState::Live).await.unwrap();
}

/// Lets all tasks run until they wait; the clock stands still.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn picture(received: std::time::Instant) -> AccessUnit {
    let data = Bytes::from_static(&[0, 0, 0, 1, 0x65]);
    AccessUnit { data, keyframe: true, number: 0, timestamp: 0, received, size: (16, 16) }
}

fn forward(x: f64) -> Velocity {
    Velocity { x, ..Velocity::ZERO }
}

#[tokio::test(start_paused = true)]
async fn the_steps_of_the_latest_attempt_are_kept() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    let mut steps = link.steps();
    live(&link).await;
    let passed: Vec<_> = steps.borrow_and_update().iter().map(|step| step.passed.clone()).collect();
    assert_eq!(passed, [Passed::Opened]);
    wire.0.refusals.lock().unwrap().push(SignalingError::Throttled.into());
    wire.cut();
    steps.wait_for(Vec::is_empty).await.unwrap();
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn on_a_stuck_link_only_the_newest_velocity_waits() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    wire.0.backlog.store(VELOCITY_BACKLOG, Ordering::Relaxed);
    for i in 0..4 {
        link.drive(forward(f64::from(i + 1)));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(wire.requests(), []);
    wire.0.backlog.store(0, Ordering::Relaxed);
    tokio::time::sleep(BACKLOG_POLL).await;
    settle().await;
    assert_eq!(wire.requests(), [(api::MOVE, r#"{"x":4,"y":0,"z":0}"#.to_owned())]);
    link.close().await;
}

/// Lets so many milliseconds pass in which the robot is heard.
async fn talk(wire: &Wire, milliseconds: u64) {
    for _ in 0..milliseconds / 10 {
        wire.say(r#"{"type":"msg","topic":"rt/lf/lowstate","data":{}}"#);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    settle().await;
}

fn moves(wire: &Wire) -> Vec<String> {
    wire.requests().into_iter().map(|(_, parameter)| parameter).collect()
}

#[tokio::test(start_paused = true)]
async fn into_silence_of_half_a_second_only_zeros_are_sent() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    let mut hears = link.hears();
    talk(&wire, 100).await;
    let silent = Instant::now();
    hears.wait_for(|hears| !hears).await.unwrap();
    let half = Timing::default().quiet;
    assert!((half - Duration::from_millis(11)..=half).contains(&silent.elapsed()));
    assert_eq!(*link.state().borrow(), LinkState::Live, "that is nothing to tell a person");
    link.drive(forward(1.0));
    settle().await;
    assert!(moves(&wire).is_empty());
    link.drive(Velocity::ZERO);
    settle().await;
    assert_eq!(moves(&wire), [r#"{"x":0,"y":0,"z":0}"#]);
    talk(&wire, 10).await;
    assert!(*hears.borrow());
    assert_eq!(moves(&wire).len(), 1, "what was given into the silence is not kept");
    link.drive(forward(2.0));
    settle().await;
    assert_eq!(moves(&wire).pop().unwrap(), r#"{"x":2,"y":0,"z":0}"#);
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_velocity_that_has_waited_for_half_a_second_is_dropped() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    wire.0.backlog.store(VELOCITY_BACKLOG, Ordering::Relaxed);
    link.drive(forward(1.0));
    talk(&wire, 510).await;
    wire.0.backlog.store(0, Ordering::Relaxed);
    talk(&wire, 100).await;
    assert!(moves(&wire).is_empty());
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_velocity_waits_while_an_earlier_message_is_not_acknowledged_for_long() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    talk(&wire, 100).await;
    link.drive(forward(1.0));
    settle().await;
    wire.0.backlog.store(100, Ordering::Relaxed); // some of this one
    talk(&wire, 250).await;
    link.drive(forward(2.0));
    settle().await;
    assert_eq!(moves(&wire).len(), 2, "that can be a slow acknowledgment");
    wire.0.backlog.store(300, Ordering::Relaxed); // some of the first still
    talk(&wire, 60).await;
    link.drive(forward(3.0));
    talk(&wire, 100).await;
    link.drive(forward(4.0));
    talk(&wire, 100).await;
    assert_eq!(moves(&wire).len(), 2);
    wire.0.backlog.store(0, Ordering::Relaxed);
    talk(&wire, 20).await;
    assert_eq!(moves(&wire)[2..], [r#"{"x":4,"y":0,"z":0}"#]);
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_velocity_that_waits_is_void_once_a_stop_goes_out() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    talk(&wire, 100).await;
    wire.0.backlog.store(VELOCITY_BACKLOG, Ordering::Relaxed);
    link.drive(forward(1.0));
    talk(&wire, 50).await;
    let handle = link.handle();
    let stop = Request::sport(api::STOP_MOVE).with_priority();
    tokio::spawn(async move { handle.request(stop, Duration::from_secs(1)).await });
    talk(&wire, 50).await;
    wire.0.backlog.store(0, Ordering::Relaxed);
    talk(&wire, 100).await;
    let sent: Vec<_> = wire.requests().into_iter().map(|(api_id, _)| api_id).collect();
    assert_eq!(sent, [api::STOP_MOVE]);
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_out_after_the_velocity_before_it() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    for _ in 0..20 {
        link.drive(Velocity::ZERO);
        let handle = link.handle();
        let stop = Request::sport(api::STOP_MOVE);
        tokio::spawn(async move { handle.request(stop, Duration::from_secs(1)).await });
        settle().await;
    }
    let order: Vec<_> = wire.requests().into_iter().map(|(api_id, _)| api_id).collect();
    assert_eq!(order, [api::MOVE, api::STOP_MOVE].repeat(20));
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_called_off_before_its_turn_is_not_sent() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    assert!(link.session_age().is_some());
    let limit = Duration::from_secs(1);
    {
        let mut asked = std::pin::pin!(link.request(Request::sport(api::STAND_UP), limit));
        assert!(is_pending(&mut asked), "it waits in the queue");
    }
    let handle = link.handle();
    let stop = Request::sport(api::STOP_MOVE);
    tokio::spawn(async move { handle.request(stop, limit).await });
    settle().await;
    assert_eq!(wire.requests(), [(api::STOP_MOVE, String::new())]);
    link.close().await;
}

/// Polls a future once; whether it is not done.
fn is_pending<T>(future: &mut (impl std::future::Future<Output = T> + Unpin)) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context).is_pending()
}

#[tokio::test(start_paused = true)]
async fn what_was_driven_before_a_session_is_not_walked_in_it() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    wire.cut();
    link.state().wait_for(|state| matches!(state, LinkState::BackingOff { .. })).await.unwrap();
    link.drive(forward(1.0));
    live(&link).await;
    settle().await;
    assert_eq!(wire.requests(), []);
    assert_eq!(wire.0.closed.load(Ordering::Relaxed), 1, "the lost one was closed as well");
    link.close().await;
    assert_eq!(wire.0.closed.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_end_with_the_session_that_they_were_made_in() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    let handle = link.handle();
    let minute = Duration::from_secs(60);
    let asked = tokio::spawn(async move { handle.request(Request::sport(1), minute).await });
    settle().await;
    wire.cut();
    assert_eq!(asked.await.unwrap(), Err(RequestError::Lost));
    let refused = link.request(Request::sport(1), minute).await;
    assert_eq!(refused, Err(RequestError::NotLive), "while backing off");
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_robot_is_left_alone_for_a_while_and_a_wrong_key_is_looked_at_again() {
    let wire = Wire::default();
    let busy = ConnectError::Signaling(SignalingError::Busy);
    wire.0.refusals.lock().unwrap().push(busy);
    let start = Instant::now();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    assert!(start.elapsed() >= Duration::from_secs(10));

    let rejected = ConnectError::Signaling(SignalingError::Key(KeyProblem::Rejected));
    wire.0.refusals.lock().unwrap().push(rejected);
    wire.cut();
    link.state().wait_for(|state| state.name() == "key_needed").await.unwrap();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(link.state().borrow().name(), "key_needed");
    live(&link).await;
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_change_by_itself_stays_final() {
    let wire = Wire::default();
    wire.0.refusals.lock().unwrap().push(ConnectError::Ice(IceError::NoRelay));
    let link = LinkBuilder::default().start(wire.clone());
    link.state().wait_for(|state| matches!(state, LinkState::Stopped { .. })).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(link.state().borrow().name(), "stopped");
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_robot_that_is_busy_with_our_own_lost_session_is_asked_until_its_slot_is_free() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    let busy = || ConnectError::Signaling(SignalingError::Busy);
    let states = link.state();
    for (times, longest) in [(1, 4.0), (8, 16.0), (12, 22.0)] {
        wire.0.refusals.lock().unwrap().extend((0..times).map(|_| busy()));
        let start = Instant::now();
        wire.cut();
        link.state().wait_for(|state| state.name() == "busy").await.unwrap();
        let sentence = states.borrow().to_string();
        assert!(sentence.contains("just lost") && sentence.contains("[GO2-BUSY]"), "{sentence}");
        live(&link).await;
        assert!(start.elapsed().as_secs_f64() < longest, "{times} times: {:?}", start.elapsed());
    }
    // After twenty seconds it is somebody else's.
    wire.0.refusals.lock().unwrap().extend((0..16).map(|_| busy()));
    wire.cut();
    let others = |state: &LinkState| state.to_string().contains("Close the phone app");
    link.state().wait_for(others).await.unwrap();
    let left = wire.0.refusals.lock().unwrap().len();
    assert_eq!(left, 1, "it was asked every one and a half seconds until then");
    let start = Instant::now();
    live(&link).await;
    assert!(start.elapsed() > Duration::from_secs(20), "{:?}", start.elapsed());
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn states_follow_what_is_heard() {
    let wire = Wire::default();
    let mut builder = LinkBuilder::default();
    let _low = builder.subscribe(topics::LOW_STATE, 4);
    let _sport = builder.subscribe(topics::SPORT_MODE_STATE, 4);
    let link = builder.start(wire.clone());
    live(&link).await;
    let (state, session) = (link.state(), link.session());
    let say = |topic: &str| wire.say(&format!(r#"{{"type":"msg","topic":"{topic}","data":{{}}}}"#));
    let tick = |topics: &'static [&'static str], ticks: u32| {
        let say = &say;
        async move {
            for _ in 0..ticks {
                topics.iter().for_each(|topic| say(topic));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    tick(&[topics::LOW_STATE, topics::SPORT_MODE_STATE], 30).await;
    assert_eq!(*state.borrow(), LinkState::Live);
    assert_eq!(link.streams().borrow().iter().filter(|stream| stream.count > 20).count(), 2);

    tick(&[topics::LOW_STATE], 35).await;
    let stopped = vec![topics::SPORT_MODE_STATE.to_owned()];
    assert_eq!(*state.borrow(), LinkState::Degraded { stopped });
    assert!(*link.hears().borrow() && link.in_session());

    tokio::time::sleep(Duration::from_millis(1500)).await;
    settle().await;
    assert_eq!(*state.borrow(), LinkState::Stale);
    assert!(!*link.hears().borrow() && link.in_session(), "requests may still be made");
    assert!(state.borrow().to_string().contains("is it on and in reach?"));

    tick(&[topics::LOW_STATE, topics::SPORT_MODE_STATE], 5).await;
    assert_eq!(*state.borrow(), LinkState::Live);
    assert_eq!(*session.borrow(), Some(1), "all the time");

    let silent = Instant::now();
    link.state().wait_for(|state| matches!(state, LinkState::BackingOff { .. })).await.unwrap();
    assert!(silent.elapsed() <= Timing::default().silence);
    assert!(!link.in_session() && link.streams().borrow().is_empty());
    live(&link).await;
    assert_eq!(*session.borrow(), Some(2));
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_goodbye_is_waited_for_and_hides_nothing() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    wire.0.slow_goodbye.store(2000, Ordering::Relaxed);
    let start = Instant::now();
    wire.cut();
    link.state().wait_for(|state| matches!(state, LinkState::BackingOff { .. })).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "told before the goodbye");
    live(&link).await;
    assert!(start.elapsed() > Duration::from_secs(2), "the robot is free before it is asked again");
    wire.cut();
    settle().await;
    link.close().await;
    assert_eq!(wire.0.closed.load(Ordering::Relaxed), 2, "also when the owner does not wait");
}

#[tokio::test(start_paused = true)]
async fn sessions_that_end_at_once_are_made_ever_more_rarely() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    let mut pauses = Vec::new();
    for _ in 0..4 {
        live(&link).await;
        let start = Instant::now();
        wire.cut();
        link.state().wait_for(|state| !state.in_session()).await.unwrap();
        live(&link).await;
        pauses.push(start.elapsed().as_millis());
    }
    assert!(pauses.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{pauses:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    wire.say(OK);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    wire.cut();
    link.state().wait_for(|state| !state.in_session()).await.unwrap();
    live(&link).await;
    assert!(start.elapsed() < Duration::from_millis(400), "after a good one without delay");
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_loses_the_oldest_and_is_told() {
    let wire = Wire::default();
    let mut builder = LinkBuilder::default();
    let mut topic = builder.subscribe("rt/a", 2);
    let link = builder.start(wire.clone());
    live(&link).await;
    for i in 0..5 {
        wire.say(&format!(r#"{{"type":"msg","topic":"rt/a","data":{i}}}"#));
    }
    settle().await;
    assert!(matches!(topic.recv().await, Err(broadcast::error::RecvError::Lagged(3))));
    assert_eq!(topic.recv().await.unwrap().data.as_bytes(), b"3");
    link.close().await;
    assert_eq!(topic.recv().await.unwrap().data.as_bytes(), b"4");
    assert!(topic.recv().await.is_err(), "closed with the link");
}

#[tokio::test(start_paused = true)]
async fn the_streams_stay_as_wanted_from_session_to_session() {
    let wire = Wire::default();
    let builder = LinkBuilder::default();
    let mut pictures = builder.pictures();
    let link = builder.start(wire.clone());
    live(&link).await;
    settle().await;
    assert!(wire.sent("vid").is_empty() && wire.sent("msg").is_empty(), "nobody wants anything");
    link.set_video(true);
    link.set_lidar(false);
    link.request_keyframe();
    settle().await;
    assert_eq!(wire.sent("vid").last().unwrap()["data"], "on");
    assert_eq!(wire.sent("msg").last().unwrap()["data"], "off");
    assert_eq!(wire.0.keyframes.load(Ordering::Relaxed), 1);
    let sent = wire.sent("vid").len();
    wire.cut();
    link.state().wait_for(|state| matches!(state, LinkState::BackingOff { .. })).await.unwrap();
    live(&link).await;
    settle().await;
    assert_eq!(wire.sent("vid").len(), sent + 1, "once more in the new session");

    let picture = picture(Instant::now().into_std());
    let to_client = wire.0.to_client.lock().unwrap().clone().unwrap();
    to_client.send(Received::Picture(picture.clone())).unwrap();
    assert_eq!(pictures.recv().await.unwrap(), picture);
    link.close().await;
}

/// So many names of the longest form.
fn names(count: usize) -> BTreeSet<String> {
    let width = topics::LONGEST_NAME - 3;
    (0..count).map(|number| format!("rt/{number:0width$}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_walk_goes_on_and_stops_whatever_others_subscribe_to() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    talk(&wire, 100).await;
    link.share_topics(names(640));
    for step in 0..20 {
        link.drive(forward(f64::from(step + 1)));
        talk(&wire, 50).await;
    }
    assert_eq!(moves(&wire).len(), 20, "each velocity at its time");
    let told = wire.sent("subscribe").len();
    assert!((20..=60).contains(&told), "{told} subscriptions in a second");
    // On a link that is stuck they wait; a stop does not.
    wire.0.backlog.store(8 * 1024, Ordering::Relaxed);
    let handle = link.handle();
    let stop = Request::sport(api::STOP_MOVE).with_priority();
    tokio::spawn(async move { handle.request(stop, Duration::from_secs(1)).await });
    talk(&wire, 3000).await;
    assert_eq!(wire.requests().last().unwrap().0, api::STOP_MOVE);
    assert_eq!(wire.sent("subscribe").len(), told);
    wire.0.backlog.store(0, Ordering::Relaxed);
    talk(&wire, 15_000).await;
    assert_eq!(wire.sent("subscribe").len(), 640);
    assert_eq!(*link.session().borrow(), Some(1));
    link.close().await;
}

#[tokio::test(start_paused = true)]
async fn no_request_fills_the_channel_and_a_stop_always_finds_space() {
    let wire = Wire::default();
    let link = LinkBuilder::default().start(wire.clone());
    live(&link).await;
    talk(&wire, 10).await;
    let ask = |parameter: String, priority: bool| {
        let request = Request { parameter, priority, ..Request::sport(1) };
        let asked = link.request(request, Duration::from_millis(10));
        let wire = &wire;
        async move {
            let sent = wire.requests().len();
            let result = asked.await;
            (wire.requests().len() > sent, result.unwrap_err())
        }
    };
    let timeout = RequestError::Timeout(Duration::from_millis(10));
    // Control characters take six bytes each on the wire.
    let control = "\u{1}".repeat(30_000);
    assert_eq!(ask(control, false).await, (false, RequestError::TooLong));
    let quotes = "\"".repeat(30_000);
    assert_eq!(ask(quotes.clone(), false).await, (true, timeout.clone()), "an idle link takes it");
    wire.0.backlog.store(20_000, Ordering::Relaxed);
    assert_eq!(ask(quotes.clone(), false).await, (false, RequestError::Crowded));
    assert_eq!(ask(quotes, true).await, (false, RequestError::Crowded), "whatever it calls itself");
    assert_eq!(ask("{}".to_owned(), false).await, (true, timeout.clone()));
    wire.0.backlog.store(60_000, Ordering::Relaxed);
    assert_eq!(ask("{}".to_owned(), false).await, (false, RequestError::Crowded));
    assert_eq!(ask("{}".to_owned(), true).await, (true, timeout));
    link.close().await;
}
