"""What rviz2 and Foxglove are told to show is what the node publishes. Needs neither of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from sensor_msgs.msg import BatteryState

import reference
from dog import ROOT
from test_files import expand, given, node, parameters, started

RVIZ = ROOT / "config" / "go2.rviz"
FOXGLOVE = ROOT / "config" / "foxglove.json"
# robot_state_publisher's.
MODEL = {"/robot_description": "std_msgs/msg/String"}
# Kinds of rviz's displays and what they show. Those of None take no topic.
DISPLAYS = {
    "Grid": None,
    "TF": None,
    "RobotModel": "std_msgs/msg/String",
    "PointCloud2": "sensor_msgs/msg/PointCloud2",
    "LaserScan": "sensor_msgs/msg/LaserScan",
    "Odometry": "nav_msgs/msg/Odometry",
    # By image_transport, which takes the way from the topic's name.
    "Image": "sensor_msgs/msg/CompressedImage",
}


def topics() -> dict[str, str]:
    """What is published, by absolute name."""
    return MODEL | {"/" + name: kind for name, kind in reference.published().items() if name[0] not in "/~"}


# --- rviz -----------------------------------------------------------------------------------------------------------


def manager() -> dict[str, Any]:
    """The part of rviz's configuration that says what is shown."""
    return yaml.safe_load(RVIZ.read_text())["Visualization Manager"]


def displays() -> dict[str, dict[str, Any]]:
    """rviz's displays by kind."""
    found = {each["Class"].removeprefix("rviz_default_plugins/"): each for each in manager()["Displays"]}
    assert len(found) == len(manager()["Displays"])
    return found


def shown(display: dict[str, Any]) -> dict[str, Any]:
    """Topic and quality of service of a display, which has one."""
    return display.get("Topic") or display["Description Topic"]


def rviz_topics() -> dict[str, str]:
    """Topics that rviz subscribes to, with their types."""
    return {shown(displays()[kind])["Value"]: shows for kind, shows in DISPLAYS.items() if shows}


def test_rviz_shows_everything_at_once() -> None:
    assert displays().keys() == DISPLAYS.keys()
    assert all(each["Enabled"] is True and each["Value"] is True for each in displays().values())
    for topic, kind in rviz_topics().items():
        assert topics()[topic] == kind


def test_rviz_matches_the_quality_of_service() -> None:
    for kind in filter(DISPLAYS.get, DISPLAYS):
        topic = shown(displays()[kind])
        latched = topic["Value"] in MODEL
        assert topic["Reliability Policy"] == "Reliable"
        assert topic["Durability Policy"] == ("Transient Local" if latched else "Volatile")


def test_rviz_looks_from_the_odometrys_frame_at_the_robot() -> None:
    assert manager()["Global Options"]["Fixed Frame"] == parameters()["odom_frame"]
    view = manager()["Views"]["Current"]
    assert view["Class"] == "rviz_default_plugins/Orbit" and view["Target Frame"] == parameters()["base_frame"]
    assert set(view["Focal Point"].values()) == {0}
    assert displays()["PointCloud2"]["Decay Time"] == 0


@pytest.mark.parametrize(("namespace", "before"), [("", ""), ("dog1", "/dog1"), ("/dog1", "/dog1"), ("a/b/", "/a/b")])
def test_rviz_is_launched_with_the_topics_of_the_namespace(namespace: str, before: str) -> None:
    variables = given(rviz="true", namespace=namespace, frame_prefix="dog1/")
    assert "rviz2" in started(variables) and "rviz2" not in started(given())
    remaps = {each.attrib["from"]: expand(each.attrib["to"], variables) for each in node("rviz2").iter("remap")}
    assert remaps == {topic: before + topic for topic in rviz_topics()}
    arguments = expand(node("rviz2").attrib["args"], variables).split()
    assert arguments == ["-d", str(RVIZ), "-f", f"dog1/{parameters()['odom_frame']}"]


# --- Foxglove -------------------------------------------------------------------------------------------------------


def panels() -> dict[str, dict[str, Any]]:
    """Foxglove's panels."""
    return json.loads(FOXGLOVE.read_text(encoding="utf-8"))["configById"]


def panel(kind: str) -> dict[str, Any]:
    """The one panel of a kind."""
    (found,) = (config for name, config in panels().items() if name.partition("!")[0] == kind)
    return found


def leaves(node: Any) -> Iterator[str]:
    """The panels in a part of the layout."""
    if isinstance(node, str):
        yield node
        return
    assert node.keys() == {"direction", "first", "second", "splitPercentage"}
    assert node["direction"] in ("row", "column") and 0 < node["splitPercentage"] < 100
    yield from leaves(node["first"])
    yield from leaves(node["second"])


def test_foxgloves_layout_places_every_panel_once() -> None:
    layout = json.loads(FOXGLOVE.read_text(encoding="utf-8"))
    assert sorted(leaves(layout["layout"])) == sorted(panels())


def test_foxglove_shows_the_scene() -> None:
    scene = panel("3D")
    assert (scene["fixedFrame"], scene["followTf"]) == (parameters()["odom_frame"], parameters()["base_frame"])
    assert {name for name, topic in scene["topics"].items() if topic["visible"]} == {"/points", "/scan", "/odom"}
    assert scene["topics"].keys() <= topics().keys()
    layers = {layer["layerId"]: layer for layer in scene["layers"].values() if layer["visible"]}
    assert layers.keys() == {"foxglove.Grid", "foxglove.Urdf"}
    model = layers["foxglove.Urdf"]
    assert model["sourceType"] == "topic" and model["topic"] in MODEL
    assert all(layer["instanceId"] == key for key, layer in scene["layers"].items())


def test_foxglove_shows_the_camera_with_its_calibration() -> None:
    mode = panel("Image")["imageMode"]
    assert topics()[mode["imageTopic"]] == "foxglove_msgs/msg/CompressedVideo"
    assert topics()[mode["calibrationTopic"]] == "sensor_msgs/msg/CameraInfo"


def test_foxglove_shows_diagnostics_and_battery() -> None:
    diagnostics = panel("DiagnosticSummary")["topicToRender"]
    assert reference.published()[diagnostics] == "diagnostic_msgs/msg/DiagnosticArray"
    paths = [path for name, plot in panels().items() if name.startswith("Plot!") for path in plot["paths"]]
    assert len(paths) >= 3 and all(path["enabled"] for path in paths)
    for path in paths:
        plotted = re.fullmatch(r"(/\w+)\.(\w+)", path["value"])
        assert plotted and topics()[plotted[1]] == "sensor_msgs/msg/BatteryState"
        assert plotted[2] in BatteryState.get_fields_and_field_types()
