//! What a client sends to who answers like a robot: an offer, messages in session (one a line), a byte stream of video.

#![no_main]

use std::time::Instant;

use bytes::Bytes;
use go2_proto::codec::topics;
use go2_server::sdp::{Local, Offer};
use go2_server::session::{Heard, Session, MOST_TOPICS};
use go2_server::video::{nal_units, Packetizer, LARGEST_PACKET};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        // The fuzzer need not guess what every offer has.
        offer(&format!("{text}\na=ice-ufrag:u\na=ice-pwd:p\na=fingerprint:sha-256 AA\n"));
        offer(text);
    }
    session(data);
    video(data);
});

fn offer(sdp: &str) {
    let Some(offer) = Offer::read(sdp) else { return };
    let local = Local {
        ufrag: "abcd".to_owned(),
        password: "p".to_owned(),
        fingerprint: "AA".to_owned(),
        address: ([127, 0, 0, 1], 7).into(),
        session_id: u32::MAX,
        picture_loss: false,
        old_sctp_form: sdp.len() % 2 == 0,
    };
    let answer = local.answer(&offer);
    assert!(answer.len() < 16 * 1024 + 2 * sdp.len());
    assert!(answer.lines().all(|line| line.as_bytes().get(1) == Some(&b'=')), "{answer:?}");
    let sections = answer.matches("\r\nm=").count();
    assert!(sections <= offer.sections.len() && sections <= 16);
    if let Some((_, payload_type)) = local.video(&offer) {
        assert!(payload_type < 128);
    }
}

fn session(data: &[u8]) {
    let now = Instant::now();
    let mut session = Session::new("challenge".to_owned(), now);
    for (number, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let heard = session.hear(&Bytes::copy_from_slice(line), now);
        match heard {
            Heard::Validation { .. } | Heard::NotValidated | Heard::Nothing => {}
            _ => assert!(session.is_validated(), "{heard:?}"),
        }
        if number == 0 {
            session.accept(now);
        }
    }
    assert!(session.topics().count() <= MOST_TOPICS);
    assert!(session.topics().all(topics::is_name));
}

fn video(data: &[u8]) {
    let nals: Vec<_> = nal_units(data).collect();
    assert!(nals.iter().map(|nal| nal.len()).sum::<usize>() <= data.len());
    let joined = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect::<Vec<_>>();
    assert!(nal_units(&joined).eq(nals.iter().copied()));
    let mut packetizer = Packetizer { payload_type: 102, ssrc: 1, sequence: 0, stap: true };
    let packets = packetizer.packets(&nals, 0);
    assert_eq!(packets.is_empty(), nals.is_empty());
    assert!(packets.iter().all(|packet| (13..=LARGEST_PACKET).contains(&packet.len())));
    let marked = packets.iter().filter(|packet| packet[1] & 0x80 != 0).count();
    assert_eq!(marked, usize::from(!packets.is_empty()));
}
