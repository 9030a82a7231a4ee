"""What docs/reference lists is what the node offers, and the other way round."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import String
from std_srvs.srv import Trigger

import reference
from dog import LATCHED, Ros, World
from test_urdf import LINKS

NODE = "go2_bridge"
# Every ROS node has these.
OF_ROS = {"/rosout", "/parameter_events", "/clock"}
LATCHED_ONES = ("~/link_state", "~/held", "~/audio/state", "camera/snapshot")


def absolute(name: str) -> str:
    """A name in docs/reference as it is without a namespace."""
    if name.startswith("/"):
        return name
    return name.replace("~", f"/{NODE}", 1) if name.startswith("~") else f"/{name}"


def offered(found: list[tuple[str, list[str]]]) -> dict[str, str]:
    """Names and types that a node has, without those that every node has."""
    return {name: only for name, (only,) in found if name not in OF_ROS and not only.startswith("rcl_interfaces/")}


def expected(listed: dict[str, str]) -> dict[str, str]:
    """Names and types that docs/reference lists."""
    return {absolute(name): kind for name, kind in listed.items()}


@pytest.mark.usefixtures("bridge")
def test_topics_and_services(ros: Ros) -> None:
    # Services come last of all.
    ros.until("the services", ros.node.create_client(Trigger, f"/{NODE}/stand_up").service_is_ready)
    node = ros.node

    def published() -> dict[str, str]:
        return offered(node.get_publisher_names_and_types_by_node(NODE, "/"))

    # Discovery has an order of its own.
    ros.until("all topics", lambda: len(published()) >= len(reference.published()))
    assert published() == expected(reference.published())
    assert offered(node.get_subscriber_names_and_types_by_node(NODE, "/")) == expected(reference.subscribed())
    services = {
        name: kind
        for name, kind in offered(node.get_service_names_and_types_by_node(NODE, "/")).items()
        if not kind.startswith("type_description_interfaces/")
    }
    assert services == expected(reference.services())


def test_a_stamped_cmd_vel_is_the_other_type(world: World, ros: Ros) -> None:
    world.bridge("-p", "enable_stamped_cmd_vel:=true")
    subscribers = ros.node.get_subscriptions_info_by_topic
    (info,) = ros.until("the subscriber", lambda: subscribers("/cmd_vel"))
    assert info.topic_type == "geometry_msgs/msg/TwistStamped"


def message_type(kind: str) -> Any:
    """The class of a type as ROS writes it."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def frames_of(message: Any) -> set[str]:
    """The frames that a message names."""
    if hasattr(message, "transforms"):
        return {frame for each in message.transforms for frame in frames_of(each)}
    found = {getattr(message, name, "") for name in ("frame_id", "child_frame_id")}
    return (found | {message.header.frame_id} if hasattr(message, "header") else found) - {""}


def test_frames(world: World, ros: Ros) -> None:
    world.sim("--remote")
    world.bridge()
    ros.live()
    topics = {name: message_type(kind) for name, kind in reference.published().items()}
    heard = {
        name: ros.listen(kind, absolute(name), LATCHED if name in LATCHED_ONES else 10) for name, kind in topics.items()
    }
    assert ros.trigger("snapshot")[0]
    requests = ros.node.create_publisher(String, f"/{NODE}/request", 1)

    def complete() -> bool:
        requests.publish(String(data="{}"))
        return all(each.messages for each in heard.values())

    ros.until("a message on every topic", complete)
    # Diagnostics are of no place.
    named = {
        frame
        for name, each in heard.items()
        if topics[name] is not DiagnosticArray
        for message in each.messages
        for frame in frames_of(message)
    }
    assert named <= reference.frames()
    assert reference.frames() <= named | set(LINKS), "neither a message nor the model has it"
