#!/usr/bin/env python3
"""A simulated Unitree GO2 on loopback, for testing the link against a stack that is not ours.

Start it as a child process and read JSON lines from its standard output; see README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from go2_crypto import (
    STATIC_KEY,
    RobotKey,
    ecb_decrypt,
    ecb_encrypt,
    notify_data,
    path_digits,
)
from go2_options import DATA2, Failure, parse_args, session_options, video_options
from go2_peer import Peer, PeerOptions
from go2_robot import Session
from go2_sdp import OfferError, read_offer

REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
REASONS |= {429: "Too Many Requests", 504: "Gateway Timeout"}
HTTP_LIMIT_S = 5.0
PATHS_KEPT = 16


def emit(event: str, **fields: Any) -> None:
    try:
        print(json.dumps({"event": event, "t": round(time.time(), 6), **fields}), flush=True)
    except BrokenPipeError:
        os._exit(1)  # nobody reads us any more: the test that started us is gone


class HttpError(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Failures:
    def __init__(self, failures: list[Failure]) -> None:
        self._failures = failures

    def take(self, step: str) -> str | None:
        for failure in self._failures:
            if failure.step == step and failure.left > 0:
                failure.left -= 1
                return failure.what
        return None


# --- signaling ---------------------------------------------------------------------------------


class Slot:
    """There is exactly one place for a client."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._taken = False
        self._session: Session | None = None

    async def answer(self, text: str, failure: str | None) -> str:
        """The answer JSON to an offer JSON."""
        offer = _parse_offer(text)
        if failure == "reject":
            return _answer_json("reject")
        if self._taken:
            emit("busy", answered=self._args.busy)
            if self._args.busy == "429":
                raise HttpError(429, "slot held")
            return _answer_json("reject")
        sdp = await self._begin(offer["sdp"], failure != "truncated")
        return _answer_json(sdp if failure != "truncated" else sdp[: len(sdp) // 3])

    async def _begin(self, offer_sdp: str, for_good: bool) -> str:
        a = self._args
        self._taken = True  # before the first await, so that two offers cannot both get in
        peer: Peer | None = None
        try:
            offer = read_offer(offer_sdp)
            emit("offer_facts", **offer.facts())
            for warning in offer.warnings():
                emit("offer_warning", detail=warning)
            video = video_options(a)
            options = PeerOptions(a.bind, a.old_sctp_form, a.dcep_ack, a.lost_after, video)
            peer = Peer(offer, options, emit)
            sdp = await peer.answer()
        except OfferError as error:
            emit("error", what="offer", detail=str(error))
            sdp, for_good = "", False
        if peer is None or not for_good:
            if peer is not None:
                await peer.close()
            self._free()
            return sdp
        self._session = Session(peer, session_options(a), a.lost_after, emit)
        self._session.on_end = self._free
        emit("session")
        return sdp

    def _free(self) -> None:
        self._session, self._taken = None, False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close("robot shuts down")


def _parse_offer(text: str) -> dict[str, Any]:
    try:
        offer: dict[str, Any] = json.loads(text)
        sdp, kind = offer["sdp"], offer["type"]
    except (ValueError, KeyError, TypeError) as error:
        raise HttpError(400, f"offer JSON: {error!r}") from error
    extra = sorted(set(offer) - {"id", "sdp", "type", "token"})
    token = offer.get("token")
    fields = {"id": offer.get("id"), "type": kind, "token_length": len(token or "")}
    emit("offer", **fields, has_token=token is not None, extra_keys=extra, sdp=sdp)
    if kind != "offer":
        raise HttpError(400, f"type {kind!r}")
    return offer


def _answer_json(sdp: str) -> str:
    return json.dumps({"sdp": sdp, "type": "answer"})


class Signaling:
    """The handlers of the two ports; each gives back the body of a 200 or raises HttpError."""

    def __init__(self, args: argparse.Namespace, slot: Slot) -> None:
        self._slot = slot
        self._failures = Failures(args.fail)
        self._data2 = DATA2.get(args.generation)
        self._gcm_key = STATIC_KEY
        if args.generation == "3" and not args.static_under_3:
            self._gcm_key = args.key
        self._rsa = None if args.generation == "plain" else RobotKey(args.rsa_bits)
        self._paths: list[str] = []

    def _failure(self, step: str) -> str | None:
        what = self._failures.take(step)
        if what is not None and what.isdigit():
            raise HttpError(int(what), "asked for by --fail")
        return what

    async def on_8081(self, request: Request) -> bytes:
        if request.method == "HEAD":
            return b""  # how one client probes the port
        if (request.method, request.path) != ("POST", "/offer"):
            raise HttpError(404, "only POST /offer is here")
        failure = self._failure("offer")
        answer = await self._slot.answer(_text(request.body), failure)
        return b"<html>" if failure == "garbage" else answer.encode()

    async def on_9991(self, request: Request) -> bytes:
        if request.path == "/con_notify":  # by POST or GET, the robot does not look
            return self._notify()
        if request.method == "POST" and request.path in self._paths:
            return await self._con_ing(request)
        raise HttpError(404, f"no such path; current are {self._paths}")

    def _notify(self) -> bytes:
        if self._failure("notify") == "garbage":
            return b"<html>not base64</html>"
        assert self._rsa is not None
        # A new path each time: a client has no business remembering one.
        text = self._rsa.notify_text()
        self._paths = [*self._paths, f"/con_ing_{path_digits(text)}"][-PATHS_KEPT:]
        data = notify_data(text, self._data2, self._gcm_key)
        return base64.b64encode(json.dumps(data).encode())

    async def _con_ing(self, request: Request) -> bytes:
        failure = self._failure("ing")
        assert self._rsa is not None
        try:
            body = json.loads(_text(request.body))
            key = self._rsa.unwrap(body["data2"])
            offer = ecb_decrypt(key, body["data1"])
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise HttpError(400, f"con_ing body: {error!r}") from error
        answer = await self._slot.answer(offer, failure)
        return b"<html>" if failure == "garbage" else ecb_encrypt(key, answer).encode()


def _text(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise HttpError(400, "body is not ASCII") from error


# --- HTTP --------------------------------------------------------------------------------------


async def read_request(reader: asyncio.StreamReader) -> Request:
    """As little HTTP as the robot has: a head, and a body if Content-Length says so."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _version = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


class HttpPort:
    """HTTP/1.0 over a plain socket, one request a connection, closed after the response."""

    def __init__(self, handler: Any, with_length: bool) -> None:
        self._handler = handler
        self._with_length = with_length
        self.port = 0

    async def listen(self, host: str, port: int) -> asyncio.AbstractServer:
        server = await asyncio.start_server(self._serve, host, port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(read_request(reader), HTTP_LIMIT_S)
            status, body = await self._respond(request)
            writer.write(self._head(status, len(body)) + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError, OSError) as error:
            # A bare connection without a word is a port probe, not an error.
            if not isinstance(error, asyncio.IncompleteReadError) or error.partial:
                emit("error", what="http", port=self.port, detail=repr(error))
        finally:
            writer.close()

    async def _respond(self, request: Request) -> tuple[int, bytes]:
        status, body, detail = 200, b"", None
        try:
            body = await self._handler(request)
        except HttpError as error:
            status, detail = error.status, str(error)
        fields = {"method": request.method, "path": request.path, "headers": request.headers}
        length = len(request.body)
        emit("http", port=self.port, **fields, body_bytes=length, status=status, detail=detail)
        return status, body

    def _head(self, status: int, length: int) -> bytes:
        lines = [f"HTTP/1.0 {status} {REASONS.get(status, 'Status')}", "Content-Type: text/plain"]
        if self._with_length:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


# --- main ---------------------------------------------------------------------------------------


async def _wait_for_end(args: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if args.watch_stdin:

        def read_away() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                over.set()

        loop.add_reader(sys.stdin.fileno(), read_away)
    await over.wait()


async def run(args: argparse.Namespace) -> None:
    slot = Slot(args)
    signaling = Signaling(args, slot)
    plain = args.generation == "plain"
    handler = signaling.on_8081 if plain else signaling.on_9991
    http = HttpPort(handler, with_length=not args.no_content_length)
    server = await http.listen(args.bind, args.port_8081 if plain else args.port_9991)
    # Only one of the two ports is ever open, as on the robot.
    ports = {"port_9991": None if plain else http.port, "port_8081": http.port if plain else None}
    emit("listening", host=args.bind, **ports, generation=args.generation)
    await _wait_for_end(args)
    server.close()
    await slot.close()
    emit("exit")


if __name__ == "__main__":
    asyncio.run(run(parse_args()))
