//! Bringing the robot to its feet, where `auto_balance_stand` wants that.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::FutureExt as _;
use go2_client::session::LinkHandle;
use go2_proto::codec::Request;
use go2_proto::commands::Action;

/// One request at a time.
pub(super) struct Raising {
    link: LinkHandle,
    asking: Option<(&'static Action, BoxFuture<'static, Result<(), String>>)>,
}

impl Raising {
    pub(super) fn new(link: LinkHandle) -> Self {
        Self { link, asking: None }
    }

    /// Asks for an action that brings it to its feet; these have the same ids in every motion mode.
    pub(super) fn ask(&mut self, action: &'static Action, timeout: Duration) {
        let Some(api) = action.mcf else { return };
        let (link, request) = (self.link.clone(), Request::sport(api.id()));
        let answer = async move {
            match link.request(request, timeout).await {
                Ok(response) if response.code == 0 => Ok(()),
                Ok(response) => Err(crate::services::refusal(&response)),
                Err(error) => Err(error.to_string()),
            }
        };
        self.asking = Some((action, answer.boxed()));
    }

    /// Waits for the robot's answer, if there is one to come. The action, and whether the robot does it.
    pub(super) async fn settled(&mut self) -> (&'static Action, bool) {
        let Some((action, answer)) = &mut self.asking else { return std::future::pending().await };
        let (action, answer) = (*action, answer.await);
        self.asking = None;
        if let Err(reason) = &answer {
            tracing::warn!("cmd_vel: the robot does not stand up: {reason}");
        }
        (action, answer.is_ok())
    }
}
