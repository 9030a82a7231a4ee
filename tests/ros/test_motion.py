"""cmd_vel, and how the robot comes to a stop whatever happens."""

from __future__ import annotations

import math
import signal
import time

import pytest
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry

from dog import MOVE, STOP_MOVE, Bridge, Driver, Ros, Sim, World, ends_stopped, twist, velocity

FORWARD = twist(x=0.5, y=0.1, yaw=0.25)
WANTED = (0.5, 0.1, 0.25)
STILL = (0.0, 0.0, 0.0)


def drive(ros: Ros, sim: Sim, command: Twist = FORWARD) -> Driver:
    """Drives until the robot has heard of it."""
    assert ros.trigger("balance_stand") == (True, "")
    driver = Driver(ros, command)
    ros.until("a Move", sim.moves)
    return driver


@pytest.mark.usefixtures("bridge")
def test_commands_arrive_at_20_hz_as_they_were_given(ros: Ros, sim: Sim) -> None:
    drive(ros, sim)
    ros.until("twenty Moves", lambda: len(sim.moves()) >= 20)
    assert set(sim.moves()) == {WANTED}
    times = [entry["t"] for entry in sim.requests(MOVE)]
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(20, abs=6)


@pytest.mark.usefixtures("bridge")
def test_the_robot_walks(ros: Ros, sim: Sim) -> None:
    odometry = ros.listen(Odometry, "odom")
    ros.until("the odometry", lambda: odometry.messages)
    drive(ros, sim, twist(x=0.8))
    ros.until("half a metre", lambda: odometry.last.pose.pose.position.x > 0.5)


@pytest.mark.usefixtures("bridge")
def test_speeds_are_limited(ros: Ros, sim: Sim) -> None:
    drive(ros, sim, twist(x=9, y=-9, yaw=9))
    assert set(sim.moves()) == {(1.0, -0.5, 1.5)}


@pytest.mark.usefixtures("bridge")
def test_zero_is_a_command(ros: Ros, sim: Sim) -> None:
    driver = drive(ros, sim)
    driver.command = twist()
    so_far = sim.now()
    ros.until("zeros", lambda: sim.moves(so_far).count(STILL) >= 10)
    assert not sim.requests(STOP_MOVE), "zeros keep coming: nobody has gone"
    moves = sim.moves(so_far)
    assert set(moves[moves.index(STILL) :]) == {STILL}


@pytest.mark.usefixtures("bridge")
def test_a_command_that_goes_stale_ends_in_zeros_and_stop_move(ros: Ros, sim: Sim) -> None:
    driver = drive(ros, sim)
    driver.stop_publishing()
    left = time.time()
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE))
    assert ends_stopped(sim.requests())
    zero = next(entry for entry in sim.requests(MOVE) if velocity(entry) == STILL)
    # cmd_vel_timeout is 0.3 s; the rest is for a busy machine.
    assert 0.2 < zero["t"] - left < 0.8
    assert sim.requests(STOP_MOVE)[0]["t"] - zero["t"] < 0.6
    assert sim.requests(STOP_MOVE)[0]["priority"] == 1
    so_far = sim.now()
    ros.spin_for(0.5)
    assert sim.now() == so_far, "and then there is silence"


@pytest.mark.usefixtures("bridge")
def test_the_timeout_is_a_parameter(ros: Ros, sim: Sim) -> None:
    assert ros.set_parameter("cmd_vel_timeout", 1.5).successful
    driver = drive(ros, sim)
    driver.stop_publishing()
    left = time.time()
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE))
    zero = next(entry for entry in sim.requests(MOVE) if velocity(entry) == STILL)
    assert 1.3 < zero["t"] - left < 2.0


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.usefixtures("bridge")
def test_what_is_not_a_number_is_not_sent(ros: Ros, sim: Sim, number: float) -> None:
    driver = Driver(ros, twist(x=0.5, yaw=number))
    ros.spin_for(0.5)
    assert not sim.moves()
    driver.command = FORWARD
    ros.until("a Move", sim.moves)
    driver.command = twist(x=number)
    ros.until("the last good command to go stale", lambda: ends_stopped(sim.requests()))
    assert set(sim.moves()) == {WANTED, STILL}


def test_stamped_commands(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "enable_stamped_cmd_vel:=true")
    ros.live()
    driver = Driver(ros, TwistStamped(twist=FORWARD))
    ros.until("Moves", lambda: len(sim.moves()) > 5)
    assert set(sim.moves()) == {WANTED}
    driver.stop_publishing()
    ros.until("the end of the walk", lambda: ends_stopped(sim.requests()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_robot_stops_when_the_node_is_ended(bridge: Bridge, ros: Ros, sim: Sim, how: signal.Signals) -> None:
    drive(ros, sim)
    assert bridge.end(how) == 0
    ros.until("the end of the session", lambda: sim.entries("closed"))
    assert ends_stopped(sim.requests())
    assert sim.entries("closed")[-1]["reason"] == "the client left"


def test_a_node_that_never_walked_tells_the_robot_nothing(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    assert bridge.end(signal.SIGTERM) == 0
    ros.until("the end of the session", lambda: sim.entries("closed"))
    assert sim.requests() == []


def test_a_connection_lost_while_walking_is_made_again_and_the_robot_stopped(
    bridge: Bridge, world: World, ros: Ros, sim: Sim
) -> None:
    driver = drive(ros, sim)
    states = ros.live()
    sim.kill()
    driver.stop_publishing()
    ros.until("the loss to be noticed", lambda: states.last.data != "live")
    again = world.sim()
    ros.until("the link to be live again", lambda: states.last.data == "live")
    ros.until("the stop", lambda: ends_stopped(again.requests()))
    assert set(again.moves()) == {STILL}
    assert bridge.running()
