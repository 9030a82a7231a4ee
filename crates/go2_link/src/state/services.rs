//! `rt/servicestate`: the programs that run on the robot.

use serde::Deserialize;

use super::State;
use crate::codec::{topics, DecodeError, Json};

/// All services of the robot.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceStates(pub Vec<ServiceState>);

/// One service.
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
        data.decode().map(Self)
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
}
