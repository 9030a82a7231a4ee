"""Messages of exactly the form in which real robots send them, played through the node."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from nav_msgs.msg import Odometry
from sensor_msgs.msg import BatteryState, Imu, JointState
from tf2_msgs.msg import TFMessage

from dog import ROOT, Ros, World

MESSAGES = ROOT / "crates" / "go2_proto" / "testdata" / "real_robot.jsonl"
# As the robot orders its motors; joint_states goes by name.
MOTORS = [f"{leg}_{part}_joint" for leg in ("FR", "FL", "RR", "RL") for part in ("hip", "thigh", "calf")]


def text(value: str) -> bytes:
    """A string as MCAP has it."""
    return struct.pack("<I", len(value)) + value.encode()


def record(opcode: int, body: bytes) -> bytes:
    """A record as MCAP has it."""
    return struct.pack("<BQ", opcode, len(body)) + body


def recording(lines: list[str], every: float) -> bytes:
    """An MCAP file of the node's own form with these messages."""
    magic = b"\x89MCAP0\r\n"
    records = [record(0x01, text("") + text("test"))]
    metadata = text("go2.form") + text("message")
    for number, line in enumerate(lines):
        topic = json.loads(line).get("topic", f"from_robot/{json.loads(line)['type']}")
        fields = struct.pack("<I", len(metadata)) + metadata
        records.append(record(0x04, struct.pack("<HH", number + 1, 0) + text(topic) + text("json") + fields))
    for number, line in enumerate(lines):
        at = int((1_790_000_000 + number * every) * 1e9)
        records.append(record(0x05, struct.pack("<HIQQ", number + 1, number, at, at) + line.encode()))
    return magic + b"".join(records) + record(0x0F, struct.pack("<I", 0)) + record(0x02, bytes(20)) + magic


@pytest.fixture
def lines() -> list[str]:
    """The messages, one a line; a heartbeat is of the session, which a recording has none of."""
    lines = MESSAGES.read_text().splitlines()
    return [line for line in lines if json.loads(line)["type"] != "heartbeat"]


def of(lines: list[str], topic: str) -> dict[str, Any]:
    """The first message of a topic."""
    messages = [json.loads(line) for line in lines]
    data: dict[str, Any] = next(message["data"] for message in messages if message.get("topic") == topic)
    return data


def test_each_message_is_published(world: World, ros: Ros, lines: list[str], tmp_path: Path) -> None:
    file = tmp_path / "real_robot.mcap"
    file.write_bytes(recording(lines, 0.05))
    kinds = {"joint_states": JointState, "battery_state": BatteryState, "imu/data": Imu, "odom": Odometry}
    heard = {topic: ros.listen(kind, topic) for topic, kind in {**kinds, "/tf": TFMessage}.items()}
    world.bridge("-p", f"replay:={file}", "-p", "replay_rate:=0.0", robot=False)
    ros.live()
    ros.until("the node to know its listeners", lambda: all(known(ros, topic) for topic in heard))
    steps = []
    while (step := ros.trigger("replay_step"))[0]:
        steps.append(step[1])
    assert len(steps) == len(lines), steps
    ros.until("every topic", lambda: all(each.messages for each in heard.values()))

    low, sport = of(lines, "rt/lf/lowstate"), of(lines, "rt/lf/sportmodestate")
    pose = of(lines, "rt/utlidar/robot_pose")["pose"]
    joints = heard["joint_states"].messages[0]
    told = dict(zip(joints.name, joints.position, strict=True))
    # The calves are beyond the limits of the model, and are passed on as they are.
    assert told == {name: motor["q"] for name, motor in zip(MOTORS, low["motor_state"], strict=False)}
    battery = heard["battery_state"].messages[0]
    assert battery.percentage == pytest.approx(0.71) and battery.voltage == pytest.approx(28.912001)
    assert battery.current == pytest.approx(-1.062)

    imu = heard["imu/data"].messages[0]
    turning, force = imu.angular_velocity, imu.linear_acceleration
    assert [turning.x, turning.y, turning.z] == sport["imu_state"]["gyroscope"]
    assert [force.x, force.y, force.z] == sport["imu_state"]["accelerometer"]
    assert math.hypot(force.x, force.y, force.z) == pytest.approx(9.52, abs=0.01), "as it came"
    assert imu.orientation.w < 0

    odometry = heard["odom"].messages[0]
    at = odometry.pose.pose.position
    assert {"x": at.x, "y": at.y, "z": at.z} == pose["position"]
    speed = heard["odom"].last.twist.twist.linear
    assert (speed.x, speed.y, speed.z) == (0, 0, 0), "what is left of the last step is rest"
    up, down = heard["/tf"].messages[0].transforms
    assert (up.child_frame_id, down.child_frame_id) == ("base_link", "base_footprint")
    assert up.transform.translation.z == at.z
    assert down.transform.translation.z == pytest.approx(-at.z, abs=1e-3), "on the floor"


def known(ros: Ros, topic: str) -> bool:
    """Whether publisher and listener know of each other, as far as can be seen from here."""
    return ros.node.count_publishers(topic) > 0 and ros.node.count_subscribers(topic) > 0
