//! Messages of the data channel: binary frames and envelopes.

#![no_main]

use bytes::Bytes;
use go2_proto::codec::{Assembly, Frame, Inbound, Response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = Bytes::copy_from_slice(data);
    if let Ok(frame) = Frame::parse(&message) {
        let parts = [&frame.head[..], &frame.payload[..]].concat();
        let header = if data.starts_with(&[2, 0]) { 12 } else { 4 };
        assert_eq!(parts, data[header..]);
        if let Some(encoded) = frame.encode() {
            assert_eq!(Frame::parse(&encoded).as_ref(), Ok(&frame));
        }
    }
    if let Ok(inbound) = Inbound::from_binary(&message) {
        let payload = inbound.payload.as_ref().expect("a frame has a payload");
        assert!(data.ends_with(payload));
        check(&inbound);
    }
    if let Ok(inbound) = Inbound::from_text(&message) {
        assert_eq!(inbound.payload, None);
        check(&inbound);
    }
});

fn check(inbound: &Inbound) {
    let data = inbound.data.as_bytes();
    let text = std::str::from_utf8(data).expect("JSON is text");
    // Whoever splices the data into another message gets the same data back.
    let again = format!("{{\"type\":\"msg\",\"data\":{text}}}");
    let again = Inbound::from_text(&Bytes::from(again)).expect("the data is JSON");
    assert_eq!(again.data.as_bytes(), data);
    let Ok((response, chunk)) = Response::decode(inbound) else { return };
    assert!(!response.meaning().is_empty());
    let Some(chunk) = chunk else { return };
    match Assembly::default().add(chunk, response.payload.clone()) {
        Ok(Some(whole)) => assert_eq!((whole, chunk.index, chunk.total), (response.payload, 1, 1)),
        Ok(None) => assert!(chunk.index == 1 && chunk.total > 1),
        Err(_) => assert!(chunk.index != 1 || !(1..=4096).contains(&chunk.total)),
    }
}
