"""The hand-held remote as a gamepad."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sensor_msgs.msg import Joy

from dog import Ros, World

TOPIC = "rt/wirelesscontroller"
BUTTONS = 16


def as_joy(remote: dict[str, Any]) -> tuple[list[float], list[int]]:
    """Axes and buttons of what the remote sends."""
    axes = [-remote["lx"], remote["ly"], -remote["rx"], remote["ry"]]
    return axes, [remote["keys"] >> bit & 1 for bit in range(BUTTONS)]


def test_what_the_remote_does(world: World, ros: Ros) -> None:
    sim = world.sim("--remote", "--log-sent")
    world.bridge()
    ros.live()
    heard = ros.listen(Joy, "joy", 50)
    # A second and a half: sticks move, and keys go down and up again.
    ros.until("messages", lambda: len(heard.messages) >= 15)
    sent = [as_joy(entry["data"]) for entry in sim.entries("sent") if entry["topic"] == TOPIC]
    first = next(i for i, (axes, _) in enumerate(sent) if list(heard.messages[0].axes) == pytest.approx(axes, abs=1e-6))
    for (axes, buttons), message in zip(sent[first:], heard.messages, strict=False):
        assert list(message.axes) == pytest.approx(axes, abs=1e-6)
        assert list(message.buttons) == buttons
        assert message.header.frame_id == "joy"
        assert abs(message.header.stamp.sec + message.header.stamp.nanosec / 1e9 - time.time()) < 10.0
    assert len({tuple(message.buttons) for message in heard.messages}) > 1
    assert len({tuple(message.axes) for message in heard.messages}) > 1


@pytest.mark.usefixtures("bridge")
def test_without_a_remote_there_is_none(ros: Ros) -> None:
    heard = ros.listen(Joy, "joy")
    ros.until("the publisher", lambda: ros.node.count_publishers("joy") == 1)
    ros.spin_for(0.5)
    assert not heard.messages
