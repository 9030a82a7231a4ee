"""The topics in the table: their types, and what of a message is worth a look."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from foxglove_msgs.msg import CompressedVideo
from geometry_msgs.msg import Quaternion
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import (
    BatteryState,
    CameraInfo,
    CompressedImage,
    Image,
    Imu,
    JointState,
    LaserScan,
    PointCloud2,
)
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from .arrays import cloud, hits, is_key

# Seconds over which a rate is counted: long enough for topics of 1 Hz.
WINDOW = 5.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LINK_STATE = "/go2_bridge/link_state"
LEVELS = {
    DiagnosticStatus.OK: "OK",
    DiagnosticStatus.WARN: "WARN",
    DiagnosticStatus.ERROR: "ERROR",
    DiagnosticStatus.STALE: "STALE",
}


@dataclass
class Topic:
    """A topic and what came on it."""

    name: str
    type: Any
    describe: Callable[[Any], str]
    qos: QoSProfile = field(default_factory=lambda: QoSProfile(depth=10))
    # Sees every message, where the last one does not tell enough.
    count: Callable[[Any], None] | None = None
    last: Any = None
    _arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def hear(self, message: Any) -> None:
        """Takes a message."""
        self.last = message
        if self.count:
            self.count(message)
        self._arrivals.append(time.monotonic())

    def cells(self) -> tuple[str, str, str, str, str]:
        """Its line in the table: topic, type, rate, age, last value."""
        package, _, name = self.type.__module__.partition(".msg")
        kind = f"{package}/{self.type.__name__}" if name else self.type.__name__
        if self.last is None:
            return self.name, kind, "-", "-", "nothing yet"
        age = f"{time.monotonic() - self._arrivals[-1]:.1f} s"
        return self.name, kind, self._rate(), age, self.describe(self.last)

    def _rate(self) -> str:
        if self.qos is LATCHED:
            return "latched"
        since = time.monotonic() - WINDOW
        recent = [arrival for arrival in self._arrivals if arrival >= since]
        if len(recent) < 2 or recent[-1] == recent[0]:
            return "-"
        return f"{(len(recent) - 1) / (recent[-1] - recent[0]):.1f} Hz"


def all_topics() -> list[Topic]:
    """What has to arrive from a robot."""
    stream = Stream()
    return [
        Topic("/joint_states", JointState, joints),
        Topic("/imu/data", Imu, imu),
        Topic("/odom", Odometry, odometry),
        Topic("/tf", TFMessage, transforms),
        Topic("/points", PointCloud2, points),
        Topic("/scan", LaserScan, scan),
        Topic("/camera/image_raw", Image, image),
        Topic("/camera/camera_info", CameraInfo, camera_info),
        Topic("/camera/image_raw/compressed", CompressedImage, compressed),
        Topic("/camera/video", CompressedVideo, stream.tell, count=stream.count),
        Topic("/battery_state", BatteryState, battery),
        Topic("/diagnostics", DiagnosticArray, diagnostics),
        Topic(LINK_STATE, String, link_state, LATCHED),
    ]


def joints(message: JointState) -> str:
    """The angles of the first leg."""
    if len(message.name) < 3 or len(message.position) < 3:
        return f"{len(message.name)} joints"
    leg = message.name[0].split("_")[0]
    angles = " ".join(f"{angle:.2f}" for angle in message.position[:3])
    return f"{leg} hip, thigh, calf: {angles} rad; {len(message.name)} joints"


def imu(message: Imu) -> str:
    """Heading, turn and the force of gravity."""
    force = message.linear_acceleration
    size = math.hypot(force.x, force.y, force.z)
    turn = message.angular_velocity.z
    return f"yaw {yaw(message.orientation):.0f} deg, {turn:.2f} rad/s, {size:.2f} m/s2"


def odometry(message: Odometry) -> str:
    """Where it is and how fast it walks."""
    at, twist = message.pose.pose.position, message.twist.twist
    return f"x {at.x:.2f} y {at.y:.2f} m; {twist.linear.x:.2f} m/s, {twist.angular.z:.2f} rad/s"


def transforms(message: TFMessage) -> str:
    """The first transform."""
    if not message.transforms:
        return "empty"
    first = message.transforms[0]
    at = first.transform.translation
    frames = f"{first.header.frame_id} -> {first.child_frame_id}"
    return f"{frames}: {at.x:.2f} {at.y:.2f} {at.z:.2f} m"


def points(message: PointCloud2) -> str:
    """How many, in which frame, and how far they reach."""
    count = message.width * message.height
    if count == 0:
        return f"no points in {message.header.frame_id}"
    places = cloud(message)
    reach = zip("xyz", places.min(axis=0), places.max(axis=0), strict=True)
    extent = " ".join(f"{axis} {least:.1f}..{most:.1f}" for axis, least, most in reach)
    return f"{count} points in {message.header.frame_id}: {extent} m"


def scan(message: LaserScan) -> str:
    """How many beams hit something, and where the nearest is."""
    found = hits(message)
    hit = f"{len(message.ranges)} beams, {len(found)} hit"
    if len(found) == 0:
        return hit
    nearest = found[np.hypot(*found.T[:2]).argmin()]
    bearing = math.degrees(math.atan2(nearest[1], nearest[0]))
    return f"{hit}; nearest {math.hypot(*nearest[:2]):.2f} m at {bearing:.0f} deg"


def image(message: Image) -> str:
    """Size and encoding."""
    return f"{message.width}x{message.height} {message.encoding}"


def camera_info(message: CameraInfo) -> str:
    """Size, model and focal lengths."""
    return f"{message.width}x{message.height} {message.distortion_model}, f {message.k[0]:.0f} {message.k[4]:.0f} px"


def compressed(message: CompressedImage) -> str:
    """Format and size."""
    return f"{message.format}, {len(message.data) / 1000:.0f} kB"


class Stream:
    """What has come of a video."""

    def __init__(self) -> None:
        self.pictures = self.keys = self.bytes = 0

    def count(self, message: CompressedVideo) -> None:
        """Takes a message."""
        self.pictures += 1
        self.keys += is_key(message.data)
        self.bytes += len(message.data)

    def tell(self, message: CompressedVideo) -> str:
        """All of it in short."""
        return f"{message.format}: {self.pictures} pictures, {self.keys} keyframes, {self.bytes / 1e6:.1f} MB"


def battery(message: BatteryState) -> str:
    """Charge, voltage and current."""
    return f"{message.percentage * 100:.0f} %, {message.voltage:.1f} V, {message.current:.1f} A"


def diagnostics(message: DiagnosticArray) -> str:
    """The worst entry, or that there is none."""
    order = list(LEVELS)
    worst = max(message.status, key=lambda status: order.index(status.level), default=None)
    if worst is None or worst.level == DiagnosticStatus.OK:
        return f"{len(message.status)} entries, all OK"
    return f"{LEVELS[worst.level]} {worst.name}: {worst.message}"


def link_state(message: String) -> str:
    """The state's name; the reason has a line of its own under the table."""
    return message.data.partition(":")[0]


def yaw(q: Quaternion) -> float:
    """Heading in degrees."""
    return math.degrees(math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z)))
