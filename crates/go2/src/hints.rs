//! Which option to change where the link fails: what the command line adds to the client's messages.

use go2_client::error_code::ErrorCode;

/// By the code of the failure.
pub(crate) fn of(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::NotFound | ErrorCode::SearchFailed => "--interface sets where it is searched for",
        ErrorCode::KeyNeeded => "Give it by --key-file or GO2_AES_128_KEY",
        ErrorCode::KeyRejected => "Check --key-file or GO2_AES_128_KEY",
        ErrorCode::KeyUnproven => "Leave the key out, or give --allow-other-keys",
        ErrorCode::AnswerElsewhere => "Give --ice-server or --ice-address",
        ErrorCode::IceSettings => {
            "It is set by --ice-server, --ice-username, --ice-credential-file, --ice-transport-policy and --ice-address"
        }
        ErrorCode::NoRelay => "Check --ice-server, --ice-username and --ice-credential-file",
        ErrorCode::OtherRobot => "Check --serial-number",
        _ => return None,
    })
}
