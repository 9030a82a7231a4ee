#!/usr/bin/env bash
# evo 1.38.1: an odometry that turns left when the robot turns right gets an error of zero.
#
# One would have sworn: after alignment, the absolute pose error (APE) still
#   tells a trajectory from its mirror image: a reflection is not a rigid motion,
#   and evo's alignment takes care to return a proper rotation.
# What happens: on a flat floor the mirror image of a track IS a rigid motion of
#   it, half a turn about an axis in the floor. align() turns the estimate upside
#   down and reports an APE of 7 mm (noise) for a track that was 2.5 m off; with
#   both tracks projected to the plane first (the option for ground robots) it
#   is 1e-16. Only the rotation error (180 degrees) or the rotation matrix that
#   align() returns gives it away.
# Versions: evo 1.38.1, numpy 2.2.6, scipy 1.16.3.
# Consequence for a user of a GO2 bridge: a wrong sign of y or of yaw, the commonest
#   mistake in frames, passes the standard evaluation with the best score.
# Documented: not that we found.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install evo==1.38.1 numpy==2.2.6 scipy==1.16.3
venv/bin/python - <<'EOF'
import copy
import sys
from importlib.metadata import version

import numpy as np
from evo.core import metrics
from evo.core.trajectory import Plane, PoseTrajectory3D

print("evo", version("evo"))
COUNT = 400
STAMPS = np.arange(COUNT) * 0.05
NOISE = np.random.default_rng(1)


def track(sign):
    """A walk with turns on a flat floor; sign -1: left and right exchanged."""
    yaw = sign * np.cumsum(0.3 * np.sin(STAMPS / 3) + 0.2) * 0.05
    xyz = np.c_[np.cumsum(0.025 * np.cos(yaw)), np.cumsum(0.025 * np.sin(yaw)),
                0.3 + 0.005 * NOISE.standard_normal(COUNT)]
    wxyz = np.c_[np.cos(yaw / 2), np.zeros(COUNT), np.zeros(COUNT), np.sin(yaw / 2)]
    return PoseTrajectory3D(xyz, wxyz, STAMPS)


def ape(relation, truth, estimate):
    metric = metrics.APE(relation)
    metric.process_data((truth, estimate))
    return metric.get_statistic(metrics.StatisticsType.rmse)


truth, mirrored = track(1), track(-1)
MOVED, TURNED = metrics.PoseRelation.translation_part, metrics.PoseRelation.rotation_angle_deg
before = ape(MOVED, truth, mirrored)
flat_truth, flat = copy.deepcopy(truth), copy.deepcopy(mirrored)
flat_truth.project(Plane.XY)
flat.project(Plane.XY)
rotation, _, _ = mirrored.align(truth)
flat.align(flat_truth)
after, after_flat = ape(MOVED, truth, mirrored), ape(MOVED, flat_truth, flat)
turned = ape(TURNED, truth, mirrored)
print(f"APE of the mirrored track, not aligned: {before:.3f} m")
print(f"aligned, expected about the same, seen: {after:.4f} m; projected and aligned: {after_flat:.1e} m")
print(f"rotation used: {np.diag(rotation).round(2)} on the diagonal; rotation error {turned:.1f} degrees")
surprising = before > 2.0 and after < 0.01 and after_flat < 1e-9 and turned > 179.0
sys.exit(0 if surprising else "the behaviour has changed")
EOF
