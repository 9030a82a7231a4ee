//! SDP as the robot's WebRTC library reads and writes it: sloppily, and by position.

use std::net::SocketAddr;

/// Sections of an offer that are read. No client has so many.
const MOST_SECTIONS: usize = 16;
/// Candidates of an offer that are read.
const MOST_CANDIDATES: usize = 64;

/// A media section of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `audio`, `video`, `application`, or what a robot does not know.
    pub kind: String,
    /// The protocol of its first line.
    pub protocol: String,
    /// The payload type that this robot would use; 0 in the data section. `None` where the section is of no use: it is
    /// of another kind, without a codec that is known, or turned off by the client.
    pub payload_type: Option<u8>,
    /// The first format of its first line.
    pub format: String,
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
    /// The candidate lines without `a=`, but for those that hide their address behind a name (`.local`): such a client
    /// is found by the packets that it sends itself.
    pub candidates: Vec<String>,
}

impl Offer {
    /// Reads an offer. `None` if it has nothing to connect to.
    pub fn read(sdp: &str) -> Option<Self> {
        let last = |prefix: &str| sdp.lines().rev().find_map(|line| line.strip_prefix(prefix));
        let candidates = sdp
            .lines()
            .filter_map(|line| line.strip_prefix("a=").filter(|line| is_candidate(line)));
        Some(Self {
            sections: sdp.split("\nm=").skip(1).take(MOST_SECTIONS).filter_map(section).collect(),
            ufrag: last("a=ice-ufrag:")?.to_owned(),
            password: last("a=ice-pwd:")?.to_owned(),
            fingerprint: last("a=fingerprint:")?.get(8..)?.to_owned(),
            candidates: candidates.take(MOST_CANDIDATES).map(str::to_owned).collect(),
        })
    }

    /// Whether there is a data section.
    pub fn has_data(&self) -> bool {
        self.sections.iter().any(|section| section.is_data() && section.payload_type.is_some())
    }
}

impl Section {
    fn is_data(&self) -> bool {
        self.kind == "application"
    }
}

fn is_candidate(line: &str) -> bool {
    let Some(candidate) = line.strip_prefix("candidate:") else { return false };
    !candidate.split_whitespace().nth(4).is_some_and(|address| address.ends_with(".local"))
}

fn section(text: &str) -> Option<Section> {
    let mut head = text.lines().next()?.split_whitespace();
    let (kind, port, protocol) = (head.next()?, head.next()?, head.next()?);
    let format = head.next()?;
    // A port of 0 turns a section off, unless it shares the others' port.
    let off = port == "0" && !text.lines().any(|line| line == "a=bundle-only");
    let payload_type = match kind {
        _ if off => None,
        "audio" => payload_types(text, "opus/48000").next(),
        "video" => h264(text),
        "application" => Some(0),
        _ => None,
    };
    let [kind, protocol, format] = [kind, protocol, format].map(str::to_owned);
    Some(Section { kind, protocol, payload_type, format })
}

/// The payload types of a codec, in the order of their lines.
fn payload_types<'a>(text: &'a str, codec: &'a str) -> impl Iterator<Item = u8> + 'a {
    text.lines().filter_map(move |line| {
        let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        let number = name.starts_with(codec).then(|| number.parse().ok())?;
        number.filter(|number| *number < 128)
    })
}

/// Of the payload types of H.264 the one that is most like what the robot sends: packets of mode 1, constrained
/// baseline. The first of those that are equally like it.
fn h264(text: &str) -> Option<u8> {
    let unlike = |number: &u8| {
        let prefix = format!("a=fmtp:{number} ");
        let parameters = text.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
        let has = |name: &str, starts: &str| {
            let mut pairs =
                parameters.unwrap_or_default().split(';').filter_map(|pair| pair.split_once('='));
            pairs.any(|(key, value)| {
                key.trim() == name && value.trim().to_ascii_lowercase().starts_with(starts)
            })
        };
        let profile = |id| has("profile-level-id", id);
        (!has("packetization-mode", "1"), !profile("42e01f"), !profile("42e0"))
    };
    payload_types(text, "H264/90000").min_by_key(unlike)
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
    /// Whether to list PLI among the feedback.
    pub picture_loss: bool,
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
        let media = offer.sections.iter().filter(|section| !section.is_data()).enumerate();
        let mut video = media.filter(|(_, section)| section.kind == "video");
        video.find_map(|(index, section)| Some((self.ssrc(index), section.payload_type?)))
    }

    /// The answer: line for line the shape that was captured from a robot, sections numbered by position and
    /// the data section last. Sections that are of no use are turned off.
    pub fn answer(&self, offer: &Offer) -> String {
        let (data, media): (Vec<_>, Vec<_>) =
            offer.sections.iter().partition(|section| section.is_data());
        let data = data.iter().find(|section| section.payload_type.is_some()).or(data.first());
        let sections = || media.iter().chain(data).enumerate();
        let used = sections().filter(|(_, section)| section.payload_type.is_some());
        let mids: Vec<_> = used.map(|(mid, _)| mid.to_string()).collect();
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=- {} 2 IN IP4 127.0.0.1", self.session_id),
            "s=-".to_owned(),
            "t=0 0".to_owned(),
            format!("a=group:BUNDLE {}", mids.join(" ")),
            "a=msid-semantic: WMS myKvsVideoStream".to_owned(),
        ];
        for (mid, section) in sections() {
            match section.payload_type {
                Some(_) if section.is_data() => self.data(mid, &mut lines),
                Some(payload_type) => self.media(mid, &section.kind, payload_type, &mut lines),
                None => turned_off(mid, section, &mut lines),
            }
        }
        lines.push(String::new());
        lines.join("\r\n")
    }

    fn media(&self, mid: usize, kind: &str, pt: u8, lines: &mut Vec<String>) {
        let (track, codec, format) = match kind {
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
            if self.picture_loss {
                lines.push(format!("a=rtcp-fb:{pt} nack pli"));
            }
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

/// What the standard asks for where a section is refused.
fn turned_off(mid: usize, section: &Section, lines: &mut Vec<String>) {
    let Section { kind, protocol, format, .. } = section;
    lines.push(format!("m={kind} 0 {protocol} {format}"));
    lines.push("c=IN IP4 0.0.0.0".to_owned());
    lines.push("a=inactive".to_owned());
    lines.push(format!("a=mid:{mid}"));
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
