//! Text that is never shown: keys, tokens, passwords.

/// A secret. Its `Debug` says only whether there is one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for where it is used.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether another text is the same. How long that takes tells nothing of where they differ.
    pub fn is(&self, other: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.as_bytes());
        let differ = ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b));
        ours.len() == theirs.len() && differ == 0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(none)" } else { "Secret(..)" })
    }
}

/// Why a secret cannot be had. Never holds any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error("the file {path} cannot be read: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// Its first line is empty.
    #[error("the file {0} is empty")]
    Empty(String),
}

/// What a text begins with that names a file instead of being the secret.
const FILE: &str = "file:";

/// Whether a text names a file instead of being the secret.
pub fn is_reference(text: &str) -> bool {
    text.starts_with(FILE)
}

/// What a setting means: the text itself, or, where it is `file:/path`, that file's first line. One that is empty is looked for
/// in the environment, whose `variable` has the same meaning.
pub fn resolve(text: &str, variable: Option<String>) -> Result<Secret, SecretFileError> {
    let text = match text.trim() {
        "" => variable.unwrap_or_default().trim().to_owned(),
        text => text.to_owned(),
    };
    let Some(path) = text.strip_prefix(FILE) else { return Ok(Secret(text)) };
    let path = path.to_owned();
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => content,
        Err(error) => return Err(SecretFileError::File { path, why: error.to_string() }),
    };
    match content.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(Secret(line.to_owned())),
        _ => Err(SecretFileError::Empty(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_and_not_shown() {
        let secret = Secret::from("tomato".to_owned());
        assert!(secret.is("tomato") && !secret.is("tomatO") && !secret.is("tom") && !secret.is(""));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{:?}", Secret::default()), "Secret(none)");
    }

    fn resolved(text: &str, variable: Option<&str>) -> Result<String, SecretFileError> {
        resolve(text, variable.map(str::to_owned)).map(|secret| secret.text().to_owned())
    }

    #[test]
    fn the_setting_goes_before_the_environment() {
        assert_eq!(resolved(" own ", Some("other")).as_deref(), Ok("own"));
        assert_eq!(resolved("", Some(" other")).as_deref(), Ok("other"));
        assert_eq!(resolved("", None).as_deref(), Ok(""));
    }

    #[test]
    fn a_file_is_read_to_the_end_of_its_first_line() {
        let path = std::env::temp_dir().join(format!("go2-secret-{}", std::process::id()));
        let name = format!("file:{}", path.display());
        assert!(matches!(resolve(&name, None), Err(SecretFileError::File { .. })));
        std::fs::write(&path, "hush \nmore\n").unwrap();
        assert_eq!(resolved(&name, None).as_deref(), Ok("hush"));
        assert_eq!(resolved("", Some(&name)).as_deref(), Ok("hush"));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(resolve(&name, None), Err(SecretFileError::Empty(_))));
        std::fs::remove_file(&path).unwrap();
    }
}
