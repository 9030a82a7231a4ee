"""However the node ends or pauses, the robot stops."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest
from foxglove_msgs.msg import CompressedVideo
from geometry_msgs.msg import TwistStamped
from std_srvs.srv import Trigger

from dog import NODE, TARGET, Bridge, Driver, Ros, Sim, World, ends_stopped, wait_for
from walking import FORWARD, STILL, WANTED, drive, stand

# Those of test_motion.py and these, one of each kind; go2_client's unit tests have them all.
SIGNALS = [
    (signal.SIGHUP, 0),
    (signal.SIGQUIT, 131),
    (signal.SIGUSR1, 138),
    (signal.SIGALRM, 142),
    (signal.SIGXFSZ, 153),
    (signal.SIGRTMIN, 128 + signal.SIGRTMIN),
    (signal.SIGRTMAX, 128 + signal.SIGRTMAX),
]


def assert_left_stopped(ros: Ros, sim: Sim) -> None:
    """The robot was stopped, and then told that the client leaves."""
    ros.until("the end of the session", lambda: sim.entries("closed"))
    assert ends_stopped(sim.requests())
    assert sim.entries("closed")[-1]["reason"] == "the client left"


@pytest.mark.parametrize(("how", "status"), SIGNALS)
def test_a_signal_that_would_end_the_node_stops_the_robot(
    bridge: Bridge, ros: Ros, sim: Sim, how: signal.Signals, status: int
) -> None:
    drive(ros, sim)
    assert bridge.end(how) == status
    assert_left_stopped(ros, sim)


def test_a_terminal_that_goes_away_stops_the_robot(world: World, ros: Ros, sim: Sim) -> None:
    terminal, its_end = pty.openpty()
    node = subprocess.Popen(
        ["setsid", "--ctty", str(NODE), "--ros-args", "-p", f"robot_ip:={sim.address}"],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=os.environ | {"ROS_DOMAIN_ID": str(world.domain)},
    )
    try:
        os.close(its_end)
        ros.live()
        drive(ros, sim)
        os.close(terminal)
        assert node.wait(20) == 0
    finally:
        node.kill()
        node.wait()
    assert_left_stopped(ros, sim)


@pytest.mark.parametrize("how", [signal.SIGTSTP, signal.SIGTTIN])
def test_a_suspended_node_has_stopped_the_robot_before(
    bridge: Bridge, ros: Ros, sim: Sim, how: signal.Signals
) -> None:
    driver = drive(ros, sim)
    bridge.send(how)
    wait_for("the node to be suspended", bridge.suspended)
    ros.until("the stop", lambda: ends_stopped(sim.requests()))
    assert f"{how.name} suspends this process: the robot was stopped" in bridge.output()
    so_far = sim.now()
    ros.spin_for(2.0)
    bridge.thaw()
    assert_driver_must_let_go(ros, sim, driver, so_far)


@pytest.mark.parametrize("seconds", [4.0, 9.0])
def test_after_a_pause_old_commands_are_dropped(bridge: Bridge, ros: Ros, sim: Sim, seconds: float) -> None:
    driver = drive(ros, sim)
    bridge.freeze()
    ros.spin_for(seconds / 2)
    # The last that ROS keeps for the node is a Twist without a zero after it.
    driver.stop_publishing()
    ros.spin_for(seconds / 2)
    so_far = sim.now()
    bridge.thaw()
    ros.until("the pause to be told", lambda: "this process did not run for" in bridge.output())
    ros.spin_for(1.5)
    assert set(sim.moves(so_far)) <= {STILL}
    ros.live()
    stand(ros)
    driver.command = FORWARD
    ros.until("Moves of a driver that had let go", lambda: any(move != STILL for move in sim.moves(so_far)))


def test_a_short_delay_is_no_pause(bridge: Bridge, ros: Ros, sim: Sim) -> None:
    driver = drive(ros, sim)
    ros.until("full speed", lambda: WANTED in sim.moves())
    for _ in range(3):
        bridge.freeze()
        time.sleep(0.2)
        bridge.thaw()
        ros.spin_for(0.5)
    so_far = sim.now()
    ros.until("more Moves", lambda: WANTED in sim.moves(so_far))
    assert "did not run" not in bridge.output()
    driver.stop_publishing()


def assert_driver_must_let_go(ros: Ros, sim: Sim, driver: Driver, so_far: int) -> None:
    """What goes on to come is not walked; after a moment of nothing it is."""
    ros.spin_for(2.0)
    assert set(sim.moves(so_far)) <= {STILL}
    driver.stop_publishing()
    ros.spin_for(1.0)
    ros.live()
    stand(ros)
    driver.command = FORWARD
    ros.until("Moves again", lambda: any(move != STILL for move in sim.moves(so_far)))


def test_commands_with_stamps_from_the_future_are_not_walked(world: World, sim: Sim, ros: Ros) -> None:
    bridge = world.bridge("-p", "enable_stamped_cmd_vel:=true")
    ros.live()
    stand(ros)

    def stamped(ahead: float) -> TwistStamped:
        message = TwistStamped(twist=FORWARD)
        nanoseconds = ros.node.get_clock().now().nanoseconds + int(ahead * 1e9)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(nanoseconds, 10**9)
        return message

    driver = Driver(ros, stamped(60.0))
    ros.until("that to be told", lambda: "ahead of this computer's clock" in bridge.output())
    assert not sim.moves()
    driver.command = stamped(0.2)
    ros.until("Moves", sim.moves)


@pytest.mark.parametrize("place", ["governor", "session", "publisher", "service", "engine"])
def test_a_part_that_fails_stops_the_robot_and_ends_the_node(
    world: World, sim: Sim, ros: Ros, tmp_path: Path, place: str
) -> None:
    wanted = tmp_path / "fail"
    bridge = world.bridge(environment={"GO2_FAIL_AT": f"{place}:{wanted}"})
    ros.live()
    pictures = ros.listen(CompressedVideo, "camera/video") if place == "engine" else None
    drive(ros, sim)
    if pictures is not None:
        ros.until("a picture", lambda: pictures.messages)
    wanted.touch()
    if place == "service":
        client = ros.node.create_client(Trigger, "/go2_bridge/audio/list")
        ros.until("the service", client.service_is_ready)
        client.call_async(Trigger.Request())
    assert bridge.wait() == 1
    ros.until("the end of the session", lambda: sim.entries("closed"))
    told = [entry for entry in sim.requests() if entry["api_id"] == 1003 and "sport" in entry["topic"]]
    assert told and sim.moves()[-1] == STILL
    output = bridge.output()
    assert output.count("a part of this program has failed") == 1, output
    assert f"a test has {place} fail" in output


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["record", "doctor"])
def test_tools_leave_the_robot_in_order(
    world: World, sim: Sim, tmp_path: Path, command: str, how: signal.Signals
) -> None:
    arguments = {"record": ["--output", str(tmp_path / "dog.mcap")], "doctor": ["--seconds", "60"]}[command]
    tool = subprocess.Popen(
        [str(TARGET / "go2"), command, sim.address, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("a session", lambda: sim.entries("validated"))
        tool.send_signal(how)
        tool.wait(20)
    finally:
        tool.kill()
        tool.wait()
    wait_for("the end of the session", lambda: sim.entries("closed"))
    assert sim.entries("closed")[-1]["reason"] == "the client left"
