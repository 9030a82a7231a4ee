"""Viewers that are no browsers: aiortc clients of the gateway, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from dog import LIMIT, ROOT, World
from gateways import ask, offer

sys.path.insert(0, str(ROOT / "tests/peers"))
from robot_client import Client  # noqa: E402

T = TypeVar("T")


class Viewers:
    """Connects clients to the gateway."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients: list[Client] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Has something done in the clients' thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT)

    def connect(self, token: str) -> Client:
        """A viewer that is there."""
        client = self.run(self._connect(token))
        self._clients.append(client)
        return client

    async def _connect(self, token: str) -> Client:
        client = Client()
        body = offer(self._world, token=token, sdp=await client.offer())
        status, answer, _ = await asyncio.to_thread(ask, self._world, "POST", "/offer", body)
        assert status == 200, answer
        await client.take(answer["sdp"])
        await client.validated()
        return client

    def say(self, client: Client, messages: list[dict[str, Any]]) -> None:
        """Sends messages at once."""

        async def send() -> None:
            for message in messages:
                client.send(message)

        self.run(send())

    def answer(self, client: Client, api: int, service: str = "gateway") -> dict[str, Any]:
        """Asks a service, and waits for its answer."""
        number = len(client.log.items) + 1
        identity = {"id": number, "api_id": api}
        data = {"header": {"identity": identity}, "parameter": ""}
        self.say(client, [{"type": "req", "topic": f"rt/api/{service}/request", "data": data}])
        found = client.log.wait(lambda item: item["type"] == "res" and item["data"]["header"]["identity"] == identity)
        return self.run(found)

    def close(self) -> None:
        """Has all of them leave."""
        for client in self._clients:
            self.run(client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)


@contextlib.contextmanager
def viewers(world: World) -> Iterator[Viewers]:
    """Clients of a gateway, as long as it takes."""
    crowd = Viewers(world)
    try:
        yield crowd
    finally:
        crowd.close()
