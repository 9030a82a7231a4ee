"""Binary messages of the data channel: a JSON head and, behind it, bytes."""

from __future__ import annotations

import json
import struct
from typing import Any

FRAMINGS = ("marker2", "normal")
LIDAR_MARKER = 2  # where a normal frame has the length of its JSON, which is never that short


def normal_frame(head: dict[str, Any], payload: bytes) -> bytes:
    """u16 length of the JSON, two zero bytes, JSON, payload."""
    text = _json(head)
    return struct.pack("<HH", len(text), 0) + text + payload


def marker2_frame(head: dict[str, Any], payload: bytes) -> bytes:
    """u16 2, u16 0, u32 length of the JSON, four bytes, JSON, payload; the four bytes tell the payload's length."""
    text = _json(head)
    return struct.pack("<HHII", LIDAR_MARKER, 0, len(text), len(payload)) + text + payload


def chunk_frames(head: dict[str, Any], payload: bytes, size: int) -> list[bytes]:
    """Normal frames with the payload in pieces, numbered from 1 in what their heads tell of the content."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    frames = []
    for index, piece in enumerate(pieces, 1):
        info = {"enable_chunking": True, "chunk_index": index, "total_chunk_num": len(pieces)}
        frames.append(normal_frame(head | {"data": head["data"] | {"content_info": info}}, piece))
    return frames


def big_frame(size: int) -> bytes:
    """A frame of which every byte is known."""
    period = bytes(range(251))
    payload = (period * (size // 251 + 1))[:size]
    return normal_frame({"type": "msg", "topic": "rt/big", "data": {"size": size}}, payload)


def _json(head: dict[str, Any]) -> bytes:
    return json.dumps(head, separators=(",", ":")).encode()
