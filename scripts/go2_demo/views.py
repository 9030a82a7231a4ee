"""What the demo saw, as pictures in a folder."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, Pixels, cloud, hits, picture
from .frames import Frames, fixed_joints, moved, seconds
from .pictures import from_above, write_png

CAMERA, CLOUD = "camera.png", "cloud.png"
# Seconds by which /tf may begin later than what is placed by it.
LATE = 0.3
# The path is kept in steps of this many metres, at most so many of them.
STEP, STEPS = 0.02, 2000


class Views:
    """Follows the robot, and draws."""

    def __init__(self, folder: Path | None, model: Path) -> None:
        """For pictures in a folder, or in a new one; the model tells where the sensors are."""
        self._folder = folder
        self.written: list[Path] = []
        # What was amiss the last time, in words.
        self.trouble: str | None = None
        self._frames = Frames(fixed_joints(model))
        self._path: list[tuple[float, float]] = []

    def hear_tf(self, message: Any) -> None:
        """Takes a TFMessage."""
        self._frames.hear(message)

    def hear_odometry(self, message: Any) -> None:
        """Takes an Odometry."""
        at = message.pose.pose.position
        if not self._path or math.dist(self._path[-1], (at.x, at.y)) >= STEP:
            self._path.append((at.x, at.y))
            del self._path[:-STEPS]

    def awaits_tf(self, odometry: Any, points: Any, scan: Any) -> bool:
        """Whether /tf has yet to tell where the robot was at the time of these messages."""
        needed = {odometry.child_frame_id: points, scan.header.frame_id: scan}
        return any(self._frames.newest(frame) < seconds(message.header.stamp) for frame, message in needed.items())

    def write(self, image: Any, odometry: Any, points: Any, scan: Any) -> None:
        """Writes the pictures anew."""
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="go2_demo.pictures."))
        self._folder.mkdir(parents=True, exist_ok=True)
        self.written = []
        self.trouble = self._write_camera(image) or self._write_cloud(odometry, points, scan)

    def _write_camera(self, image: Any) -> str | None:
        pixels = picture(image)
        if pixels is None:
            return f"cannot draw pictures of the encoding {image.encoding}"
        self._write(CAMERA, pixels)
        return None

    def _write_cloud(self, odometry: Any, points: Any, scan: Any) -> str | None:
        root = odometry.header.frame_id
        poses: list[Array] = []
        for frame, message in (
            (points.header.frame_id, points),
            (odometry.child_frame_id, points),
            (scan.header.frame_id, scan),
        ):
            pose = self._frames.pose(frame, root, seconds(message.header.stamp), LATE)
            if pose is None:
                return f"cannot draw the cloud: /tf does not say where {frame} was in {root} at its time"
            poses.append(pose)
        lidar, body, footprint = poses
        path = np.array(self._path).reshape(-1, 2)
        placed = moved(cloud(points), lidar), moved(hits(scan), footprint)
        self._write(CLOUD, from_above(*placed, footprint[:3, 3], body, path))
        return None

    def _write(self, name: str, pixels: Pixels) -> None:
        assert self._folder
        path = self._folder / name
        write_png(path, pixels)
        self.written.append(path)
