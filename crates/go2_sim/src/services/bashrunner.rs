//! bashrunner: a fixed menu of scripts. As on some robots, its answers do not carry the request's id.

use std::net::IpAddr;

use go2_proto::codec::api::bashrunner as api;
use serde_json::json;

use super::{read, Reply};
use crate::options::Firmware;

/// What the scripts tell.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) firmware: Firmware,
    pub(super) address: IpAddr,
    pub(super) serial_number: String,
}

pub(super) fn execute(facts: &Facts, api_id: i64, parameter: &str) -> Reply {
    let reply = match api_id {
        api::RUN => run(facts, parameter),
        _ => Reply::NOT_IMPLEMENTED,
    };
    Reply { has_id: false, ..reply }
}

fn run(facts: &Facts, parameter: &str) -> Reply {
    let version = match facts.firmware {
        Firmware::Old => "1.1.6",
        Firmware::New => "1.1.11",
    };
    let info = match read(parameter)["script"].as_str() {
        Some("get_whole_packet_version.sh") => json!(version),
        Some("get_software_version.sh") => json!(version),
        Some("get_hardware_version.sh") => json!("10"),
        Some("get_sn.sh") => json!(facts.serial_number),
        Some("get_ip_address.sh") => json!({"wlan0": facts.address, "wlan1": ""}),
        _ => return Reply::BAD_PARAMETER,
    };
    Reply::data(&json!({"info": info}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(firmware: Firmware, api_id: i64, parameter: &str) -> Reply {
        let address = IpAddr::from([127, 0, 0, 9]);
        let facts = Facts { firmware, address, serial_number: "B42D0000SIM00001".to_owned() };
        execute(&facts, api_id, parameter)
    }

    #[test]
    fn scripts_of_the_menu_run_and_answers_have_no_id() {
        let script = |firmware, name: &str| {
            let reply = ask(firmware, 1001, &json!({"script": name}).to_string());
            assert!(!reply.has_id);
            (reply.code, reply.data)
        };
        let info = |text: &str| (0, format!("{{\"info\":{text}}}"));
        let whole = "get_whole_packet_version.sh";
        assert_eq!(script(Firmware::Old, whole), info("\"1.1.6\""));
        assert_eq!(script(Firmware::New, whole), info("\"1.1.11\""));
        assert_eq!(script(Firmware::New, "get_hardware_version.sh"), info("\"10\""));
        let addresses = r#"{"wlan0":"127.0.0.9","wlan1":""}"#;
        assert_eq!(script(Firmware::New, "get_ip_address.sh"), info(addresses));
        assert_eq!(script(Firmware::New, "get_sn.sh").1.len(), info("").1.len() + 18);
        assert_eq!(script(Firmware::New, "reboot.sh").0, 3204);
        assert_eq!(ask(Firmware::New, 1001, "").code, 3204);
        assert_eq!(ask(Firmware::New, 1002, "").code, 3203);
    }
}
