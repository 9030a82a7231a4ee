#!/usr/bin/env bash
# Two MCAP readers count the messages of a valid recording and then yield none of them.
#
# One would have sworn: a reader that opens a valid MCAP file and says "8
#   messages" gives 8 messages, or an error. Message indexes and chunks are
#   optional by the MCAP specification, and the official SDK has switches for
#   them (a robot that saves CPU turns them off).
# What happens, with the same 8 messages written by foxglove-sdk:
#   - without message indexes: rosbags says message_count 8 and its loop over
#     messages() ends at once, silently; @mcap/core's indexed reader refuses;
#   - without chunks: @mcap/core's indexed reader opens the file, its statistics
#     say 8, and readMessages() ends at once, silently; rosbags gives all 8.
#   The official Python reader gives 8 for both, so the files are sound.
# Versions: foxglove-sdk 0.30.3, mcap 1.6.0, rosbags 0.11.9 (PyPI);
#   @mcap/core 2.2.2, @mcap/nodejs 1.0.2, @mcap/support 1.1.0 (npm).
# Consequence for a user of a GO2 bridge: a recording looks empty in one tool
#   and whole in another; a script that averages "all" messages says 0 with no
#   error. Compare what was read with the count.
# Documented: the specification allows the files; neither library says this.
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

try {
  const readable = new FileHandleReadable(await open(process.argv[2], "r"));
  const decompressHandlers = await loadDecompressHandlers();
  const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers });
  let read = 0;
  for await (const _ of reader.readMessages()) read += 1;
  console.log(`counts ${reader.statistics.messageCount}, yields ${read}`);
} catch (error) {
  console.log("error");
  console.error(" ", error.message);
}
process.exit(0);
EOF
venv/bin/python - <<'EOF'
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import foxglove
from foxglove.mcap import MCAPWriteOptions
from mcap.reader import make_reader
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


def readers(path):
    with open(path, "rb") as file:
        reader = make_reader(file)
        count = reader.get_summary().statistics.message_count
        official = f"counts {count}, yields {sum(1 for _ in reader.iter_messages())}"
    with AnyReader([Path(path)]) as reader:
        bags = f"counts {reader.message_count}, yields {sum(1 for _ in reader.messages())}"
    node = subprocess.run(
        ["node", "read.mjs", path], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return {"mcap (Python)": official, "rosbags": bags, "@mcap/core": node}


seen = {}
for name, options in (
    ("default", {}),
    ("no message indexes", {"emit_message_indexes": False}),
    ("no chunks", {"use_chunks": False}),
):
    path = name.replace(" ", "_") + ".mcap"
    write(path, **options)
    seen[name] = readers(path)
    print(f"{name}: expected 'counts 8, yields 8' from each, seen {seen[name]}")
good, empty = "counts 8, yields 8", "counts 8, yields 0"
surprising = (
    set(seen["default"].values()) == {good}
    and seen["no message indexes"] == {"mcap (Python)": good, "rosbags": empty, "@mcap/core": "error"}
    and seen["no chunks"] == {"mcap (Python)": good, "rosbags": good, "@mcap/core": empty}
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
