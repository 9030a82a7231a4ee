"""The camera's topics, against what the simulated robot burns into its pictures."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foxglove_msgs.msg import CompressedVideo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dog import LATCHED, Heard, Ros, Sim, World
from go2_demo.arrays import Pixels
from go2_demo.frames import seconds
from sight import (
    House,
    VideoDecoder,
    Watch,
    counter,
    decode_jpeg,
    face_seen,
    frame_number,
    grey,
    kinds,
    look,
    read_counter,
    rgb,
    turn,
)

SPS, PPS, IDR, SLICE = 7, 8, 5, 1
WIDTH, HEIGHT = 1280, 720
FRAME = "front_camera_optical_frame"
# The calibration that is published without one of the user's: f, c, and the distortion.
FOCAL, CENTRE = (864.39938, 863.73849), (639.19798, 373.28118)
DISTORTION = [-0.354630, 0.102054, -0.001614, -0.001249, 0.0]
# The video goes on for a while after the last listener has left.
LINGER = 5.0

house = functools.cache(House)


def gapless(numbers: list[int | None]) -> bool:
    """Whether each number follows the one before."""
    return None not in numbers and bool((np.diff(numbers) == 1).all())


# --- Pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bridge")
def test_every_picture_comes_once_and_in_order(ros: Ros) -> None:
    seen = look(ros)
    ros.until("forty pictures", lambda: len(seen.facts) >= 40)
    assert gapless(seen.facts)
    assert (np.diff(seen.stamps) > 0).all()
    assert np.median(np.diff(seen.stamps)) == pytest.approx(1 / 14.3, rel=0.03)


@pytest.mark.parametrize(("encoding", "bytes_a_pixel"), [("rgb8", 3), ("bgr8", 3), ("yuv422_yuy2", 2)])
@pytest.mark.usefixtures("sim")
def test_encodings(world: World, ros: Ros, encoding: str, bytes_a_pixel: int) -> None:
    world.bridge("-p", f"camera_encoding:={encoding}")
    ros.live()
    message = ros.hear(Image, "camera/image_raw")
    assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, encoding)
    assert message.step == bytes_a_pixel * WIDTH and len(message.data) == message.step * HEIGHT
    assert message.is_bigendian == 0 and message.header.frame_id == FRAME
    assert counter(message) is not None
    # The robot starts in front of a wall that faces -x, whose bricks are blue. The counter has no colour.
    pixels = rgb(message).astype(int)
    assert face_seen(ahead(message)) == "-x"
    red, green, blue = pixels[340:400, 600:680].reshape(-1, 3).mean(axis=0)
    assert blue > green + 40 > red
    assert np.ptp(pixels[48:64, 16:528].reshape(-1, 3).mean(axis=0)) < 12


@pytest.mark.usefixtures("bridge")
def test_the_encoding_can_be_changed(ros: Ros) -> None:
    seen = look(ros, lambda message: (message.encoding, counter(message), face_seen(ahead(message))))
    ros.until("a picture", lambda: seen.facts)
    for encoding in ("bgr8", "yuv422_yuy2", "rgb8"):
        assert ros.set_parameter("camera_encoding", encoding).successful
        ros.until(f"pictures in {encoding}", lambda encoding=encoding: seen.facts[-1][0] == encoding)
    assert gapless([number for _, number, _ in seen.facts])
    assert {face for _, _, face in seen.facts} == {"-x"}


def test_every_picture_from_the_first_keyframe_on(world: World, ros: Ros) -> None:
    sim = world.sim("--log-sent")
    bridge = world.bridge()
    ros.live()
    seen = look(ros)
    ros.until("three groups of pictures", lambda: len(seen.facts) >= 75, limit=30.0)
    sent = sim.entries("frame")
    assert not sent[0]["idr"], "it starts between two keyframes"
    first = next(entry["counter"] for entry in sent if entry["idr"])
    assert seen.facts == list(range(first, first + len(seen.facts)))
    told = "the camera's video: H.264 High profile, level 4.0, 1280 x 720, nominally 30.0 pictures a second, range not told"
    assert bridge.output().count(told) == 1
    assert "; SPS 67 64 10 28 " in bridge.output()


@pytest.mark.usefixtures("bridge")
def test_colors_that_the_stream_does_not_tell_are_a_parameter(ros: Ros) -> None:
    rows, columns = slice(340, 400), slice(600, 680)

    def patch(message: Any) -> tuple[str, Pixels]:
        if message.encoding == "rgb8":
            return "rgb8", rgb(message, rows)[:, columns].reshape(-1, 3).mean(axis=0)
        samples = np.frombuffer(message.data, np.uint8).reshape(HEIGHT, WIDTH, 2)[rows, columns].astype(float)
        # Each two pixels share their colors.
        colors = [samples[:, first::2, 1].repeat(2, axis=1) for first in (0, 1)]
        return "yuv", np.stack([samples[..., 0], *colors])

    seen = look(ros, patch)

    def settled(encoding: str) -> Pixels:
        """The patch of the second picture from now on, and of this encoding."""
        start = len(seen.facts)
        ros.until("pictures", lambda: len(seen.facts) > start + 3 and seen.facts[-1][0] == encoding)
        return seen.facts[-1][1]

    assert ros.set_parameter("camera_encoding", "yuv422_yuy2").successful
    luma, blue, red = settled("yuv")
    assert ros.set_parameter("camera_encoding", "rgb8").successful
    for matrix, weights in (("bt601", (0.299, 0.114)), ("bt709", (0.2126, 0.0722))):
        for span in ("limited", "full"):
            assert ros.set_parameter("camera_matrix", matrix).successful
            assert ros.set_parameter("camera_range", span).successful
            y, scale = (luma, 1.0) if span == "full" else ((luma - 16) * 255 / 219, 255 / 224)
            r = y + 2 * (1 - weights[0]) * (red - 128) * scale
            b = y + 2 * (1 - weights[1]) * (blue - 128) * scale
            g = (y - weights[0] * r - weights[1] * b) / (1 - sum(weights))
            expected = [channel.clip(0, 255).mean() for channel in (r, g, b)]
            assert settled("rgb8") == pytest.approx(expected, abs=3), (matrix, span)


def ahead(message: Any, column: int = WIDTH // 2) -> Pixels:
    """A patch of the picture at the height of the horizon."""
    row = round(CENTRE[1])
    return rgb(message, slice(row - 24, row + 24))[:, column - 24 : column + 24]


def bearing(column: int) -> float:
    """Where a column of the picture's middle looks to, in rad to the left of ahead."""
    distorted = (column - CENTRE[0]) / FOCAL[0]
    x = distorted
    for _ in range(30):
        x = distorted / (1 + DISTORTION[0] * x**2 + DISTORTION[1] * x**4)
    return -float(np.arctan(x))


@pytest.mark.usefixtures("bridge")
def test_pictures_show_what_is_in_front_of_the_robot(ros: Ros) -> None:
    columns = [160, WIDTH // 2, WIDTH - 160]
    watch = Watch(ros)
    turn(ros, 1.0)
    seen = look(ros, lambda message: [face_seen(ahead(message, column)) for column in columns])
    ros.until("a turn", lambda: seen.stamps and seen.stamps[-1] - seen.stamps[0] > 2 * np.pi)
    ros.until("the pose of the last", lambda: watch.frames.newest("base_link") >= seen.stamps[-1])
    right: list[bool] = []
    for stamp, faces in zip(seen.stamps, seen.facts, strict=True):
        pose = watch.frames.pose("base_link", "odom", stamp)
        assert pose is not None
        eye = (pose @ [0.32715, 0, 0, 1])[:3]
        heading = np.arctan2(pose[1, 0], pose[0, 0])
        for column, face in zip(columns, faces, strict=True):
            # The stamp is that of the picture's coming: it was taken a little before.
            _, expected = house().cast(eye, heading + bearing(column) + np.linspace(-0.2, 0.05, 6), 8.0)
            if len(set(expected)) == 1 and expected[0]:
                right.append(expected[0] == face)
    assert {face for faces in seen.facts for face in faces} == {"+x", "-x", "+y", "-y"}
    assert len(right) > 50
    assert np.mean(right) > 0.95


# --- Calibration ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bridge")
def test_the_default_calibration_comes_with_every_picture(ros: Ros) -> None:
    infos, seen = ros.listen(CameraInfo, "camera/camera_info", 50), look(ros, lambda _: None)
    ros.until("pictures", lambda: len(seen.stamps) > 10)
    ros.until("as many calibrations", lambda: len(infos.messages) >= len(seen.stamps))
    last = infos.last
    assert (last.width, last.height, last.distortion_model) == (WIDTH, HEIGHT, "plumb_bob")
    (fx, fy), (cx, cy) = FOCAL, CENTRE
    assert list(last.k) == [fx, 0, cx, 0, fy, cy, 0, 0, 1]
    assert list(last.d) == DISTORTION
    assert list(last.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert last.p[3] == last.p[7] == last.p[11] == 0.0 and last.p[0] > 0 and last.p[5] > 0
    assert last.header.frame_id == FRAME
    stamps = {seconds(each.header.stamp) for each in infos.messages}
    assert set(seen.stamps) <= stamps, "image_proc matches them by stamp"


CALIBRATION = """
image_width: 1280
image_height: 720
camera_name: mine
camera_matrix: {rows: 3, cols: 3, data: [800, 0, 640, 0, 801, 360, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.3, 0.1, 0.001, -0.002, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [700, 0, 641, 0, 0, 701, 361, 0, 0, 0, 1, 0]}
"""


@pytest.mark.usefixtures("sim")
def test_a_calibration_of_the_users(world: World, ros: Ros, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(CALIBRATION)
    world.bridge("-p", f"camera_info_url:={file.as_uri()}")
    ros.live()
    info = ros.hear(CameraInfo, "camera/camera_info")
    assert list(info.k) == [800, 0, 640, 0, 801, 360, 0, 0, 1]
    assert list(info.d) == [-0.3, 0.1, 0.001, -0.002, 0]
    assert list(info.p) == [700, 0, 641, 0, 0, 701, 361, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("url", ["mine.yaml", "file:///no/such/file.yaml"])
def test_a_calibration_that_is_not_there_ends_it_with_the_reason(world: World, url: str) -> None:
    bridge = world.bridge("-p", f"camera_info_url:={url}")
    assert bridge.wait() != 0
    assert "camera_info_url" in bridge.output() and url.removeprefix("file://") in bridge.output()


# --- JPEG -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bridge")
def test_the_jpegs_are_the_same_pictures(ros: Ros) -> None:
    images, jpegs = ros.listen(Image, "camera/image_raw"), Heard()
    ros.node.create_subscription(CompressedImage, "camera/image_raw/compressed", jpegs.hear, 10)
    ros.until("some of both", lambda: min(len(images.messages), len(jpegs.messages)) >= 5)
    by_stamp = {seconds(each.header.stamp): each for each in images.messages}
    pairs = [(by_stamp[at], each) for each in jpegs.messages if (at := seconds(each.header.stamp)) in by_stamp]
    assert len(pairs) >= 4
    for image, jpeg in pairs:
        assert jpeg.format.startswith("jpeg") or "jpeg" in jpeg.format
        assert jpeg.header.frame_id == FRAME
        assert jpeg_size(bytes(jpeg.data)) == (WIDTH, HEIGHT)
        pixels = decode_jpeg(jpeg.data)
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert read_counter(grey(pixels)) == counter(image) is not None
        # Black is black in both, and the colours are the same, but for what compression takes.
        apart = np.abs(pixels.astype(int) - rgb(image)).mean(axis=(0, 1))
        assert apart.max() < 6, apart


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height in a JPEG's header."""
    assert data.startswith(b"\xff\xd8") and data.rstrip(b"\0").endswith(b"\xff\xd9")
    frame = re.search(rb"\xff[\xc0-\xc2]..\x08(..)(..)", data, re.DOTALL)
    assert frame
    return int.from_bytes(frame[2], "big"), int.from_bytes(frame[1], "big")


@pytest.mark.usefixtures("bridge")
def test_the_quality_of_jpegs_can_be_changed(ros: Ros) -> None:
    jpegs = ros.listen(CompressedImage, "camera/image_raw/compressed")

    def size(quality: float) -> float:
        assert ros.set_parameter("jpeg_quality", quality).successful
        ros.spin_for(0.5)
        jpegs.clear()
        ros.until("JPEGs", lambda: len(jpegs.messages) >= 3)
        return float(np.mean([len(each.data) for each in jpegs.messages]))

    assert size(95.0) > 1.5 * size(30.0)


# --- H.264 ----------------------------------------------------------------------------------------------------------


def check_stream(messages: list[Any]) -> list[Pixels]:
    """Whether messages are a stream that can be decoded from the first one on, and the brightness of its pictures.

    Each is one access unit: whole, and after the one that it refers to.
    """
    decoder, pictures = VideoDecoder(), []
    last = most = 0
    for i, message in enumerate(messages):
        assert message.format == "h264" and message.frame_id == FRAME
        stream = bytes(message.data)
        assert stream.startswith(b"\0\0\0\1") or stream.startswith(b"\0\0\1")
        units = kinds(stream)
        slices = [unit for unit in units if unit in (SLICE, IDR)]
        assert len(set(slices)) == 1, units
        if IDR in slices:
            assert units[:3] == [SPS, PPS, IDR]
        assert i > 0 or IDR in slices, "nothing can be decoded before a keyframe"
        number, most = frame_number(stream, most)
        assert number == (0 if IDR in slices else (last + 1) % most), "what it refers to did not come"
        last = number
        (frame,) = decoder.decode(stream)
        assert not frame.is_corrupt, "part of it did not come"
        plane = frame.planes[0]
        samples = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        pictures.append(samples[:, : plane.width].copy())
    return pictures


@pytest.mark.usefixtures("bridge")
def test_the_video_is_one_access_unit_a_message(ros: Ros) -> None:
    video = ros.listen(CompressedVideo, "camera/video", 50)
    ros.until("more than a group of pictures", lambda: len(video.messages) > 45)
    pictures = check_stream(video.messages)
    assert sum(IDR in kinds(each.data) for each in video.messages) >= 2
    assert gapless([read_counter(each) for each in pictures])
    stamps = [seconds(each.timestamp) for each in video.messages]
    assert (np.diff(stamps) > 0).all()


def test_the_video_in_slices(world: World, ros: Ros) -> None:
    world.sim("--video-slice-bytes", "1100", "--video-no-stap", "--video-reorder", "0.05", "--video-duplicate", "0.05")
    world.bridge()
    ros.live()
    video = ros.listen(CompressedVideo, "camera/video", 50)
    ros.until("more than a group of pictures", lambda: len(video.messages) > 45)
    assert gapless([read_counter(each) for each in check_stream(video.messages)])


def test_thirty_pictures_a_second(world: World, ros: Ros) -> None:
    world.sim("--video-fps", "30")
    world.bridge()
    ros.live()
    video = ros.listen(CompressedVideo, "camera/video", 100)
    ros.until("two seconds", lambda: len(video.messages) > 60)
    stamps = np.array([seconds(each.timestamp) for each in video.messages])
    assert np.median(np.diff(stamps)) == pytest.approx(1 / 30, rel=0.1)
    assert gapless([read_counter(each) for each in check_stream(video.messages)])


# --- Loss -----------------------------------------------------------------------------------------------------------


def test_no_damaged_picture_is_published(world: World, ros: Ros) -> None:
    sim = world.sim("--video-loss", "0.01", "--video-idr-every", "0.5", "--video-kbps", "1600", "--log-sent")
    world.bridge("-p", "camera_encoding:=yuv422_yuy2")
    ros.live()
    # Standing still, what is lost would hardly be seen.
    turn(ros, 1.0)
    video = ros.listen(CompressedVideo, "camera/video", 100)
    seen = look(ros, lambda message: (counter(message), brightness(message)))
    ros.until("pictures enough", lambda: len(seen.facts) >= 40, limit=60.0)
    last = max(seen.stamps)
    ros.until("their video", lambda: seconds(video.last.timestamp) >= last)

    sent = {entry["counter"] for entry in sim.entries("frame")}
    numbers = [number for number, _ in seen.facts]
    assert None not in numbers and set(numbers) <= sent, "a number that is not the robot's"
    assert (np.diff(numbers) > 0).all()
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert lost > 0, "nothing was lost, so nothing was tested"
    # Another decoder makes the same pictures of the same stream, in which nothing is missing.
    by_stamp = dict(
        zip([seconds(each.timestamp) for each in video.messages], check_stream(video.messages), strict=True)
    )
    compared = 0
    for stamp, (number, picture) in zip(seen.stamps, seen.facts, strict=True):
        if (other := by_stamp.get(stamp)) is None:
            continue
        compared += 1
        assert read_counter(other) == number
        # What a stream decodes to is laid down to the last bit.
        assert (other[::4, ::4] == picture).all()
    assert compared >= 30


def brightness(message: Any) -> Pixels:
    """Every fourth pixel's brightness in a picture of YUYV, as it was coded."""
    samples = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 2)
    return samples[::4, ::4, 0].copy()


def test_pictures_keep_coming_for_as_long_as_packets_are_lost(world: World, ros: Ros) -> None:
    world.sim("--video-loss", "0.02")
    world.bridge()
    ros.live()
    seen = look(ros)
    ros.until("a picture", lambda: seen.facts)
    start = len(seen.facts)
    ros.spin_for(10.0)
    assert len(seen.facts) - start >= 3
    assert None not in seen.facts


# --- On and off -----------------------------------------------------------------------------------------------------


def switched(sim: Sim) -> list[bool]:
    """How the robot's video was switched."""
    return [entry["on"] for entry in sim.entries("video")]


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("camera/image_raw", Image),
        ("camera/camera_info", CameraInfo),
        ("camera/image_raw/compressed", CompressedImage),
        ("camera/video", CompressedVideo),
    ],
)
def test_the_video_is_on_while_somebody_looks(world: World, ros: Ros, topic: str, kind: Any) -> None:
    sim = world.sim("--log-sent")
    world.bridge()
    ros.live()
    ros.spin_for(1.0)
    assert True not in switched(sim) and not sim.entries("frame")
    heard = ros.listen(kind, topic)
    ros.until("a message", lambda: heard.messages)
    assert switched(sim)[-1] is True
    ros.leave(heard)
    ros.until("the video to be off", lambda: not switched(sim)[-1], limit=LINGER + 10)
    ros.spin_for(0.5)
    frames = len(sim.entries("frame"))
    ros.spin_for(1.0)
    assert len(sim.entries("frame")) == frames
    again = ros.listen(kind, topic)
    ros.until("a message again", lambda: again.messages)


def test_whoever_comes_back_soon_finds_the_video_on(world: World, ros: Ros) -> None:
    sim = world.sim()
    world.bridge()
    ros.live()
    first = ros.listen(CompressedVideo, "camera/video")
    ros.until("a picture", lambda: first.messages)
    ros.leave(first)
    ros.spin_for(1.0)
    second = ros.listen(CompressedVideo, "camera/video")
    ros.until("a picture", lambda: second.messages)
    ros.spin_for(LINGER + 1)
    assert False not in switched(sim)[switched(sim).index(True) :]


# --- The still picture ----------------------------------------------------------------------------------------------


def test_a_snapshot(world: World, ros: Ros) -> None:
    sim = world.sim()
    world.bridge()
    ros.live()
    success, message = ros.trigger("snapshot")
    assert success and "JPEG" in message
    # It is kept for who comes late, and the next one takes its place.
    late = ros.hear(CompressedImage, "camera/snapshot", LATCHED)
    assert late.format == "jpeg" and late.header.frame_id == FRAME
    assert jpeg_size(bytes(late.data)) == decode_jpeg(late.data).shape[1::-1] == (WIDTH, HEIGHT)
    assert str(len(late.data)) in message
    assert ros.trigger("snapshot")[0]
    second = ros.hear(CompressedImage, "camera/snapshot", LATCHED)
    assert seconds(second.header.stamp) > seconds(late.header.stamp)
    assert True not in switched(sim), "the video is another matter"
