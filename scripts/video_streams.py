#!/usr/bin/env python3
"""Makes the short H.264 streams in tests/video, and what libavcodec decodes them to.

    source scripts/env.sh && python3 scripts/video_streams.py

One stream for each shape that a camera may send, encoded by x264 and, where x264 cannot make the shape, edited bit by
bit. Beside each stream is a text file with a line for each access unit: its bytes, whether it is a keyframe, and the MD5
of the picture (I420 without padding) that libavcodec puts out; of streams with B pictures, pictures are in the order in
which they are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FOLDER = Path(__file__).parent.parent / "tests" / "video"
# Like the camera's, the height is no whole number of macroblocks: eight rows are cropped.
WIDTH, HEIGHT = 208, 120
KEYFRAME_EVERY = 30
SLICE, IDR, SPS, PPS = 1, 5, 7, 8


@dataclass
class Shape:
    """A kind of stream."""

    name: str
    profile: str
    x264: dict[str, str] = field(default_factory=dict)
    # What is done to the stream afterwards.
    edit: Callable[[list[bytes]], list[bytes]] | None = None
    pictures: int = 35
    pixels: str = "yuv420p"
    size: tuple[int, int] = (WIDTH, HEIGHT)


def scene(number: int, size: tuple[int, int]) -> np.ndarray:
    """A slope, grain that no prediction gets rid of, and a bar that moves."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    grain = ((x // 2 * 31 + y // 2 * 17 + number * 7) * 2_654_435_761 >> 9) % 10
    bar = np.where((x + 3 * number) % width < 24, 90, 0)
    luma = 40 + (x + y) // 4 % 80 + grain + bar
    half_y, half_x = np.mgrid[0 : height // 2, 0 : width // 2]
    blue, red = 100 + (half_x + number) // 4 % 40, 110 + (half_y + 2 * number) // 3 % 40
    return np.concatenate([plane.astype(np.uint8).ravel() for plane in (luma, blue, red)]).reshape(height * 3 // 2, width)


def encode(shape: Shape) -> list[bytes]:
    """Access units in Annex B form."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height = shape.size
    codec.pix_fmt, codec.framerate, codec.time_base = shape.pixels, 30, Fraction(1, 30)
    options = {
        "keyint": str(KEYFRAME_EVERY), "scenecut": "0", "bframes": "0", "ref": "1", "weightp": "0", "qp": "30", "sync-lookahead": "0",
        "rc-lookahead": "0", "threads": "1", "annexb": "1", "repeat-headers": "1", "no-info": "1", "force-cfr": "1",
        **shape.x264,
    }  # fmt: skip
    codec.options = {
        "preset": "fast",
        "profile": shape.profile,
        "x264-params": ":".join(f"{key}={value}" for key, value in options.items()),
    }
    units = []
    for number in range(shape.pictures):
        frame = av.VideoFrame.from_ndarray(scene(number, shape.size), format="yuv420p").reformat(format=shape.pixels)
        frame.pts = number
        units += [without_sei(bytes(packet)) for packet in codec.encode(frame)]
    return units + [without_sei(bytes(packet)) for packet in codec.encode(None)]


def nals(unit: bytes) -> Iterator[bytes]:
    """The NAL units of an access unit."""
    for part in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1"):
        if part:
            yield part


def joined(parts: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + part for part in parts)


def without_sei(unit: bytes) -> bytes:
    return joined([nal for nal in nals(unit) if nal[0] & 31 != 6])


# --- Editing --------------------------------------------------------------------------------------------------------


class Bits:
    """The bits of a NAL unit behind its header, as text."""

    def __init__(self, nal: bytes) -> None:
        self.header = nal[0]
        payload = nal[1:].replace(b"\0\0\3", b"\0\0")
        self.bits = "".join(f"{byte:08b}" for byte in payload)
        self.at = 0

    def take(self, count: int) -> str:
        self.at += count
        return self.bits[self.at - count : self.at]

    def ue(self) -> int:
        zeros = self.bits.index("1", self.at) - self.at
        return int(self.take(2 * zeros + 1), 2) - 1

    def replace(self, start: int, end: int, bits: str) -> None:
        self.bits = self.bits[:start] + bits + self.bits[end:]
        self.at = start + len(bits)

    def nal(self) -> bytes:
        bits = self.bits.rstrip("0")
        bits += "0" * (-len(bits) % 8)
        out, zeros = bytearray([self.header]), 0
        for byte in (int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)):
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)


def exp_golomb(value: int) -> str:
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def edited(units: list[bytes], order: int, gaps: bool = True, vui: bool = True, constraints: int | None = None) -> list[bytes]:
    """Streams of x264 without B pictures with `pic_order_cnt_type` 2 instead of another: 0 with 16 bits of lsb, or 1.

    `frame_num` gets 12 bits instead of 4, so that the header grows by whole bytes and what CABAC wrote stays aligned.
    """
    out, since = [], 0
    for unit in units:
        parts = []
        for nal in nals(unit):
            kind = nal[0] & 31
            if kind == SPS:
                nal = edited_sps(nal, order, gaps, vui, constraints)
            elif kind == IDR:
                since = 0
                nal = edited_slice(nal, order, since)
            elif kind == SLICE:
                nal = edited_slice(nal, order, since)
            parts.append(nal)
        since += 1
        out.append(joined(parts))
    return out


def edited_sps(nal: bytes, order: int, gaps: bool, vui: bool, constraints: int | None) -> bytes:
    bits = Bits(nal)
    profile = int(bits.take(8), 2)
    if constraints is not None:
        bits.replace(8, 16, f"{constraints:08b}")
    bits.at = 24
    bits.ue()
    if profile == 100:
        assert (bits.ue(), bits.ue(), bits.ue()) == (1, 0, 0)
        assert bits.take(2) == "00", "scaling lists"
    start = bits.at
    assert bits.ue() == 0, "frame_num has 4 bits"
    assert bits.ue() == 2, "pic_order_cnt_type"
    kinds = {0: exp_golomb(0) + exp_golomb(12), 1: exp_golomb(1) + "1" + "11" + exp_golomb(1) + exp_golomb(3), 2: exp_golomb(2)}
    bits.replace(start, bits.at, exp_golomb(8) + kinds[order])
    bits.ue()
    bits.replace(bits.at, bits.at + 1, str(int(gaps)))
    if not vui:
        bits.ue(), bits.ue(), bits.take(2)
        if bits.take(1) == "1":
            [bits.ue() for _ in range(4)]
        bits.replace(bits.at, len(bits.bits), "01")
    return bits.nal()


def edited_slice(nal: bytes, order: int, since: int) -> bytes:
    bits = Bits(nal)
    bits.ue(), bits.ue(), bits.ue()
    start = bits.at
    assert int(bits.take(4), 2) == since % 16
    bits.replace(start, bits.at, f"{since:012b}")
    if nal[0] & 31 == IDR:
        bits.ue()
    if order == 0:
        bits.replace(bits.at, bits.at, f"{2 * since:016b}")
    return bits.nal()


# --- Shapes ---------------------------------------------------------------------------------------------------------

CABAC = {"cabac": "1"}
ROBOT = {**CABAC, "8x8dct": "1", "chroma-qp-offset": "-6", "no-psy": "1", "level": "4.0"}


def order_0(units: list[bytes]) -> list[bytes]:
    return edited(units, 0)


def with_scaling_lists(units: list[bytes]) -> list[bytes]:
    """Says in the SPS what x264 says in the PPS: H.264's own lists, which hold where none is given (eight zeros)."""

    def edit(nal: bytes) -> bytes:
        if nal[0] & 31 != SPS:
            return nal
        bits = Bits(nal)
        bits.at = 24
        bits.ue(), bits.ue(), bits.ue(), bits.ue(), bits.take(1)
        bits.replace(bits.at, bits.at + 1, "1" + 8 * "0")
        return bits.nal()

    return [joined([edit(nal) for nal in nals(unit)]) for unit in units]


SHAPES = [
    # What was recorded of the camera.
    Shape("robot", "high", ROBOT, lambda units: edited(units, 0, constraints=0x10), pictures=62),
    Shape("robot_slices", "high", {**ROBOT, "slices": "4"}, order_0),
    Shape("robot_without_vui", "high", ROBOT, lambda units: edited(units, 0, vui=False)),
    Shape("robot_told", "high", {**ROBOT, "colormatrix": "bt709", "fullrange": "on"}, order_0),
    Shape("high_order_1", "high", ROBOT, lambda units: edited(units, 1)),
    Shape("high_order_2", "high", ROBOT, lambda units: edited(units, 2, gaps=False)),
    Shape("high_cavlc", "high", {**ROBOT, "cabac": "0"}, order_0),
    Shape("high_references", "high", {**ROBOT, "ref": "3"}, lambda units: edited(units, 0, gaps=False)),
    Shape("high_weighted", "high", {**ROBOT, "weightp": "1"}, order_0),
    Shape("high_scaled", "high", {**ROBOT, "cqm": "jvt"}, order_0),
    Shape("main", "main", CABAC, order_0),
    Shape("main_order_1", "main", CABAC, lambda units: edited(units, 1)),
    Shape("main_order_2", "main", CABAC),
    Shape("baseline", "baseline", {}, order_0),
    Shape("baseline_order_1", "baseline", {}, lambda units: edited(units, 1)),
    Shape("baseline_order_2", "baseline", {}),
    # What the decoder gives later, or not at all.
    Shape("b_pictures", "high", {**ROBOT, "ref": "3", "bframes": "2", "b-adapt": "0"}),
    Shape("scaling_lists", "high", {**ROBOT, "cqm": "jvt"}, with_scaling_lists),
    # x264 names the same reference twice, with two weights.
    Shape("named_twice", "high", {**ROBOT, "ref": "3", "weightp": "2"}, lambda units: edited(units, 0, gaps=False), 62),
    Shape("interlaced", "high", {**ROBOT, "interlaced": "1"}, pictures=3),
    Shape("high_422", "high422", ROBOT, pictures=3, pixels="yuv422p"),
    # The same as the robot's, in another size.
    Shape("robot_small", "high", ROBOT, order_0, pictures=5, size=(96, 64)),
]


def decoded(units: list[bytes]) -> list[str]:
    """The MD5 of each picture."""
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    frames = [frame for unit in units for frame in codec.decode(av.Packet(unit))]
    frames += codec.decode(None)
    return [hashlib.md5(frame.to_ndarray().tobytes()).hexdigest() for frame in frames]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for shape in SHAPES:
        units = encode(shape)
        if shape.edit:
            units = shape.edit(units)
        hashes = decoded(units)
        assert len(hashes) == len(units) == shape.pictures, (shape.name, len(hashes), len(units))
        assert len(set(hashes)) == len(hashes), shape.name
        (FOLDER / f"{shape.name}.h264").write_bytes(b"".join(units))
        keyframe = [any(nal[0] & 31 == IDR for nal in nals(unit)) for unit in units]
        lines = zip(units, keyframe, hashes, strict=True)
        text = "".join(f"{len(unit)} {int(key)} {picture}\n" for unit, key, picture in lines)
        (FOLDER / f"{shape.name}.txt").write_text(text)
        print(f"{shape.name}: {sum(map(len, units))} bytes, SPS {next(nals(units[0])).hex(' ')}")


if __name__ == "__main__":
    main()
