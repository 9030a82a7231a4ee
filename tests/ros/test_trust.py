"""Whom the node believes, and what it makes of text that others have written."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import String
from std_srvs.srv import Trigger

from dog import LATCHED, MOVE, Bridge, Driver, Heard, Ros, Sim, World, twist
from test_audio import write_wav

KEY = "00112233445566778899aabbccddeeff"
NUMBER = "B42D0000TEST0001"
# Longer than the half minute after which it is looked again.
PATIENCE = 60.0


def states_of(ros: Ros) -> Heard:
    """What the link says."""
    return ros.listen(String, "/go2_bridge/link_state", LATCHED)


def says(ros: Ros, states: Heard, name: str, limit: float = PATIENCE) -> str:
    """Waits until the link is in a state; what it says then."""
    in_state = lambda: next((m.data for m in states.messages if m.data.partition(":")[0] == name), None)  # noqa: E731
    return ros.until(f"the link to be {name}", in_state, limit)


@pytest.mark.parametrize("options", [("plain",), ("absent",), ("1",), ("2",), ("3", "--static-under-3")])
def test_a_key_that_was_set_is_the_only_one(world: World, ros: Ros, options: tuple[str, ...]) -> None:
    sim = world.sim("--generation", *options)
    states = states_of(ros)
    bridge = world.bridge(environment={"GO2_AES_128_KEY": KEY, "GO2_TOKEN": "a-token-of-the-account"})
    sentence = says(ros, states, "key_needed")
    assert "allow_other_keys" in sentence and "[GO2-KEY-UNPROVEN]" in sentence
    assert not sim.entries("offer"), "neither offer nor token went out"
    bridge.kill()
    states.clear()
    world.bridge("-p", "allow_other_keys:=true", environment={"GO2_AES_128_KEY": KEY, "GO2_TOKEN": "a-token"})
    says(ros, states, "live")
    assert [entry["has_token"] for entry in sim.entries("offer")] == [False]


def test_a_robot_of_another_serial_number_does_not_walk(world: World, ros: Ros) -> None:
    sim = world.sim()
    states = states_of(ros)
    world.bridge("-p", f"serial_number:={NUMBER}")
    Driver(ros, twist(0.3))
    sentence = says(ros, states, "refused")
    assert NUMBER in sentence and "B42D0000SIM00001" in sentence and "[GO2-OTHER-ROBOT]" in sentence
    ros.until("the end of the session", lambda: sim.entries("closed"))
    assert sim.entries("closed")[0]["reason"] == "the client left"
    assert not sim.requests(MOVE)


def test_the_robot_that_was_asked_for_walks(world: World, ros: Ros) -> None:
    sim = world.sim("--serial-number", NUMBER)
    bridge = world.bridge("-p", f"serial_number:={NUMBER}")
    ros.live()
    Driver(ros, twist(0.3))
    ros.until("a Move", sim.walks)
    ros.until("who it is", lambda: f", serial number {NUMBER}" in bridge.output())


def test_a_robot_that_tells_no_serial_number_is_warned_of_once(world: World, ros: Ros) -> None:
    sim = world.sim("--never-answers", "bashrunner")
    bridge = world.bridge("-p", f"serial_number:={NUMBER}")
    ros.live()
    Driver(ros, twist(0.3))
    ros.until("a Move", sim.walks)
    assert bridge.output().count("does not tell its serial number") == 1


@pytest.fixture
def odd(world: World) -> Sim:
    """A robot whose texts for people are full of control characters."""
    sim = world.sim("--control-port", "0")
    sim.control().begin("texts")
    return sim


def texts(value: Any) -> Iterator[str]:
    """All texts in a message."""
    if isinstance(value, str):
        yield value
    elif hasattr(value, "get_fields_and_field_types"):
        for field in value.get_fields_and_field_types():
            yield from texts(getattr(value, field))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def is_clean(text: str, longest: int) -> bool:
    """Whether it is one line without control characters, of bounded length."""
    # Control and format characters, separators of lines and paragraphs.
    return len(text) <= longest and not any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} for c in text)


def assert_log_is_clean(bridge: Bridge) -> None:
    """Each line is the node's own."""
    for line in bridge.log.read_bytes().decode().split("\n"):
        assert is_clean(line, 2500), line
        assert not line.startswith("[ERROR] [0.0]"), "forged"


def test_what_the_robot_calls_things_reaches_people_clean_and_short(world: World, ros: Ros, odd: Sim) -> None:
    bridge = world.bridge("-p", "raw_topics:=[rt/audiohub/player/state]")
    states, diagnostics = states_of(ros), ros.listen(DiagnosticArray, "/diagnostics")
    sounds = ros.listen(String, "/go2_bridge/audio/state", LATCHED)
    raw = ros.listen(String, "/go2_bridge/raw/rt/audiohub/player/state")
    says(ros, states, "live")
    # An odd name in it all: what the node has asked, and what the robot says by itself.
    ros.until("who it is", lambda: any("B42D0000SIM00001" in text for m in diagnostics.messages for text in texts(m)))
    ros.until("an error of the robot", lambda: "the robot reports: " in bridge.output())
    ros.until("what it plays, as it comes", lambda: raw.messages)
    upload, play = (ros.node.create_publisher(String, f"/go2_bridge/audio/{name}", 10) for name in ("upload", "play"))
    ros.until("listeners", lambda: upload.get_subscription_count() > 0 and play.get_subscription_count() > 0)
    upload.publish(String(data=str(write_wav(world.directory / "bark.wav"))))
    ros.until("the upload", lambda: any(m.data == "uploaded bark.wav" for m in sounds.messages))
    play.publish(String(data="no such\x1b[31m sound"))
    instead = "is not on the robot, which has: bark\\u{0}"
    ros.until("what there is instead", lambda: any(instead in m.data for m in sounds.messages))
    success, _ = ros.trigger("hello")
    assert isinstance(success, bool), "it answers"
    diagnostics.clear()
    ros.until("diagnostics", lambda: len(diagnostics.messages) > 1)
    for heard, longest in [(states, 1000), (diagnostics, 1000), (sounds, 1000)]:
        for message in heard.messages:
            assert all(is_clean(text, longest) for text in texts(message)), message
    # An object in a string, as robots send it.
    whole = json.loads(json.loads(raw.last.data))
    assert len(whole["play_state"]) > 3000, "programs get all of it"
    assert states.last.data == "live" and bridge.running()
    assert_log_is_clean(bridge)


HOW: list[tuple[Any, Callable[[str], bool]]] = [
    ({"offer": "odd_line"}, lambda state: state.startswith("backing_off")),
    ({"notify": {"body": "\x00\x1b[31m\u202e" * 1000}}, lambda state: state.startswith("backing_off")),
    ({"offer": {"candidates": {"at": "127.250.1.1:40000", "count": 1500}}}, lambda state: "64 KiB" in state),
]


@pytest.mark.parametrize(("mishap", "fits"), HOW, ids=["odd_line", "body", "candidates"])
def test_what_signaling_says_reaches_people_clean_and_short(
    world: World, ros: Ros, mishap: Any, fits: Callable[[str], bool]
) -> None:
    # After an answer that is of no use it waits for its client all the same.
    control = world.sim("--control-port", "0", "--lost-after", "4").control()
    begun = control.begin(mishap)
    states, diagnostics = states_of(ros), ros.listen(DiagnosticArray, "/diagnostics")
    bridge = world.bridge()
    ros.until("the failure", lambda: any(fits(message.data) for message in states.messages))
    ros.until("diagnostics", lambda: len(diagnostics.messages) > 2)
    for heard in (states, diagnostics):
        assert all(is_clean(text, 1000) for message in heard.messages for text in texts(message))
    control.end(begun)
    states.clear()
    says(ros, states, "live")
    assert_log_is_clean(bridge)
    assert isinstance(ros.call(Trigger, "/go2_bridge/stop", Trigger.Request()).success, bool)
