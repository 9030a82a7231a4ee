"""The part of a ROS node that listens to go2_bridge and walks the robot."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any

from geometry_msgs.msg import Point, Twist
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from .topics import LINK_STATE, Topic, all_topics
from .views import Views

RATE = 20.0
# m/s, rad/s: a circle of 0.6 m across. With its legs it stays within 0.8 m of where it stood.
FORWARD, TURN = 0.3, 1.0
STANDING = 0.25  # metres; a standing GO2's trunk is at about 0.3
GETTING_UP, BALANCING = 3.0, 1.0  # seconds
LAST_ZEROS = 0.3  # seconds
ANSWER_LIMIT = 10.0  # seconds
POLL, TF_LIMIT = 0.05, 5.0  # seconds
SIGHTS = ("/camera/image_raw", "/odom", "/points", "/scan")
WALKED = 0.3  # metres from the start that count as walking


class Walker:
    """Listens to every topic and, if told to, has the robot stand up and walk."""

    def __init__(self, context: Context, views: Views, *, walk: bool) -> None:
        self.doing = "listening"
        self.views = views
        self.trouble: str | None = None
        self.topics: dict[str, Topic] = {topic.name: topic for topic in all_topics()}
        self.walks = walk
        # What the next pictures will show.
        self._sights: tuple[Any, ...] = ()
        self._start: Point | None = None
        self._farthest = 0.0
        self.moving = False
        self._node = Node("go2_demo", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        also = {"/tf": views.hear_tf, "/odom": self._follow}
        for topic in self.topics.values():
            self._listen(topic, also.get(topic.name))
        self._commands = self._node.create_publisher(Twist, "cmd_vel", 1)
        if walk:
            self._story = self._tell()
            self._node.create_timer(1 / RATE, lambda: next(self._story, None))

    def spin(self, limit: float) -> None:
        """Handles what has come, for at most `limit` seconds."""
        self._executor.spin_once(timeout_sec=limit)

    @property
    def state(self) -> str:
        """The link's state in the node's words."""
        message = self.topics[LINK_STATE].last
        return message.data if message else "the node has not said anything yet"

    def silent(self) -> list[str]:
        """Topics on which nothing has come."""
        return [name for name, topic in self.topics.items() if topic.last is None]

    def draw(self) -> bool:
        """Writes pictures of what came last when this was first called since the last ones; says whether it did.

        It does not before everything has come and /tf, too, has told of that time: /tf is the busiest topic, so on a
        slow computer what waits to be handled here is the oldest there.
        """
        if self.silent():
            return False
        self._sights = self._sights or tuple(self.topics[name].last for name in SIGHTS)
        if self.views.awaits_tf(*self._sights[1:]):
            return False
        self.views.write(*self._sights)
        self._sights = ()
        return True

    def draw_at_last(self) -> None:
        """Writes pictures of now, and waits a moment for what they take."""
        self._sights = ()
        deadline = time.monotonic() + TF_LIMIT
        while not self.draw():
            if self.silent() or time.monotonic() > deadline:
                self.trouble = self.trouble or "no pictures: /tf lags behind the other topics"
                return
            self.spin(POLL)

    def missing(self) -> list[str]:
        """What should have happened and did not, in words."""
        gone = [f"nothing arrived on {name}" for name in self.silent()]
        if self.state != "live":
            gone.append(f"the link is not live: {self.state}")
        gone += [trouble for trouble in (self.trouble, self.views.trouble) if trouble]
        if self.walks and self._farthest < WALKED:
            gone.append(f"the robot did not walk: it moved {self._farthest:.2f} m")
        return gone

    def stop(self) -> None:
        """Zero velocity for a moment."""
        self._story = self._zeros()
        self.moving = False
        deadline = time.monotonic() + LAST_ZEROS
        while (left := deadline - time.monotonic()) > 0:
            self.spin(left)

    def close(self) -> None:
        """Leaves the ROS graph."""
        self._executor.shutdown()
        self._node.destroy_node()

    def _listen(self, topic: Topic, also: Callable[[Any], None] | None) -> None:
        def hear(message: Any) -> None:
            topic.hear(message)
            if also:
                also(message)

        self._node.create_subscription(topic.type, topic.name, hear, topic.qos)

    def _follow(self, odometry: Odometry) -> None:
        self.views.hear_odometry(odometry)
        at = odometry.pose.pose.position
        self._start = self._start or at
        self._farthest = max(self._farthest, math.hypot(at.x - self._start.x, at.y - self._start.y))

    # Each of these is advanced 20 times a second and goes on at its next `yield`.

    def _tell(self) -> Generator[None]:
        self.doing = "waiting for the link"
        while self.state != "live":
            yield
        # Not stand_up, after which a robot ignores velocities for 4 to 10 s.
        yield from self._call("recovery_stand")
        yield from self._wait(GETTING_UP, standing=True)
        yield from self._wait(BALANCING)
        self.doing = f"walking a circle: cmd_vel {FORWARD} m/s, {TURN} rad/s"
        self.moving = True
        while True:
            self._command(FORWARD, TURN)
            yield

    def _zeros(self) -> Generator[None]:
        while True:
            self._command(0.0, 0.0)
            yield

    def _call(self, service: str) -> Generator[None]:
        self.doing = f"calling ~/{service}"
        client = self._node.create_client(Trigger, f"/go2_bridge/{service}")
        while not client.service_is_ready():
            yield
        answer = client.call_async(Trigger.Request())
        deadline = time.monotonic() + ANSWER_LIMIT
        while not answer.done():
            if time.monotonic() > deadline:
                self.trouble = f"~/{service} was not answered"
                return
            yield
        if not answer.result().success:
            self.trouble = f"~/{service}: {answer.result().message}"

    def _wait(self, seconds: float, *, standing: bool = False) -> Generator[None]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (standing and self._stands()):
            yield

    def _stands(self) -> bool:
        odometry = self.topics["/odom"].last
        return odometry is not None and odometry.pose.pose.position.z > STANDING

    def _command(self, forward: float, turn: float) -> None:
        message = Twist()
        message.linear.x = forward
        message.angular.z = turn
        self._commands.publish(message)
