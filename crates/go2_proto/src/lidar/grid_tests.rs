use bytes::Bytes;
use lz4_flex::block::compress;

use super::super::synthetic::{self, Bits, Noise};
use super::*;
use crate::codec::Inbound;

fn json(text: &str) -> Json {
    Json::from(text.to_string())
}

fn head(fields: &str) -> Result<VoxelHead, VoxelError> {
    VoxelHead::decode(&json(&format!("{{{fields}}}")))
}

const USUAL: &str = r#""resolution":0.05,"origin":[-3.2,-3.2,-0.95]"#;

/// Voxels at (0, 0, 0), (9, 3, 2) and (127, 127, 37).
fn three() -> Vec<u8> {
    let mut bits = vec![0; 77_824];
    bits[0] = 0x80;
    bits[4145] = 0x40;
    bits[77_823] = 0x01;
    bits
}

fn message(framing: &str, payload: &[u8]) -> Inbound {
    let head = format!(
        r#"{{"type":"msg","topic":"rt/utlidar/voxel_map_compressed","data":{{{USUAL},"stamp":1.5,"frame_id":"odom","src_size":77824,"width":[128,128,38]}}}}"#
    );
    let mut message = match framing {
        "normal" => vec![head.len() as u8, (head.len() >> 8) as u8, 0, 0],
        _ => {
            let mut start = vec![2, 0, 0, 0];
            start.extend((head.len() as u32).to_le_bytes());
            start.extend((payload.len() as u32).to_le_bytes());
            start
        }
    };
    message.extend(head.as_bytes());
    message.extend(payload);
    Inbound::from_binary(&Bytes::from(message)).unwrap()
}

fn occupied(grid: &VoxelGrid<'_>) -> Vec<[usize; 3]> {
    let mut voxels = Vec::new();
    grid.for_each(|x, y, z| voxels.push([x, y, z]));
    voxels
}

#[test]
fn three_voxels_are_where_they_should_be_in_both_framings() {
    let payload = compress(&three());
    let mut decoder = VoxelDecoder::default();
    for framing in ["normal", "lidar"] {
        let message = message(framing, &payload);
        let grid = decoder.decode(&message.data, message.payload.as_ref().unwrap()).unwrap();
        assert_eq!(occupied(&grid), [[0, 0, 0], [9, 3, 2], [127, 127, 37]], "{framing}");
        assert_eq!(grid.count(), 3);
        let corner = grid.head().centre([8.5, 2.5, 1.5]);
        let expected = [-2.75, -3.05, -0.85];
        assert!(corner.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{corner:?}");
        assert!(grid.is_occupied(9, 3, 2) && grid.is_occupied(127, 127, 37));
        assert!(!grid.is_occupied(9, 3, 3) && !grid.is_occupied(128, 0, 0));
        assert_eq!(grid.head().time(), Some(RobotTime::from_millis(1500)));
    }
}

#[test]
fn sides_may_be_told_by_either_field() {
    let width = head(&format!(r#"{USUAL},"width":[128,128,20]"#)).unwrap();
    let size = head(&format!(r#"{USUAL},"src_size":40960"#)).unwrap();
    assert_eq!(width, size);
    assert_eq!((width.bytes(), width.stamp, width.time()), (40_960, None, None));
    let floats = head(&format!(r#"{USUAL},"width":[128.0,128.0,20.0],"src_size":40960.0"#));
    assert_eq!(floats, Ok(width));
    assert_eq!(head(&format!(r#"{USUAL},"width":[8,3,1]"#)).unwrap().bytes(), 3);
    assert_eq!(head(USUAL), Err(VoxelError::Head));
    let wrapped = r#""{\"resolution\":0.1,\"origin\":[0,0,0],\"width\":[8,8,8]}""#;
    assert_eq!(VoxelHead::decode(&json(wrapped)).unwrap().resolution, 0.1);
}

#[test]
fn what_cannot_be_is_refused_with_its_value() {
    let with = |fields: &str| head(fields).unwrap_err().to_string();
    for (fields, part) in [
        (r#""resolution":0,"origin":[0,0,0],"width":[8,8,8]"#, "resolution of 0 m"),
        (r#""resolution":-0.05,"origin":[0,0,0],"width":[8,8,8]"#, "resolution of -0.05 m"),
        (r#""resolution":1.5,"origin":[0,0,0],"width":[8,8,8]"#, "resolution of 1.5 m"),
        (r#""resolution":0.05,"origin":[0,1e5,0],"width":[8,8,8]"#, "[0.0, 100000.0, 0.0]"),
        (r#""resolution":0.05,"origin":[0,0,-1e300],"width":[8,8,8]"#, "origin"),
    ] {
        assert!(with(fields).contains(part), "{}", with(fields));
    }
    for width in [
        "[100,128,38]",
        "[0,128,38]",
        "[128,128,0]",
        "[-8,128,38]",
        "[128,128,38.5]",
        "[128,128,65]",
        "[520,1,1]",
        "[8,520,1]",
        "[1e300,1e300,1e300]",
    ] {
        let error = with(&format!(r#"{USUAL},"width":{width}"#));
        assert!(error.contains("width of ["), "{width}: {error}");
    }
    for size in ["0", "2047", "-2048", "133120", "1e300"] {
        let error = with(&format!(r#"{USUAL},"src_size":{size}"#));
        assert!(error.contains("src_size of "), "{size}: {error}");
    }
    assert_eq!(
        with(&format!(r#"{USUAL},"width":[128,128,38],"src_size":61440"#)),
        "a width of [128, 128, 38] takes 77824 bytes, but src_size is 61440"
    );
    for other in [
        r#""origin":[0,0,0],"width":[8,8,8]"#,
        r#""resolution":0.05,"width":[8,8,8]"#,
        r#""resolution":0.05,"origin":[0,0],"width":[8,8,8]"#,
        r#""resolution":0.05,"origin":[0,0,null],"width":[8,8,8]"#,
        r#""resolution":0.05,"origin":[0,0,0],"width":[8,8,8,8]"#,
        r#""resolution":1e999,"origin":[0,0,0],"width":[8,8,8]"#,
        r#""resolution":"0.05","origin":[0,0,0],"width":[8,8,8]"#,
    ] {
        assert_eq!(head(other), Err(VoxelError::Head), "{other}");
    }
    assert_eq!(VoxelHead::decode(&json("null")), Err(VoxelError::Head));
}

#[test]
fn stamps_that_are_no_time_are_none() {
    for stamp in ["null", "-5", "1e300", "0", "0.0", "1.709106e+09", "1000"] {
        let head = head(&format!(r#"{USUAL},"width":[8,8,8],"stamp":{stamp}"#)).unwrap();
        assert_eq!(head.time(), None, "{stamp}");
    }
}

#[test]
fn a_block_of_another_size_says_so() {
    let mut decoder = VoxelDecoder::default();
    let mut decode = |bits: &[u8]| {
        let head = json(&synthetic::head());
        decoder.decode(&head, &compress(bits)).map(|grid| grid.count()).map_err(|e| e.to_string())
    };
    // An earlier frame lies in the buffer: nothing of it may come through.
    assert_eq!(decode(&[0xff; 77_824]), Ok(8 * 77_824));
    assert_eq!(decode(&[0; 61_440]), Err("the block holds 61440 bytes, not 77824".to_string()));
    assert_eq!(decode(&[0; 77_825]), Err("the block holds more than 77824 bytes".to_string()));
    assert_eq!(decode(&[0; 77_824]), Ok(0));
}

#[test]
fn smaller_windows_after_larger_ones_are_read_alone() {
    let mut decoder = VoxelDecoder::default();
    decoder.decode(&json(&synthetic::head()), &compress(&[0xff; 77_824])).unwrap();
    // 24 voxels along x: no whole word. One voxel in the last byte of the second row.
    let small = json(&format!(r#"{{{USUAL},"width":[24,2,1]}}"#));
    let grid = decoder.decode(&small, &compress(&[0, 0, 0, 0x80, 0, 0x01])).unwrap();
    assert_eq!(occupied(&grid), [[0, 1, 0], [23, 1, 0]]);
    assert_eq!(grid.count(), 2);
}

#[test]
fn truncated_and_lying_blocks_are_refused() {
    let head = json(&synthetic::head());
    let mut decoder = VoxelDecoder::default();
    let payload = synthetic::room(16_000).payload();
    for length in (0..payload.len()).step_by(37).chain([payload.len() - 1]) {
        let error = decoder.decode(&head, &payload[..length]).unwrap_err();
        assert!(
            matches!(error, VoxelError::Lz4(_) | VoxelError::Short { .. }),
            "{length}: {error}"
        );
    }
    assert_eq!(decoder.decode(&head, &[]).unwrap_err(), VoxelError::Lz4("it is cut short"));
    let lies: [&[u8]; 5] = [
        &[0x10, 0xaa, 0x00, 0x00],             // repeats from 0 bytes back
        &[0x10, 0xaa, 0xff, 0xff],             // repeats what was before the start
        &[0xf0, 0xff, 0xff, 0xff, 0xff, 0x00], // literals that are not there
        &[0x1f, 0xaa, 0x01, 0x00, 0xff],       // a length that goes on
        &[0xff; 5000],
    ];
    for lie in lies {
        let error = decoder.decode(&head, lie).unwrap_err();
        assert!(matches!(error, VoxelError::Lz4(_)), "{error}");
    }
    // One byte, repeated for 255 bytes with each byte of its length, far beyond the window.
    let mut bomb = vec![0x1f, 0xaa, 0x01, 0x00];
    bomb.extend([0xff; 60_000]);
    bomb.push(0);
    let error = decoder.decode(&head, &bomb).unwrap_err();
    assert_eq!(error, VoxelError::Long { expected: 77_824 });
}

#[test]
fn damaged_frames_never_panic() {
    let mut noise = Noise(7);
    let mut decoder = VoxelDecoder::default();
    let (whole_head, whole) = (synthetic::head(), synthetic::room(16_000).payload());
    let mut decoded = 0;
    for round in 0..2000 {
        let mut head = whole_head.clone().into_bytes();
        let mut payload = whole.clone();
        if round % 2 == 0 {
            let at = noise.below(head.len());
            head[at] = b"0123456789e.,-[]{}\"n"[noise.below(20)];
        } else {
            for _ in 0..1 + noise.below(5) {
                let at = noise.below(payload.len());
                payload[at] = noise.next() as u8;
            }
        }
        let head = Json::from(String::from_utf8(head).unwrap());
        if let Ok(grid) = decoder.decode(&head, &payload) {
            assert_eq!(occupied(&grid).len(), grid.count());
            decoded += 1;
        }
        let garbage: Vec<u8> = (0..noise.below(300)).map(|_| noise.next() as u8).collect();
        assert!(decoder.decode(&json(&whole_head), &garbage).is_err());
    }
    // Damage in literals or in the stamp goes unnoticed; more would mean that the rest is not checked.
    assert!((200..1900).contains(&decoded), "{decoded}");
}

#[test]
fn the_words_give_the_same_voxels_as_the_bits() {
    let Bits { bytes, count } = synthetic::room(16_000);
    let mut decoder = VoxelDecoder::default();
    let grid = decoder.decode(&json(&synthetic::head()), &compress(&bytes)).unwrap();
    assert_eq!(grid.count(), count);
    let mut expected = Vec::new();
    for z in 0..38 {
        for y in 0..128 {
            expected.extend((0..128).filter(|&x| grid.is_occupied(x, y, z)).map(|x| [x, y, z]));
        }
    }
    assert_eq!(occupied(&grid), expected);
}
