//! What a robot, or anything else at its address, answers over HTTP, and who answers to a search.

#![no_main]

use go2_client::discovery;
use go2_client::signaling::parse_response;
use go2_proto::signaling::crypto::{base64_encode, gcm_seal, read_public_key, SessionKey};
use go2_proto::signaling::offer::read_answer;
use go2_proto::signaling::{candidates, notify, DeviceKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = notify::read(data, None, false);
    let _ = notify::read(data, Some(&DeviceKey::STATIC), false);
    if let Ok(sdp) = read_answer(data) {
        let here = [192, 168, 2, 3].into();
        if let Ok(limited) = candidates::limited(&sdp, candidates::Scope::At(here)) {
            let ends = candidates::list(&limited);
            assert!(
                (1..=4).contains(&ends.len()) && ends.iter().all(|end| end.address.ip() == here)
            );
        }
    }
    let _ = read_public_key(data);
    let whole = parse_response(data, true);
    if let Ok(Some(early)) = parse_response(data, false) {
        assert_eq!(whole, Ok(Some(early)), "what was whole before the end is the same after it");
    }
    if let Some(robot) = discovery::read(data, [127, 0, 0, 1].into()) {
        assert!(!robot.serial_number.is_empty() && !robot.address.is_unspecified());
    }
    if let Ok(key) = SessionKey::from_ascii(b"00112233445566778899aabbccddeeff") {
        let _ = key.decrypt(data);
        assert_eq!(key.decrypt(key.encrypt(data).as_bytes()).as_deref(), Ok(data));
    }
    // The fuzzer guesses neither base64 nor a tag, so it gets them for nothing.
    let sealed = base64_encode(&gcm_seal(&DeviceKey::STATIC, &[0; 12], data));
    let body = format!("{{\"data1\":\"{sealed}\",\"data2\":2}}");
    if let Ok(notice) = notify::read(base64_encode(body.as_bytes()).as_bytes(), None, false) {
        let digits = notice.path.strip_prefix("/con_ing_").expect("the path's beginning");
        assert!(digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    }
});
