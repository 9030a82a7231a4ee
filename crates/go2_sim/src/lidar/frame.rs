//! The voxel map as the robot's bytes. Written from the protocol alone, so that it does not share the errors of who reads it.

use bytes::{BufMut, Bytes, BytesMut};
use go2_proto::codec::Frame;
use serde_json::json;

use super::grid::Grid;
use super::{RESOLUTION, SIZE, VOXEL_MAP};
use crate::options::Firmware;

/// A message with the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoxelFrame {
    /// The message.
    pub bytes: Bytes,
    /// How many voxels in it are occupied.
    pub voxels: u32,
}

/// One bit a voxel, x fastest, the first in the most significant bit of its byte.
fn bits(grid: &Grid) -> Vec<u8> {
    grid.rows().iter().flat_map(|row| row.to_be_bytes()).collect()
}

/// `offset` is by how much the window's origin is beside a whole number of voxels, metres.
pub(super) fn encode(
    grid: &Grid,
    offset: f64,
    stamp: f64,
    firmware: Firmware,
) -> Option<VoxelFrame> {
    let origin = |voxel: i64| ((voxel as f64 * RESOLUTION + offset) * 1e6).round() / 1e6;
    let bits = bits(grid);
    let head = json!({
        "type": "msg",
        "topic": VOXEL_MAP,
        "data": {
            "stamp": stamp,
            "frame_id": "odom",
            "resolution": RESOLUTION,
            "src_size": bits.len(),
            "origin": grid.corner().map(origin),
            "width": SIZE,
        },
    });
    let head = head.to_string();
    let payload = lz4_flex::block::compress(&bits);
    let bytes = match firmware {
        Firmware::Old => Frame { head: head.into(), payload: payload.into() }.encode()?,
        Firmware::New => marked(head.as_bytes(), &payload)?,
    };
    let voxels = grid.rows().iter().map(|row| row.count_ones()).sum();
    Some(VoxelFrame { bytes, voxels })
}

/// The framing of newer firmware: the marker 2, a length of 32 bits, and the payload's length, which nobody reads.
pub(crate) fn marked(head: &[u8], payload: &[u8]) -> Option<Bytes> {
    let mut message = BytesMut::with_capacity(12 + head.len() + payload.len());
    message.put_u16_le(2);
    message.put_u16_le(0);
    message.put_u32_le(u32::try_from(head.len()).ok()?);
    message.put_u32_le(u32::try_from(payload.len()).ok()?);
    message.put_slice(head);
    message.put_slice(payload);
    Some(message.freeze())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The protocol's example by hand: voxels (0,0,0), (9,3,2) and (127,127,37).
    fn example() -> Grid {
        let corner = [-64, -64, -19];
        let mut grid = Grid::new(corner);
        for [x, y, z] in [[0, 0, 0], [9, 3, 2], [127, 127, 37]] {
            grid.mark([corner[0] + x, corner[1] + y, corner[2] + z]);
        }
        grid
    }

    #[test]
    fn bits_are_where_the_protocol_has_them() {
        let bits = bits(&example());
        assert_eq!(bits.len(), 77_824);
        let set: Vec<_> = bits.iter().enumerate().filter(|(_, byte)| **byte != 0).collect();
        assert_eq!(set, [(0, &0x80), (4145, &0x40), (77_823, &0x01)]);
    }

    fn check(head: &[u8], payload: &[u8]) {
        let head: Value = serde_json::from_slice(head).unwrap();
        assert_eq!((&head["type"], &head["topic"]), (&"msg".into(), &VOXEL_MAP.into()));
        let data = &head["data"];
        assert_eq!(data["stamp"], 1709106446.54);
        assert_eq!(data["frame_id"], "odom");
        assert_eq!((&data["resolution"], &data["src_size"]), (&0.05.into(), &77_824.into()));
        assert_eq!(data["width"], json!([128, 128, 38]));
        for (axis, wanted) in [-3.2, -3.2, -0.95].into_iter().enumerate() {
            let origin = data["origin"][axis].as_f64().unwrap();
            assert!((origin - wanted).abs() < 1e-9, "{origin}");
        }
        assert_eq!(lz4_flex::block::decompress(payload, 77_824).unwrap(), bits(&example()));
    }

    #[test]
    fn newer_firmware_marks_the_frame_and_older_does_not() {
        let frame = encode(&example(), 0.0, 1709106446.54, Firmware::New).unwrap();
        assert_eq!(frame.voxels, 3);
        let bytes = frame.bytes;
        assert_eq!(bytes[..4], [2, 0, 0, 0]);
        let length = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let payload = 12 + length(4);
        assert_eq!(length(8), bytes.len() - payload);
        check(&bytes[12..payload], &bytes[payload..]);

        let bytes = encode(&example(), 0.0, 1709106446.54, Firmware::Old).unwrap().bytes;
        let payload = 4 + usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        assert_eq!(bytes[2..4], [0, 0]);
        check(&bytes[4..payload], &bytes[payload..]);
    }
}
