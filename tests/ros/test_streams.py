"""Streams of other encoders, out of files: whether each picture is the one that libavcodec decodes."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from foxglove_msgs.msg import CompressedVideo

from dog import ROOT, TARGET, Bridge, Heard, Process, Ros, World
from sight import Seen, VideoDecoder, kinds, look

IDR = 5
VIDEOS = ROOT / "tests" / "video"


def stored(name: str) -> tuple[str, list[str]]:
    """A stream's file, and the MD5 of each of its pictures by libavcodec, in the order in which they are shown."""
    lines = (VIDEOS / f"{name}.txt").read_text().splitlines()
    return str(VIDEOS / f"{name}.h264"), [line.split()[2] for line in lines]


def fingerprint(message: Any) -> str:
    """The MD5 of a picture of YUYV as its samples are in the decoder, I420."""
    samples = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width // 2, 4)
    # Each two rows share their colors.
    planes = (samples[:, :, 0::2], samples[::2, :, 1], samples[::2, :, 3])
    return hashlib.md5(b"".join(plane.tobytes() for plane in planes)).hexdigest()


def camera_of(diagnostics: Heard) -> list[DiagnosticStatus]:
    """What diagnostics have said of the camera."""
    statuses = [status for message in diagnostics.messages for status in message.status]
    return [status for status in statuses if status.name == "/go2_bridge: camera"]


def play(world: World, ros: Ros, name: str, *options: str) -> tuple[Bridge, Seen, list[str]]:
    """A robot whose camera sends a stored stream again and again, and what comes of it."""
    file, pictures = stored(name)
    world.sim("--camera-file", file, *options)
    bridge = world.bridge("-p", "camera_encoding:=yuv422_yuy2")
    ros.live()
    return bridge, look(ros, fingerprint), pictures


def test_the_robots_shape_is_decoded_as_libavcodec_does(world: World, ros: Ros) -> None:
    """High profile with CABAC and the 8x8 transform, which the simulated robot's own encoder lacks."""
    bridge, seen, pictures = play(world, ros, "robot")
    ros.until("the stream one and a half times", lambda: len(seen.facts) >= 95)
    # It is joined behind its first keyframe, so that the second, the picture 30, is where decoding begins.
    expected = itertools.islice(itertools.cycle(pictures), 30, 30 + len(seen.facts))
    assert seen.facts == list(expected)
    assert np.median(np.diff(seen.stamps)) == pytest.approx(1 / 14.3, rel=0.03)
    told = "the camera's video: H.264 High profile, level 4.0, 208 x 120,"
    assert bridge.output().count(told) == 1


def test_b_pictures_come_in_the_order_in_which_they_are_shown(world: World, ros: Ros) -> None:
    diagnostics = ros.listen(DiagnosticArray, "/diagnostics")
    bridge, seen, pictures = play(world, ros, "b_pictures", "--video-starts-clean")
    ros.until("the stream twice and more", lambda: len(seen.facts) >= 90)
    expected = itertools.islice(itertools.cycle(pictures), len(seen.facts))
    assert seen.facts == list(expected), "none is missing, whichever came first"
    # When they were taken, although those in between are sent behind the one after them.
    steps = np.diff(seen.stamps)
    assert (steps > 0).all() and np.median(steps) == pytest.approx(1 / 14.3, rel=0.03)
    assert (steps < 3 / 14.3).mean() > 0.9
    output = bridge.output()
    assert output.count("image_raw comes one picture late") == 1
    assert "damaged" not in output and "cannot be decoded" not in output and "clock was set" not in output
    ros.until("diagnostics", lambda: camera_of(diagnostics))
    entry = camera_of(diagnostics)[-1]
    values = {pair.key: pair.value for pair in entry.values}
    assert entry.message == "it comes" and values["pictures damaged"] == "0" and values["stamps jumped"] == "0"


def test_a_stream_that_cannot_be_decoded_is_told_as_that_once(world: World, ros: Ros) -> None:
    diagnostics = ros.listen(DiagnosticArray, "/diagnostics")
    bridge, seen, _ = play(world, ros, "high_422", "--video-starts-clean")
    video = ros.listen(CompressedVideo, "camera/video", 100)
    why = "the decoder cannot take H.264 High 4:2:2 profile, level 4.0: the decoder does not know the profile"
    told = f"{why}; no picture is decoded, use camera/video"
    ros.until("that to be told", lambda: told in bridge.output())
    ros.until("diagnostics", lambda: any(told == entry.message for entry in camera_of(diagnostics)))
    ros.until("the stream many times", lambda: len(video.messages) >= 60)
    assert not seen.facts
    # Whole, for whoever has a better decoder.
    decoder = VideoDecoder()
    start = next(i for i, message in enumerate(video.messages) if IDR in kinds(bytes(message.data)))
    decoded = [decoder.decode(bytes(message.data)) for message in video.messages[start:]]
    assert all(len(frames) == 1 and frames[0].format.name == "yuv422p" for frames in decoded)
    output = bridge.output()
    assert output.count(told) == 1 and output.count("ERROR") == 1
    for blamed in ("lost", "damaged", "Wi-Fi", "network", "dropped a message"):
        assert blamed not in output, blamed
    after = [entry for entry in camera_of(diagnostics) if told == entry.message]
    assert all(bytes(entry.level) == DiagnosticStatus.WARN for entry in after)
    values = {pair.key: pair.value for pair in after[-1].values}
    assert values["packets lost"] == values["pictures damaged"] == "0"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"RIFF\0\0\0\0AVI LIST", "no picture is found in it: it has to be H.264 with start codes (Annex B)"),
        (b"\0\0\0\1\x41\x9a\x00", "it has to begin with a keyframe and its parameter sets"),
    ],
)
def test_a_file_that_is_no_stream_ends_the_robot_with_the_reason(
    world: World, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "video.h264"
    if content is not None:
        file.write_bytes(content)
    robot = Process(TARGET / "go2_sim", ["--bind", world.address, "--camera-file", str(file)], tmp_path / "log", {})
    assert world.keep(robot).wait() != 0
    assert f"the video {file} cannot be sent: " in robot.output() and reason in robot.output()
