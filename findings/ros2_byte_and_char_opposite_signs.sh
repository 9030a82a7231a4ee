#!/usr/bin/env bash
# The same CDR byte 200: rosbags and mcap-ros2-support disagree on `byte` and on `char`, the opposite way round.
#
# One would have sworn: ROS 2's `byte` and `char` are both unsigned (its .msg
#   converter maps them to IDL octet and uint8), and readers of recordings agree.
# What happens: rosbags reads `byte` as signed (-56) and `char` as unsigned;
#   mcap-ros2-support reads `char` as signed (-56) and `byte` as unsigned. Each
#   is right about one, and none of both. mcap-ros2-support-fast and Foxglove's
#   JavaScript reader are right about both. mcap-ros2-support also refuses to
#   write a `char` above 127.
# Versions: rosbags 0.11.9, mcap-ros2-support 0.6.0, mcap-ros2-support-fast 0.8.0
#   (PyPI); @foxglove/rosmsg 5.0.5, @foxglove/rosmsg2-serialization 3.1.0 (npm).
# Consequence for a user of a GO2 bridge: raw payloads kept in byte[] (or flags
#   in a char) change sign with the tool that reads the recording; `value & 0x80`
#   still works, comparing and table look-ups don't.
# Documented: the mapping is in ROS 2's interface documentation; neither
#   library mentions its own.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  rosbags==0.11.9 mcap==1.6.0 mcap-ros2-support==0.6.0 mcap-ros2-support-fast==0.8.0
echo '{"private": true, "type": "module"}' > package.json
npm install --silent --no-audit --no-fund \
  @foxglove/rosmsg@5.0.5 @foxglove/rosmsg2-serialization@3.1.0
cat > read.mjs <<'EOF'
import { readFileSync } from "node:fs";
import { parse } from "@foxglove/rosmsg";
import { MessageReader } from "@foxglove/rosmsg2-serialization";

const definition = parse(readFileSync("Both.msg", "utf8"), { ros2: true });
const message = new MessageReader(definition).readMessage(readFileSync("both.cdr"));
console.log(JSON.stringify([message.b, message.c, message.bs[0], message.cs[0]]));
EOF
venv/bin/python - <<'EOF'
import json
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from mcap.records import Schema
from mcap_ros2.decoder import DecoderFactory
from mcap_ros2_support_fast.decoder import DecoderFactory as FastDecoderFactory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

print({name: version(name) for name in ("rosbags", "mcap-ros2-support", "mcap-ros2-support-fast")})
TEXT = "byte b\nchar c\nbyte[] bs\nchar[] cs\n"
CDR = (b"\0\1\0\0" + bytes([200, 200, 0, 0]) + struct.pack("<I", 1) + bytes([200, 0, 0, 0])
       + struct.pack("<I", 1) + bytes([200]))
Path("Both.msg").write_text(TEXT)
Path("both.cdr").write_bytes(CDR)
schema = Schema(id=1, name="demo_msgs/msg/Both", encoding="ros2msg", data=TEXT.encode())
store = get_typestore(Stores.ROS2_JAZZY)
store.register(get_types_from_msg(TEXT, "demo_msgs/msg/Both"))


def values(message):
    return [int(message.b), int(message.c), int(message.bs[0]), int(message.cs[0])]


seen = {
    "rosbags": values(store.deserialize_cdr(CDR, "demo_msgs/msg/Both")),
    "mcap-ros2-support": values(DecoderFactory().decoder_for("cdr", schema)(CDR)),
    "mcap-ros2-support-fast": values(FastDecoderFactory().decoder_for("cdr", schema)(CDR)),
    "@foxglove": json.loads(subprocess.run(
        ["node", "read.mjs"], check=True, stdout=subprocess.PIPE, text=True).stdout),
}
print("byte, char, byte[0], char[0], expected 200 each, seen:")
for name, value in seen.items():
    print(" ", name, value)
surprising = (
    seen["rosbags"] == [-56, 200, -56, 200]
    and seen["mcap-ros2-support"] == [200, -56, 200, -56]
    and seen["mcap-ros2-support-fast"] == seen["@foxglove"] == [200, 200, 200, 200]
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
