"""The gateway's front door: what it answers to whom, and what it does not."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from nav_msgs.msg import Odometry

from dog import Bridge, Ros, Sim, World, wait_for
from gateways import DRIVE, PORT, SDP, WATCH, ask, direct, listens, offer, shared, url

MOST_VIEWERS = 8


@pytest.fixture
def gateway(world: World, sim: Sim, ros: Ros) -> Bridge:
    """The node with a live link and a gateway."""
    bridge = shared(world)
    ros.live()
    return bridge


@pytest.mark.usefixtures("gateway")
def test_an_offer_is_answered(world: World) -> None:
    assert ask(world, "GET", "/about")[:2] == (200, {"mode": "shared", "robot": world.address, "viewing": "token"})
    for token in (DRIVE, WATCH):
        status, answer, headers = ask(world, "POST", "/offer", offer(world, token=token), Origin=url(world).rstrip("/"))
        assert (status, answer["type"]) == (200, "answer")
        assert answer["sdp"].startswith("v=0") and f" {world.address} " in answer["sdp"]
        assert headers["Access-Control-Allow-Origin"] == url(world).rstrip("/")


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("status", "changes", "words"),
    [
        (400, {"type": "answer"}, "type"),
        (400, {"sdp": "hello"}, "SDP"),
        (400, {"sdp": None}, "expected a string"),
        (400, {"sdp": "v=0\r\nm=application 9 x\r\n"}, "no ICE credentials"),
        (401, {"token": "wrong"}, "token is wrong"),
        (401, {"token": ""}, "token is wrong"),
        (403, {"ip": "192.0.2.1"}, "connects to"),
        (403, {"ip": ""}, "connects to"),
    ],
)
def test_a_wrong_offer_is_refused_in_words(world: World, status: int, changes: dict[str, str], words: str) -> None:
    got, answer, _ = ask(world, "POST", "/offer", offer(world, **changes))
    assert got == status and words in answer["error"], answer


@pytest.mark.usefixtures("gateway")
def test_what_is_no_request_of_its_own_page_is_refused(world: World, gateway: Bridge) -> None:
    assert ask(world, "POST", "/offer", b"{}")[0] == 400
    assert ask(world, "POST", "/offer", b"\xff\x00")[0] == 400
    assert ask(world, "POST", "/offer")[0] == 400
    status, answer, headers = ask(world, "POST", "/offer", offer(world), Origin="http://evil.example")
    assert status == 403 and "evil.example" in answer["error"]
    assert headers["Access-Control-Allow-Origin"] is None, "its page cannot even read that"
    # A name that somebody else has pointed to this address.
    status, answer, _ = ask(world, "POST", "/offer", offer(world), host="evil.example", Origin="http://evil.example")
    assert status == 403 and "evil.example" in answer["error"]
    assert ask(world, "OPTIONS", "/offer", Origin="http://evil.example")[0] == 403
    status, _, headers = ask(world, "OPTIONS", "/offer", Origin=url(world).rstrip("/"))
    assert status == 204 and "POST" in headers["Access-Control-Allow-Methods"]
    assert ask(world, "GET", "/offer")[0] == 405
    assert ask(world, "GET", "/../Cargo.toml")[0] == 404
    assert gateway.running()


@pytest.mark.usefixtures("sim")
def test_pages_of_other_origins_can_be_allowed(world: World) -> None:
    shared(world, "gateway_origins:=http://a.example,http://dog.example:3000", "gateway_viewing:=anyone")
    origin = "http://dog.example:3000"
    status, _, headers = ask(world, "POST", "/offer", offer(world), Origin=origin)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, origin)
    assert ask(world, "GET", "/about")[1]["viewing"] == "anyone"
    assert ask(world, "POST", "/offer", offer(world, token=""))[0] == 200
    assert ask(world, "POST", "/offer", offer(world, token="wrong"))[0] == 401


@pytest.mark.usefixtures("gateway")
def test_ten_megabytes_are_no_offer(world: World, gateway: Bridge) -> None:
    status, answer, _ = ask(world, "POST", "/offer", offer(world, sdp=SDP + "x" * 10_000_000))
    assert status == 413 and "65536" in answer["error"]
    assert gateway.running()


def odometry_rate(ros: Ros, seconds: float = 3.0) -> float:
    """Messages a second."""
    heard = ros.listen(Odometry, "odom")
    ros.until("odometry", lambda: heard.messages)
    heard.clear()
    start = time.monotonic()
    ros.spin_for(seconds)
    return len(heard.messages) / (time.monotonic() - start)


@pytest.mark.usefixtures("gateway")
def test_a_hundred_viewers_are_too_many(world: World, ros: Ros) -> None:
    with ThreadPoolExecutor(20) as crowd:
        statuses = list(crowd.map(lambda _: ask(world, "POST", "/offer", offer(world))[0], range(100)))
    assert sorted(statuses) == [200] * MOST_VIEWERS + [503] * (100 - MOST_VIEWERS)
    # None of them ever comes: the robot is still here.
    assert odometry_rate(ros) > 10
    wait_for("the places to be free again", lambda: ask(world, "POST", "/offer", offer(world))[0] == 200)


@pytest.mark.usefixtures("gateway")
def test_connections_that_say_nothing_keep_nobody_out(world: World, ros: Ros) -> None:
    silent = [socket.create_connection((world.address, PORT)) for _ in range(80)]
    try:
        silent[0].sendall(b"POST /offer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert odometry_rate(ros) > 10
        wait_for("an answer", lambda: listens(world), 40)
    finally:
        for each in silent:
            each.close()


@pytest.mark.usefixtures("sim")
def test_nothing_listens_unless_asked_to(world: World, ros: Ros) -> None:
    world.bridge(before=[f"gateway_address:={world.address}:{PORT}"])
    ros.live()
    with pytest.raises(ConnectionRefusedError):
        ask(world, "GET", "/about")


@pytest.mark.parametrize(
    ("value", "words"), [("8081", "not an address and a port"), ("192.0.2.1:8081", "cannot listen on 192.0.2.1:8081")]
)
def test_an_address_that_cannot_be_had_is_refused(world: World, value: str, words: str) -> None:
    bridge = world.bridge(before=["gateway:=true", f"gateway_address:={value}"])
    assert bridge.wait() == 2
    assert words in bridge.output() and "gateway_address" in bridge.output()


@pytest.mark.usefixtures("sim")
def test_a_token_is_made_up_and_printed(world: World, ros: Ros) -> None:
    bridge = shared(world, environment={"GO2_GATEWAY_TOKEN": ""})
    ros.live()
    (token,) = re.findall(rf"http://{world.address}:{PORT}/#token=([0-9a-f]{{32}})", bridge.output())
    assert ask(world, "POST", "/offer", offer(world, token=token))[0] == 200
    logged = [line for line in bridge.output().splitlines() if line.startswith("[")]
    assert logged and not any(token in line for line in logged), "it is on the terminal, not in the log"


# --- Straight to the robot -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sim")
def test_an_offer_goes_straight_to_the_robot(world: World, sim: Sim) -> None:
    direct(world)
    assert ask(world, "GET", "/about")[1]["mode"] == "direct"
    status, answer, _ = ask(world, "POST", "/offer", offer(world))
    assert status == 200 and answer["sdp"].startswith("v=0")
    assert [entry["path"] for entry in sim.entries("http")][0] == "/con_notify"
    # The robot has one place, and this client never comes.
    status, answer, _ = ask(world, "POST", "/offer", offer(world))
    assert status == 502 and "busy" in answer["error"], answer


def test_a_robot_that_is_not_there_is_told(world: World) -> None:
    direct(world)
    status, answer, _ = ask(world, "POST", "/offer", offer(world))
    assert status == 504 and world.address in answer["error"], answer
    assert ask(world, "POST", "/offer", offer(world, ip="127.0.0.1"))[0] == 403


def test_a_robot_that_does_not_answer_is_told(world: World) -> None:
    world.sim("--mishaps", world.file('{"at": 0, "begin": {"offer": "silence"}}'))
    direct(world)
    status, answer, _ = ask(world, "POST", "/offer", offer(world))
    assert status == 504 and "no answer within" in answer["error"], answer


def test_a_robot_that_refuses_is_told(world: World) -> None:
    world.sim("--mishaps", world.file('{"at": 0, "begin": {"notify": {"status": 429}}}'))
    direct(world)
    status, answer, _ = ask(world, "POST", "/offer", offer(world))
    assert status == 502 and "429" in answer["error"], answer
