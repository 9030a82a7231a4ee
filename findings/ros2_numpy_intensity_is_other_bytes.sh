#!/usr/bin/env bash
# ros2_numpy (PyPI 0.0.5) reads "intensity" and "rgb" from the wrong bytes.
#
# One would have sworn: in a PointCloud2 of the commonest layout (x, y, z,
#   intensity as float32) numpify() gives the intensities that were put in.
# What happens: the number of the field in the list (3) is taken for its
#   offset in the point (12), and its type for uint16: "intensity" comes from
#   the last byte of x and the first of y. Colour is cut out the same way.
#   x, y and z are right, nothing is raised, the numbers look like intensities.
# Versions: ros2_numpy 0.0.5, transformations 2026.1.18, numpy 1.24.2.
# Consequence for a user of a GO2 bridge: filtering the robot's LiDAR by
#   intensity filters by position bits instead: neighbours differ by tens of
#   thousands and a constant return looks like noise.
# Documented: no; its README says "the intensity field is a float32 value".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install --no-deps \
  ros2_numpy==0.0.5 transformations==2026.1.18 numpy==1.24.2
venv/bin/python - <<'EOF'
import struct
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

import ros2_numpy
from sensor_msgs.msg import PointCloud2, PointField

print("ros2_numpy", version("ros2_numpy"))
points = [(0.5, 1.1, 0.2), (1.5, 1.2, 0.2), (2.5, 1.3, 0.2)]
cloud = PointCloud2(
    height=1, width=len(points), point_step=16, row_step=16 * len(points),
    is_bigendian=False, is_dense=True,
    fields=[PointField(name=n, offset=o, datatype=7, count=1)
            for n, o in (("x", 0), ("y", 4), ("z", 8), ("intensity", 12))],
    data=b"".join(struct.pack("<ffff", *p, 42.0) for p in points),
)
seen = ros2_numpy.numpify(cloud)
intensity = seen["intensity"].ravel()
print("xyz:", seen["xyz"].tolist())
print("intensity, expected 42.0 three times, seen:", intensity.tolist(), intensity.dtype)
wrong = [struct.unpack("<H", cloud.data[16 * i + 3:16 * i + 5])[0] for i in range(3)]
print("bytes 3 and 4 of each point, as uint16:", wrong)
sys.exit(0 if intensity.tolist() == wrong else "the behaviour has changed")
EOF
