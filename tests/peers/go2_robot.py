"""What the simulated GO2 says on its data channel: validation, heartbeat, requests, streams."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCDataChannel

from go2_crypto import validation_answer
from go2_frames import big_frame, chunk_frames
from go2_lidar import SWITCH as LIDAR_SWITCH
from go2_lidar import TOPIC as VOXEL_MAP
from go2_lidar import Lidar, LidarOptions
from go2_peer import Emit, Peer
from go2_photo import photo
from go2_walk import Walk

SPORT_KNOWN = {1001, 1002, 1003, 1004, 1005, 1006, 1008}
SPORT_MOVE = 1008
PHOTO = ("videohub", 1001)
CHUNK, CHUNK_PAUSE_S = 16_384, 0.01
OK, NOT_IMPLEMENTED, BAD_PARAMETER = 0, 3203, 3204
RTT_PROBE = "rtt_probe_send_from_mechine"  # so spelled on the wire
I32_MAX = 2**31 - 1


@dataclass
class SessionOptions:
    validation: str = "accept"
    firmware: str = "new"
    heartbeat_timeout: float = 10.0
    low_hz: float = 1.0
    sport_hz: float = 20.0
    pose_hz: float = 18.7
    rtt_every: float = 3.0
    move_res: bool = True
    big: int = 0
    kill_after: float = 0.0
    mute_after: float = 0.0
    faults: list[tuple[int, int]] = field(default_factory=list)
    photo_loses_chunk: int = 0
    lidar: LidarOptions = field(default_factory=LidarOptions)


# --- one client's session ----------------------------------------------------------------------


class Session:
    """The robot's application above one peer; it ends by itself and says so by on_end."""

    def __init__(self, peer: Peer, options: SessionOptions, connect_limit: float, emit: Emit):
        self._peer, self._options, self._emit = peer, options, emit
        self.on_end: Callable[[], None] = lambda: None
        self._began = time.monotonic()
        self._channel: RTCDataChannel | None = None
        self._challenge = secrets.token_hex(8)
        self._validated = self._muted = self._over = False
        self._refusals = {"refuse": 1 << 30, "twice": 1}.get(options.validation, 0)
        self._last_heartbeat = 0.0
        self._topics: set[str] = set()
        self._seen_ids: set[int] = set()
        self._probes: dict[str, tuple[dict[str, Any], float]] = {}
        self._saves_traffic = True
        self._walk = Walk(options.firmware == "new")
        self._lidar = Lidar(options.lidar, self._walk.place, self._send_raw, emit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._shutting: asyncio.Task[None] | None = None
        peer.on_channel = self._opened
        peer.on_end = self._end
        self._spawn(self._limit_connecting(connect_limit))

    # life and death

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self._emit("error", what="task", detail=repr(task.exception()))

    async def _limit_connecting(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._channel is None:
            self._end("never opened a channel")

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._shutting = asyncio.ensure_future(self._shut(reason))

    async def _shut(self, reason: str) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._peer.close()
        after = round(time.monotonic() - self._began, 3)
        self._emit("closed", after_s=after, reason=reason, validated=self._validated)
        self.on_end()

    async def close(self, reason: str) -> None:
        self._end(reason)
        if self._shutting is not None:
            await self._shutting

    # the channel

    def _opened(self, channel: RTCDataChannel) -> None:
        """The client's OPEN arrived, and that is all the opening there is: no ACK goes back."""
        facts = {"label": channel.label, "id": channel.id, "ordered": channel.ordered}
        self._emit("channel", used=self._channel is None, **facts)
        if self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._received)
        self._send({"type": "validation", "topic": "", "data": self._challenge})

    def _send(self, message: dict[str, Any]) -> None:
        self._send_raw(json.dumps(message, separators=(",", ":")))

    def _send_raw(self, data: str | bytes) -> None:
        channel = self._channel
        if channel is not None and not self._muted and channel.readyState == "open":
            channel.send(data)

    def _received(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._emit("rx_binary", bytes=len(data))
            return
        try:
            message = json.loads(data)
            kind, topic = message["type"], message.get("topic", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._emit("error", what="message", detail=repr(error), text=data[:200])
            return
        self._emit("rx", msg=message)
        if kind == "validation":
            self._validation(message.get("data"))
        elif not self._validated:
            self._send_validation_needed("early")
        else:
            self._dispatch(kind, topic, message)

    def _dispatch(self, kind: str, topic: str, message: dict[str, Any]) -> None:
        if kind == "heartbeat":
            self._last_heartbeat = time.monotonic()
            self._send(message)
        elif kind == "subscribe":
            self._topics.add(topic)
            self._emit("subscribed", topic=topic)
        elif kind == "unsubscribe":
            self._topics.discard(topic)
            self._emit("unsubscribed", topic=topic)
        elif kind in ("req", "msg") and topic.startswith("rt/api/") and topic.endswith("/request"):
            self._request(kind, topic, message.get("data"))
        elif kind == "rtc_inner_req":
            self._inner(message.get("data"))
        elif kind == "vid":
            self._switch_video(message.get("data"))
        elif kind == "msg" and topic == LIDAR_SWITCH:
            self._lidar.switch(message.get("data"))
        elif kind not in ("msg", "aud"):
            self._emit("error", what="type", detail=f"unknown message type {kind!r}")

    # validation

    def _validation(self, answer: Any) -> None:
        if self._options.validation == "silent":
            return
        right = answer == validation_answer(self._challenge)
        if not right or self._refusals > 0:
            self._refusals -= 1 if right else 0
            self._send_validation_needed("refused" if right else "wrong")
            return
        first = not self._validated
        self._validated = True
        self._send({"type": "validation", "topic": "", "data": "Validation Ok."})
        if first:
            self._emit("validated")
            self._serve()

    def _send_validation_needed(self, why: str) -> None:
        self._emit("validation_needed", why=why)
        self._send({"type": "err", "info": "Validation Needed."})

    def _serve(self) -> None:
        o = self._options
        now = int(time.time())
        faults = [[now, source, code] for source, code in o.faults]
        self._send({"type": "errors", "topic": "", "data": faults})
        if o.big:
            self._send_raw(big_frame(o.big))
            self._emit("big_sent", bytes=o.big)
        self._last_heartbeat = time.monotonic()
        walk = self._walk
        self._spawn(self._stream("rt/lf/lowstate", o.low_hz, walk.lowstate))
        self._spawn(self._stream("rt/lf/sportmodestate", o.sport_hz, walk.sportmodestate))
        self._spawn(self._stream("rt/utlidar/robot_pose", o.pose_hz, walk.robot_pose))
        self._spawn(self._stream("rt/utlidar/lidar_state", 1.0, walk.lidar_state))
        self._spawn(self._stream("rt/multiplestate", 1.0, walk.multiplestate))
        self._spawn(self._lidar.run(self._voxels_wanted))
        self._spawn(self._probe_rtt())
        self._spawn(self._watch_heartbeat())
        if o.mute_after:
            self._spawn(self._later(o.mute_after, self._mute))
        if o.kill_after:
            self._spawn(self._later(o.kill_after, self._die))

    # periodic work

    async def _stream(self, topic: str, hz: float, make: Callable[[], Any]) -> None:
        due = time.monotonic()
        while hz > 0:
            due = max(due + 1 / hz, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if topic in self._topics:
                self._send({"type": "msg", "topic": topic, "data": make()})

    def _voxels_wanted(self) -> bool:
        return VOXEL_MAP in self._topics and not (self._saves_traffic or self._muted)

    async def _watch_heartbeat(self) -> None:
        limit = self._options.heartbeat_timeout
        while time.monotonic() - self._last_heartbeat < limit:
            await asyncio.sleep(min(0.1, limit / 4))
        self._end("no heartbeat")

    async def _probe_rtt(self) -> None:
        while self._options.rtt_every > 0:
            key = str(uuid.uuid4())
            # Beyond req_type the content is the robot's own affair: numbers of every kind, a null
            # and nesting show whether the client really sends back what it got.
            info = {
                "req_type": RTT_PROBE,
                "uuid": key,
                "send_time": time.time(),
                "stamp_ns": time.time_ns(),
                "nested": {"null": None, "list": [1, -2.5, "ä"], "flag": True},
            }
            self._probes[key] = (info, time.monotonic())
            self._send({"type": "rtc_inner_req", "info": info})
            await asyncio.sleep(self._options.rtt_every)

    async def _later(self, seconds: float, action: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        action()

    def _mute(self) -> None:
        self._muted = True
        if self._peer.video is not None:
            self._peer.video.switch.clear()
        self._emit("muted")

    def _die(self) -> None:
        self._emit("killed")
        os._exit(9)

    # requests

    def _inner(self, data: Any) -> None:
        kind = data.get("req_type") if isinstance(data, dict) else None
        if kind == "disable_traffic_saving":
            ok = {"req_type": kind, "execution": "ok"}
            self._saves_traffic = data.get("instruction") != "on"
            self._emit("traffic_saving", disabled=not self._saves_traffic)
            self._send({"type": "rtc_inner_req", "info": ok})
        elif kind == "public_network_status":
            status = {"uuid": data.get("uuid"), "status": "NetworkStatus.ON_WIFI_CONNECTED"}
            self._send({"type": "rtc_inner_req", "info": {"req_type": kind, **status}})
        elif kind == RTT_PROBE:
            sent, when = self._probes.pop(str(data.get("uuid")), ({}, time.monotonic()))
            rtt_ms = round((time.monotonic() - when) * 1000, 2)
            self._emit("rtt_echo", unchanged=data == sent, rtt_ms=rtt_ms)
        else:
            self._emit("error", what="rtc_inner_req", detail=f"unknown req_type {kind!r}")

    def _switch_video(self, data: Any) -> None:
        video = self._peer.video
        if video is None or data not in ("on", "off"):
            self._emit("error", what="vid", detail=f"{data!r}, offered: {video is not None}")
        elif data == "on":
            video.switch.set()
        else:
            video.switch.clear()

    def _request(self, kind: str, topic: str, data: Any) -> None:
        """A req is executed and answered, a msg of the same form is executed without a word."""
        try:
            identity = data["header"]["identity"]
            request_id, api_id = identity["id"], identity["api_id"]
        except (KeyError, TypeError):
            self._emit("error", what="request", detail="no header.identity with id and api_id")
            return
        service = topic[len("rt/api/") : -len("/request")]
        parameter, well_formed = _parameter(data.get("parameter"))
        code, reply = self._execute(service, api_id, parameter, well_formed)
        answered = kind == "req" and code is not None
        if service == "sport" and api_id == SPORT_MOVE:
            answered = answered and self._options.move_res
        self._emit(
            "request",
            service=service,
            kind=kind,
            id=request_id,
            api_id=api_id,
            parameter=parameter,
            parameter_ok=well_formed,
            id_ok=self._id_ok(request_id),
            priority=data["header"].get("policy", {}).get("priority"),
            code=code,
            answered=answered,
        )
        if not answered:
            return
        response: dict[str, Any] = {"type": "res", "topic": f"rt/api/{service}/response"}
        header: dict[str, Any] = {"identity": {"id": request_id, "api_id": api_id}}
        if (service, api_id) == PHOTO:
            self._spawn(self._send_photo(response | {"data": {"header": header}}))
        else:
            header["status"] = {"code": code}
            self._send(response | {"data": {"header": header, "data": reply}})

    async def _send_photo(self, head: dict[str, Any]) -> None:
        """In pieces, with other messages in between. Nobody reports a status in their heads."""
        picture, lost = photo(), self._options.photo_loses_chunk
        frames = chunk_frames(head, picture, CHUNK)
        for frame in [f for i, f in enumerate(frames, 1) if i != lost]:
            self._send_raw(frame)
            await asyncio.sleep(CHUNK_PAUSE_S)
        self._emit("photo_sent", bytes=len(picture), chunks=len(frames), lost=lost or None)

    def _id_ok(self, request_id: Any) -> bool:
        """Integers that fit an i32 and were not used before in this session."""
        fits = type(request_id) is int and 0 <= request_id <= I32_MAX
        fresh = fits and request_id not in self._seen_ids
        if fits:
            self._seen_ids.add(request_id)
        return fresh

    def _execute(self, service: str, api_id: Any, parameter: Any, well_formed: bool) -> tuple[int | None, str]:
        if service == "motion_switcher" and api_id == 1001:
            name = "mcf" if self._options.firmware == "new" else "normal"
            return OK, json.dumps({"form": "0", "name": name})
        if service == "videohub":
            return (OK if api_id == PHOTO[1] else NOT_IMPLEMENTED), ""
        if service != "sport":
            return None, ""  # a service that is not there never answers
        if api_id not in SPORT_KNOWN:
            return NOT_IMPLEMENTED, ""
        if not well_formed or (api_id == SPORT_MOVE and not _is_move(parameter)):
            return BAD_PARAMETER, ""
        return OK, ""


def _parameter(text: Any) -> tuple[Any, bool]:
    """The parameter is a string, empty or holding JSON; anything else is reported as malformed."""
    if text in (None, ""):
        return None, True
    if not isinstance(text, str):
        return text, False
    try:
        return json.loads(text), True
    except ValueError:
        return text, False


def _is_move(parameter: Any) -> bool:
    if not isinstance(parameter, dict):
        return False
    values = [parameter.get(axis) for axis in ("x", "y", "z")]
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
