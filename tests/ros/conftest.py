"""Every test has its own loopback address, its own ROS domain, and leaves nothing running."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from dog import ROOT, Bridge, Ros, Sim, World

# The demo's geometry also serves the tests.
sys.path.insert(0, str(ROOT / "scripts"))
# Nothing leaves this machine, and tests that run at the same time are unlikely to meet.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# With GO2_TEST_LANE=1/2 only the first half of the tests runs, as with 2/2 the second, so that two can run at a time.
LANE, LANES = map(int, os.environ.get("GO2_TEST_LANE", "1/1").split("/"))
DOMAINS = itertools.cycle(range(LANE, 101, LANES))
NUMBERS = itertools.count(1)
for _ in range(os.getpid() % 100):
    next(DOMAINS)
# A key of the user's must not decide a test.
os.environ.pop("GO2_AES_128_KEY", None)


def pytest_configure() -> None:
    """Has a SIGTERM end the tests like a Ctrl-C does: with everything taken down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves the tests of other lanes to those."""
    items[:] = items[LANE - 1 :: LANES]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where a test starts its programs."""
    address = f"127.{20 + os.getpid() // 250 % 200}.{os.getpid() % 250}.{next(NUMBERS) % 250 + 1}"
    world = World(tmp_path_factory.mktemp("world"), next(DOMAINS), address)
    yield world
    world.close()
    # pytest shows it beside a failure.
    print(world.tell())


@pytest.fixture
def ros(world: World) -> Iterator[Ros]:
    """A node that looks on."""
    ros = world.ros()
    yield ros
    ros.close()


@pytest.fixture
def sim(world: World) -> Sim:
    """A simulated robot."""
    return world.sim()


@pytest.fixture
def bridge(world: World, sim: Sim, ros: Ros) -> Bridge:
    """The node with a live link to the simulated robot."""
    bridge = world.bridge()
    ros.live()
    return bridge
