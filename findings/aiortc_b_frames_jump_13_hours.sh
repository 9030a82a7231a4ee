#!/usr/bin/env bash
# aiortc: with B-frames the pictures' times jump by 13 hours, forwards and back.
#
# One would have sworn: H.264 over RTP is sent in decoding order with the time
#   of presentation as its timestamp (RFC 6184), so timestamps of B-frames step
#   back a little; a receiver that unwraps 32 bits takes a step back of 33 ms
#   for what it is (less than half the range), and the decoder hands the
#   pictures out in order of their times.
# What happens: every timestamp lower than the last is taken for a wrap. Two
#   frames later there is another. Each B-frame adds 2**32 ticks (13 h 15 min),
#   and since the decoder puts pictures back in order, frame.pts jumps forwards
#   by many times that and back again, though every picture is right.
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: video that was encoded with B-frames
#   (a recording that is played back, a camera behind a relay) looks right in a
#   window; what stamps pictures by frame.pts or frame.time, or records them
#   with MediaRecorder, is out by days after a second.
# Documented: no. Issues 836 and 1041 at the project have jumps of 2**32 from
#   reordered packets.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    aiortc==1.16.0 av==18.1.0 numpy==2.4.6

cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import asyncio
import sys

import aiortc
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.contrib.media import MediaPlayer

FRAMES = 30


def record(name, b_frames):
    with av.open(name, "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.options = {"bf": str(b_frames), "b-adapt": "0", "g": "15"}
        for number in range(FRAMES + 30):
            image = np.full((480, 640, 3), 60, np.uint8)
            image[100:200, 4 * number : 4 * number + 100] = (200, 50, 50)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


async def play(name):
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    tracks = asyncio.Queue()
    client.on("track", tracks.put_nowait)
    video = robot.addTransceiver(MediaPlayer(name, decode=False).video, "sendonly")
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
    track = await tracks.get()
    pts = [(await asyncio.wait_for(track.recv(), 10)).pts for _ in range(FRAMES)]
    await robot.close()
    await client.close()
    return pts


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print("expected: pts go up by 6000 (1/15 s) from picture to picture")
    results = []
    for b_frames in (0, 2):
        record("video.ts", b_frames)
        pts = await play("video.ts")
        steps = [after - before for before, after in zip(pts, pts[1:])]
        results.append(steps)
        jumps = sum(step > 2**31 for step in steps)
        print(
            f"seen, {b_frames} B-frames: steps from {min(steps)} to {max(steps)},"
            f" {jumps} of {len(steps)} over 2**31,"
            f" {sum(step < 0 for step in steps)} backwards;"
            f" latest {max(pts) / 90000 / 3600:.1f} h in {FRAMES / 15:.0f} s of video"
        )
    surprise = set(results[0]) == {6000} and max(results[1]) > 2**31 and min(results[1]) < 0
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
