"""What a client makes of voxel frames and pictures, written apart from the robot; for the tests."""

from __future__ import annotations

from typing import Any

from go2_lidar import leaves


def decode_block(block: bytes) -> bytes:
    """By the description of the format; every rule that a decoder may rely on is checked."""
    out = bytearray()
    at, last_match = 0, 0

    def length(nibble: int) -> int:
        nonlocal at
        total = nibble
        more = 255 if nibble == 15 else 0
        while more == 255:
            more = block[at]
            at += 1
            total += more
        return total

    while True:
        token = block[at]
        at += 1
        literals = length(token >> 4)
        assert at + literals <= len(block)
        out += block[at : at + literals]
        at += literals
        if at == len(block):
            break
        distance = int.from_bytes(block[at : at + 2], "little")
        at += 2
        assert 0 < distance <= len(out)
        last_match = len(out)
        for _ in range(length(token & 15) + 4):
            out.append(out[-distance])
    assert token & 15 == 0
    assert not last_match or (literals >= 5 and last_match + 12 <= len(out)), "the end of a block"
    return bytes(out)


def occupied(x: int, y: int, z: int) -> bool:
    """The world as go2_lidar describes it, a voxel at a time."""
    wall = (abs(x) == 60 and -30 <= y <= 90) or (y in (-30, 90) and abs(x) <= 60)
    leaf = 16 <= z <= 20 and leaves(y, z) >> x % 64 & 1 == 1
    return z == 0 or (z > 0 and (wall or leaf))


def picture_number(frame: Any) -> int:
    """The number that a decoded picture shows in 32 squares of 16 by 16 from (16, 48) on."""
    luma = frame.planes[0]
    pixels = bytes(luma)
    number = 0
    for square in range(32):
        middle = [(16 + 16 * square + x, 48 + y) for x in range(4, 12) for y in range(4, 12)]
        values = [pixels[y * luma.line_size + x] for x, y in middle]
        assert max(values) < 60 or min(values) > 180, (square, min(values), max(values))
        number = number << 1 | (values[0] > 120)
    return number
