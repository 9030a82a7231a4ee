#!/usr/bin/env bash
# mcap-codec-support: jpeg_quality does nothing: quality 1 and quality 100 give
#   the same bytes.
#
# One would have sworn: a decompressor of CompressedVideo messages that takes
#   jpeg_quality=1 makes small, ugly JPEGs, and with 100 large, fine ones.
# What happens: with the default backend (PyAV) the quality is handed to the
#   encoder as the option "q:v". That is a word of the ffmpeg command line, no
#   option of the encoder; FFmpeg's libraries ignore it, the encoder falls back
#   to its default bit rate, and every quality gives the same file.
# Versions: mcap-codec-support 0.17.0, small-mcap 0.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: recorded H.264 video that is turned
#   into JPEG images (for labelling, for a tool that knows only CompressedImage)
#   has the same poor quality whatever was asked; asking for 100 to keep small
#   print readable, or for 30 to save room, changes nothing and says nothing.
# Documented: the parameter is, its having no effect is not.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    mcap-codec-support==0.17.0 small-mcap==0.16.0 av==18.1.0 numpy==2.4.6

"$dir/venv/bin/python" - <<'PY'
import sys
from fractions import Fraction
from importlib.metadata import version

import av
import numpy as np
from mcap_codec_support.video.pyav import PyAVVideoDecompressor

print(f"mcap-codec-support {version('mcap-codec-support')}, av {av.__version__}")

# A picture with detail, as one H.264 access unit: what a CompressedVideo holds.
random = np.random.default_rng(1)
image = np.kron(
    random.integers(0, 255, (60, 80, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)
)
encoder = av.CodecContext.create("libx264", "w")
encoder.width, encoder.height, encoder.pix_fmt = 640, 480, "yuv420p"
encoder.time_base = Fraction(1, 30)
encoder.options = {"tune": "zerolatency", "qp": "10"}
(unit,) = encoder.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))


def decoded(codec, data):
    (frame,) = av.CodecContext.create(codec, "r").decode(av.Packet(data))
    return frame.to_ndarray(format="rgb24").astype(float)


original = decoded("h264", bytes(unit))
jpegs = {}
for quality in (1, 30, 90, 100):
    with PyAVVideoDecompressor(jpeg_quality=quality) as decompressor:
        jpegs[quality] = bytes(decompressor.decompress(bytes(unit), "h264").data)

print("expected: larger and more faithful files with higher quality")
for quality, jpeg in jpegs.items():
    error = np.sqrt(np.mean((decoded("mjpeg", jpeg) - original) ** 2))
    print(f"seen, quality {quality}: {len(jpeg)} bytes, RMS error {error:.1f} of 255")
surprise = len(set(jpegs.values())) == 1
print("the surprise is still there" if surprise else "CHANGED")
sys.exit(0 if surprise else 1)
PY
