//! The node's services: each is a request to the robot, and answers what the robot answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use go2_link::codec::{api, Request, Response};
use go2_link::session::{LinkHandle, RequestError};
use r2r::sensor_msgs::msg::CompressedImage;
use r2r::std_srvs::srv::{SetBool, Trigger};
use r2r::{ParameterValue, QosProfile, ServiceRequest, WrappedServiceTypeSupport};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::convert;
use crate::motion::Order;
use crate::params::{Settings, Store};
use crate::streams::{latched_qos, publish, Shared};

/// Services that are one request to the sport service.
const POSTURES: [(&str, i64); 4] = [
    ("stand_up", api::STAND_UP),
    ("stand_down", api::STAND_DOWN),
    ("balance_stand", api::BALANCE_STAND),
    ("recovery_stand", api::RECOVERY_STAND),
];

/// What the services need.
#[derive(Clone)]
pub(crate) struct Robot {
    pub(crate) link: LinkHandle,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    pub(crate) motion: mpsc::Sender<Order>,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) shared: Shared,
}

/// Without a frame for this long the LiDAR is off.
const LIDAR_OFF: Duration = Duration::from_secs(1);
/// How a JPEG begins.
const JPEG_START: &[u8] = &[0xff, 0xd8];
const LIDAR_POLL: Duration = Duration::from_millis(50);

/// Creates the services and starts their tasks, one each, so that a slow one keeps no other waiting.
pub(crate) fn start(
    node: &mut r2r::Node,
    tasks: &mut JoinSet<()>,
    robot: &Robot,
) -> r2r::Result<()> {
    for (name, api_id) in POSTURES {
        serve(node, tasks, name, robot, move |robot| robot.request(Request::sport(api_id)))?;
    }
    serve(node, tasks, "stop", robot, Robot::stop)?;
    serve(node, tasks, "damp", robot, Robot::damp)?;
    serve_snapshot(node, tasks, robot)?;
    serve_lidar(node, tasks, robot)
}

fn serve_snapshot(node: &mut r2r::Node, tasks: &mut JoinSet<()>, robot: &Robot) -> r2r::Result<()> {
    let publisher = node.create_publisher("camera/snapshot", latched_qos())?;
    let qos = QosProfile::services_default();
    let mut calls = node.create_service::<Trigger::Service>("~/snapshot", qos)?;
    let robot = robot.clone();
    tasks.spawn(async move {
        while let Some(call) = calls.next().await {
            let (success, message) = match robot.snapshot().await {
                Ok(image) => {
                    publish(&publisher, &image);
                    (true, format!("a JPEG of {} bytes is on camera/snapshot", image.data.len()))
                }
                Err(reason) => (false, reason),
            };
            respond(call, Trigger::Response { success, message });
        }
    });
    Ok(())
}

fn serve_lidar(node: &mut r2r::Node, tasks: &mut JoinSet<()>, robot: &Robot) -> r2r::Result<()> {
    let qos = QosProfile::services_default();
    let mut calls = node.create_service::<SetBool::Service>("~/lidar", qos)?;
    let robot = robot.clone();
    tasks.spawn(async move {
        while let Some(call) = calls.next().await {
            let (success, message) = robot.switch_lidar(call.message.data).await;
            respond(call, SetBool::Response { success, message });
        }
    });
    Ok(())
}

fn serve<F>(
    node: &mut r2r::Node,
    tasks: &mut JoinSet<()>,
    name: &str,
    robot: &Robot,
    act: impl Fn(Robot) -> F + Send + 'static,
) -> r2r::Result<()>
where
    F: std::future::Future<Output = Result<Response, RequestError>> + Send,
{
    let qos = QosProfile::services_default();
    let mut calls = node.create_service::<Trigger::Service>(&format!("~/{name}"), qos)?;
    let robot = robot.clone();
    tasks.spawn(async move {
        while let Some(call) = calls.next().await {
            answer(call, act(robot.clone()).await);
        }
    });
    Ok(())
}

fn answer(call: ServiceRequest<Trigger::Service>, result: Result<Response, RequestError>) {
    let (success, message) = match result {
        Ok(response) if response.code == 0 => (true, String::new()),
        Ok(response) => (false, refusal(&response)),
        Err(error) => (false, error.to_string()),
    };
    respond(call, Trigger::Response { success, message });
}

fn refusal(response: &Response) -> String {
    format!("the robot answers status {}: {}", response.code, response.meaning())
}

fn respond<S: WrappedServiceTypeSupport + 'static>(call: ServiceRequest<S>, response: S::Response) {
    if let Err(error) = call.respond(response) {
        tracing::debug!("the caller of a service is gone: {error}");
    }
}

impl Robot {
    async fn request(self, request: Request) -> Result<Response, RequestError> {
        let timeout = self.settings.borrow().request_timeout;
        self.link.request(request, timeout).await
    }

    /// Explicit zeros and StopMove, whatever `cmd_vel` says.
    async fn stop(self) -> Result<Response, RequestError> {
        let (reply, stopped) = oneshot::channel();
        let sent = self.motion.send(Order::Stop(reply)).await;
        sent.map_err(|_| RequestError::NotLive)?;
        stopped.await.unwrap_or(Err(RequestError::Lost))
    }

    /// Motors limp. Goes past everything that waits, here and in the robot, and nothing follows it: a
    /// StopMove could make a limp robot stand. If the robot does not become limp, it is stopped instead.
    async fn damp(self) -> Result<Response, RequestError> {
        let motion = self.motion.clone();
        let _ = motion.try_send(Order::FallSilent); // must not be waited for
        let result = self.request(Request::sport(api::DAMP).with_priority()).await;
        let limp = result.as_ref().is_ok_and(|response| response.code == 0);
        let after = if limp { Order::Limp } else { Order::Stop(oneshot::channel().0) };
        let _ = motion.send(after).await; // fails only while the node ends, which stops the robot too
        result
    }

    /// Takes a still picture.
    async fn snapshot(&self) -> Result<CompressedImage, String> {
        let answer = self.clone().request(Request::snapshot()).await.map_err(|e| e.to_string())?;
        if answer.code != 0 {
            return Err(refusal(&answer));
        }
        let jpeg = answer.payload;
        if !jpeg.starts_with(JPEG_START) {
            return Err(format!("the robot answers {} bytes that are no JPEG", jpeg.len()));
        }
        // The picture has no time of its own.
        let time = self.shared.clock.now();
        Ok(convert::compressed_image(jpeg.to_vec(), &self.settings.borrow().camera_frame, &time))
    }

    /// Sets the parameter, and waits until the frames show that the robot has heard it.
    async fn switch_lidar(&self, on: bool) -> (bool, String) {
        let since = Instant::now();
        let changed = self
            .store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .change("lidar", &ParameterValue::Bool(on));
        if let Err(refused) = changed {
            return (false, refused.to_string());
        }
        let timeout = self.settings.borrow().request_timeout;
        while since.elapsed() < timeout {
            tokio::time::sleep(LIDAR_POLL).await;
            let last = self.shared.lidar.counts().last;
            if on && last.is_some_and(|last| last > since) {
                return (true, "frames come".to_owned());
            }
            if !on && last.unwrap_or(since).max(since).elapsed() > LIDAR_OFF {
                return (true, "no frames come any more".to_owned());
            }
        }
        let seen = if on { "no frames come" } else { "frames still come" };
        (false, format!("{seen} after {:.1} s; the node goes on switching", timeout.as_secs_f64()))
    }
}
