"""Topics of the data channel as they are."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from std_msgs.msg import String

from dog import STOP_MOVE, Bridge, Ros, Sim, World

STICKS = "rt/wirelesscontroller"
STATE = "rt/lf/lowstate"
VOXELS = "rt/utlidar/voxel_map_compressed"
TEXT = "rt/qt_command"
MISCONFIGURED = 2


def start(world: World, ros: Ros, *topics: str) -> Bridge:
    """The node, with these topics passed on."""
    bridge = world.bridge("-p", f"raw_topics:={json.dumps(topics)}")
    ros.live()
    return bridge


def published(sim: Sim, topic: str) -> list[Any]:
    """What came at the robot on a plain topic."""
    messages = [entry["msg"] for entry in sim.entries("rx")]
    return [each["data"] for each in messages if each and each["type"] == "msg" and each["topic"] == topic]


class Talker:
    """Publishes on one topic to the robot."""

    def __init__(self, ros: Ros, topic: str) -> None:
        self._publisher = ros.node.create_publisher(String, f"/go2_bridge/raw/{topic}/publish", 10)
        ros.until("a listener", lambda: self._publisher.get_subscription_count() > 0)

    def say(self, text: str) -> None:
        """Publishes a text of whatever kind."""
        self._publisher.publish(String(data=text))


@pytest.mark.usefixtures("sim")
def test_what_the_robot_publishes(world: World, ros: Ros) -> None:
    start(world, ros, STATE, VOXELS)
    state = json.loads(ros.hear(String, f"/go2_bridge/raw/{STATE}").data)
    assert len(state["motor_state"]) >= 12
    frame = json.loads(ros.hear(String, f"/go2_bridge/raw/{VOXELS}").data)
    assert len(base64.b64decode(frame["binary"], validate=True)) > 100
    assert frame["data"]["width"][:2] == [128, 128]


def test_what_goes_to_the_robot(world: World, ros: Ros, sim: Sim) -> None:
    start(world, ros, TEXT)
    talker = Talker(ros, TEXT)
    said: list[Any] = ["on", {"a": [1, 2.5, None]}, [], 7, "é \u4e16"]
    for data in said:
        talker.say(json.dumps(data))
        ros.until("the message", lambda data=data: published(sim, TEXT)[-1:] == [data])
    assert published(sim, TEXT) == said


BAD = ["on", "", "{", '{"a": NaN}', '{"a": 1e999}', "{} {}", '"' + "x" * 10_000_000 + '"']
BAD_STICKS = [
    *BAD,
    "[0, 0, 0, 0]",
    '{"lx": 0, "ly": 0, "rx": 0}',
    '{"lx": 0, "ly": 1.5, "rx": 0, "ry": 0}',
    '{"lx": 0, "ly": "1", "rx": 0, "ry": 0}',
    '{"lx": 0, "ly": 0, "rx": 0, "ry": 0, "keys": 70000}',
]


@pytest.mark.parametrize(
    ("topic", "bad", "good"),
    [(TEXT, BAD, {"a": 1}), (STICKS, BAD_STICKS, {"lx": 0, "ly": 0, "rx": 0, "ry": 0, "keys": 0})],
)
def test_what_is_no_message_is_never_sent(
    world: World, ros: Ros, sim: Sim, topic: str, bad: list[str], good: dict[str, Any]
) -> None:
    bridge = start(world, ros, topic)
    talker = Talker(ros, topic)
    so_far = sim.now()
    for text in bad:
        talker.say(text)
        ros.spin_for(0.05)
    assert sim.now() == so_far, "the robot is being stopped from what it was never told"
    talker.say(json.dumps(good))
    # Whatever had been sent would have come before this.
    ros.until("the good one", lambda: good in published(sim, topic))
    assert published(sim, topic) == [good]
    assert f"a message for {topic} was not sent, 1 so far: it is not JSON" in bridge.output()


def test_sticks_that_are_let_go_stop_the_robot(world: World, ros: Ros, sim: Sim) -> None:
    start(world, ros, STICKS)
    talker = Talker(ros, STICKS)
    so_far = sim.now()
    pushed = {"lx": 0, "ly": 0.5, "rx": 0, "ry": 0, "keys": 0}
    talker.say(json.dumps(pushed))
    ros.until("the sticks", lambda: pushed in published(sim, STICKS))
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE, since=so_far))
    after = sim.entries("sticks")[-4:]
    assert all(entry[axis] == 0 for entry in after for axis in ("lx", "ly", "rx", "ry")), "they are let go"
    assert not sim.moves(so_far)


@pytest.mark.parametrize(
    ("topic", "told"), [("rt/api/sport/request", "~/request"), ("rt/lowcmd", "the robot does not take rt/lowcmd")]
)
def test_topics_that_are_not_for_this(world: World, topic: str, told: str) -> None:
    bridge = world.bridge("-p", f"raw_topics:=['{topic}']")
    assert bridge.wait() == MISCONFIGURED
    assert told in bridge.output()


def test_without_a_robot(world: World, ros: Ros) -> None:
    bridge = world.bridge("-p", f"raw_topics:=['{TEXT}']")
    Talker(ros, TEXT).say("1")
    ros.until("a word about it", lambda: f"{TEXT} was not sent, 1 so far: not connected" in bridge.output())
