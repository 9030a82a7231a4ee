"""Runs node and simulated robot and prints a table of what the node costs and how late it is."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import BatteryState, Imu, JointState
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

ROBOT = "127.0.0.93"
RATES = ["--low-hz", "50", "--sport-hz", "50", "--pose-hz", "20"]
CMD_VEL_HZ = 20
WARM_UP = 5.0
TICKS = os.sysconf("SC_CLK_TCK")

# How a message is found again on the other side: a number in it that changes with every one while the robot walks a
# circle, on the wire and in ROS.
KEYS: dict[str, tuple[str, Callable[[Any], float], Callable[[Any], float]]] = {
    "joint_states": (
        "rt/lf/lowstate",
        lambda data: data["motor_state"][4]["q"],
        lambda message: message.position[message.name.index("FL_thigh_joint")],
    ),
    "imu/data": (
        "rt/lf/sportmodestate",
        lambda data: math.atan2(data["imu_state"]["quaternion"][3], data["imu_state"]["quaternion"][0]),
        lambda message: math.atan2(message.orientation.z, message.orientation.w),
    ),
    "odom": (
        "rt/utlidar/robot_pose",
        lambda data: data["pose"]["position"]["x"],
        lambda message: message.pose.pose.position.x,
    ),
}


class Listener(Node):
    """Listens to every topic and drives the robot."""

    def __init__(self) -> None:
        super().__init__("bench")
        self.received: dict[str, list[tuple[float, float]]] = {topic: [] for topic in KEYS}
        self.commands: dict[float, float] = {}
        for topic, kind in (("joint_states", JointState), ("imu/data", Imu), ("odom", Odometry)):
            self.create_subscription(kind, topic, self.record(topic), 50)
        self.create_subscription(BatteryState, "battery_state", lambda _: None, 5)
        self.create_subscription(TFMessage, "/tf", lambda _: None, 50)
        self.cmd_vel = self.create_publisher(Twist, "cmd_vel", 1)

    def record(self, topic: str) -> Callable[[Any], None]:
        key = KEYS[topic][2]
        return lambda message: self.received[topic].append((time.time(), key(message)))

    def call(self, service: str) -> None:
        client = self.create_client(Trigger, f"go2_bridge/{service}")
        client.wait_for_service(10)
        future = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self, future, timeout_sec=10)
        assert future.result() and future.result().success, service

    def drive(self, number: int) -> None:
        """Publishes a velocity that no other command has."""
        twist = Twist()
        twist.linear.x = 0.4 + 1e-6 * number
        twist.angular.z = 0.4
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


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(process: subprocess.Popen[bytes]) -> dict[str, float]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon", "RssFile", "RssShmem")}


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1e3:6.2f} / {p99 * 1e3:6.2f} ms   ({len(ordered)} messages)"


def latencies(log: list[dict[str, Any]], listener: Listener, after: float) -> dict[str, list[float]]:
    result = {}
    for topic, (wire, key, _) in KEYS.items():
        received = {round(value, 9): at for at, value in listener.received[topic]}
        sent = [(e["t"], round(key(e["data"]), 9)) for e in log if e["event"] == "sent" and e["topic"] == wire]
        found = [received[value] - at for at, value in sent if at > after and value in received]
        result[topic] = [late for late in found if 0 <= late < 5]
    moves = [
        (e["t"], round(json.loads(e["parameter"])["x"], 9))
        for e in log
        if e["event"] == "request" and e["api_id"] == 1008
    ]
    first = {}
    for at, value in moves:
        first.setdefault(value, at)
    result["cmd_vel"] = [first[x] - at for x, at in listener.commands.items() if x in first and at > after]
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    rclpy.init()
    listener = Listener()
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "robot.jsonl"
        robot_command = [arguments.bin / "go2_sim", "--bind", ROBOT, *RATES, "--log-sent", "--log", log_file]
        robot = subprocess.Popen(robot_command, stderr=subprocess.DEVNULL)
        try:
            while not listening(ROBOT):
                time.sleep(0.05)
            started = time.time()
            node_command = [arguments.bin / "go2_bridge", f"robot_ip:={ROBOT}"]
            node = subprocess.Popen(node_command, stderr=subprocess.DEVNULL)
            try:
                while not listener.received["joint_states"]:
                    rclpy.spin_once(listener, timeout_sec=0.01)
                first = listener.received["joint_states"][0][0] - started
                listener.call("balance_stand")
                number = listener.drive_for(WARM_UP, 0)
                before, begun = cpu_seconds(node), time.time()
                listener.drive_for(arguments.seconds, number)
                used = (cpu_seconds(node) - before) * 60 / (time.time() - begun)
                memory = memory_mb(node)
            finally:
                node.send_signal(signal.SIGINT)
                node.wait(10)
        finally:
            robot.send_signal(signal.SIGINT)
            robot.wait(10)
        log = [json.loads(line) for line in log_file.read_text().splitlines()]
    late = latencies(log, listener, begun)
    print(f"\n{'node CPU':34} {used:6.2f} s a minute")
    print(
        f"{'node RSS':34} {memory['VmRSS']:6.1f} MB   (anonymous {memory['RssAnon']:.1f}, "
        f"files {memory['RssFile']:.1f}, shared {memory['RssShmem']:.1f})"
    )
    print(f"{'start to first joint_states':34} {first:6.2f} s")
    print(f"{'latency':34} median /    p99")
    for topic in KEYS:
        print(f"{'  robot sends > ' + topic:34} {quantiles(late[topic])}")
    print(f"{'  cmd_vel > Move at the robot':34} {quantiles(late['cmd_vel'])}")


def listening(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, 9991)) == 0


if __name__ == "__main__":
    main()
