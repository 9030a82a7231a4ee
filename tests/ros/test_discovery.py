"""A robot that is found by its serial number."""

from __future__ import annotations

import signal

import pytest
from std_msgs.msg import String

from dog import LATCHED, Ros, World

NUMBER = "B42D0000TEST0001"
LOOPBACK = ("-p", "discovery_interface:=127.0.0.1")


def test_by_its_serial_number(world: World, ros: Ros) -> None:
    """One test, because answers to all searches on this computer come to the same port."""
    sim = world.sim("--discovery-port", "--serial-number", NUMBER)
    lost = world.bridge("-p", "serial_number:=B42D0000TEST0002", *LOOPBACK, robot=False)
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("a word about it", lambda: states.messages and "B42D0000TEST0002 answers" in states.last.data)
    assert "discovery_interface" in states.last.data
    ros.leave(states)
    assert lost.end(signal.SIGINT) == 0

    bridge = world.bridge("-p", f"serial_number:={NUMBER}", *LOOPBACK, robot=False)
    ros.live()
    assert f"connecting to the robot at serial number {NUMBER}" in bridge.output()
    ros.until("who it is", lambda: f", serial number {NUMBER}" in bridge.output())
    assert sim.entries("validated")


@pytest.mark.parametrize("interface", ["eth0", "::1", "300.1.1.1"])
def test_an_interface_that_is_no_address(world: World, interface: str) -> None:
    bridge = world.bridge("-p", "serial_number:=X1", "-p", f"discovery_interface:='{interface}'", robot=False)
    assert bridge.wait() == 2
    assert "discovery_interface" in bridge.output() and "ip -4 addr" in bridge.output()
