"""Settings of the robot as parameters: set, read back, set again, refused; what the robot says of itself."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_msgs.msg import String
from std_srvs.srv import SetBool

from dog import LATCHED, Bridge, Entry, Ros, Sim, World, service

OLD, NEW = ["--firmware", "old"], ["--firmware", "new"]
GET_MODE, SET_MODE, RELEASE_MODE = 1001, 1002, 1003


@dataclass
class Setting:
    """How a setting goes over the wire."""

    name: str
    value: Any
    service: str
    api_id: int
    parameter: dict[str, Any]
    # The api that reads it.
    read: int | None
    robot: list[str]


SETTINGS = [
    Setting("speed_level", 1, "sport", 1015, {"data": 1}, 1026, NEW),
    Setting("body_height", -0.1, "sport", 1013, {"data": -0.1}, 1024, OLD),
    Setting("foot_raise_height", 0.02, "sport", 1014, {"data": 0.02}, 1025, OLD),
    Setting("gait", 2, "sport", 1011, {"data": 2}, None, OLD),
    Setting("switch_joystick", False, "sport", 1027, {"data": False}, None, NEW),
    Setting("auto_recovery", True, "sport", 2054, {"data": True}, 2055, NEW),
    Setting("obstacle_avoidance", False, "obstacles_avoid", 1001, {"enable": False}, 1002, NEW),
    Setting("volume", 7, "vui", 1003, {"volume": 7}, 1004, NEW),
    Setting("brightness", 3, "vui", 1005, {"brightness": 3}, 1006, NEW),
    Setting("led_color", "red", "vui", 1007, {"color": "red", "time": 60}, None, NEW),
]


def asked(sim: Sim, name: str, *api_ids: int) -> list[Entry]:
    """The requests that a service of the robot got."""
    return [entry for entry in sim.entries("request") if service(entry) == name and entry["api_id"] in api_ids]


def told(sim: Sim, setting: Setting) -> list[Any]:
    """What the robot was told of a setting."""
    return [json.loads(entry["parameter"]) for entry in asked(sim, setting.service, setting.api_id)]


def shows(ros: Ros, name: str, value: Any) -> None:
    """Waits until a parameter has a value."""
    ros.until(f"{name} to be {value}", lambda: ros.get_parameters([name]) == {name: value})


def start(world: World, ros: Ros, robot: list[str], *parameters: str) -> tuple[Sim, Bridge]:
    """A robot, and the node with a live link to it once it has told its motion mode."""
    sim = world.sim(*robot)
    bridge = world.bridge(*(each for parameter in parameters for each in ("-p", parameter)))
    ros.live()
    ros.until("the motion mode", lambda: ros.get_parameters(["motion_mode"])["motion_mode"] is not None)
    return sim, bridge


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_goes_to_the_robot_and_is_read_back(world: World, ros: Ros, setting: Setting) -> None:
    sim, bridge = start(world, ros, setting.robot)
    assert told(sim, setting) == [], "nothing is set that nobody wants"
    reads = len(asked(sim, setting.service, setting.read)) if setting.read else 0
    assert ros.set_parameter(setting.name, setting.value).successful
    ros.until("the request", lambda: told(sim, setting) == [setting.parameter])
    if setting.read:
        ros.until("the reading", lambda: len(asked(sim, setting.service, setting.read or 0)) > reads)
    # Also while the robot tells its switches every second.
    ros.spin_for(1.5)
    assert ros.get_parameters([setting.name]) == {setting.name: setting.value}
    assert told(sim, setting) == [setting.parameter]
    assert "was asked for" not in bridge.output()


def test_settings_that_nobody_set_show_what_the_robot_has(world: World, ros: Ros) -> None:
    start(world, ros, OLD)
    for name, value in {
        "motion_mode": "normal",
        "volume": 5,
        "brightness": 0,
        "obstacle_avoidance": True,
        "speed_level": 0,
        "body_height": 0.0,
        "foot_raise_height": 0.0,
    }.items():
        shows(ros, name, value)
    # Not to be read, or not there.
    for name in ("gait", "switch_joystick", "led_color", "auto_recovery"):
        assert ros.get_parameters([name]) == {name: None}


def test_before_the_robot_is_there_nothing_is_made_up(world: World, ros: Ros) -> None:
    world.bridge("-p", "volume:=3")
    names = ["volume", "brightness", "obstacle_avoidance", "motion_mode"]
    assert list(ros.get_parameters(names).values()) == [3, None, None, None]


def test_bad_values_are_refused_with_the_reason(world: World, ros: Ros) -> None:
    sim, _ = start(world, ros, NEW)
    for name, value, reason in [
        ("volume", 11, "from 0 to 10"),
        ("volume", 2.5, "a whole number"),
        ("volume", "loud", "a whole number"),
        ("obstacle_avoidance", 1, "true or false"),
        ("led_color", "beige", '"cyan"'),
        ("motion_mode", "run", '"advanced"'),
        ("body_height", 0.5, "from -0.18 to 0.03"),
        ("body_height", 0.0, "motion mode mcf, and only normal or ai has body_height"),
    ]:
        result = ros.set_parameter(name, value)
        assert not result.successful and reason in result.reason, result.reason
    ros.spin_for(0.5)
    assert not asked(sim, "vui", 1003, 1007) and not asked(sim, "sport", 1013)
    # A whole number with a point is one.
    assert ros.set_parameter("volume", 3.0).successful
    shows(ros, "volume", 3)


def test_settings_of_a_robot_that_is_not_ready_yet_are_asked_for_again(world: World, ros: Ros) -> None:
    sim = world.sim(*NEW, "--not-ready-for", "6")
    first = world.bridge()
    states = ros.live()
    assert ros.trigger("balance_stand")[0]
    assert first.end(signal.SIGINT) == 0
    ros.until("the end", lambda: states.last.data != "live")
    ros.leave(states)
    # Now it stands when the session begins.
    bridge = world.bridge("-p", "speed_level:=1")
    ros.until("the setting", lambda: [e for e in asked(sim, "sport", 1015) if e["code"] == 0])
    codes = [entry["code"] for entry in asked(sim, "sport", 1015)]
    assert codes[-1] == 0 and set(codes[:-1]) == {3203}, codes
    shows(ros, "speed_level", 1)
    assert "was asked for" not in bridge.output()
    assert "not ready for it yet" in bridge.output()


def test_what_this_robot_lacks_is_told_when_it_was_set_at_start(world: World, ros: Ros) -> None:
    sim, bridge = start(world, ros, NEW, "body_height:=-0.1")
    ros.until("the warning", lambda: "only normal or ai has body_height" in bridge.output())
    shows(ros, "body_height", None)
    assert not asked(sim, "sport", 1013)


def test_a_refusal_is_told_and_the_robots_value_shown(world: World, ros: Ros) -> None:
    sim, bridge = start(world, ros, [*NEW, "--refuse", "vui:1003:3202"])
    assert ros.set_parameter("volume", 9).successful
    ros.until("the warning", lambda: "volume: 9 was asked for: the robot answers status 3202" in bridge.output())
    shows(ros, "volume", 5)
    ros.spin_for(0.5)
    assert len(asked(sim, "vui", 1003)) == 1, "not tried again"
    assert ros.set_parameter("volume", 8).successful
    ros.until("another try", lambda: len(asked(sim, "vui", 1003)) == 2)


SWITCHES = ("obstacle_avoidance", "switch_joystick", "auto_recovery")


def switch(ros: Ros, name: str, on: bool) -> tuple[bool, str]:
    """Calls the service of a switch."""
    answer = ros.call(SetBool, f"/go2_bridge/{name}", SetBool.Request(data=on))
    return answer.success, answer.message


def test_switches_have_services(world: World, ros: Ros) -> None:
    sim, _ = start(world, ros, [*NEW, "--refuse", "obstacles_avoid:1001:3202"])
    for setting in (each for each in SETTINGS if each.name in SWITCHES and each.service == "sport"):
        for on in (False, True):
            assert switch(ros, setting.name, on) == (True, "")
            assert told(sim, setting)[-1] == {"data": on}
            assert ros.get_parameters([setting.name]) == {setting.name: on}
    # Robots start with it on.
    success, message = switch(ros, "obstacle_avoidance", False)
    assert not success and "status 3202" in message
    shows(ros, "obstacle_avoidance", True)
    sim.kill()
    ros.until("the loss", lambda: switch(ros, "obstacle_avoidance", True)[1] == "not connected to the robot")


def test_switches_say_what_the_robot_lacks(world: World, ros: Ros) -> None:
    start(world, ros, OLD)
    success, message = switch(ros, "auto_recovery", True)
    assert not success and message.endswith("motion mode normal, and only mcf has auto_recovery")


def test_silence_is_told(world: World, ros: Ros) -> None:
    _, bridge = start(world, ros, [*NEW, "--never-answers", "vui"], "request_timeout:=0.5")
    assert ros.set_parameter("led_color", "blue").successful
    ros.until("the warning", lambda: "led_color: blue was asked for: the robot did not answer" in bridge.output())
    shows(ros, "led_color", None)


def test_the_newest_value_wins(world: World, ros: Ros) -> None:
    sim, _ = start(world, ros, [*NEW, "--answer-after", "300"])
    for volume in (1, 2, 3, 4):
        assert ros.set_parameter("volume", volume).successful
    ros.until("the newest", lambda: [{"volume": 4}] == told(sim, SETTINGS[7])[-1:])
    assert len(told(sim, SETTINGS[7])) <= 3
    ros.spin_for(1.5)
    assert ros.get_parameters(["volume"]) == {"volume": 4}


def test_settings_are_set_again_after_the_robot_was_restarted(world: World, ros: Ros) -> None:
    wishes = {"volume": 8, "speed_level": -1, "led_color": "green"}
    sim, _ = start(world, ros, NEW, *(f"{name}:={value}" for name, value in wishes.items()))
    for name, value in wishes.items():
        shows(ros, name, value)
    ros.until("the volume", lambda: asked(sim, "vui", 1003))
    state = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    sim.kill()
    ros.until("the loss", lambda: state.messages and state.last.data != "live")
    again = world.sim(*NEW)
    for name, api_id in (("vui", 1003), ("sport", 1015), ("vui", 1007)):
        ros.until("them to be set again", lambda name=name, api_id=api_id: asked(again, name, api_id))
    for name, value in wishes.items():
        shows(ros, name, value)


def test_what_the_robot_tells_by_itself_is_shown(world: World, ros: Ros) -> None:
    silent = [each for name in ("vui", "obstacles_avoid", "sport") for each in ("--never-answers", name)]
    start(world, ros, [*OLD, *silent], "request_timeout:=0.5")
    for name, value in {"volume": 5, "obstacle_avoidance": True, "body_height": 0.0, "speed_level": 0}.items():
        shows(ros, name, value)


def test_the_motion_mode_is_changed(world: World, ros: Ros) -> None:
    sim, bridge = start(world, ros, [*OLD, "--mode-switch-takes", "1"], "body_height:=-0.1")
    shows(ros, "motion_mode", "normal")
    assert ros.set_parameter("motion_mode", "normal").successful
    ros.spin_for(0.5)
    assert not asked(sim, "motion_switcher", SET_MODE), "it is in the mode already"
    heights = len(asked(sim, "sport", 1013))
    reads = len(asked(sim, "motion_switcher", GET_MODE))
    assert ros.set_parameter("motion_mode", "ai").successful
    ros.until("the reading back", lambda: len(asked(sim, "motion_switcher", GET_MODE)) >= reads + 2)
    (request,) = asked(sim, "motion_switcher", SET_MODE)
    assert json.loads(request["parameter"]) == {"name": "ai"}
    ros.until("settings in the new mode", lambda: len(asked(sim, "sport", 1013)) > heights)
    shows(ros, "motion_mode", "ai")
    assert "was asked for" not in bridge.output()


def test_a_robot_without_other_modes_is_never_asked_to_change(world: World, ros: Ros) -> None:
    # As from a parameter file: before the mode is known.
    sim, bridge = start(world, ros, NEW, "motion_mode:=normal")
    reason = "was asked for: not sent: the robot is in motion mode mcf"
    ros.until("the warning", lambda: f"motion_mode: normal {reason}" in bridge.output())
    shows(ros, "motion_mode", "mcf")
    assert ros.set_parameter("motion_mode", "ai").successful
    ros.until("the warning", lambda: f"motion_mode: ai {reason}" in bridge.output())
    assert "allow_mode_switch" in bridge.output()
    shows(ros, "motion_mode", "mcf")
    assert not asked(sim, "motion_switcher", SET_MODE, RELEASE_MODE)


def test_a_change_of_mode_can_be_allowed(world: World, ros: Ros) -> None:
    sim, bridge = start(world, ros, NEW)
    assert ros.set_parameter("allow_mode_switch", value=True).successful
    ros.until("the warning", lambda: "allow_mode_switch: changes of the motion mode go to every robot" in bridge.output())
    assert ros.set_parameter("motion_mode", "normal").successful
    ros.until("the refusal", lambda: "normal was asked for: the robot answers status 7004" in bridge.output())
    assert len(asked(sim, "motion_switcher", SET_MODE)) == 1
    assert "a change of the motion mode goes to the robot because it is allowed" in bridge.output()
    shows(ros, "motion_mode", "mcf")
    assert ros.set_parameter("allow_mode_switch", value=False).successful
    assert ros.set_parameter("motion_mode", "ai").successful
    ros.until("the warning", lambda: "ai was asked for: not sent" in bridge.output())
    assert len(asked(sim, "motion_switcher", SET_MODE)) == 1


def test_a_robot_that_does_not_name_its_mode_is_in_mcf(world: World, ros: Ros) -> None:
    start(world, ros, [*NEW, "--mode-name-empty"])
    shows(ros, "motion_mode", "mcf")


def test_the_robot_introduces_itself(world: World, ros: Ros) -> None:
    sim, bridge = start(world, ros, NEW)
    heard = ros.listen(DiagnosticArray, "/diagnostics")

    def entry(part: str) -> DiagnosticStatus | None:
        named = (each for message in heard.messages[-1:] for each in message.status)
        return next((each for each in named if each.name == f"/go2_bridge: {part}"), None)

    ros.until("the programs", lambda: (services := entry("services")) and services.values)
    robot, services = entry("robot"), entry("services")
    assert robot and services
    serial_number = "B42D0000SIM00001"
    assert {each.hardware_id for each in heard.last.status} == {f"GO2 {serial_number}"}
    values = {each.key: each.value for each in robot.values}
    assert values == {
        "motion mode": "mcf",
        "firmware version": "1.1.11",
        "software version": "1.1.11",
        "hardware version": "10",
        "serial number": serial_number,
        "sessions": "1",
    }
    assert (robot.level, robot.message) == (DiagnosticStatus.OK, "motion mode mcf")
    assert services.level == DiagnosticStatus.OK
    assert services.message == f"{len(services.values)} services"
    assert all(value.value.startswith(("running", "stopped")) for value in services.values)
    line = f"the robot: firmware 1.1.11, hardware 10, serial number {serial_number}, motion mode mcf"
    ros.until("the line", lambda: bridge.output().count(line) == 1)
    sim.kill()
    ros.until("the loss", lambda: (robot := entry("robot")) and robot.level == DiagnosticStatus.STALE)


def test_robots_that_do_not_introduce_themselves_are_no_trouble(world: World, ros: Ros) -> None:
    silent = [each for name in ("bashrunner", "robot_state") for each in ("--never-answers", name)]
    _, bridge = start(world, ros, [*NEW, *silent], "request_timeout:=0.5")
    heard = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("the line", lambda: "the robot: motion mode mcf" in bridge.output())
    ros.until("diagnostics", lambda: heard.messages)
    entries = {each.name.removeprefix("/go2_bridge: "): each for each in heard.last.status}
    assert entries["services"].level == entries["robot"].level == DiagnosticStatus.OK
    assert not entries["services"].values
    assert entries["robot"].hardware_id == f"GO2 {world.address}"
    assert "WARN" not in bridge.output()
