"""The console, used by somebody in front of a browser: what it shows, who drives, and what stops the robot."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry

from browser import LIMIT, PHONE, Console, chromium
from dog import MOVE, STOP_MOVE, Bridge, Driver, Heard, Ros, Sim, World, ends_stopped, twist, velocity, wait_for
from gateways import DRIVE, PORT, WATCH, direct, elsewhere, shared, url

DAMP, RECOVERY_STAND = 1001, 1006
TAKE = 1
SIDEWAYS = (0.0, 0.1, 0.0)
STILL = (0.0, 0.0, 0.0)
# A dead page's last velocity: cmd_vel_timeout is 0.3 s, and its channel has some of the page's last words.
STALE = 1.0


@pytest.fixture
def page() -> Iterator[Console]:
    """A browser."""
    with chromium() as page:
        yield page


@pytest.fixture
def gateway(world: World, sim: Sim, ros: Ros) -> Bridge:
    """The node with a live link and a gateway."""
    bridge = shared(world)
    ros.live()
    return bridge


@contextmanager
def navigation(world: World) -> Iterator[Driver]:
    """Something in ROS that publishes cmd_vel at 20 Hz, whatever the test waits for."""
    ros = world.ros()
    driver = Driver(ros, None)
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            ros.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield driver
    finally:
        over.set()
        thread.join()
        ros.close()
