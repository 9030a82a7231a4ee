"""A client as a user of aiortc would write it, and the robot as a child process; for the tests."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aioice.ice
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)

from go2_crypto import (
    STATIC_KEY,
    client_session_key,
    client_wrap,
    ecb_decrypt,
    ecb_encrypt,
    gcm_open,
    path_digits,
    validation_answer,
)

ROBOT = Path(__file__).with_name("aiortc_robot.py")
LIMIT_S = 10.0
Event = dict[str, Any]


class Log:
    """A growing list that can be waited on."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._grown = asyncio.Event()

    def add(self, item: Any) -> None:
        self.items.append(item)
        self._grown.set()

    async def wait(self, wanted: Callable[[Any], bool], start: int = 0) -> Any:
        """The first item from `start` on that is wanted, once it is there."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            for item in self.items[start:]:
                if wanted(item):
                    return item
            self._grown.clear()
            left = deadline - time.monotonic()
            try:
                await asyncio.wait_for(self._grown.wait(), max(left, 0.0))
            except asyncio.TimeoutError:
                raise AssertionError(f"not within {LIMIT_S} s: {self.items[-15:]}") from None


class RobotProcess:
    def __init__(self, *options: str) -> None:
        self._options = options
        self.log = Log()

    async def __aenter__(self) -> RobotProcess:
        ports = ("--port-9991", "0", "--port-8081", "0")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROBOT),
            *ports,
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.ensure_future(self._read())
        self.listening = await self.event("listening")
        self.host = self.listening["host"]
        self.port = self.listening["port_9991"] or self.listening["port_8081"]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self.process.wait(), LIMIT_S)
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.log.add(json.loads(line))

    async def event(self, name: str, start: int = 0, **fields: Any) -> Event:
        def wanted(item: Event) -> bool:
            return item["event"] == name and all(item.get(k) == v for k, v in fields.items())

        found: Event = await self.log.wait(wanted, start)
        return found

    def errors(self) -> list[Event]:
        return [e for e in self.log.items if e["event"] == "error"]


class HttpStatus(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


async def http(robot: RobotProcess, method: str, path: str, body: str = "") -> str:
    """One HTTP/1.0 exchange by hand, the response read to its end."""
    reader, writer = await asyncio.open_connection(robot.host, robot.port)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{method} {path} HTTP/1.0\r\n{length}\r\n{body}".encode())
    raw = await asyncio.wait_for(reader.read(), LIMIT_S)
    writer.close()
    head, _, content = raw.decode().partition("\r\n\r\n")
    status = int(head.split(" ")[1])
    if status != 200:
        raise HttpStatus(status)
    return content


async def notify(robot: RobotProcess, key: bytes = STATIC_KEY, method: str = "POST") -> str:
    """The notify text P, whichever way it is wrapped."""
    data = json.loads(base64.b64decode(await http(robot, method, "/con_notify")))
    if data.get("data2") in (None, 1):
        return str(data["data1"])
    return gcm_open(key, base64.b64decode(data["data1"])).decode()


async def exchange(robot: RobotProcess, offer: str, key: bytes = STATIC_KEY) -> str:
    """An offer SDP for an answer SDP by the generation that the robot has open."""
    body = json.dumps({"id": "STA_localNetwork", "sdp": offer, "type": "offer", "token": ""})
    if robot.listening["port_8081"]:
        answer = await http(robot, "POST", "/offer", body)
    else:
        text = await notify(robot, key)
        session_key = client_session_key()
        data = {"data1": ecb_encrypt(session_key, body), "data2": client_wrap(text, session_key)}
        path = f"/con_ing_{path_digits(text)}"
        answer = ecb_decrypt(session_key, await http(robot, "POST", path, json.dumps(data)))
    return str(json.loads(answer)["sdp"])


class Client:
    """Connects, answers the validation, keeps what it receives."""

    def __init__(self, media: bool = False) -> None:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
        config = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.pc = RTCPeerConnection(config)
        self.log = Log()
        self.frames = Log()
        self.acked = asyncio.Event()
        self.answer_sdp = ""
        self.validate = True
        if media:
            self.pc.addTransceiver("audio", direction="sendrecv")
            self.pc.addTransceiver("video", direction="recvonly")
        self.channel = self.pc.createDataChannel("data")
        self._handle(self.channel)
        self._tasks: list[asyncio.Future[None]] = []

        @self.pc.on("track")
        def _(track: Any) -> None:
            if track.kind == "video":
                self._tasks.append(asyncio.ensure_future(self._watch(track)))

    async def _watch(self, track: Any) -> None:
        while True:
            self.frames.add(await track.recv())

    def _handle(self, channel: RTCDataChannel) -> None:
        channel.on("open", self.acked.set)

        @channel.on("message")
        def _(data: str | bytes) -> None:
            message: Any = data if isinstance(data, bytes) else json.loads(data)
            if isinstance(message, dict) and message["type"] == "validation":
                self._challenged(message["data"])
            self.log.add(message)

    def _challenged(self, text: str) -> None:
        if text != "Validation Ok." and self.validate:
            self.send_validation(validation_answer(text))

    def send_validation(self, answer: str) -> None:
        self.send({"type": "validation", "topic": "", "data": answer})

    def send(self, message: dict[str, Any]) -> None:
        # As every aiortc client of this robot does: nothing else ever opens the channel.
        if self.channel.readyState == "connecting":
            self.channel.remove_all_listeners("open")
            self.channel._setReadyState("open")
        self.channel.send(json.dumps(message))

    async def offer(self, one_fingerprint: bool = True) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        lines = self.pc.localDescription.sdp.split("\r\n")
        if one_fingerprint:
            others = ("a=fingerprint:sha-384", "a=fingerprint:sha-512")
            lines = [line for line in lines if not line.startswith(others)]
        return "\r\n".join(lines)

    async def take(self, answer: str) -> None:
        self.answer_sdp = answer
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

    async def connect(self, robot: RobotProcess, key: bytes = STATIC_KEY) -> None:
        await self.take(await exchange(robot, await self.offer(), key))

    async def message(self, kind: str, start: int = 0, **fields: Any) -> dict[str, Any]:
        def wanted(item: Any) -> bool:
            if not isinstance(item, dict) or item["type"] != kind:
                return False
            return all(item.get(k) == v for k, v in fields.items())

        found: dict[str, Any] = await self.log.wait(wanted, start)
        return found

    async def validated(self) -> None:
        await self.message("validation", data="Validation Ok.")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.pc.close()


def split_frame(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON head and payload of a binary message of either framing."""
    first, second = struct.unpack_from("<HH", frame)
    start, length = 4, first
    if first == 2:
        length, told = struct.unpack_from("<II", frame, 4)
        start = 12
        assert told == len(frame) - start - length
    assert second == 0
    return json.loads(frame[start : start + length]), frame[start + length :]


def with_robot(*options: str) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Any]:
    """Turns `async def test(robot, client)` into a test with a robot started so."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[], None]:
        async def run() -> None:
            async with RobotProcess(*options) as robot:
                client = Client()
                try:
                    await test(robot, client)
                finally:
                    await client.close()

        # Not functools.wraps: pytest would take the inner arguments for fixtures.
        def outer() -> None:
            asyncio.run(run())

        outer.__name__, outer.__doc__ = test.__name__, test.__doc__
        return outer

    return decorate
