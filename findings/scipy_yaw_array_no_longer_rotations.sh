#!/usr/bin/env bash
# SciPy 1.17: Rotation.from_euler("z", yaws) refuses an array of yaws, and one yaw in a list makes another shape.
#
# One would have sworn: from_euler("z", yaws) with a flat array of N angles gives
#   N rotations; it did up to SciPy 1.16, and 2D robots' scripts live on it.
# What happens in 1.17: a flat array is one rotation of as many axes as it has
#   angles, so N yaws raise ValueError; N = 1 doesn't raise: instead of a stack
#   of one rotation it gives a single one, as_quat() has the shape (4,) and
#   quats[:, 2] or len() fail later, elsewhere. yaws[:, None] works in both.
# Versions: scipy 1.16.3 and 1.17.1 side by side, numpy 2.2.6.
# Consequence for a user of a GO2 bridge: turning the yaws of a recorded /odom
#   into quaternions stops after `pip install -U`; a script tried on a recording
#   of one message goes on with the wrong shape.
# Documented: the new shape is in the parameter's description; there was no
#   deprecation warning in 1.16 (this script looks for one).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > probe.py <<'EOF'
import json
import warnings

import numpy as np
from scipy.spatial.transform import Rotation

warnings.simplefilter("error")


def shape(angles):
    try:
        return list(Rotation.from_euler("z", angles).as_quat().shape)
    except Exception as error:
        return type(error).__name__


yaws = np.array([0.1, 0.2, 0.3, 0.4])
print(json.dumps([shape(yaws), shape(yaws[:1]), shape(yaws[:, None])]))
EOF
for version in 1.16.3 1.17.1; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" --disable-pip-version-check -q install "scipy==$version" numpy==2.2.6
  "venv-$version/bin/python" probe.py > "$version.txt"
  echo "scipy $version: four yaws, one yaw in a list, four as a column: $(cat "$version.txt")"
done
echo "expected of both: [[4, 4], [1, 4], [4, 4]]"
if [ "$(cat 1.16.3.txt)" = '[[4, 4], [1, 4], [4, 4]]' ] &&
  [ "$(cat 1.17.1.txt)" = '["ValueError", [4], [4, 4]]' ]; then
  exit 0
fi
echo "the behaviour has changed" >&2
exit 1
