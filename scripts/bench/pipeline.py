"""Runs node and simulated robot and prints what the node costs, how late it is, and whether all of it arrives."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from foxglove_msgs.msg import CompressedVideo
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import (
    BatteryState,
    CameraInfo,
    CompressedImage,
    Image,
    Imu,
    JointState,
    LaserScan,
    PointCloud2,
)
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from arrivals import Arrival, arrival_of, as_sent, match_by_stamp, unwrapped
from comparison import Outcome, interleave, node_of, tell_comparison

ROBOT = "127.0.0.93"
RATES = ["--low-hz", "50", "--sport-hz", "50", "--pose-hz", "20", "--lidar-hz", "15"]
CMD_VEL_HZ = 20
WARM_UP = 5.0
# What is sent so shortly before the end may not have arrived.
LAST = 1.0
TICKS = os.sysconf("SC_CLK_TCK")

# How a message is found again on the other side: a number in it that changes with every one while the robot walks a
# circle, on the wire and in ROS.
KEYS: dict[str, tuple[str, Callable[[Any], float], Callable[[Any], float]]] = {
    "joint_states": (
        "rt/lf/lowstate",
        lambda data: as_sent(data["motor_state"][4]["q"]),
        lambda message: as_sent(message.position[message.name.index("FL_thigh_joint")]),
    ),
    "imu/data": (
        "rt/lf/sportmodestate",
        lambda data: math.atan2(*(as_sent(data["imu_state"]["quaternion"][place]) for place in (3, 0))),
        lambda message: math.atan2(as_sent(message.orientation.z), as_sent(message.orientation.w)),
    ),
    "odom": (
        "rt/utlidar/robot_pose",
        lambda data: as_sent(data["pose"]["position"]["x"]),
        lambda message: as_sent(message.pose.pose.position.x),
    ),
}
VOXELS = "rt/utlidar/voxel_map_compressed"

# Topics of the camera that are listened to, by what is measured.
CAMERA: dict[str, dict[str, Any]] = {
    "none": {},
    "video": {"camera/video": CompressedVideo},
    "raw": {"camera/image_raw": Image, "camera/camera_info": CameraInfo},
    "all": {
        "camera/image_raw": Image,
        "camera/camera_info": CameraInfo,
        "camera/image_raw/compressed": CompressedImage,
        "camera/video": CompressedVideo,
    },
}


class Listener(Node):
    """Listens, and drives the robot."""

    def __init__(self, camera: str, speed: float) -> None:
        super().__init__("bench")
        self.speed = speed
        self.received: dict[str, list[tuple[float, float]]] = {topic: [] for topic in KEYS}
        self.arrivals: dict[str, list[Arrival]] = {}
        self.commands: dict[float, float] = {}
        for topic, kind in (("joint_states", JointState), ("imu/data", Imu), ("odom", Odometry)):
            self.create_subscription(kind, topic, self.record(topic), 50)
        self.create_subscription(BatteryState, "battery_state", lambda _: None, 5)
        self.create_subscription(TFMessage, "/tf", lambda _: None, 50)
        # Of the camera's frames, by the node's own count: how many came, and how many of those were dropped.
        self.camera_counts = (0, 0)
        self.create_subscription(DiagnosticArray, "/diagnostics", self.count, 5)
        for topic, kind in {"points": PointCloud2, "scan": LaserScan, **CAMERA[camera]}.items():
            self.listen_raw(kind, topic)
        self.cmd_vel = self.create_publisher(Twist, "cmd_vel", 1)

    def listen_raw(self, kind: Any, topic: str) -> None:
        arrivals = self.arrivals.setdefault(topic, [])
        self.create_subscription(kind, topic, lambda message: arrivals.append(arrival_of(kind, message)), 10, raw=True)

    def record(self, topic: str) -> Callable[[Any], None]:
        key = KEYS[topic][2]
        return lambda message: self.received[topic].append((time.time(), key(message)))

    def count(self, diagnostics: DiagnosticArray) -> None:
        for status in diagnostics.status:
            if status.name.endswith("camera"):
                values = {value.key: value.value for value in status.values}
                self.camera_counts = (int(values["received"]), int(values["dropped"]))

    def call(self, service: str) -> None:
        client = self.create_client(Trigger, f"go2_bridge/{service}")
        client.wait_for_service(10)
        future = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self, future, timeout_sec=10)
        assert future.result() and future.result().success, service

    def drive(self, number: int) -> None:
        """Publishes a velocity that no other command has."""
        twist = Twist()
        twist.linear.x = self.speed + 1e-6 * number
        twist.angular.z = self.speed
        self.commands[round(twist.linear.x, 9)] = time.time()
        self.cmd_vel.publish(twist)

    def drive_for(self, seconds: float, number: int) -> int:
        end = time.monotonic() + seconds
        due = time.monotonic()
        while time.monotonic() < end:
            rclpy.spin_once(self, timeout_sec=max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                self.drive(number)
                number += 1
                due += 1 / CMD_VEL_HZ
        return number


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem")}


@dataclass
class Run:
    """What one run has shown."""

    listener: Listener
    log: list[dict[str, Any]]
    first: float
    begun: float
    ended: float
    # CPU seconds a minute, by program.
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def sent(self, event: str, topic: str | None = None) -> list[dict[str, Any]]:
        """What the robot sent while it was measured, but for the last."""
        return [
            entry
            for entry in self.log
            if entry["event"] == event and entry.get("topic") == topic and self.begun <= entry["t"] <= self.ended - LAST
        ]


def state_latencies(run: Run) -> dict[str, list[float]]:
    """Seconds from the robot's sending to ROS, and from cmd_vel to the robot."""
    result = {}
    for topic, (wire, key, _) in KEYS.items():
        received: dict[float, list[float]] = {}
        for at, value in run.listener.received[topic]:
            received.setdefault(round(value, 9), []).append(at)
        sent = [(entry["t"], round(key(entry["data"]), 9)) for entry in run.sent("sent", wire)]
        # The same value may come again.
        found = [min((came - at for came in received.get(value, []) if came >= at), default=5.0) for at, value in sent]
        result[topic] = [late for late in found if late < 5]
    first: dict[float, float] = {}
    for entry in run.log:
        if entry["event"] == "request" and entry["api_id"] == 1008:
            first.setdefault(round(json.loads(entry["parameter"])["x"], 9), entry["t"])
    commands = run.listener.commands.items()
    result["cmd_vel"] = [first[x] - at for x, at in commands if x in first and at > run.begun]
    return result


def deliveries(run: Run, topic: str) -> tuple[int, list[Arrival], list[float]]:
    """How many were sent for a topic, which came, and how late those were, in seconds."""
    arrivals = run.listener.arrivals[topic]
    if topic in ("points", "scan"):
        entries = run.sent("sent", VOXELS)
        found = match_by_stamp([(entry["t"], entry["stamp"]) for entry in entries], arrivals)
    elif topic == "camera/image_raw":
        entries = run.sent("frame")
        by_counter = {each.counter: each for each in reversed(arrivals)}
        numbers = {i: entry["counter"] for i, entry in enumerate(entries)}
        found = {i: by_counter[number] for i, number in numbers.items() if number in by_counter}
    else:
        entries = run.sent("frame")
        stamps = unwrapped([entry["rtp"] for entry in entries])
        sent = [(entry["t"], stamp) for entry, stamp in zip(entries, stamps, strict=True)]
        found = match_by_stamp(sent, arrivals)
    late = [arrival.at - entries[place]["t"] for place, arrival in sorted(found.items())]
    return len(entries), list(found.values()), late


def measure(node: Path, sim: Path, camera: str, video: list[str], seconds: float, speed: float) -> Run:
    """One run with a robot and a node of its own."""
    listener = Listener(camera, speed)
    try:
        return measure_with(listener, node, sim, video, seconds)
    finally:
        listener.destroy_node()


def measure_with(listener: Listener, node: Path, sim: Path, video: list[str], seconds: float) -> Run:
    """One run with this listener."""
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "robot.jsonl"
        robot_command = [sim, "--bind", ROBOT, *RATES, *video, "--log-sent", "--log", log_file]
        robot = subprocess.Popen(robot_command, stderr=subprocess.DEVNULL)
        try:
            while not listening(ROBOT):
                assert robot.poll() is None, "the simulated robot has ended"
                time.sleep(0.05)
            started = time.time()
            node_command = [node, f"robot_ip:={ROBOT}", "command_path:=move"]
            bridge = subprocess.Popen(node_command, stderr=subprocess.DEVNULL)
            try:
                while not listener.received["joint_states"]:
                    assert bridge.poll() is None, "the node has ended"
                    rclpy.spin_once(listener, timeout_sec=0.01)
                run = Run(listener, [], listener.received["joint_states"][0][0] - started, 0.0, 0.0)
                listener.call("balance_stand")
                number = listener.drive_for(WARM_UP, 0)
                # Pictures begin with a keyframe, which may take a while.
                while not all(listener.arrivals.values()):
                    number = listener.drive_for(0.1, number)
                    assert time.time() - started < 60, "some topic is silent"
                programs = {"node": bridge.pid, "robot": robot.pid, "listener": os.getpid()}
                run.begun, before = time.time(), {name: cpu_seconds(pid) for name, pid in programs.items()}
                listener.drive_for(seconds, number)
                run.ended = time.time()
                minutes = (run.ended - run.begun) / 60
                run.cpu = {name: (cpu_seconds(pid) - before[name]) / minutes for name, pid in programs.items()}
                run.memory = memory_mb(bridge.pid)
            finally:
                end(bridge)
        finally:
            end(robot)
        run.log = [json.loads(line) for line in log_file.read_text().splitlines()]
    return run


def end(program: subprocess.Popen[bytes]) -> None:
    """Has a program end, by force if it does not."""
    program.send_signal(signal.SIGINT)
    try:
        program.wait(10)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        raise


def quantiles(seconds: list[float]) -> str:
    if not seconds:
        return "     - /      -"
    median, p99 = middle_and_tail(seconds)
    return f"{median * 1e3:6.2f} / {p99 * 1e3:6.2f} ms   ({len(seconds)} messages)"


def report(camera: str, run: Run) -> None:
    """Prints the table of a run."""
    print(f"{'node CPU':44} {run.cpu['node']:6.2f} s a minute")
    others = f"robot {run.cpu['robot']:.1f}, listener {run.cpu['listener']:.1f}; 60 is one core"
    print(f"{'  the others':44} {others}")
    print(
        f"{'node RSS':44} {run.memory['VmRSS']:6.1f} MB   (most {run.memory['VmHWM']:.1f}; anonymous "
        f"{run.memory['RssAnon']:.1f}, files {run.memory['RssFile']:.1f}, shared {run.memory['RssShmem']:.1f})"
    )
    print(f"{'start to first joint_states':44} {run.first:6.2f} s")
    print("delivered")
    late = state_latencies(run)
    for topic in run.listener.arrivals:
        count, came, late[topic] = deliveries(run, topic)
        print(f"{'  ' + topic:44} {len(came):6} of {count}{size(topic, came)}")
    keyframes = sum(entry["idr"] for entry in run.sent("frame"))
    if CAMERA[camera]:
        print(f"{'  keyframes among what the robot sent':44} {keyframes:6}")
        received, dropped = run.listener.camera_counts
        print(f"{'  camera, by the node: received, dropped':44} {received:6}, {dropped}")
    print(f"{'latency':44} median /    p99")
    for topic, seconds in late.items():
        what = "cmd_vel > Move at the robot" if topic == "cmd_vel" else f"robot sends > {topic}"
        print(f"{'  ' + what:44} {quantiles(seconds)}")


def outcome(run: Run) -> Outcome:
    """What is compared of a run."""
    measures = {"CPU, s a minute": run.cpu["node"], "RSS, MB": run.memory["VmRSS"]}
    delivered, late = {}, state_latencies(run)
    for topic in run.listener.arrivals:
        count, came, late[topic] = deliveries(run, topic)
        delivered[topic] = (len(came), count)
    for topic, seconds in late.items():
        if seconds:
            median, p99 = middle_and_tail(seconds)
            measures |= {f"{topic}, median, ms": median * 1e3, f"{topic}, p99, ms": p99 * 1e3}
    return Outcome(measures, delivered)


def middle_and_tail(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def size(topic: str, arrivals: list[Arrival]) -> str:
    """What the messages hold, on average."""
    sizes = [arrival.size for arrival in arrivals if arrival.size]
    if not sizes:
        return ""
    mean = statistics.mean(sizes)
    return f", {mean:.0f} points each" if topic == "points" else f", {mean / 1000:.0f} kB each"


def listening(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, 9991)) == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench/pipeline")
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60)
    # The faster the robot walks and turns, the more there is to decode of each picture.
    parser.add_argument("--speed", type=float, default=0.4)
    parser.add_argument("--camera", choices=CAMERA, action="append")
    # The robot's own coding beside the one that is easiest to decode, of the same size, rate and bit rate.
    parser.add_argument("--coding", choices=["high", "baseline"], action="append")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--kbps", type=int, default=2500)
    parser.add_argument("--against", metavar="COMMIT", help="compare with the node of a commit, or with a program")
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison")
    arguments = parser.parse_args()
    rclpy.init()
    this, sim = arguments.bin / "go2_bridge", arguments.bin / "go2_sim"
    nodes = {arguments.against: node_of(arguments.against), "this node": this} if arguments.against else {}
    # Not every older node decodes the robot's own coding.
    codings = arguments.coding or ["baseline" if nodes else "high"]
    failed = False
    for camera in arguments.camera or ["raw", "none"]:
        for coding in codings if CAMERA[camera] else codings[:1]:
            video = {"coding": coding, "fps": arguments.fps, "kbps": arguments.kbps}
            options = [part for name, value in video.items() for part in (f"--video-{name}", str(value))]
            run = partial(
                measure, sim=sim, camera=camera, video=options, seconds=arguments.seconds, speed=arguments.speed
            )
            print(f"\nof the camera: {', '.join(CAMERA[camera]) or 'nothing'}; {coding}, ", end="")
            print(f"{arguments.fps} pictures a second, {arguments.kbps} kbit/s", flush=True)
            if nodes:
                pairs = interleave(nodes, lambda node, run=run: outcome(run(node)), arguments.rounds)
                failed |= not tell_comparison(arguments.against, pairs)
            else:
                report(camera, run(this))
    if failed:
        sys.exit("pipeline: all rounds of a comparison were void")


if __name__ == "__main__":
    main()
