"""A subscriber that takes less than it asks for, on a slow network or stopped, holds up neither walking nor the end.

The bounds are coarse, for a busy machine; scripts/bench/slow_subscriber has the figures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dog import MOVE, STOP_MOVE, wait_for
from slow_network import FULL, Figures, Participant, Subscriber, first_stop, longest_gap, run
from two_hosts import NotPossible, TwoHosts, check_possible

SECONDS = 6.0
GAP, ZERO, EXIT = 0.5, 1.0, 3.0
# A machine that holds up more without the subscriber, or that has more to do for each processor, gets more attempts.
HELD_UP, LOAD, ATTEMPTS = 0.25, 2.0, 3
# What the others at least keep of what they had.
SHARE = 0.5

# On each of these cables the node stood still for seconds while it published on the thread that also drove.
SLOW = {
    "5 Mbit/s, reliable": Subscriber("reliable", mbit=5),
    "5 Mbit/s, best effort": Subscriber("best_effort", mbit=5),
    "1 Mbit/s, reliable": Subscriber("reliable", mbit=1),
    "20 Mbit/s, reliable": Subscriber("reliable", mbit=20),
}
STOPPED = {
    "on another computer": Subscriber("reliable", stopped=True),
    "on the same computer": Subscriber("reliable", stopped=True, local=True),
    "on the same computer, best effort": Subscriber("best_effort", stopped=True, local=True),
}


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Leaves the tests out where there can be no second computer; in CI there has to be one."""
    try:
        check_possible()
    except NotPossible as why:
        assert "GO2_TEST_ALL" not in os.environ, str(why)
        pytest.skip(str(why))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where the programs write to; pytest shows what the node said beside a failure."""
    yield tmp_path
    for log in tmp_path.rglob("go2_bridge.log"):
        print(log.read_text(errors="replace"))


def faults(subscriber: Subscriber, figures: Figures) -> list[str]:
    """What is out of bounds."""
    # What a busy machine holds up, with or without the subscriber, is not the node's doing.
    gap, zero = GAP + figures.held_up(), ZERO + figures.held_up()
    within = {
        "the gap between Moves": figures.gap < gap,
        "the first zero": figures.zero is not None and figures.zero < zero,
        "the end": figures.exit is not None and figures.exit < EXIT and figures.status == 0,
        "the other subscribers": all(share >= SHARE for share in figures.shares().values()),
        "the cable, which was no hindrance": figures.carried_mbit > (subscriber.mbit or 0.0) * FULL,
    }
    return [what for what, is_within in within.items() if not is_within]


def had_no_time(figures: Figures) -> bool:
    """Whether the machine was too busy for such figures to tell anything."""
    return figures.held_up() > HELD_UP or os.getloadavg()[0] > LOAD * (os.cpu_count() or 1)


@pytest.mark.parametrize("case", [*SLOW, *STOPPED])
def test_walking_and_the_end_do_not_wait_for_a_subscriber(namespaces: None, directory: Path, case: str) -> None:
    subscriber = {**SLOW, **STOPPED}[case]
    for attempt in range(ATTEMPTS):
        figures = run(subscriber, SECONDS, directory / str(attempt))
        wrong = faults(subscriber, figures)
        if not wrong or not had_no_time(figures):
            break
    assert not wrong, f"{', '.join(wrong)}: {figures}"


def test_nothing_is_left_of_two_computers(namespaces: None, tmp_path: Path) -> None:
    def spaces() -> set[str]:
        return {entry.readlink().name for entry in Path("/proc").glob("[0-9]*/ns/net") if entry.is_symlink()}

    with TwoHosts() as hosts:
        own = {Path(f"/proc/{host.pid}/ns/net").readlink().name for host in (hosts.robots, hosts.laptop)}
        assert len(own) == 2 and own <= spaces()
        program = Participant("listen", hosts.laptop, tmp_path)
        wait_for("the program to listen", program.notes)
        program.kill()
    assert not own & spaces()


def test_a_gap_lasts_from_the_time_before_to_the_end() -> None:
    assert longest_gap([1.0, 2.0, 2.5], begin=1.9, end=3.0) == 1.0
    assert longest_gap([1.0, 2.0, 2.5], begin=2.1, end=4.0) == 1.5
    assert longest_gap([], begin=1.0, end=4.0) == 3.0


def test_a_robot_that_stands_stopped_needs_no_other_zero() -> None:
    def move(at: float, x: float) -> dict[str, Any]:
        parameter = json.dumps({"x": x, "y": 0.0, "z": 0.0})
        return {"t": at, "topic": "rt/api/sport/request", "api_id": MOVE, "parameter": parameter}

    stop = {"t": 3.0, "topic": "rt/api/sport/request", "api_id": STOP_MOVE, "parameter": ""}
    assert first_stop([move(1.0, 0.2), move(2.5, 0.0), stop], since=2.0) == 0.5
    assert first_stop([move(1.0, 0.2), stop], since=2.0) == 1.0
    assert first_stop([move(1.0, 0.2), move(1.5, 0.0)], since=2.0) == 0.0
    assert first_stop([move(1.0, 0.0), move(2.5, 0.2), stop], since=2.0) == 1.0
    assert first_stop([move(1.0, 0.2)], since=2.0) is None
    assert first_stop([move(1.0, 0.0), move(2.5, 0.2)], since=2.0) is None
