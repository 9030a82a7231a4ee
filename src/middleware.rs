//! How Fast DDS sends, where the user has not said it.
//!
//! By default a send waits until the network takes it: behind a slow one, every publisher of the process waits, and so does
//! whoever needs the locks that they hold. Here a packet that the network does not take is dropped; reliable subscribers get it
//! again.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a user's own profile is named by; Fast DDS 2 reads the first one, Fast DDS 3 the second.
const FILES: [&str; 2] = ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
/// Another way to choose transports.
const TRANSPORTS: &str = "FASTDDS_BUILTIN_TRANSPORTS";
/// Profiles that Fast DDS reads where they lie in the working directory.
const DEFAULTS: [&str; 2] = ["DEFAULT_FASTRTPS_PROFILES.xml", "DEFAULT_FASTDDS_PROFILES.xml"];
/// The middleware of this process, where it is not ROS's default.
const MIDDLEWARE: &str = "RMW_IMPLEMENTATION";

/// The transports that Fast DDS has without a profile, but for the waiting, and for a segment of shared memory that has room for two
/// pictures: in its own of 512 KiB a picture leaves none for TF and odometry, which are lost or late.
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
        <segment_size>8388608</segment_size>
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

/// The profile of this process in a file, which Fast DDS reads when the node is created. Removed with this.
pub(crate) struct Profile(PathBuf);

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // the system cleans up behind us otherwise
    }
}

/// Sets it, unless the user has one. To be called before there is another thread. Where it cannot be made, ROS's default stands.
pub(crate) fn set_profile() -> Option<Profile> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let lies_here = |name: &str| Path::new(name).exists();
    if !wanted(std::env::var(MIDDLEWARE).ok().as_deref(), is_set, lies_here) {
        return None;
    }
    // In a user's own folder where there is one.
    let folder =
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    let profile = write(&folder.unwrap_or_else(std::env::temp_dir)).ok()?;
    for name in FILES {
        std::env::set_var(name, &profile.0);
    }
    Some(profile)
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

/// Writes a file that only this user can read, and nobody has made before.
fn write(folder: &Path) -> io::Result<Profile> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let path = folder.join(format!("go2_bridge.{}.{now}.xml", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let profile = Profile(path);
    file.write_all(PROFILE.as_bytes())?;
    Ok(profile)
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
    fn the_file_is_there_until_it_is_read() {
        let profile = write(&std::env::temp_dir()).unwrap();
        let path = profile.0.clone();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), PROFILE);
        drop(profile);
        assert!(!path.exists());
    }
}
