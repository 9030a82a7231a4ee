"""What a subscriber that takes too little does to walking, to shutdown and to the other subscribers: one run, measured.

On the robot's computer are the simulated robot, the node, a program that drives and one that listens; the subscriber in
question is on a laptop behind a slow cable, or on the robot's computer. Used by test_slow_subscriber.py and by
scripts/bench/slow_subscriber.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dog import NODE, STOP_MOVE, TARGET, Bridge, Entry, P, Process, Sim, is_move, service, velocity, wait_for
from participant import TOPICS
from two_hosts import Host, TwoHosts, subnet

ROBOT = "127.0.0.98"
DOMAIN = 0
# Baseline is decoded by every version of the node.
SIM_OPTIONS = ["--video-coding", "baseline"]
PARTICIPANT = Path(__file__).parent / "participant.py"
START_LIMIT = 60.0
# A cable is full when it carries this part of what it can.
FULL = 0.7
# How long a zero, and the node's end, are waited for.
ZERO_LIMIT, EXIT_LIMIT = 5.0, 45.0
POLL = 0.1


@dataclass(frozen=True)
class Subscriber:
    """The one that takes too little."""

    qos: str = "reliable"
    # What the cable carries; None for as much as the computer can.
    mbit: float | None = None
    # Whether it is stopped, as by SIGSTOP, once it has heard every topic.
    stopped: bool = False
    # Whether it is on the robot's own computer.
    local: bool = False


@dataclass
class Figures:
    """What one run has shown. Times in seconds; None is longer than was waited for."""

    # The longest time between two Moves that walk, from when the subscriber came to the last command.
    gap: float = 0.0
    # The same before the subscriber came.
    gap_before: float = 0.0
    # The longest time between two commands, which `gap` contains.
    gap_of_commands: float = 0.0
    # From the last command to the first zero or StopMove at the robot; 0 if it stands stopped by then.
    zero: float | None = None
    # From SIGINT to the node's end, and its exit status.
    exit: float | None = None
    status: int | None = None
    # Messages a second at the subscriber on the robot's computer, by topic: before the other one came, and with it.
    before: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    # What the cable carried to the laptop while it was measured, in Mbit/s.
    carried_mbit: float = 0.0

    def held_up(self) -> float:
        """What the machine itself held something up: the longest gap that is no doing of the subscriber's."""
        return max(self.gap_before, self.gap_of_commands)

    def shares(self) -> dict[str, float]:
        """The rates with the subscriber, as parts of those without."""
        return {topic: self.beside[topic] / before for topic, before in self.before.items()}


class Participant(Process):
    """A program that listens or drives, and what it noted."""

    def __init__(self, what: str, host: Host, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._notes = directory / "notes.jsonl"
        self._notes.touch()
        arguments = [str(PARTICIPANT), what, str(self._notes), *options]
        super().__init__(Path(sys.executable), arguments, directory / "output.log", subnet(DOMAIN), host.within())

    def notes(self) -> list[dict[str, Any]]:
        """What it noted so far."""
        return [json.loads(line) for line in self._notes.read_text().rpartition("\n")[0].splitlines()]

    def heard(self, begin: float = 0.0, end: float = float("inf")) -> dict[str, int]:
        """How many messages came in a span of time, by topic."""
        count = dict.fromkeys(TOPICS, 0)
        for note in self.notes():
            if begin <= note["t"] < end and "topic" in note:
                count[note["topic"]] += 1
        return count

    def commands(self) -> list[float]:
        """When it gave velocities."""
        return [note["t"] for note in self.notes() if "x" in note]


class Run:
    """Programs on two computers, and one run with them."""

    def __init__(self, hosts: TwoHosts, directory: Path, node: Path = NODE, sim: Path = TARGET / "go2_sim") -> None:
        self._hosts = hosts
        self._directory = directory
        self._node_program, self._sim_program = node, sim
        self._started: list[Process] = []
        self._numbers = itertools.count()

    def measure(self, subscriber: Subscriber | None, seconds: float) -> Figures:
        """One run: `seconds` without the subscriber, as many with it, then the stop and the end."""
        if subscriber and subscriber.mbit is not None:
            self._hosts.limit(subscriber.mbit)
        sim, node = self._start()
        listener, driver = self._participant("listen"), self._participant("drive")
        wait_for("every topic", lambda: all(listener.heard().values()), START_LIMIT, pause)
        wait_for("the robot to walk", lambda: walking(sim), START_LIMIT, pause)
        figures = Figures()
        begun = time.time()
        figures.before = rates(listener, seconds)
        assert all(figures.before.values()), f"a topic is silent without the subscriber: {figures.before}"

        came = time.time()
        if subscriber:
            self._subscribe(subscriber)
        before = self._hosts.carried()
        figures.beside = rates(listener, seconds)
        figures.carried_mbit = mbit(self._hosts.carried() - before, seconds)

        driver.kill()
        last = driver.commands()[-1]
        figures.gap_of_commands = longest_gap(driver.commands(), came, last)
        figures.zero = within(ZERO_LIMIT, lambda: first_stop(sim.entries("request"), last))
        figures.gap_before = longest_gap(walking(sim), begun, came)
        figures.gap = longest_gap(walking(sim), came, last)
        figures.exit, figures.status = self._end(node)
        return figures

    def _start(self) -> tuple[Sim, Bridge]:
        within, environment = self._hosts.robots.within(), subnet(DOMAIN)
        sim = self._keep(Sim(ROBOT, self._room(), SIM_OPTIONS, environment, self._sim_program, within))
        wait_for("the simulated robot to listen", sim.listens)
        arguments = ["--ros-args", "-p", f"robot_ip:={ROBOT}"]
        return sim, self._keep(Bridge(arguments, self._room(), environment, self._node_program, within))

    def _participant(self, what: str, *options: str, host: Host | None = None) -> Participant:
        return self._keep(Participant(what, host or self._hosts.robots, self._room(), *options))

    def _subscribe(self, subscriber: Subscriber) -> None:
        """Has it come, and waits until it is there: until its slow cable is full, or else until it hears everything."""
        host = self._hosts.robots if subscriber.local else self._hosts.laptop
        other = self._participant("listen", "--qos", subscriber.qos, host=host)
        if subscriber.mbit is not None:
            # Which messages come over a cable that is full is chance.
            full = subscriber.mbit * FULL
            wait_for("the cable to be full", lambda: self._carried_mbit(1.0) > full, START_LIMIT, lambda: None)
            return
        wait_for("the subscriber to hear", lambda: all(other.heard().values()), START_LIMIT, pause)
        if subscriber.stopped:
            other.freeze()

    def _carried_mbit(self, seconds: float) -> float:
        """What the cable carries from now on, on average, in Mbit/s."""
        before = self._hosts.carried()
        time.sleep(seconds)
        return mbit(self._hosts.carried() - before, seconds)

    def _end(self, node: Bridge) -> tuple[float | None, int | None]:
        begin = time.monotonic()
        node.send(signal.SIGINT)
        try:
            status = node.wait(EXIT_LIMIT)
        except subprocess.TimeoutExpired:
            return None, None
        return time.monotonic() - begin, status

    def _room(self) -> Path:
        room = self._directory / str(next(self._numbers))
        room.mkdir(parents=True)
        return room

    def _keep(self, process: P) -> P:
        self._started.append(process)
        return process

    def tell(self) -> str:
        """What the programs said."""
        return "\n".join(f"--- {process.log}\n{process.output()}" for process in self._started)

    def close(self) -> None:
        """Ends all programs."""
        for process in self._started:
            process.kill()


def pause() -> None:
    """Between two looks at what was noted."""
    time.sleep(POLL)


def mbit(size: int, seconds: float) -> float:
    """Bytes in a time, in Mbit/s."""
    return size * 8 / 1e6 / seconds


def rates(listener: Participant, seconds: float) -> dict[str, float]:
    """Messages a second of each topic from now on."""
    begin = time.time()
    time.sleep(seconds)
    return {topic: count / seconds for topic, count in listener.heard(begin, begin + seconds).items()}


def walking(sim: Sim) -> list[float]:
    """When the robot was given Moves that walk."""
    return [entry["t"] for entry in sim.entries("request") if is_move(entry) and any(velocity(entry))]


def first_stop(requests: list[Entry], since: float) -> float | None:
    """Seconds from a time to the first Move of zero, or StopMove, after it; 0 if it was stopped by then and stays so."""
    told = [entry for entry in requests if is_move(entry) or is_stop(entry)]
    before = [entry for entry in told if entry["t"] <= since]
    after = [entry for entry in told if entry["t"] > since]
    if before and is_stop(before[-1]) and all(map(is_stop, after)):
        return 0.0
    return next((float(entry["t"]) - since for entry in after if is_stop(entry)), None)


def is_stop(entry: Entry) -> bool:
    """Whether it is a StopMove, or a Move of zero."""
    zero = is_move(entry) and not any(velocity(entry))
    return zero or (service(entry), entry["api_id"]) == ("sport", STOP_MOVE)


def within(limit: float, check: Callable[[], float | None]) -> float | None:
    """What `check` gives as soon as it is not None, or None when the time is over."""
    deadline = time.monotonic() + limit
    while (found := check()) is None and time.monotonic() < deadline:
        pause()
    return found


def longest_gap(times: list[float], begin: float, end: float) -> float:
    """The longest time from one to the next, of those in a span, the last one before it (or its begin), and its end."""
    before = [at for at in times if at < begin]
    inside = [*(before[-1:] or [begin]), *(at for at in times if begin <= at < end), end]
    return max(after - at for at, after in itertools.pairwise(inside))


def run(
    subscriber: Subscriber | None,
    seconds: float,
    directory: Path,
    node: Path = NODE,
    sim: Path = TARGET / "go2_sim",
) -> Figures:
    """One run on two computers of its own. Raises NotPossible where these cannot be made."""
    with ExitStack() as stack:
        hosts = stack.enter_context(TwoHosts())
        programs = Run(hosts, directory, node, sim)
        stack.callback(programs.close)
        try:
            return programs.measure(subscriber, seconds)
        except AssertionError:
            print(programs.tell())
            raise
