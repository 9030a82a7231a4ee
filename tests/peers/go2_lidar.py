"""The simulated GO2's LiDAR: a world that anybody can recompute, and the voxel frames that show it.

World voxel (x, y, z) has its centre at 0.05 m times (x, y, z) in the odometry frame. Occupied are

- the floor: all of z = 0, and nothing below it;
- four walls, z > 0: x = -60 or x = 60 where -30 <= y <= 90, and y = -30 or y = 90 where -60 <= x <= 60;
- leaves, z = 16 to 20: those of which bit x mod 64 of `leaves(y, z)` is set, an eighth of them.

A frame shows the 128 x 128 x 38 voxels around the robot, which walks within the walls. Which ones is told by its
origin, a corner of its first voxel: that voxel is (origin + 0.025 m) / 0.05 m. The first frame of a session is another
one: three voxels, a worked example of the protocol, known by its origin's z of -0.95 m.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from go2_frames import marker2_frame, normal_frame
from go2_lz4 import LAST_LITERALS, encode_block, sequence

Emit = Callable[..., None]

TOPIC = "rt/utlidar/voxel_map_compressed"
SWITCH = "rt/utlidar/switch"
RESOLUTION = 0.05
WIDTH = (128, 128, 38)
SIZE = WIDTH[0] * WIDTH[1] * WIDTH[2] // 8
LOWEST = -11  # the window follows the robot sideways only; its floor is level
EXAMPLE_ORIGIN, EXAMPLE = (-3.2, -3.2, -0.95), {(0, 0, 0), (9, 3, 2), (127, 127, 37)}
STAMP_AGAIN = 20  # one in so many frames has the first one's stamp

# --- the world ---------------------------------------------------------------------------------

FIRST_X, SPAN = -128, 256  # as much of a row as the robot ever sees
WALLS_X, WALLS_Y = (-60, 60), (-30, 90)
LEAVES = range(16, 21)
U64 = 2**64 - 1


def leaves(y: int, z: int) -> int:
    """A word that says which voxels of a row are leaves: splitmix64 of its place, thinned out."""
    n = ((y & 0xFFFF) << 16 | z & 0xFFFF) + 0x9E3779B97F4A7C15 & U64
    n = (n ^ n >> 30) * 0xBF58476D1CE4E5B9 & U64
    n = (n ^ n >> 27) * 0x94D049BB133111EB & U64
    n ^= n >> 31
    return n & _rotated(n, 13) & _rotated(n, 29)


def _rotated(word: int, left: int) -> int:
    return (word << left | word >> 64 - left) & U64


def _bits(first: int, last: int) -> int:
    """The voxels of a row from one x to another; the first x of a row is the highest bit."""
    return (1 << last - first + 1) - 1 << FIRST_X + SPAN - 1 - last


@functools.cache
def row(y: int, z: int) -> int:
    """Row of the world along x, a bit for each voxel."""
    if z <= 0:
        return 0 if z < 0 else _bits(FIRST_X, FIRST_X + SPAN - 1)
    found = 0
    if y in WALLS_Y:
        found = _bits(*WALLS_X)
    elif WALLS_Y[0] < y < WALLS_Y[1]:
        found = _bits(WALLS_X[0], WALLS_X[0]) | _bits(WALLS_X[1], WALLS_X[1])
    if z in LEAVES:
        word = int(f"{leaves(y, z):064b}"[::-1], 2)
        found |= sum(word << 64 * i for i in range(SPAN // 64))
    return found


def window(x: int, y: int, z: int) -> bytes:
    """The bits of a frame whose first voxel this is: x fastest, then y, then z; high bits first."""
    right = FIRST_X + SPAN - x - WIDTH[0]
    if right < 0 or x < FIRST_X:
        raise ValueError(f"the world ends before the window at x = {x}")
    mask = (1 << WIDTH[0]) - 1

    @functools.cache  # most layers are alike
    def layer(k: int) -> bytes:
        rows = (row(y + j, k) >> right & mask for j in range(WIDTH[1]))
        return b"".join(bits.to_bytes(WIDTH[0] // 8, "big") for bits in rows)

    return b"".join(layer(_like(z + k)) for k in range(WIDTH[2]))


def _like(z: int) -> int:
    """A layer that has the same voxels."""
    return z if z in LEAVES or z == 0 else max(-1, min(z, 1))


def _corner(voxel: int) -> float:
    return round(RESOLUTION * (voxel - 0.5), 3)


def example() -> bytes:
    """The protocol's three voxels."""
    bits = bytearray(SIZE)
    for x, y, z in EXAMPLE:
        bits[z * 2048 + y * 16 + x // 8] |= 0x80 >> x % 8
    return bytes(bits)


# --- frames ------------------------------------------------------------------------------------


@dataclass
class LidarOptions:
    framing: str = "marker2"
    ignores: int = 1
    hz: float = 7.5
    stops_after: float = 0.0
    bad: bool = False
    old_stamps: bool = False


def zeros(size: int, distance: int = 1) -> bytes:
    """A block of so many zeros, if the distance is 1, and a wrong one otherwise."""
    return sequence(b"\0", distance, size - 1 - LAST_LITERALS) + sequence(bytes(LAST_LITERALS))


# What is wrong, what of the head is other than in a good frame, and the block made of a good one.
BAD: list[tuple[str, dict[str, Any], Callable[[bytes], bytes]]] = [
    ("truncated", {}, lambda block: block[: len(block) // 2]),
    ("decodes to more than src_size", {"src_size": SIZE - 2048, "width": [128, 128, 37]}, bytes),
    ("decodes to less than src_size", {"src_size": SIZE + 2048, "width": [128, 128, 39]}, bytes),
    ("decodes to a megabyte", {}, lambda block: zeros(2**20)),
    ("src_size of a terabyte", {"src_size": 2**40}, bytes),
    ("negative src_size", {"src_size": -SIZE}, bytes),
    ("width that is not src_size", {"width": [128, 128, 39]}, bytes),
    ("resolution 0", {"resolution": 0.0}, bytes),
    ("huge origin", {"origin": [1e300, -1e300, 0.0]}, bytes),
    ("origin of two numbers", {"origin": [0.0, 0.0]}, bytes),
    ("no resolution", {"resolution": None}, bytes),
    ("distance 0", {}, lambda block: zeros(SIZE, 0)),
    ("distance beyond the start", {}, lambda block: zeros(SIZE, 9)),
    ("no bytes", {}, lambda block: b""),
    ("no block", {}, lambda block: b"\xff" * 64),
]


class Lidar:
    """What one session sees of the LiDAR."""

    def __init__(
        self,
        options: LidarOptions,
        place: Callable[[], tuple[float, float]],
        send: Callable[[bytes], None],
        emit: Emit,
    ) -> None:
        self._options, self._place, self._send, self._emit = options, place, send, emit
        self._to_ignore = options.ignores
        self._on_since: float | None = None
        self._sequence = 0
        self._first_stamp = 0.0

    def switch(self, data: Any) -> None:
        """Carries out a command of the client's, a bare string. The first ones get lost."""
        if data not in ("on", "off", "ON", "OFF"):
            self._emit("error", what="lidar", detail=f"switch {data!r}")
        elif self._to_ignore > 0:
            self._to_ignore -= 1
            self._emit("lidar_ignored", data=data)
        else:
            self._turn(data.lower() == "on", "client")

    def _turn(self, on: bool, by: str) -> None:
        if not on:
            self._on_since = None
        elif self._on_since is None:
            self._on_since = time.monotonic()
        self._emit("lidar", on=on, by=by)

    async def run(self, wanted: Callable[[], bool]) -> None:
        """Sends frames while the LiDAR is on and they are wanted."""
        due = time.monotonic()
        while self._options.hz > 0:
            due = max(due + 1 / self._options.hz, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._on_since is None:
                continue
            stops_after = self._options.stops_after
            if stops_after and time.monotonic() - self._on_since >= stops_after:
                self._turn(False, "itself")
            elif wanted():
                self._show()

    def _show(self) -> None:
        sequence = self._sequence
        self._sequence += 1
        if sequence == 0:
            origin, bits = EXAMPLE_ORIGIN, example()
        else:
            x, y = (round(at / RESOLUTION) - WIDTH[0] // 2 for at in self._place())
            bits = window(x, y, LOWEST)
            origin = (_corner(x), _corner(y), _corner(LOWEST))
        block = encode_block(bits)
        head = self._head(sequence, origin)
        self._send_frame(head, block)
        voxels = int.from_bytes(bits, "big").bit_count()
        self._emit("voxel_frame", seq=sequence, voxels=voxels, bytes=len(block), origin=origin)
        if self._options.bad:
            what, other, change = BAD[sequence % len(BAD)]
            changed = {k: v for k, v in (head | other).items() if v is not None}
            self._send_frame(changed, change(block))
            self._emit("bad_voxel_frame", seq=sequence, what=what)

    def _head(self, sequence: int, origin: tuple[float, float, float]) -> dict[str, Any]:
        stamp = time.time()
        if sequence == 0:
            self._first_stamp = stamp
        # Old firmware repeats its first stamp for ever, newer now and then.
        if self._options.old_stamps or sequence % STAMP_AGAIN == STAMP_AGAIN - 1:
            stamp = self._first_stamp
        where = {"stamp": stamp, "frame_id": "odom", "resolution": RESOLUTION}
        return where | {"src_size": SIZE, "origin": list(origin), "width": list(WIDTH)}

    def _send_frame(self, data: dict[str, Any], block: bytes) -> None:
        head = {"type": "msg", "topic": TOPIC, "data": data}
        framed = marker2_frame if self._options.framing == "marker2" else normal_frame
        self._send(framed(head, block))
