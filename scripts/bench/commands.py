"""Runs node and simulated robot and prints how long commands take, there and back."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import Twist
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from pipeline import listening, quantiles

ROBOT = "127.0.0.94"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# BalanceStand takes the simulated robot no time: what is measured is the way there and back.
SERVICE, API = "go2_bridge/balance_stand", 1002
CALLS, AT_ONCE = 300, 100
HZ = 100
MOVE = 1008
LIMIT = 20.0


class Commander(Node):
    """Calls, asks and drives."""

    def __init__(self) -> None:
        super().__init__("bench_commands")
        self.state = ""
        self.answers: dict[int, tuple[float, dict[str, Any]]] = {}
        self.create_subscription(String, "go2_bridge/link_state", self._hear_state, LATCHED)
        self.create_subscription(String, "go2_bridge/response", self._hear_answer, 1000)
        self.requests = self.create_publisher(String, "go2_bridge/request", 1000)
        self.velocities = self.create_publisher(Twist, "cmd_vel", 1)
        self.service = self.create_client(Trigger, SERVICE)

    def _hear_state(self, message: String) -> None:
        self.state = message.data

    def _hear_answer(self, message: String) -> None:
        answer = json.loads(message.data)
        self.answers[answer["id"]] = (time.time(), answer)

    def until(self, what: str, check: Callable[[], bool]) -> None:
        """Spins until something is true."""
        deadline = time.monotonic() + LIMIT
        while not check():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            rclpy.spin_once(self, timeout_sec=0.01)

    def call(self) -> float:
        """Calls the service; returns the seconds that it took."""
        start = time.time()
        future = self.service.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self, future, timeout_sec=LIMIT)
        assert future.result() and future.result().success
        return time.time() - start

    def ask_at_once(self, first: int, count: int) -> tuple[list[float], int]:
        """Sends many requests; returns the seconds of each, and how many answers were another's."""
        start = time.time()
        for number in range(first, first + count):
            # The robot does not have this api, and its answer names the one that was asked.
            request = {"id": number, "service": "sport", "api_id": 90000 + number}
            self.requests.publish(String(data=json.dumps(request)))
        numbers = range(first, first + count)
        self.until("all answers", lambda: all(number in self.answers for number in numbers))
        late = [self.answers[number][0] - start for number in numbers]
        wrong = sum(self.answers[number][1].get("api_id") != 90000 + number for number in numbers)
        return late, wrong

    def drive(self, seconds: float) -> dict[float, float]:
        """Publishes velocities, each another; returns when each was."""
        sent: dict[float, float] = {}
        due = time.monotonic()
        for number in range(int(seconds * HZ)):
            twist = Twist()
            twist.linear.x = round(0.2 + 1e-6 * number, 9)
            sent[twist.linear.x] = time.time()
            self.velocities.publish(twist)
            due += 1 / HZ
            while (left := due - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=left)
        return sent


def moves(log: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """When and how fast the robot was told to walk forward."""
    requests = [entry for entry in log if entry["event"] == "request" and entry["api_id"] == MOVE]
    return [(entry["t"], round(json.loads(entry["parameter"])["x"], 9)) for entry in requests]


def report(commander: Commander, log: list[dict[str, Any]], sent: dict[float, float]) -> None:
    """Prints what became of the velocities."""
    first: dict[float, float] = {}
    told = [(at, speed) for at, speed in moves(log) if speed in sent]
    for at, speed in told:
        first.setdefault(speed, at)
    late = [first[speed] - at for speed, at in sent.items() if speed in first]
    print(f"{f'cmd_vel at {HZ} Hz > Move at the robot':44} {quantiles(late)}")
    print(f"{'  replaced by a newer one before it was sent':44} {len(sent) - len(first):6} of {len(sent)}")
    older = sum(later < earlier for (_, earlier), (_, later) in zip(told[:-1], told[1:], strict=True))
    print(f"{'  an older one after a newer one':44} {older:6} of {len(told)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    rclpy.init()
    commander = Commander()
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "robot.jsonl"
        robot = subprocess.Popen([arguments.bin / "go2_sim", "--bind", ROBOT, "--log", log_file])
        while not listening(ROBOT):
            assert robot.poll() is None, "the simulated robot has ended"
            time.sleep(0.05)
        # The shortest way; through the avoidance another service of the robot counts the Moves.
        command = [arguments.bin / "go2_bridge", f"robot_ip:={ROBOT}", "command_path:=move"]
        node = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            commander.until("the link", lambda: commander.state == "live")
            commander.until("the service", commander.service.service_is_ready)
            commander.until("~/request", lambda: commander.requests.get_subscription_count() > 0)
            commander.call()
            print(f"{'':44} median /    p99")
            print(f"{'service call, one after the other':44} {quantiles([commander.call() for _ in range(CALLS)])}")
            late: list[float] = []
            mixed_up = 0
            for turn in range(10):
                more, wrong = commander.ask_at_once(turn * AT_ONCE, AT_ONCE)
                late, mixed_up = late + more, mixed_up + wrong
            print(f"{f'{AT_ONCE} requests at once, each':44} {quantiles(late)}")
            print(f"{'  answers that were another request’s':44} {mixed_up:6} of {len(late)}")
            sent = commander.drive(arguments.seconds)
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(10)
            robot.send_signal(signal.SIGINT)
            robot.wait(10)
        log = [json.loads(line) for line in log_file.read_text().splitlines()]
    report(commander, log, sent)


if __name__ == "__main__":
    main()
