//! Who the robot is: versions, serial number, programs. Asked once in each session; robots that lack the services
//! never answer, and that is no fault.

use std::sync::Arc;
use std::time::Duration;

use go2_client::session::LinkHandle;
use go2_proto::codec::{api, topics, Json, Request};
use go2_proto::commands::{script, MotionMode};
use go2_proto::state::{ServiceState, ServiceStates, State as _};
use tokio::sync::watch;

use super::answer::failure;
use crate::params::Settings;

/// What the robot says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Identity {
    /// Version of the whole firmware.
    pub(crate) firmware: Option<String>,
    pub(crate) software: Option<String>,
    pub(crate) hardware: Option<String>,
    pub(crate) serial_number: Option<String>,
    /// Its programs, if it lists them.
    pub(crate) services: Option<Vec<ServiceState>>,
}

/// No robot has more programs.
const MOST_SERVICES: usize = 200;

/// The scripts that tell something, and what they tell.
type Field = fn(&mut Identity) -> &mut Option<String>;
const SCRIPTS: [(&str, Field); 4] = [
    ("get_whole_packet_version.sh", |identity| &mut identity.firmware),
    ("get_software_version.sh", |identity| &mut identity.software),
    ("get_hardware_version.sh", |identity| &mut identity.hardware),
    (script::SERIAL_NUMBER, |identity| &mut identity.serial_number),
];

/// The task: asks in every session.
pub(super) async fn follow(
    link: LinkHandle,
    settings: watch::Receiver<Arc<Settings>>,
    mode: watch::Receiver<Option<MotionMode>>,
    identity: watch::Sender<Arc<Identity>>,
) {
    let mut session = link.session();
    loop {
        let live = session.borrow_and_update().is_some();
        let changed = tokio::select! {
            biased;
            changed = session.changed() => changed,
            () = introduce(&link, &settings, &mode, &identity), if live => session.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn introduce(
    link: &LinkHandle,
    settings: &watch::Receiver<Arc<Settings>>,
    mode: &watch::Receiver<Option<MotionMode>>,
    identity: &watch::Sender<Arc<Identity>>,
) {
    let timeout = || settings.borrow().request_timeout;
    // One after the other: the answers to scripts may not say to which one they are.
    for (script, field) in SCRIPTS {
        if let Some(info) = run(link, script, timeout()).await {
            identity.send_modify(|identity| *field(Arc::make_mut(identity)) = Some(info));
        }
    }
    if let Some(services) = services(link, timeout()).await {
        identity.send_modify(|identity| Arc::make_mut(identity).services = Some(services));
    }
    // Usually it is known by now; robots without it are not waited for longer than for an answer.
    let mut mode = mode.clone();
    let _ = tokio::time::timeout(timeout(), mode.wait_for(Option::is_some)).await;
    let told = summary(&identity.borrow(), mode.borrow().as_ref());
    if !told.is_empty() {
        tracing::info!("the robot: {told}");
    }
}

async fn run(link: &LinkHandle, name: &str, timeout: Duration) -> Option<String> {
    let answer = link.request(script::request(name), timeout).await;
    failure(&answer).is_none().then_some(script::output(&answer.ok()?.data)).flatten()
}

async fn services(link: &LinkHandle, timeout: Duration) -> Option<Vec<ServiceState>> {
    let topic = topics::ROBOT_STATE_REQUEST.to_owned();
    let api_id = api::robot_state::LIST;
    let request = Request { topic, api_id, parameter: String::new(), priority: false };
    let answer = link.request(request, timeout).await;
    failure(&answer).is_none().then_some(list(&answer.ok()?.data)).flatten()
}

fn list(data: &str) -> Option<Vec<ServiceState>> {
    let ServiceStates(mut services) = ServiceStates::decode(&Json::from(data.to_owned())).ok()?;
    services.truncate(MOST_SERVICES);
    services.retain(|service| !service.name.is_empty());
    Some(services)
}

fn summary(identity: &Identity, mode: Option<&MotionMode>) -> String {
    let told = [
        ("firmware", identity.firmware.as_deref()),
        ("hardware", identity.hardware.as_deref()),
        ("serial number", identity.serial_number.as_deref()),
        ("motion mode", mode.map(MotionMode::name)),
    ];
    let told = told.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", value?)));
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_listed_within_bounds() {
        let data = r#"[{"name":"sport_mode","status":1,"version":"1.0\n"},{"name":" "}]"#;
        for data in [data.to_owned(), serde_json::to_string(data).unwrap()] {
            let services = list(&data).unwrap();
            assert_eq!(services.len(), 1);
            assert_eq!(services[0].version.as_deref(), Some("1.0"));
        }
        let many = vec![r#"{"name":"x"}"#; 1000].join(",");
        assert_eq!(list(&format!("[{many}]")).map(|list| list.len()), Some(MOST_SERVICES));
        assert_eq!(list("{}"), None);
    }

    #[test]
    fn the_summary_has_what_is_known() {
        let mode = MotionMode::new("mcf");
        assert_eq!(summary(&Identity::default(), None), "");
        let identity = Identity {
            firmware: Some("1.1.7".into()),
            serial_number: Some("B42".into()),
            ..Identity::default()
        };
        assert_eq!(
            summary(&identity, Some(&mode)),
            "firmware 1.1.7, serial number B42, motion mode mcf"
        );
    }
}
