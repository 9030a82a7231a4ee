//! `rt/servicestate`: the programs that run on the robot.

use serde::Deserialize;

use super::State;
use crate::codec::{topics, DecodeError, Json};
use crate::text::{clean, NAME};

/// All services of the robot.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceStates(pub Vec<ServiceState>);

/// One service. What it is called is clean and bounded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ServiceState {
    /// Its name.
    pub name: String,
    /// 1 while it runs, 0 when stopped.
    pub status: Option<i64>,
    /// 1 if it must not be stopped.
    pub protect: Option<i64>,
    /// Its version.
    pub version: Option<String>,
}

impl State for ServiceStates {
    const TOPIC: &'static str = topics::SERVICE_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let mut services: Vec<ServiceState> = data.decode()?;
        for service in &mut services {
            service.name = clean(&service.name, NAME);
            service.version = service.version.as_deref().map(|version| clean(version, NAME));
        }
        Ok(Self(services))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_list_in_its_string() {
        let list = r#"[{"name":"sport_mode","status":1,"protect":0,"version":"1.0"},{"name":"x"}]"#;
        let text = serde_json::to_string(list).unwrap();
        let ServiceStates(services) = ServiceStates::decode(&Json::from(text)).unwrap();
        assert_eq!((services[0].status, services[1].status), (Some(1), None));
    }

    #[test]
    fn names_and_versions_are_clean() {
        let nasty = crate::text::nasty();
        let list = serde_json::json!([{"name": nasty, "version": nasty}]).to_string();
        let ServiceStates(services) = ServiceStates::decode(&Json::from(list)).unwrap();
        crate::text::assert_clean(&services[0].name, NAME);
        crate::text::assert_clean(services[0].version.as_ref().unwrap(), NAME);
    }
}
