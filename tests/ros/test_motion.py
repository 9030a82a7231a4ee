"""cmd_vel, and how the robot comes to a stop whatever happens."""

from __future__ import annotations

import itertools
import json
import math
import signal
import time
from collections.abc import Callable

import pytest
from geometry_msgs.msg import Twist, TwistStamped, Vector3
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from sensor_msgs.msg import Imu
from std_msgs.msg import String
from std_srvs.srv import SetBool

from dog import (
    AVOID_MOVE,
    MOVE,
    STOP_MOVE,
    TAKE_COMMANDS,
    Bridge,
    Driver,
    Entry,
    Ros,
    Sim,
    World,
    ends_stopped,
    is_move,
    service,
    twist,
    velocity,
)
from walking import FORWARD, STILL, WANTED, drive, height, stand


@pytest.mark.usefixtures("bridge")
def test_commands_arrive_at_20_hz_as_they_were_given(ros: Ros, sim: Sim) -> None:
    drive(ros, sim)
    ros.until("twenty Moves", lambda: len(sim.moves()) >= 20)
    assert set(sim.moves()) == {WANTED}
    times = [entry["t"] for entry in sim.walks()]
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
    zero = next(entry for entry in sim.walks() if velocity(entry) == STILL)
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
    zero = next(entry for entry in sim.walks() if velocity(entry) == STILL)
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


def test_commands_with_stamps_from_the_past_are_not_walked(world: World, sim: Sim, ros: Ros) -> None:
    bridge = world.bridge("-p", "enable_stamped_cmd_vel:=true")
    ros.live()

    def stamped(seconds_ago: float, command: Twist) -> TwistStamped:
        message = TwistStamped(twist=command)
        message.header.stamp = (ros.node.get_clock().now() - Duration(seconds=seconds_ago)).to_msg()
        return message

    driver = Driver(ros, stamped(5.0, FORWARD))
    ros.until("that to be told", lambda: "its stamp is 5" in bridge.output())
    assert not sim.moves()
    driver.command = stamped(-0.2, FORWARD)
    ros.until("Moves", lambda: WANTED in sim.moves())
    # Its stamp grows old while it is repeated; a stop is a stop, however old.
    driver.command = stamped(60.0, twist())
    ros.until("zeros", lambda: STILL in sim.moves())


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


def test_a_connection_lost_while_walking_is_made_again_and_the_robot_stopped(world: World, ros: Ros) -> None:
    sim = world.sim("--control-port", "0")
    bridge = world.bridge()
    ros.live()
    driver = drive(ros, sim)
    states = ros.live()
    sim.control().begin("crash", for_=1.0)
    driver.stop_publishing()
    ros.until("the loss to be noticed", lambda: states.last.data != "live")
    lost = sim.now()
    ros.until("the link to be live again", lambda: states.last.data == "live")
    ros.until("the stop", lambda: ends_stopped(sim.requests(since=lost)))
    assert set(sim.moves(lost)) == {STILL}
    assert bridge.running()


# --- The ways that velocities go -----------------------------------------------------------------------------------

EULER = 1007


def parameters(entries: list[Entry]) -> list[dict[str, object]]:
    """Of requests."""
    return [json.loads(entry["parameter"]) for entry in entries]


@pytest.mark.parametrize("end", ["stale", "SIGTERM"])
def test_through_the_avoidance_and_the_remote_is_given_back(world: World, sim: Sim, ros: Ros, end: str) -> None:
    bridge = world.bridge("-p", "obstacle_avoidance:=true")
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    ros.until("avoidance", lambda: sim.requests(1001, of="obstacles_avoid"))
    stand(ros)
    driver = Driver(ros, twist(x=0.5, y=0.1, yaw=0.25))
    ros.until("a walk", lambda: odometry.messages and odometry.last.pose.pose.position.x > 0.1)
    taken = sim.requests(TAKE_COMMANDS, of="obstacles_avoid")
    assert parameters(taken) == [{"is_remote_commands_from_api": True}]
    moves = sim.requests(AVOID_MOVE, of="obstacles_avoid")
    assert moves[0]["t"] >= taken[0]["t"], "it is taken first"
    assert parameters(moves)[0] == {"x": 0.5, "y": 0.1, "yaw": 0.25, "mode": 0}
    assert not sim.requests(MOVE, of="sport"), "and nothing goes past it"
    if end == "stale":
        driver.stop_publishing()
    else:
        assert bridge.end(signal.SIGTERM) == 0
    given_back = {"is_remote_commands_from_api": False}
    ros.until(
        "the remote to be given back",
        lambda: given_back in parameters(sim.requests(TAKE_COMMANDS, of="obstacles_avoid")),
    )
    zeros = parameters(sim.requests(AVOID_MOVE, of="obstacles_avoid"))[-4:]
    assert zeros == [{"x": 0, "y": 0, "yaw": 0, "mode": 0}] * 4
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE, of="sport"))


def test_an_avoidance_that_is_starting_is_waited_for(world: World, ros: Ros) -> None:
    sim = world.sim("--avoidance-starts", "10")
    bridge = world.bridge()
    ros.live()
    assert ros.trigger("balance_stand")[0]
    Driver(ros, FORWARD)
    ros.until("a walk", lambda: WANTED in sim.moves())
    assert all(not any(velocity(entry)) for entry in sim.requests(MOVE)), "nothing goes past it"
    unheard = [entry["t"] for entry in sim.entries("unknown_service") if "obstacles_avoid" in entry["topic"]]
    (taken,) = sim.requests(TAKE_COMMANDS, of="obstacles_avoid")
    assert len(unheard) >= 5, "it is asked again and again"
    assert taken["t"] - unheard[-1] < 3.0
    assert "is on and starting" in bridge.output() and "may not have this service" not in bridge.output()


def test_commands_that_are_taken_only_after_the_stop_are_given_back(world: World, ros: Ros) -> None:
    sim = world.sim("--slow", f"obstacles_avoid:{TAKE_COMMANDS}:900")
    world.bridge()
    ros.live()
    assert ros.trigger("balance_stand")[0]
    driver = Driver(ros, FORWARD)
    ros.until("the request", lambda: sim.requests(TAKE_COMMANDS, of="obstacles_avoid"))
    # The stop is there before the answer.
    driver.stop_publishing()
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE))
    wanted = [{"is_remote_commands_from_api": True}, {"is_remote_commands_from_api": False}]
    ros.until("the end", lambda: parameters(sim.requests(TAKE_COMMANDS, of="obstacles_avoid")) == wanted)


def test_an_avoidance_that_takes_no_commands_is_told_of(world: World, ros: Ros) -> None:
    sim = world.sim("--refuse", f"obstacles_avoid:{TAKE_COMMANDS}:3202")
    bridge = world.bridge("-p", "command_path:=avoid")
    ros.live()
    Driver(ros, FORWARD)
    ros.until("the refusal to be told", lambda: "command_path" in bridge.output())
    assert "status 3202" in bridge.output()
    assert not sim.requests(AVOID_MOVE, of="obstacles_avoid")
    assert ros.set_parameter("command_path", "move").successful
    ros.until("Moves", sim.moves)


def test_through_the_sticks(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "command_path:=sticks")
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    stand(ros)
    driver = Driver(ros, twist(x=1.0, y=0.5, yaw=-1.5))
    ros.until("a walk", lambda: odometry.messages and odometry.last.twist.twist.angular.z < -0.2)
    # Forward is up, left is to the left, and a turn to the right is to the right; full speed is 2.5, 1 and 5.
    pushed = sim.entries("sticks")[-1]
    assert (pushed["lx"], pushed["ly"], pushed["rx"], pushed["ry"]) == (-0.5, 0.4, 0.3, 0.0)
    driver.stop_publishing()
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE))
    assert all(entry[axis] == 0 for entry in sim.entries("sticks")[-4:] for axis in ("lx", "ly", "rx"))
    assert not sim.moves()


def test_another_way_begins_with_a_stop_on_the_one_before(world: World, sim: Sim, ros: Ros) -> None:
    world.bridge("-p", "command_path:=sticks")
    ros.live()
    stand(ros)
    drive_by_sticks = Driver(ros, FORWARD)
    ros.until("sticks", lambda: sim.entries("sticks"))
    assert ros.set_parameter("command_path", "move").successful
    ros.until("Moves", lambda: WANTED in sim.moves())
    assert all(sim.entries("sticks")[-1][axis] == 0 for axis in ("lx", "ly", "rx"))
    drive_by_sticks.stop_publishing()


def test_nothing_that_moves_follows_damp_in_the_avoidance_either(world: World, sim: Sim, ros: Ros) -> None:
    bridge = world.bridge("-p", "obstacle_avoidance:=true")
    ros.live()
    ros.until("avoidance", lambda: sim.requests(1001, of="obstacles_avoid"))
    stand(ros)
    Driver(ros, FORWARD)
    ros.until("a walk", lambda: sim.requests(AVOID_MOVE, of="obstacles_avoid"))
    assert ros.trigger("damp") == (True, "")
    so_far = sim.now()
    ros.spin_for(0.5)
    assert bridge.end(signal.SIGINT) == 0
    taken = parameters(sim.requests(TAKE_COMMANDS, of="obstacles_avoid"))
    assert taken[-1] == {"is_remote_commands_from_api": False}, "the remote works again"
    assert not sim.requests(since=so_far, of="sport")
    assert not sim.requests(AVOID_MOVE, since=so_far, of="obstacles_avoid")


def test_in_rage_mode_velocities_take_to_the_sticks(world: World, ros: Ros) -> None:
    sim = world.sim()
    world.bridge("-p", "allow_acrobatics:=true")
    ros.live()
    on = SetBool.Request(data=True)
    assert ros.trigger("balance_stand")[0]
    ros.until("rage", lambda: ros.call(SetBool, "/go2_bridge/rage_mode", on).success)
    Driver(ros, twist(x=0.5))
    ros.until("sticks", lambda: sim.entries("sticks"))


@pytest.mark.usefixtures("bridge")
def test_speed_is_gained_no_faster_than_allowed(ros: Ros, sim: Sim) -> None:
    assert ros.set_parameter("max_linear_acceleration", 1.0).successful
    driver = drive(ros, sim, twist(x=0.5))
    ros.until("full speed", lambda: (0.5, 0.0, 0.0) in sim.moves())
    gained = [(entry["t"], velocity(entry)[0]) for entry in sim.walks()]
    gained = gained[: [speed for _, speed in gained].index(0.5) + 1]
    assert len(gained) >= 8, "a step of 0.05 m/s each 50 ms"
    for (before, slower), (after, faster) in itertools.pairwise(gained):
        assert faster - slower <= 1.0 * max(after - before, 0.05) + 0.02
    so_far = sim.now()
    driver.command = twist()
    ros.until("zero", lambda: STILL in sim.moves(so_far))
    assert set(sim.moves(so_far)) <= {(0.5, 0.0, 0.0), STILL}, "and it is lost at once"


@pytest.mark.usefixtures("bridge")
def test_a_robot_that_cannot_walk_is_told_of_once(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot", lambda: odometry.messages)
    ros.spin_for(0.2)
    Driver(ros, FORWARD)
    ros.until("Moves", lambda: len(sim.moves()) > 10)
    # Since firmware 1.1.7 a robot that lies says the same as a limp one.
    assert bridge.output().count("the robot is limp or lies") == 1
    assert "~/recovery_stand" in bridge.output()
    assert not sim.requests(*RISING), "nobody said that it should get up"


# Requests after which the robot stands, or may.
RISING = (1002, 1004, 1006, 1010)
# How long it must stay where it is, while cmd_vel goes on at 20 Hz. The rule itself is tried over 30 s in virtual time.
STAYS = 6.0


def is_gentle(moves: list[tuple[float, float]]) -> bool:
    """Whether speed is gained by half a metre a second each second at most, between any two Moves and not only neighbors: on a
    busy machine one may be late or replaced by the next.
    """
    (start, least), *later = moves
    return all(x - least <= 0.5 * (t - start) + 0.08 for t, x in later)


@pytest.mark.parametrize("first", ["", "stand_up", "stand_down", "damp"])
def test_a_robot_that_is_known_to_lie_is_made_to_stand_where_that_is_wished(
    world: World, sim: Sim, ros: Ros, first: str
) -> None:
    bridge = world.bridge("-p", "auto_balance_stand:=true")
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    if first in ("stand_down", "damp"):
        stand(ros)
    z = height(ros)
    if first:
        assert ros.trigger(first)[0]
        there = (lambda: z() > 0.31) if first == "stand_up" else (lambda: z() < 0.06)
        ros.until("the posture", there)
        ros.spin_for(1.0)
    else:
        ros.until("the robot", lambda: odometry.messages)
        ros.spin_for(0.3)
    so_far = sim.now()
    driver = Driver(ros, FORWARD)
    if first in ("", "damp"):
        ros.until("that to be told", lambda: "the robot is limp" in bridge.output())
        driver.stop_publishing()
        ros.spin_for(0.5)
        assert not sim.requests(*RISING, since=so_far), "it may be limp, and whoever made it so had a reason"
        return
    ros.until("a walk", lambda: odometry.last.pose.pose.position.x > 0.2)
    raised = sim.requests(*RISING, since=so_far)
    assert [entry["api_id"] for entry in raised] == [1002 if first == "stand_up" else 1006], "once"
    assert "it is told " in bridge.output()


@pytest.mark.parametrize("down", ["damp", "stand_down", "sit"])
@pytest.mark.parametrize("by", ["service", "request"])
def test_nothing_rises_while_cmd_vel_goes_on(world: World, sim: Sim, ros: Ros, down: str, by: str) -> None:
    # On a busy machine the driver pauses for more than 0.3 s, which is letting go.
    bridge = world.bridge("-p", "auto_balance_stand:=true", "-p", "cmd_vel_timeout:=1.5")
    ros.live()
    driver = drive(ros, sim)
    z = height(ros)
    ros.until("the height", lambda: z() > 0.3)
    so_far = sim.now()
    api_id = {"damp": 1001, "stand_down": 1005, "sit": 1009}[down]
    if by == "service":
        assert ros.trigger(down) == (True, "")
    else:
        requests = ros.node.create_publisher(String, "/go2_bridge/request", 1)
        ros.until("the listener", requests.get_subscription_count)
        requests.publish(String(data=json.dumps({"id": 1, "service": "sport", "api_id": api_id})))
    ros.until("it to be down", lambda: z() < 0.23)
    ros.spin_for(STAYS)
    assert z() < 0.23
    told = sim.requests(since=so_far)
    sport = [entry["api_id"] if service(entry) == "sport" else None for entry in told]
    assert not set(sport) & set(RISING)
    assert {velocity(entry) for entry in told[sport.index(api_id) :] if is_move(entry)} <= {STILL}
    # The driver lets go, and begins again.
    driver.stop_publishing()
    ros.spin_for(1.8)
    so_far = sim.now()
    driver.command = FORWARD
    if down == "damp":
        ros.until("that to be told", lambda: "the robot is limp" in bridge.output())
        ros.spin_for(1.0)
        assert not sim.requests(*RISING, since=so_far)
        driver.stop_publishing()
        assert ros.trigger("recovery_stand")[0]
    ros.until("it to stand", lambda: z() > 0.32)
    assert len(sim.requests(*RISING, since=so_far)) == 1


def test_while_the_robot_waves_velocities_wait_and_then_begin_slowly(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    driver = drive(ros, sim)
    ros.until("a walk", lambda: len(sim.moves()) > 10)
    so_far = sim.now()
    assert ros.trigger("hello") == (True, "")
    ros.until("that to be told", lambda: "does not move yet: it was told hello" in bridge.output())
    ros.until("the walk to go on", lambda: any(x > 0 for x, _, _ in sim.moves(so_far)[5:]))
    ros.until("full speed", lambda: sim.moves(so_far)[-1:] == [WANTED])
    told = sim.requests(since=so_far)
    waved = next(entry["t"] for entry in told if entry["api_id"] == 1016)
    moves = [(entry["t"], velocity(entry)[0]) for entry in told if is_move(entry)]
    gained = [(t, x) for t, x in moves if x > 0 and t > waved + 1.0]
    # Hello takes 3 s here, and 4 s at most by the table.
    assert gained[0][0] - waved > 2.5
    assert gained[0][1] <= 0.05, "from standing"
    assert is_gentle(gained)
    ros.until("that to be told", lambda: "not followed for" in bridge.output())
    driver.stop_publishing()
    assert not sim.requests(STOP_MOVE, since=so_far), "which could have ended it"


@pytest.mark.parametrize("why", ["stand_up", "connected"])
def test_a_robot_that_ignores_velocities_at_first_starts_slowly_and_says_so(world: World, ros: Ros, why: str) -> None:
    """As after StandUp, and in the first seconds at a robot that stands already."""
    sim = world.sim(*(["--motion-refused-for", "5"] if why == "connected" else []))
    bridge = world.bridge()
    ros.live()
    if why == "stand_up":
        assert "4 to 10 s" in ros.trigger("stand_up")[1]
        ros.spin_for(1.2)
    stand(ros)
    if why == "connected":
        assert bridge.end(signal.SIGINT) == 0
        ros.until("the end of the session", lambda: sim.entries("closed"))
        bridge = world.bridge()
        ros.live()
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot", lambda: odometry.messages)
    ros.spin_for(0.2)
    driver = Driver(ros, twist(x=0.6))
    if why == "stand_up":
        ros.until("the hint", lambda: "may ignore velocities" in bridge.output())
    ros.until("that it does not move", lambda: "the robot does not move yet: it has not followed" in bridge.output())
    ignored = sim.now()
    ros.until("a walk", lambda: odometry.last.pose.pose.position.x > 0.4)
    assert "velocities were not followed for" in bridge.output()
    moves = [(entry["t"], velocity(entry)[0]) for entry in sim.walks(ignored)]
    slowest = min(range(len(moves)), key=lambda index: moves[index][1])
    assert moves[slowest][1] <= 0.3 and is_gentle(moves[slowest:])
    driver.stop_publishing()


@pytest.mark.usefixtures("bridge")
def test_the_body_leans_as_it_is_told(ros: Ros, sim: Sim) -> None:
    imu = ros.listen(Imu, "imu/data")
    stand(ros)
    poses = ros.node.create_publisher(Vector3, "cmd_pose", 1)
    ros.until("the listener", lambda: poses.get_subscription_count())
    for angle in (math.nan, math.inf):
        poses.publish(Vector3(x=angle))
    wanted = Vector3(x=0.1, y=-0.2, z=9.0)

    def leans() -> bool:
        poses.publish(wanted)
        # Of the two quaternions for one attitude robots send either.
        return bool(imu.messages) and imu.last.orientation.y * imu.last.orientation.w < -0.05

    ros.until("the body to lean", leans)
    assert {entry["parameter"] for entry in sim.requests(EULER)} == {'{"x":0.1,"y":-0.2,"z":0.6}'}
    assert all(entry["code"] in (0, 4206) and entry["answered"] for entry in sim.requests(EULER))


# --- Ends ----------------------------------------------------------------------------------------------------------


def test_what_sigkill_leaves_to_the_robot(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    """As docs/commands.md says: nothing is sent, and the simulated robot, like the worst of the real ones, walks on."""
    drive(ros, sim)
    so_far = sim.now()
    bridge.kill()
    ros.spin_for(1.0)
    assert STILL not in sim.moves(so_far) and not sim.requests(STOP_MOVE, since=so_far)


def test_a_robot_that_falls_silent_is_stopped(world: World, ros: Ros, sim: Sim) -> None:
    """The simulated robot's process stands still; what it was sent meanwhile it finds when it goes on."""
    bridge = world.bridge()
    ros.live()
    driver = drive(ros, sim)
    sim.freeze()
    ros.until("that to be noticed", lambda: "nothing was heard of the robot" in bridge.output())
    # Who goes on driving walks the robot again as soon as it is heard.
    driver.stop_publishing()
    ros.spin_for(0.3)
    so_far = sim.now()
    sim.thaw()
    ros.until("the stop", lambda: sim.requests(STOP_MOVE, since=so_far))
    # On a link that was stuck a velocity waits until there is room; nothing but zeros comes any more.
    ros.until("zeros", lambda: sim.moves(so_far)[-1:] == [STILL])


@pytest.mark.usefixtures("bridge")
def test_of_two_drivers_the_last_to_go_leaves_a_robot_that_stands(ros: Ros, sim: Sim) -> None:
    drivers = [drive(ros, sim), Driver(ros, twist(x=0.2))]
    ros.until("both", lambda: {WANTED, (0.2, 0.0, 0.0)} <= set(sim.moves()))
    drivers[0].stop_publishing()
    so_far = sim.now()
    ros.until("the other alone", lambda: sim.moves(so_far)[-5:] == [(0.2, 0.0, 0.0)] * 5)
    assert not sim.requests(STOP_MOVE)
    drivers[1].stop_publishing()
    ros.until("the stop", lambda: ends_stopped(sim.requests()))
