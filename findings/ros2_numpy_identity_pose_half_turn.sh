#!/usr/bin/env bash
# ros2_numpy (PyPI 0.0.5) turns the identity pose into half a turn.
#
# One would have sworn: numpify(Pose) of orientation (0, 0, 0, 1) is the
#   identity matrix, msgify(Pose, identity) has w = 1, and a round trip
#   through both gives the pose back. The package is a fork of ros_numpy,
#   where all of this holds.
# What happens: the fork calls a library of the same function names
#   (`transformations`) whose quaternions are w,x,y,z, and hands it x,y,z,w.
#   The identity becomes 180 degrees about z; back, the identity matrix becomes
#   a pose turned 180 degrees about x. Only msgify(Transform, ...) was adapted,
#   so the same matrix gives two different orientations as Pose and Transform.
#   Positions are right, which hides it.
# Versions: ros2_numpy 0.0.5, transformations 2026.1.18, numpy 1.24.2
#   (pinned by ros2_numpy itself).
# Consequence for a user of a GO2 bridge: a program that takes /odom or a pose
#   from /tf through `pip install ros2-numpy` sees the robot face backwards
#   while it stands straight, and clouds are placed behind it.
# Documented: no; its README promises the conversions of the original.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install --no-deps \
  ros2_numpy==0.0.5 transformations==2026.1.18 numpy==1.24.2
venv/bin/python - <<'EOF'
import sys
import types
from importlib.metadata import version

# pip has no ROS message packages: plain classes of the same names and fields.
NAMES = {
    "sensor_msgs": ["PointCloud2", "PointField", "Image"],
    "nav_msgs": ["OccupancyGrid", "MapMetaData"],
    "geometry_msgs": ["Transform", "Vector3", "Quaternion", "Point", "Pose"],
}
for package, names in NAMES.items():
    msg = types.ModuleType(package + ".msg")
    for name in names:
        setattr(msg, name, type(name, (types.SimpleNamespace,), {}))
    sys.modules[package] = types.ModuleType(package)
    sys.modules[package + ".msg"] = msg

import numpy as np
import ros2_numpy
from geometry_msgs.msg import Point, Pose, Quaternion, Transform

print("ros2_numpy", version("ros2_numpy"), "transformations", version("transformations"))
pose = Pose(position=Point(x=1.0, y=2.0, z=3.0), orientation=Quaternion(x=0.0, y=0.0, z=0.0, w=1.0))
matrix = ros2_numpy.numpify(pose)
back = ros2_numpy.msgify(Pose, np.eye(4)).orientation
transform = ros2_numpy.msgify(Transform, np.eye(4)).rotation
print("numpify(identity orientation), expected the identity, seen:\n", matrix)
print("msgify(Pose, identity), expected w=1, seen:", back)
print("msgify(Transform, identity), expected w=1, seen:", transform)
surprising = (
    np.allclose(matrix[:3, :3], np.diag([-1.0, -1.0, 1.0]))
    and abs(back.x) == 1.0
    and back.w == 0.0
    and transform.w == 1.0
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
