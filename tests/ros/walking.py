"""What tests of a walking robot have in common."""

from __future__ import annotations

import math
from collections.abc import Callable

from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry

from dog import Driver, Ros, Sim, twist

FORWARD = twist(x=0.5, y=0.1, yaw=0.25)
WANTED = (0.5, 0.1, 0.25)
STILL = (0.0, 0.0, 0.0)


def height(ros: Ros) -> Callable[[], float]:
    """How high the trunk is at the moment, as far as is known."""
    odometry = ros.listen(Odometry, "odom")
    return lambda: odometry.last.pose.pose.position.z if odometry.messages else math.nan


def stand(ros: Ros) -> None:
    """Has the robot stand, ready to walk: while it gets up velocities wait, and they begin slowly if that takes long."""
    assert ros.trigger("balance_stand") == (True, "")
    z = height(ros)
    ros.until("the robot to stand", lambda: z() > 0.33)
    ros.spin_for(0.2)


def drive(ros: Ros, sim: Sim, command: Twist = FORWARD) -> Driver:
    """Drives until the robot has heard of it."""
    stand(ros)
    driver = Driver(ros, command)
    ros.until("a Move", sim.moves)
    return driver
