#!/usr/bin/env bash
# The mean of two headings 11 degrees apart points backwards, and half way between them is behind the robot.
#
# One would have sworn: q and -q are the same rotation, so averaging or
#   interpolating two nearly equal orientations gives one between them,
#   whatever the signs; libraries for rotations see to it.
# What happens when one of the two has the other sign (which IMUs and SLAM
#   give at any time):
#   - numpy-quaternion's mean_rotor_in_chordal_metric(), "the rotor that is
#     closest to all R", adds the four numbers up: 180 degrees off;
#   - pytransform3d's quaternion_slerp() goes the long way round by default, the
#     same 180 degrees off half way, though its quaternion_dist() is 0.2 rad;
#   - SciPy's mean() and Slerp are right, and so is numpy-quaternion's slerp().
# Versions: numpy-quaternion 2024.0.13, pytransform3d 3.17.0, scipy 1.16.3, numpy 2.2.6.
# Consequence for a user of a GO2 bridge: smoothing /odom or the IMU's orientation
#   works for minutes, and then gives one pose that faces the other way.
# Documented: pytransform3d has shortest_path=False as a parameter;
#   numpy-quaternion only asks for normalised input.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  numpy-quaternion==2024.0.13 pytransform3d==3.17.0 scipy==1.16.3 numpy==2.2.6
venv/bin/python -W ignore - <<'EOF'
import math
import sys
from importlib.metadata import version

import numpy as np
import quaternion
from pytransform3d.rotations import quaternion_dist, quaternion_slerp
from scipy.spatial.transform import Rotation, Slerp

print({name: version(name) for name in ("numpy-quaternion", "pytransform3d", "scipy")})
# Yaws of 0.1 and 0.3 rad as w, x, y, z; the second with all signs turned.
first = np.array([math.cos(0.05), 0.0, 0.0, math.sin(0.05)])
second = -np.array([math.cos(0.15), 0.0, 0.0, math.sin(0.15)])


def yaw_degrees(wxyz):
    return math.degrees(2 * math.atan2(wxyz[3], wxyz[0])) % 360.0


both = Rotation.from_quat([np.roll(first, -1), np.roll(second, -1)])
rotors = quaternion.as_quat_array(np.array([first, second]))
seen = {
    "scipy mean": both.mean().as_euler("zyx", degrees=True)[0],
    "scipy Slerp": Slerp([0, 1], both)(0.5).as_euler("zyx", degrees=True)[0],
    "numpy-quaternion slerp": yaw_degrees(
        quaternion.as_float_array(quaternion.slerp(rotors[0], rotors[1], 0, 1, 0.5))),
    "numpy-quaternion mean": yaw_degrees(
        quaternion.as_float_array(quaternion.mean_rotor_in_chordal_metric(rotors))),
    "pytransform3d slerp": yaw_degrees(quaternion_slerp(first, second, 0.5)),
}
middle = math.degrees(0.2)
print(f"distance by pytransform3d: {quaternion_dist(first, second):.3f} rad; expected yaw {middle:.2f} degrees")
for name, yaw in seen.items():
    print(f"  {name}: {yaw:.2f}")
right = ("scipy mean", "scipy Slerp", "numpy-quaternion slerp")
surprising = all(
    abs(yaw - (middle if name in right else middle + 180.0)) < 0.01 for name, yaw in seen.items())
sys.exit(0 if surprising else "the behaviour has changed")
EOF
