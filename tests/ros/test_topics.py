"""What the node publishes."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
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

from dog import LATCHED, Driver, Ros, World, twist

JOINTS = [f"{leg}_{part}_joint" for leg in ("FL", "FR", "RL", "RR") for part in ("hip", "thigh", "calf")]
TOPICS = {
    "/joint_states": JointState,
    "/imu/data": Imu,
    "/odom": Odometry,
    "/tf": TFMessage,
    "/points": PointCloud2,
    "/scan": LaserScan,
    "/camera/image_raw": Image,
    "/camera/camera_info": CameraInfo,
    "/camera/image_raw/compressed": CompressedImage,
    "/camera/video": CompressedVideo,
    "/battery_state": BatteryState,
    "/diagnostics": DiagnosticArray,
    "/go2_bridge/link_state": String,
}
NOW = 5.0  # seconds that a stamp may be old


def is_now(stamp: Any) -> bool:
    """Whether a stamp is from this computer's clock."""
    return abs(stamp.sec + stamp.nanosec / 1e9 - time.time()) < NOW


def diagonal(covariance: Any) -> list[float]:
    """Of a square matrix of which nothing else is set."""
    size = math.isqrt(len(covariance))
    assert [value for i, value in enumerate(covariance) if i % (size + 1)] == [0.0] * (size * (size - 1))
    return list(covariance[:: size + 1])


def yaw(q: Any) -> float:
    """Heading of a robot that stands upright, from minus to plus half a turn: real robots give w negative."""
    return math.remainder(2 * math.atan2(q.z, q.w), math.tau)


def seconds_of(stamp: Any) -> float:
    """A stamp as seconds."""
    return float(stamp.sec + stamp.nanosec / 1e9)


def rotated(q: Any, v: Any) -> tuple[float, float, float]:
    """A vector turned by a quaternion."""
    ax, ay, az = (2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x))
    return (
        v.x + q.w * ax + q.y * az - q.z * ay,
        v.y + q.w * ay + q.z * ax - q.x * az,
        v.z + q.w * az + q.x * ay - q.y * ax,
    )


def walk(ros: Ros, command: Any) -> Driver:
    """Has the robot balance and walk."""
    assert ros.trigger("balance_stand") == (True, "")
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.3)
    return Driver(ros, command)


@pytest.mark.usefixtures("bridge")
def test_every_topic_is_there_with_its_type(ros: Ros) -> None:
    heard = {name: ros.listen(kind, name, LATCHED if "link_state" in name else 10) for name, kind in TOPICS.items()}
    ros.until("a message on every topic", lambda: all(each.messages for each in heard.values()))
    published = dict(ros.node.get_publisher_names_and_types_by_node("go2_bridge", "/"))
    for name, kind in TOPICS.items():
        package = kind.__module__.partition(".")[0]
        assert published[name] == [f"{package}/msg/{kind.__name__}"]


@pytest.mark.usefixtures("bridge")
def test_both_kinds_of_subscriber_receive(ros: Ros) -> None:
    sensors = [name for name in TOPICS if name not in ("/tf", "/diagnostics", "/go2_bridge/link_state")]
    for reliability in (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE):
        qos = QoSProfile(depth=5, reliability=reliability)
        heard = [ros.listen(TOPICS[name], name, qos) for name in sensors]
        ros.until(f"messages for {reliability.name}", lambda heard=heard: all(each.messages for each in heard))
    for name in sensors:
        (publisher,) = ros.node.get_publishers_info_by_topic(name)
        assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        assert publisher.qos_profile.durability == DurabilityPolicy.VOLATILE


@pytest.mark.usefixtures("bridge")
def test_link_state_is_latched_for_who_comes_late(ros: Ros) -> None:
    ros.spin_for(0.5)
    late = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the state to come late", lambda: late.messages)
    assert [message.data for message in late.messages] == ["live"]


@pytest.mark.usefixtures("bridge")
def test_joint_states(ros: Ros) -> None:
    message = ros.hear(JointState, "joint_states")
    assert message.name == JOINTS
    assert is_now(message.header.stamp)
    assert len(message.velocity) == len(message.effort) == 0
    for leg in range(4):
        hip, thigh, calf = message.position[3 * leg : 3 * leg + 3]
        # The robot lies; radians. Rear hips are spread, and knees bend backwards, farther than the model's -2.7227.
        assert abs(hip) < 0.4 and 0.8 < thigh < 1.6 and -2.85 < calf < -2.4


@pytest.mark.usefixtures("bridge")
def test_each_leg_has_its_own_angles(ros: Ros) -> None:
    joints = ros.listen(JointState, "joint_states")
    walk(ros, twist(x=0.8))

    def trots() -> bool:
        if not joints.messages:
            return False
        fl, fr, rl, rr = (joints.last.position[leg * 3 : leg * 3 + 3] for leg in range(4))

        def same(one: Sequence[float], other: Sequence[float]) -> bool:
            return all(abs(a - b) < 1e-6 for a, b in zip(one, other, strict=True))

        return same(fl, rr) and same(fr, rl) and not same(fl, fr)

    ros.until("diagonal legs to move together and the others not", trots)


@pytest.mark.usefixtures("bridge")
def test_imu(ros: Ros) -> None:
    message = ros.hear(Imu, "imu/data")
    assert message.header.frame_id == "imu_link" and is_now(message.header.stamp)
    q, force, turning = message.orientation, message.linear_acceleration, message.angular_velocity
    # The robot gives w negative: the same attitude. It lies level, and measures with bias and noise.
    assert (abs(q.x), abs(q.y), abs(q.z), abs(q.w)) == (0, 0, 0, 1)
    assert max(map(abs, (force.x, force.y))) < 0.3 and force.z == pytest.approx(9.52, abs=0.3)
    assert max(map(abs, (turning.x, turning.y, turning.z))) < 0.08
    assert diagonal(message.orientation_covariance) == [0.001, 0.001, 0.01]
    assert diagonal(message.angular_velocity_covariance) == [0.0001] * 3
    assert diagonal(message.linear_acceleration_covariance) == [0.01] * 3


@pytest.mark.usefixtures("bridge")
def test_odom(ros: Ros) -> None:
    message = ros.hear(Odometry, "odom")
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    assert is_now(message.header.stamp)
    at = message.pose.pose.position
    assert (at.x, at.y) == (0, 0) and at.z == pytest.approx(0.054)
    assert diagonal(message.pose.covariance) == [0.01, 0.01, 0.01, 0.001, 0.001, 0.01]
    assert diagonal(message.twist.covariance) == [0.01, 0.01, 0.01, 0.001, 0.001, 0.001]


@pytest.mark.usefixtures("sim")
def test_the_twist_is_in_base_link_all_around_a_circle(world: World, ros: Ros) -> None:
    # It would keep off the walls otherwise, which is not what is tested.
    world.bridge("-p", "obstacle_avoidance:=false")
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    walk(ros, twist(x=0.6, yaw=1.2))
    ros.until("half a circle", lambda: odometry.messages and abs(yaw(odometry.last.pose.pose.orientation)) > 2.5)
    # By now it has its speed. More than another half, with whole periods of the ripple in its steps.
    odometry.clear()
    ros.spin_for(3.0)
    speeds = [message.twist.twist.linear for message in odometry.messages]
    turns = [message.twist.twist.angular.z for message in odometry.messages]
    # A walking robot's speed has a ripple of up to 0.1 m/s, and its gyroscope noise.
    assert len(speeds) > 30
    assert all(speed.x == pytest.approx(0.6, abs=0.12) and abs(speed.y) < 0.12 for speed in speeds), speeds
    assert sum(speed.x for speed in speeds) / len(speeds) == pytest.approx(0.6, abs=0.05)
    assert sum(turns) / len(turns) == pytest.approx(1.2, abs=0.05)
    # It walked as fast as it says, about a circle of 0.5 m.
    first, last = odometry.messages[0], odometry.messages[-1]
    places = [message.pose.pose.position for message in odometry.messages]
    way = sum(math.hypot(b.x - a.x, b.y - a.y) for a, b in itertools.pairwise(places))
    assert way / (seconds_of(last.header.stamp) - seconds_of(first.header.stamp)) == pytest.approx(0.6, abs=0.06)


@pytest.mark.usefixtures("sim")
def test_the_twist_is_in_base_link_at_eight_headings(world: World, ros: Ros) -> None:
    world.bridge("-p", "obstacle_avoidance:=false")
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    driver = walk(ros, twist(yaw=1.0))

    def heading() -> float:
        return yaw(odometry.last.pose.pose.orientation)

    for eighth in range(8):
        wanted = math.remainder(math.tau * eighth / 8, math.tau)
        driver.command = twist(yaw=1.0)
        ros.until(f"heading {wanted:.2f}", lambda wanted=wanted: abs(math.remainder(heading() - wanted, math.tau)) < 0.15)
        # Forward and backward in turn, which keeps it off the walls.
        way = -1 if eighth % 2 else 1
        driver.command = twist(x=0.3 * way, y=-0.1 * way)
        ros.spin_for(1.0)
        odometry.clear()
        # Long enough for the ripple of its steps to even out.
        ros.spin_for(2.0)
        first, last = odometry.messages[0], odometry.messages[-1]
        seconds = seconds_of(last.header.stamp) - seconds_of(first.header.stamp)
        start, end = first.pose.pose.position, last.pose.pose.position
        east, north = (end.x - start.x) / seconds, (end.y - start.y) / seconds
        sin, cos = math.sin(heading()), math.cos(heading())
        truth = (east * cos + north * sin, north * cos - east * sin)
        assert math.hypot(*truth) > 0.2, "it walks"
        told = [each.twist.twist.linear for each in odometry.messages]
        mean = (sum(each.x for each in told) / len(told), sum(each.y for each in told) / len(told))
        assert mean == pytest.approx(truth, abs=0.03), f"heading {heading():.2f}"


@pytest.mark.usefixtures("bridge")
def test_base_footprint_lies_on_the_floor_in_every_posture(ros: Ros) -> None:
    tf, odometry = ros.listen(TFMessage, "/tf"), ros.listen(Odometry, "odom")

    def height() -> float:
        return float(odometry.last.pose.pose.position.z)

    def under() -> list[float]:
        """Heights of the footprint over the floor, in the frame odom, while it was so."""
        heights = []
        for message in tf.messages:
            up, down = message.transforms
            at = rotated(up.transform.rotation, down.transform.translation)
            heights.append(up.transform.translation.z + at[2])
        return heights

    for service, there in (
        (None, lambda: height() < 0.1),
        ("balance_stand", lambda: height() > 0.3),
        ("sit", lambda: height() < 0.24),
        ("rise_sit", lambda: height() > 0.3),
        ("stand_down", lambda: height() < 0.1),
    ):
        if service is not None:
            # It is refused until the posture before is taken.
            ros.until(f"the robot to take {service}", lambda service=service: ros.trigger(service)[0])
        ros.until(f"the height after {service}", lambda there=there: odometry.messages and there())
    assert len(tf.messages) > 30
    assert max(map(abs, under())) < 1e-6


@pytest.mark.usefixtures("bridge")
def test_tf_is_the_pose_of_odom(ros: Ros) -> None:
    odometry, tf = ros.listen(Odometry, "odom"), ros.listen(TFMessage, "/tf")
    walk(ros, twist(x=0.5, yaw=0.5))
    ros.until("a way walked", lambda: odometry.messages and odometry.last.pose.pose.position.x > 0.2)
    transforms = {
        (each.header.stamp.sec, each.header.stamp.nanosec): each
        for message in tf.messages
        for each in message.transforms
        if each.child_frame_id == "base_link"
    }
    pairs = 0
    for message in odometry.messages:
        stamp = message.header.stamp
        if (transform := transforms.get((stamp.sec, stamp.nanosec))) is None:
            continue
        pairs += 1
        at, to = message.pose.pose.position, transform.transform.translation
        assert (to.x, to.y, to.z) == (at.x, at.y, at.z)
        assert transform.transform.rotation == message.pose.pose.orientation
        assert (transform.header.frame_id, transform.child_frame_id) == ("odom", "base_link")
    assert pairs > 10


@pytest.mark.usefixtures("bridge")
def test_battery_state(ros: Ros) -> None:
    message = ros.hear(BatteryState, "battery_state")
    assert message.percentage == pytest.approx(0.55)
    assert message.voltage == pytest.approx(28.33)
    assert message.current == pytest.approx(-1.05, abs=0.05)
    assert message.temperature == pytest.approx(33)
    assert message.power_supply_status == BatteryState.POWER_SUPPLY_STATUS_DISCHARGING
    assert message.power_supply_technology == BatteryState.POWER_SUPPLY_TECHNOLOGY_LION
    assert message.present and is_now(message.header.stamp)
    assert all(math.isnan(value) for value in (message.charge, message.capacity, message.design_capacity))


@pytest.mark.usefixtures("bridge")
def test_diagnostics_of_a_robot_that_is_well(ros: Ros) -> None:
    heard = ros.listen(DiagnosticArray, "/diagnostics")

    def well() -> bool:
        return bool(heard.messages) and all(each.level == DiagnosticStatus.OK for each in heard.last.status)

    ros.until("all to be well", well)
    parts = {each.name: each for each in heard.last.status}
    told = ("link", "battery", "motors", "faults", "lidar", "camera", "robot", "services", "signaling", "hold", "publishing")
    streams = ("audiohub/player/state", "lf/lowstate", "lf/sportmodestate", "multiplestate", "utlidar/lidar_state")
    streams = tuple(f"stream rt/{stream}" for stream in (*streams, "utlidar/robot_pose", "wirelesscontroller"))
    assert list(parts) == [f"/go2_bridge: {part}" for part in told + streams]
    assert parts["/go2_bridge: link"].message == "live"
    assert parts["/go2_bridge: battery"].message == "55 %"
    assert parts["/go2_bridge: motors"].message == "hottest 58 C"
    assert parts["/go2_bridge: faults"].message == "none"
    assert parts["/go2_bridge: lidar"].message == "it comes"
    assert parts["/go2_bridge: camera"].message == "off: nobody listens"
    ros.until("the serial number", lambda: {each.hardware_id for each in heard.last.status} == {"GO2 B42D0000SIM00001"})
    values = {each.key: each.value for each in parts["/go2_bridge: link"].values}
    assert int(values["messages received"]) > 0 and values["malformed messages"] == "0"
    values = {each.key: each.value for each in parts["/go2_bridge: signaling"].values}
    assert (values["port"], values["encrypted"], values["data2"]) == ("9991", "true", "2")

    def figures() -> dict[str, str]:
        return {each.key: each.value for each in heard.last.status[13].values}

    ros.until("the rate of sportmodestate", lambda: 15 < float(figures().get("rate (Hz)", "0")) < 25)
    assert figures()["dropped"] == "0" and float(figures()["age (s)"]) < 2
    # The robot's clock is 0.6 s behind.
    assert float(figures()["clock offset (s)"]) == pytest.approx(0.6, abs=0.2)
    values = {each.key: each.value for each in parts["/go2_bridge: battery"].values}
    assert values["voltage (V)"] == "28.33" and float(values["current (A)"]) == pytest.approx(-1.05, abs=0.05)


def test_diagnostics_tell_the_faults_of_the_robot(world: World, ros: Ros) -> None:
    world.sim("--fault", "303:20", "--fault", "400:10")
    world.bridge()
    heard = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("the faults", lambda: heard.messages and heard.last.status[3].level == DiagnosticStatus.ERROR)
    faults = heard.last.status[3]
    assert faults.message == "motor 3: encoder abnormal, and 1 more"
    assert [value.value for value in faults.values] == ["motor 3: encoder abnormal", "LiDAR: dirt on the window"]
    motors = heard.last.status[2]
    assert (motors.level, motors.message) == (DiagnosticStatus.ERROR, "motor 3: encoder abnormal")
    assert ("motor 3 fault 0x20", motors.message) in [(each.key, each.value) for each in motors.values]


def test_a_fault_of_heat_is_checked_against_the_temperatures(world: World, ros: Ros) -> None:
    world.sim("--fault", "309:4")
    world.bridge()
    heard = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("the fault", lambda: heard.messages and heard.last.status[3].message.startswith("motor 9 reports"))
    for entry in heard.last.status[2:4]:
        assert entry.level == DiagnosticStatus.WARN
        assert "reports heat (source 309 code 0x4), but the hottest motor has" in entry.message
        assert "overheating" not in entry.message


@pytest.mark.usefixtures("sim")
def test_diagnostics_warn(world: World, ros: Ros) -> None:
    world.bridge("-p", "battery_warn:=0.6", "-p", "motor_temperature_warn:=40.0")
    heard = ros.listen(DiagnosticArray, "/diagnostics")

    def levels() -> list[bytes]:
        return [each.level for each in heard.last.status] if heard.messages else []

    ok, warn = DiagnosticStatus.OK, DiagnosticStatus.WARN
    ros.until("battery and motors to warn", lambda: levels() == [ok, warn, warn, *[ok] * 15])
    assert heard.last.status[2].message == "FR_calf is hot: 58 C"


def test_without_a_robot_nothing_is_said_about_it(world: World, ros: Ros) -> None:
    world.bridge()
    of_robot = [name for name in TOPICS if name not in ("/diagnostics", "/go2_bridge/link_state")]
    sensors = [ros.listen(TOPICS[name], name) for name in of_robot]
    heard = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("two reports", lambda: len(heard.messages) >= 2)
    known = [each for each in heard.last.status if each.level != DiagnosticStatus.STALE]
    # The last two are the node's own.
    told = ("link", "signaling", "hold", "publishing")
    assert [each.name for each in known] == [f"/go2_bridge: {part}" for part in told]
    assert all(each.level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR) for each in known[:2])
    state = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the reason", lambda: state.messages and "no robot at" in state.last.data)
    assert world.address in state.last.data and "robot is on" in state.last.data
    assert not any(each.messages for each in sensors)


@pytest.mark.parametrize(("firmware", "rate"), [("old", 20.0), ("new", 1.0)])
def test_rates_of_old_and_new_firmware(world: World, ros: Ros, firmware: str, rate: float) -> None:
    world.sim("--firmware", firmware)
    world.bridge()
    joints, imu = ros.listen(JointState, "joint_states"), ros.listen(Imu, "imu/data")
    odometry = ros.listen(Odometry, "odom")
    ros.until("five joint states", lambda: len(joints.messages) >= max(5, rate))
    ros.spin_for(0.5)
    for heard, expected in ((joints, rate), (imu, 20.0), (odometry, 18.7)):
        seconds = heard.times[-1] - heard.times[0]
        assert (len(heard.times) - 1) / seconds == pytest.approx(expected, rel=0.25)


@pytest.mark.usefixtures("sim")
def test_a_namespace_and_a_frame_prefix_keep_robots_apart(world: World, ros: Ros) -> None:
    world.bridge("-r", "__ns:=/dog1", "-p", "frame_prefix:=dog1/")
    ros.live("/dog1/go2_bridge")
    odometry, imu = ros.listen(Odometry, "/dog1/odom"), ros.listen(Imu, "/dog1/imu/data")
    tf, diagnostics = ros.listen(TFMessage, "/tf"), ros.listen(DiagnosticArray, "/diagnostics")
    points, scan = ros.listen(PointCloud2, "/dog1/points"), ros.listen(LaserScan, "/dog1/scan")
    image, video = ros.listen(Image, "/dog1/camera/image_raw"), ros.listen(CompressedVideo, "/dog1/camera/video")
    others = [ros.listen(JointState, "/dog1/joint_states"), ros.listen(BatteryState, "/dog1/battery_state")]
    everything = [odometry, imu, tf, diagnostics, points, scan, image, video, *others]
    ros.until("every topic in the namespace", lambda: all(each.messages for each in everything))
    assert (odometry.last.header.frame_id, odometry.last.child_frame_id) == ("dog1/odom", "dog1/base_link")
    assert imu.last.header.frame_id == "dog1/imu_link"
    pairs = {(each.header.frame_id, each.child_frame_id) for message in tf.messages for each in message.transforms}
    assert pairs == {("dog1/odom", "dog1/base_link"), ("dog1/base_link", "dog1/base_footprint")}
    assert points.last.header.frame_id == "dog1/utlidar_lidar"
    assert scan.last.header.frame_id == "dog1/base_footprint"
    assert image.last.header.frame_id == video.last.frame_id == "dog1/front_camera_optical_frame"
    assert diagnostics.last.status[0].name == "/dog1/go2_bridge: link"
    assert ros.trigger("stand_up", "/dog1/go2_bridge")[0]
