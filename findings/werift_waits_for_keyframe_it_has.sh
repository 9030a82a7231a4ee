#!/usr/bin/env bash
# werift: a depacketizer told to wait for a keyframe does not see the small ones,
#   and from a large one it makes two broken frames.
#
# One would have sworn: with waitForKeyframe a depacketizer drops frames until an
#   IDR picture comes, hands that out whole, marked as a keyframe, and goes on.
# What happens: (1) Parameter sets and an IDR picture that fit into one packet
#   travel as one STAP-A (RFC 6184), as aiortc and others send them. werift looks
#   at the outer type, 24, finds no keyframe, and waits for ever. (2) The frames it
#   drops while waiting stay in its buffer, and the buffer is not emptied, but taken
#   apart again with each packet: of a large keyframe one frame comes out before it
#   is complete, with the dropped frames in front, and one that lacks its start.
# Versions: werift 0.24.4 (werift/nonstandard, Node 20), with av 18.1.0 and aiortc
#   1.16.0 to encode and to packetize.
# Consequence for a user of such a bridge: a Node recorder starts on a robot that
#   looks at a plain wall, or at night, and records nothing, asking for a keyframe
#   with each packet, though each is answered; in daylight its recording begins
#   with a picture that no decoder takes.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0 numpy==2.4.6
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund werift@0.24.4

cat >encode.py <<'PY'
import json
from fractions import Fraction

import aiortc
import av
import numpy as np
from aiortc.codecs.h264 import H264Encoder


def encode(picture):
    """18 frames, every sixth an IDR picture, as RTP payloads."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 640, 480, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 15), Fraction(15, 1)
    encoder.options = {
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": "repeat-headers=1:keyint=6:min-keyint=6:scenecut=0",
    }
    frames = []
    for number in range(18):
        frame = av.VideoFrame.from_ndarray(np.roll(picture, number, 1), format="rgb24")
        frame.pts = number
        for packet in encoder.encode(frame):
            packet.pts, packet.time_base = number, encoder.time_base
            payloads, _ = H264Encoder().pack(packet)
            frames.append(
                {
                    "keyframe": packet.is_keyframe,
                    "payloads": [payload.hex() for payload in payloads],
                }
            )
    return frames


random = np.random.default_rng(1)
streams = {
    "a plain wall": encode(np.full((480, 640, 3), 30, np.uint8)),
    "a busy scene": encode(random.integers(0, 255, (480, 640, 3), dtype=np.uint8)),
}
with open("streams.json", "w") as file:
    json.dump(streams, file)
print(f"aiortc {aiortc.__version__}, av {av.__version__}")
PY
venv/bin/python encode.py

cat >run.cjs <<'JS'
const { readFileSync } = require("node:fs");
const { RtpHeader, RtpPacket } = require("werift");
const { DepacketizeBase } = require("werift/nonstandard");
const { version } = JSON.parse(readFileSync("node_modules/werift/package.json"));
console.log(`werift ${version}`);

const streams = JSON.parse(readFileSync("streams.json"));
// What one frame's packets give when nothing else is in the way.
const size = (payloads) => depacketize([{ payloads }], false)[0][0].data.length;

function depacketize(frames, waitForKeyframe) {
  const depacketizer = new DepacketizeBase("MPEG4/ISO/AVC", {
    waitForKeyframe,
    isFinalPacketInSequence: (header) => header.marker,
  });
  let asked = 0;
  depacketizer.onNeedKeyFrame.subscribe(() => asked++);
  const out = [];
  let sequenceNumber = 0;
  frames.forEach(({ payloads }, number) => {
    payloads.forEach((payload, at) => {
      const header = new RtpHeader({
        payloadType: 96,
        sequenceNumber: sequenceNumber++,
        timestamp: number * 6000,
        marker: at === payloads.length - 1,
      });
      const rtp = new RtpPacket(header, Buffer.from(payload, "hex"));
      for (const { frame } of depacketizer.processInput({ rtp, time: number })) out.push(frame);
    });
  });
  return [out, asked];
}

console.log("expected: who joins at frame 3 of 18 gets the keyframe 6, whole, and the 11 after it");
const results = {};
for (const [name, frames] of Object.entries(streams)) {
  const keyframe = frames[6];
  const [out, asked] = depacketize(frames.slice(3), true);
  const whole = size(keyframe.payloads);
  results[name] = { out: out.length, first: out[0]?.data.length, whole };
  console.log(`seen, ${name}: keyframe of ${whole} bytes in ${keyframe.payloads.length} packet(s);`,
    `${out.length} frames out, the first two of ${out[0]?.data.length}`,
    `and ${out[1]?.data.length} bytes, a keyframe asked for ${asked} times`);
}
const wall = results["a plain wall"];
const busy = results["a busy scene"];
const surprise =
  wall.out === 0 && busy.out === 13 && busy.first < busy.whole;
console.log(surprise ? "the surprise is still there" : "CHANGED");
process.exit(surprise ? 0 : 1);
JS
node run.cjs
