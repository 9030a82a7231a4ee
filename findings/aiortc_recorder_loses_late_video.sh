#!/usr/bin/env bash
# aiortc: a recording in which the sound comes before the first picture has no
#   picture at all.
#
# One would have sworn: a MediaRecorder with a sound and a video track writes both,
#   whichever starts first; at worst it holds the sound back, or raises.
# What happens: the first packet of any track writes the file's header and opens the
#   encoders of all. The recorder sets the video's size when its first frame comes,
#   which is too late then: the error ends the video's task unseen, the sound goes on,
#   and stop() and the file are fine, but for the picture: no video track in an MP4,
#   an empty one in a Matroska file. With the picture first, all is well. The size
#   does not matter (640 x 480 is the encoder's own, and fails as well).
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: this robot's video and sound are switched
#   on one after the other by messages on the data channel. Whether a recording of both
#   has a picture is settled by which came first, perhaps by who won a race, and
#   found out when somebody opens the file.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    aiortc==1.16.0 av==18.1.0 numpy==2.4.6

cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import asyncio
import logging
import sys
import time
from fractions import Fraction

import aiortc
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.contrib.media import MediaRecorder

logging.getLogger("asyncio").setLevel(logging.CRITICAL)
LENGTH = 4.0


class Source(MediaStreamTrack):
    def __init__(self, clock, begin):
        super().__init__()
        self.clock, self.begin, self.number = clock, begin, 0

    async def next(self, interval):
        """Wait for the next frame's time; that time, in seconds after the start."""
        due = self.begin + self.number * interval
        self.number += 1
        await asyncio.sleep(max(0, self.clock + due - time.monotonic()))
        return due


class Sound(Source):
    kind = "audio"

    async def recv(self):
        due = await self.next(0.02)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 960), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 48000
        frame.pts, frame.time_base = round(due * 48000), Fraction(1, 48000)
        return frame


class Video(Source):
    kind = "video"

    async def recv(self):
        due = await self.next(0.04)
        frame = av.VideoFrame.from_ndarray(
            np.full((480, 640, 3), self.number % 200, np.uint8), format="rgb24"
        )
        frame.pts, frame.time_base = round(due * 90000), Fraction(1, 90000)
        return frame


async def record(name, sound_begins, video_begins):
    """How many frames of sound and of video the file has."""
    clock = time.monotonic() + 1
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    recorder = MediaRecorder(name)
    client.on("track", recorder.addTrack)
    robot.addTrack(Sound(clock, sound_begins))
    robot.addTrack(Video(clock, video_begins))
    await robot.setLocalDescription(await robot.createOffer())
    await client.setRemoteDescription(robot.localDescription)
    await recorder.start()
    await client.setLocalDescription(await client.createAnswer())
    await robot.setRemoteDescription(client.localDescription)
    await asyncio.sleep(max(0, clock + LENGTH - time.monotonic()))
    await recorder.stop()
    await robot.close()
    await client.close()
    frames = {"audio": 0, "video": 0}
    for kind in frames:
        with av.open(name) as container:
            if getattr(container.streams, kind):
                frames[kind] = sum(1 for _ in container.decode(**{kind: 0}))
    return frames["audio"], frames["video"]


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print("expected: sound and pictures in the file, whichever came first")
    surprise = True
    for name in ("video.mp4", "video.mkv"):
        first = await record(name, sound_begins=1, video_begins=0)
        late = await record(name, sound_begins=0, video_begins=1)
        print(f"seen, {name}: picture first: {first[0]} frames of sound, {first[1]} of video;"
              f" sound first: {late[0]} of sound, {late[1]} of video")
        surprise &= first[0] > 50 and first[1] > 50 and late[0] > 50 and late[1] == 0
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
