#!/usr/bin/env bash
# pypcd4 1.5.1: from_msg() ignores a PointCloud2's field order, row_step and is_bigendian.
#
# One would have sworn: a converter of PointCloud2 uses each field's `offset`,
#   the `row_step` and `is_bigendian`: that is what the message has them for.
# What happens: fields are laid one after another in the order of the list, and
#   an offset is only used to skip forwards. With `intensity` (offset 12) listed
#   before x, y, z (0, 4, 8) in a point of 32 bytes, x, y, z come from the
#   padding: every point is at the origin. Rows with padding give phantom points
#   (6 for width 2 x height 2). Big-endian floats are read as little-endian.
#   None of the three raises; the same cloud in the usual layout is right.
# Versions: pypcd4 1.5.1, numpy 2.2.6, rosbags 0.11.9 (for the message classes).
# Consequence for a user of a GO2 bridge: a recording that passed through another
#   tool (which lists the fields sorted by name, or keeps aligned rows) becomes
#   a PCD map that is empty or full of phantoms.
# Documented: no.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install pypcd4==1.5.1 rosbags==0.11.9 numpy==2.2.6
venv/bin/python - <<'EOF'
import struct
import sys
from importlib.metadata import version

import numpy as np
from pypcd4 import PointCloud
from rosbags.typesys.stores.latest import (
    builtin_interfaces__msg__Time as Time,
    sensor_msgs__msg__PointCloud2 as PointCloud2,
    sensor_msgs__msg__PointField as PointField,
    std_msgs__msg__Header as Header,
)

print("pypcd4", version("pypcd4"))
POINTS = [(1.0, 2.0, 3.0, 10.0), (4.0, 5.0, 6.0, 20.0), (7.0, 8.0, 9.0, 30.0), (0.5, 1.5, 2.5, 40.0)]
OFFSETS = {"x": 0, "y": 4, "z": 8, "intensity": 12}


def read(order, data, step, width, height=1, row_step=None, big=False):
    message = PointCloud2(
        header=Header(stamp=Time(sec=1, nanosec=0), frame_id="lidar"),
        height=height, width=width,
        fields=[PointField(name=n, offset=OFFSETS[n], datatype=7, count=1) for n in order],
        is_bigendian=big, point_step=step, row_step=row_step or step * width,
        data=np.frombuffer(data, np.uint8), is_dense=True)
    return PointCloud.from_msg(message).numpy(("x", "y", "z", "intensity")).astype(float)


expected = np.array(POINTS)
padded = b"".join(struct.pack("<ffff16x", *p) for p in POINTS)
usual = read(("x", "y", "z", "intensity"), padded, 32, 4)
assert np.array_equal(usual, expected)
by_name = read(("intensity", "x", "y", "z"), padded, 32, 4)
rows = b"".join(
    b"".join(struct.pack("<ffff", *p) for p in POINTS[r:r + 2]) + bytes(16) for r in (0, 2))
by_rows = read(("x", "y", "z", "intensity"), rows, 16, 2, 2, row_step=48)
big = read(("x", "y", "z", "intensity"), b"".join(struct.pack(">ffff", *p) for p in POINTS), 16, 4, big=True)
print("expected each time:", expected.tolist())
print("intensity listed first:", by_name.tolist())
print("rows of 48 bytes for 2 points of 16:", len(by_rows), "points", by_rows.tolist())
print("big-endian:", big.tolist())
surprising = (
    not by_name[:, :3].any()
    and len(by_rows) == 6
    and not np.allclose(big, expected)
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
