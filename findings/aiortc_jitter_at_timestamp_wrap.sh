#!/usr/bin/env bash
# aiortc: whenever a stream's RTP timestamp wraps, its jitter is fifty
#   minutes, and takes seconds to come down.
#
# One would have sworn: timestamps are 32 bits and start at random, so every
#   receiver meets the wrap within 13 h 15 min of video and takes differences modulo
#   2**32, as it has to for the pictures' times (which come out right).
# What happens: the interarrival jitter is computed from plain integers. At the wrap
#   the difference is 2**32, a sixteenth of it goes into the jitter: 268 million
#   ticks, 50 min at 90 kHz. It decays by a sixteenth a frame, and goes to the sender
#   in the receiver reports as well.
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: a long-running Python client that watches
#   getStats() (or a robot that adapts to receiver reports) has once in 13 h, at a
#   time that is different in each session, some seconds of an alarm with a perfect
#   link. No test of an hour finds it but by chance.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    aiortc==1.16.0 av==18.1.0 numpy==2.4.6

"$dir/venv/bin/python" - <<'PY'
import asyncio
import fractions
import sys
import time

import aiortc
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, rtcrtpsender

RATE = 25


class Camera(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.number = 0
        self.start = None

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.number / RATE - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(
            np.full((120, 160, 3), self.number % 200, np.uint8), format="rgb24"
        )
        frame.pts = self.number * (90000 // RATE)
        frame.time_base = fractions.Fraction(1, 90000)
        self.number += 1
        return frame


async def run(first_timestamp):
    # The sender draws its first timestamp at random: let it draw this one.
    draw, rtcrtpsender.random32 = rtcrtpsender.random32, lambda: first_timestamp
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    tracks = asyncio.Queue()
    client.on("track", tracks.put_nowait)
    robot.addTransceiver(Camera(), "sendonly")
    await robot.setLocalDescription(await robot.createOffer())
    await client.setRemoteDescription(robot.localDescription)
    await client.setLocalDescription(await client.createAnswer())
    await robot.setRemoteDescription(client.localDescription)
    track = await tracks.get()
    pts, jitter = [], []
    for _ in range(10 * RATE):
        pts.append((await asyncio.wait_for(track.recv(), 10)).pts)
        report = await client.getReceivers()[0].getStats()
        (inbound,) = (entry for entry in report.values() if entry.type == "inbound-rtp")
        jitter.append(inbound.jitter / 90)  # ms
    rtcrtpsender.random32 = draw
    await robot.close()
    await client.close()
    steps = {after - before for before, after in zip(pts, pts[1:])}
    return steps, max(jitter), sum(value > 1000 for value in jitter) / RATE


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print("expected: a jitter of milliseconds on loopback, at any timestamp")
    results = []
    for name, first in (("no wrap", 1), ("a wrap after 2 s", 2**32 - 2 * 90000)):
        steps, worst, long = await run(first)
        results.append((worst, long))
        print(
            f"seen, {name}: pts in steps of {sorted(steps)}, jitter up to {worst:.0f} ms"
            f" ({worst / 60000:.1f} min), over 1 s for {long:.1f} s"
        )
    surprise = results[0][0] < 500 and results[1][0] > 30 * 60000 and results[1][1] > 2
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
