//! `points`.

use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::{PointCloud2, PointField};

use super::header;

/// Bytes of a point: x, y and z as little endian `float32`.
const POINT: usize = 12;

/// A cloud of the points in `data`, each x, y and z in metres. Unorganised: the robot gives no rows.
pub(crate) fn point_cloud(data: Vec<u8>, frame: &str, stamp: &Time) -> PointCloud2 {
    let field = |name: &str, offset| PointField {
        name: name.to_owned(),
        offset,
        datatype: PointField::FLOAT32 as u8,
        count: 1,
    };
    PointCloud2 {
        header: header(stamp, frame),
        height: 1,
        width: (data.len() / POINT) as u32,
        fields: vec![field("x", 0), field("y", 4), field("z", 8)],
        is_bigendian: false,
        point_step: POINT as u32,
        row_step: data.len() as u32,
        data,
        is_dense: true,
    }
}
