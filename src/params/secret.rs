//! Secrets: they need not stand in a parameter file, and must not stand in the arguments of a process.

use std::collections::BTreeMap;

use go2_client::secret;
use go2_client::secret::{is_reference, Secret, SecretFileError};
use go2_proto::signaling::DeviceKey;

use super::check::Value;

/// Secret parameters, and the environment variables that may hold them instead.
const SECRETS: [(&str, &str); 5] = [
    (KEY, "GO2_AES_128_KEY"),
    ("token", "GO2_TOKEN"),
    ("ice_credential", "GO2_ICE_CREDENTIAL"),
    ("gateway_token", "GO2_GATEWAY_TOKEN"),
    ("gateway_view_token", "GO2_GATEWAY_VIEW_TOKEN"),
];
const KEY: &str = "aes_128_key";

/// Why a secret cannot be had, or may not be given so. Never holds any of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("{0}: {1}")]
    File(&'static str, SecretFileError),
    #[error(
        "aes_128_key: what {variable} holds, or the file that it names, is no key: an aes_128_key is 32 hexadecimal \
         characters (0-9, a-f)"
    )]
    Key { variable: &'static str },
    #[error(
        "{name}: every user of this computer can read arguments. Set the environment variable {variable} instead, or write \
         it into a parameter file, or give {name}:=file:/path"
    )]
    Exposed { name: &'static str, variable: &'static str },
}

/// All secrets, read from where they are.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    pub(crate) key: Option<DeviceKey>,
    pub(crate) token: Secret,
    pub(crate) credential: Secret,
    pub(crate) gateway: Secret,
    pub(crate) gateway_view: Secret,
}

impl Secrets {
    pub(super) fn read(values: &BTreeMap<&'static str, Value>) -> Result<Self, SecretError> {
        let read = |(name, variable)| {
            let text = match values.get(name) {
                Some(Value::Text(text)) => text.as_str(),
                _ => "",
            };
            secret::resolve(text, std::env::var(variable).ok())
                .map_err(|error| SecretError::File(name, error))
        };
        let [(_, variable), ..] = SECRETS;
        let [key, token, credential, gateway, gateway_view] = SECRETS.map(read);
        let key = Some(key?).filter(|key| !key.is_empty()).map(|key| key.text().parse());
        let key = key.transpose().map_err(|_| SecretError::Key { variable })?;
        Ok(Self {
            key,
            token: token?,
            credential: credential?,
            gateway: gateway?,
            gateway_view: gateway_view?,
        })
    }
}

/// The environment variable that may hold a secret.
pub(super) fn variable(name: &str) -> Option<&'static str> {
    SECRETS.iter().find(|(secret, _)| *secret == name).map(|(_, variable)| *variable)
}

/// Looks for secrets among the arguments of this process, before or after `--ros-args`.
pub(crate) fn check_arguments(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(), SecretError> {
    let exposed = arguments.find_map(|argument| {
        let (name, value) = argument.split_once(":=")?;
        // A name may have a node's before it.
        let name = name.rsplit(':').next().unwrap_or(name);
        let value = value.trim_matches(['"', '\'']);
        let (name, variable) = SECRETS.into_iter().find(|(secret, _)| *secret == name)?;
        let harmless = value.is_empty() || is_reference(value);
        (!harmless).then_some(SecretError::Exposed { name, variable })
    });
    exposed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_hold_no_secrets() {
        let check =
            |argument: &str| check_arguments(["-p", argument].map(str::to_owned).into_iter());
        for fine in ["aes_128_key:=", "aes_128_key:=file:/k", "dog:token:='file:/t'", "robot_ip:=x"]
        {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for bad in
            ["aes_128_key:=00", "go2_bridge:aes_128_key:='00'", "token:=x", "ice_credential:=x"]
        {
            let error = check(bad).unwrap_err();
            assert!(matches!(error, SecretError::Exposed { .. }), "{bad}");
            assert!(!error.to_string().contains("00"));
        }
    }
}
