"""Has the node lose its robot again and again, and tells whether anything piles up in it."""

from __future__ import annotations

import argparse
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import rclpy
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String

ROBOT = "127.0.0.96"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LIMIT = 60.0
# Pauses of the node at the beginning; each as long as a link endures without counting as stale.
PAUSES, PAUSE = 4, 1.2
# A robot is out of reach once: this many seconds after its start, for so many.
DARK_AT, DARK_FOR = 7.0, 5.0
# A session has everything going after this many seconds.
SETTLED = 2.0
# What is in use after the first minute is what the node needs.
WARM_UP = 60.0
MOST_GROWTH = 2.0
# Samples that are compared with as many later ones.
LEAST = 3
TASKS = re.compile(r"(\d+) tasks are alive")


class Listener(Node):
    """Listens to everything that is large, and to what the link says."""

    def __init__(self) -> None:
        super().__init__("soak")
        self.state = ""
        self.sessions = 0
        self.poses = self.clouds = self.pictures = 0
        self.create_subscription(String, "go2_bridge/link_state", self._hear_state, LATCHED)
        self.create_subscription(Odometry, "odom", self._hear_pose, 10, raw=True)
        self.create_subscription(PointCloud2, "points", self._hear_cloud, 5, raw=True)
        self.create_subscription(Image, "camera/image_raw", self._hear_picture, 5, raw=True)

    def _hear_state(self, message: String) -> None:
        self.sessions += message.data == "live" and not self.live()
        self.state = message.data

    def live(self) -> bool:
        """Whether there is a session, be it without some stream."""
        return self.state.startswith(("live", "degraded", "stale"))

    def _hear_pose(self, _: bytes) -> None:
        self.poses += 1

    def _hear_cloud(self, _: bytes) -> None:
        self.clouds += 1

    def _hear_picture(self, _: bytes) -> None:
        self.pictures += 1

    def until(self, what: str, check: Callable[[], bool]) -> None:
        """Spins until something is true."""
        deadline = time.monotonic() + LIMIT
        while not check():
            assert time.monotonic() < deadline, f"waited {LIMIT} s in vain for {what}; the link is {self.state}"
            rclpy.spin_once(self, timeout_sec=0.05)

    def spin_for(self, seconds: float) -> None:
        """Lets time pass."""
        end = time.monotonic() + seconds
        self.until("time", lambda: time.monotonic() >= end)


@dataclass
class Sample:
    """What the node has in use in the middle of a session."""

    at: float
    megabytes: float
    descriptors: int
    threads: int
    tasks: int


class Soak:
    """A node, and one robot after the other."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries = binaries
        self.listener = Listener()
        self.samples: list[Sample] = []
        self.gone: dict[str, list[float]] = {"killed": [], "out of reach": []}
        self.log = folder / "node.log"
        self.robot = self.start_robot()
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            # The node tells how many tasks it has for those who ask for that much.
            command = [binaries / "go2_bridge", f"robot_ip:={ROBOT}", "--ros-args", "--log-level", "go2_bridge:=debug"]
            self.node = subprocess.Popen(command, stdout=log, stderr=log)

    def start_robot(self) -> subprocess.Popen[bytes]:
        """A robot that will be out of reach once."""
        command = [self.binaries / "go2_sim", "--bind", ROBOT, "--net-blackout", f"{DARK_AT}:{DARK_FOR}"]
        robot = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.begun = time.monotonic()
        while socket.socket().connect_ex((ROBOT, 9991)) != 0:
            assert robot.poll() is None, "the simulated robot has ended"
            time.sleep(0.05)
        return robot

    def session(self, number: int) -> float:
        """Waits for a session with everything in it; returns when it was live."""
        listener = self.listener
        listener.until(f"session {number}", lambda: listener.sessions >= number and listener.live())
        live = time.monotonic()
        seen = listener.poses, listener.clouds
        listener.until("poses and clouds", lambda: listener.poses > seen[0] and listener.clouds > seen[1])
        return live

    def sample(self) -> None:
        """Notes what the node has in use."""
        assert self.node.poll() is None, f"the node has ended:\n{self.log.read_text()[-4000:]}"
        process = Path(f"/proc/{self.node.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        told = TASKS.findall(self.log.read_text(errors="replace"))
        sample = Sample(
            time.monotonic() - self.started,
            int(status["VmRSS"].split()[0]) / 1024,
            len(list((process / "fd").iterdir())),
            int(status["Threads"]),
            int(told[-1]) if told else 0,
        )
        self.samples.append(sample)
        print(
            f"{sample.at:6.0f} s, session {self.listener.sessions:3}: {sample.megabytes:5.1f} MB, {sample.descriptors} "
            f"descriptors, {sample.threads} threads, {sample.tasks} tasks",
            flush=True,
        )

    def turn(self) -> None:
        """Two sessions: one that ends because the robot is out of reach, one that ends because it is killed."""
        listener = self.listener
        # Where the session has come late, the robot has been out of reach already.
        if time.monotonic() < self.begun + DARK_AT:
            listener.until("the robot to be out of reach", lambda: not listener.live())
            listener.until("the end of that", lambda: time.monotonic() > self.begun + DARK_AT + DARK_FOR)
            back = time.monotonic()
            self.gone["out of reach"].append(self.session(listener.sessions + 1) - back)
        listener.spin_for(SETTLED)
        self.sample()
        self.robot.kill()
        self.robot.wait()
        self.robot = self.start_robot()
        back = time.monotonic()
        self.gone["killed"].append(self.session(listener.sessions + 1) - back)

    def pile_up(self) -> None:
        """Has the node do nothing for a moment, as a busy machine does.

        What waits meanwhile is the most that its queues, and those of DDS, ever hold. DDS keeps that memory, 2.8 MB for
        each picture: it is what the node needs, and no growth."""
        for _ in range(PAUSES):
            self.node.send_signal(signal.SIGSTOP)
            time.sleep(PAUSE)
            self.node.send_signal(signal.SIGCONT)
            self.listener.spin_for(PAUSE)

    def run(self, seconds: float) -> None:
        """Goes on for a time."""
        self.session(1)
        self.listener.spin_for(SETTLED)
        self.pile_up()
        while time.monotonic() < self.started + seconds:
            self.turn()

    def end(self) -> int:
        """Ends everything; returns the node's exit status."""
        self.node.send_signal(signal.SIGINT)
        try:
            return self.node.wait(15)
        finally:
            self.node.kill()
            self.robot.kill()
            self.robot.wait()

    def report(self) -> bool:
        """Prints the table; returns whether nothing has grown."""
        listener = self.listener
        times = sum(map(len, self.gone.values()))
        print(f"{times} times gone and back in {self.samples[-1].at / 60:.1f} minutes; {listener.poses} poses,")
        print(f"{listener.clouds} clouds and {listener.pictures} pictures came")
        for why, seconds in self.gone.items():
            if seconds:
                print(f"back after it was {why:14} {statistics.median(seconds):5.1f} s, at most {max(seconds):5.1f} s")
        used = [sample for sample in self.samples if sample.at >= WARM_UP]
        part = max(LEAST, len(used) // 4)
        if len(used) < 2 * part:
            print("too short to tell whether anything grows")
            return False
        print(f"{'':12}{'first':>8}{'last':>8}{'most':>8}   of {len(used)} samples; first and last: of {part} each")
        good = True
        # Memory comes and goes with what is under way; of what is counted, the least tells what stays.
        kinds = [("megabytes", MOST_GROWTH, statistics.median)]
        kinds += [(name, 0, min) for name in ("descriptors", "threads", "tasks")]
        for name, most, typical in kinds:
            values = [getattr(sample, name) for sample in used]
            first, last = typical(values[:part]), typical(values[-part:])
            grown = last - first > most
            good &= not grown
            print(f"{name:12}{first:8.1f}{last:8.1f}{max(values):8.1f}{'   GROWN' if grown else ''}")
        return good and all(sample.tasks for sample in used)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    arguments = parser.parse_args()
    rclpy.init()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments.bin, Path(folder))
        try:
            soak.run(arguments.minutes * 60)
        finally:
            status = soak.end()
        good = soak.report()
    print(f"the node ended with status {status}")
    sys.exit(0 if good and status == 0 else 1)


if __name__ == "__main__":
    main()
