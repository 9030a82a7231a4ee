#!/usr/bin/env bash
# aiortc: a picture of odd width or height ends an H.264 track for good; with VP8
#   the same picture is sent.
#
# One would have sworn: what the negotiated codec is makes no difference to which
#   frames a track may give; H.264 in 4:2:0 of odd size is an everyday thing (the
#   encoder pads, the SPS crops), and libwebrtc takes any size.
# What happens: the encoder refuses the frame, the exception ends the sender's
#   task and stops the track. Nothing is sent any more, the next even frame is not
#   asked for. The connection stays "connected" and no event is emitted; a line in
#   the log is all. With VP8, aiortc's own first choice, all is well.
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: a relay that crops or scales the robot's
#   picture around a detection works with a browser that prefers VP8 and shows
#   nothing, or freezes at the first odd box, with one that prefers H.264.
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
import logging
import sys

import aiortc
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender

logging.basicConfig(level=logging.ERROR)


class Camera(MediaStreamTrack):
    """Ten frames of 640 x 480, ten of another width, and then the first size again."""

    kind = "video"

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.number = 0

    async def recv(self):
        await asyncio.sleep(0.05)
        width = self.width if 10 <= self.number < 20 else 640
        frame = av.VideoFrame.from_ndarray(
            np.full((480, width, 3), 5 * self.number % 256, np.uint8), format="rgb24"
        )
        frame.pts = self.number * 4500
        frame.time_base = fractions.Fraction(1, 90000)
        self.number += 1
        return frame


async def run(mime_type, width):
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    tracks = asyncio.Queue()
    client.on("track", tracks.put_nowait)
    camera = Camera(width)
    events = []
    robot.on("connectionstatechange", lambda: events.append(robot.connectionState))
    video = robot.addTransceiver(camera, "sendonly")
    video.setCodecPreferences(
        [
            codec
            for codec in RTCRtpSender.getCapabilities("video").codecs
            if codec.mimeType == mime_type
        ]
    )
    await robot.setLocalDescription(await robot.createOffer())
    await client.setRemoteDescription(robot.localDescription)
    await client.setLocalDescription(await client.createAnswer())
    await robot.setRemoteDescription(client.localDescription)
    track = await tracks.get()
    widths = []
    try:
        while len(widths) < 40:
            widths.append((await asyncio.wait_for(track.recv(), 5)).width)
    except asyncio.TimeoutError:
        pass
    state = f"{robot.connectionState}, source {camera.readyState}"
    await robot.close()
    await client.close()
    return len(widths), sorted(set(widths)), state


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print("expected: 40 frames, whatever the codec")
    results = []
    for mime_type, width in (("video/VP8", 601), ("video/H264", 600), ("video/H264", 601)):
        result = await run(mime_type, width)
        results.append(result)
        print(
            f"seen, {mime_type}, frames 10 to 19 {width} wide: {result[0]} frames"
            f" of widths {result[1]}, then {result[2]}"
        )
    surprise = (
        results[0][:2] == (40, [601, 640])
        and results[1][:2] == (40, [600, 640])
        and results[2][0] < 12
        and results[2][2] == "connected, source ended"
    )
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
