//! Secrets: they need not stand in a parameter file, and must not stand in the arguments of a process.

use std::collections::BTreeMap;

use go2_link::signaling::{DeviceKey, Token};
use go2_link::transport::ice::Credential;

use super::check::Value;

/// Secret parameters, and the environment variables that may hold them instead.
const SECRETS: [(&str, &str); 3] =
    [(KEY, "GO2_AES_128_KEY"), ("token", "GO2_TOKEN"), ("ice_credential", "GO2_ICE_CREDENTIAL")];
const KEY: &str = "aes_128_key";

/// Why a secret cannot be had, or may not be given so. Never holds any of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("{name}: the file {path} cannot be read: {why}")]
    File { name: &'static str, path: String, why: String },
    #[error("{name}: the file {path} is empty")]
    Empty { name: &'static str, path: String },
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
    pub(crate) token: Token,
    pub(crate) credential: Credential,
}

impl Secrets {
    pub(super) fn read(values: &BTreeMap<&'static str, Value>) -> Result<Self, SecretError> {
        let read = |(name, variable)| {
            let text = match values.get(name) {
                Some(Value::Text(text)) => text.as_str(),
                _ => "",
            };
            resolve(name, text, std::env::var(variable).ok())
        };
        let [(_, variable), ..] = SECRETS;
        let [key, token, credential] = SECRETS.map(read);
        let key = Some(key?).filter(|key| !key.is_empty()).map(|key| key.parse());
        let key = key.transpose().map_err(|_| SecretError::Key { variable })?;
        Ok(Self { key, token: token?.into(), credential: credential?.into() })
    }
}

/// Whether a text names a file instead of being the secret.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with(FILE)
}

const FILE: &str = "file:";

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

/// What a secret parameter means: the text itself, or, where it is `file:/path`, that file's first line. A parameter that is not
/// set is looked for in the environment, with the same meaning.
pub(super) fn resolve(
    name: &'static str,
    text: &str,
    variable: Option<String>,
) -> Result<String, SecretError> {
    let text = match text.trim() {
        "" => variable.unwrap_or_default().trim().to_owned(),
        text => text.to_owned(),
    };
    let Some(path) = text.strip_prefix(FILE) else { return Ok(text) };
    let path = path.to_owned();
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => content,
        Err(error) => return Err(SecretError::File { name, path, why: error.to_string() }),
    };
    match content.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(SecretError::Empty { name, path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_goes_before_the_environment() {
        let variable = || Some("from the environment".to_owned());
        assert_eq!(resolve("x", " own ", variable()).as_deref(), Ok("own"));
        assert_eq!(resolve("x", "", variable()).as_deref(), Ok("from the environment"));
        assert_eq!(resolve("x", "", None).as_deref(), Ok(""));
    }

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

    #[test]
    fn a_file_is_read_to_the_end_of_its_first_line() {
        let path = std::env::temp_dir().join(format!("go2-secret-{}", std::process::id()));
        let name = format!("file:{}", path.display());
        assert!(matches!(resolve("x", &name, None), Err(SecretError::File { .. })));
        std::fs::write(&path, "hush \nmore\n").unwrap();
        assert_eq!(resolve("x", &name, None).as_deref(), Ok("hush"));
        assert_eq!(resolve("x", "", Some(name.clone())).as_deref(), Ok("hush"));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(resolve("x", &name, None), Err(SecretError::Empty { .. })));
        std::fs::remove_file(&path).unwrap();
    }
}
