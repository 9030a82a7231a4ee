//! Places where tests have this program fail.

/// Panics where a test wants that: while there is the file that the environment variable `GO2_FAIL_AT` names as `place:path`.
/// Programs that are built for release have nothing of it.
#[inline]
pub fn failpoint(place: &str) {
    #[cfg(debug_assertions)]
    {
        use std::path::PathBuf;
        use std::sync::OnceLock;
        static WANTED: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
        let wanted = WANTED.get_or_init(|| {
            let wanted = std::env::var("GO2_FAIL_AT").ok()?;
            wanted.split_once(':').map(|(place, path)| (place.to_owned(), path.into()))
        });
        if wanted.as_ref().is_some_and(|(wanted, path)| wanted == place && path.exists()) {
            panic!("a test has {place} fail");
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
