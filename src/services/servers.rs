//! Services that are called by many at once.
//!
//! What is asked for while a service is busy waits. Calls that wait together and ask for the same are carried out once, and
//! each gets the answer: so the wait is bounded, and fifty callers do not have the robot do something fifty times.

use std::future::Future;

use r2r::std_srvs::srv::{SetBool, Trigger};
use r2r::{ServiceRequest, WrappedServiceTypeSupport};
use tokio::task::JoinSet;

use crate::intake::{replies, Calls, Intake, MOST_CALLS};

/// A remark, or why it was not done.
pub(crate) type Outcome = Result<String, String>;

const CHANGED: &str = "not done: a newer call asks for the opposite";

/// Where services are created.
pub(crate) struct Servers<'a> {
    pub(crate) node: &'a mut r2r::Node,
    pub(crate) intake: &'a mut Intake,
    pub(crate) tasks: &'a mut JoinSet<()>,
}

impl Servers<'_> {
    /// Creates a service that does one thing. `newer` is told of calls that come meanwhile.
    pub(crate) fn trigger<F>(
        &mut self,
        name: &str,
        carry_out: impl Fn() -> F + Send + 'static,
        newer: impl Fn() + Send + Sync + 'static,
    ) -> r2r::Result<()>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let calls = triggers(self.node, self.intake, name)?;
        self.tasks.spawn(answer_together(calls, carry_out, newer));
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
        let (replies, sending) = replies(MOST_CALLS);
        let serving = async move {
            while let Some(call) = calls.one().await {
                let work = carry_out();
                replies.send(call, triggered(work.await)).await;
            }
        };
        self.tasks.spawn(async move { _ = tokio::join!(serving, sending) });
        Ok(())
    }

    /// Creates a service that turns something on or off. Of calls that wait together the last one counts; `newer` is told of
    /// calls that come meanwhile.
    pub(crate) fn switch<F>(
        &mut self,
        name: &str,
        carry_out: impl Fn(bool) -> F + Send + 'static,
        newer: impl Fn() + Send + Sync + 'static,
    ) -> r2r::Result<()>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let refuse: fn(String) -> SetBool::Response = |reason| switched(Err(reason));
        let mut calls = self.intake.serve::<SetBool::Service>(self.node, name, refuse)?;
        let (replies, sending) = replies(MOST_CALLS);
        let serving = async move {
            let mut waiting = calls.together().await;
            while let Some(now) = waiting.take() {
                let Some(on) = now.last().map(|call| call.message.data) else { break };
                let work = carry_out(on);
                let outcome = beside(work, &mut calls, &mut waiting, &newer).await;
                for call in now {
                    let agrees = call.message.data == on;
                    let outcome = if agrees { outcome.clone() } else { Err(CHANGED.to_owned()) };
                    replies.send(call, switched(outcome)).await;
                }
                if waiting.is_none() {
                    waiting = calls.together().await;
                }
            }
        };
        self.tasks.spawn(async move { _ = tokio::join!(serving, sending) });
        Ok(())
    }
}

/// Creates a service whose calls all ask for the same.
pub(crate) fn triggers(
    node: &mut r2r::Node,
    intake: &mut Intake,
    name: &str,
) -> r2r::Result<Calls<Trigger::Service>> {
    intake.serve::<Trigger::Service>(node, name, |reason| triggered(Err(reason)))
}

/// Carries out what is asked for once for all calls that wait. `newer` is told of calls that come meanwhile.
pub(crate) async fn answer_together<F>(
    mut calls: Calls<Trigger::Service>,
    carry_out: impl Fn() -> F + Send + 'static,
    newer: impl Fn() + Send + Sync + 'static,
) where
    F: Future<Output = Outcome> + Send + 'static,
{
    let (replies, sending) = replies(MOST_CALLS);
    // Beside sending: a stop does not wait until everybody has heard of the one before.
    let serving = async move {
        let mut waiting = calls.together().await;
        while let Some(now) = waiting.take() {
            let work = carry_out();
            let outcome = beside(work, &mut calls, &mut waiting, &newer).await;
            for call in now {
                replies.send(call, triggered(outcome.clone())).await;
            }
            if waiting.is_none() {
                waiting = calls.together().await;
            }
        }
    };
    tokio::join!(serving, sending);
}

/// Carries something out. Calls that come meanwhile are the next ones, which `newer` is told of.
async fn beside<S: WrappedServiceTypeSupport + 'static>(
    work: impl Future<Output = Outcome>,
    calls: &mut Calls<S>,
    waiting: &mut Option<Vec<ServiceRequest<S>>>,
    newer: &impl Fn(),
) -> Outcome {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            Some(next) = calls.together(), if waiting.is_none() => {
                *waiting = Some(next);
                newer();
            }
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
