"""What LiDAR and camera ought to see: the map that the simulated robot is in, and the pictures that it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av  # comes with aiortc
import numpy as np
import yaml
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage

from dog import ROOT, Driver, Heard, Ros, twist
from go2_demo.arrays import Array, Pixels, cloud, nal_units
from go2_demo.frames import Frames, fixed_joints, moved, seconds

HOUSE = ROOT / "crates" / "go2_sim" / "maps" / "house.yaml"
URDF = ROOT / "urdf" / "go2.urdf"

# The faces of walls by the direction that they look in.
FACES = ("+x", "-x", "+y", "-y")


class House:
    """The map. Its frame is the robot's odometry frame: the robot starts at (0, 0)."""

    def __init__(self, file: Path = HOUSE) -> None:
        told = yaml.safe_load(file.read_text())
        assert told["mode"] == "trinary" and told["negate"] == 0 and told["origin"][2] == 0
        self._cell = float(told["resolution"])
        self._origin = np.array(told["origin"][:2])
        shades = read_pgm(file.parent / told["image"])
        # The first row of an image is the top.
        self._walls = np.flipud(1 - shades / 255 > told["occupied_thresh"])

    def occupied(self, places: Array) -> NDArray[np.bool_]:
        """Whether a wall is at places, x and y in the last axis; outside there is none."""
        columns, rows = np.moveaxis(np.floor((places[..., :2] - self._origin) / self._cell).astype(int), -1, 0)
        height, width = self._walls.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return inside & self._walls[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]

    def near_wall(self, places: Array, distance: float) -> NDArray[np.bool_]:
        """Whether a wall is within a distance of places."""
        reach = int(np.ceil(distance / self._cell))
        corners = np.floor((places[:, :2] - self._origin) / self._cell) * self._cell + self._origin
        near = np.zeros(len(places), bool)
        for shift in np.ndindex(2 * reach + 1, 2 * reach + 1):
            corner = corners + (np.array(shift) - reach) * self._cell
            # From a place to a cell: how far it is beyond the cell's nearer edge.
            apart = np.maximum(np.maximum(corner - places[:, :2], places[:, :2] - corner - self._cell), 0)
            near |= (np.hypot(*apart.T) <= distance) & self.occupied(corner + self._cell / 2)
        return near

    def cast(self, start: Array, angles: Array, limit: float) -> tuple[Array, NDArray[np.str_]]:
        """Where rays end at the first wall: the distances, infinity for none within `limit`, and the faces hit."""
        step = 0.002
        steps = np.arange(0, limit, step)
        ways = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        walls = self.occupied(start[:2] + steps[None, :, None] * ways[:, None])
        first = walls.argmax(axis=1)
        hit = walls.any(axis=1)
        # Of the last place before the wall one coordinate is in another cell: the wall faces along that axis.
        before = start[:2] + (first - 1)[:, None] * step * ways
        inside = start[:2] + first[:, None] * step * ways
        crossed = np.floor((before - self._origin) / self._cell) != np.floor((inside - self._origin) / self._cell)
        signs = np.where(ways > 0, "-", "+")
        faces = np.where(crossed[:, 0], np.char.add(signs[:, 0], "x"), np.char.add(signs[:, 1], "y"))
        faces[~hit | (crossed.sum(axis=1) != 1)] = ""
        return np.where(hit, first * step, np.inf), faces


def read_pgm(path: Path) -> NDArray[np.float64]:
    """The rows of a binary PGM file."""
    kind, size, most, pixels = path.read_bytes().split(b"\n", 3)
    assert (kind, most) == (b"P5", b"255")
    width, height = (int(each) for each in size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width).astype(np.float64)


class Watch:
    """Follows the frames, and tells where the points of a cloud were in the odometry frame."""

    def __init__(self, ros: Ros) -> None:
        self.frames = Frames(fixed_joints(URDF))
        self._ros = ros
        ros.node.create_subscription(TFMessage, "/tf", self.frames.hear, 100)

    def until_known(self, message: Any, frame: str | None = None) -> None:
        """Waits for the transforms of a message's time, of its own frame or another."""
        frame, stamp = frame or message.header.frame_id, seconds(message.header.stamp)
        what = f"transforms from {frame} to odom around the message's time"
        self._ros.until(what, lambda: self.frames.pose(frame, "odom", stamp) is not None)

    def pose(self, frame: str, message: Any, root: str = "odom") -> Array:
        """Pose of a frame at the time of a message."""
        pose = self.frames.pose(frame, root, seconds(message.header.stamp))
        assert pose is not None, f"no pose of {frame} in {root} at the message's stamp"
        return pose

    def points(self, message: Any, root: str = "odom") -> Array:
        """The points of a cloud in another frame."""
        placed = moved(cloud(message), self.pose(message.header.frame_id, message))
        return placed if root == "odom" else moved(placed, np.linalg.inv(self.pose(root, message)))


def stand(ros: Ros) -> None:
    """Has the robot stand ready to walk."""
    assert ros.trigger("balance_stand") == (True, "")
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.3)


def turn(ros: Ros, speed: float = 1.0) -> Driver:
    """Has the robot stand and turn on the spot, in rad/s."""
    stand(ros)
    odometry = ros.listen(Odometry, "odom")
    driver = Driver(ros, twist(yaw=speed))
    ros.until("the robot to turn", lambda: odometry.messages and odometry.last.twist.twist.angular.z > 0.9 * speed)
    return driver


def stamps(heard: Heard) -> Array:
    """The stamps of all messages in seconds."""
    return np.array([seconds(message.header.stamp) for message in heard.messages])


# --- Pictures -------------------------------------------------------------------------------------------------------

SQUARES_AT, SQUARE, BITS = (16, 48), 16, 32


def read_counter(grey: NDArray[Any]) -> int | None:
    """The number that is burnt into a picture, from its brightness; None where a square is neither black nor white."""
    x, y = SQUARES_AT
    inner = slice(SQUARE // 4, SQUARE * 3 // 4)
    counter = 0
    for bit in range(BITS):
        square = grey[y : y + SQUARE, x + bit * SQUARE : x + (bit + 1) * SQUARE][inner, inner]
        dark, bright = (square < 80).all(), (square > 175).all()
        if not dark and not bright:
            return None
        counter = counter << 1 | int(bright)
    return counter


def rgb(message: Any, part: slice = slice(None)) -> Pixels:
    """The pixels of some rows of an Image of any encoding that the node has.

    Who converts more than it looks at is too slow for the pictures to come.
    """
    width, height = message.width, message.height
    per_pixel = {"rgb8": 3, "bgr8": 3, "yuv422_yuy2": 2}[message.encoding]
    assert message.step == per_pixel * width and len(message.data) == message.step * height
    rows = np.frombuffer(message.data, np.uint8).reshape(height, width, per_pixel)[part]
    if message.encoding == "rgb8":
        return rows
    if message.encoding == "bgr8":
        return rows[:, :, ::-1]
    # Y U Y V, the limited range of BT.601, as the robot's pictures have it.
    y = (rows[:, :, 0].astype(float) - 16) * 255 / 219
    u, v = (np.repeat(rows[:, first::2, 1].astype(float) - 128, 2, axis=1) * 255 / 224 for first in (0, 1))
    colours = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=-1)
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def grey(pixels: Pixels) -> Array:
    """Brightness of red, green, blue."""
    brightness: Array = pixels @ np.array([0.299, 0.587, 0.114])
    return brightness


def counter(message: Any) -> int | None:
    """The number in an Image."""
    return read_counter(grey(rgb(message, slice(SQUARES_AT[1] + SQUARE))))


@dataclass
class Seen:
    """What is kept of the pictures of a topic, which would soon fill the memory."""

    stamps: list[float] = field(default_factory=list)
    facts: list[Any] = field(default_factory=list)


def look(ros: Ros, tell: Callable[[Any], Any] = counter, topic: str = "camera/image_raw", kind: Any = Image) -> Seen:
    """Subscribes to pictures and keeps what `tell` says of each."""
    seen = Seen()

    def hear(message: Any) -> None:
        seen.stamps.append(seconds(message.header.stamp))
        seen.facts.append(tell(message))

    ros.node.create_subscription(kind, topic, hear, 10)
    return seen


# Blue and red of the bricks, less those of grey, by the face that they are on.
BRICKS = {"+x": (-23, 47), "-x": (42, -23), "+y": (-23, -28), "-y": (27, 30)}


def face_seen(pixels: Pixels) -> str:
    """The face of a wall whose bricks have the colour of some pixels."""
    mean = pixels.reshape(-1, 3).mean(axis=0)
    bright = mean @ [0.299, 0.587, 0.114]
    blue, red = (mean[2] - bright) * 0.564 * 224 / 255, (mean[0] - bright) * 0.713 * 224 / 255
    return min(BRICKS, key=lambda face: np.hypot(blue - BRICKS[face][0], red - BRICKS[face][1]))


def decode_jpeg(data: bytes) -> Pixels:
    """A JPEG's pixels."""
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(bytes(data)))
    return frame.to_ndarray(format="rgb24")


class VideoDecoder:
    """Another decoder than the node's."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("h264", "r")
        # A picture for each message, at once.
        self._codec.thread_count = 1
        self._codec.flags |= av.codec.context.Flags.low_delay

    def decode(self, stream: bytes) -> list[Any]:
        """The pictures that come out when a message goes in."""
        return self._codec.decode(av.Packet(bytes(stream)))


def kinds(stream: bytes) -> list[int]:
    """The types of the NAL units of a message."""
    return [unit[0] & 31 for unit in nal_units(stream)]


def frame_number(stream: bytes, most: int) -> tuple[int, int]:
    """frame_num of a coded picture, and what it is counted up to: from the picture's SPS, or as it was, `most`.

    Every picture of the robot's is referred to by the next one, whose number is one more.
    """
    for unit in nal_units(stream):
        bits = Bits(unit[1:])
        if unit[0] & 31 == 7:
            profile = bits.take(8)
            bits.take(16)
            bits.golomb()
            if profile == 100:
                # 4:2:0, twice 8 bits; no bypass, no scaling lists.
                assert (bits.golomb(), bits.golomb(), bits.golomb(), bits.take(2)) == (1, 0, 0, 0)
            most = 1 << (bits.golomb() + 4)
        elif unit[0] & 31 in (1, 5):
            assert unit[0] & 0x60, "a picture that no other one refers to"
            for _ in range(3):  # first macroblock, type of slice, PPS
                bits.golomb()
            return bits.take(most.bit_length() - 1), most
    raise AssertionError("no picture")


class Bits:
    """The bits of a NAL unit."""

    def __init__(self, unit: bytes) -> None:
        # 0 0 3 stands for 0 0, wherever these would look like a start code.
        data = unit.replace(b"\0\0\3", b"\0\0")
        self._bits = "".join(f"{byte:08b}" for byte in data[:64])

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        taken, self._bits = self._bits[:count], self._bits[count:]
        return int(taken, 2)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = self._bits.index("1")
        return self.take(2 * zeros + 1) - 1
