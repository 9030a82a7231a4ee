"""The node's services answer what the robot answered."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import GetParameters
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger

from dog import STOP_MOVE, Bridge, Driver, Ros, Sim, World, ends_stopped, twist

# Service, api id, height of the trunk that it ends in.
POSTURES = [
    ("stand_up", 1004, 0.314),
    ("balance_stand", 1002, 0.337),
    ("recovery_stand", 1006, 0.337),
    ("stand_down", 1005, 0.054),
    ("damp", 1001, 0.054),
]


@pytest.mark.parametrize(("service", "api_id", "height"), POSTURES)
@pytest.mark.usefixtures("bridge")
def test_postures(ros: Ros, sim: Sim, service: str, api_id: int, height: float) -> None:
    odometry = ros.listen(Odometry, "odom")
    if height < 0.1:
        assert ros.trigger("stand_up")[0]
        ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.3)
    so_far = sim.now()
    success, message = ros.trigger(service)
    assert success and ("4 to 10 s" in message if service == "stand_up" else message == "")
    (request,) = ros.until("the robot's log of it", lambda: sim.requests(since=so_far))
    assert request["api_id"] == api_id
    assert request["answered"]
    # Damp must not wait behind anything.
    assert (request["priority"] == 1) == (service == "damp")

    def is_there() -> bool:
        return bool(odometry.messages) and abs(odometry.last.pose.pose.position.z - height) < 0.01

    ros.until("the robot to take the posture", is_there)


@pytest.mark.usefixtures("bridge")
def test_stop_is_zeros_and_stop_move(ros: Ros, sim: Sim) -> None:
    assert ros.trigger("stop") == (True, "")
    assert ends_stopped(sim.requests())


@pytest.mark.usefixtures("bridge")
def test_stop_while_walking(ros: Ros, sim: Sim) -> None:
    driver = Driver(ros, twist(x=0.5))
    ros.until("Moves", lambda: len(sim.moves()) > 3)
    driver.stop_publishing()
    so_far = sim.now()
    assert ros.trigger("stop") == (True, "")
    assert ends_stopped(sim.requests())
    # At once, not only when the command is stale.
    assert sim.moves(so_far).count((0.5, 0.0, 0.0)) <= 3


@pytest.mark.usefixtures("bridge")
def test_stop_is_answered_while_something_keeps_driving(ros: Ros, sim: Sim) -> None:
    Driver(ros, twist(x=0.5))
    ros.until("Moves", lambda: len(sim.moves()) > 3)
    so_far = sim.now()
    assert ros.trigger("stop") == (True, "")
    assert sim.requests(STOP_MOVE, since=so_far)
    assert (0.0, 0.0, 0.0) in sim.moves(so_far)


def test_a_stop_of_a_robot_that_stands_ready_warns_of_nothing(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    """Real robots tell mode code 100 after recovery_stand, which older ones told of free_walk."""
    odometry = ros.listen(Odometry, "odom")
    assert ros.trigger("recovery_stand") == (True, "")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.3)
    driver = Driver(ros, twist(x=0.3))
    ros.until("the robot to walk", lambda: odometry.last.twist.twist.linear.x > 0.2)
    driver.stop_publishing()
    assert ros.trigger("stop") == (True, "")
    assert ends_stopped(sim.requests())
    assert "free_walk" not in bridge.output()


def test_nothing_follows_damp(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    assert ros.trigger("balance_stand") == (True, "")
    Driver(ros, twist(x=0.5))
    ros.until("Moves", lambda: len(sim.moves()) > 3)
    assert ros.trigger("damp") == (True, "")
    so_far = sim.now()
    # Neither the commands that go on, nor a stop on the way out: it could make a limp robot stand.
    ros.spin_for(0.5)
    assert bridge.end(signal.SIGINT) == 0
    assert sim.requests(of="sport")[-1]["api_id"] == 1001
    assert not any(map(any, sim.moves(so_far)))


def test_a_damp_that_is_not_answered_ends_in_a_stop(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "request_timeout:=0.5")
    ros.live()
    sim.freeze()
    so_far = sim.now()
    success, _ = ros.trigger("damp")
    assert not success
    ros.spin_for(0.5)
    sim.thaw()
    ros.until("a stop", lambda: sim.requests(1003, since=so_far))


def test_without_a_robot_services_say_so(world: World, ros: Ros) -> None:
    world.bridge()
    for service in ("stand_up", "damp", "stop"):
        assert ros.trigger(service) == (False, "not connected to the robot")


def test_a_robot_that_does_not_answer(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "request_timeout:=0.5")
    ros.live()
    sim.freeze()
    success, message = ros.trigger("snapshot")
    assert not success
    assert message.startswith("the robot did not answer within 0.5 s; its firmware may not have")


def test_a_robot_that_is_gone(bridge: Bridge, sim: Sim, ros: Ros) -> None:
    states = ros.live()
    sim.kill()
    ros.until("the loss to be noticed", lambda: states.last.data.startswith("backing_off"))
    assert ros.trigger("stand_up") == (False, "not connected to the robot")
    assert bridge.running() and not sim.walks()


def calls(ros: Ros, kind: Any, service: str, requests: list[Any]) -> list[Any]:
    """Calls a service so many times at once; the answers, in the order of the calls. This end can hold them all."""
    client = ros.node.create_client(kind, f"/go2_bridge/{service}", qos_profile=QoSProfile(depth=2 * len(requests)))
    ros.until(f"the service {service}", client.service_is_ready)
    answers = [client.call_async(request) for request in requests]
    ros.until(f"all answers of {service}", lambda: all(answer.done() for answer in answers), 60)
    ros.node.destroy_client(client)
    return [answer.result() for answer in answers]


@pytest.mark.parametrize("count", [50, 200])
@pytest.mark.usefixtures("bridge")
def test_any_number_of_calls_at_once_are_all_answered(ros: Ros, sim: Sim, count: int) -> None:
    so_far = sim.now()
    for service in ("stop", "balance_stand", "snapshot", "audio/list"):
        answers = calls(ros, Trigger, service, [Trigger.Request()] * count)
        assert {answer.message for answer in answers if not answer.success} == set(), service
    # Who waits together is answered together: the robot does not stand up two hundred times.
    assert len(sim.requests(1002, since=so_far)) < 20


@pytest.mark.parametrize("count", [50, 200])
@pytest.mark.usefixtures("bridge")
def test_of_switches_that_are_called_at_once_the_last_counts(ros: Ros, sim: Sim, count: int) -> None:
    requests = [SetBool.Request(data=number % 2 == 1) for number in range(count)]
    answers = calls(ros, SetBool, "auto_recovery", requests)
    assert answers[-1].success, answers[-1].message
    others = {answer.message for answer in answers if not answer.success}
    assert others == {"not done: a newer call asks for the opposite"}
    assert ros.get_parameters(["auto_recovery"]) == {"auto_recovery": True}
    assert len(sim.requests(2054)) < 20


@pytest.mark.usefixtures("bridge")
def test_many_parameters_are_read_at_once(ros: Ros) -> None:
    requests = [GetParameters.Request(names=["robot_ip"])] * 50
    answers = calls(ros, GetParameters, "get_parameters", requests)
    assert all(len(answer.values) == 1 for answer in answers)


def test_more_calls_than_can_wait_are_refused(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "request_timeout:=5.0")
    ros.live()
    sim.freeze()  # the first call has to wait, and so all others
    answers = calls(ros, Trigger, "snapshot", [Trigger.Request()] * 400)
    refused = [answer.message for answer in answers if "256 calls wait already" in answer.message]
    assert 100 < len(refused) < 144 + 1
    assert not any(answer.success for answer in answers)
