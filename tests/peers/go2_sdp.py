"""SDP as the robot's library (the KVS WebRTC SDK, an older one) reads and writes it.

The reading is sloppy where the library is: of every line that may repeat the last one wins. The
answer follows a captured one line by line.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

H264_FMTP = "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"


class OfferError(ValueError):
    """An offer that the robot cannot answer."""


@dataclass
class Section:
    kind: str
    mline: str
    attributes: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [a[len(name) + 1 :] for a in self.attributes if a.startswith(name + ":")]

    @property
    def direction(self) -> str:
        known = {"sendrecv", "sendonly", "recvonly", "inactive"}
        return next((a for a in self.attributes if a in known), "sendrecv")

    def payload_type(self, codec: str, wanted: tuple[str, ...] = ()) -> int | None:
        """The first payload type of this codec, rather one whose fmtp holds all wanted words."""
        rtpmaps = (re.match(r"(\d+) ([^/]+)/", v) for v in self.values("rtpmap"))
        types = [m[1] for m in rtpmaps if m and m[2].lower() == codec]
        fmtp = dict(v.split(" ", 1) for v in self.values("fmtp") if " " in v)
        types.sort(key=lambda pt: sum(w not in fmtp.get(pt, "").lower() for w in wanted))
        return int(types[0]) if types else None

    def feedback(self, payload_type: int) -> set[str]:
        pairs = (v.split(" ", 1) for v in self.values("rtcp-fb") if " " in v)
        return {value for pt, value in pairs if pt in ("*", str(payload_type))}


@dataclass
class Offer:
    """The offer as the robot's library reads it: of everything that may repeat, the last wins."""

    sections: list[Section]
    session: Section
    fingerprint_lines: list[str]
    fingerprint: str
    ufrag: str
    pwd: str
    candidates: list[str]

    @property
    def media(self) -> list[Section]:
        return [s for s in self.sections if s.kind in ("video", "audio")]

    @property
    def data(self) -> Section | None:
        return next((s for s in self.sections if s.kind == "application"), None)

    def facts(self) -> dict[str, Any]:
        """What a test may want to assert about the client's offer."""
        every = [a for s in [self.session, *self.sections] for a in s.attributes]
        return {
            "kinds": [s.kind for s in self.sections],
            "mids": [m for s in self.sections for m in s.values("mid")],
            "directions": [s.direction for s in self.media],
            "setup": sorted({v for s in [self.session, *self.sections] for v in s.values("setup")}),
            "fingerprints": self.fingerprint_lines,
            "fingerprint_read": self.fingerprint,
            "ufrags": sorted({a[10:] for a in every if a.startswith("ice-ufrag:")}),
            "candidates": sorted(set(self.candidates)),
            "data_mline": self.data.mline if self.data else None,
            "sctp_port": self.data.values("sctp-port") if self.data else [],
            "max_message_size": self.data.values("max-message-size") if self.data else [],
            "h264": [s.payload_type("h264") for s in self.media if s.kind == "video"],
            "extmaps": sum(a.startswith("extmap:") for a in every),
        }

    def warnings(self) -> list[str]:
        """Things that this robot survives or not, but that no offer to a GO2 should do."""
        found = []
        if len({line.lower() for line in self.fingerprint_lines}) > 1:
            found.append("several fingerprints: only the last line counts")
        if not self.fingerprint_lines[-1].startswith("sha-256 "):
            found.append("the last fingerprint is not sha-256: its first 8 characters are dropped")
        if self.sections[-1].kind != "application":
            found.append("the data section is not the last: the answer puts it last")
        mids = [m for s in self.sections for m in s.values("mid")]
        if mids != [str(i) for i in range(len(self.sections))]:
            found.append(f"mids {mids} are not 0,1,2..: the answer numbers sections by position")
        if "active" in {v for s in self.sections for v in s.values("setup")}:
            found.append("setup:active offered: the robot is always active itself")
        return found


def read_offer(sdp: str) -> Offer:
    session = Section("session", "")
    sections: list[Section] = []
    fingerprints: list[str] = []
    ufrag = pwd = ""
    candidates: list[str] = []
    for line in sdp.splitlines():
        current = sections[-1] if sections else session
        if line.startswith("m="):
            sections.append(Section(line[2:].split(" ", 1)[0], line[2:]))
        elif line.startswith("a="):
            current.attributes.append(line[2:])
        if line.startswith("a=fingerprint:"):
            fingerprints.append(line[14:])
        elif line.startswith("a=ice-ufrag:"):
            ufrag = line[12:]
        elif line.startswith("a=ice-pwd:"):
            pwd = line[10:]
        elif line.startswith("a=candidate:"):
            candidates.append(line[12:])
    if not sdp.startswith("v=0") or not sections:
        raise OfferError("not an SDP with media sections")
    if not (fingerprints and ufrag and pwd):
        raise OfferError("no fingerprint or no ICE credentials")
    # Blindly, whatever the algorithm is called: 'sha-512 AB:..' loses 'sha-512 ' too.
    last = fingerprints[-1][8:]
    return Offer(sections, session, fingerprints, last, ufrag, pwd, candidates)


@dataclass
class AnswerParts:
    ip: str
    port: int
    ufrag: str
    pwd: str
    fingerprint: str
    ssrcs: dict[str, int]
    cname: str
    old_sctp_form: bool


def write_answer(offer: Offer, parts: AnswerParts) -> str:
    """The answer line by line in the captured order. Media as offered, data always last."""
    count = len(offer.media) + (offer.data is not None)
    lines = [
        "v=0",
        f"o=- {random.getrandbits(32)} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(str(i) for i in range(count)),
        "a=msid-semantic: WMS myKvsVideoStream",
    ]
    for mid, section in enumerate(offer.media):
        lines += _media_lines(section, mid, parts)
    if offer.data is not None:
        lines += _data_lines(len(offer.media), parts)
    return "\r\n".join(lines) + "\r\n"


def _candidate_line(parts: AnswerParts) -> str:
    return (
        f"a=candidate:0 1 udp 2130706431 {parts.ip} {parts.port} typ host "
        "raddr 0.0.0.0 rport 0 generation 0 network-cost 999"
    )


def _transport_lines(parts: AnswerParts, mid: int, trickle: bool) -> list[str]:
    return [
        f"a=ice-ufrag:{parts.ufrag}",
        f"a=ice-pwd:{parts.pwd}",
        *(["a=ice-options:trickle"] if trickle else []),
        f"a=fingerprint:sha-256 {parts.fingerprint}",
        "a=setup:active",
        f"a=mid:{mid}",
    ]


def _media_lines(section: Section, mid: int, parts: AnswerParts) -> list[str]:
    pt, codec_lines = _codec_lines(section)
    stream, track = "unitreeMediaStream", f"unitree{section.kind.capitalize()}Track"
    ssrc = parts.ssrcs[section.kind]
    return [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {pt}",
        "c=IN IP4 127.0.0.1",
        _candidate_line(parts),
        f"a=msid:{stream} {track}",
        f"a=ssrc:{ssrc} cname:{parts.cname}",
        f"a=ssrc:{ssrc} msid:{stream} {track}",
        f"a=ssrc:{ssrc} mslabel:{stream}",
        f"a=ssrc:{ssrc} label:{track}",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *_transport_lines(parts, mid, trickle=True),
        f"a={_answer_direction(section)}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        *codec_lines,
    ]


def _answer_direction(section: Section) -> str:
    # The robot only shows video but both plays and records audio.
    if section.kind == "video":
        return "sendonly"
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}
    return mirrored.get(section.direction, section.direction)


def _codec_lines(section: Section) -> tuple[int, list[str]]:
    """One payload type, the client's number; rtx, VP8 and header extensions are not taken."""
    if section.kind == "audio":
        pt = section.payload_type("opus")
        lines = [f"a=rtpmap:{pt} opus/48000/2", f"a=fmtp:{pt} minptime=10;useinbandfec=1"]
    else:
        pt = video_payload_type(section)
        lines = [f"a=rtpmap:{pt} H264/90000", f"a=fmtp:{pt} {H264_FMTP}"]
        lines += [f"a=rtcp-fb:{pt} nack", f"a=rtcp-fb:{pt} goog-remb"]
    if pt is None:
        raise OfferError(f"no usable {section.kind} codec offered")
    if "transport-cc" in section.feedback(pt):
        lines.append(f"a=rtcp-fb:{pt} transport-cc")
    return pt, lines


def video_payload_type(section: Section) -> int | None:
    return section.payload_type("h264", ("packetization-mode=1", "profile-level-id=42e01f"))


def _data_lines(mid: int, parts: AnswerParts) -> list[str]:
    if parts.old_sctp_form:
        mline, port = "DTLS/SCTP 5000", "a=sctpmap:5000 webrtc-datachannel 65535"
    else:
        mline, port = "UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000"
    # No max-message-size: by the RFC that means 64 KiB, whatever the robot then sends.
    return [
        f"m=application 9 {mline}",
        "c=IN IP4 127.0.0.1",
        _candidate_line(parts),
        "a=rtcp:9 IN IP4 0.0.0.0",
        *_transport_lines(parts, mid, trickle=False),
        port,
    ]
