"""The gateway, and who asks something of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dog import ROOT, TARGET, Bridge, Process, World, wait_for

PORT = 8099
DRIVE, WATCH = "the token for control", "the token for viewing"
CONSOLE = ROOT / "crates/go2_gateway/console"
PAGES = Path(__file__).with_name("pages")
Answer = tuple[int, Any, http.client.HTTPMessage]


def ask(
    world: World, method: str, path: str, body: bytes | None = None, *, host: str | None = None, **headers: str
) -> Answer:
    """Status, JSON or text, and headers of the gateway's answer."""
    connection = http.client.HTTPConnection(world.address, PORT, timeout=30)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named | ({"Host": host} if host else {}))
        response = connection.getresponse()
        content = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(content) if is_json else content.decode(), response.headers


SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n"
)


def offer(world: World, **changes: Any) -> bytes:
    """The body of an offer that would be answered, but for the changes."""
    fields = {"token": DRIVE, "id": "STA_localNetwork", "type": "offer", "ip": world.address, "sdp": SDP}
    return json.dumps(fields | changes).encode()


def shared(world: World, *arguments: str, environment: dict[str, str] | None = None) -> Bridge:
    """The node with a gateway at the test's address."""
    tokens = {"GO2_GATEWAY_TOKEN": DRIVE, "GO2_GATEWAY_VIEW_TOKEN": WATCH}
    address = f"gateway_address:={world.address}:{PORT}"
    before = ["gateway:=true", address, *arguments]
    bridge = world.bridge(before=before, environment=tokens | (environment or {}))
    wait_for("the gateway to listen", lambda: listens(world))
    return bridge


def direct(world: World, *options: str, environment: dict[str, str] | None = None) -> Process:
    """`go2 gateway`, straight to the test's robot."""
    arguments = ["gateway", world.address, "--bind", f"{world.address}:{PORT}", *options]
    log = world.directory / "gateway.log"
    process = world.keep(Process(TARGET / "go2", arguments, log, {"GO2_GATEWAY_TOKEN": DRIVE} | (environment or {})))
    wait_for("the gateway to listen", lambda: listens(world))
    return process


def listens(world: World) -> bool:
    """Whether the gateway answers."""
    try:
        return ask(world, "GET", "/about")[0] == 200
    except OSError:
        return False


def url(world: World) -> str:
    """The console."""
    return f"http://{world.address}:{PORT}/"


@contextlib.contextmanager
def elsewhere(world: World, folder: Path) -> Iterator[str]:
    """Another server of the same host, with the page of the first browser client; its origin."""
    for file in [PAGES / "original.html", CONSOLE / "protocol.js", CONSOLE / "md5.js"]:
        shutil.copy(file, folder)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer((world.address, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{world.address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
