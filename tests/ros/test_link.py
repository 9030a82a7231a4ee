"""Robots of every generation, seen from ROS."""

from __future__ import annotations

import pytest
from nav_msgs.msg import Odometry
from std_msgs.msg import String

from dog import LATCHED, Ros, World

KEY = "00112233445566778899aabbccddeeff"
OTHER_KEY = "ffeeddccbbaa99887766554433221100"


@pytest.mark.parametrize("generation", ["plain", "absent", "1", "2"])
def test_generations_without_a_key(world: World, ros: Ros, generation: str) -> None:
    world.sim("--generation", generation)
    world.bridge()
    ros.hear(Odometry, "odom")


def test_generation_3_with_the_key_as_parameter(world: World, ros: Ros) -> None:
    world.sim("--generation", "3", "--key", KEY)
    bridge = world.bridge("--params-file", world.file(f"/**: {{ros__parameters: {{aes_128_key: '{KEY}'}}}}"))
    ros.hear(Odometry, "odom")
    assert KEY not in bridge.output()


def test_generation_3_with_the_key_in_the_environment(world: World, ros: Ros) -> None:
    world.sim("--generation", "3", environment={"GO2_SIM_KEY": KEY})
    bridge = world.bridge(environment={"GO2_AES_128_KEY": KEY})
    ros.hear(Odometry, "odom")
    assert ros.get_parameters(["aes_128_key"])["aes_128_key"] in ("", "(hidden)")
    assert KEY not in bridge.output()


def test_the_parameter_goes_before_the_environment(world: World, ros: Ros) -> None:
    world.sim("--generation", "3", "--key", KEY)
    reference = f"aes_128_key:=file:{world.file(KEY)}"
    world.bridge("-p", reference, environment={"GO2_AES_128_KEY": OTHER_KEY})
    ros.hear(Odometry, "odom")


@pytest.mark.parametrize("key", ["", OTHER_KEY])
def test_without_the_right_key_it_says_what_to_do(world: World, ros: Ros, key: str) -> None:
    world.sim("--generation", "3", "--key", KEY)
    bridge = world.bridge(environment={"GO2_AES_128_KEY": key})
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the reason", lambda: states.messages and "aes_128_key" in states.last.data)
    assert states.last.data.startswith("key_needed: ")
    assert bridge.running()
    assert KEY not in bridge.output() and OTHER_KEY not in bridge.output()


@pytest.mark.parametrize("validation", ["twice"])
def test_a_robot_that_validates_twice(world: World, ros: Ros, validation: str) -> None:
    world.sim("--validation", validation, "--pose-burst", "4")
    world.bridge()
    ros.hear(Odometry, "odom")


def test_a_robot_that_refuses(world: World, ros: Ros) -> None:
    world.sim("--validation", "refuse")
    world.bridge()
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the reason", lambda: states.messages and "refuses this client" in states.last.data)


def test_a_robot_that_comes_later(world: World, ros: Ros) -> None:
    world.bridge()
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("an attempt in vain", lambda: states.messages and states.last.data.startswith("backing_off"))
    world.sim()
    ros.until("the link", lambda: states.last.data == "live")
