"""The node over networks that lose, delay and narrow packets, and over one that is gone for a while."""

from __future__ import annotations

import itertools
import time

import pytest
from nav_msgs.msg import Odometry
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

from dog import LATCHED, MOVE, Driver, Ros, Sim, World, ends_stopped, twist, velocity

BAD = {
    "loss": ["--net-loss", "0.05"],
    "jitter": ["--net-delay-ms", "5", "--net-jitter-ms", "100"],
    "narrow": ["--net-mbit", "4"],
}


class Faster(Driver):
    """Publishes velocities of which each is faster than the one before: what comes tells when it was given."""

    # Whether it lets go for half a second in each four, as who drives over a bad network has to: after a silence of two
    # seconds the robot does not walk before.
    lets_go = False

    def __init__(self, ros: Ros) -> None:
        self._numbers = itertools.count()
        super().__init__(ros, twist(x=0.1))

    def _publish(self) -> None:
        number = next(self._numbers)
        if self.lets_go and number % 80 >= 70:
            return
        if self.command is not None:
            self.command = twist(x=0.1 + 0.001 * number)
        super()._publish()


def speeds(sim: Sim, since: int = 0) -> list[float]:
    """How fast forward the robot was told to walk, without stops."""
    return [round(x, 6) for x, _, _ in sim.moves(since) if x > 0]


@pytest.mark.parametrize("kind", BAD)
def test_state_flows_and_the_robot_follows_and_stops(world: World, ros: Ros, kind: str) -> None:
    sim = world.sim(*BAD[kind], "--net-seed", "3")
    world.bridge()
    ros.live()
    odometry, clouds = ros.listen(Odometry, "odom"), ros.listen(PointCloud2, "points")
    ros.until("clouds", lambda: clouds.messages)
    assert ros.trigger("balance_stand")[0]
    driver = Faster(ros)
    driver.lets_go = True
    ros.until("the robot to walk", lambda: odometry.messages and odometry.last.twist.twist.linear.x > 0.1)
    driver.lets_go = False
    odometry.clear()
    clouds.clear()
    ros.until("many poses", lambda: len(odometry.messages) >= 40)
    ros.until("some clouds", lambda: len(clouds.messages) >= 8)
    driver.stop_publishing()
    ros.until("the robot to be stopped", lambda: ends_stopped(sim.requests()))
    ros.until("it to stand", lambda: abs(odometry.last.twist.twist.linear.x) < 0.01)
    # What was not followed for a while is regained slowly, by velocities between those that were given.
    given = [speed for speed in speeds(sim) if round(speed, 3) == speed]
    assert given == sorted(given), "an old velocity after a newer one"
    assert len(given) > 20


@pytest.mark.parametrize("still_driven", [True, False])
def test_a_blackout_of_ten_seconds(world: World, ros: Ros, still_driven: bool) -> None:
    # Long enough after the start for the robot to walk by then on a busy machine.
    sim = world.sim("--net-blackout", "15:10")
    world.bridge()
    ros.live()
    odometry = ros.listen(Odometry, "odom")
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    assert ros.trigger("balance_stand")[0]
    driver = Faster(ros)
    ros.until("the robot to walk", lambda: odometry.messages and odometry.last.twist.twist.linear.x > 0.1)
    ros.until("the link to be lost", lambda: states.last.data.startswith("backing_off"), limit=40)
    before, latest = sim.now(), max(speeds(sim))
    if not still_driven:
        driver.stop_publishing()
    ros.until("another session", lambda: len(sim.entries("validated")) == 2, limit=40)
    ros.until("the link to be live", lambda: states.last.data == "live")
    odometry.clear()
    ros.until("poses", lambda: len(odometry.messages) >= 40)
    assert not speeds(sim, before), "nobody has let go since"
    ros.until("the robot to be stopped", lambda: ends_stopped(sim.requests()))
    ros.until("it to stand", lambda: abs(odometry.last.twist.twist.linear.x) < 0.01)
    if still_driven:
        driver.stop_publishing()
        ros.spin_for(0.5)
        driver.command = twist(x=0.1)
        ros.until("newer velocities", lambda: speeds(sim, before))
        # Those of the dark, some ten seconds long at 20 Hz, were never walked.
        assert min(speeds(sim, before)) > latest + 0.1, "a velocity from before"


# The channel repeats what was under way when the network went, and the zeros of the stop come with it.
UNDER_WAY = 3


@pytest.mark.parametrize("seconds", [3.5, 5.0])
def test_a_hole_costs_no_session_and_nothing_is_walked_after_it_until_whoever_drives_lets_go(
    world: World, ros: Ros, seconds: float
) -> None:
    sim = world.sim("--control-port", "0")
    bridge = world.bridge()
    ros.live()
    control = sim.control()
    odometry = ros.listen(Odometry, "odom")
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    assert ros.trigger("balance_stand")[0]
    driver = Timed(ros)
    ros.until("the robot to walk", lambda: odometry.messages and odometry.last.twist.twist.linear.x > 0.1)
    before = sim.now()
    hole = control.begin("blackhole", for_=seconds)
    ros.until("its end", lambda: control.over(hole))
    ended = time.time()
    odometry.clear()
    ros.until("the robot to be heard again", lambda: len(odometry.messages) > 20)
    ros.until("the link to be live", lambda: states.last.data == "live")
    assert len(sim.entries("validated")) == 1, "it cost a session"
    ros.until("the robot to be stopped", lambda: ends_stopped(sim.requests()))
    ros.spin_for(2.0)

    came = [entry for entry in sim.requests(MOVE, since=before, of="sport") if velocity(entry)[0] > 0]
    late = [entry for entry in came if entry["t"] - driver.given(velocity(entry)[0]) > 0.5]
    assert len(late) <= UNDER_WAY, late
    after = [entry for entry in came if entry["t"] > ended]
    assert after == late, "whoever drives has not let go"
    if late:
        zeros = [entry["t"] for entry in sim.requests(MOVE, since=before, of="sport") if velocity(entry)[0] == 0]
        assert any(0 <= zero - late[-1]["t"] < 0.05 for zero in zeros), "the zeros are in the same packet"
    assert abs(odometry.last.twist.twist.linear.x) < 0.01
    assert "nothing was heard of the robot" in bridge.output()

    driver.stop_publishing()
    ros.spin_for(0.5)
    again = sim.now()
    driver.command = twist(x=0.1)
    ros.until("the robot to walk again", lambda: speeds(sim, again))


class Timed(Faster):
    """Knows when it gave each velocity."""

    def __init__(self, ros: Ros) -> None:
        self._times: dict[float, float] = {}
        super().__init__(ros)

    def _publish(self) -> None:
        super()._publish()
        if self.command is not None:
            self._times[round(self.command.linear.x, 6)] = time.time()

    def given(self, speed: float) -> float:
        """When, in seconds since 1970."""
        return self._times[round(speed, 6)]
