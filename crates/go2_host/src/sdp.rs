//! SDP as the robot's WebRTC library reads and writes it: sloppily, and by position.

use std::net::SocketAddr;

/// A media section of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `audio`, `video` or `application`.
    pub kind: String,
    /// The payload type that this robot would use; 0 in the data section.
    pub payload_type: u8,
}

/// What the robot takes from an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The sections in their order.
    pub sections: Vec<Section>,
    /// The last user fragment in the text.
    pub ufrag: String,
    /// The last password in the text.
    pub password: String,
    /// The last fingerprint line without its first eight characters, whatever they are: the library takes
    /// them for `sha-256 `.
    pub fingerprint: String,
    /// All candidate lines, without `a=`.
    pub candidates: Vec<String>,
}

impl Offer {
    /// Reads an offer. `None` if it has nothing to connect to.
    pub fn read(sdp: &str) -> Option<Self> {
        let last = |prefix: &str| sdp.lines().rev().find_map(|line| line.strip_prefix(prefix));
        let candidates = sdp.lines().filter(|line| line.starts_with("a=candidate:"));
        Some(Self {
            sections: sdp.split("\nm=").skip(1).filter_map(section).collect(),
            ufrag: last("a=ice-ufrag:")?.to_owned(),
            password: last("a=ice-pwd:")?.to_owned(),
            fingerprint: last("a=fingerprint:")?.get(8..)?.to_owned(),
            candidates: candidates.map(|line| line[2..].to_owned()).collect(),
        })
    }

    /// Whether there is a data section.
    pub fn has_data(&self) -> bool {
        self.sections.iter().any(|section| section.kind == "application")
    }
}

fn section(text: &str) -> Option<Section> {
    let kind = text.split(' ').next()?.to_owned();
    let codec = match kind.as_str() {
        "audio" => "opus/48000",
        "video" => "H264/90000",
        _ => return Some(Section { kind, payload_type: 0 }),
    };
    let payload_type = text.lines().find_map(|line| {
        let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        name.starts_with(codec).then(|| number.parse().ok())?
    })?;
    Some(Section { kind, payload_type })
}

/// The robot's half of the connection.
#[derive(Debug, Clone)]
pub struct Local {
    /// User fragment, four characters on a robot.
    pub ufrag: String,
    /// Password, 24 characters on a robot.
    pub password: String,
    /// SHA-256 of the certificate, upper case hexadecimal with colons.
    pub fingerprint: String,
    /// Where the robot listens.
    pub address: SocketAddr,
    /// Goes into `o=`, the SSRCs follow it.
    pub session_id: u32,
    /// Whether to write the data section as before 2017.
    pub old_sctp_form: bool,
}

impl Local {
    /// SSRC of the track in the section at `index`.
    pub fn ssrc(&self, index: usize) -> u32 {
        self.session_id.wrapping_add(1 + index as u32)
    }

    /// SSRC and payload type of the video track, if the offer has a section for it.
    pub fn video(&self, offer: &Offer) -> Option<(u32, u8)> {
        let mut media = offer.sections.iter().filter(|section| section.kind != "application");
        let index = media.clone().position(|section| section.kind == "video")?;
        media.nth(index).map(|section| (self.ssrc(index), section.payload_type))
    }

    /// The answer: line for line the shape that was captured from a robot, sections numbered by position and
    /// the data section last.
    pub fn answer(&self, offer: &Offer) -> String {
        let (data, media): (Vec<_>, Vec<_>) =
            offer.sections.iter().partition(|section| section.kind == "application");
        let count = media.len() + data.len().min(1);
        let mids: Vec<_> = (0..count).map(|mid| mid.to_string()).collect();
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=- {} 2 IN IP4 127.0.0.1", self.session_id),
            "s=-".to_owned(),
            "t=0 0".to_owned(),
            format!("a=group:BUNDLE {}", mids.join(" ")),
            "a=msid-semantic: WMS myKvsVideoStream".to_owned(),
        ];
        for (mid, section) in media.iter().enumerate() {
            self.media(mid, section, &mut lines);
        }
        if !data.is_empty() {
            self.data(media.len(), &mut lines);
        }
        lines.push(String::new());
        lines.join("\r\n")
    }

    fn media(&self, mid: usize, section: &Section, lines: &mut Vec<String>) {
        let Section { kind, payload_type: pt } = section;
        let (track, codec, format) = match kind.as_str() {
            "audio" => ("unitreeAudioTrack", "opus/48000/2", "minptime=10;useinbandfec=1"),
            _ => (
                "unitreeVideoTrack",
                "H264/90000",
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            ),
        };
        lines.push(format!("m={kind} 9 UDP/TLS/RTP/SAVPF {pt}"));
        self.connection(lines);
        lines.push(format!("a=msid:unitreeMediaStream {track}"));
        let ssrc = self.ssrc(mid);
        lines.push(format!("a=ssrc:{ssrc} cname:unitree"));
        lines.push(format!("a=ssrc:{ssrc} msid:unitreeMediaStream {track}"));
        lines.push(format!("a=ssrc:{ssrc} mslabel:unitreeMediaStream"));
        lines.push(format!("a=ssrc:{ssrc} label:{track}"));
        self.security(mid, lines);
        lines.push(if kind == "audio" { "a=sendrecv" } else { "a=sendonly" }.to_owned());
        lines.extend(["a=rtcp-mux", "a=rtcp-rsize"].map(str::to_owned));
        lines.push(format!("a=rtpmap:{pt} {codec}"));
        lines.push(format!("a=fmtp:{pt} {format}"));
        if kind == "video" {
            lines.push(format!("a=rtcp-fb:{pt} nack"));
            lines.push(format!("a=rtcp-fb:{pt} goog-remb"));
        }
    }

    fn data(&self, mid: usize, lines: &mut Vec<String>) {
        lines.push(if self.old_sctp_form {
            "m=application 9 DTLS/SCTP 5000".to_owned()
        } else {
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned()
        });
        self.connection(lines);
        self.security(mid, lines);
        lines.push(if self.old_sctp_form {
            "a=sctpmap:5000 webrtc-datachannel 65535".to_owned()
        } else {
            "a=sctp-port:5000".to_owned()
        });
    }

    fn connection(&self, lines: &mut Vec<String>) {
        let (ip, port) = (self.address.ip(), self.address.port());
        lines.push("c=IN IP4 127.0.0.1".to_owned());
        lines.push(format!(
            "a=candidate:0 1 udp 2130706431 {ip} {port} typ host raddr 0.0.0.0 rport 0 generation 0 \
             network-cost 999"
        ));
    }

    fn security(&self, mid: usize, lines: &mut Vec<String>) {
        lines.push("a=rtcp:9 IN IP4 0.0.0.0".to_owned());
        lines.push(format!("a=ice-ufrag:{}", self.ufrag));
        lines.push(format!("a=ice-pwd:{}", self.password));
        lines.push("a=ice-options:trickle".to_owned());
        lines.push(format!("a=fingerprint:sha-256 {}", self.fingerprint));
        lines.push("a=setup:active".to_owned());
        lines.push(format!("a=mid:{mid}"));
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(types, [111, 102, 0]);
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
        assert!(
            old.contains("m=application 9 DTLS/SCTP 5000\r\n") && old.contains("a=sctpmap:5000")
        );
    }
}
