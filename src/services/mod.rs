//! The node's services: each is a request to the robot, and answers what the robot answered.

mod actions; // what the robot does when told, from the link's table
pub(crate) mod again; // what is refused because it is too early
pub(crate) mod requests; // any request, as JSON
pub(crate) mod servers; // services that are called by many at once
mod sight; // LiDAR and camera
mod stops; // stops, and the hold
mod switches; // what the robot keeps switched on or off

use std::sync::{Arc, Mutex};
use std::time::Duration;

use go2_client::session::LinkHandle;
use go2_proto::codec::{api, Request, Response};
use go2_proto::commands::MotionMode;
use go2_proto::session::RequestError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::motion::{fresh, Answer, Asked, Order, Stopper};
use crate::params::{Settings, Store};
use crate::streams::Shared;
use again::Newest;
use servers::Servers;

/// What the services need.
#[derive(Clone)]
pub(crate) struct Robot {
    pub(crate) link: LinkHandle,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    pub(crate) motion: mpsc::Sender<Order>,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) shared: Shared,
    /// The robot's motion mode, once it is known.
    pub(crate) mode: watch::Receiver<Option<MotionMode>>,
    /// What makes void the actions that are to be asked for again.
    pub(crate) newest: Newest,
}

/// Creates the services and starts their tasks, one each, so that a slow one keeps no other waiting.
pub(crate) fn start(servers: &mut Servers<'_>, robot: &Robot) -> r2r::Result<()> {
    actions::serve(servers, robot)?;
    sight::serve(servers, robot)?;
    stops::serve(servers, robot)?;
    switches::serve(servers, robot)
}

/// A refusal in words.
pub(crate) fn refusal(response: &Response) -> String {
    let words = format!("the robot answers status {}: {}", response.code, response.meaning());
    match response.advice() {
        "" => words,
        advice => format!("{words}; {advice}"),
    }
}

/// Why there is no answer, in words.
pub(crate) fn unanswered(error: &RequestError) -> String {
    match error {
        RequestError::ModeFixed(_) | RequestError::ModeUnknown => {
            format!("{error}. The parameter allow_mode_switch has it sent all the same")
        }
        RequestError::Held => format!("{error}: release ~/hold"),
        error => error.to_string(),
    }
}

/// An answer's success and words.
fn outcome(result: Result<Response, RequestError>) -> Result<String, String> {
    match result {
        Ok(response) if response.code == 0 => Ok(String::new()),
        Ok(response) => Err(refusal(&response)),
        Err(error) => Err(unanswered(&error)),
    }
}

impl Robot {
    /// Whether the robot has refused what it may do a few seconds later.
    fn is_early(&self, response: &Response) -> bool {
        let doing = fresh(*self.shared.doing().borrow());
        again::is_early(response, self.link.session_age(), doing)
    }

    pub(crate) async fn request(&self, request: Request) -> Result<Response, RequestError> {
        let timeout = self.settings.borrow().request_timeout;
        self.send(request, timeout).await
    }

    /// Sends a request and waits so long for the answer. Where it asks for an action, whoever moves the robot knows of that.
    pub(crate) async fn send(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, RequestError> {
        // Damp and StopMove wait for nobody, and have orders of their own.
        let asked = Asked::of(&request)
            .filter(|asked| !asked.action.takes.is_zero() && self.link.in_session());
        let Some(asked) = asked else { return self.link.request(request, timeout).await };
        let _ = self.motion.send(Order::Asked(asked)).await; // fails only while the node ends
        let result = self.link.request(request, timeout).await;
        let _ = self.motion.send(Order::Answered(asked, Answer::of(&result))).await;
        result
    }

    /// Motors limp. Goes past everything that waits, here and in the robot, and nothing follows it: a
    /// StopMove could make a limp robot stand. If the robot does not become limp, it is stopped instead.
    async fn damp(&self) -> Result<Response, RequestError> {
        self.newest.tell("Damp");
        let motion = self.motion.clone();
        let _ = motion.try_send(Order::FallSilent); // must not be waited for
        let result = self.request(Request::sport(api::DAMP).with_priority()).await;
        let limp = result.as_ref().is_ok_and(|response| response.code == 0);
        let after =
            if limp { Order::Limp } else { Order::Stop(Stopper::Other, oneshot::channel().0) };
        let _ = motion.send(after).await; // fails only while the node ends, which stops the robot too
        result
    }
}
