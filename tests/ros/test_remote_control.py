"""A robot that somebody else has go down or get up, with its remote control or the phone app, while cmd_vel goes on."""

from __future__ import annotations

import pytest

from dog import Ros, World, is_move, service, twist, velocity
from walking import FORWARD, STILL, WANTED, drive, height

# Requests after which the robot stands, or may.
RISING = (1002, 1004, 1006, 1010)
# How long it must stay where it is, while cmd_vel goes on at 20 Hz. The rule itself is tried over 30 s in virtual time.
STAYS = 6.0


@pytest.mark.parametrize("lets_go", ["silence", "zero"])
@pytest.mark.parametrize("down", ["damp", "stand_down", "sit"])
def test_nothing_rises_after_the_remote_control_while_cmd_vel_goes_on(
    world: World, ros: Ros, down: str, lets_go: str
) -> None:
    """Somebody with the remote control, or the phone app, has it go down: the node hears of that by the robot's state alone."""
    sim = world.sim("--control-port", "0")
    # On a busy machine the driver pauses for more than 0.3 s, which is letting go.
    bridge = world.bridge("-p", "auto_balance_stand:=true", "-p", "cmd_vel_timeout:=1.5")
    ros.live()
    control = sim.control()
    driver = drive(ros, sim)
    z = height(ros)
    ros.until("the height", lambda: z() > 0.3)
    ros.until("a walk", lambda: len(sim.moves()) > 10)
    control.begin({"remote": down})
    ros.until("it to be carried out", lambda: sim.entries("remote"))
    assert sim.entries("remote")[-1]["taken"]
    at = sim.entries("remote")[-1]["t"]
    ros.until("it to be down", lambda: z() < 0.23)
    ros.spin_for(STAYS)
    assert z() < 0.23
    # What was under way when the robot told of it, and then zeros at most.
    late = [entry for entry in sim.requests() if entry["t"] > at + 1.0]
    assert not [entry for entry in late if service(entry) == "sport" and entry["api_id"] in RISING]
    assert {velocity(entry) for entry in late if is_move(entry)} <= {STILL}
    so_far = sim.now()
    if lets_go == "zero":
        driver.command = twist()
        ros.spin_for(0.5)
    else:
        driver.stop_publishing()
        ros.spin_for(1.8)
    assert not sim.requests(*RISING, since=so_far)
    driver.command = FORWARD
    if down == "damp":
        ros.until("that to be told", lambda: "the robot is limp" in bridge.output())
        ros.spin_for(2.0)
        assert not sim.requests(*RISING, since=so_far) and z() < 0.23
        driver.stop_publishing()
        assert ros.trigger("recovery_stand")[0]
    ros.until("it to stand", lambda: z() > 0.32)
    assert len(sim.requests(*RISING, since=so_far)) == 1


@pytest.mark.parametrize("up", ["recovery_stand", "stand_up"])
def test_a_robot_that_the_remote_control_lays_down_and_raises_does_not_walk_on(world: World, ros: Ros, up: str) -> None:
    sim = world.sim("--control-port", "0")
    world.bridge("-p", "auto_balance_stand:=true", "-p", "cmd_vel_timeout:=1.5")
    ros.live()
    control = sim.control()
    driver = drive(ros, sim)
    z = height(ros)
    ros.until("a walk", lambda: len(sim.moves()) > 10)
    control.begin({"remote": "stand_down"})
    ros.until("it to lie", lambda: z() < 0.1)
    ros.spin_for(1.0)
    so_far = sim.now()
    control.begin({"remote": up})
    ros.until("it to stand", lambda: z() > 0.31)
    ros.spin_for(STAYS)
    assert set(sim.moves(so_far)) <= {STILL}, "whoever drives has not let go"
    assert not sim.requests(*RISING, since=so_far)
    driver.command = twist()
    ros.spin_for(0.5)
    driver.command = FORWARD
    ros.until("a walk", lambda: WANTED in sim.moves(so_far), limit=40.0)
