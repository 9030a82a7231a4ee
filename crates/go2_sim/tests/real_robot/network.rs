//! Offer and answer.

use go2_client::progress::Progress;
use go2_client::signaling::{SignalingError, Target};
use go2_sim::{Failure, Mishap, Robot, Span};

use crate::wire::options;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=ice-ufrag:user\r\n\
    a=ice-pwd:passwordpasswordpassword\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n";
/// As browsers offer it: the robot's own H264 is not the first.
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 109\r\na=mid:1\r\n\
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
    a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
    a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
const DATA: &str =
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

async fn answer(robot: &Robot, offer: &str) -> Result<String, SignalingError> {
    let mut target = Target::new(robot.address().ip().to_string());
    (target.encrypted_port, target.plain_port) = (robot.address().port(), 1);
    let progress = Progress::default();
    target.reach(&progress).await.unwrap().exchange(offer, &progress).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_has_the_captured_form() {
    let robot = Robot::start(options()).await.unwrap();
    let answer = answer(&robot, &[HEAD, AUDIO, VIDEO, DATA].concat()).await.unwrap();
    let count = |prefix: &str| answer.lines().filter(|line| line.starts_with(prefix)).count();
    let video = answer.lines().find(|line| line.starts_with("m=video")).unwrap();
    assert!(video.ends_with(" 109"), "the line with 42e01f, and nothing else: {video}");
    for absent in ["rtx", "a=extmap", "max-message-size", "transport-cc", "nack pli"] {
        assert!(!answer.contains(absent), "{absent}: {answer}");
    }
    let fingerprints: std::collections::BTreeSet<_> =
        answer.lines().filter(|line| line.starts_with("a=fingerprint:sha-256 ")).collect();
    assert_eq!((fingerprints.len(), count("a=fingerprint:sha-256")), (1, count("a=fingerprint")));
    let sections: Vec<_> = answer.split("\r\nm=").skip(1).collect();
    let ssrcs = |text: &str| -> std::collections::BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    for (kind, section) in ["audio", "video", "application"].into_iter().zip(&sections) {
        assert!(section.starts_with(kind), "{section}");
        assert!(ssrcs(section).len() <= 1, "{section}");
        let candidates: Vec<_> =
            section.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        assert_eq!(candidates.len(), 1, "{section}");
        assert!(candidates[0].contains(" typ host"), "{section}");
        assert!(section.contains("a=setup:active"), "{section}");
    }
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_with_transport_cc_is_rejected_where_the_robot_does_so() {
    let robot = Robot::start(options()).await.unwrap();
    robot.mishaps().begin(Mishap::Offer(Failure::TransportCc), Span::Open);
    let bad = answer(&robot, &[HEAD, AUDIO, VIDEO, DATA].concat()).await;
    assert_eq!(bad, Err(SignalingError::Busy), "it says the same as when it is busy");
    let good: String = VIDEO
        .lines()
        .filter(|line| !line.contains("transport-wide"))
        .fold(String::new(), |text, line| text + line + "\r\n");
    answer(&robot, &[HEAD, AUDIO, &good, DATA].concat()).await.unwrap();
    robot.stop().await;
}
