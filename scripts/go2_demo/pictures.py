"""Pictures that the demo leaves: what the camera saw, and the LiDAR's cloud from above."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Pixels

Colour = tuple[int, int, int]
Canvas = NDArray[np.float64]

QUICK = 1  # zlib's level: the robot walks meanwhile
SCALE = 80.0  # pixels a metre
MARGIN = 0.5  # metres around everything
LARGEST = 30.0  # metres
FLOOR = 0.10  # metres; what is lower is floor
TOP = 1.5  # metres; the colour of the highest points
BODY = (0.70, 0.31)  # metres, length and width

BACKGROUND: Colour = (24, 26, 30)
GRID: Colour = (52, 56, 62)
GROUND: Colour = (70, 74, 80)
LOW: Colour = (40, 90, 220)
HIGH: Colour = (250, 210, 60)
BEAM: Colour = (255, 70, 60)
PATH: Colour = (90, 220, 110)
ROBOT: Colour = (255, 255, 255)


def write_png(path: Path, pixels: Pixels) -> None:
    """Writes rows of red, green, blue as a PNG file."""
    height, width, _ = pixels.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    # Each row begins with its filter: none.
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    parts = [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        chunk(b"IDAT", zlib.compress(rows.tobytes(), QUICK)),
        chunk(b"IEND", b""),
    ]
    path.write_bytes(b"".join(parts))


class FromAbove:
    """A drawing of a piece of the floor: x to the right, y up, lines a metre apart."""

    def __init__(self, least: Array, most: Array) -> None:
        """From the least to the greatest x and y, in metres."""
        middle, half = (least + most) / 2, np.minimum((most - least) / 2 + MARGIN, LARGEST / 2)
        self._least = middle - half
        width, height = np.ceil(2 * half * SCALE).astype(int)
        self._canvas: Canvas = np.empty((height, width, 3))
        self._canvas[:] = BACKGROUND
        for axis, (least_here, size) in enumerate(zip(self._least, (width, height), strict=True)):
            lines = np.arange(np.ceil(least_here), least_here + size / SCALE)
            at = ((lines - least_here) * SCALE).astype(int)
            if axis == 0:
                self._canvas[:, at] = GRID
            else:
                self._canvas[height - 1 - at] = GRID

    def pixels(self) -> Pixels:
        """The drawing."""
        return np.clip(np.rint(self._canvas), 0, 255).astype(np.uint8)

    def at(self, points: Array) -> NDArray[np.int64]:
        """Row and column of points; they may be outside."""
        columns, rows = np.floor((points[:, :2] - self._least) * SCALE).astype(np.int64).T
        return np.stack([self._canvas.shape[0] - 1 - rows, columns], axis=-1)

    def dots(self, points: Array, colours: Array | Colour, size: int, strength: float = 1.0) -> None:
        """Squares of `size` pixels; where they overlap, the last one is seen."""
        places = self.at(points)
        colours = np.broadcast_to(np.asarray(colours, dtype=np.float64), (len(places), 3))
        for down in range(size):
            for right in range(size):
                rows, columns = (places + [down - size // 2, right - size // 2]).T
                inside = (rows >= 0) & (columns >= 0)
                inside &= (rows < self._canvas.shape[0]) & (columns < self._canvas.shape[1])
                there = rows[inside], columns[inside]
                self._canvas[there] += strength * (colours[inside] - self._canvas[there])

    def line(self, start: Array, end: Array, colour: Colour, size: int = 1, strength: float = 1.0) -> None:
        """A straight line."""
        count = int(np.ceil(np.hypot(*(end - start)[:2]) * SCALE)) + 1
        steps = np.linspace(0, 1, count)[:, None]
        self.dots(start[:2] + steps * (end - start)[:2], colour, size, strength)


def from_above(points: Array, beams: Array, eye: Array, body: Array, path: Array) -> Pixels:
    """What the LiDAR saw, from above. All in one frame, in metres.

    `points` are its cloud, `beams` what the scan hit from `eye` on, `body` is the pose of the robot as a matrix, and
    `path` the places where it has been.
    """
    places = np.concatenate([points[:, :2], beams[:, :2], path[:, :2], body[None, :2, 3]])
    drawing = FromAbove(places.min(axis=0), places.max(axis=0))
    points = points[np.argsort(points[:, 2])]
    share = np.clip((points[:, 2:] - FLOOR) / (TOP - FLOOR), 0, 1)
    colours = np.array(LOW) + share * (np.array(HIGH) - np.array(LOW))
    colours[points[:, 2] < FLOOR] = GROUND
    drawing.dots(points, colours, 4)
    for beam in beams:
        drawing.line(eye[:3], beam, BEAM, strength=0.25)
    drawing.dots(beams, BEAM, 3)
    for start, end in zip(path[:-1], path[1:], strict=True):
        drawing.line(start, end, PATH, 2)
    draw_robot(drawing, body)
    return drawing.pixels()


def draw_robot(drawing: FromAbove, body: Array) -> None:
    """The outline of the robot and an arrow ahead."""
    length, width = BODY[0] / 2, BODY[1] / 2
    corners = [(length, width), (-length, width), (-length, -width), (length, -width)]
    arrow = [(0.0, 0.0), (length + 0.25, 0.0), (length + 0.1, 0.1), (length + 0.25, 0.0), (length + 0.1, -0.1)]

    def there(place: tuple[float, float]) -> Array:
        where: Array = body[:2, :2] @ np.array(place) + body[:2, 3]
        return where

    for outline in ([*corners, corners[0]], arrow):
        for start, end in zip(outline[:-1], outline[1:], strict=True):
            drawing.line(there(start), there(end), ROBOT, 2)
