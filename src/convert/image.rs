//! The camera's messages. `camera/image_raw` itself is filled in by the decoder, see [`crate::camera`].

use r2r::builtin_interfaces::msg::Time;
use r2r::foxglove_msgs::msg::CompressedVideo;
use r2r::sensor_msgs::msg::CompressedImage;

use super::header;

/// A JPEG.
pub(crate) fn compressed_image(jpeg: Vec<u8>, frame: &str, stamp: &Time) -> CompressedImage {
    CompressedImage { header: header(stamp, frame), format: "jpeg".into(), data: jpeg }
}

/// One access unit of H.264 as an Annex B byte stream.
pub(crate) fn compressed_video(unit: &[u8], frame: &str, stamp: &Time) -> CompressedVideo {
    CompressedVideo {
        timestamp: stamp.clone(),
        frame_id: frame.to_owned(),
        data: unit.to_vec(),
        format: "h264".into(),
    }
}
