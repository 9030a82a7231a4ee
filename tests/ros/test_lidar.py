"""points and scan, against the map that the simulated robot is in."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import LaserScan, PointCloud2, PointField
from std_srvs.srv import SetBool

from dog import Heard, Ros, World
from go2_demo.arrays import Array, hits
from go2_demo.frames import moved
from sight import House, Watch, stamps, stand, turn

house = functools.cache(House)

TURN = 1.0  # rad/s
WALL = 0.15  # metres over the floor from which on there are walls only
NEAR = 0.10  # metres, two voxels
RANGE = 3.0
# Clouds that are looked at: it takes longer than they do to come.
ENOUGH = 15


def switch(ros: Ros, on: bool) -> Any:
    """Calls ~/lidar."""
    return ros.call(SetBool, "/go2_bridge/lidar", SetBool.Request(data=on))


def several(ros: Ros, watch: Watch, heard: Heard, count: int = ENOUGH) -> list[Any]:
    """New messages, as many as that, and the transforms that belong to them."""
    heard.clear()
    ros.until(f"{count} messages", lambda: len(heard.messages) >= count)
    messages = heard.messages[:count]
    watch.until_known(messages[-1])
    # What walls hide is seen from there; a cloud in odom needs no transforms itself.
    watch.until_known(messages[-1], "utlidar_lidar")
    return messages


def in_sight(watch: Watch, message: Any, points: Array) -> Array:
    """The points that no wall of the map hides from the LiDAR: behind walls robots fill what they never saw."""
    eye = watch.pose("utlidar_lidar", message)[:2, 3]
    directions = np.radians(np.arange(0, 360, 0.5))
    ends, _ = house().cast(eye, directions, 5.0)
    apart = points[:, :2] - eye
    nearest = np.round(np.degrees(np.arctan2(apart[:, 1], apart[:, 0])) * 2).astype(int) % len(ends)
    # Where a direction just misses a corner, the next one tells that there is a wall.
    near = np.minimum(np.minimum(ends, np.roll(ends, 1)), np.roll(ends, -1))
    return points[np.hypot(*apart.T) < near[nearest] + 0.1]


def on_walls(watch: Watch, clouds: list[Any]) -> list[float]:
    """For each cloud, how much of what it has in sight over the floor is where the map has walls."""
    shares = []
    for message in clouds:
        points = watch.points(message)
        walls = in_sight(watch, message, points[points[:, 2] > WALL])
        assert len(walls) > 500 and len(points) > 3000
        floor = points[points[:, 2] <= WALL]
        assert np.abs(floor[:, 2]).max() <= WALL and len(floor) > 500
        shares.append(house().near_wall(walls, NEAR).mean())
    return shares


def check_walls(watch: Watch, clouds: list[Any]) -> None:
    """Whether the points of each cloud are where the map has walls."""
    assert min(on_walls(watch, clouds)) >= 0.97


@pytest.mark.usefixtures("bridge")
def test_the_cloud_is_laid_out_as_documented(ros: Ros) -> None:
    message = ros.hear(PointCloud2, "points")
    assert message.header.frame_id == "utlidar_lidar"
    assert [(each.name, each.offset, each.datatype, each.count) for each in message.fields] == [
        ("x", 0, PointField.FLOAT32, 1),
        ("y", 4, PointField.FLOAT32, 1),
        ("z", 8, PointField.FLOAT32, 1),
    ]
    assert (message.point_step, message.height, message.is_bigendian, message.is_dense) == (12, 1, False, True)
    assert message.width > 1000
    assert message.row_step == len(message.data) == 12 * message.width
    assert np.isfinite(np.frombuffer(message.data, "<f4")).all()


@pytest.mark.usefixtures("sim")
@pytest.mark.parametrize(
    ("points_frame", "frame"), [("lidar", "utlidar_lidar"), ("base", "base_link"), ("odom", "odom")]
)
def test_walls_are_where_the_map_has_them(world: World, ros: Ros, points_frame: str, frame: str) -> None:
    world.bridge("-p", f"points_frame:={points_frame}")
    ros.live()
    watch, clouds = Watch(ros), ros.listen(PointCloud2, "points")
    stand(ros)
    still = several(ros, watch, clouds, 5)
    assert {message.header.frame_id for message in still} == {frame}
    check_walls(watch, still)
    turn(ros, TURN)
    check_walls(watch, several(ros, watch, clouds))


@pytest.mark.usefixtures("bridge")
def test_what_walls_hide_is_left_out_by_parameter_and_the_scan_is_the_same(ros: Ros) -> None:
    watch, clouds, scans = Watch(ros), ros.listen(PointCloud2, "points"), ros.listen(LaserScan, "scan")
    stand(ros)
    everything = several(ros, watch, clouds, 5)[-1]
    points = watch.points(everything)
    hidden = len(points) - len(in_sight(watch, everything, points))
    assert hidden > 10_000, "space that was never seen is filled"
    before = ranges_of(several(ros, watch, scans, 5))
    assert ros.set_parameter("points_seen_only", True).successful
    seen = several(ros, watch, clouds, 5)
    # Of the first ones some may have been under way.
    points = watch.points(seen[-1])
    assert 2000 < len(points) < len(watch.points(everything)) - hidden * 0.9
    # The rest are edges of what walls hide, which border on what is seen as well.
    assert house().near_wall(points[points[:, 2] > WALL], NEAR).mean() >= 0.85
    check_walls(watch, seen[2:])
    after = ranges_of(several(ros, watch, scans, 5))
    both = np.isfinite(before) & np.isfinite(after)
    assert both.sum() > 100 and np.isfinite(before).sum() == pytest.approx(np.isfinite(after).sum(), abs=8)
    assert np.abs(before[both] - after[both]).max() < 0.15


def ranges_of(scans: list[Any]) -> Array:
    """For each beam, the median of several scans."""
    return np.median([np.asarray(scan.ranges, dtype=np.float64) for scan in scans], axis=0)


@pytest.mark.usefixtures("bridge")
def test_walls_all_around_are_seen(ros: Ros) -> None:
    watch, clouds = Watch(ros), ros.listen(PointCloud2, "points")
    stand(ros)
    message = several(ros, watch, clouds)[-1]
    points = watch.points(message)
    low = points[(points[:, 2] > WALL) & (points[:, 2] < 0.6)]
    eye = watch.pose("utlidar_lidar", message)[:3, 3]
    angles = np.radians(np.arange(0, 360, 2.0))
    distances, _ = house().cast(eye, angles, 4.0)
    seen = np.isfinite(distances)
    ends = eye[:2] + distances[seen, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)[seen]
    # The map reaches 3.2 m to each side.
    ends = ends[(np.abs(ends - watch.pose("base_link", message)[:2, 3]) < 3.0).all(axis=1)]
    nearest = np.array([np.hypot(*(low[:, :2] - end).T).min() for end in ends])
    assert len(ends) > 90
    assert (nearest < 0.15).mean() > 0.95


def beams(message: Any) -> tuple[Array, Array]:
    """Angles and ranges of a scan."""
    ranges = np.asarray(message.ranges, dtype=np.float64)
    return message.angle_min + message.angle_increment * np.arange(len(ranges)), ranges


def expected(watch: Watch, message: Any, limit: float = 4.0) -> Array:
    """What the beams of a scan ought to measure, by the map."""
    footprint = watch.pose(message.header.frame_id, message)
    # Level, and on the floor (REP 120).
    np.testing.assert_allclose(footprint[2], [0, 0, 1, 0], atol=0.02)
    angles, _ = beams(message)
    heading = math.atan2(footprint[1, 0], footprint[0, 0])
    distances, _ = house().cast(footprint[:3, 3], heading + angles, limit)
    return distances


@pytest.mark.usefixtures("bridge")
def test_the_scan_is_laid_out_as_documented(ros: Ros) -> None:
    message = ros.hear(LaserScan, "scan")
    assert message.header.frame_id == "base_footprint"
    assert message.angle_min == pytest.approx(-math.pi) and message.angle_max <= math.pi + 1e-6
    assert message.angle_increment == pytest.approx(math.radians(1))
    assert (message.range_min, message.range_max) == (pytest.approx(0.3), pytest.approx(RANGE))
    # Consumers reckon the number of beams from the angles.
    assert len(message.ranges) == round((message.angle_max - message.angle_min) / message.angle_increment) + 1
    assert 359 <= len(message.ranges) <= 361
    assert message.time_increment == 0.0, "all beams are of one time"
    finite = [each for each in message.ranges if math.isfinite(each)]
    assert finite and all(message.range_min <= each <= message.range_max for each in finite)
    assert all(each > 0 for each in message.ranges if math.isinf(each))


@pytest.mark.parametrize("speed", [0.0, TURN])
@pytest.mark.usefixtures("bridge")
def test_ranges_are_those_of_the_map(ros: Ros, speed: float) -> None:
    watch, scans = Watch(ros), ros.listen(LaserScan, "scan")
    stand(ros)
    if speed:
        turn(ros, speed)
    for message in several(ros, watch, scans):
        distances = expected(watch, message)
        _, ranges = beams(message)
        hit = np.isfinite(ranges) & (distances < RANGE)
        assert hit.sum() > 100
        assert np.median(np.abs(ranges[hit] - distances[hit])) <= 0.05
        # Of the walls within reach most are seen, and nothing that is not there.
        within = (distances > 0.5) & (distances < RANGE - 0.2)
        assert np.isfinite(ranges[within]).mean() > 0.8
        # A voxel at the edge of a doorway takes up two or three beams.
        assert (np.isfinite(ranges) & (distances > RANGE + 0.3)).mean() < 0.05
        # +Inf promises that the way is free.
        assert (np.isposinf(ranges) & (distances < RANGE - 0.2)).mean() < 0.02


@pytest.mark.usefixtures("sim")
def test_the_scan_can_be_cut_otherwise(world: World, ros: Ros) -> None:
    # Where the sofa is, to the right and behind.
    world.bridge(
        *("-p", "scan_angle_min:=-2.2", "-p", "scan_angle_max:=-1.0", "-p", "scan_angle_increment:=0.02"),
        *("-p", "scan_range_min:=0.5", "-p", "scan_range_max:=2.0", "-p", "footprint_frame:=floor"),
    )
    ros.live()
    watch, scans = Watch(ros), ros.listen(LaserScan, "scan")
    stand(ros)
    message = several(ros, watch, scans)[-1]
    assert message.header.frame_id == "floor"
    assert (message.range_min, message.range_max) == (0.5, 2.0)
    angles, ranges = beams(message)
    assert len(ranges) == 61 and angles[-1] == pytest.approx(-1.0, abs=1e-4)
    distances, hit = expected(watch, message), np.isfinite(ranges)
    assert hit.sum() > 20 and ranges[hit].max() <= 2.0
    assert np.median(np.abs(ranges[hit] - distances[hit])) <= 0.05


@pytest.mark.usefixtures("bridge")
def test_nothing_in_between_the_heights_is_nothing(ros: Ros) -> None:
    scans = ros.listen(LaserScan, "scan")
    stand(ros)
    # Over every wall.
    assert ros.set_parameter("scan_max_height", 2.0).successful
    assert ros.set_parameter("scan_min_height", 1.99).successful
    ros.until("a scan without a wall", lambda: scans.messages and not len(hits(scans.last)))


# --- The robot itself -----------------------------------------------------------------------------------------------


def inside(points: Array, box: list[float]) -> Array:
    """The points in a box."""
    least, most = np.array(box[0::2]), np.array(box[1::2])
    return points[((points >= least) & (points <= most)).all(axis=1)]


@pytest.mark.usefixtures("bridge")
def test_the_robot_does_not_see_itself(ros: Ros) -> None:
    box = ros.get_parameters(["body_box"])["body_box"]
    # A float32 on the edge may round to either side.
    shrunk = [edge + (1e-3 if i % 2 == 0 else -1e-3) for i, edge in enumerate(box)]
    watch, clouds, scans = Watch(ros), ros.listen(PointCloud2, "points"), ros.listen(LaserScan, "scan")
    turn(ros, TURN)
    for message in several(ros, watch, clouds):
        assert len(inside(watch.points(message, "base_link"), shrunk)) == 0
    for message in several(ros, watch, scans):
        footprint = watch.pose("base_footprint", message, "odom")
        base = np.linalg.inv(watch.pose("base_link", message)) @ footprint
        places = moved(hits(message), base)
        assert len(inside(places[:, :2], shrunk[:4])) == 0


@pytest.mark.usefixtures("bridge")
def test_it_would_see_itself_without_the_box(ros: Ros) -> None:
    box = ros.get_parameters(["body_box"])["body_box"]
    watch, clouds = Watch(ros), ros.listen(PointCloud2, "points")
    stand(ros)
    assert ros.set_parameter("body_box", [-0.001, 0.001] * 3).successful
    own = []
    for message in several(ros, watch, clouds):
        points = watch.points(message)
        # The floor is in the box, too.
        above = np.linalg.inv(watch.pose("base_link", message))
        own.append(len(inside(moved(points[points[:, 2] > 0.1], above), box)))
    assert max(own) > 3


# --- Time -----------------------------------------------------------------------------------------------------------

DISORDERS = [
    (),
    ("--lidar-stamp", "frozen"),
    ("--lidar-stamp", "repeated"),
    ("--lidar-stamp", "jumping"),
    ("--pose-burst", "4"),
    ("--lidar-stamp", "frozen", "--pose-burst", "4"),
]


@pytest.mark.parametrize("options", DISORDERS, ids=" ".join)
def test_stamps_are_of_now_and_increase(world: World, ros: Ros, options: tuple[str, ...]) -> None:
    world.sim(*options)
    world.bridge()
    ros.live()
    watch, clouds, scans = Watch(ros), ros.listen(PointCloud2, "points"), ros.listen(LaserScan, "scan")
    turn(ros, TURN)
    # Two jumps there and back.
    messages = several(ros, watch, clouds, 25)
    for heard in (clouds, scans):
        told = stamps(heard)
        assert len(told) >= 20 and (np.diff(told) > 0).all()
        came = np.array(heard.times) + time.time() - time.monotonic()
        assert np.abs(came - told).max() < 0.5
    check_walls(watch, messages[-ENOUGH:])


@pytest.mark.usefixtures("sim")
def test_stamps_of_the_robot_fit_the_transforms(world: World, ros: Ros) -> None:
    world.bridge("-p", "stamp_source:=robot")
    ros.live()
    watch, clouds = Watch(ros), ros.listen(PointCloud2, "points")
    turn(ros, TURN)
    check_walls(watch, several(ros, watch, clouds))


@pytest.mark.usefixtures("sim")
def test_stamps_of_receipt_fit_the_transforms(world: World, ros: Ros) -> None:
    world.bridge("-p", "stamp_source:=receive")
    ros.live()
    watch, clouds = Watch(ros), ros.listen(PointCloud2, "points")
    # A cloud that a busy machine receives late is where the robot looked before. Most are not, and it turns slowly.
    turn(ros, 0.3)
    assert np.median(on_walls(watch, several(ros, watch, clouds))) >= 0.97


# --- On and off -----------------------------------------------------------------------------------------------------


def is_silent(ros: Ros, heard: Heard, seconds: float = 1.5) -> bool:
    """Whether nothing comes for a while."""
    heard.clear()
    ros.spin_for(seconds)
    return not heard.messages


def comes(ros: Ros, heard: Heard) -> None:
    """Waits for something new."""
    heard.clear()
    ros.until("a cloud", lambda: heard.messages)


@pytest.mark.usefixtures("bridge")
def test_the_service_switches_the_lidar(ros: Ros) -> None:
    clouds, scans = ros.listen(PointCloud2, "points"), ros.listen(LaserScan, "scan")
    comes(ros, clouds)
    answer = switch(ros, False)
    assert answer.success, answer.message
    scans.clear()
    assert is_silent(ros, clouds) and not scans.messages
    assert ros.get_parameters(["lidar"]) == {"lidar": False}
    answer = switch(ros, True)
    assert answer.success, answer.message
    comes(ros, clouds)
    assert ros.get_parameters(["lidar"]) == {"lidar": True}


@pytest.mark.usefixtures("bridge")
def test_the_parameter_switches_the_lidar(ros: Ros) -> None:
    clouds = ros.listen(PointCloud2, "points")
    comes(ros, clouds)
    assert ros.set_parameter("lidar", False).successful
    ros.until("silence", lambda: is_silent(ros, clouds, 1.0))
    assert ros.set_parameter("lidar", True).successful
    comes(ros, clouds)


@pytest.mark.usefixtures("sim")
def test_the_lidar_can_be_off_from_the_start(world: World, ros: Ros) -> None:
    world.bridge("-p", "lidar:=false")
    ros.live()
    clouds = ros.listen(PointCloud2, "points")
    assert is_silent(ros, clouds, 2.0)
    assert switch(ros, True).success
    comes(ros, clouds)


def test_a_lidar_that_stops_comes_back(world: World, ros: Ros) -> None:
    sim = world.sim("--lidar-stops-after", "2", "--log-sent")
    world.bridge()
    ros.live()
    clouds = ros.listen(PointCloud2, "points")
    comes(ros, clouds)

    def gap() -> float:
        times = [entry["t"] for entry in sim.entries("sent") if "voxel" in entry["topic"]]
        return max(np.diff(times), default=0.0)

    ros.until("a pause of the robot's, and an end of it", lambda: gap() > 0.5)
    comes(ros, clouds)


def test_services_without_a_robot_say_so(world: World, ros: Ros) -> None:
    world.bridge("-p", "request_timeout:=1.0")
    assert not switch(ros, True).success
    success, message = ros.trigger("snapshot")
    assert not success and "not connected" in message
