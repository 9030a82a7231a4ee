"""Runs node and simulated robot over bad networks and prints how much comes, and how late."""

from __future__ import annotations

import argparse
import json
import math
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from foxglove_msgs.msg import CompressedVideo
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger

from arrivals import arrival_of, as_sent
from pipeline import listening

ROBOT = "127.0.0.95"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CMD_VEL_HZ = 20
WARM_UP = 3.0
LIMIT = 60.0
POSES, MAPS, MOVE = "rt/utlidar/robot_pose", "rt/utlidar/voxel_map_compressed", 1008
DARK_AT, DARK_FOR = 15.0, 10.0

# What the simulated robot is started with, by network. It sends 18.7 poses, 7.5 maps and 15 pictures of 720p a second.
RESENDS = "--answer-nack"
NETWORKS = {
    "good": [RESENDS],
    "5 % loss": ["--net-loss", "0.05", RESENDS],
    "5 % loss, no video resent": ["--net-loss", "0.05"],
    "100 ms jitter": ["--net-delay-ms", "5", "--net-jitter-ms", "100", RESENDS],
    "20 ms jitter, 1 % loss": ["--net-delay-ms", "2", "--net-jitter-ms", "20", "--net-loss", "0.01", RESENDS],
    "4 Mbit/s": ["--net-mbit", "4", RESENDS],
    "10 s blackout": ["--net-blackout", f"{DARK_AT}:{DARK_FOR}", RESENDS],
}


class Watcher(Node):
    """Notes what comes and when, and drives the robot."""

    def __init__(self) -> None:
        super().__init__("bench_network")
        self.state = ""
        self.poses: list[tuple[float, float, float]] = []
        self.clouds: list[tuple[float, float]] = []
        self.pictures: list[tuple[float, int]] = []
        self.commands: dict[float, float] = {}
        self.create_subscription(String, "go2_bridge/link_state", self._hear_state, LATCHED)
        self.create_subscription(Odometry, "odom", self._hear_pose, 100)
        self.create_subscription(PointCloud2, "points", self._hear_cloud, 20, raw=True)
        self.create_subscription(CompressedVideo, "camera/video", self._hear_picture, 100, raw=True)
        self.velocities = self.create_publisher(Twist, "cmd_vel", 1)
        self.stand = self.create_client(Trigger, "go2_bridge/balance_stand")

    def _hear_state(self, message: String) -> None:
        self.state = message.data

    def _hear_pose(self, message: Odometry) -> None:
        stamp = message.header.stamp
        self.poses.append((time.time(), message.pose.pose.position.x, stamp.sec + stamp.nanosec / 1e9))

    def _hear_cloud(self, message: bytes) -> None:
        arrival = arrival_of(PointCloud2, message)
        self.clouds.append((arrival.at, arrival.stamp))

    def _hear_picture(self, message: bytes) -> None:
        arrival = arrival_of(CompressedVideo, message)
        self.pictures.append((arrival.at, arrival.size))

    def until(self, what: str, check: Callable[[], bool]) -> None:
        """Spins until something is true."""
        deadline = time.monotonic() + LIMIT
        while not check():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            rclpy.spin_once(self, timeout_sec=0.01)

    def get_up(self) -> None:
        """Has the robot stand; over a bad network the answer may be lost with a session."""
        self.until("the service", self.stand.service_is_ready)
        for _ in range(5):
            answer = self.stand.call_async(Trigger.Request())
            self.until("the answer", answer.done)
            if answer.result().success:
                return
        raise AssertionError("the robot does not stand")

    def drive(self, seconds: float) -> None:
        """Drives in circles, with velocities of which each is another."""
        due = time.monotonic()
        end = due + seconds
        while due < end:
            twist = Twist()
            twist.linear.x = round(0.2 + 1e-6 * len(self.commands), 9)
            twist.angular.z = 0.4
            self.commands[twist.linear.x] = time.time()
            self.velocities.publish(twist)
            due += 1 / CMD_VEL_HZ
            while (left := due - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=left)


@dataclass
class Run:
    """What one run has shown."""

    watcher: Watcher
    begun: float
    ended: float
    log: list[dict[str, Any]] = field(default_factory=list)

    def of(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """What the robot logged of one kind."""
        entries = [entry for entry in self.log if entry["event"] == event]
        return [entry for entry in entries if all(entry.get(name) == value for name, value in fields.items())]

    def measured(self, at: float) -> bool:
        """Whether a time is within the run."""
        return self.begun <= at <= self.ended


@dataclass
class Stream:
    """What came of one thing: when, and how old it was then."""

    hz: float
    silence: float
    ages: list[float]

    @staticmethod
    def of(run: Run, times: list[float], ages: list[float]) -> Stream:
        """Made of the times of all arrivals, and the ages of those that are known."""
        inside = [run.begun, *filter(run.measured, times), run.ended]
        silence = max(after - before for before, after in zip(inside[:-1], inside[1:], strict=True))
        return Stream((len(inside) - 2) / (run.ended - run.begun), silence, ages)


def poses(run: Run) -> tuple[Stream, float]:
    """The poses, and how far their stamps are ahead of the robot's clock."""
    sent: dict[float, tuple[float, float]] = {}
    for entry in run.of("sent", topic=POSES):
        stamp = entry["data"]["header"]["stamp"]
        where = as_sent(entry["data"]["pose"]["position"]["x"])
        sent.setdefault(where, (entry["t"], stamp["sec"] + stamp["nanosec"] / 1e9))
    found = [(at, stamp, *sent[as_sent(x)]) for at, x, stamp in run.watcher.poses if as_sent(x) in sent]
    ages = [at - left for at, _, left, _ in found if run.measured(at)]
    # While the robot stands, poses cannot be told apart.
    ahead = statistics.median(stamp - told for at, stamp, _, told in found if run.measured(at))
    return Stream.of(run, [at for at, _, _ in run.watcher.poses], ages), ahead


def clouds(run: Run, ahead: float) -> Stream:
    """The clouds; each is found again by its stamp, which is of the same clock as those of the poses."""
    sent = run.of("sent", topic=MAPS)
    ages = []
    for at, stamp in run.watcher.clouds:
        nearest = min(sent, key=lambda entry: abs(entry["stamp"] + ahead - stamp))
        if run.measured(at) and abs(nearest["stamp"] + ahead - stamp) < 0.06:
            ages.append(at - nearest["t"])
    return Stream.of(run, [at for at, _ in run.watcher.clouds], ages)


def pictures(run: Run) -> Stream:
    """The pictures; each is found again by its size: that of its NAL units and their start codes of 4 bytes."""
    sent = run.of("frame")
    place, ages = 0, []
    for at, size in run.watcher.pictures:
        fits = (i for i in range(place, len(sent)) if size - sent[i]["bytes"] in range(4, 33, 4))
        if (found := next(fits, None)) is not None and sent[found]["t"] <= at:
            place = found + 1
            if run.measured(at):
                ages.append(at - sent[found]["t"])
    return Stream.of(run, [at for at, _ in run.watcher.pictures], ages)


def velocities(run: Run) -> tuple[Stream, int]:
    """The velocities at the robot, and how often an older one came after a newer one."""
    moves = run.of("request", api_id=MOVE)
    told = [(entry["t"], round(json.loads(entry["parameter"])["x"], 9)) for entry in moves]
    given = run.watcher.commands
    first: dict[float, float] = {}
    for at, speed in told:
        first.setdefault(speed, at)
    ages = [at - given[speed] for speed, at in first.items() if speed in given and run.measured(given[speed])]
    known = [speed for _, speed in told if speed in given]
    older = sum(after < before for before, after in zip(known[:-1], known[1:], strict=True))
    return Stream.of(run, list(first.values()), ages), older


def measure(binaries: Path, options: list[str], seconds: float) -> Run:
    """One run with a robot and a node of its own."""
    watcher = Watcher()
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "robot.jsonl"
        robot_command = [binaries / "go2_sim", "--bind", ROBOT, "--log-sent", "--log", log_file, *options]
        robot = subprocess.Popen(robot_command, stderr=subprocess.DEVNULL)
        node = None
        try:
            while not listening(ROBOT):
                assert robot.poll() is None, "the simulated robot has ended"
                time.sleep(0.05)
            # The shortest way; through the avoidance another service of the robot counts the Moves.
            command = [binaries / "go2_bridge", f"robot_ip:={ROBOT}", "command_path:=move"]
            node = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            watcher.until("the link", lambda: watcher.state == "live")
            watcher.get_up()
            watcher.until("state and LiDAR", lambda: bool(watcher.poses and watcher.clouds))
            if RESENDS in options:
                watcher.until("pictures", lambda: bool(watcher.pictures))
            watcher.drive(WARM_UP)
            run = Run(watcher, time.time(), 0.0)
            watcher.drive(seconds)
            run.ended = time.time()
        finally:
            for program in (node, robot):
                if program:
                    program.send_signal(signal.SIGINT)
                    program.wait(10)
        run.log = [json.loads(line) for line in log_file.read_text().splitlines()]
    watcher.destroy_node()
    return run


def cell(stream: Stream) -> str:
    """Rate, ages, longest silence."""
    if not stream.ages:
        return f"{stream.hz:4.1f} Hz    -"
    ages = sorted(stream.ages)
    p99 = ages[math.ceil(len(ages) * 0.99) - 1]
    median = statistics.median(ages)
    return f"{stream.hz:4.1f} Hz {median * 1e3:4.0f}/{p99 * 1e3:5.0f} ms {stream.silence:5.2f} s"


def report(name: str, run: Run) -> None:
    """Prints a row."""
    odometry, ahead = poses(run)
    moves, older = velocities(run)
    cells = [cell(each) for each in (odometry, clouds(run, ahead), pictures(run), moves)]
    sessions = len(run.of("validated"))
    print(f"{name:26}", *(f"{each:28}" for each in cells), f"{older:5} {sessions:8}", sep="| ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", choices=NETWORKS, action="append")
    arguments = parser.parse_args()
    rclpy.init()
    print("rate, age when it arrives (median/p99), longest silence; older: velocities after a newer one")
    heads = ("odom", "points", "camera/video", "cmd_vel at the robot")
    print(f"{'':26}", *(f"{head:28}" for head in heads), "older sessions", sep="| ")
    for name in arguments.only or NETWORKS:
        report(name, measure(arguments.bin, NETWORKS[name], arguments.seconds))


if __name__ == "__main__":
    main()
