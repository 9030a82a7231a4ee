"""What a benchmark reads of the messages that come, without making Python objects of pictures."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from foxglove_msgs.msg import CompressedVideo
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

# Where the simulated robot burns the picture's number in: squares in a row, the most significant bit first.
SQUARES_AT, SQUARE, BITS = (16, 48), 16, 32


class Cdr:
    """A message as it came, little endian. To make Python objects of pictures would take longer than to send them."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 4  # after the encapsulation

    def number(self) -> int:
        """The next number of 32 bits, without a sign."""
        self._at += -self._at % 4
        (number,) = struct.unpack_from("<I", self._message, self._at)
        self._at += 4
        return number

    def text(self) -> str:
        """The next text."""
        size = self.number()
        self._at += size
        return self._message[self._at - size : self._at - 1].decode()

    def skip(self, count: int) -> None:
        """Leaves bytes out."""
        self._at += count

    def rest(self) -> memoryview:
        """What follows."""
        return memoryview(self._message)[self._at :]


@dataclass
class Arrival:
    """What came, and when."""

    at: float
    stamp: float = 0.0
    size: int = 0
    counter: int | None = None


def as_sent(value: float) -> float:
    """A number as it is on the wire: with six decimals, like a real robot's. The simulated one logs all of them."""
    return round(value, 6)


def arrival_of(kind: Any, message: bytes) -> Arrival:
    """Reads the little of a message that is needed."""
    arrival = Arrival(time.time())
    cdr = Cdr(message)
    arrival.stamp = cdr.number() + cdr.number() / 1e9
    cdr.text()
    if kind is PointCloud2:
        height, width = cdr.number(), cdr.number()
        arrival.size = height * width
    elif kind is Image:
        cdr.number(), cdr.number()
        encoding = cdr.text()
        cdr.skip(1)
        step = cdr.number()
        arrival.size = cdr.number()
        arrival.counter = counter(cdr.rest(), step, step_of(encoding))
    elif kind is CompressedVideo:
        arrival.size = cdr.number()
    elif kind is CompressedImage:
        cdr.text()
        arrival.size = cdr.number()
    return arrival


def step_of(encoding: str) -> int:
    """Bytes from one pixel to the next."""
    return {"rgb8": 3, "bgr8": 3, "yuv422_yuy2": 2}[encoding]


def counter(data: memoryview, row: int, pixel: int) -> int:
    """The number that is burnt into a picture."""
    x, y = (start + SQUARE // 2 for start in SQUARES_AT)
    found = 0
    for bit in range(BITS):
        found = found << 1 | (data[y * row + (x + bit * SQUARE) * pixel] > 127)
    return found


def match_by_stamp(sent: list[tuple[float, float]], arrivals: list[Arrival]) -> dict[int, Arrival]:
    """What arrived of what was sent (when, and its stamp): the arrivals by the place in `sent`.

    The robot's stamps are of another clock; the difference is nearly the same for all of them.
    """
    if not sent or not arrivals:
        return {}
    times, stamps = (np.array(each) for each in zip(*sent, strict=True))
    came, told = np.array([each.at for each in arrivals]), np.array([each.stamp for each in arrivals])
    # Most come before the next one is sent.
    before = np.searchsorted(times, came) - 1
    ahead = float(np.median((told - stamps[before])[before >= 0]))
    apart = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1.0
    found: dict[int, Arrival] = {}
    for arrival in arrivals:
        place = int(np.abs(stamps + ahead - arrival.stamp).argmin())
        if abs(stamps[place] + ahead - arrival.stamp) < apart / 2:
            found.setdefault(place, arrival)
    return found


def unwrapped(rtp: list[int]) -> list[float]:
    """Seconds of time stamps of 32 bits at 90 kHz."""
    steps = np.diff(np.array(rtp, dtype=np.int64), prepend=rtp[:1])
    return list(np.cumsum((steps + (1 << 31)) % (1 << 32) - (1 << 31)) / 90_000)
