"""What the robot sees: the LiDAR's voxels, still pictures, video."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from go2_lidar import BAD, EXAMPLE, EXAMPLE_ORIGIN, RESOLUTION, SIZE, TOPIC, WIDTH
from readers import decode_block, occupied, picture_number
from robot_client import Client, RobotProcess, split_frame, with_robot


def turn(client: Client, data: Any) -> None:
    client.send({"type": "msg", "topic": "rt/utlidar/switch", "data": data})


def save_traffic(client: Client, on: bool) -> None:
    instruction = {"req_type": "disable_traffic_saving", "instruction": "off" if on else "on"}
    client.send({"type": "rtc_inner_req", "topic": "", "data": instruction})


def subscribe(client: Client, topic: str = TOPIC) -> None:
    client.send({"type": "subscribe", "topic": topic})


async def ready_for_voxels(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    save_traffic(client, False)
    subscribe(client)


def binaries(client: Client) -> list[bytes]:
    return [m for m in client.log.items if isinstance(m, bytes)]


async def more_binaries(client: Client, count: int) -> list[bytes]:
    """The first so many of them, once they are there."""
    await client.log.wait(lambda _: len(binaries(client)) >= count)
    return binaries(client)[:count]


def check_frame(frame: bytes) -> None:
    """Decodes a good frame and compares some of its voxels with the world."""
    head, block = split_frame(frame)
    data = head["data"]
    assert head["type"] == "msg" and head["topic"] == TOPIC and data["frame_id"] == "odom"
    assert (data["resolution"], data["width"], data["src_size"]) == (RESOLUTION, list(WIDTH), SIZE)
    bits = decode_block(block)
    assert len(bits) == SIZE
    first = [round((at + RESOLUTION / 2) / RESOLUTION) for at in data["origin"]]
    for z, y in [(k, j) for k in range(38) for j in range(k % 8, 128, 8)]:
        row = int.from_bytes(bits[z * 2048 + y * 16 :][:16], "big")
        for x in range(128):
            there = occupied(first[0] + x, first[1] + y, first[2] + z)
            assert row >> 127 - x & 1 == there, (x, y, z, data["origin"])


def check_example(frame: bytes) -> None:
    head, block = split_frame(frame)
    assert head["data"]["origin"] == list(EXAMPLE_ORIGIN)
    bits = decode_block(block)
    places = ((i, b) for i, byte in enumerate(bits) for b in range(8) if byte << b & 0x80)
    assert {(i % 16 * 8 + b, i % 2048 // 16, i // 2048) for i, b in places} == EXAMPLE


@pytest.mark.parametrize("framing", ["marker2", "normal"])
def test_voxels_show_the_world_around_the_robot(framing: str) -> None:
    @with_robot("--lidar-framing", framing)
    async def run(robot: RobotProcess, client: Client) -> None:
        await ready_for_voxels(robot, client)
        turn(client, "on")
        assert (await robot.event("lidar_ignored"))["data"] == "on"
        turn(client, "ON")
        assert await robot.event("lidar", on=True, by="client")
        frames = await more_binaries(client, 8)
        assert all((frame[:2] == b"\2\0") is (framing == "marker2") for frame in frames)
        check_example(frames[0])
        check_frame(frames[1])
        check_frame(frames[7])
        heads = [split_frame(frame)[0]["data"] for frame in frames]
        assert heads[7]["origin"] != heads[1]["origin"], "the robot walks"
        await robot.event("voxel_frame", seq=7)
        events = [e for e in robot.log.items if e["event"] == "voxel_frame"][:8]
        assert [e["seq"] for e in events] == list(range(8))
        assert [e["origin"] for e in events] == [head["origin"] for head in heads[:8]]
        assert [e["bytes"] for e in events] == [len(split_frame(f)[1]) for f in frames[:8]]
        assert events[0]["voxels"] == 3 and 30_000 < events[1]["voxels"] < 42_000
        stamps = [head["stamp"] for head in heads]
        assert stamps == sorted(stamps) and abs(stamps[-1] - time.time()) < 5
        assert not robot.errors()

    run()


@with_robot("--lidar-ignores", "0", "--lidar-hz", "20")
async def test_voxels_need_three_things(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    changes: dict[str, Callable[[bool], None]] = {
        "switch": lambda yes: turn(client, "on" if yes else "OFF"),
        "subscription": lambda yes: client.send({"type": "subscribe" if yes else "unsubscribe", "topic": TOPIC}),
        "full traffic": lambda yes: save_traffic(client, not yes),
    }
    for change in changes.values():
        change(True)
    await client.log.wait(lambda m: isinstance(m, bytes))
    for what, change in changes.items():
        change(False)
        # The messages are in order: after an answer of now, what was under way has come.
        await quiet(robot, client)
        before = len(binaries(client))
        await asyncio.sleep(0.3)
        assert len(binaries(client)) == before, what
        change(True)
        await more_binaries(client, before + 1)
    turn(client, {"data": "on"})
    turn(client, "On")
    await robot.event("error", what="lidar", detail="switch 'On'")
    assert len(robot.errors()) == 2


async def quiet(robot: RobotProcess, client: Client) -> None:
    before = len(client.log.items)
    client.send({"type": "heartbeat", "topic": "", "data": {}})
    await client.message("heartbeat", before)


@with_robot("--lidar-stops-after", "0.5", "--lidar-ignores", "3")
async def test_lidar_that_stops_by_itself(robot: RobotProcess, client: Client) -> None:
    await ready_for_voxels(robot, client)
    for data in ("on", "off", "on"):
        turn(client, data)
    for _ in range(2):
        start, before = len(robot.log.items), len(binaries(client))
        turn(client, "on")
        await robot.event("lidar", start, on=True, by="client")
        await robot.event("lidar", start, on=False, by="itself")
        await quiet(robot, client)
        assert len(binaries(client)) > before
    ignored = [e["data"] for e in robot.log.items if e["event"] == "lidar_ignored"]
    assert ignored == ["on", "off", "on"]


@with_robot("--bad-voxels", "--lidar-ignores", "0", "--lidar-hz", "15")
async def test_bad_frames_between_good_ones(robot: RobotProcess, client: Client) -> None:
    await ready_for_voxels(robot, client)
    turn(client, "on")
    wanted = 2 * len(BAD)
    frames = await more_binaries(client, wanted)
    await robot.event("bad_voxel_frame", seq=len(BAD) - 1)
    events = [e for e in robot.log.items if e["event"] in ("voxel_frame", "bad_voxel_frame")]
    assert [e["event"] for e in events[:4]] == ["voxel_frame", "bad_voxel_frame"] * 2
    assert [e["what"] for e in events[1:wanted:2]] == [what for what, _, _ in BAD]
    assert [e["seq"] for e in events[:wanted]] == [i // 2 for i in range(wanted)]
    check_example(frames[0])
    for frame in frames[2::8]:
        check_frame(frame)
    for frame in frames[1::2]:
        head, _ = split_frame(frame)  # of the right framing, and JSON
        assert head["topic"] == TOPIC
    assert not robot.errors()


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_stamps_that_come_again(firmware: str) -> None:
    @with_robot("--firmware", firmware, "--lidar-ignores", "0", "--lidar-hz", "25")
    async def run(robot: RobotProcess, client: Client) -> None:
        await ready_for_voxels(robot, client)
        turn(client, "on")
        stamps = [split_frame(f)[0]["data"]["stamp"] for f in await more_binaries(client, 21)]
        if firmware == "old":
            assert len(set(stamps)) == 1
        else:
            assert stamps[19] == stamps[0] and len(set(stamps)) == 20

    run()


def ask_for_photo(client: Client, number: int, api_id: int = 1001, kind: str = "req") -> None:
    header = {"identity": {"id": number, "api_id": api_id}}
    data = {"header": header, "parameter": ""}
    client.send({"type": kind, "topic": "rt/api/videohub/request", "data": data})


def pieces(client: Client, number: int) -> list[tuple[dict[str, Any], bytes]]:
    """What the heads of an answer say of the content, and the bytes."""
    found = []
    for head, payload in map(split_frame, binaries(client)):
        if head["data"]["header"]["identity"] == {"id": number, "api_id": 1001}:
            assert head["type"] == "res" and head["topic"] == "rt/api/videohub/response"
            found.append((head["data"]["content_info"], payload))
    return found


@with_robot("--sport-hz", "100")
async def test_a_photo_comes_in_pieces(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    subscribe(client, "rt/lf/sportmodestate")
    ask_for_photo(client, 1)
    ask_for_photo(client, 2)
    frames = await more_binaries(client, 12)
    assert all(frame[2:5] == b"\0\0{" and len(frame) < 17_000 for frame in frames)
    for number in (1, 2):
        got = pieces(client, number)
        assert [info["chunk_index"] for info, _ in got] == [1, 2, 3, 4, 5, 6]
        assert all(info["total_chunk_num"] == 6 and info["enable_chunking"] for info, _ in got)
        whole = b"".join(payload for _, payload in got)
        assert whole[:2] == b"\xff\xd8" and whole[-2:] == b"\xff\xd9" and len(whole) == 90_001
        assert all(whole[i] == (7 * i + (i >> 8)) % 251 for i in range(2, 90_001 - 2))
    kinds = [isinstance(m, bytes) for m in client.log.items]
    first, last = kinds.index(True), len(kinds) - kinds[::-1].index(True)
    assert not all(kinds[first:last]), "other messages come in between"

    ask_for_photo(client, 3, api_id=1002)
    response = await client.message("res")
    assert response["data"]["header"]["status"]["code"] == 3203
    ask_for_photo(client, 4, kind="msg")
    assert not (await robot.event("request", id=4))["answered"]
    await quiet(robot, client)
    assert len(binaries(client)) == 12


@pytest.mark.parametrize("lost", [1, 3, 6])
def test_a_photo_that_loses_a_piece(lost: int) -> None:
    which = [str(lost)] if lost != 3 else []  # which is the default

    @with_robot("--snapshot-loses-chunk", *which)
    async def run(robot: RobotProcess, client: Client) -> None:
        await client.connect(robot)
        await client.validated()
        ask_for_photo(client, 7)
        sent = await robot.event("photo_sent")
        assert (sent["bytes"], sent["chunks"], sent["lost"]) == (90_001, 6, lost)
        await quiet(robot, client)
        indices = [info["chunk_index"] for info, _ in pieces(client, 7)]
        assert indices == [i for i in range(1, 7) if i != lost]

    run()


async def viewer_of(robot: RobotProcess, client: Client) -> Client:
    """Another client, one that takes video."""
    await client.close()
    viewer = Client(media=True)
    await viewer.connect(robot)
    await viewer.validated()
    return viewer


def video(client: Client, data: str) -> None:
    client.send({"type": "vid", "topic": "", "data": data})


async def more_pictures(client: Client, count: int) -> None:
    await client.frames.wait(lambda _: len(client.frames.items) >= count)


def sent(robot: RobotProcess) -> list[dict[str, Any]]:
    return [e for e in robot.log.items if e["event"] == "frame"]


@with_robot("--video", "640x360@15", "--idr-every", "1")
async def test_pictures_count_themselves(robot: RobotProcess, client: Client) -> None:
    viewer = await viewer_of(robot, client)
    for _ in range(2):
        before, start = len(viewer.frames.items), len(robot.log.items)
        assert before > 0 or not sent(robot), "nothing comes before it is turned on"
        video(viewer, "on")
        await more_pictures(viewer, before + 20)
        video(viewer, "off")
        await robot.event("rx", start, msg={"type": "vid", "topic": "", "data": "off"})
        await quiet(robot, viewer)
    numbers = [picture_number(frame) for frame in viewer.frames.items]
    await robot.event("frame", counter=numbers[-1])
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "across the pause too"
    assert (numbers[0] & 0xFFFF0000) == 0xA5C30000
    frames = sent(robot)
    keyframes = [e["counter"] for e in frames if e["keyframe"]]
    assert not frames[0]["keyframe"] and numbers[0] == keyframes[0]
    assert keyframes[1] - keyframes[0] == 15
    assert [e["counter"] for e in frames] == [frames[0]["counter"] + i for i in range(len(frames))]
    times = {e["counter"]: e["pts"] for e in frames}
    assert all(times[n + 1] > times[n] and times[n] % 6000 == 0 for n in numbers[:-1])
    shown = {n: f.pts for n, f in zip(numbers, viewer.frames.items, strict=True)}
    first = numbers[0]
    assert all((shown[n] - shown[first]) % 2**32 == times[n] - times[first] for n in numbers)
    assert not robot.errors()
    await viewer.close()


@pytest.mark.parametrize("pli", ["ignore", "heed"])
def test_a_keyframe_on_request(pli: str) -> None:
    @with_robot("--video", "640x360@15", "--idr-every", "600", "--pli", pli)
    async def run(robot: RobotProcess, client: Client) -> None:
        viewer = await viewer_of(robot, client)
        video(viewer, "on")
        # aiortc's own receiver asks when it cannot decode.
        assert (await robot.event("pli"))["heeded"] is (pli == "heed")
        seen = len(sent(robot))
        await robot.log.wait(lambda _: len(sent(robot)) >= seen + 10)
        assert not sent(robot)[0]["keyframe"]
        if pli == "heed":
            shown = picture_number(await viewer.frames.wait(lambda _: True))
            assert shown in [e["counter"] for e in sent(robot) if e["keyframe"]]
        else:
            assert not viewer.frames.items
            assert not any(e["keyframe"] for e in sent(robot))
        await viewer.close()

    run()
