//! What the node says of itself: link state and diagnostics.

use std::sync::Arc;
use std::time::Duration;

use go2_client::session::LinkHandle;
use go2_proto::session::StreamReport;
use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::std_msgs::msg::{Bool, String as Text};
use r2r::Publisher;
use tokio::sync::watch;

use super::{LatestLidarState, LatestLowState, Shared, Tally, DIAGNOSTICS_EVERY};
use crate::convert::{self, Report, StreamView};
use crate::device::Facts;
use crate::gateway::Helm;
use crate::hints;
use crate::outlet::Outlet;

/// Age at which a state no longer says anything; robots send one a second or more.
const STATE_KEPT: Duration = Duration::from_secs(5);

pub(super) async fn publish_link_state(link: LinkHandle, publisher: Outlet<Publisher<Text>>) {
    let mut state = link.state();
    loop {
        let data = state.borrow_and_update().describe(hints::of);
        publisher.publish(&Text { data });
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Whether nobody walks the robot.
pub(super) async fn publish_held(
    mut held: watch::Receiver<bool>,
    publisher: Outlet<Publisher<Bool>>,
) {
    loop {
        let data = *held.borrow_and_update();
        publisher.publish(&Bool { data });
        if held.changed().await.is_err() {
            return;
        }
    }
}

/// What link and node know of each stream.
fn views(shared: &Shared, heard: &[StreamReport]) -> Vec<StreamView> {
    let view = |tally: Tally| {
        let name = tally.name();
        let report = heard.iter().find(|report| report.name == name).cloned();
        let stamps = tally.stamps().map(|stamps| stamps.report());
        StreamView { name, report, counts: tally.counts(), stamps }
    };
    shared.tallies.all().into_iter().map(view).collect()
}

/// The latest states, as far as diagnostics tell of them.
pub(super) struct Latest {
    pub(super) low: watch::Receiver<LatestLowState>,
    pub(super) lidar: watch::Receiver<LatestLidarState>,
}

pub(super) async fn publish_diagnostics(
    shared: Shared,
    publisher: Outlet<Publisher<DiagnosticArray>>,
    node_name: String,
    link: LinkHandle,
    latest: Latest,
    facts: Facts,
    helm: watch::Receiver<Helm>,
) {
    let (state, counters, faults) = (link.state(), link.counters(), link.faults());
    let (steps, streams, held) = (link.steps(), link.streams(), link.held());
    let mut interval = tokio::time::interval(DIAGNOSTICS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut lost_before = None;
    loop {
        interval.tick().await;
        if !publisher.has_listener() {
            continue;
        }
        let low = latest.low.borrow().clone().filter(|(at, _)| at.elapsed() < STATE_KEPT);
        let lidar = latest.lidar.borrow().clone().filter(|(at, _)| at.elapsed() < STATE_KEPT);
        let message = convert::diagnostics(
            &Report {
                node: &node_name,
                link: &state.borrow().clone(),
                counters: &counters.borrow().clone(),
                steps: &steps.borrow().clone(),
                streams: &views(&shared, &streams.borrow()),
                low_state: low.as_ref().map(|(_, state)| state),
                lidar_state: lidar.as_ref().map(|(_, state)| state),
                lost_before,
                slow: &shared.gauges.slow(),
                faults: &Arc::clone(&faults.borrow()),
                mode: facts.mode.borrow().clone().as_ref(),
                identity: &Arc::clone(&facts.identity.borrow()),
                settings: &shared.settings(),
                helm: *helm.borrow(),
                held: *held.borrow(),
            },
            &shared.clock.now(),
        );
        publisher.publish(&message);
        let motors = low.as_ref().and_then(|(_, state)| state.motors.as_ref());
        lost_before = motors.map(convert::lost).or(lost_before);
    }
}
