#!/usr/bin/env bash
# Pinocchio 4.1.0 loads a URDF with a mimic joint only if the joint names sort the right way.
#
# One would have sworn: joint names in a URDF are labels, so renaming a joint
#   consistently can't decide whether the file loads.
# What happens: with mimic=True, siblings are added in alphabetical order, and a
#   mimic joint whose name sorts before the joint it follows raises "The parent
#   joint of the mimic joint is not in the kinematic tree". "left" following
#   "right" fails, "right" following "left" loads: a gripper can only be
#   mirrored one way. The order in the file makes no difference.
# Versions: pin 4.1.0, libpinocchio 4.1.0, cmeel-urdfdom 6.0.0 (PyPI).
# Consequence for a user of a GO2 bridge: the robot's URDF with a gripper added
#   loads in rviz, robot_state_publisher and yourdfpy, and the controller's
#   Pinocchio says that a joint that is plainly there isn't.
# Documented: no; the message names neither the joint nor the reason.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  pin==4.1.0 libpinocchio==4.1.0 cmeel-urdfdom==6.0.0
venv/bin/python - <<'EOF'
import sys

import pinocchio

print("pinocchio", pinocchio.__version__)
LINK = ('<link name="{}"><inertial><mass value="1"/><inertia ixx="0.01" ixy="0" ixz="0" '
        'iyy="0.01" iyz="0" izz="0.01"/></inertial></link>')
JOINT = ('<joint name="{name}" type="revolute"><parent link="base"/><child link="{name}_link"/>'
         '<axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="1" velocity="1"/>{mimic}</joint>')


def load(leader, follower, leader_first):
    joints = [JOINT.format(name=leader, mimic=""),
              JOINT.format(name=follower, mimic=f'<mimic joint="{leader}" multiplier="-1"/>')]
    links = "".join(LINK.format(name) for name in ("base", f"{leader}_link", f"{follower}_link"))
    with open("gripper.urdf", "w") as file:
        file.write('<robot name="gripper">' + links
                   + "".join(joints if leader_first else joints[::-1]) + "</robot>")
    try:
        model = pinocchio.buildModelFromUrdf("gripper.urdf", mimic=True)
        return f"loads, {model.nq} coordinate"
    except ValueError as error:
        return str(error)


seen = {}
for first in (True, False):
    for leader, follower in (("left", "right"), ("right", "left")):
        key = (leader, follower, first)
        seen[key] = load(*key)
        print(f"{follower} follows {leader}, leader {'first' if first else 'last'} in the file:"
              f" expected 'loads, 1 coordinate', seen '{seen[key]}'")
surprising = all(
    value == ("loads, 1 coordinate" if leader == "left"
              else "The parent joint of the mimic joint is not in the kinematic tree")
    for (leader, _, _), value in seen.items())
sys.exit(0 if surprising else "the behaviour has changed")
EOF
