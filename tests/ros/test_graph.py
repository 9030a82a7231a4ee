"""Velocities that do not fit, and others in the ROS graph who are one too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy

from dog import Bridge, Driver, Ros, Sim, World, twist

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# By when a warning that comes at all would be there: the graph is looked at every second.
LOOKS = 3.0


def told(bridge: Bridge, *words: str) -> list[str]:
    """The warnings with all of some words."""
    return [line for line in bridge.output().splitlines() if "[WARN]" in line and all(word in line for word in words)]


def told_once(ros: Ros, bridge: Bridge, *words: str) -> str:
    """Waits for a warning and sees that it is not repeated."""
    ros.until("the warning", lambda: told(bridge, *words))
    ros.spin_for(LOOKS)
    (line,) = told(bridge, *words)
    return line


@pytest.mark.usefixtures("bridge")
def test_a_best_effort_publisher_is_heard(ros: Ros, sim: Sim) -> None:
    publisher = ros.node.create_publisher(Twist, "cmd_vel", BEST_EFFORT)
    ros.node.create_timer(0.05, lambda: publisher.publish(twist(x=0.2)))
    ros.until("Moves", lambda: (0.2, 0.0, 0.0) in sim.moves())


def test_a_reliable_publisher_alone_is_no_cause_for_a_warning(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    Driver(ros, twist(x=0.2))
    ros.until("Moves", lambda: (0.2, 0.0, 0.0) in sim.moves())
    ros.spin_for(LOOKS)
    assert not told(bridge, "publishe") and not told(bridge, "another node")


@pytest.mark.parametrize(("stamped", "kind"), [(False, TwistStamped), (True, Twist)])
@pytest.mark.parametrize("remapped", [False, True])
def test_the_other_type_is_told_by_name(world: World, ros: Ros, stamped: bool, kind: Any, remapped: bool) -> None:
    topic = "/base/velocity" if remapped else "/dog1/cmd_vel"
    arguments = ["-p", f"enable_stamped_cmd_vel:={str(stamped).lower()}", "-r", "__ns:=/dog1"]
    bridge = world.bridge(*arguments, *(["-r", f"cmd_vel:={topic}"] if remapped else []))
    ros.node.create_publisher(kind, topic, 1)
    line = told_once(ros, bridge, "is not heard")
    assert "/test publishes" in line and f"geometry_msgs/msg/{kind.__name__} " in line
    assert f"enable_stamped_cmd_vel to {str(not stamped).lower()}" in line


def second_publisher(world: World, ros: Ros) -> tuple[str, ...]:
    """Two nodes publish velocities."""
    ros.node.create_publisher(Twist, "cmd_vel", 1)
    ros.node.create_publisher(Twist, "cmd_vel", BEST_EFFORT)
    return ("cmd_vel has 2 publishers", "/test")


def second_node(world: World, ros: Ros) -> tuple[str, ...]:
    """The namespace was forgotten."""
    world.bridge()
    return ("another node is called /go2_bridge",)


@pytest.mark.parametrize("another", [second_publisher, second_node])
def test_one_too_many_is_told_once(
    world: World, ros: Ros, another: Callable[[World, Ros], tuple[str, ...]]
) -> None:
    bridge = world.bridge()
    ros.get_parameters(["robot_ip"])
    ros.spin_for(LOOKS)
    assert not told(bridge, "cmd_vel") and not told(bridge, "another node")
    told_once(ros, bridge, *another(world, ros))


def test_two_robots_with_namespaces_are_no_cause_for_a_warning(world: World, ros: Ros) -> None:
    bridges = [world.bridge("-r", f"__ns:=/{name}") for name in ("dog1", "dog2")]
    for name in ("dog1", "dog2"):
        ros.get_parameters(["robot_ip"], f"/{name}/go2_bridge")
    ros.spin_for(LOOKS)
    assert not [line for bridge in bridges for line in told(bridge, "another node")]
