"""Parameter files as ROS 2 reads them, what is read out of the node and given back to it, and what it says of wrong ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from rclpy.signals import SignalHandlerOptions

import reference
from dog import Bridge, Ros, World
from gateways import PORT
from test_parameters import KEY, end

NODE = "/go2_bridge"
# Parameters with values other than their defaults, one for each form of a section's name.
VALUES: dict[str, Any] = {
    **dict.fromkeys(["max_linear_x", "max_linear_y", "max_angular_z", "cmd_vel_timeout", "battery_warn"], 0.25),
    **dict.fromkeys(["max_linear_acceleration", "max_angular_acceleration", "replay_rate"], 0.25),
    **dict.fromkeys(["stick_linear_x", "stick_linear_y", "stick_angular_z", "request_timeout", "mode_timeout"], 1.25),
    **dict.fromkeys(["jpeg_quality", "motor_temperature_warn"], 25.0),
    **dict.fromkeys(["odom_frame", "base_frame", "footprint_frame", "imu_frame", "lidar_frame", "camera_frame"], "x"),
    **dict.fromkeys(["points_seen_only", "auto_balance_stand", "allow_acrobatics"], True),
    "publish_tf": False,
}
# Section names, and the keys of nested ones.
FORMS: list[list[str]] = [
    ["/**"],
    ["**"],
    ["/*"],
    ["*"],
    ["/**/go2_bridge"],
    ["**/go2_bridge"],
    ["/*/go2_bridge"],
    ["*/go2_bridge"],
    ["/go2_bridge"],
    ["go2_bridge"],
    ["/ns/go2_bridge"],
    ["ns/go2_bridge"],
    ["/ns/*"],
    ["/ns/**"],
    ["/a/*/go2_bridge"],
    ["/a/**/go2_bridge"],
    ["/**/b/*"],
    ["/**/dog"],
    ["/ns/dog"],
    ["dog"],
    ["ns", "go2_bridge"],
    ["/ns", "go2_bridge"],
    ["/**", "go2_bridge"],
    ["/*", "go2_bridge"],
    ["a", "b", "go2_bridge"],
]


def section(form: list[str], parameters: dict[str, Any]) -> dict[str, Any]:
    """A parameter file with one section."""
    content: dict[str, Any] = {"ros__parameters": parameters}
    for name in reversed(form):
        content = {name: content}
    return content


def files(world: World) -> Iterator[tuple[str, str]]:
    """A parameter of its own for each form, and a file that sets it there."""
    for (name, value), form in zip(VALUES.items(), FORMS, strict=True):
        yield name, world.file(yaml.dump(section(form, {name: value})))


def applied_by_rclpy(arguments: list[str], domain: int) -> dict[str, Any]:
    """What a node of rclpy gets from arguments."""
    context = Context()
    arguments = ["node", *arguments]
    rclpy.init(args=arguments, context=context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
    options = {"automatically_declare_parameters_from_overrides": True, "enable_rosout": False}
    node = Node("go2_bridge", context=context, start_parameter_services=False, **options)
    found = {name: parameter.value for name, parameter in node.get_parameters_by_prefix("").items()}
    node.destroy_node()
    rclpy.shutdown(context=context)
    return {name: value for name, value in found.items() if name in VALUES}


@pytest.mark.parametrize(
    ("namespace", "name"), [("", "go2_bridge"), ("/ns", "go2_bridge"), ("/a/b", "go2_bridge"), ("", "dog"), ("/ns", "dog")]
)
def test_sections_are_for_the_node_that_ros_takes_them_for(world: World, ros: Ros, namespace: str, name: str) -> None:
    written = dict(files(world))
    arguments = [argument for file in written.values() for argument in ("--params-file", file)]
    arguments += ["-r", f"__node:={name}", "-r", f"__ns:={namespace or '/'}"]
    bridge = world.bridge(*arguments)
    shown = ros.get_parameters(list(VALUES), f"{namespace}/{name}")
    applied = {name: value for name, value in shown.items() if value == VALUES[name]}
    expected = applied_by_rclpy(["--ros-args", *arguments], world.domain)
    assert applied == expected and expected
    # The others are told, each once.
    for parameter, file in written.items():
        told = bridge.output().count(f"parameter file {file} has no section for {namespace}/{name}")
        assert told == (parameter not in expected), parameter


def test_what_comes_later_counts_whatever_its_type(world: World, ros: Ros) -> None:
    file = world.file(yaml.dump({"/**": {"ros__parameters": {"max_linear_x": 1}}}))
    world.bridge("--params-file", file, "-p", "max_linear_x:=0.2")
    assert ros.get_parameters(["max_linear_x"]) == {"max_linear_x": 0.2}


# --- What the node reads out ----------------------------------------------------------------------------------------


def dump(ros: Ros, path: Path) -> dict[str, Any]:
    """Writes what `ros2 param dump` writes; returns the values."""
    values = ros.get_parameters(ros.list_parameters())
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.split(".")
        place = nested
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = value
    path.write_text(yaml.dump({NODE: {"ros__parameters": nested}}, default_flow_style=False))
    return values


def load(ros: Ros, path: Path) -> dict[str, str]:
    """Does what `ros2 param load` does; returns why values were refused."""
    client = AsyncParameterClient(ros.node, NODE)
    names = yaml.safe_load(path.read_text())[NODE]["ros__parameters"]
    answer = client.load_parameter_file(str(path))
    ros.until("the answer", answer.done)
    results = answer.result().results
    assert len(results) == len(names)
    return {name: result.reason for name, result in zip(names, results, strict=True) if not result.successful}


def start_with_much_set(world: World, ros: Ros) -> Bridge:
    """A live node with a robot that tells its settings, secrets, and values of all kinds."""
    world.sim("--profile", "edu-mcf", "--serial-number", "12345")
    given = {
        "robot_ip": world.address,
        "serial_number": "12345",
        "token": "abracadabra",
        "imu_angular_velocity_variances": [1e-5, 2e-6, 0.0],
        "odom_pose_variances": [1, 1, 1, 1, 1, 1],
        "lidar_mount": [0, 0, 1, 0, 0, 0],
        "scan_min_height": 0.7,
        "scan_max_height": 1.0,
        "raw_topics": ["rt/uslam/server_log"],
        "volume": None,
        "use_sim_time": False,
    }
    file = world.file(yaml.dump({NODE: {"ros__parameters": given}}))
    bridge = world.bridge("--params-file", file, robot=False)
    ros.live()
    for name in ("motion_mode", "volume", "brightness", "obstacle_avoidance"):
        ros.until(name, lambda name=name: ros.get_parameters([name])[name] is not None)
    return bridge


def test_a_dump_can_be_loaded(world: World, ros: Ros, tmp_path: Path) -> None:
    bridge = start_with_much_set(world, ros)
    path = tmp_path / "dump.yaml"
    before = dump(ros, path)
    assert before["token"] == "(hidden)" and before["led_color"] is None and before["lidar_mount"][2] == 1.0
    assert load(ros, path) == {}
    assert dump(ros, tmp_path / "again.yaml") == before
    # Also where values have changed in between that fit each other only as they were.
    for name, value in {"scan_min_height": 0.1, "scan_max_height": 0.6, "max_linear_x": 0.3}.items():
        assert ros.set_parameter(name, value).successful, name
    assert load(ros, path) == {}
    assert dump(ros, tmp_path / "again.yaml") == before
    assert not ros.set_parameter("token", "abracadabra").successful, "nobody finds a secret by trying"
    assert "was asked for" not in bridge.output(), "the robot has what it is asked for"


def test_a_node_can_be_started_with_a_dump(world: World, ros: Ros, tmp_path: Path) -> None:
    first = start_with_much_set(world, ros)
    path = tmp_path / "dump.yaml"
    before = dump(ros, path)
    first.kill()
    again = world.bridge("--params-file", str(path), robot=False)
    ros.until("the link to be live again", lambda: "connected to the robot" in again.output())

    def same() -> bool:
        return dump(ros, tmp_path / "again.yaml") == before | {"token": ""}

    ros.until("the same values", same)
    assert again.output().count("token: (hidden) stands for a secret") == 1
    # With the secret where it belongs there is nothing to tell.
    again.kill()
    third = world.bridge("--params-file", str(path), robot=False, environment={"GO2_TOKEN": "abracadabra"})
    ros.until("the link to be live again", lambda: "connected to the robot" in third.output())
    assert "(hidden)" not in third.output()


def test_what_stands_for_a_secret_is_none(world: World, ros: Ros) -> None:
    # As a key it would be refused for its form, as a token it would be known to all.
    secrets = dict.fromkeys(["aes_128_key", "token", "gateway_token", "gateway_view_token"], "(hidden)")
    gateway = {"gateway": True, "gateway_address": f"{world.address}:{PORT}"}
    file = world.file(yaml.dump({NODE: {"ros__parameters": secrets | gateway}}))
    bridge = world.bridge("--params-file", file)
    made_up = rf"http://{world.address}:{PORT}/#token=[0-9a-f]{{32}}"
    ros.until("a token that is made up", lambda: re.search(made_up, bridge.output()))
    assert bridge.output().count("(hidden) stands for a secret") == len(secrets)
    assert ros.get_parameters(list(secrets)) == dict.fromkeys(secrets, "")


# --- Warnings -------------------------------------------------------------------------------------------------------


def test_foreign_parameters_for_all_nodes_are_told_once(world: World, ros: Ros) -> None:
    foreign = {"max_liner_x": 0.2, "controller": {"gain": 1.0}, "battery_warn": 0.5}
    bridge = world.bridge("--params-file", world.file(yaml.dump({"/**": {"ros__parameters": foreign}})))
    assert ros.get_parameters(["battery_warn"]) == {"battery_warn": 0.5}
    told = [line for line in bridge.output().splitlines() if "left out" in line]
    assert len(told) == 1 and "[WARN]" in told[0]
    assert "max_liner_x (did you mean max_linear_x?)" in told[0] and "controller.gain" in told[0]
    assert "max_liner_x" not in ros.list_parameters()


def test_a_foreign_parameter_for_this_node_is_refused(world: World) -> None:
    file = world.file(yaml.dump({"/go2_bridge": {"ros__parameters": {"max_liner_x": 0.2}}}))
    status, output = end(world, "--params-file", file)
    assert status == 2
    assert "max_liner_x" in output and "did you mean max_linear_x?" in output


@pytest.mark.usefixtures("sim")
def test_ordinary_files_are_no_cause_for_a_warning(world: World, ros: Ros) -> None:
    bridge = world.bridge("--params-file", world.file(yaml.dump({"/**": {"ros__parameters": {"use_sim_time": False}}})))
    ros.live()
    assert "WARN" not in bridge.output()


# --- Wrong arguments ------------------------------------------------------------------------------------------------

WRONG: list[tuple[list[str], dict[str, str], list[str]]] = [
    (["--params-file", "/nowhere/at/all.yaml"], {}, ["/nowhere/at/all.yaml", "No such file"]),
    (["--params-file", "/"], {}, ["parameter file /", "directory"]),
    (["--params-file", "BROKEN"], {}, ["parameter file", "line"]),
    (["--params-file"], {}, ["--params-file"]),
    (["-p", "max_linear_x=0.2"], {}, ["max_linear_x", "name:=value"]),
    (["-p", "max_linear_x:="], {}, ["max_linear_x", "name:=value"]),
    (["-r", "cmd_vel=other"], {}, ["cmd_vel=other"]),
    (["-r", "__node:=not-a-name"], {}, ["not-a-name"]),
    (["--log-level", "loud"], {}, ["loud"]),
    (["--params-fil", "x"], {}, ["--params-fil"]),
    ([], {"ROS_LOG_DIR": "/dev/null/log"}, ["ROS_LOG_DIR"]),
    ([], {"ROS_DOMAIN_ID": "many"}, ["ROS_DOMAIN_ID"]),
]


@pytest.mark.parametrize(("arguments", "environment", "words"), WRONG)
def test_wrong_arguments_are_told_in_one_sentence(
    world: World, arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    broken = world.file("/**:\n  ros__parameters:\n    a: [1,\n  b")
    arguments = [broken if each == "BROKEN" else each for each in arguments]
    status, output = end(world, *arguments, environment=environment)
    assert status == 2, output
    errors = [line for line in output.splitlines() if "[go2_bridge]" in line]
    assert len(errors) == 1 and "[ERROR]" in errors[0], output
    assert all(word in errors[0] for word in words), output
    assert "panicked" not in output and not re.search(r"\.(rs|c|cpp):\d", errors[0]), output


def test_a_secret_in_a_wrong_argument_is_not_told(world: World) -> None:
    for arguments, before in ([["-p", f"aes_128_key={KEY}"], []], [[], [f"aes_128_key={KEY}"]]):
        status, output = end(world, *arguments, before=before)
        assert status == 2
        assert "aes_128_key" in output and KEY not in output


def test_version_and_help(world: World, ros: Ros) -> None:
    status, version = end(world, before=["--version"])
    assert status == 0 and re.fullmatch(r"go2_bridge \d+\.\d+\.\d+\n", version)
    status, usage = end(world, before=["--help"])
    assert status == 0 and usage.startswith(version) and "--params-file" in usage
    bridge = world.bridge("-r", "__ns:=/dog1")
    ros.get_parameters(["robot_ip"], "/dog1/go2_bridge")
    first = next(line for line in bridge.output().splitlines() if "[go2_bridge]" in line)
    assert version.strip() in first and "/dog1/go2_bridge" in first


def test_the_process_stays_the_one_that_was_started(world: World, ros: Ros) -> None:
    arguments = [f"robot_ip:={world.address}", "battery_warn:=0.5"]
    bridge = world.bridge("-p", "request_timeout:=1.5", robot=False, before=arguments)
    values = ros.get_parameters(["battery_warn", "request_timeout"])
    assert values == {"battery_warn": 0.5, "request_timeout": 1.5}
    process = Path("/proc") / str(bridge.pid)
    assert process.joinpath("cmdline").read_bytes().split(b"\0")[1:3] == [each.encode() for each in arguments]
    assert b"GO2_BRIDGE" not in process.joinpath("environ").read_bytes()
    assert "remap" not in bridge.output()


@pytest.mark.usefixtures("bridge")
def test_no_topic_or_service_has_the_name_of_a_parameter(ros: Ros) -> None:
    # rcl takes name:=value for a remapping of it.
    names = [*reference.published(), *reference.subscribed(), *reference.services()]
    assert not set(ros.list_parameters()) & set(names)


@pytest.mark.usefixtures("bridge")
def test_ranges_and_types_are_described(ros: Ros) -> None:
    names = ["max_linear_x", "volume", "robot_ip", "points_frame"]
    ros.until("the volume", lambda: ros.get_parameters(["volume"])["volume"] is not None)
    speed, volume, address, frame = ros.describe_parameters(names)
    assert (speed.floating_point_range[0].from_value, speed.floating_point_range[0].to_value) == (0.0, 3.8)
    assert (volume.integer_range[0].to_value, volume.type, volume.read_only) == (10, 2, False)
    assert address.read_only and not speed.read_only
    assert "odom" in frame.additional_constraints
