"""An encoder of raw LZ4 blocks: no frame header, no size in front.

A block is a row of sequences: a token, literals, and a match, which is two bytes of distance and a length. A match may
reach into what it is just writing; that is how a long run of one byte becomes a few bytes.
"""

from __future__ import annotations

LEAST_MATCH = 4
LAST_LITERALS = 5  # the end of a block is literals, ...
LAST_MATCH_START = 12  # ... and no match begins nearer to it than this
FARTHEST = 65_535


def encode_block(data: bytes) -> bytes:
    """The block, always of legal form; how well it compresses is another matter."""
    out = bytearray()
    seen: dict[bytes, int] = {}
    anchor = at = 0  # literals from `anchor` on wait to be written
    while at + LAST_MATCH_START <= len(data):
        key = data[at : at + LEAST_MATCH]
        found = seen.get(key)
        seen[key] = at
        if found is None or at - found > FARTHEST:
            at += 1
            continue
        length = LEAST_MATCH + _common(data, found + LEAST_MATCH, at + LEAST_MATCH)
        out += sequence(data[anchor:at], at - found, length)
        anchor = at = at + length
    return bytes(out + sequence(data[anchor:]))


def _common(data: bytes, one: int, two: int) -> int:
    """How many bytes are the same from the two places on, up to where the last literals begin."""
    start, end, step = two, len(data) - LAST_LITERALS, 16
    while two < end:
        step = min(step, end - two)
        first, second = data[one : one + step], data[two : two + step]
        if first != second:
            differing = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
            return two - start + ((differing & -differing).bit_length() - 1) // 8
        one, two, step = one + step, two + step, min(step * 2, 4096)
    return two - start


def sequence(literals: bytes, distance: int | None = None, match: int = LEAST_MATCH) -> bytes:
    """Without a distance it is the last one, which has no match."""
    beyond = 0 if distance is None else match - LEAST_MATCH
    token = min(len(literals), 15) << 4 | min(beyond, 15)
    out = bytes([token]) + _more(len(literals)) + literals
    return out if distance is None else out + distance.to_bytes(2, "little") + _more(beyond)


def _more(length: int) -> bytes:
    """What of a length does not fit into its half of the token."""
    if length < 15:
        return b""
    full, rest = divmod(length - 15, 255)
    return b"\xff" * full + bytes([rest])
