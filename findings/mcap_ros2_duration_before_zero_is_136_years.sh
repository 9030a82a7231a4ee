#!/usr/bin/env bash
# mcap-ros2-support 0.6.0 reads a Duration of -0.5 s as 136 years, when the schema leaves the builtin types to it.
#
# One would have sworn: a reader that knows builtin_interfaces/Duration by itself
#   (a schema needn't spell it out for it) knows that ROS 2's `sec` is an int32.
# What happens: its own definition, one for Time and Duration, has uint32 sec as
#   ROS 1 had: sec=-1, nanosec=500000000 comes out as 4294967295 s. Writing it
#   raises struct.error "argument out of range". If the schema spells the type
#   out, the same bytes are read right; both files look the same in a viewer.
# Versions: mcap-ros2-support 0.6.0, mcap 1.6.0.
# Consequence for a user of a GO2 bridge: offsets between clocks, time left or "ago"
#   fields written by a script with a short schema become huge as soon as they
#   are negative; positive ones are right, so no test on a good day shows it.
# Documented: no.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install mcap==1.6.0 mcap-ros2-support==0.6.0
venv/bin/python - <<'EOF'
import io
import struct
import sys
from importlib.metadata import version

from mcap.reader import make_reader
from mcap.writer import Writer as RawWriter
from mcap_ros2.decoder import DecoderFactory
from mcap_ros2.writer import Writer

print("mcap-ros2-support", version("mcap-ros2-support"))
SHORT = "builtin_interfaces/Duration offset\n"
FULL = SHORT + "=" * 80 + "\nMSG: builtin_interfaces/Duration\nint32 sec\nuint32 nanosec\n"
# -0.5 s as ROS 2 has it: sec -1, nanosec 500000000.
CDR = b"\0\1\0\0" + struct.pack("<iI", -1, 500_000_000)


def read(schema):
    file = io.BytesIO()
    writer = RawWriter(file)
    writer.start(profile="ros2", library="")
    channel = writer.register_channel(
        "/offset", "cdr", writer.register_schema("demo_msgs/msg/Offset", "ros2msg", schema.encode()))
    writer.add_message(channel, log_time=1, publish_time=1, data=CDR)
    writer.finish()
    file.seek(0)
    (item,) = make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
    return item.decoded_message.offset.sec


def write(schema):
    writer = Writer(io.BytesIO())
    registered = writer.register_msgdef("demo_msgs/msg/Offset", schema)
    try:
        writer.write_message("/offset", registered, {"offset": {"sec": -1, "nanosec": 500_000_000}})
        return "written"
    except struct.error as error:
        return f"struct.error: {error}"


seen = {name: (read(text), write(text)) for name, text in (("short", SHORT), ("full", FULL))}
for name, value in seen.items():
    print(f"{name} schema: expected sec (-1, 'written'), seen {value}")
surprising = (
    seen["full"] == (-1, "written")
    and seen["short"][0] == 4294967295 and seen["short"][1].startswith("struct.error")
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
