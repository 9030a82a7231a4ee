//! What is printed. A terminal that is gone is no reason to fail: the session is still to be ended.

use std::io::{stderr, stdout, Write as _};

/// Prints as it is.
pub(crate) fn print(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line of what was asked for.
pub(crate) fn say(text: &str) {
    print(&format!("{text}\n"));
}

/// Prints a line of how it goes, apart from what was asked for.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
