//! `name:=value` arguments before `--ros-args`.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Where this program, begun anew, finds those that it was given.
const HANDED_ON: &str = "GO2_BRIDGE_ARGUMENTS";

/// Those of this process. rcl takes `gateway:=true` for a remapping in a form that is long gone, warns of it, and does it: so the
/// program begins anew without them, as the same process, and finds them in its environment. To be called first of all.
pub(crate) fn own() -> Vec<String> {
    let mut given = std::env::args();
    let name = given.next().unwrap_or_default();
    let (own, ros) = split(given);
    if own.is_empty() {
        return std::env::var(HANDED_ON)
            .ok()
            .and_then(|list| serde_json::from_str(&list).ok())
            .unwrap_or_default();
    }
    if let (Ok(program), Ok(list)) = (std::env::current_exe(), serde_json::to_string(&own)) {
        let error = Command::new(program).arg0(name).args(ros).env(HANDED_ON, list).exec();
        tracing::debug!("cannot begin anew: {error}"); // all works but for rcl's warning
    }
    own
}

/// This program's arguments, and ROS's.
fn split(given: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let mut own: Vec<_> = given.collect();
    let end = own.iter().position(|argument| argument == "--ros-args").unwrap_or(own.len());
    let ros = own.split_off(end);
    (own, ros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ross_begins_with_its_mark() {
        let split = |text: &str| {
            let (own, ros) = split(text.split_whitespace().map(str::to_owned));
            (own.join(" "), ros.join(" "))
        };
        let (own, ros) = ("robot_ip:=dog gateway:=true", "--ros-args -p a:=b");
        assert_eq!(split(&format!("{own} {ros}")), (own.to_owned(), ros.to_owned()));
        assert_eq!(split(own), (own.to_owned(), String::new()));
        assert_eq!(split(ros), (String::new(), ros.to_owned()));
    }
}
