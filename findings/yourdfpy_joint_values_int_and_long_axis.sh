#!/usr/bin/env bash
# yourdfpy 0.0.60: a joint value of 0 (not 0.0) raises, and a slide with an axis of length 2 moves twice as far.
#
# One would have sworn: update_cfg([0, 0.8, -1.5]) is as good as
#   [0.0, 0.8, -1.5] in Python, and only the direction of a joint's <axis>
#   matters (loaders normalise it).
# What happens: a Python int for a revolute joint raises AttributeError: 'int'
#   object has no attribute 'item'; for a sliding joint the same int works, and
#   so do NumPy's ints. An <axis xyz="0 0 2"/> doubles the motion of a sliding
#   joint but not of a turning one; Pinocchio and urchin normalise it for both.
# Versions: yourdfpy 0.0.60, urchin 0.0.30, pin 4.1.0 (libpinocchio 4.1.0).
# Consequence for a user of a GO2 bridge: a standing pose typed with a plain 0 for
#   the hips fails with a message about neither joints nor types; a URDF with a
#   lift on the robot's back shows it at another height than rviz does.
# Documented: the docstring says list[float]; nothing is said of the axis.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  yourdfpy==0.0.60 urchin==0.0.30 pin==4.1.0 libpinocchio==4.1.0 numpy==2.2.6
cat > robot.urdf <<'EOF'
<robot name="robot">
  <link name="base"/>
  <link name="hip"/>
  <link name="lift"/>
  <joint name="hip_joint" type="revolute">
    <parent link="base"/><child link="hip"/><axis xyz="0 0 2"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="lift_joint" type="prismatic">
    <parent link="base"/><child link="lift"/><axis xyz="0 0 2"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/>
  </joint>
</robot>
EOF
venv/bin/python -W ignore - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
import pinocchio
import urchin
import yourdfpy

print({name: version(name) for name in ("yourdfpy", "urchin", "pin")})
robot = yourdfpy.URDF.load("robot.urdf")


def attempt(values):
    try:
        robot.update_cfg(values)
        return "ok"
    except Exception as error:
        return type(error).__name__


ints = {
    "hip 0": attempt({"hip_joint": 0}),
    "hip 0.0": attempt({"hip_joint": 0.0}),
    "hip numpy 0": attempt({"hip_joint": np.int64(0)}),
    "lift 0": attempt({"lift_joint": 0}),
}
print("expected 'ok' each, seen", ints)
robot.update_cfg({"hip_joint": 0.5, "lift_joint": 0.5})
turned = robot.get_transform("hip", "base")
heights = {"yourdfpy": robot.get_transform("lift", "base")[2, 3]}
other = urchin.URDF.load("robot.urdf")
heights["urchin"] = other.link_fk({"lift_joint": 0.5})[other.link_map["lift"]][2, 3]
model = pinocchio.buildModelFromUrdf("robot.urdf")
data = model.createData()
q = pinocchio.neutral(model)
q[model.joints[model.getJointId("lift_joint")].idx_q] = 0.5
pinocchio.framesForwardKinematics(model, data, q)
heights["pinocchio"] = data.oMf[model.getFrameId("lift")].translation[2]
heights = {name: float(height) for name, height in heights.items()}
print("lift at 0.5 m, expected 0.5 each, seen", heights)
surprising = (
    ints == {"hip 0": "AttributeError", "hip 0.0": "ok", "hip numpy 0": "ok", "lift 0": "ok"}
    and heights == {"yourdfpy": 1.0, "urchin": 0.5, "pinocchio": 0.5}
    and abs(turned[1, 0] - np.sin(0.5)) < 1e-9
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
