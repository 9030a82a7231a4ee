//! Switches that the robot keeps: each sets the parameter of its name, and answers what became of it on the robot.

use std::sync::PoisonError;

use go2_proto::commands::{Domain, SETTINGS};
use go2_proto::session::RequestError;
use r2r::ParameterValue;

use super::servers::Servers;
use super::Robot;

pub(super) fn serve(servers: &mut Servers<'_>, robot: &Robot) -> r2r::Result<()> {
    for setting in SETTINGS.iter().filter(|setting| setting.domain == Domain::Switch) {
        let robot = robot.clone();
        servers.switch(
            &format!("~/{}", setting.name),
            move |on| {
                let robot = robot.clone();
                async move { robot.switch(setting.name, on).await.map(|()| String::new()) }
            },
            || {},
        )?;
    }
    Ok(())
}

impl Robot {
    /// Sets the parameter of a switch, and waits for what becomes of it on the robot.
    pub(super) async fn switch(&self, name: &str, on: bool) -> Result<(), String> {
        if !self.link.in_session() {
            return Err(RequestError::NotLive.to_string());
        }
        // The motion mode may have to be asked for first, which takes as long as a request.
        let limit = 3 * self.settings.borrow().request_timeout;
        let (mut verdicts, before) = {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            let verdicts = store.verdicts();
            let before = verdicts.borrow().get(name).map(|verdict| verdict.number);
            let changed = store.change(name, &ParameterValue::Bool(on));
            changed.map_err(|refused| refused.to_string())?;
            (verdicts, before)
        };
        let judged = verdicts.wait_for(|verdicts| {
            verdicts.get(name).is_some_and(|verdict| Some(verdict.number) != before)
        });
        let verdict = match tokio::time::timeout(limit, judged).await {
            Ok(Ok(verdicts)) => verdicts.get(name).map(|verdict| verdict.result.clone()),
            _ => None,
        };
        verdict.unwrap_or_else(|| Err(RequestError::Timeout(limit).to_string()))
    }
}
