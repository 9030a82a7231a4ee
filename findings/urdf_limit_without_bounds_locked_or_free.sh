#!/usr/bin/env bash
# One URDF joint with a <limit> but no bounds can't move in urdf-loader and turns without end in MuJoCo 4.0.
#
# One would have sworn: the bounds left out of <limit effort=".." velocity=".."/>
#   mean the same everywhere; the URDF format says 0 for each, so the joint is
#   held at 0; and effort="0" (what CAD exporters leave behind) means no torque.
# What happens: urdf-loader (three.js) holds the joint at 0. MuJoCo reads the same
#   line as no limit at all; under gravity the link swings through. Written out,
#   lower="0" upper="0" is no limit either: that one warns "limit ignored", the
#   one left out does not. effort="0" becomes an unlimited torque.
# Versions: mujoco 4.0.0, numpy 2.2.6 (PyPI); urdf-loader 0.13.1, three 0.187.0,
#   jsdom 29.1.1 (npm).
# Consequence for a user of a GO2 bridge: an accessory locked by its URDF is still
#   in the browser's view and flails in the simulation, where its motor has no
#   limit either.
# Documented: the default of 0 is in the URDF format's description; MuJoCo warns
#   of the bounds written out as 0, and of nothing else.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install mujoco==4.0.0 numpy==2.2.6
echo '{"private": true, "type": "module"}' > package.json
npm install --silent --no-audit --no-fund urdf-loader@0.13.1 three@0.187.0 jsdom@29.1.1
cat > view.mjs <<'EOF'
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
for (const name of ["DOMParser", "Document", "Element"]) globalThis[name] = window[name];
globalThis.document = window.document;
const { default: URDFLoader } = await import("urdf-loader");
const robot = new URDFLoader().parse(readFileSync(process.argv[2], "utf8"), "");
robot.setJointValue("arm_joint", 0.7);
console.log(robot.joints.arm_joint.angle);
EOF
venv/bin/python - <<'EOF'
import subprocess
import sys

import mujoco

print("mujoco", mujoco.__version__)
LINK = ('<link name="{}"><inertial><origin xyz="0.2 0 0"/><mass value="1"/><inertia ixx="0.01" ixy="0" '
        'ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>')


def both(limit):
    """Where urdf-loader leaves the joint when 0.7 is asked for, and where gravity takes it in MuJoCo in 1 s."""
    with open("robot.urdf", "w") as file:
        file.write(
            '<robot name="robot">' + LINK.format("base") + LINK.format("arm")
            + '<joint name="arm_joint" type="revolute"><parent link="base"/><child link="arm"/>'
            + f'<axis xyz="0 1 0"/><limit {limit} velocity="1"/></joint></robot>')
    viewed = float(subprocess.run(
        ["node", "view.mjs", "robot.urdf"], check=True, stdout=subprocess.PIPE, text=True).stdout)
    model = mujoco.MjModel.from_xml_path("robot.urdf")
    data = mujoco.MjData(model)
    turned = 0.0
    while data.time < 1.0:
        mujoco.mj_step(model, data)
        turned = max(turned, abs(data.qpos[0]))
    return viewed, turned, bool(model.jnt_limited[0]), bool(model.jnt_actfrclimited[0])


seen = {limit: both(limit) for limit in (
    'effort="20"', 'lower="0" upper="0" effort="20"', 'lower="-0.1" upper="0.1" effort="0"')}
for limit, (viewed, turned, limited, effort_limited) in seen.items():
    print(f"<limit {limit}>: urdf-loader {viewed} rad; MuJoCo turned {turned:.2f} rad,"
          f" limited {limited}, effort limited {effort_limited}")
absent, zero, no_effort = seen.values()
surprising = (
    absent[0] == zero[0] == 0.0
    and absent[1] > 1.0 and zero[1] > 1.0 and not absent[2] and not zero[2]
    and no_effort[0] == 0.1 and no_effort[2] and not no_effort[3]
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
