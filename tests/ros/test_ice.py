"""A robot that is not reached directly: UDP goes through a TURN server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nav_msgs.msg import Odometry
from std_msgs.msg import String

from dog import LATCHED, Ros, World, wait_for

CREDENTIAL = "a credential that nobody may see"
# A STUN request that every server answers: its head, the magic cookie, any id.
REQUEST = bytes([0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42]) + bytes(12)


@dataclass
class Turn:
    """A TURN server."""

    address: str

    @property
    def url(self) -> str:
        return f"turn:{self.address}:3478"

    def answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.05)
            client.sendto(REQUEST, (self.address, 3478))
            try:
                return bool(client.recv(500))
            except OSError:
                return False


@pytest.fixture
def turn(world: World, tmp_path: Path) -> Iterator[Turn]:
    """coturn, on an address beside the robot's."""
    program = shutil.which("turnserver")
    if program is None:
        assert "GO2_TEST_ALL" not in os.environ, "turnserver is missing: install coturn"
        pytest.skip("turnserver is not installed; Debian has it as coturn")
    first, second, third, last = world.address.split(".")
    turn = Turn(f"{first}.{int(second) ^ 1}.{third}.{last}")
    arguments = ["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--allow-loopback-peers", "--lt-cred-mech"]
    arguments += ["--realm", "test", "--user", f"dog:{CREDENTIAL}", "--log-file", "stdout"]
    arguments += ["--listening-ip", turn.address, "--relay-ip", turn.address]
    arguments += ["--pidfile", str(tmp_path / "pid"), "--userdb", str(tmp_path / "users")]
    server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the TURN server", turn.answers)
    yield turn
    server.kill()
    server.wait()


def parameters(**values: str) -> list[str]:
    """As ROS arguments."""
    return [argument for name, value in values.items() for argument in ("-p", f"{name}:={value}")]


def test_state_comes_through_a_relay(world: World, ros: Ros, turn: Turn) -> None:
    sim = world.sim("--only-via", turn.address)
    ice = parameters(ice_servers=f"['{turn.url}']", ice_username="dog")
    bridge = world.bridge(*ice, environment={"GO2_ICE_CREDENTIAL": CREDENTIAL})
    ros.hear(Odometry, "odom")
    (channel,) = sim.entries("channel")
    assert channel["client"].startswith(f"{turn.address}:")
    assert CREDENTIAL not in bridge.output()
    assert ros.get_parameters(["ice_credential"])["ice_credential"] in ("", "(hidden)")


def test_a_relay_that_does_not_let_us_in_is_named(world: World, ros: Ros, turn: Turn) -> None:
    world.sim()
    ice = parameters(ice_servers=f"['{turn.url}']", ice_username="dog", ice_transport_policy="relay")
    world.bridge(*ice, environment={"GO2_ICE_CREDENTIAL": "another"})
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the reason", lambda: states.messages and "[GO2-ICE-NO-RELAY]" in states.last.data)
    assert turn.url in states.last.data


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"ice_servers": "['turns:example.org']"}, "only that is supported"),
        ({"ice_servers": "['example.org']"}, "is not the URL of a STUN or TURN server"),
        ({"ice_servers": "['turn:192.0.2.1']"}, "ice_username and ice_credential"),
        ({"ice_transport_policy": "relay"}, "has no turn: URL"),
        ({"ice_transport_policy": "direct"}, "ice_transport_policy"),
        ({"ice_addresses": "['']"}, "ice_addresses"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_start(world: World, values: dict[str, str], reason: str) -> None:
    bridge = world.bridge(*parameters(**values))
    assert bridge.wait() == 2
    assert reason in bridge.output()


def test_an_interface_that_is_not_there_is_named_and_waited_for(world: World, ros: Ros) -> None:
    world.sim()
    bridge = world.bridge(*parameters(ice_addresses="['wlan77']"))
    states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
    ros.until("the reason", lambda: states.messages and "[GO2-ICE-SETTINGS]" in states.last.data)
    assert states.last.data.startswith("backing_off: ") and '"wlan77"' in states.last.data
    assert bridge.running()
