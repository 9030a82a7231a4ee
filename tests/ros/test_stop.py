"""~/stop, and what ends with it: modes that walk by themselves; and a stop that does not stop the robot."""

from __future__ import annotations

import signal
import time

import pytest
from std_srvs.srv import Trigger

from dog import STOP_MOVE, Bridge, Driver, Ros, Sim, World, ends_stopped, is_move, twist, velocity
from test_hold import LEAD_FOLLOW, Asker, set_bool, stand

FREE_WALK, RAGE_MODE = 2045, 2059
OFF = '{"data":false}'
# Told to end while nobody watches, a robot on two legs, on stairs or in mid-air could fall.
NEVER_ENDED = {"walk_stair": 1049, "free_bound": 2046, "free_jump": 2047, "hand_stand": 2044, "back_stand": 2050, "pose": 1028}


def sport(sim: Sim, since: int = 0) -> list[tuple[int, str]]:
    """What the sport service was told beside velocities."""
    told = sim.requests(since=since, of="sport")
    return [(entry["api_id"], entry["parameter"]) for entry in told if not is_move(entry)]


@pytest.mark.parametrize("by", ["service", "request"])
@pytest.mark.parametrize(("mode", "api_id"), [("lead_follow", LEAD_FOLLOW), ("free_walk", FREE_WALK)])
@pytest.mark.usefixtures("bridge")
def test_a_stop_ends_a_mode_that_walks_by_itself(ros: Ros, sim: Sim, mode: str, api_id: int, by: str) -> None:
    odometry = stand(ros)
    if by == "service":
        assert set_bool(ros, mode, True) == (True, "")
    else:
        assert Asker(ros).ask(api_id, {"data": True})["ok"]
    if mode == "lead_follow":
        ros.until("it to walk", lambda: odometry.last.twist.twist.linear.x > 0.15)
    since = sim.now()
    assert ros.trigger("stop") == (True, "")
    assert sport(sim, since) == [(STOP_MOVE, ""), (api_id, OFF)], "after zeros and StopMove"
    assert [velocity(entry) for entry in sim.walks(since)] == [(0.0, 0.0, 0.0)] * 4
    ros.spin_for(0.2)
    assert abs(odometry.last.twist.twist.linear.x) < 0.05
    since = sim.now()
    assert ros.trigger("stop") == (True, "")
    assert sport(sim, since) == [(STOP_MOVE, "")], "it was ended"


@pytest.mark.usefixtures("bridge")
def test_free_walk_that_somebody_else_switched_on_is_left_alone(world: World, ros: Ros, sim: Sim, bridge: Bridge) -> None:
    """The robot tells the same code, 100, when it just stands."""
    stand(ros)
    assert set_bool(ros, "free_walk", True) == (True, "")
    bridge.kill()
    ros.until("the end of the session", lambda: sim.entries("closed"), limit=40)
    world.bridge()
    ros.live()
    since = sim.now()
    assert ros.trigger("stop") == (True, "")
    assert sport(sim, since) == [(STOP_MOVE, "")]


@pytest.mark.usefixtures("sim")
def test_modes_whose_end_has_to_be_watched_are_never_ended(world: World, ros: Ros, sim: Sim) -> None:
    bridge = world.bridge("-p", "allow_acrobatics:=true")
    ros.live()
    stand(ros)
    for mode, api_id in NEVER_ENDED.items():
        ros.until(f"the robot to take {mode}", lambda mode=mode: set_bool(ros, mode, True)[0])
        ros.spin_for(0.3)
        since = sim.now()
        success, message = ros.trigger("stop")
        assert success and (mode == "pose" or f"still in {mode}" in message), (mode, message)
        assert sport(sim, since) == [(STOP_MOVE, "")], mode
        assert set_bool(ros, mode, False)[0]
        assert sport(sim, since)[-1] == (api_id, OFF)
        ros.spin_for(0.3)
    ros.until("the robot to take a mode", lambda: set_bool(ros, "free_bound", True)[0])
    ros.spin_for(0.3)
    since = sim.now()
    assert bridge.end(signal.SIGINT) == 0
    assert (2046, OFF) not in sport(sim, since)


def test_rage_mode_is_ended_once_the_robot_stands(world: World, ros: Ros, sim: Sim) -> None:
    world.bridge("-p", "allow_acrobatics:=true")
    ros.live()
    odometry = stand(ros)
    ros.until("rage", lambda: set_bool(ros, "rage_mode", True)[0])
    Driver(ros, twist(x=1.0))
    ros.until("a run", lambda: odometry.last.twist.twist.linear.x > 0.6)
    since = sim.now()
    stopped = time.time()
    assert ros.trigger("stop")[0]
    ros.until("its end", lambda: (RAGE_MODE, OFF) in sport(sim, since))
    assert sport(sim, since) == [(STOP_MOVE, ""), (RAGE_MODE, OFF)]
    ended = next(entry["t"] for entry in sim.requests(RAGE_MODE, since=since))
    # From 0.6 m/s it takes longer than the stop itself, which is 0.15 s of zeros.
    assert ended - stopped > 0.5


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("mode", "api_id"), [("lead_follow", LEAD_FOLLOW), ("free_walk", FREE_WALK)])
def test_the_end_of_the_node_ends_a_mode_that_walks_by_itself(
    bridge: Bridge, ros: Ros, sim: Sim, how: signal.Signals, mode: str, api_id: int
) -> None:
    stand(ros)
    assert set_bool(ros, mode, True) == (True, "")
    since, began = sim.now(), time.time()
    assert bridge.end(how) == 0
    ros.until("the end of the session", lambda: sim.entries("closed"))
    assert sport(sim, since) == [(STOP_MOVE, ""), (api_id, OFF)]
    told = [entry for entry in sim.requests(since=since) if is_move(entry) or entry["api_id"] == STOP_MOVE]
    assert ends_stopped(told)
    assert sim.requests(api_id, since=since)[-1]["t"] - began < 1.0
    assert "stays in" not in bridge.output()


def test_the_end_of_the_node_does_not_wait_for_a_mode_to_end(world: World, ros: Ros) -> None:
    sim = world.sim("--never-answers", f"sport:{LEAD_FOLLOW}")
    bridge = world.bridge("-p", "request_timeout:=0.5")
    ros.live()
    stand(ros)
    # Nobody knows whether it has begun: it is ended.
    assert not set_bool(ros, "lead_follow", True)[0]
    since, began = sim.now(), time.monotonic()
    assert bridge.end(signal.SIGINT) == 0
    assert time.monotonic() - began < 2.0
    assert sport(sim, since) == [(STOP_MOVE, ""), (LEAD_FOLLOW, OFF)]


@pytest.mark.parametrize("by", ["cmd_vel", "lead_follow"])
def test_a_stop_of_a_robot_that_walks_on_is_no_success(world: World, ros: Ros, by: str) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge()
    ros.live()
    odometry = stand(ros)
    if by == "cmd_vel":
        # On the spot, so that no wall ends it.
        driver = Driver(ros, twist(yaw=0.8))
        ros.until("a turn", lambda: odometry.last.twist.twist.angular.z > 0.5)
    else:
        assert set_bool(ros, "lead_follow", True) == (True, "")
        ros.until("it to walk", lambda: odometry.last.twist.twist.linear.x > 0.15)
    sim.control().begin("runaway")
    if by == "cmd_vel":
        driver.stop_publishing()
    began = time.monotonic()
    success, message = ros.trigger("stop")
    assert not success and message.startswith("still moving: call ~/damp if it is safe"), message
    assert time.monotonic() - began < 4.0
    moving = odometry.last.twist.twist
    assert moving.linear.x > 0.1 or moving.angular.z > 0.5
    assert sim.requests(STOP_MOVE), "it was told"
    assert ros.trigger("damp") == (True, "")
    ros.until("it to lie", lambda: odometry.last.pose.pose.position.z < 0.06)
    assert ros.trigger("stop") == (True, "")


def test_a_stop_does_not_wait_for_the_one_before_to_succeed(world: World, ros: Ros) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge()
    ros.live()
    odometry = stand(ros)
    Driver(ros, twist(yaw=0.8))
    ros.until("a turn", lambda: odometry.last.twist.twist.angular.z > 0.5)
    sim.control().begin("runaway")
    clients = [ros.node.create_client(Trigger, "/go2_bridge/stop") for _ in range(2)]
    ros.until("the service", lambda: all(client.service_is_ready() for client in clients))
    first = clients[0].call_async(Trigger.Request())
    ros.until("its StopMove", lambda: sim.requests(STOP_MOVE))
    second = clients[1].call_async(Trigger.Request())
    ros.until("another StopMove", lambda: len(sim.requests(STOP_MOVE)) == 2)
    assert not first.done()
    ros.until("both answers", lambda: first.done() and second.done())
    assert not first.result().success and not second.result().success


def test_a_stop_of_a_robot_that_does_not_tell_how_it_moves_is_no_success(world: World, ros: Ros) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge()
    ros.live()
    stand(ros)
    sim.control().begin({"freeze": "state"})
    ros.spin_for(0.5)
    success, message = ros.trigger("stop")
    assert not success and message.startswith("not seen to stand") and "~/damp" in message, message
    assert sim.requests(STOP_MOVE)


# --- Silence, and lost sessions ------------------------------------------------------------------------------------


def test_who_drives_through_a_short_silence_need_not_let_go(world: World, ros: Ros) -> None:
    sim = world.sim("--control-port", "0")
    # Of an avoidance the answer to giving its commands back would be lost, which is waited for.
    bridge = world.bridge("-p", "command_path:=move")
    ros.live()
    odometry = stand(ros)
    Driver(ros, twist(yaw=0.5))
    ros.until("a turn", lambda: odometry.last.twist.twist.angular.z > 0.3)
    control = sim.control()
    mute = control.begin("mute", for_=1.2)
    ros.until("its end", lambda: control.over(mute))
    since = sim.now()
    ros.until("the walk to go on", lambda: any(yaw > 0 for _, _, yaw in sim.moves(since)), limit=3.0)
    assert "nothing was heard of the robot" in bridge.output()
    assert len(sim.entries("validated")) == 1


# On a busy machine another session may take longer than it should.
TRIES = 4


@pytest.mark.parametrize("longer", [False, True])
def test_only_after_two_seconds_without_a_session_whoever_drives_has_to_let_go(
    world: World, ros: Ros, longer: bool
) -> None:
    # Without encryption a session is made in a fraction of a second.
    sim = world.sim("--generation", "plain", "--control-port", "0")
    world.bridge()
    states = ros.live()
    odometry = stand(ros)
    driver = Driver(ros, twist(yaw=0.5))
    ros.until("a turn", lambda: odometry.last.twist.twist.angular.z > 0.3)
    control = sim.control()
    for sessions in range(2, 2 + TRIES):
        # Those that were shorter are made again only after a pause.
        ros.spin_for(5.5)
        if longer:
            control.begin("crash", for_=3.0)
        else:
            control.begin("close_channel", times=1)
        ros.until("the loss", lambda: states.last.data != "live")
        lost, since = time.monotonic(), sim.now()

        def is_back(sessions: int = sessions) -> bool:
            return states.last.data == "live" and len(sim.entries("validated")) == sessions

        ros.until("another session", is_back, limit=40)
        took = time.monotonic() - lost
        if longer or took > 1.8:
            ros.until("the stop", lambda since=since: sim.requests(STOP_MOVE, since=since))
        if longer or took < 1.8:
            break
        driver.stop_publishing()
        ros.spin_for(0.6)
        driver.command = twist(yaw=0.5)
    assert longer == (took > 2.0), took
    if longer:
        ros.spin_for(1.0)
        assert not any(map(any, sim.moves(since))), "it has gone on all the time"
        driver.stop_publishing()
        ros.spin_for(0.6)
        driver.command = twist(yaw=0.5)
    ros.until("the walk to go on", lambda: any(yaw > 0 for _, _, yaw in sim.moves(since)), limit=5.0)
