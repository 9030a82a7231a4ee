//! Which parameter to change where the link fails: what the node adds to the client's messages.

use go2_client::error_code::ErrorCode;
use go2_client::transport::ice::{IceError, IceField};

/// By the code of the failure.
pub(crate) fn of(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::NameUnknown | ErrorCode::Unreachable => "The address is set by robot_ip",
        ErrorCode::NotFound => {
            "It is searched for because serial_number is set and robot_ip is not; discovery_interface sets where"
        }
        ErrorCode::SearchFailed => "Check discovery_interface",
        ErrorCode::KeyNeeded => "Set aes_128_key to the key of your robot",
        ErrorCode::KeyRejected => "Check aes_128_key",
        ErrorCode::KeyUnproven => "Check robot_ip; remove aes_128_key, or set allow_other_keys",
        ErrorCode::Refused => "Check robot_ip and aes_128_key",
        ErrorCode::AnswerElsewhere => "Set ice_servers or ice_addresses",
        ErrorCode::IceSettings => {
            "It is set by ice_servers, ice_username, ice_credential, ice_transport_policy and ice_addresses"
        }
        ErrorCode::NoRelay => "Check ice_servers, ice_username and ice_credential",
        ErrorCode::OtherRobot => "Check serial_number and robot_ip",
        _ => return None,
    })
}

/// With the name of the parameter in front.
pub(crate) fn of_ice(error: &IceError) -> String {
    let parameter = match error.field() {
        Some(IceField::Servers) => "ice_servers",
        Some(IceField::Account) => "ice_username and ice_credential",
        Some(IceField::Policy) => "ice_transport_policy",
        Some(IceField::Addresses) => "ice_addresses",
        None => return error.to_string(),
    };
    format!("{parameter}: {error}")
}
