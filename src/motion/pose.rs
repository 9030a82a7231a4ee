//! `cmd_pose`: the attitude of the standing body.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::FutureExt as _;
use go2_client::session::LinkHandle;
use go2_proto::codec::{api, Request, Response};
use go2_proto::session::RequestError;
use go2_proto::throttle::Throttle;
use r2r::geometry_msgs::msg::Vector3;
use r2r::QosProfile;
use tokio::sync::watch;

use crate::intake::Intake;

/// Roll, pitch and yaw in radians.
pub(crate) type Attitude = [f64; 3];
pub(super) type Attitudes = watch::Receiver<Option<Attitude>>;

/// How far the robot leans, either way.
const MOST: Attitude = [0.75, 0.75, 0.6];
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Subscribes to `cmd_pose`.
pub(crate) fn subscribe(node: &mut r2r::Node, intake: &mut Intake) -> r2r::Result<Attitudes> {
    let qos = QosProfile::default().keep_last(1);
    intake.newest(node, "cmd_pose", qos, |angles: Vector3| [angles.x, angles.y, angles.z])
}

/// Sends attitudes: one is under way at a time, and the newest waits.
pub(super) struct Posing {
    link: LinkHandle,
    next: Option<Attitude>,
    asking: Option<BoxFuture<'static, Result<Response, RequestError>>>,
    refused: Throttle,
}

impl Posing {
    pub(super) fn new(link: LinkHandle) -> Self {
        Self { link, next: None, asking: None, refused: Throttle::new(LOG_EVERY) }
    }

    /// Takes an attitude; a newer one replaces it.
    pub(super) fn command(&mut self, attitude: Attitude, timeout: Duration) {
        if attitude.iter().any(|angle| !angle.is_finite()) {
            return self.warn("it is not made of finite numbers");
        }
        self.next = Some(std::array::from_fn(|i| attitude[i].clamp(-MOST[i], MOST[i])));
        self.send(timeout);
    }

    fn send(&mut self, timeout: Duration) {
        if self.asking.is_some() {
            return;
        }
        let Some([x, y, z]) = self.next.take() else { return };
        let parameter = format!("{{\"x\":{x},\"y\":{y},\"z\":{z}}}");
        let request = Request { parameter, ..Request::sport(api::EULER) };
        let link = self.link.clone();
        self.asking = Some(async move { link.request(request, timeout).await }.boxed());
    }

    /// Waits for the robot's answer, if there is one to come, and sends what waited for it.
    pub(super) async fn settled(&mut self, timeout: Duration) {
        let Some(answer) = &mut self.asking else { return std::future::pending().await };
        let answer = answer.await;
        self.asking = None;
        match answer {
            Ok(response) if response.code == 0 => {}
            Ok(response) => self.warn(&crate::services::refusal(&response)),
            Err(error) => self.warn(&error.to_string()),
        }
        self.send(timeout);
    }

    fn warn(&mut self, reason: &str) {
        if let Some(more) = self.refused.allow(Instant::now()) {
            tracing::warn!("cmd_pose is ignored: {reason}{more}");
        }
    }
}
