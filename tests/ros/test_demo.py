"""What the demo makes of the messages. Needs neither robot nor node."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from dog import ROOT
from go2_demo import arrays, frames, pictures, views, walk

URDF = ROOT / "urdf" / "go2.urdf"
MOUNT = np.array([0.28945, 0.0, -0.046825])


def stamp(seconds: float) -> Time:
    """A number as a stamp."""
    return Time(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))


def transform(seconds: float, x: float, yaw: float, frame: str = "base_link", parent: str = "odom") -> TFMessage:
    """A transform along x with a heading."""
    message = TransformStamped(header=Header(stamp=stamp(seconds), frame_id=parent), child_frame_id=frame)
    message.transform.translation.x = x
    message.transform.rotation.z, message.transform.rotation.w = np.sin(yaw / 2), np.cos(yaw / 2)
    return TFMessage(transforms=[message])


def cloud(points: list[list[float]], frame: str, seconds: float) -> PointCloud2:
    """A cloud as the node publishes it."""
    fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, name in enumerate("xyz")]
    return PointCloud2(
        header=Header(stamp=stamp(seconds), frame_id=frame),
        height=1,
        width=len(points),
        fields=fields,
        point_step=12,
        row_step=12 * len(points),
        data=np.array(points, "<f4").tobytes(),
        is_dense=True,
    )


def read_png(path: Path) -> np.ndarray:
    """Pixels of a PNG file without filters."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        parts[name] = body
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour) == (8, 2)
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_frames_are_where_they_were_at_the_time() -> None:
    known = frames.Frames(frames.fixed_joints(URDF))
    for message in (transform(11.0, 2.0, -3.0), transform(10.0, 1.0, 3.0)):
        known.hear(message)
    pose = known.pose("base_link", "odom", 10.5)
    # The shorter way from 3 to -3 rad is through pi.
    np.testing.assert_allclose(pose[:3, 3], [1.5, 0, 0])
    np.testing.assert_allclose(pose[:3, 0], [-1, 0, 0], atol=1e-12)
    assert known.newest("base_link") == 11.0
    assert known.pose("base_link", "odom", 11.2) is None
    np.testing.assert_allclose(known.pose("base_link", "odom", 11.2, 0.3)[:3, 3], [2, 0, 0])
    assert known.pose("base_link", "odom", 9.9) is None
    assert known.pose("odom", "base_link", 10.5) is None and known.pose("moon", "odom", 10.5) is None
    lidar = known.pose("utlidar_lidar", "odom", 10.5)
    np.testing.assert_allclose(lidar[:3, 3], [1.5 - MOUNT[0], 0, MOUNT[2]], atol=1e-12)
    # It hangs upside down; the robot looks back.
    assert lidar[2, 2] < -0.9 and lidar[0, 2] < 0


def test_points_and_beams_are_read() -> None:
    points = [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]
    np.testing.assert_array_equal(arrays.cloud(cloud(points, "odom", 0.0)), points)
    scan = LaserScan(angle_min=-np.pi / 2, angle_increment=np.pi / 2, range_min=0.3, range_max=3.0)
    scan.ranges = [1.0, float("inf"), 2.0, float("nan")]
    np.testing.assert_allclose(arrays.hits(scan), [[0, -1, 0], [0, 2, 0]], atol=1e-6)


@pytest.mark.parametrize(("encoding", "data"), [("rgb8", b"\1\2\3"), ("bgr8", b"\3\2\1"), ("mono8", b"\1\1\1")])
def test_pictures_are_read(encoding: str, data: bytes) -> None:
    # Rows may end in padding.
    image = Image(width=2, height=3, step=7, encoding=encoding, data=(2 * data + b"\0") * 3)
    pixels = arrays.picture(image)
    if encoding == "mono8":
        assert pixels is None
    else:
        assert pixels.shape == (3, 2, 3) and (pixels == [1, 2, 3]).all()


def test_nal_units_are_told_apart() -> None:
    stream = b"\0\0\0\1\x67a\0\0\1\x68b\0\0\0\1\x65\0\0\3c"
    assert arrays.nal_units(stream) == [b"\x67a", b"\x68b", b"\x65\0\0\3c"]
    assert arrays.is_key(stream) and not arrays.is_key(b"\0\0\0\1\x41a")
    assert arrays.nal_units(b"no start code") == []


def test_png_is_what_was_drawn(tmp_path: Path) -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    pictures.write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), pixels)


def test_the_drawing_shows_walls_robot_and_beams_where_they_are() -> None:
    wall = np.array([[2.0, y, 1.4] for y in np.arange(-1, 1, 0.05)])
    floor = np.array([[x, 0.0, 0.0] for x in np.arange(-1, 1, 0.05)])
    body = frames.turned("z", np.pi / 2)
    beams = np.array([[2.0, 0.5, 0.0]])
    pixels = pictures.from_above(np.concatenate([wall, floor]), beams, np.zeros(3), body, np.zeros((0, 3)))
    drawing = pictures.FromAbove(np.array([-1.0, -1.0]), wall[-1, :2])
    assert drawing.pixels().shape == pixels.shape

    def colour(x: float, y: float) -> list[int]:
        row, column = drawing.at(np.array([[x, y]]))[0]
        return pixels[row, column].tolist()

    red, green, blue = colour(2.0, -0.5)
    assert red > 200 and green > 180 and blue < 100, "the top of a wall is yellow"
    assert colour(-0.5, 0.0) == list(pictures.GROUND)
    assert colour(2.0, 0.5) == list(pictures.BEAM)
    ray = colour(1.5, 0.375)
    assert ray[0] > ray[1] + 30
    # It looks along y: its head is up, its sides are left and right.
    assert colour(0.0, 0.5) == list(pictures.ROBOT) and colour(0.155, 0.2) == list(pictures.ROBOT)
    assert colour(0.5, 0.0) != list(pictures.ROBOT)


def test_both_pictures_are_written(tmp_path: Path) -> None:
    view = views.Views(tmp_path / "new" / "folder", URDF)
    for seconds in (10.0, 10.1):
        view.hear_tf(transform(seconds, 1.0, 0.0))
        view.hear_tf(transform(seconds, 0.0, 0.0, "base_footprint", "base_link"))
    odometry = Odometry(header=Header(frame_id="odom"), child_frame_id="base_link")
    view.hear_odometry(odometry)
    image = Image(width=2, height=1, step=6, encoding="rgb8", data=[1, 2, 3, 4, 5, 6])
    scan = LaserScan(header=Header(stamp=stamp(10.05), frame_id="base_footprint"), ranges=[1.0], range_max=3.0)
    assert not view.awaits_tf(odometry, cloud([], "utlidar_lidar", 10.1), scan)
    assert view.awaits_tf(odometry, cloud([], "utlidar_lidar", 10.11), scan)
    view.write(image, odometry, cloud([[0.0, 0.0, 1.0]], "utlidar_lidar", 10.05), scan)
    assert view.trouble is None
    assert [path.name for path in view.written] == ["camera.png", "cloud.png"]
    assert read_png(view.written[0]).tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert read_png(view.written[1]).shape[2] == 3
    view.write(image, odometry, cloud([[0.0, 0.0, 1.0]], "utlidar_lidar", 20.0), scan)
    assert "utlidar_lidar" in view.trouble and "odom" in view.trouble
    assert [path.name for path in view.written] == ["camera.png"]


def test_the_walk_keeps_clear_of_walls() -> None:
    radius = walk.FORWARD / walk.TURN
    # The farthest point of the body is a corner on the other side of the circle.
    assert np.hypot(2 * radius + pictures.BODY[1] / 2, pictures.BODY[0] / 2) < 0.85
    assert 2 * radius > walk.WALKED
