#!/usr/bin/env bash
# aiortc: a sound track that gives frames of 40 ms loses half of its sound.
#
# One would have sworn: a track's frames may have any length; the sender cuts
#   them into Opus packets of 20 ms and counts the RTP timestamp on by 960 for
#   each. (It does cut them: its encoder resamples to frames of 960 samples.)
# What happens: all the packets that come from one frame get one and the same
#   timestamp. An aiortc receiver takes them for pieces of one packet, puts
#   their bytes together and decodes that as one: half the samples come out
#   (a third for 60 ms), and those are distorted. No warning on either side.
# Versions: aiortc 1.16.0, av 18.1.0 (Python 3.11).
# Consequence for a user of such a bridge: who talks through the robot's
#   speaker from a track of his own (a microphone, a speech synthesizer, with
#   chunks of 40 ms or 1024 samples) sends timestamps no receiver can play;
#   the same sound in frames of 20 ms is clean.
# Documented: no; only MediaPlayer, which cuts its frames to 20 ms itself, is
#   shown in the documentation.
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
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.rtp import RtpPacket


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, milliseconds):
        super().__init__()
        self.samples = 48 * milliseconds
        self.number = 0
        self.start = None

    async def recv(self):
        self.start = self.start or time.monotonic()
        first = self.number * self.samples
        await asyncio.sleep(max(0, self.start + first / 48000 - time.monotonic()))
        wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(first, first + self.samples) / 48000)
        frame = av.AudioFrame.from_ndarray(
            wave.astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = 48000
        frame.pts = first
        frame.time_base = fractions.Fraction(1, 48000)
        self.number += 1
        return frame


async def run(milliseconds):
    robot, client = (
        RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)
    )
    tracks = asyncio.Queue()
    robot.on("track", tracks.put_nowait)
    client.addTrack(Tone(milliseconds))
    await client.setLocalDescription(await client.createOffer())
    await robot.setRemoteDescription(client.localDescription)
    await robot.setLocalDescription(await robot.createAnswer())
    await client.setRemoteDescription(robot.localDescription)

    transport = client.getSenders()[0].transport
    send = transport._send_rtp
    stamps = []

    async def watched(data):
        if not 192 <= data[1] <= 223:
            stamps.append(RtpPacket.parse(data).timestamp)
        await send(data)

    transport._send_rtp = watched

    track = await tracks.get()
    sound, pts = [], []
    while not pts or pts[-1] < 48000 * 4:
        frame = await asyncio.wait_for(track.recv(), 10)
        pts.append(frame.pts)
        sound.append(frame.to_ndarray().reshape(-1, 2)[:, 0])
    await client.close()
    await robot.close()

    heard = sum(map(len, sound))
    wave = np.concatenate(sound)[9600:].astype(float)
    wave = wave[: len(wave) // 4800 * 4800]  # whole periods
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    tone = 440 * len(wave) // 48000
    near = power[tone - 10 : tone + 11].sum()
    purity = 10 * np.log10(near / (power.sum() - near))
    part = heard / (pts[-1] + len(sound[-1]) - pts[0])
    return len(stamps), len(set(stamps)), part, purity


async def main():
    print(f"aiortc {aiortc.__version__}, av {av.__version__}")
    print("expected: one timestamp for each packet, all of the sound, whatever the frames")
    results = {}
    for milliseconds in (20, 40):
        packets, stamps, part, purity = results[milliseconds] = await run(milliseconds)
        print(
            f"seen, frames of {milliseconds} ms: {packets} packets with {stamps} timestamps,"
            f" {part:.0%} of the samples arrive, tone {purity:.0f} dB above the rest"
        )
    surprise = (
        results[20][0] == results[20][1]
        and results[20][2] > 0.99
        and results[20][3] > 30
        and results[40][1] < 0.55 * results[40][0]
        and results[40][2] < 0.55
        and results[40][3] < 15
    )
    print("the surprise is still there" if surprise else "CHANGED")
    return 0 if surprise else 1


sys.exit(asyncio.run(main()))
PY
