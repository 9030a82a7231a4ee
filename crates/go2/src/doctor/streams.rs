//! What comes in session: the first message of each topic, a frame of the LiDAR, pictures.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use go2_client::error_code::ErrorCode;
use go2_client::session::LinkBuilder;
use go2_proto::codec::topics::VOXEL_MAP;
use go2_proto::lidar::VoxelDecoder;
use go2_proto::session::Message;
use go2_proto::state::{LidarState, LowState, MultipleState, RobotPose, SportModeState, State};
use go2_proto::video::AccessUnit;
use tokio::sync::broadcast::{error::RecvError, Receiver};

use super::camera;
use super::report::{Finding, Outcome, Report};

const LIDAR: &str = "LiDAR";
pub(super) const CAMERA: &str = "camera";
/// What may wait to be looked at.
const QUEUE: usize = 8;

/// Looks at a message: what is in it.
type Look = Box<dyn FnMut(&Message) -> Result<String, Wrong>>;

/// What is wrong with a message.
enum Wrong {
    /// It cannot be read, and why.
    Unreadable(String),
    /// It tells of something that is wrong with the robot.
    Told(String, ErrorCode),
}

/// What the LiDAR has said of itself.
type Health = Rc<RefCell<Option<LidarState>>>;

struct Topic {
    name: &'static str,
    /// Which section is about its silence; some firmware does without, where there is none.
    help: Option<ErrorCode>,
    messages: Receiver<Message>,
    look: Look,
    /// Of the LiDAR, which its silence is explained by.
    health: Option<Health>,
}

/// All that is waited for.
pub(super) struct Streams {
    topics: Vec<Topic>,
    pictures: Option<Receiver<AccessUnit>>,
}

impl Streams {
    pub(super) fn new(builder: &mut LinkBuilder, lidar: bool, camera: bool) -> Self {
        let always = Some(ErrorCode::NoMessages);
        let lidar_health = Health::default();
        let mut topics = vec![
            topic::<LowState>(builder, always, |low| match (low.battery, low.voltage) {
                (Some(battery), _) => format!("battery {:.0} %", 100.0 * battery.charge),
                (None, Some(voltage)) => format!("{voltage:.1} V"),
                (None, None) => "no battery in it".to_owned(),
            }),
            topic::<SportModeState>(builder, always, |sport| match sport.imu {
                Some(_) => "motion state with IMU".to_owned(),
                None => "motion state without IMU".to_owned(),
            }),
            topic::<RobotPose>(builder, always, |pose| {
                let [x, y, z] = pose.position;
                format!("at {x:.2} {y:.2} {z:.2} m")
            }),
            health(builder, &lidar_health),
            topic::<MultipleState>(builder, None, |_| "volume, brightness, avoidance".to_owned()),
        ];
        if lidar {
            let mut decoder = VoxelDecoder::default();
            let look = move |message: &Message| {
                let payload = message.payload.as_deref().unwrap_or_default();
                let grid = decoder.decode(&message.data, payload);
                let grid = grid.map_err(|error| Wrong::Unreadable(error.to_string()))?;
                Ok(format!("a frame of {} occupied voxels", grid.count()))
            };
            topics.push(Topic {
                name: LIDAR,
                help: Some(ErrorCode::NoLidar),
                messages: builder.subscribe(VOXEL_MAP, QUEUE),
                look: Box::new(look),
                health: Some(lidar_health),
            });
        }
        Self { topics, pictures: camera.then(|| builder.pictures()) }
    }

    /// Waits for the first of each, all at the same time; they are told in their order.
    pub(super) async fn watch(self, limit: Duration, report: &mut Report) {
        let begun = Instant::now();
        let mut waits: Vec<Pin<Box<dyn Future<Output = Finding>>>> = Vec::new();
        for topic in self.topics {
            waits.push(Box::pin(first(topic, begun, limit)));
        }
        match self.pictures {
            Some(pictures) => waits.push(Box::pin(camera::pictures(pictures, begun, limit))),
            None => report.add(left(CAMERA)),
        }
        let tasks = tokio::task::LocalSet::new();
        let tasks_of = |wait| tasks.spawn_local(wait);
        let handles: Vec<_> = waits.into_iter().map(tasks_of).collect();
        tasks
            .run_until(async {
                for handle in handles {
                    if let Ok(finding) = handle.await {
                        report.add(finding);
                    }
                }
            })
            .await;
    }

    /// There is no session.
    pub(super) fn leave(self, report: &mut Report) {
        let camera = self.pictures.map(|_| CAMERA);
        for step in self.topics.iter().map(|topic| topic.name).chain(camera) {
            report.add(Finding { step, took: None, outcome: Outcome::NotTried });
        }
    }
}

fn left(step: &'static str) -> Finding {
    Finding { step, took: None, outcome: Outcome::Left("not asked for") }
}

fn topic<S: State>(
    builder: &mut LinkBuilder,
    help: Option<ErrorCode>,
    seen: impl Fn(S) -> String + 'static,
) -> Topic {
    let messages = builder.subscribe(S::TOPIC, QUEUE);
    let look = move |message: &Message| match S::decode(&message.data) {
        Ok(state) => Ok(seen(state)),
        Err(error) => Err(Wrong::Unreadable(error.to_string())),
    };
    Topic { name: S::TOPIC, help, messages, look: Box::new(look), health: None }
}

/// The LiDAR's state, which is kept as well.
fn health(builder: &mut LinkBuilder, health: &Health) -> Topic {
    let messages = builder.subscribe(LidarState::TOPIC, QUEUE);
    let kept = Rc::clone(health);
    let look = move |message: &Message| {
        let state = LidarState::decode(&message.data)
            .map_err(|error| Wrong::Unreadable(error.to_string()))?;
        let trouble = state.trouble();
        let frequency = state.cloud_frequency.map(|hz| format!(", {hz:.1} clouds a second inside"));
        kept.replace(Some(state));
        match trouble {
            Some(trouble) if trouble.is_fatal() => {
                Err(Wrong::Told(trouble.to_string(), ErrorCode::NoLidar))
            }
            Some(trouble) => Ok(trouble.to_string()),
            None => Ok(format!("it is well{}", frequency.unwrap_or_default())),
        }
    };
    Topic { name: LidarState::TOPIC, help: None, messages, look: Box::new(look), health: None }
}

/// The first message that can be read.
async fn first(mut topic: Topic, begun: Instant, limit: Duration) -> Finding {
    let mut unreadable = None;
    let readable = async {
        loop {
            match topic.messages.recv().await {
                Ok(message) => match (topic.look)(&message) {
                    Ok(seen) => return Some(Ok(seen)),
                    Err(Wrong::Told(what, code)) => return Some(Err((what, code))),
                    Err(Wrong::Unreadable(why)) => unreadable = Some(why),
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    };
    let end = tokio::time::Instant::from_std(begun + limit);
    let seen = tokio::time::timeout_at(end, readable).await.ok().flatten();
    let took = begun.elapsed();
    match (seen, topic.help, unreadable) {
        (Some(Ok(seen)), _, _) => Finding::passed(topic.name, took, seen),
        (Some(Err((what, code))), _, _) => Finding::failed(topic.name, took, &what, code),
        (None, None, None) => {
            let outcome = Outcome::Left("nothing came; not all firmware sends it");
            Finding { step: topic.name, took: None, outcome }
        }
        (None, help, unreadable) => {
            let why = unreadable.map_or("nothing came".to_owned(), |why| {
                format!("what came could not be read: {why}")
            });
            let code = help.unwrap_or(ErrorCode::NoMessages);
            let health = topic.health.and_then(|health| health.take());
            let more =
                health.map_or(String::new(), |health| format!(": {}", health.without_frames()));
            let why = format!("{why}, within {} s{more}", limit.as_secs());
            Finding::failed(topic.name, took, &why, code)
        }
    }
}
