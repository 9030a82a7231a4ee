#!/usr/bin/env bash
# mcap-ros2-support 0.6.0 cuts arrays that are too long and fills up short ones, also in the caller's list.
#
# One would have sworn: writing a covariance of 6 numbers into double[36], 3 values
#   into int32[<=2] or a float into an int32 is refused (mcap-ros2-support-fast
#   does), and a writer leaves its input alone.
# What happens: all is written, silently. The 6 numbers are followed by 30 zeros
#   (the diagonal becomes one row of the matrix), and the None's it uses to fill
#   up stay in the caller's list, so an empty list shared with the next field
#   arrives there with 36 values. The third of 2 values is dropped, 2.9 becomes
#   2, a text longer than its bound is kept, a misspelt key is ignored. A field
#   left out of a dict, if it is called like a method of dict (`copy`, and
#   DiagnosticStatus has `values`), is taken from the dict object: the text
#   "<built-in method copy of dict object at ...>" is recorded.
# Versions: mcap-ros2-support 0.6.0, mcap 1.6.0, mcap-ros2-support-fast 0.8.0.
# Consequence for a user of a GO2 bridge: recordings made by a script on the bridge's
#   data hold plausible covariances that nobody measured.
# Documented: no.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  mcap==1.6.0 mcap-ros2-support==0.6.0 mcap-ros2-support-fast==0.8.0
venv/bin/python - <<'EOF'
import io
import sys
from importlib.metadata import version

from mcap.reader import make_reader
from mcap.records import Schema
from mcap_ros2.decoder import DecoderFactory
from mcap_ros2.writer import Writer
from mcap_ros2_support_fast import ROS2EncoderFactory

print({name: version(name) for name in ("mcap-ros2-support", "mcap-ros2-support-fast")})
TEXT = "float64[36] covariance\nint32[<=2] pair\nint32[] more\nint32 whole\nstring<=3 name\nstring copy\n"


def by_fast(message):
    schema = Schema(id=1, name="demo_msgs/msg/Demo", encoding="ros2msg", data=TEXT.encode())
    try:
        ROS2EncoderFactory().encoder_for(schema)(message)
        return "written"
    except Exception as error:
        return type(error).__name__


shared = []
message = {
    "covariance": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "pair": [7, 8, 9], "more": shared,
    "whole": 2.9, "name": "abcdef", "nmae": "misspelt",
}
file = io.BytesIO()
writer = Writer(file)
schema = writer.register_msgdef("demo_msgs/msg/Demo", TEXT)
fast = by_fast({**message, "covariance": list(message["covariance"])})
writer.write_message("/demo", schema, message, log_time=1)
writer.write_message("/demo", schema, {"covariance": shared, "pair": [], "more": shared}, log_time=2)
writer.finish()
file.seek(0)
read = [item.decoded_message for item in make_reader(
    file, decoder_factories=[DecoderFactory()]).iter_decoded_messages()]
one, two = read
print("covariance of 6 given, read:", len(one.covariance), "numbers,", one.covariance[:8], "...")
print("the caller's list of 6 has now", len(message["covariance"]), "entries, the last is", message["covariance"][-1])
print("pair of 3:", one.pair, " whole 2.9:", one.whole, " name of at most 3:", one.name)
print("field `copy` left out:", one.copy)
print("an empty list given for both fields, read for `more`:", len(two.more), "values")
print("mcap-ros2-support-fast, the same message:", fast)
surprising = (
    one.covariance == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] + [0.0] * 30
    and len(message["covariance"]) == 36 and message["covariance"][-1] is None
    and one.pair == [7, 8] and one.whole == 2 and one.name == "abcdef"
    and one.copy.startswith("<built-in method copy of dict object at")
    and len(two.more) == 36
    and fast != "written"
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
