//! Offers of robots' clients and of browsers.

use super::*;

const OFFER: &str = "v=0\r\na=fingerprint:sha-256 AA:BB\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    a=ice-ufrag:one\r\na=ice-pwd:first\r\na=rtpmap:111 opus/48000/2\r\na=candidate:1 1 udp 1 127.0.0.1 5 typ host\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\n\
    a=ice-ufrag:two\r\na=ice-pwd:second\r\na=fingerprint:sha-512 CC\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";

fn local(old_sctp_form: bool) -> Local {
    Local {
        ufrag: "abcd".into(),
        password: "p".into(),
        fingerprint: "AB".into(),
        address: "127.0.0.2:7".parse().unwrap(),
        session_id: 5,
        picture_loss: false,
        old_sctp_form,
    }
}

#[test]
fn the_last_credentials_and_fingerprint_win() {
    let offer = Offer::read(OFFER).unwrap();
    assert_eq!((offer.ufrag.as_str(), offer.password.as_str()), ("two", "second"));
    assert_eq!(offer.fingerprint, "CC", "eight characters are dropped blindly");
    assert_eq!(offer.candidates, ["candidate:1 1 udp 1 127.0.0.1 5 typ host"]);
    let types: Vec<_> = offer.sections.iter().map(|section| section.payload_type).collect();
    assert_eq!(types, [Some(111), Some(102), Some(0)]);
    assert!(Offer::read("v=0").is_none());
}

#[test]
fn answers_have_the_captured_shape() {
    let answer = local(false).answer(&Offer::read(OFFER).unwrap());
    let data = answer.split("\r\nm=").last().unwrap();
    let expected = "application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 127.0.0.1\r\n\
        a=candidate:0 1 udp 2130706431 127.0.0.2 7 typ host raddr 0.0.0.0 rport 0 generation 0 network-cost 999\r\n\
        a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:p\r\na=ice-options:trickle\r\n\
        a=fingerprint:sha-256 AB\r\na=setup:active\r\na=mid:2\r\na=sctp-port:5000\r\n";
    assert_eq!(data, expected);
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN"));
    assert_eq!(local(false).video(&Offer::read(OFFER).unwrap()), Some((7, 102)));
    assert!(answer.contains("a=ssrc:7 label:unitreeVideoTrack"));
    assert!(!answer.contains("extmap") && !answer.contains("max-message-size"));
    let old = local(true).answer(&Offer::read(OFFER).unwrap());
    assert!(old.contains("m=application 9 DTLS/SCTP 5000\r\n") && old.contains("a=sctpmap:5000"));
}

/// The section for video of a browser, with several kinds of H.264.
const CHROMIUM: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 109 117 39\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
    a=rtpmap:107 H264/90000\r\na=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:39 H264/90000\r\na=fmtp:39 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n";
const HEAD: &str = "v=0\r\na=fingerprint:sha-256 AA\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n";
const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n";

fn offer(sections: &[&str]) -> Offer {
    Offer::read(&format!("{HEAD}{}", sections.concat())).unwrap()
}

#[test]
fn of_several_kinds_of_h264_the_robots_own_is_taken() {
    let taken = |text: &str| offer(&[text]).sections[0].payload_type;
    assert_eq!(taken(CHROMIUM), Some(109));
    assert_eq!(taken(&CHROMIUM.replace("a=fmtp:109", "a=fmtp:199")), Some(103), "any of mode 1");
    let other_level = CHROMIUM.replace("=42e01f", "=42E034");
    assert_eq!(taken(&other_level), Some(109));
    let no_mode_1 = CHROMIUM.replace("packetization-mode=1", "packetization-mode=0");
    assert_eq!(taken(&no_mode_1), Some(107));
    assert_eq!(taken(&CHROMIUM.replace("a=fmtp", "a=x")), Some(103), "otherwise the first");
    assert_eq!(taken(&CHROMIUM.replace("H264", "H265")), None);
    assert_eq!(taken("m=video 9 X 128\r\na=rtpmap:128 H264/90000\r\n"), None, "is no payload type");
}

#[test]
fn two_sections_are_answered_by_two() {
    let offer = offer(&[CHROMIUM, DATA]);
    let answer = local(false).answer(&offer);
    let sections: Vec<_> = answer.split("\r\nm=").collect();
    assert_eq!(sections.len(), 3);
    assert!(sections[0].contains("a=group:BUNDLE 0 1\r\n"));
    assert!(sections[1].starts_with("video 9 UDP/TLS/RTP/SAVPF 109\r\n"));
    assert!(sections[1].contains("a=mid:0") && sections[1].contains("a=ssrc:6 cname"));
    assert!(sections[2].starts_with("application 9 ") && sections[2].contains("a=mid:1"));
    assert_eq!(local(false).video(&offer), Some((6, 109)));
    assert!(offer.has_data());
}

#[test]
fn lost_pictures_are_told_where_that_is_wished() {
    let video = |picture_loss| {
        let answer = Local { picture_loss, ..local(false) }.answer(&offer(&[CHROMIUM, DATA]));
        let lines = answer.lines().filter(|line| line.starts_with("a=rtcp-fb:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(video(false), ["a=rtcp-fb:109 nack", "a=rtcp-fb:109 goog-remb"], "as captured");
    let more = ["a=rtcp-fb:109 nack", "a=rtcp-fb:109 nack pli", "a=rtcp-fb:109 goog-remb"];
    assert_eq!(video(true), more);
}

#[test]
fn what_is_of_no_use_is_turned_off_and_keeps_its_place() {
    let audio = "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";
    let text = "m=text 9 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n";
    let other = CHROMIUM.replace("H264", "H265");
    let offer = offer(&[audio, text, &other, CHROMIUM, DATA]);
    let answer = local(false).answer(&offer);
    assert!(answer.contains("a=group:BUNDLE 3 4\r\n"));
    let off = "m=text 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n";
    assert!(answer.contains(off));
    assert!(answer.contains("m=audio 0 ") && answer.contains("m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"));
    assert_eq!(local(false).video(&offer), Some((9, 109)), "the first that can be used");
    // What shares the others' port has none of its own.
    let bundled = CHROMIUM.replace("video 9", "video 0") + "a=bundle-only\r\n";
    assert_eq!(self::offer(&[&bundled]).sections[0].payload_type, Some(109));
    assert!(!self::offer(&[&DATA.replace(" 9 ", " 0 ")]).has_data());
}

#[test]
fn hidden_addresses_are_left_out_and_nothing_is_endless() {
    let hidden = "a=candidate:1 1 udp 1 6f1c3a5e-0000-4000-8000-000000000000.local 5 typ host\r\n";
    assert!(offer(&[DATA, hidden]).candidates.is_empty());
    let line = "a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n";
    assert_eq!(offer(&[DATA, hidden, &line.repeat(1000)]).candidates.len(), MOST_CANDIDATES);
    assert_eq!(offer(&[&DATA.repeat(1000)]).sections.len(), MOST_SECTIONS);
    for odd in [
        "m=",
        "m= \r\n",
        "m=\r\nvideo 9 X 1",
        "m=video",
        "m=video 9 x",
        "m=\u{e9} \u{e9}",
        "a=candidate:",
    ] {
        let offer = offer(&[odd]);
        assert!(offer.sections.is_empty(), "{odd:?}");
        assert!(local(false).answer(&offer).ends_with("\r\n"));
    }
    assert!(
        Offer::read(&HEAD.replace("sha-256", "\u{e9}\u{e9}")).is_none_or(|offer| !offer.has_data())
    );
}
