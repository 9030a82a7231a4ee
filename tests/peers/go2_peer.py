"""The robot's WebRTC peer, put together from aiortc's ICE, DTLS, SCTP and RTP parts.

aiortc's RTCPeerConnection is not used: it would parse the offer and write the answer by the
standard, while the real robot's library reads and writes SDP in ways of its own, and those ways are
what a client must be tested against. Each departure is named where it is made.
"""

from __future__ import annotations

import asyncio
import random
import re
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aioice.ice
from aiortc import RTCDataChannel, RTCIceCandidate
from aiortc.rtcdtlstransport import (
    SRTP_AES128_CM_SHA1_80,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
    certificate_digest,
)
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtcpParameters, RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
from aiortc.sdp import candidate_from_sdp
from OpenSSL import SSL
from pylibsrtp import Policy

from go2_camera import Camera, VideoOptions, VideoSender
from go2_sdp import AnswerParts, Offer, video_payload_type, write_answer

Emit = Callable[..., None]

DCEP_PPID = 50
DCEP_ACK = 2
SCTP_STREAMS = 300
CONSENT_FAILURES = 6
SRTP_AES128_CM_SHA1_32 = SRTPProtectionProfile(
    libsrtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    openssl_profile=b"SRTP_AES128_CM_SHA1_32",
    key_length=16,
    salt_length=14,
)


class Certificate(RTCCertificate):
    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        ctx = super()._create_ssl_context(srtp_profiles)
        # The robot knows DTLS 1.2 only and, unlike aiortc, takes a client with an RSA certificate.
        ctx.set_max_proto_version(0xFEFD)
        ctx.set_cipher_list(b"HIGH:!aNULL:!MD5:!RC4")
        return ctx


class DtlsTransport(RTCDtlsTransport):
    def __init__(self, ice: RTCIceTransport, certificate: RTCCertificate, expected: str, emit: Emit) -> None:
        super().__init__(ice, [certificate])
        self._expected = expected
        self._emit_event = emit
        # The order of the robot's library; the client picks.
        self._srtp_profiles = [SRTP_AES128_CM_SHA1_32, SRTP_AES128_CM_SHA1_80]

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        """A plain string comparison, after the handshake, case and all."""
        assert self._ssl is not None
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        actual = certificate_digest(certificate, "sha-256")
        if actual == self._expected:
            return
        self._emit_event("fingerprint_mismatch", expected=self._expected, actual=actual)
        # The handshake is over for the client, no alert is sent: it just never hears SCTP.
        self._set_state(State.FAILED)


class SctpTransport(RTCSctpTransport):
    def __init__(self, dtls: RTCDtlsTransport, send_ack: bool) -> None:
        super().__init__(dtls)
        self._send_ack = send_ack
        self._inbound_streams_max = SCTP_STREAMS
        self._outbound_streams_count = SCTP_STREAMS

    async def _send(
        self,
        stream_id: int,
        pp_id: int,
        user_data: bytes,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        ordered: bool = True,
    ) -> None:
        # The robot never acknowledges a channel. Dropped before it gets a sequence number, so that
        # the client sees no gap.
        if pp_id == DCEP_PPID and user_data[0] == DCEP_ACK and not self._send_ack:
            return
        try:
            await super()._send(stream_id, pp_id, user_data, expiry, max_retransmits, ordered)
        except ConnectionError:
            pass  # the client said goodbye a moment ago; aiortc's sending task would die of it loudly


@dataclass
class PeerOptions:
    host: str
    old_sctp_form: bool
    dcep_ack: bool
    lost_after: float
    video: VideoOptions


class Peer:
    """One client's ICE, DTLS and SCTP, all sections bundled on a single transport."""

    def __init__(self, offer: Offer, options: PeerOptions, emit: Emit) -> None:
        self.offer = offer
        self._options = options
        self._emit = emit
        self.on_channel: Callable[[RTCDataChannel], None] = lambda channel: None
        self.on_end: Callable[[str], None] = lambda reason: None
        self._ended = False
        self._use_only(options)
        gatherer = RTCIceGatherer(iceServers=[], local_username=_token(4), local_password=_token(24))
        certificate = Certificate.generateCertificate()
        self._ice = RTCIceTransport(gatherer)
        self._dtls = DtlsTransport(self._ice, certificate, offer.fingerprint, emit)
        self._dtls._set_role("client")
        self._sctp = SctpTransport(self._dtls, options.dcep_ack)
        self._sender: VideoSender | None = None
        self._fingerprint = certificate.getFingerprints()[0].value
        self.video: Camera | None = None
        self._start: asyncio.Task[None] | None = None
        self._watch()

    @staticmethod
    def _use_only(options: PeerOptions) -> None:
        """aioice gathers on every interface except loopback and has no setting for either."""
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [options.host]
        # Its consent checks are the loss detector: six unanswered ones, half a second each plus the
        # pause between, make up the time after which the robot gives the client up.
        aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES
        interval: Any = max(0.05, options.lost_after / CONSENT_FAILURES - 0.5)
        aioice.ice.CONSENT_INTERVAL = interval

    def _watch(self) -> None:
        self._ice.on("statechange", self._ice_changed)
        self._dtls.on("statechange", self._dtls_changed)

        @self._sctp.on("datachannel")
        def _(channel: RTCDataChannel) -> None:
            channel.on("close", lambda: self._end("channel closed"))
            self.on_channel(channel)

    def _ice_changed(self) -> None:
        self._emit("ice", state=self._ice.state)
        if self._ice.state == "failed":
            self._end("ice lost")

    def _dtls_changed(self) -> None:
        self._emit("dtls", state=self._dtls.state)
        if self._dtls.state == "closed":
            # Lost consent closes the socket below before ICE itself says "failed".
            lost = self._ice._connection._closing
            self._end("ice lost" if lost else "dtls closed")

    def _end(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self.on_end(reason)

    async def answer(self) -> str:
        """Gather, write the answer and begin to connect."""
        gatherer = self._ice.iceGatherer
        await gatherer.gather()
        local = gatherer.getLocalParameters()
        assert local.usernameFragment and local.password
        candidate = gatherer.getLocalCandidates()[0]
        self._make_video()
        ssrcs = {"audio": random.getrandbits(32)}
        if self._sender is not None:
            ssrcs["video"] = self._sender._ssrc
        parts = AnswerParts(
            ip=candidate.ip,
            port=candidate.port,
            ufrag=local.usernameFragment,
            pwd=local.password,
            fingerprint=self._fingerprint,
            ssrcs=ssrcs,
            cname=_token(16),
            old_sctp_form=self._options.old_sctp_form,
        )
        sdp = write_answer(self.offer, parts)
        self._start = asyncio.ensure_future(self._connect(parts.cname))
        return sdp

    def _make_video(self) -> None:
        if any(s.kind == "video" for s in self.offer.media):
            options = self._options.video
            self.video = Camera(options)
            self._sender = VideoSender(self.video, self._dtls, options.heeds_pli, self._emit)

    async def _connect(self, cname: str) -> None:
        # End-of-candidates is never signalled: an offer without a usable candidate may still
        # succeed by the client's own checks, and time limits are set elsewhere.
        for candidate in self._candidates():
            await self._ice.addRemoteCandidate(candidate)
        await self._ice.start(RTCIceParameters(self.offer.ufrag, self.offer.pwd))
        if self._ice.state != "completed":
            return
        fingerprint = RTCDtlsFingerprint("sha-256", self.offer.fingerprint)
        await self._dtls.start(RTCDtlsParameters([fingerprint]))
        if self._dtls.state != "connected":
            return
        if self._sender is not None:
            await self._sender.send(self._rtp_parameters(cname))
        if self.offer.data is not None:
            # 0 lifts aiortc's limit: the real robot sends what it has, whatever the client says.
            await self._sctp.start(RTCSctpCapabilities(maxMessageSize=0), self._remote_sctp_port())

    def _candidates(self) -> list[RTCIceCandidate]:
        found = {}
        for text in self.offer.candidates:
            candidate = candidate_from_sdp(text)
            usable = candidate.protocol.lower() == "udp" and re.fullmatch(r"[\d.]+", candidate.ip)
            if usable and candidate.component == 1:
                found[candidate.ip, candidate.port] = candidate
        return list(found.values())

    def _remote_sctp_port(self) -> int:
        ports = self.offer.data.values("sctp-port") if self.offer.data else []
        return int(ports[0]) if ports else 5000

    def _rtp_parameters(self, cname: str) -> RTCRtpSendParameters:
        # No header extensions: the robot's packets carry no MID.
        section = next(s for s in self.offer.media if s.kind == "video")
        codec = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=video_payload_type(section))
        rtcp = RTCRtcpParameters(cname=cname, mux=True)
        return RTCRtpSendParameters(codecs=[codec], rtcp=rtcp)

    async def close(self) -> None:
        """Say goodbye on every layer: SCTP ABORT, DTLS close_notify, then the socket."""
        self._ended = True
        if self._start is not None:
            self._start.cancel()
        if self._sender is not None:
            await self._quietly(self._sender.stop())
        await self._quietly(self._sctp.stop())
        await self._quietly(self._dtls.stop())
        await self._quietly(self._ice.stop())

    async def _quietly(self, step: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(step, 2.0)
        except (asyncio.TimeoutError, OSError, SSL.Error) as error:
            self._emit("error", what="closing", detail=repr(error))


def _token(length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))
