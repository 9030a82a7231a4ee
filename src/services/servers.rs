//! Services that are called by many at once.
//!
//! What is asked for while a service is busy waits. Calls that wait together and ask for the same are carried out once, and
//! each gets the answer: so the wait is bounded, and fifty callers do not have the robot do something fifty times.

use std::future::Future;
use std::time::Duration;

use r2r::std_srvs::srv::{SetBool, Trigger};
use tokio::task::JoinSet;

use crate::intake::{respond, Calls, Intake};

/// A remark, or why it was not done.
pub(crate) type Outcome = Result<String, String>;

/// Callers keep ten answers, those to others included, until they have looked at them: so many may come at once.
const ANSWERS_AT_ONCE: usize = 8;
/// Between two answers after that.
pub(crate) const PAUSE: Duration = Duration::from_millis(30);
const CHANGED: &str = "not done: a newer call asks for the opposite";

/// Where services are created.
pub(crate) struct Servers<'a> {
    pub(crate) node: &'a mut r2r::Node,
    pub(crate) intake: &'a mut Intake,
    pub(crate) tasks: &'a mut JoinSet<()>,
}

impl Servers<'_> {
    /// Creates a service that does one thing.
    pub(crate) fn trigger<F>(
        &mut self,
        name: &str,
        carry_out: impl Fn() -> F + Send + 'static,
    ) -> r2r::Result<()>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let calls = triggers(self.node, self.intake, name)?;
        self.tasks.spawn(answer_together(calls, carry_out));
        Ok(())
    }

    /// Creates a service of which each call counts.
    pub(crate) fn trigger_each<F>(
        &mut self,
        name: &str,
        carry_out: impl Fn() -> F + Send + 'static,
    ) -> r2r::Result<()>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut calls = triggers(self.node, self.intake, name)?;
        self.tasks.spawn(async move {
            let mut pace = Pace::default();
            while let Some(call) = calls.one().await {
                respond(call, triggered(carry_out().await));
                if calls.others_wait() {
                    pace.step().await;
                }
            }
        });
        Ok(())
    }

    /// Creates a service that turns something on or off. Of calls that wait together the last one counts.
    pub(crate) fn switch<F>(
        &mut self,
        name: &str,
        carry_out: impl Fn(bool) -> F + Send + 'static,
    ) -> r2r::Result<()>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let refuse: fn(String) -> SetBool::Response = |reason| switched(Err(reason));
        let mut calls = self.intake.serve::<SetBool::Service>(self.node, name, refuse)?;
        self.tasks.spawn(async move {
            while let Some(calls) = calls.together().await {
                let Some(on) = calls.last().map(|call| call.message.data) else { continue };
                let outcome = carry_out(on).await;
                let mut pace = Pace::default();
                for call in calls {
                    pace.step().await;
                    let agrees = call.message.data == on;
                    let outcome = if agrees { outcome.clone() } else { Err(CHANGED.to_owned()) };
                    respond(call, switched(outcome));
                }
            }
        });
        Ok(())
    }
}

/// Creates a service whose calls all ask for the same.
pub(crate) fn triggers(
    node: &mut r2r::Node,
    intake: &mut Intake,
    name: &str,
) -> r2r::Result<Calls<Trigger::Service>> {
    intake.serve(node, name, |reason| triggered(Err(reason)))
}

/// Carries out what is asked for once for all calls that wait.
pub(crate) async fn answer_together<F>(
    mut calls: Calls<Trigger::Service>,
    carry_out: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = Outcome> + Send + 'static,
{
    while let Some(calls) = calls.together().await {
        let outcome = carry_out().await;
        let mut pace = Pace::default();
        for call in calls {
            pace.step().await;
            respond(call, triggered(outcome.clone()));
        }
    }
}

/// Keeps answers from coming faster than callers take them.
#[derive(Default)]
struct Pace(usize);

impl Pace {
    async fn step(&mut self) {
        self.0 += 1;
        if self.0 > ANSWERS_AT_ONCE {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn words(outcome: Outcome) -> (bool, String) {
    match outcome {
        Ok(remark) => (true, remark),
        Err(reason) => (false, reason),
    }
}

fn triggered(outcome: Outcome) -> Trigger::Response {
    let (success, message) = words(outcome);
    Trigger::Response { success, message }
}

fn switched(outcome: Outcome) -> SetBool::Response {
    let (success, message) = words(outcome);
    SetBool::Response { success, message }
}
