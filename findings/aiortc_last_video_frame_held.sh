#!/usr/bin/env bash
# aiortc: a video frame that arrived whole is shown only when the next one
#   begins to arrive, and the last one before a pause is never shown.
#
# One would have sworn: the RTP marker bit ends a frame (RFC 6184 says so for
#   H.264), so a receiver decodes a frame when its marked packet is there.
# What happens: the marker bit is not looked at. A frame is complete for the
#   receiver when a packet with another timestamp has come. On loopback every
#   frame is one whole frame interval late, and whatever was sent last before
#   the camera pauses stays in the buffer for as long as it pauses.
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: a Python client sees the robot's
#   video 33 to 67 ms later than it arrived, more when the robot lowers its
#   rate; a "last picture before it stopped" is the one before that; a test
#   that sends N frames and waits for N waits for ever.
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
import statistics
import sys
import time

import aiortc
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.rtp import RtpPacket

FRAMES, INTERVAL = 6, 0.5


class Camera(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.number = 0

    async def recv(self):
        if self.number == FRAMES:
            await asyncio.sleep(3600)
        if self.number:
            await asyncio.sleep(INTERVAL)
        frame = av.VideoFrame.from_ndarray(
            np.full((480, 640, 3), 40 * self.number, np.uint8), format="rgb24"
        )
        frame.pts = int(self.number * INTERVAL * 90000)
        frame.time_base = fractions.Fraction(1, 90000)
        self.number += 1
        return frame


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print(f"expected: {FRAMES} frames sent, {FRAMES} shown, each within milliseconds")
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    tracks = asyncio.Queue()
    client.on("track", tracks.put_nowait)
    video = robot.addTransceiver(Camera(), "sendonly")
    video.setCodecPreferences(
        [
            codec
            for codec in RTCRtpSender.getCapabilities("video").codecs
            if codec.mimeType == "video/H264"
        ]
    )
    await robot.setLocalDescription(await robot.createOffer())
    await client.setRemoteDescription(robot.localDescription)
    await client.setLocalDescription(await client.createAnswer())
    await robot.setRemoteDescription(client.localDescription)

    receiver = client.getReceivers()[0]
    handle = receiver._handle_rtp_packet
    complete = []  # when each frame's marked packet was there

    async def watched(packet, arrival_time_ms):
        if packet.marker:
            complete.append(time.monotonic())
        await handle(packet, arrival_time_ms)

    receiver._handle_rtp_packet = watched

    track = await tracks.get()
    late = []
    while True:
        try:
            await asyncio.wait_for(track.recv(), 5 * INTERVAL)
        except asyncio.TimeoutError:
            break
        late.append(time.monotonic() - complete[len(late)])
    await robot.close()
    await client.close()
    middle = statistics.median(late)
    print(
        f"seen: {len(complete)} frames arrived whole, {len(late)} shown,"
        f" {1000 * middle:.0f} ms after they were there;"
        f" the last not within {5 * INTERVAL} s"
    )
    surprise = (
        len(complete) == FRAMES and len(late) == FRAMES - 1 and middle > 0.8 * INTERVAL
    )
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
