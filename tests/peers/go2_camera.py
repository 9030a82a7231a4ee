"""The front camera of the simulated GO2: pictures that count themselves, and how they are sent.

Along the top of a picture, from x = 16 and y = 48 on, stand 32 squares of 16 by 16 pixels on mid grey: the bits of the
picture's number, the highest first, white (Y 235) for 1 and black (Y 16) for 0. Numbers go up by one from picture to
picture. Pictures that are too small for the row have none.
"""

from __future__ import annotations

import asyncio
import fractions
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
from aiortc import VideoStreamTrack
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame, RTCRtpSender

Emit = Callable[..., None]

CLOCK = 90_000
SQUARE, LEFT, TOP, BORDER, BITS = 16, 16, 48, 8, 32
LEAST_WIDTH, LEAST_HEIGHT = LEFT + BITS * SQUARE + BORDER, TOP + SQUARE + BORDER
BLACK, GREY, WHITE = 16, 128, 235
FIRST_NUMBER = 0xA5C3_0000  # so that a misread order of bits shows
WAVE = bytes(round(125 + 65 * math.sin(math.tau * i / 512)) for i in range(512))
SPS, FU_A, STAP_A = 7, 28, 24


@dataclass
class VideoOptions:
    width: int = 1280
    height: int = 720
    fps: int = 15
    idr_every: float = 2.0
    heeds_pli: bool = False


def draw(width: int, height: int, number: int) -> Any:
    """A picture: a smooth wave that wanders, and the row of squares."""
    frame: Any = av.VideoFrame(width, height, "yuv420p")
    luma, *chroma = frame.planes
    wave = WAVE * (width // len(WAVE) + 2)
    starts = ((4 * number + y // 2) % len(WAVE) for y in range(height))
    rows = [wave[start : start + width] for start in starts]
    if width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
        edge = bytes([GREY]) * BORDER
        bits = f"{number & 0xFFFFFFFF:032b}"
        squares = b"".join(bytes([WHITE if bit == "1" else BLACK]) * SQUARE for bit in bits)
        begin, end = LEFT - BORDER, LEAST_WIDTH
        for y in range(TOP - BORDER, LEAST_HEIGHT):
            inside = TOP <= y < TOP + SQUARE
            middle = edge + squares + edge if inside else bytes([GREY]) * (end - begin)
            rows[y] = rows[y][:begin] + middle + rows[y][end:]
    padding = bytes(luma.line_size - width)
    luma.update(b"".join(row + padding for row in rows))
    for plane in chroma:
        plane.update(bytes([GREY]) * plane.buffer_size)
    return frame


class Camera(VideoStreamTrack):
    """Gives pictures while its switch is on."""

    def __init__(self, options: VideoOptions) -> None:
        super().__init__()
        self._options = options
        self._start = time.monotonic()
        self._slot = -1
        self._until_idr = 0
        self.number = FIRST_NUMBER - 1
        self.switch = asyncio.Event()
        self.on_idr_due: Callable[[], None] = lambda: None

    async def recv(self) -> Any:
        o = self._options
        if not self.switch.is_set():
            await self.switch.wait()
            # The stream is joined between two keyframes.
            self._until_idr = max(2, round(o.fps * o.idr_every / 2))
        # Where the encoder is too slow, times are left out; numbers have no gaps.
        elapsed = (time.monotonic() - self._start) * o.fps
        self._slot = max(self._slot + 1, math.floor(elapsed))
        await asyncio.sleep(max(0.0, self._start + self._slot / o.fps - time.monotonic()))
        self._until_idr -= 1
        if self._until_idr <= 0:
            self._until_idr = max(1, round(o.fps * o.idr_every))
            self.on_idr_due()
        self.number += 1
        frame = draw(o.width, o.height, self.number)
        frame.pts = round(self._slot * CLOCK / o.fps)
        frame.time_base = fractions.Fraction(1, CLOCK)
        return frame


class VideoSender(RTCRtpSender):
    """Sends the camera's pictures by aiortc's encoder, but begins in the middle and may not heed a PLI."""

    def __init__(self, camera: Camera, dtls: RTCDtlsTransport, heeds_pli: bool, emit: Emit) -> None:
        super().__init__(camera, dtls)
        self._camera, self._heeds_pli, self._emit_event = camera, heeds_pli, emit
        self._is_first = True
        camera.on_idr_due = super()._send_keyframe

    def _send_keyframe(self) -> None:
        """The client asks for one, by PLI or FIR."""
        self._emit_event("pli", heeded=self._heeds_pli)
        if self._heeds_pli:
            super()._send_keyframe()

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        encoded = await super()._next_encoded_frame(codec)
        if encoded is None or self._is_first:
            # An encoder's first picture is a keyframe; the robot's clients do not get to see that one.
            self._is_first = False
            return None
        self._emit_event(
            "frame",
            counter=self._camera.number,
            pts=encoded.timestamp,
            keyframe=is_keyframe(encoded.payloads),
            packets=len(encoded.payloads),
            bytes=sum(map(len, encoded.payloads)),
        )
        return encoded


def is_keyframe(payloads: list[bytes]) -> bool:
    """Whether parameter sets come first: the encoder writes them before each IDR and nowhere else."""
    first = payloads[0]
    nal = first[3] if first[0] & 31 == STAP_A else first[0]
    return nal & 31 == SPS
