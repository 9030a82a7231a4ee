"""A program with a ROS node of its own, for where a test cannot be itself: `listen` counts, `drive` gives velocities.

Both write what they do to a file, a JSON object a line, with the time in seconds since 1970.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, LaserScan, PointCloud2
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

# What rviz shows of a robot.
TOPICS: dict[str, Any] = {
    "odom": Odometry,
    "/tf": TFMessage,
    "scan": LaserScan,
    "points": PointCloud2,
    "camera/image_raw": Image,
}
QOS = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}
DEPTH = 10
CMD_VEL_HZ = 20
SPEED, YAW = 0.2, 0.4


class Log:
    """A file of what happened."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)

    def write(self, **what: Any) -> None:
        """Adds a line."""
        self._file.write(json.dumps({"t": time.time(), **what}) + "\n")


def listen(node: Node, log: Log, qos: ReliabilityPolicy) -> None:
    """Subscribes to all topics and notes what comes."""

    def note(topic: str) -> Callable[[bytes], None]:
        return lambda message: log.write(topic=topic, bytes=len(message))

    for topic, kind in TOPICS.items():
        profile = QoSProfile(depth=DEPTH, reliability=qos)
        node.create_subscription(kind, topic, note(topic), profile, raw=True)
    log.write(event="listens")
    rclpy.spin(node)


def drive(node: Node, log: Log) -> None:
    """Has the robot stand, then gives velocities until the program is ended, each of them once."""
    velocities = node.create_publisher(Twist, "cmd_vel", 1)
    stand = node.create_client(Trigger, "go2_bridge/balance_stand")
    stand.wait_for_service()
    while True:
        answer = stand.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(node, answer)
        if answer.result().success:
            break
        time.sleep(0.5)
    twist = Twist()
    twist.angular.z = YAW
    due = time.monotonic()
    for number in range(1 << 30):
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due + 1 / CMD_VEL_HZ, time.monotonic())
        twist.linear.x = round(SPEED + 1e-6 * number, 9)
        log.write(x=twist.linear.x)
        velocities.publish(twist)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["listen", "drive"])
    parser.add_argument("log", type=Path)
    parser.add_argument("--qos", choices=QOS, default="reliable")
    arguments = parser.parse_args()
    rclpy.init()
    node = Node(f"{arguments.what}_{os.getpid()}", enable_rosout=False, start_parameter_services=False)
    log = Log(arguments.log)
    if arguments.what == "listen":
        listen(node, log, QOS[arguments.qos])
    else:
        drive(node, log)


if __name__ == "__main__":
    main()
