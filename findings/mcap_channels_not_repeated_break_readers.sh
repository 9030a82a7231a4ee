#!/usr/bin/env bash
# An MCAP file whose channels stand only where they were declared: KeyError in the official Python reader.
#
# One would have sworn: the summary at the end of an MCAP file is a convenience;
#   repeating channels and schemas there is optional, and the SDK that writes the
#   file and the reader of the same makers agree on it.
# What happens: with `repeat_channels=False` of foxglove-sdk the `mcap` package
#   raises a bare KeyError(1) out of iter_messages() (its low-level StreamReader
#   reads the same bytes well); rosbags says message_count 8 and yields nothing;
#   @mcap/core reads all 8. With `repeat_schemas=False` the Python reader raises
#   the same, and rosbags asks for a typestore.
# Versions: foxglove-sdk 0.30.3, mcap 1.6.0, rosbags 0.11.9 (PyPI);
#   @mcap/core 2.2.2, @mcap/nodejs 1.0.2, @mcap/support 1.1.0 (npm).
# Consequence for a user of a GO2 bridge: a recording that plays in the web
#   viewer can't be read by the analysis script, or looks empty there.
# Documented: the specification says summary records MAY be repeated; the
#   readers don't say that they need them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install \
  foxglove-sdk==0.30.3 mcap==1.6.0 rosbags==0.11.9
echo '{"private": true, "type": "module"}' > package.json
npm install --silent --no-audit --no-fund \
  @mcap/core@2.2.2 @mcap/nodejs@1.0.2 @mcap/support@1.1.0
cat > read.mjs <<'EOF'
import { open } from "node:fs/promises";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";

const readable = new FileHandleReadable(await open(process.argv[2], "r"));
const decompressHandlers = await loadDecompressHandlers();
const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers });
let read = 0;
for await (const _ of reader.readMessages()) read += 1;
console.log(read);
process.exit(0);
EOF
venv/bin/python - <<'EOF'
import io
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import foxglove
from foxglove.mcap import MCAPWriteOptions
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader

print("rosbags", version("rosbags"), "mcap", version("mcap"), "foxglove-sdk", version("foxglove-sdk"))


def write(path, **options):
    context = foxglove.Context()
    writer = foxglove.open_mcap(
        path, context=context, writer_options=MCAPWriteOptions(profile="ros2", **options))
    channel = foxglove.Channel(
        "/chatter", message_encoding="cdr", context=context,
        schema=foxglove.Schema(name="std_msgs/msg/String", encoding="ros2msg", data=b"string data"))
    for i in range(8):
        text = b"message %d\0" % i
        channel.log(b"\0\1\0\0" + struct.pack("<I", len(text)) + text, log_time=10**18 + i)
    writer.close()


def attempt(function):
    try:
        return function()
    except Exception as error:
        return type(error).__name__


def by_rosbags(path):
    with AnyReader([Path(path)]) as reader:
        return f"{sum(1 for _ in reader.messages())} of {reader.message_count}"


def readers(path):
    data = Path(path).read_bytes()
    return {
        "mcap": attempt(lambda: sum(1 for _ in make_reader(io.BytesIO(data)).iter_messages())),
        "mcap's StreamReader": sum(
            isinstance(record, Message) for record in StreamReader(io.BytesIO(data)).records),
        "rosbags": attempt(lambda: by_rosbags(path)),
        "@mcap/core": int(subprocess.run(
            ["node", "read.mjs", path], check=True, stdout=subprocess.PIPE, text=True).stdout),
    }


seen = {}
for name, options in (
    ("default", {}),
    ("channels not repeated", {"repeat_channels": False}),
    ("schemas not repeated", {"repeat_schemas": False}),
):
    path = name.replace(" ", "_") + ".mcap"
    write(path, **options)
    seen[name] = readers(path)
    print(f"{name}: expected 8 messages from each, seen {seen[name]}")
surprising = (
    seen["default"] == {"mcap": 8, "mcap's StreamReader": 8, "rosbags": "8 of 8", "@mcap/core": 8}
    and seen["channels not repeated"]
    == {"mcap": "KeyError", "mcap's StreamReader": 8, "rosbags": "0 of 8", "@mcap/core": 8}
    and seen["schemas not repeated"]
    == {"mcap": "KeyError", "mcap's StreamReader": 8, "rosbags": "AnyReaderError", "@mcap/core": 8}
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
