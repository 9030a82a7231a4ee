"""Starts the robot and the node, shows the table, judges what was seen, and takes everything down again."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

import rclpy
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions

from .children import Child
from .table import Screen, layout
from .views import Views
from .walk import Walker

SIMULATED = "127.0.0.2"
MODEL = Path(__file__).resolve().parents[2] / "urdf" / "go2.urdf"
SIM_STARTS = 20.0
NODE_STOPS, SIM_STOPS = 10.0, 5.0
REDRAW = 0.25
POLL = 0.05


class Failed(Exception):
    """What went wrong, in words."""


class Demo:
    """One run."""

    def __init__(self, options: argparse.Namespace, logs: Path) -> None:
        self.options = options
        self.logs = logs
        self.told: int | None = None
        self.sim: Child | None = None
        self.node: Child | None = None
        self.views = Views(options.pictures, MODEL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.told = number

    def run(self) -> None:
        """All of it. What fails, fails after everything was taken down."""
        try:
            self._start()
            problems = self._show()
        except Failed as failed:
            problems = [str(failed)]
        finally:
            status = self._end()
        if status != 0 and not problems:
            problems = [f"the node ended with status {status}"]
        if problems:
            raise Failed("\n".join(problems))

    def _start(self) -> None:
        robot = self.options.robot
        if robot is None:
            robot = SIMULATED
            command = [str(self.options.binaries / "go2_sim"), "--bind", robot]
            self.sim = Child("go2_sim", command, self.logs)
            self._await_sim()
            say(f"simulated robot at {robot}")
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        say(f"starting the node; its topics are in ROS_DOMAIN_ID {domain}. Ctrl-C ends the demo")
        command = [str(self.options.binaries / "go2_bridge"), "--ros-args", "-p", f"robot_ip:={robot}"]
        self.node = Child("go2_bridge", command, self.logs)

    def _await_sim(self) -> None:
        assert self.sim
        deadline = time.monotonic() + SIM_STARTS
        while "listens on" not in self.sim.text():
            if self.told:
                return
            if self.sim.status() is not None:
                taken = "Address already in use" in self.sim.text() or "AddrInUse" in self.sim.text()
                why = f"{SIMULATED} is taken: does another demo run?" if taken else "it ended"
                raise Failed(f"the simulated robot does not start: {why}")
            if time.monotonic() > deadline:
                raise Failed("the simulated robot does not start in time")
            time.sleep(POLL)

    def _show(self) -> list[str]:
        """Walks and draws until the time is over or somebody ends it; returns what was amiss."""
        context = Context()
        # A Ctrl-C must not end ROS here: the robot has to be stopped by it first.
        rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
        walker = Walker(context, self.views, walk=self.sim is not None or self.options.walk)
        screen = Screen()
        try:
            in_time = self._loop(walker, screen)
            self._stop(walker)
            walker.draw_at_last()
            # After a Ctrl-C there was perhaps no time for anything to arrive.
            return walker.missing() if in_time else []
        finally:
            screen.finish(self._lines(walker))
            self._stop(walker)
            walker.close()
            rclpy.shutdown(context=context)

    def _loop(self, walker: Walker, screen: Screen) -> bool:
        start = time.monotonic()
        drawn = 0.0
        doing = ""
        while not self.told:
            now = time.monotonic()
            if self.options.seconds and now - start >= self.options.seconds:
                return True
            self._check_children()
            walker.spin(POLL)
            if not self.views.written:
                # Once at first sight: whoever looks need not wait for the end.
                walker.draw()
            if now - drawn >= REDRAW:
                drawn = now
                screen.draw(self._lines(walker))
            if not screen.live and walker.doing != doing:
                doing = walker.doing
                say(doing)
        return False

    def _stop(self, walker: Walker) -> None:
        if walker.moving:
            say("stopping the robot")
            walker.stop()

    def _check_children(self) -> None:
        for child in (self.node, self.sim):
            if child and child.status() is not None:
                raise Failed(f"{child.name} ended by itself, with status {child.status()}")

    def _lines(self, walker: Walker) -> list[str]:
        table = layout(topic.cells() for topic in walker.topics.values())
        lines = ["", *table, "", f"link: {walker.state}", f"demo: {walker.doing}"]
        return [*lines, *(f"picture: {path}" for path in self.views.written)]

    def _end(self) -> int:
        """Ends the node first: it stops the robot if that still walks. Returns its status."""
        status = self.node.stop(signal.SIGINT, NODE_STOPS) if self.node else 0
        if self.sim:
            self.sim.stop(signal.SIGTERM, SIM_STOPS)
        return status

    def tails(self) -> str:
        """The ends of the logs."""
        children = [child for child in (self.sim, self.node) if child]
        return "\n".join(f"--- the end of {child.log}:\n{child.tail()}" for child in children)


def say(what: str) -> None:
    """A line to the user."""
    print(f"demo: {what}", flush=True)


def parse() -> argparse.Namespace:
    """scripts/demo has checked and explained all of it."""
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--robot")
    parser.add_argument("--walk", action="store_true")
    parser.add_argument("--pictures", type=Path)
    return parser.parse_args()


def main() -> int:
    """The exit status: 0 for all well, 1 for not, 128 and the signal if it was ended before its time."""
    options = parse()
    logs = Path(tempfile.mkdtemp(prefix="go2_demo."))
    demo = Demo(options, logs)
    try:
        demo.run()
    except Failed as failed:
        print(demo.tails(), file=sys.stderr)
        for line in str(failed).splitlines():
            print(f"demo: FAILED: {line}", file=sys.stderr)
        return 1
    shutil.rmtree(logs)
    say("ended; nothing is left running")
    # Without --seconds a Ctrl-C is how it ends.
    if demo.told and (options.seconds or demo.told != signal.SIGINT):
        return 128 + demo.told
    if options.seconds:
        say("every topic arrived" + (" and the robot walked" if demo.sim or options.walk else ""))
    return 0


sys.exit(main())
