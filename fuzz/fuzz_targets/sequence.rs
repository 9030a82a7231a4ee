//! Access units on their way to the decoder: their sequence parameter sets are read, and some are written anew.

#![no_main]

use std::time::Instant;

use bytes::Bytes;
use go2_proto::video::{for_decoder, AccessUnit, StreamInfo};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (prepared, info) = for_decoder(data);
    // What is Baseline already stays as it is.
    assert_eq!(for_decoder(&prepared).0, prepared);
    assert!(prepared.len() <= 2 * data.len() + 16);
    let unit = AccessUnit {
        data: Bytes::copy_from_slice(data),
        keyframe: true,
        number: 0,
        timestamp: 0,
        received: Instant::now(),
        size: (0, 0),
    };
    assert!(info.is_none() || StreamInfo::of(&unit).is_none() || StreamInfo::of(&unit) == info);
    if let Some(info) = info {
        assert!((1..=1920).contains(&info.size.0) && (1..=1088).contains(&info.size.1));
        assert!(info.to_string().starts_with("H.264 "));
        // The size is the same in what the decoder gets.
        let (_, again) = for_decoder(&prepared);
        assert_eq!(again.map(|again| again.size), Some(info.size));
    }
});
