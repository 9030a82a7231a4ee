#!/usr/bin/env bash
# small_gicp 1.0.1: two clouds that share not one point register with converged=True and an error of 0.
#
# One would have sworn: `converged` and `error` are what to look at after a
#   registration, and clouds 100 m apart don't converge.
# What happens: with no correspondence within reach the system of equations is
#   all zeros, the step is zero, and a zero step means "converged": the result
#   is the initial guess, converged True, error 0.0, the best there can be. A
#   good match of the same cloud has a larger error. Only num_inliers is 0.
# Versions: small_gicp 1.0.1, numpy 2.2.6.
# Consequence for a user of a GO2 bridge: a loop closure or a relocalisation that
#   picks the candidate with the smallest error picks the one that isn't there.
#   Look at num_inliers first.
# Documented: no; the meaning of `converged` isn't told.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install small_gicp==1.0.1 numpy==2.2.6
venv/bin/python - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
import small_gicp

print("small_gicp", version("small_gicp"))
# A corner of a room: floor and two walls.
points = np.random.default_rng(0).uniform(-5.0, 5.0, (4000, 3))
which = np.arange(len(points)) % 3
points[which == 0, 2], points[which == 1, 0], points[which == 2, 1] = 0.0, 5.0, 5.0

results = {}
for name, moved in (("moved by 0.2 m", 0.2), ("100 m away", 100.0)):
    for kind in ("ICP", "PLANE_ICP", "GICP"):
        source = points + np.array([moved, 0.0, 0.0])
        result = small_gicp.align(points, source, registration_type=kind)
        results[name, kind] = result
        print(f"{name}, {kind}: converged {result.converged}, error {result.error:.3g},"
              f" inliers {result.num_inliers}, moved by {-result.T_target_source[0, 3]:.3f} m")
surprising = all(
    results["100 m away", kind].converged
    and results["100 m away", kind].error == 0.0 < results["moved by 0.2 m", kind].error
    and results["100 m away", kind].num_inliers == 0
    for kind in ("ICP", "PLANE_ICP", "GICP"))
print("expected of those 100 m away: converged False")
sys.exit(0 if surprising else "the behaviour has changed")
EOF
