//! The arguments of this process: `name:=value` of its own, and ROS's after `--ros-args`.

use std::ffi::OsString;

const USAGE: &str = "\
The ROS 2 node between a Unitree GO2 and the ROS graph.

Usage: go2_bridge [name:=value ...] [--ros-args ...]

  name:=value      a parameter, such as robot_ip:=192.168.12.1; goes before parameter files
  --ros-args       ROS's own: -p name:=value, --params-file FILE, -r FROM:=TO, --log-level LEVEL
  -h, --help       this text
  -V, --version    the version

config/go2.yaml has all parameters. Secrets belong into a file or the environment, not here.
Exit status: 0 after it was told to end, 2 where the configuration is wrong.";

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arguments {
    /// A text.
    Tell(String),
    /// The node.
    Run {
        /// `name:=value`, as they were given.
        own: Vec<String>,
        /// ROS's, with their marks.
        ros: Vec<String>,
    },
}

/// An argument that is not UTF-8.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the argument {0:?} is not UTF-8")]
pub(crate) struct NotText(OsString);

/// This program's version.
pub(crate) fn version() -> String {
    format!("go2_bridge {}", env!("CARGO_PKG_VERSION"))
}

/// Reads the arguments behind the program's name.
pub(crate) fn read(given: impl Iterator<Item = OsString>) -> Result<Arguments, NotText> {
    let given: Result<Vec<_>, _> = given.map(OsString::into_string).collect();
    let (own, ros) = split(given.map_err(NotText)?);
    let has = |flags: [&str; 2]| own.iter().any(|argument| flags.contains(&argument.as_str()));
    Ok(if has(["-h", "--help"]) {
        Arguments::Tell(format!("{}\n{USAGE}", version()))
    } else if has(["-V", "--version"]) {
        Arguments::Tell(version())
    } else {
        Arguments::Run { own, ros }
    })
}

/// This program's arguments, and ROS's, which end with `--` or never.
fn split(given: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut own, mut ros) = (vec![], vec![]);
    let mut of_ros = false;
    for argument in given {
        of_ros |= argument == "--ros-args";
        let ends = argument == "--";
        if of_ros { &mut ros } else { &mut own }.push(argument);
        of_ros &= !ends;
    }
    (own, ros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ross_begins_with_its_mark() {
        let split = |text: &str| {
            let (own, ros) = split(text.split_whitespace().map(str::to_owned).collect());
            (own.join(" "), ros.join(" "))
        };
        let (own, ros) = ("robot_ip:=dog gateway:=true", "--ros-args -p a:=b");
        assert_eq!(split(&format!("{own} {ros}")), (own.to_owned(), ros.to_owned()));
        assert_eq!(split(own), (own.to_owned(), String::new()));
        assert_eq!(split(ros), (String::new(), ros.to_owned()));
        let (begun, ended) = (format!("{ros} --"), "robot_ip:=dog".to_owned());
        assert_eq!(split(&format!("{begun} {ended}")), (ended, begun));
    }

    #[test]
    fn help_and_version_are_told() {
        let read = |text: &str| read(text.split_whitespace().map(OsString::from));
        assert_eq!(read("--version"), Ok(Arguments::Tell(version())));
        assert_eq!(read("-V -p"), read("--version"));
        let Ok(Arguments::Tell(help)) = read("robot_ip:=x --help") else { panic!("no help") };
        assert!(help.starts_with(&version()) && help.contains("--ros-args"));
        assert_eq!(read("-h"), read("--help"));
        // ROS's own.
        assert!(matches!(read("--ros-args --help"), Ok(Arguments::Run { .. })));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        assert!(read([OsString::from_vec(vec![0xff])].into_iter()).is_err());
    }
}
