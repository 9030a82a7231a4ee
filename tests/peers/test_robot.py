"""The robot as a process, driven by a client that knows nothing of its insides."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import struct
import time
from typing import Any

import pytest

from go2_crypto import path_digits
from robot_client import Client, HttpStatus, RobotProcess, exchange, http, notify, with_robot

DEVICE_KEY = "00112233445566778899aabbccddeeff"
STREAMS = ("rt/lf/lowstate", "rt/lf/sportmodestate", "rt/utlidar/robot_pose")
STREAMS += ("rt/utlidar/lidar_state", "rt/multiplestate")


def subscribe(client: Client, *topics: str) -> None:
    for topic in topics:
        client.send({"type": "subscribe", "topic": topic})


def heartbeat(client: Client) -> dict[str, Any]:
    now = time.time()
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    message = {"type": "heartbeat", "topic": "", "data": {"timeInStr": text, "timeInNum": int(now)}}
    client.send(message)
    return message


def request(client: Client, number: int, api_id: int, parameter: Any = "", kind: str = "req") -> None:
    header = {"identity": {"id": number, "api_id": api_id}}
    data = {"header": header, "parameter": parameter}
    client.send({"type": kind, "topic": "rt/api/sport/request", "data": data})


GENERATIONS = {
    "plain": ["--generation", "plain"],
    "absent": ["--generation", "absent", "--bind", "127.0.0.9", "--no-content-length"],
    "1": ["--generation", "1", "--rsa-bits", "3072"],
    "2": ["--generation", "2", "--no-content-length"],
    "3": ["--generation", "3", "--key", DEVICE_KEY],
    "3 under the static key": ["--generation", "3", "--static-under-3"],
}


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS.keys())
def test_every_generation_up_to_state(options: list[str]) -> None:
    @with_robot(*options, "--low-hz", "10")
    async def run(robot: RobotProcess, client: Client) -> None:
        plain = robot.listening["generation"] == "plain"
        assert (robot.listening["port_9991"] is None) is plain
        if "--key" in options:
            await client.connect(robot, bytes.fromhex(DEVICE_KEY))
        else:
            await client.connect(robot)
        await client.validated()
        subscribe(client, "rt/lf/lowstate")
        state = await client.message("msg", topic="rt/lf/lowstate")
        assert len(state["data"]["motor_state"]) == 20
        assert not client.acked.is_set()
        assert (await robot.event("offer_facts"))["mids"] == ["0"]
        assert not robot.errors()

    run()


@with_robot("--generation", "2")
async def test_http_side(robot: RobotProcess, client: Client) -> None:
    assert len(await notify(robot, method="GET")) > 300
    for path in ("/", "/con_ing_x", "/offer"):
        with pytest.raises(HttpStatus, match="404"):
            await http(robot, "POST", path)
    text = await notify(robot)
    with pytest.raises(HttpStatus, match="400"):
        body = json.dumps({"data1": "AAAA", "data2": base64.b64encode(bytes(256)).decode()})
        await http(robot, "POST", f"/con_ing_{path_digits(text)}", body)
    # A bare probe of the port is no error.
    _, writer = await asyncio.open_connection(robot.host, robot.port)
    writer.close()
    await client.connect(robot)
    await client.validated()
    assert not robot.errors()


@with_robot(
    *("--fail", "notify:429*1"),
    *("--fail", "notify:garbage*1"),
    *("--fail", "ing:504*1"),
    *("--fail", "ing:403*1"),
    *("--fail", "ing:reject*1"),
    *("--fail", "ing:truncated*1"),
    *("--fail", "ing:garbage*1"),
)
async def test_failures_on_request_and_then_success(robot: RobotProcess, client: Client) -> None:
    offer = await client.offer()
    with pytest.raises(HttpStatus, match="429"):
        await notify(robot)
    with pytest.raises(ValueError):
        await notify(robot)
    for status in ("504", "403"):
        with pytest.raises(HttpStatus, match=status):
            await exchange(robot, offer)
    assert await exchange(robot, offer) == "reject"
    truncated = await exchange(robot, offer)
    assert truncated.startswith("v=0") and "a=sctp-port" not in truncated
    with pytest.raises(ValueError):
        await exchange(robot, offer)
    # The garbled answer took the slot for good, as it would on the robot.
    assert await exchange(robot, offer) == "reject"
    await robot.event("busy")


@with_robot("--generation", "plain", "--fail", "offer:429*1")
async def test_one_client_at_a_time(robot: RobotProcess, client: Client) -> None:
    assert await http(robot, "HEAD", "/") == ""
    with pytest.raises(HttpStatus, match="429"):
        await exchange(robot, await client.offer())
    await client.take(await exchange(robot, await client.offer()))
    await client.validated()
    second = Client()
    offer = await second.offer()
    assert await exchange(robot, offer) == "reject"
    await client.close()
    closed = await robot.event("closed")
    assert closed["validated"] and closed["after_s"] < 5
    await second.take(await exchange(robot, offer))
    await second.validated()
    await second.close()


@with_robot("--busy", "429")
async def test_busy_as_a_status(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    with pytest.raises(HttpStatus, match="429"):
        await exchange(robot, await client.offer())


@with_robot("--dcep-ack", "--old-sctp-form")
async def test_the_switches_of_the_channel(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await asyncio.wait_for(client.acked.wait(), 5)
    assert "DTLS/SCTP 5000" in client.answer_sdp
    await client.validated()
    assert (await robot.event("channel"))["label"] == "data"


@with_robot("--lost-after", "1.5")
async def test_several_fingerprints_lead_nowhere(robot: RobotProcess, client: Client) -> None:
    """What aiortc offers by itself: sha-512 comes last, and the robot falls silent after DTLS."""
    await client.take(await exchange(robot, await client.offer(one_fingerprint=False)))
    mismatch = await robot.event("fingerprint_mismatch")
    assert len(mismatch["expected"]) > len(mismatch["actual"])
    assert (await robot.event("offer_warning"))["detail"].startswith("several")
    closed = await robot.event("closed")
    assert closed["reason"] == "never opened a channel" and not client.log.items


@with_robot("--lost-after", "1.5")
async def test_fingerprint_case_matters(robot: RobotProcess, client: Client) -> None:
    lines = (await client.offer()).split("\r\n")
    head = "a=fingerprint:sha-256 "
    lines = [head + x[len(head) :].lower() if x.startswith(head) else x for x in lines]
    await client.take(await exchange(robot, "\r\n".join(lines)))
    mismatch = await robot.event("fingerprint_mismatch")
    assert mismatch["expected"].upper() == mismatch["actual"]


@with_robot()
async def test_validation_comes_first(robot: RobotProcess, client: Client) -> None:
    client.validate = False
    await client.connect(robot)
    challenge = await client.message("validation")
    assert len(challenge["data"]) == 16
    for wrong in ("early", "wrong"):
        before = len(client.log.items)
        if wrong == "early":
            subscribe(client, "rt/lf/sportmodestate")
        else:
            client.send_validation("AAAA")
        await client.message("err", before, info="Validation Needed.")
        await robot.event("validation_needed", why=wrong)
    client.validate = True
    client._challenged(challenge["data"])
    await client.validated()
    subscribe(client, "rt/utlidar/robot_pose")
    await client.message("msg", topic="rt/utlidar/robot_pose")
    topics = {m.get("topic") for m in client.log.items if m["type"] == "msg"}
    assert topics == {"rt/utlidar/robot_pose"}  # the early subscription was not executed


@with_robot("--validation", "twice", "--fault", "400:10", "--fault", "300:100")
async def test_validation_twice_and_faults(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    challenge = await client.message("validation")
    await client.message("err", info="Validation Needed.")
    client._challenged(challenge["data"])
    await client.validated()
    faults = (await client.message("errors"))["data"]
    assert [f[1:] for f in faults] == [[400, 0x10], [300, 0x100]]
    kinds = [m["type"] for m in client.log.items[:4]]
    assert kinds == ["validation", "err", "validation", "errors"]


@pytest.mark.parametrize("how", ["refuse", "silent"])
def test_validation_denied(how: str) -> None:
    @with_robot("--validation", how)
    async def run(robot: RobotProcess, client: Client) -> None:
        await client.connect(robot)
        assert (await robot.event("rx"))["msg"]["type"] == "validation"
        heartbeat(client)
        await robot.event("validation_needed", why="early")
        await client.message("err", info="Validation Needed.")
        # With `silent` only the heartbeat is refused, the answer to the challenge goes unheard.
        why = [e["why"] for e in robot.log.items if e["event"] == "validation_needed"]
        assert why == (["refused", "early"] if how == "refuse" else ["early"])
        assert not [m for m in client.log.items if m.get("data") == "Validation Ok."]

    run()


@with_robot("--low-hz", "20", "--sport-hz", "40", "--pose-hz", "30", "--rtt-every", "0.3")
async def test_streams(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    client.send(
        {
            "type": "rtc_inner_req",
            "topic": "",
            "data": {"req_type": "disable_traffic_saving", "instruction": "on"},
        }
    )
    info = (await client.message("rtc_inner_req", info=_saving_off()))["info"]
    assert info["execution"] == "ok"
    subscribe(client, *STREAMS)
    for topic in STREAMS:
        await client.message("msg", topic=topic)
    first = await client.message("msg", topic="rt/utlidar/robot_pose")
    start = len(client.log.items)
    await client.log.wait(lambda _: len(client.log.items) > start + 30)
    poses = [m for m in client.log.items if m.get("topic") == "rt/utlidar/robot_pose"]
    assert poses[-1]["data"]["pose"]["position"] != first["data"]["pose"]["position"]
    stamps = [p["data"]["header"]["stamp"] for p in poses]
    assert stamps == sorted(stamps, key=lambda s: (s["sec"], s["nanosec"]))
    sport = (await client.message("msg", topic="rt/lf/sportmodestate"))["data"]
    assert sport["mode"] == 0 and sport["error_code"] == 1015
    state = (await client.message("msg", topic="rt/multiplestate"))["data"]
    assert isinstance(state, str) and "volume" in json.loads(state)

    for topic in STREAMS:
        client.send({"type": "unsubscribe", "topic": topic})
    await robot.event("unsubscribed", topic=STREAMS[-1])
    beat = heartbeat(client)
    assert (await client.message("heartbeat")) == beat
    quiet = len(client.log.items)
    probe = await client.message("rtc_inner_req", quiet)
    client.send({"type": "rtc_inner_req", "topic": "", "data": probe["info"]})
    assert (await robot.event("rtt_echo"))["unchanged"]
    assert {m["type"] for m in client.log.items[quiet:]} == {"rtc_inner_req"}
    assert not robot.errors()


def _saving_off() -> dict[str, str]:
    return {"req_type": "disable_traffic_saving", "execution": "ok"}


@with_robot("--firmware", "old")
async def test_old_firmware(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    subscribe(client, *STREAMS)
    sport = (await client.message("msg", topic="rt/lf/sportmodestate"))["data"]
    assert sport["mode"] == 3 and sport["error_code"] == 0 and any(sport["foot_position_body"])
    state = (await client.message("msg", topic="rt/multiplestate"))["data"]
    assert "bodyHeight" in json.loads(state)


@with_robot()
async def test_requests(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    move = json.dumps({"x": 0.3, "y": 0, "z": -0.1})
    cases: list[tuple[int, int, Any, int]]
    cases = [(7, 1008, move, 0), (8, 1002, "", 0), (9, 1011, '{"data":1}', 3203)]
    cases += [(10, 1008, '{"x":1}', 3204), (11, 1008, {"x": 0, "y": 0, "z": 0}, 3204)]
    for number, api_id, parameter, code in cases:
        request(client, number, api_id, parameter)
        header = {"identity": {"id": number, "api_id": api_id}, "status": {"code": code}}
        response = await client.message("res", data={"header": header, "data": ""})
        assert response["topic"] == "rt/api/sport/response"
    seen = await robot.event("request", id=7)
    assert seen["parameter"] == {"x": 0.3, "y": 0, "z": -0.1} and seen["id_ok"]
    assert not (await robot.event("request", id=11))["parameter_ok"]

    request(client, 20, 1003, kind="msg")
    request(client, 2**31, 1003)
    assert not (await robot.event("request", id=20))["answered"]
    assert not (await robot.event("request", id=2**31))["id_ok"]
    await client.log.wait(lambda m: m["type"] == "res" and _id(m) == 2**31)
    assert 20 not in [_id(m) for m in client.log.items if m["type"] == "res"]

    header = {"identity": {"id": 30, "api_id": 1001}, "policy": {"priority": 1}}
    topic = "rt/api/motion_switcher/request"
    client.send({"type": "req", "topic": topic, "data": {"header": header, "parameter": "{}"}})
    reply = await client.log.wait(lambda m: m["type"] == "res" and _id(m) == 30)
    assert json.loads(reply["data"]["data"])["name"] == "mcf"
    assert (await robot.event("request", id=30))["priority"] == 1


def _id(message: dict[str, Any]) -> int:
    number: int = message["data"]["header"]["identity"]["id"]
    return number


@with_robot("--move-res", "no")
async def test_move_without_a_response(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    request(client, 1, 1008, '{"x":0.1,"y":0,"z":0}')
    request(client, 2, 1003)
    await client.log.wait(lambda m: m["type"] == "res")
    assert [_id(m) for m in client.log.items if m["type"] == "res"] == [2]
    assert not (await robot.event("request", id=1))["answered"]


@pytest.mark.parametrize("size", [100_000, 250_000])
def test_big_message_and_life_after_it(size: int) -> None:
    @with_robot("--big", str(size))
    async def run(robot: RobotProcess, client: Client) -> None:
        await client.connect(robot)
        frame = await client.log.wait(lambda m: isinstance(m, bytes))
        length, marker = struct.unpack_from("<HH", frame)
        head, payload = json.loads(frame[4 : 4 + length]), frame[4 + length :]
        assert marker == 0 and head["topic"] == "rt/big" and len(payload) == size
        assert payload == bytes(i % 251 for i in range(size))
        after = len(client.log.items)
        subscribe(client, "rt/lf/sportmodestate")
        await client.log.wait(lambda _: len(client.log.items) > after + 5)

    run()


@with_robot("--video", "320x240@15")
async def test_video_on_request(robot: RobotProcess, client: Client) -> None:
    await client.close()
    viewer = Client(media=True)
    await viewer.connect(robot)
    facts = await robot.event("offer_facts")
    assert facts["kinds"] == ["audio", "video", "application"]
    lines = viewer.answer_sdp.split("\r\n")
    assert [x for x in lines if x.startswith("a=mid")] == ["a=mid:0", "a=mid:1", "a=mid:2"]
    assert "extmap" not in viewer.answer_sdp and "max-message-size" not in viewer.answer_sdp
    await viewer.validated()
    assert not viewer.frames.items
    viewer.send({"type": "vid", "topic": "", "data": "on"})
    await viewer.frames.wait(lambda _: len(viewer.frames.items) >= 5)
    assert (viewer.frames.items[0].width, viewer.frames.items[0].height) == (320, 240)
    viewer.send({"type": "vid", "topic": "", "data": "off"})
    await robot.event("rx", msg={"type": "vid", "topic": "", "data": "off"})
    assert not robot.errors()
    await viewer.close()


@with_robot("--heartbeat-timeout", "1")
async def test_no_heartbeat_no_link(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    began = time.monotonic()
    for _ in range(4):
        before = len(client.log.items)
        heartbeat(client)
        await client.message("heartbeat", before)
        await asyncio.sleep(0.4)
    assert time.monotonic() - began > 1.5 and client.pc.connectionState == "connected"
    assert (await robot.event("closed"))["reason"] == "no heartbeat"
    await _closed(client)


async def _closed(client: Client) -> None:
    closed = asyncio.Event()
    client.pc.on("connectionstatechange", closed.set)
    deadline = time.monotonic() + 5
    while client.pc.connectionState != "closed" and time.monotonic() < deadline:
        closed.clear()
        await asyncio.wait_for(closed.wait(), 5)


@with_robot()
async def test_goodbye_on_sigterm(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    robot.process.send_signal(signal.SIGTERM)
    assert (await robot.event("closed"))["reason"] == "robot shuts down"
    await robot.event("exit")
    await _closed(client)
    assert await robot.process.wait() == 0


@with_robot("--watch-stdin")
async def test_leaves_with_its_parent(robot: RobotProcess, client: Client) -> None:
    assert robot.process.stdin is not None
    robot.process.stdin.close()
    await robot.event("exit")
    assert await asyncio.wait_for(robot.process.wait(), 5) == 0


@with_robot("--kill-after", "0.5", "--rtt-every", "0.1")
async def test_killed(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    assert await asyncio.wait_for(robot.process.wait(), 5) == 9
    assert client.pc.connectionState == "connected"  # no goodbye was said
    assert [e["event"] for e in robot.log.items].count("closed") == 0


@with_robot("--mute-after", "0.4", "--heartbeat-timeout", "30")
async def test_muted(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    subscribe(client, "rt/lf/sportmodestate")
    await robot.event("muted")
    beat = heartbeat(client)
    await robot.event("rx", msg=beat)  # it still hears, so ICE, DTLS and SCTP live
    before = len(client.log.items)
    second = heartbeat(client) | {"again": True}
    client.send(second)
    await robot.event("rx", msg=second)
    assert all(m["type"] == "msg" for m in client.log.items[before:])
    assert not any(m["type"] == "heartbeat" for m in client.log.items)


@with_robot("--lost-after", "2.4")
async def test_client_that_vanishes(robot: RobotProcess, client: Client) -> None:
    await client.connect(robot)
    await client.validated()
    start = len(robot.log.items)
    began = time.monotonic()
    # The socket goes away without a word on any layer.
    assert client.pc.sctp is not None
    connection = client.pc.sctp.transport.transport._connection
    for protocol in connection._protocols:
        protocol.transport.abort()
    closed = await robot.event("closed", start)
    assert closed["reason"] == "ice lost" and 0.5 < time.monotonic() - began < 6
