"""Parameters at start and while the node runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import Log
from sensor_msgs.msg import Imu
from tf2_msgs.msg import TFMessage

from dog import Driver, Ros, Sim, World, twist

KEY = "00112233445566778899aabbccddeeff"


@pytest.mark.usefixtures("bridge")
def test_a_good_value_takes_effect_at_once(ros: Ros, sim: Sim) -> None:
    Driver(ros, twist(x=0.9))
    ros.until("Moves", lambda: (0.9, 0.0, 0.0) in sim.moves())
    assert ros.set_parameter("max_linear_x", 0.25).successful
    ros.until("slower Moves", lambda: sim.moves()[-1] == (0.25, 0.0, 0.0))
    assert ros.get_parameters(["max_linear_x"]) == {"max_linear_x": 0.25}
    # A whole number is a number, too.
    assert ros.set_parameter("max_linear_x", 0).successful
    ros.until("no more Moves forward", lambda: sim.moves()[-1] == (0.0, 0.0, 0.0))


@pytest.mark.usefixtures("bridge")
def test_variances_take_effect_at_once(ros: Ros) -> None:
    imu = ros.listen(Imu, "imu/data")
    assert ros.set_parameter("imu_orientation_variances", [0.5, 0.25, 0.125]).successful
    ros.until(
        "the new covariance",
        lambda: imu.messages and list(imu.last.orientation_covariance[::4]) == [0.5, 0.25, 0.125],
    )


@pytest.mark.usefixtures("bridge")
def test_tf_can_be_turned_off(ros: Ros) -> None:
    odometry, tf = ros.listen(Odometry, "odom"), ros.listen(TFMessage, "/tf")
    ros.until("a transform", lambda: tf.messages)
    assert ros.set_parameter("publish_tf", False).successful
    ros.spin_for(0.3)
    transforms, poses = len(tf.messages), len(odometry.messages)
    ros.until("more odometry", lambda: len(odometry.messages) > poses + 5)
    assert len(tf.messages) == transforms


REFUSED = [
    ("max_linear_x", 9.0, "from 0 to 3.8"),
    ("cmd_vel_timeout", 0.0, "from 0.05 to 2"),
    ("battery_warn", float("nan"), "from 0 to 1"),
    ("max_linear_x", "fast", "a number"),
    ("publish_tf", 1, "true or false"),
    ("velocity_frame", "map", '["body", "odom"]'),
    ("odom_pose_variances", [0.1, 0.1], "6 finite numbers"),
    ("robot_ip", "127.0.0.1", "at start only"),
    ("aes_128_key", KEY, "at start only"),
    ("max_linear_z", 1.0, "no parameter"),
]


@pytest.mark.usefixtures("bridge")
def test_bad_values_are_refused_with_the_reason(ros: Ros) -> None:
    names = [name for name in ros.list_parameters() if name in {name for name, _, _ in REFUSED}]
    before = ros.get_parameters(names)
    for name, value, reason in REFUSED:
        result = ros.set_parameter(name, value)
        assert not result.successful, name
        assert reason in result.reason, name
    assert ros.get_parameters(names) == before


@pytest.mark.usefixtures("sim")
def test_secrets_are_never_shown(world: World, ros: Ros) -> None:
    secrets = f"{{aes_128_key: '{KEY}', token: abracadabra, ice_credential: open-sesame, allow_other_keys: true}}"
    bridge = world.bridge("--params-file", world.file(f"/**: {{ros__parameters: {secrets}}}"), "--log-level", "debug")
    diagnostics, log = ros.listen(DiagnosticArray, "/diagnostics"), ros.listen(Log, "/rosout", 100)
    ros.live()
    secrets = [KEY, "abracadabra", "open-sesame"]
    # What `ros2 param dump` writes down.
    dump = ros.get_parameters(ros.list_parameters())
    assert {dump[name] for name in ("aes_128_key", "token", "ice_credential")} == {"(hidden)"}
    for name in ("aes_128_key", "token", "ice_credential"):
        assert not ros.set_parameter(name, secrets[0]).successful
    ros.until("diagnostics", lambda: len(diagnostics.messages) >= 2)
    told = [
        str(dump),
        str(ros.describe_parameters(list(dump))),
        str(diagnostics.messages),
        str(log.messages),
        bridge.output(),
    ]
    assert not [secret for secret in secrets for text in told if secret in text]
    assert "connected to the robot" in bridge.output(), "the log at debug level was looked at"


@pytest.mark.parametrize("before", [True, False])
def test_secrets_are_refused_as_arguments(world: World, before: bool) -> None:
    argument = f"aes_128_key:={KEY}"
    status, output = end(world, before=[argument]) if before else end(world, "-p", argument)
    assert status == 2
    assert "GO2_AES_128_KEY" in output and "file:" in output and KEY not in output


def test_a_secret_whose_file_is_not_there_is_told(world: World) -> None:
    status, output = end(world, "-p", "ice_credential:=file:/nowhere/at/all")
    assert status == 2
    assert "ice_credential" in output and "/nowhere/at/all" in output


@pytest.mark.usefixtures("bridge")
def test_every_parameter_is_described(ros: Ros) -> None:
    names = ros.list_parameters()
    assert all(descriptor.description for descriptor in ros.describe_parameters(names) if descriptor.name in names)


@pytest.mark.usefixtures("sim")
def test_parameters_from_a_file(world: World, ros: Ros, tmp_path: Path) -> None:
    file = tmp_path / "dog.yaml"
    file.write_text(
        f"/**:\n  ros__parameters:\n    robot_ip: {world.address}\n    max_linear_x: 0.5\n    odom_frame: o\n"
    )
    world.bridge("--params-file", str(file), robot=False)
    ros.live()
    assert ros.get_parameters(["max_linear_x", "odom_frame"]) == {"max_linear_x": 0.5, "odom_frame": "o"}
    assert ros.hear(Odometry, "odom").header.frame_id == "o"


def end(world: World, *arguments: str, **options: Any) -> tuple[int, str]:
    """Starts a node that is to end by itself; returns its status and what it said."""
    bridge = world.bridge(*arguments, **options)
    return bridge.wait(), bridge.output()


def test_without_robot_ip_it_says_what_to_set(world: World) -> None:
    status, output = end(world, robot=False)
    assert status == 2
    assert "robot_ip is not set" in output and "ros2 launch go2_bridge" in output


WRONG = [
    ("max_linear_x: 9.0", ["max_linear_x", "from 0 to 3.8"]),
    ("cmd_vel_timeout: soon", ["cmd_vel_timeout", "a number"]),
    ("aes_128_key: abc", ["aes_128_key", "32 hexadecimal characters"]),
    ("frame_prefix: 7", ["frame_prefix", "text"]),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_bad_value_in_a_file_ends_it_with_the_reason(
    world: World, tmp_path: Path, line: str, words: list[str]
) -> None:
    file = tmp_path / "dog.yaml"
    file.write_text(f"/**:\n  ros__parameters:\n    {line}\n")
    status, output = end(world, "--params-file", str(file))
    assert status == 2
    assert all(word in output for word in words), output


@pytest.mark.usefixtures("sim")
def test_arguments_go_before_a_file_unless_they_are_empty(world: World, ros: Ros, tmp_path: Path) -> None:
    file = tmp_path / "dog.yaml"
    file.write_text("/**:\n  ros__parameters:\n    robot_ip: 127.0.0.250\n    odom_frame: o\n    base_frame: b\n")
    before = [f"robot_ip:={world.address}", "odom_frame:=", "base_frame:=c", "max_linear_x:=2"]
    bridge = world.bridge("--params-file", str(file), robot=False, before=before)
    odometry = ros.hear(Odometry, "odom")
    assert (odometry.header.frame_id, odometry.child_frame_id) == ("o", "c")
    assert ros.get_parameters(["max_linear_x"]) == {"max_linear_x": 2.0}
    assert "remap" not in bridge.output(), "rcl has not seen them"


@pytest.mark.parametrize(
    ("argument", "word"),
    [("max_linear_x:=9", "from 0 to 3.8"), ("publish_tf:=perhaps", "true or false"), ("127.0.0.1", "name:=value")],
)
def test_a_bad_argument_ends_it_with_the_reason(world: World, argument: str, word: str) -> None:
    status, output = end(world, before=[argument])
    assert status == 2
    assert argument.partition(":")[0] in output and word in output


def test_a_bad_key_in_the_environment_ends_it_with_the_reason(world: World) -> None:
    status, output = end(world, environment={"GO2_AES_128_KEY": "not-a-key"})
    assert status == 2
    assert "GO2_AES_128_KEY" in output and "32 hexadecimal" in output and "not-a-key" not in output
