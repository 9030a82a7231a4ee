"""~/hold: nobody walks the robot, by whichever way, until it is released."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool

from dog import LATCHED, MOVE, STOP_MOVE, Driver, Heard, Ros, Sim, World, ends_stopped, is_move, twist, velocity

LEAD_FOLLOW = 2056
STICKS = "rt/wirelesscontroller"
FORWARD = {"lx": 0, "ly": 1, "rx": 0, "ry": 0, "keys": 0}
ACROBATICS = ["-p", "allow_acrobatics:=true", "-p", f"raw_topics:=['{STICKS}']"]
# For as long as a Move of somebody who goes on would be walked in it.
GOES_ON = 1.0


def set_bool(ros: Ros, name: str, on: bool) -> tuple[bool, str]:
    """Calls one of the node's services that take true or false."""
    answer = ros.call(SetBool, f"/go2_bridge/{name}", SetBool.Request(data=on))
    return answer.success, answer.message


def hold(ros: Ros, on: bool = True) -> tuple[bool, str]:
    """Holds the robot, or releases it."""
    return set_bool(ros, "hold", on)


def stand(ros: Ros) -> Heard:
    """Has the robot stand, ready to walk; its odometry."""
    odometry = ros.listen(Odometry, "odom")
    assert ros.trigger("balance_stand") == (True, "")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.33)
    ros.spin_for(0.2)
    return odometry


def walked(sim: Sim, since: int = 0) -> list[Any]:
    """All by which the robot was told to walk: velocities, and modes in which it walks by itself."""
    moves = [entry for entry in sim.walks(since) if any(velocity(entry))]
    modes = [entry for entry in sim.requests(LEAD_FOLLOW, 1018, 1031, since=since) if "false" not in entry["parameter"]]
    return moves + modes


def pushed(sim: Sim) -> list[Any]:
    """Sticks that are not at rest."""
    return [entry for entry in sim.entries("sticks") if any(entry[axis] for axis in ("lx", "ly", "rx", "ry"))]


class Asker:
    """Asks by ~/request, and waits for the answer."""

    def __init__(self, ros: Ros) -> None:
        self._ros = ros
        self._answers = ros.listen(String, "/go2_bridge/response")
        self._publisher = ros.node.create_publisher(String, "/go2_bridge/request", 10)
        self._numbers = itertools.count()
        ros.until("a listener", lambda: self._publisher.get_subscription_count() > 0)

    def ask(self, api_id: int, parameter: Any = "", of: str = "sport") -> dict[str, Any]:
        """The answer to one request."""
        number = next(self._numbers)
        request = {"id": number, "service": of, "api_id": api_id, "parameter": parameter}
        self._publisher.publish(String(data=json.dumps(request)))

        def answer() -> dict[str, Any] | None:
            read = [json.loads(message.data) for message in self._answers.messages]
            return next((each for each in read if each["id"] == number), None)

        found = self._ros.until("the answer", answer)
        assert found is not None
        return found


def position(odometry: Heard) -> tuple[float, float]:
    """Where the robot is."""
    at = odometry.last.pose.pose.position
    return at.x, at.y


def stays(ros: Ros, odometry: Heard, act: Callable[[], Any]) -> None:
    """Holds against the robot that it stays where it is, whatever is done."""
    x, y = position(odometry)
    act()
    ros.spin_for(0.3)
    # Whoever walks by 0.2 m/s for a second is farther; odometry of a standing robot drifts.
    assert abs(position(odometry)[0] - x) < 0.05 and abs(position(odometry)[1] - y) < 0.05


@pytest.mark.parametrize("path", ["auto", "move", "avoid", "sticks"])
def test_cmd_vel_is_not_followed_by_any_path_and_after_the_release_only_after_letting_go(
    world: World, ros: Ros, sim: Sim, path: str
) -> None:
    bridge = world.bridge("-p", f"command_path:={path}")
    ros.live()
    odometry = stand(ros)
    assert hold(ros) == (True, "")
    since = sim.now()
    driver = Driver(ros, twist(x=0.5))
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    # As Nav2 does between two tries.
    driver.command = twist()
    ros.spin_for(0.5)
    driver.command = twist(x=0.5)
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    assert not walked(sim, since) and not pushed(sim)
    assert "cmd_vel is ignored: the robot is held: release ~/hold" in bridge.output()

    assert hold(ros, False) == (True, "")
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    assert not walked(sim, since) and not pushed(sim), "it has gone on all the time"
    driver.stop_publishing()
    ros.spin_for(0.6)
    driver.command = twist(x=0.5)
    ros.until("a walk", lambda: odometry.last.twist.twist.linear.x > 0.2)


def test_requests_sticks_and_modes_are_refused_and_what_does_not_walk_is_not(world: World, ros: Ros, sim: Sim) -> None:
    bridge = world.bridge(*ACROBATICS)
    ros.live()
    odometry = stand(ros)
    asker = Asker(ros)
    sticks = ros.node.create_publisher(String, f"/go2_bridge/raw/{STICKS}/publish", 10)
    ros.until("a listener", lambda: sticks.get_subscription_count() > 0)
    assert hold(ros) == (True, "")
    since = sim.now()

    def act() -> None:
        for api_id, parameter, of in [
            (MOVE, {"x": 0.3, "y": 0, "z": 0}, "sport"),
            (1003, {"x": 0.3, "y": 0, "yaw": 0, "mode": 0}, "obstacles_avoid"),
            (1018, [], "sport"),
            (LEAD_FOLLOW, {"data": True}, "sport"),
            (1301, "", "sport"),
            (1001, "", "uwbswitch"),
        ]:
            answer = asker.ask(api_id, parameter, of)
            assert not answer["ok"] and "the robot is held" in answer["error"], answer
            assert "~/hold" in answer["error"]
        for name in ("lead_follow", "free_walk", "rage_mode"):
            success, message = set_bool(ros, name, True)
            assert not success and "the robot is held" in message and "~/hold" in message
        success, message = ros.trigger("front_jump")
        assert not success and "the robot is held" in message
        for _ in range(20):
            sticks.publish(String(data=json.dumps(FORWARD)))
            ros.spin_for(0.05)

    stays(ros, odometry, act)
    ros.until("a word about the sticks", lambda: f"a message for {STICKS} was not sent" in bridge.output())
    assert not walked(sim, since) and not pushed(sim)
    assert not sim.requests(1301, 2045, 2059, since=since)

    assert asker.ask(MOVE, {"x": 0, "y": 0, "z": 0})["ok"]
    assert asker.ask(STOP_MOVE)["ok"]
    assert asker.ask(LEAD_FOLLOW, {"data": False})["ok"]
    assert asker.ask(1004, of="vui")["ok"]
    assert ros.trigger("hello") == (True, "")
    assert ros.set_parameter("volume", 3).successful

    assert hold(ros, False) == (True, "")
    ros.until("the mode", lambda: set_bool(ros, "lead_follow", True)[0])
    sticks.publish(String(data=json.dumps(FORWARD)))
    ros.until("sticks", lambda: pushed(sim))


@pytest.mark.parametrize("how", ["crash", "close_channel"])
def test_it_holds_across_a_reconnect(world: World, ros: Ros, how: str) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge()
    states = ros.live()
    odometry = stand(ros)
    assert hold(ros) == (True, "")
    since = sim.now()
    driver = Driver(ros, twist(x=0.5))
    sim.control().begin(how, **({"for_": 1.0} if how == "crash" else {"times": 1}))
    ros.until("the loss", lambda: states.last.data != "live")
    ros.until("another session", lambda: states.last.data == "live" and len(sim.entries("validated")) == 2, limit=40)
    odometry.clear()
    ros.until("the robot", lambda: odometry.messages)
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    success, message = set_bool(ros, "lead_follow", True)
    assert not success and "the robot is held" in message
    assert not walked(sim, since)
    assert hold(ros, False) == (True, "")
    driver.stop_publishing()
    ros.spin_for(0.6)
    driver.command = twist(x=0.5)
    ros.until("a walk", lambda: odometry.last.twist.twist.linear.x > 0.2)


@pytest.mark.usefixtures("bridge")
def test_a_hold_stops_a_walk(ros: Ros, sim: Sim) -> None:
    odometry = stand(ros)
    Driver(ros, twist(x=0.5))
    ros.until("a walk", lambda: odometry.last.twist.twist.linear.x > 0.3)
    assert hold(ros) == (True, "")
    assert ends_stopped([entry for entry in sim.requests() if is_move(entry) or entry["api_id"] == STOP_MOVE])
    ros.spin_for(0.2)
    assert abs(odometry.last.twist.twist.linear.x) < 0.05


@pytest.mark.usefixtures("bridge")
def test_a_hold_ends_a_mode_that_walks_by_itself(ros: Ros, sim: Sim) -> None:
    odometry = stand(ros)
    assert set_bool(ros, "lead_follow", True) == (True, "")
    ros.until("it to walk", lambda: odometry.last.twist.twist.linear.x > 0.15)
    since = sim.now()
    assert hold(ros) == (True, "")
    told = [entry["api_id"] for entry in sim.requests(since=since, of="sport") if not is_move(entry)]
    assert told == [STOP_MOVE, LEAD_FOLLOW]


@pytest.mark.usefixtures("bridge")
def test_damp_and_lying_down_work_under_a_hold(ros: Ros, sim: Sim) -> None:
    odometry = stand(ros)
    assert hold(ros) == (True, "")
    assert ros.trigger("stand_down") == (True, "")
    ros.until("the robot to lie", lambda: odometry.last.pose.pose.position.z < 0.07)
    assert ros.trigger("stop") == (True, "")
    assert ros.trigger("balance_stand") == (True, "")
    ros.until("the robot to stand", lambda: odometry.last.pose.pose.position.z > 0.33)
    assert ros.trigger("damp") == (True, "")
    since = sim.now()
    ros.until("the robot to fall", lambda: odometry.last.pose.pose.position.z < 0.07)
    # What is held already is told nothing more: a StopMove could make a limp robot stand.
    assert hold(ros) == (True, "")
    ros.spin_for(0.5)
    assert not sim.requests(since=since, of="sport")


def test_it_is_told_and_can_be_set_before_the_robot_is_there(world: World, ros: Ros) -> None:
    world.bridge()
    held = ros.listen(Bool, "/go2_bridge/held", LATCHED)
    reports = ros.listen(DiagnosticArray, "/diagnostics")
    ros.until("the state", lambda: [each.data for each in held.messages] == [False])
    success, message = hold(ros)
    assert success and message == "the robot is held; not connected to the robot"
    ros.until("the state", lambda: [each.data for each in held.messages] == [False, True])
    late = ros.listen(Bool, "/go2_bridge/held", LATCHED)
    ros.until("the state for who comes late", lambda: [each.data for each in late.messages] == [True])

    def told() -> tuple[bytes, str] | None:
        found = [each for report in reports.messages[-1:] for each in report.status if each.name.endswith(": hold")]
        return (found[0].level, found[0].message) if found else None

    ros.until("a warning", lambda: told() is not None and told()[0] == b"\x01" and "~/hold" in told()[1])
    sim = world.sim()
    ros.live()
    odometry = stand(ros)
    Driver(ros, twist(x=0.5))
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    assert not walked(sim)
    assert hold(ros, False) == (True, "")
    ros.until("all well", lambda: told() == (b"\x00", "not held"))
    assert held.last.data is False


def test_a_hold_that_does_not_stop_the_robot_says_so_and_holds(world: World, ros: Ros) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge()
    ros.live()
    odometry = stand(ros)
    # On the spot, so that no wall ends it.
    driver = Driver(ros, twist(yaw=0.8))
    ros.until("a turn", lambda: odometry.last.twist.twist.angular.z > 0.5)
    runs = sim.control().begin("runaway")
    success, message = hold(ros)
    assert not success
    assert message.startswith("the robot is held, but: still moving: call ~/damp if it is safe"), message
    sim.control().end(runs)
    assert ros.trigger("stop") == (True, "")
    since = sim.now()
    driver.stop_publishing()
    ros.spin_for(0.5)
    driver.command = twist(x=0.5)
    stays(ros, odometry, lambda: ros.spin_for(GOES_ON))
    assert not walked(sim, since)
