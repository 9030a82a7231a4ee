"""Where a frame was at some time: what /tf said, and what the model's fixed joints say."""

from __future__ import annotations

import bisect
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Transforms of each frame that are kept: at 50 Hz, ten seconds.
KEPT = 500


class Frames:
    """The frames that were heard of, and how they moved."""

    def __init__(self, fixed: dict[str, tuple[str, Array]] | None = None) -> None:
        """With the poses of frames that never move: parent and pose in it, by frame."""
        self._fixed = fixed or {}
        self._heard: dict[str, list[tuple[float, str, Array, Array]]] = {}

    def hear(self, message: Any) -> None:
        """Takes a TFMessage."""
        for transform in message.transforms:
            to, turn = transform.transform.translation, transform.transform.rotation
            entry = (
                seconds(transform.header.stamp),
                transform.header.frame_id,
                np.array([to.x, to.y, to.z]),
                np.array([turn.x, turn.y, turn.z, turn.w]),
            )
            entries = self._heard.setdefault(transform.child_frame_id, [])
            bisect.insort(entries, entry, key=lambda each: each[0])
            del entries[:-KEPT]

    def newest(self, frame: str) -> float:
        """Stamp of the latest transform of a frame in seconds; minus infinity before there is one."""
        entries = self._heard.get(frame)
        return entries[-1][0] if entries else -np.inf

    def pose(self, frame: str, root: str, stamp: float, slack: float = 0.0) -> Array | None:
        """Pose of a frame in another one above it, as a 4 x 4 matrix, at a time in seconds.

        None where nothing was heard of it that long before or after; `slack` is how many seconds may be missing.
        """
        pose = np.eye(4)
        # More steps than any chain of frames has, and an end for one that is a circle.
        for _ in range(100):
            if frame == root:
                return pose
            step = self._fixed.get(frame) or self._moved(frame, stamp, slack)
            if step is None:
                return None
            frame, pose = step[0], step[1] @ pose
        return None

    def _moved(self, frame: str, stamp: float, slack: float) -> tuple[str, Array] | None:
        entries = self._heard.get(frame, [])
        if not entries or not entries[0][0] - slack <= stamp <= entries[-1][0] + slack:
            return None
        after = bisect.bisect_left(entries, stamp, key=lambda each: each[0])
        late, parent, to, turn = entries[min(after, len(entries) - 1)]
        early, _, from_, turned = entries[max(after - 1, 0)]
        share = min(max((stamp - early) / (late - early), 0.0), 1.0) if late > early else 1.0
        # The shorter way round; so near to each other the chord is as good as the arc.
        nearer = turned if turned @ turn >= 0 else -turned
        return parent, matrix(from_ + share * (to - from_), nearer + share * (turn - nearer))


def seconds(stamp: Any) -> float:
    """A stamp as a number."""
    return stamp.sec + stamp.nanosec / 1e9


def matrix(to: Array, turn: Array) -> Array:
    """A translation and a quaternion x y z w of any length as one matrix."""
    x, y, z, w = turn / np.linalg.norm(turn)
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = to
    return pose


def fixed_joints(urdf: Path) -> dict[str, tuple[str, Array]]:
    """Parent and pose in it of each link of a model that hangs from a fixed joint."""
    found = {}
    for joint in ET.parse(urdf).getroot().iter("joint"):
        parent, child, origin = joint.find("parent"), joint.find("child"), joint.find("origin")
        if joint.get("type") == "fixed" and parent is not None and child is not None:
            place = origin.attrib if origin is not None else {}
            to, (roll, pitch, yaw) = (numbers(place.get(name, "0 0 0")) for name in ("xyz", "rpy"))
            pose = turned("z", yaw) @ turned("y", pitch) @ turned("x", roll)
            pose[:3, 3] = to
            found[child.attrib["link"]] = (parent.attrib["link"], pose)
    return found


def numbers(text: str) -> Array:
    """Numbers with blanks between them."""
    return np.array([float(each) for each in text.split()])


def turned(axis: str, angle: float) -> Array:
    """A turn about an axis, as a 4 x 4 matrix."""
    half = np.array([np.sin(angle / 2) if each == axis else 0.0 for each in "xyz"] + [np.cos(angle / 2)])
    return matrix(np.zeros(3), half)


def moved(points: Array, pose: Array) -> Array:
    """Points, a row each, from a frame with that pose into the one that it is in."""
    placed: Array = points @ pose[:3, :3].T + pose[:3, 3]
    return placed
