"""What is in the messages of LiDAR and camera, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

# Where red, green and blue are in each pixel.
ORDERS = {"rgb8": [0, 1, 2], "bgr8": [2, 1, 0]}


def cloud(message: Any) -> Array:
    """The points of a PointCloud2 of 32-bit floats: a row of x y z each, in metres."""
    order = ">f4" if message.is_bigendian else "<f4"
    offsets = {field.name: field.offset for field in message.fields}
    fields = {
        "names": ["x", "y", "z"],
        "formats": [order] * 3,
        "offsets": [offsets[name] for name in "xyz"],
        "itemsize": message.point_step,
    }
    points = np.frombuffer(message.data, np.dtype(fields), message.width * message.height)
    return np.stack([points[name] for name in "xyz"], axis=-1).astype(np.float64)


def hits(message: Any) -> Array:
    """Where the beams of a LaserScan hit something, in its frame: a row of x y z each, in metres."""
    ranges = np.asarray(message.ranges, dtype=np.float64)
    angles = message.angle_min + message.angle_increment * np.arange(len(ranges))
    hit = np.isfinite(ranges) & (ranges >= message.range_min) & (ranges <= message.range_max)
    ranges, angles = ranges[hit], angles[hit]
    return np.stack([ranges * np.cos(angles), ranges * np.sin(angles), np.zeros(len(ranges))], axis=-1)


def picture(message: Any) -> Pixels | None:
    """The pixels of an Image: rows of red, green, blue. None for encodings that take more than a copy."""
    order = ORDERS.get(message.encoding)
    if order is None or message.step < 3 * message.width:
        return None
    rows = np.frombuffer(message.data, np.uint8, message.height * message.step).reshape(message.height, message.step)
    pixels: Pixels = rows[:, : 3 * message.width].reshape(message.height, message.width, 3)[:, :, order]
    return pixels


def nal_units(stream: bytes) -> list[bytes]:
    """The NAL units of an H.264 stream with start codes (Annex B), without these."""
    # A unit does not end in a zero; one before a start code belongs to it.
    parts = [part.rstrip(b"\0") for part in bytes(stream).split(b"\0\0\1")]
    return [part for part in parts[1:] if part]


def is_key(stream: bytes) -> bool:
    """Whether decoding can begin with this picture: it holds an IDR slice."""
    return any(unit[0] & 31 == 5 for unit in nal_units(stream))
