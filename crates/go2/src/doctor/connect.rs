//! From the name to the session, as the link tells of it.

use std::time::{Duration, Instant};

use go2_client::progress::{Milestone, Passed};
use go2_client::session::{DisconnectReason, LinkHandle, LinkState};
use go2_proto::signaling::{Candidate, CandidatePair, OpenedBy};
use tokio::sync::watch;

use super::report::{Finding, Outcome, Report};

const NOTIFY: &str = "con_notify";
const VALIDATION: &str = "validation";
/// The steps in their order.
const STEPS: [&str; 8] =
    ["address", "TCP port", NOTIFY, "offer", "ICE", "DTLS", "data channel", VALIDATION];

/// Watches one attempt. Whether it came to a session.
pub(super) async fn watch(link: &LinkHandle, report: &mut Report) -> bool {
    let (mut steps, mut state) = (link.steps(), link.state());
    let mut last = Instant::now();
    let mut told = 0;
    loop {
        // The state comes after the steps that led to it.
        let now = state.borrow_and_update().clone();
        told += tell(&mut steps, told, &mut last, report);
        match &now {
            LinkState::BackingOff { reason, .. } | LinkState::Stopped { reason } => {
                fail(reason, last.elapsed(), report);
                return false;
            }
            LinkState::Closed => return false,
            state if state.in_session() => {
                report.add(Finding::passed(VALIDATION, last.elapsed(), "the robot accepts us"));
                return true;
            }
            _ => {}
        }
        let ended = tokio::select! {
            changed = steps.changed() => changed.is_err(),
            changed = state.changed() => changed.is_err(),
        };
        if ended {
            return false;
        }
    }
}

/// Tells the steps after the first so many; how many there were.
fn tell(
    steps: &mut watch::Receiver<Vec<Milestone>>,
    told: usize,
    last: &mut Instant,
    report: &mut Report,
) -> usize {
    let new = steps.borrow_and_update().get(told..).unwrap_or_default().to_vec();
    for Milestone { passed, at } in &new {
        let step = name(passed);
        if step == "offer" && !report.has(NOTIFY) {
            let why = "older firmware has none";
            report.add(Finding { step: NOTIFY, took: None, outcome: Outcome::Left(why) });
        }
        let took = at.saturating_duration_since(*last);
        report.add(Finding::passed(step, took, seen(passed)));
        *last = *at;
    }
    new.len()
}

/// The first step that was not passed is the one that failed, unless the message knows better.
fn fail(reason: &DisconnectReason, took: Duration, report: &mut Report) {
    let mut left = STEPS.iter().filter(|step| !report.has(step)).copied().collect::<Vec<_>>();
    if !left.is_empty() {
        report.add(Finding::failed(left.remove(0), took, &reason.to_string(), reason.code()));
    }
    for step in left {
        report.add(Finding { step, took: None, outcome: Outcome::NotTried });
    }
}

fn name(passed: &Passed) -> &'static str {
    match passed {
        Passed::Resolved { .. } => "address",
        Passed::Reached { .. } => "TCP port",
        Passed::Noticed { .. } => NOTIFY,
        Passed::Answered { .. } => "offer",
        Passed::Path(_) => "ICE",
        Passed::Encrypted => "DTLS",
        Passed::Opened => "data channel",
    }
}

fn seen(passed: &Passed) -> String {
    match passed {
        Passed::Resolved { address } => address.to_string(),
        Passed::Reached { remote, local, encrypted } => format!(
            "{} accepts connections from {local}: {}",
            remote.port(),
            match encrypted {
                true => "encrypted signaling, firmware 1.1.1 or later",
                false => "plain signaling, firmware before 1.1.1",
            }
        ),
        Passed::Noticed { data2, opened_by } => {
            let data2 = data2.map_or("no data2".to_owned(), |data2| format!("data2 = {data2}"));
            let opened_by = match opened_by {
                OpenedBy::Nothing => "the notice is not encrypted, firmware before 1.1.8",
                OpenedBy::StaticKey => "opened with the key common to firmware 1.1.8 to 1.1.14",
                OpenedBy::DeviceKey => "opened with the robot's own key, firmware 1.1.15 or later",
            };
            format!("{data2}: {opened_by}")
        }
        Passed::Answered { offered, answered } => {
            format!("taken; this computer offers {}, the robot {}", list(offered), list(answered))
        }
        Passed::Path(CandidatePair { local, remote }) => {
            format!("{} to {}", describe(local), describe(remote))
        }
        Passed::Encrypted => "encryption agreed".to_owned(),
        Passed::Opened => "open".to_owned(),
    }
}

fn describe(end: &Candidate) -> String {
    format!("{} ({})", end.address, end.kind)
}

fn list(ends: &[Candidate]) -> String {
    match ends {
        [] => "nothing".to_owned(),
        ends => ends.iter().map(describe).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_that_is_missing_is_the_one_that_failed() {
        let (sender, mut steps) = watch::channel(Vec::new());
        let mut report = Report::new(true);
        let mut last = Instant::now();
        let step = |passed| Milestone { passed, at: Instant::now() };
        let address = [127, 0, 0, 1].into();
        sender.send_modify(|steps| steps.push(step(Passed::Resolved { address })));
        assert_eq!(tell(&mut steps, 0, &mut last, &mut report), 1);
        let (offered, answered) = (vec![], vec![]);
        sender.send_modify(|steps| steps.push(step(Passed::Answered { offered, answered })));
        assert_eq!(tell(&mut steps, 1, &mut last, &mut report), 1);
        assert!(report.is_good() && report.has(NOTIFY));
        fail(&DisconnectReason::OwnSlot, Duration::ZERO, &mut report);
        assert!(!report.is_good() && STEPS.iter().all(|step| report.has(step)));
    }
}
