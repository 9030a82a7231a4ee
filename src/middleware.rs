//! How Fast DDS sends, where the user has not said it.
//!
//! By default a send waits until the network takes it: behind a slow one, every publisher of the process waits, and so does
//! whoever needs the locks that they hold. Here a packet that the network does not take is dropped; reliable subscribers get it
//! again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{memfd_create, MemfdFlags};

/// What a user's own profile is named by; Fast DDS 2 reads the first one, Fast DDS 3 the second.
const FILES: [&str; 2] = ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
/// Another way to choose transports.
const TRANSPORTS: &str = "FASTDDS_BUILTIN_TRANSPORTS";
/// Profiles that Fast DDS reads where they lie in the working directory.
const DEFAULTS: [&str; 2] = ["DEFAULT_FASTRTPS_PROFILES.xml", "DEFAULT_FASTDDS_PROFILES.xml"];
/// The middleware of this process, where it is not ROS's default.
const MIDDLEWARE: &str = "RMW_IMPLEMENTATION";

/// The transports that Fast DDS has without a profile, but for the waiting.
const PROFILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <profiles>
    <transport_descriptors>
      <transport_descriptor>
        <transport_id>go2_udp</transport_id>
        <type>UDPv4</type>
        <non_blocking_send>true</non_blocking_send>
      </transport_descriptor>
      <transport_descriptor>
        <transport_id>go2_shared_memory</transport_id>
        <type>SHM</type>
      </transport_descriptor>
    </transport_descriptors>
    <participant profile_name="go2_bridge" is_default_profile="true">
      <rtps>
        <userTransports>
          <transport_id>go2_shared_memory</transport_id>
          <transport_id>go2_udp</transport_id>
        </userTransports>
        <useBuiltinTransports>false</useBuiltinTransports>
      </rtps>
    </participant>
  </profiles>
</dds>
"#;

/// The profile of this process, which Fast DDS reads when the node is created.
pub(crate) struct Profile {
    /// It is there for as long as this is open.
    _file: File,
}

/// Sets it, unless the user has one. To be called before there is another thread. Where it cannot be made, ROS's default stands.
pub(crate) fn set_profile() -> Option<Profile> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let lies_here = |name: &str| Path::new(name).exists();
    if !wanted(std::env::var(MIDDLEWARE).ok().as_deref(), is_set, lies_here) {
        return None;
    }
    let file = write().ok()?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    for name in FILES {
        std::env::set_var(name, &path);
    }
    Some(Profile { _file: file })
}

fn wanted(
    middleware: Option<&str>,
    is_set: impl Fn(&str) -> bool,
    lies_here: impl Fn(&str) -> bool,
) -> bool {
    middleware.is_none_or(|name| name.is_empty() || name.starts_with("rmw_fastrtps"))
        && ![FILES[0], FILES[1], TRANSPORTS].into_iter().any(is_set)
        && !DEFAULTS.into_iter().any(lies_here)
}

/// A file that no other process sees.
fn write() -> io::Result<File> {
    let mut file = File::from(memfd_create("fastdds.xml", MemfdFlags::CLOEXEC)?);
    file.write_all(PROFILE.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_the_user_stands() {
        let no = |_: &str| false;
        for (middleware, expected) in [
            (None, true),
            (Some(""), true),
            (Some("rmw_fastrtps_cpp"), true),
            (Some("rmw_fastrtps_dynamic_cpp"), true),
            (Some("rmw_cyclonedds_cpp"), false),
        ] {
            assert_eq!(wanted(middleware, no, no), expected, "{middleware:?}");
        }
        for name in [FILES[0], FILES[1], TRANSPORTS] {
            assert!(!wanted(None, |set| set == name, no), "{name}");
        }
        for name in DEFAULTS {
            assert!(!wanted(None, no, |there| there == name), "{name}");
        }
    }

    #[test]
    fn the_file_is_read_by_its_path() {
        let file = write().unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        assert_eq!(std::fs::read_to_string(path).unwrap(), PROFILE);
    }
}
