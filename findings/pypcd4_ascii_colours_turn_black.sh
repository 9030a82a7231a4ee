#!/usr/bin/env bash
# pypcd4 1.5.1: saving a coloured cloud as ASCII PCD makes every point black.
#
# One would have sworn: the three encodings of a PCD file (ascii, binary,
#   binary_compressed) hold the same cloud; ascii loses a few digits at most.
# What happens: floats are written as "%.10f". PCD packs the colour into the
#   bits of a float32 (the library's own encode_rgb does), and such floats are
#   of the size 1e-38: all are written as 0.0000000000, and are read back as
#   black. Every other float below 5e-11 is lost in the same way. No warning.
# Versions: pypcd4 1.5.1, numpy 2.2.6.
# Consequence for a user of a GO2 bridge: a LiDAR cloud coloured from the
#   camera, exported as text "to be on the safe side", has lost its colours;
#   the binary file beside it has them.
# Documented: no.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install pypcd4==1.5.1 numpy==2.2.6
venv/bin/python - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
from pypcd4 import Encoding, PointCloud

print("pypcd4", version("pypcd4"))
colours = np.array([[255, 0, 0], [0, 255, 0], [12, 34, 56], [255, 255, 255]], dtype=np.uint8)
xyz = np.arange(12, dtype=np.float32).reshape(4, 3)
cloud = PointCloud.from_xyzrgb_points(
    np.hstack([xyz, PointCloud.encode_rgb(colours).reshape(-1, 1)]))
seen = {}
for encoding in (Encoding.ASCII, Encoding.BINARY, Encoding.BINARY_COMPRESSED):
    cloud.save("cloud.pcd", encoding=encoding)
    read = PointCloud.from_path("cloud.pcd")
    assert np.array_equal(read.numpy(("x", "y", "z")), xyz)
    seen[encoding] = PointCloud.decode_rgb(read.pc_data["rgb"])
    print(encoding.value, "expected", colours.tolist(), "seen", seen[encoding].tolist())
surprising = (
    not seen[Encoding.ASCII].any()
    and np.array_equal(seen[Encoding.BINARY], colours)
    and np.array_equal(seen[Encoding.BINARY_COMPRESSED], colours)
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
