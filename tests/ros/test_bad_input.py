"""A robot that sends malformed messages of every kind beside the proper ones."""

from __future__ import annotations

import math
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import BatteryState, Imu, JointState
from tf2_msgs.msg import TFMessage

from dog import Heard, Ros, World

ENOUGH = 200


def numbers(value: Any) -> list[float]:
    """All numbers in a message."""
    if isinstance(value, (int, float)):
        return [float(value)]
    if hasattr(value, "get_fields_and_field_types"):
        return [n for field in value.get_fields_and_field_types() for n in numbers(getattr(value, field))]
    if isinstance(value, str):
        return []
    try:
        return [n for item in value for n in numbers(item)]
    except TypeError:
        return []


def test_nothing_that_is_no_number_reaches_a_topic(world: World, ros: Ros) -> None:
    world.sim("--garble")
    bridge = world.bridge()
    heard = {
        topic: ros.listen(kind, topic)
        for topic, kind in {"joint_states": JointState, "imu/data": Imu, "odom": Odometry, "/tf": TFMessage}.items()
    }
    battery = ros.listen(BatteryState, "battery_state")
    diagnostics = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("state beside the garbage", lambda: len(heard["imu/data"].messages) > ENOUGH)
    assert all(each.messages for each in heard.values()) and battery.messages
    for topic, messages in heard.items():
        assert all(math.isfinite(n) for message in messages.messages for n in numbers(message)), topic
    assert all(len(message.position) == 12 for message in heard["joint_states"].messages)
    # NaN is how a BatteryState says "not measured"; what the robot measures must be a number.
    measured = [(m.voltage, m.current, m.percentage, m.temperature) for m in battery.messages]
    assert all(math.isfinite(n) for values in measured for n in values)

    ros.until("the garbage counted", lambda: counted(diagnostics, "dropped messages") > 10)
    ros.until("the garbage counted", lambda: counted(diagnostics, "malformed messages") > 10)
    assert counted(diagnostics, "sessions") == 1
    # Said once in a while: hundreds were dropped by now.
    assert bridge.output().count("was dropped") < 20


def counted(diagnostics: Heard, key: str) -> int:
    """A number of the latest report on the link."""
    if not diagnostics.messages:
        return 0
    link = next(status for status in diagnostics.last.status if status.name.endswith(": link"))
    return int(next(pair.value for pair in link.values if pair.key == key))
