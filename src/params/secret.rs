//! Secrets that need not stand in a parameter file.

/// Why a secret cannot be had. Never holds any of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("{name}: the file {path} cannot be read: {why}")]
    File { name: &'static str, path: String, why: String },
    #[error("{name}: the file {path} is empty")]
    Empty { name: &'static str, path: String },
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
    let Some(path) = text.strip_prefix("file:") else { return Ok(text) };
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
