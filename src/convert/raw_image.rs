//! `sensor_msgs/Image` in the form in which it is sent.
//!
//! A picture has megabytes, and ROS's client library would copy it twice before it is sent. This one is written
//! once, into the place where it is sent from.

use r2r::builtin_interfaces::msg::Time;

/// What an image is besides its data.
pub(crate) struct Layout<'a> {
    pub(crate) frame: &'a str,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) encoding: &'a str,
    /// Bytes of a row.
    pub(crate) step: usize,
}

/// An image as CDR, the form of DDS: little endian, each number at a multiple of its size. The memory is used
/// again for the next one.
#[derive(Default)]
pub(crate) struct RawImage {
    bytes: Vec<u8>,
}

/// "CDR, little endian": not counted when aligning.
const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

impl RawImage {
    /// Begins a message and returns where its data goes.
    pub(crate) fn begin(&mut self, layout: &Layout<'_>, stamp: &Time) -> &mut [u8] {
        let length = layout.step * layout.height;
        let mut head = Vec::with_capacity(128);
        head.extend(ENCAPSULATION);
        put(&mut head, stamp.sec.cast_unsigned());
        put(&mut head, stamp.nanosec);
        put_text(&mut head, layout.frame);
        put(&mut head, layout.height as u32);
        put(&mut head, layout.width as u32);
        put_text(&mut head, layout.encoding);
        head.push(0); // is_bigendian
        put(&mut head, layout.step as u32);
        put(&mut head, length as u32);
        self.bytes.resize(head.len() + length, 0);
        self.bytes[..head.len()].copy_from_slice(&head);
        &mut self.bytes[head.len()..]
    }

    /// The message.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn put(head: &mut Vec<u8>, number: u32) {
    head.resize(head.len().next_multiple_of(4), 0);
    head.extend(number.to_le_bytes());
}

fn put_text(head: &mut Vec<u8>, text: &str) {
    put(head, text.len() as u32 + 1);
    head.extend(text.as_bytes());
    head.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use r2r::sensor_msgs::msg::Image;
    use r2r::WrappedTypesupport as _;

    #[test]
    fn ros_reads_it_as_the_message() {
        let stamp = Time { sec: 1_700_000_000, nanosec: 5 };
        let mut raw = RawImage::default();
        for frame in ["", "a", "ab", "abc", "abcd", "dog/front_camera_optical_frame"] {
            for (encoding, step) in [("rgb8", 9), ("yuv422_yuy2", 6)] {
                let layout = Layout { frame, width: 3, height: 2, encoding, step };
                let data = raw.begin(&layout, &stamp);
                data.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
                let message = Image {
                    header: crate::convert::header(&stamp, frame),
                    height: 2,
                    width: 3,
                    encoding: encoding.to_owned(),
                    is_bigendian: 0,
                    step: step as u32,
                    data: data.to_vec(),
                };
                assert_eq!(Image::from_serialized_bytes(raw.bytes()).unwrap(), message);
                let length = message.to_serialized_bytes().unwrap().len();
                assert_eq!(raw.bytes().len(), length, "{frame} {encoding}");
            }
        }
    }
}
