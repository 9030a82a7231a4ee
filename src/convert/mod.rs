//! Robot state to ROS messages. Pure; the stamp is an argument.

mod cloud;
mod diagnostics;
mod image;
mod imu;
mod joints;
mod odometry;
mod power;
mod raw_image;
mod scan;

pub(crate) use cloud::point_cloud;
pub(crate) use diagnostics::{diagnostics, lost, Report, StreamView};
pub(crate) use image::{compressed_image, compressed_video};
pub(crate) use imu::imu;
pub(crate) use joints::joint_state;
pub(crate) use odometry::{footprint, odometry, transforms, Motion};
pub(crate) use power::battery_state;
pub(crate) use raw_image::{Layout, RawImage};
pub(crate) use scan::laser_scan;

use r2r::builtin_interfaces::msg::Time;
use r2r::geometry_msgs::msg::{Quaternion, Vector3};
use r2r::std_msgs::msg::Header;

pub(crate) fn header(stamp: &Time, frame: &str) -> Header {
    Header { stamp: stamp.clone(), frame_id: frame.to_owned() }
}

fn vector([x, y, z]: [f64; 3]) -> Vector3 {
    Vector3 { x, y, z }
}

fn quaternion(q: &go2_proto::geometry::Quaternion) -> Quaternion {
    Quaternion { x: q.x, y: q.y, z: q.z, w: q.w }
}

/// A row-major covariance of N x N with this diagonal.
fn diagonal<const N: usize>(variances: &[f64; N]) -> Vec<f64> {
    let mut matrix = vec![0.0; N * N];
    for (i, variance) in variances.iter().enumerate() {
        matrix[i * (N + 1)] = *variance;
    }
    matrix
}

#[cfg(test)]
mod tests {
    #[test]
    fn covariances_are_row_major() {
        assert_eq!(super::diagonal(&[1.0, 2.0]), [1.0, 0.0, 0.0, 2.0]);
    }
}
