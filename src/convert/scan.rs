//! `scan`, with ranges as REP 117 means them.

use go2_proto::lidar::ScanSettings;
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::LaserScan;

use super::header;

/// A scan in the plane of its frame; `settings` with the last beam's own angle. All beams are of one time: they come from a map.
pub(crate) fn laser_scan(
    ranges: Vec<f32>,
    settings: &ScanSettings,
    frame: &str,
    stamp: &Time,
) -> LaserScan {
    LaserScan {
        header: header(stamp, frame),
        angle_min: settings.angle_min as f32,
        angle_max: settings.angle_max as f32,
        angle_increment: settings.angle_increment as f32,
        time_increment: 0.0,
        scan_time: 0.0,
        range_min: settings.range_min as f32,
        range_max: settings.range_max as f32,
        ranges,
        intensities: vec![],
    }
}
