"""The gateway's front door: what it answers to whom, and what it does not."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry

from dog import STOP_MOVE, Bridge, Driver, Ros, Sim, World, is_move, twist, wait_for
from gateways import DRIVE, PORT, SDP, WATCH, ask, direct, listens, offer, shared, url
from viewers import viewers

# What docs/security.md says.
MOST_OFFERS_OF_ONE = 8
MOST_TOPICS = 64
LONGEST_TOPIC = 96


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
        statuses = list(crowd.map(lambda _: ask(world, "POST", "/offer", offer(world, token=WATCH))[0], range(100)))
    assert sorted(statuses) == [200] * MOST_OFFERS_OF_ONE + [503] * (100 - MOST_OFFERS_OF_ONE)
    # Whoever has the token for control is not kept out by those who never come, nor by offers of its own.
    for _ in range(10):
        assert ask(world, "POST", "/offer", offer(world))[0] == 200
    # None of them ever comes: the robot is still here.
    assert odometry_rate(ros) > 10
    wait_for("the places to be free again", lambda: ask(world, "POST", "/offer", offer(world, token=WATCH))[0] == 200)


@pytest.mark.usefixtures("gateway")
def test_watchers_keep_nobody_from_the_controls(world: World) -> None:
    with viewers(world) as crowd:
        for _ in range(8):
            crowd.connect(WATCH)
        status, answer, _ = ask(world, "POST", "/offer", offer(world, token=WATCH))
        assert status == 503 and "8 viewers" in answer["error"], answer
        driver = crowd.connect(DRIVE)
        assert crowd.answer(driver, 1)["data"]["header"]["status"]["code"] == 0


@pytest.mark.usefixtures("gateway")
def test_requests_of_a_viewer_that_wait_are_bounded(world: World, sim: Sim) -> None:
    with viewers(world) as crowd:
        driver = crowd.connect(DRIVE)
        assert crowd.answer(driver, 1)["data"]["header"]["status"]["code"] == 0
        sim.freeze()
        identity = {"header": {"identity": {"id": 1, "api_id": 1004}}, "parameter": ""}
        request = {"type": "req", "topic": "rt/api/vui/request", "data": identity}
        crowd.say(driver, [request] * 60)

        def refused() -> list[str]:
            answers = [message["data"] for message in driver.log.items if message["type"] == "res"]
            words = [str(answer.get("data")) for answer in answers]
            return [word for word in words if "wait for the robot already" in word]

        wait_for("refusals", lambda: len(refused()) >= 28)
        assert set(refused()) == {"32 requests wait for the robot already"}
        # A stop is taken up all the same.
        so_far = len(refused())
        stop = {"header": {"identity": {"id": 2, "api_id": STOP_MOVE}}, "parameter": ""}
        crowd.say(driver, [{"type": "req", "topic": "rt/api/sport/request", "data": stop}])
        sim.thaw()
        wait_for("the stop", lambda: sim.requests(STOP_MOVE))
        assert len(refused()) == so_far


def test_who_takes_control_is_named(gateway: Bridge, world: World, ros: Ros) -> None:
    diagnostics = ros.listen(DiagnosticArray, "/diagnostics")

    def reported() -> dict[str, str]:
        found = [status for message in diagnostics.messages[-1:] for status in message.status if "gateway" in status.name]
        return {value.key: value.value for status in found for value in status.values}

    with viewers(world) as crowd:
        assert crowd.answer(crowd.connect(DRIVE), 1)["data"]["header"]["status"]["code"] == 0
        ros.until("who drives", lambda: reported().get("driver_address") == "127.0.0.1")
        assert "the viewer at 127.0.0.1 has taken control" in gateway.output()
    ros.until("ROS to drive again", lambda: reported().get("driver") == "ROS" and "driver_address" not in reported())


def test_wrong_tokens_are_slowed_and_logged_without_them(gateway: Bridge, world: World) -> None:
    start = time.monotonic()
    guesses = [f"guess number {number}" for number in range(20)]
    with ThreadPoolExecutor(4) as crowd:
        statuses = list(crowd.map(lambda token: ask(world, "POST", "/offer", offer(world, token=token))[0], guesses))
    assert statuses == [401] * 20
    assert time.monotonic() - start > 8, "two seconds each, four at a time"
    assert "a wrong token for the gateway from 127.0.0.1, 1 so far" in gateway.output()
    assert gateway.output().count("a wrong token") <= 3 and "guess number" not in gateway.output()


def test_a_short_token_is_for_this_computer_only(world: World) -> None:
    arguments = ["gateway:=true", f"gateway_address:=0.0.0.0:{PORT}"]
    bridge = world.bridge(before=arguments, environment={"GO2_GATEWAY_TOKEN": "tiny-secret"})
    assert bridge.wait() == 2
    assert "gateway_token" in bridge.output() and "has 11 characters" in bridge.output()
    assert "tiny-secret" not in bridge.output()


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


def test_what_viewers_subscribe_to_ends_no_session_and_delays_no_step_and_no_stop(world: World, ros: Ros) -> None:
    names = [f"rt/{number:0{LONGEST_TOPIC - 3}d}" for number in range(6 * MOST_TOPICS)]
    bridge = shared(world)
    with viewers(world) as crowd:
        clients = [crowd.connect(WATCH) for _ in range(6)]
        for place, client in enumerate(clients):
            own = names[place::6] + ["x" * 256, "rt/" + "\x1b" * 200, "not a topic"]
            crowd.say(client, [{"type": "subscribe", "topic": name} for name in own])
        # All of it is there when the session begins, over a network in which acknowledgments take their time.
        sim = world.sim("--net-delay-ms", "50")
        states = ros.live()
        states.clear()
        assert ros.trigger("balance_stand")[0]
        driver = Driver(ros, twist(x=0.3))
        ros.until("Moves", lambda: len(sim.moves()) > 10)
        since = sim.now()
        for client in clients:  # and once more, in mid-walk
            crowd.say(client, [{"type": "unsubscribe", "topic": name} for name in names])
            crowd.say(client, [{"type": "subscribe", "topic": f"rt/x{name[4:]}"} for name in names])
        ros.spin_for(6)
        times = [entry["t"] for entry in sim.requests(since=since) if is_move(entry)]
        assert len(times) > 60
        assert max(later - earlier for earlier, later in zip(times, times[1:], strict=False)) < 0.5
        driver.stop_publishing()
        asked = time.time()
        assert ros.trigger("stop") == (True, "")
        (stopped, *_) = [entry["t"] for entry in sim.requests(STOP_MOVE, since=since) if entry["t"] > asked]
        assert stopped - asked < 1
        assert all(state.data.startswith(("live", "degraded")) for state in states.messages), states.messages
        assert len(sim.entries("offer")) == 1, "the session has not ended"
        # Nothing that is no topic's name reaches the robot.
        assert all(name.startswith("rt/") and len(name) <= LONGEST_TOPIC for name in subscribed(sim))
    assert bridge.running()


def subscribed(sim: Sim) -> list[str]:
    """The topics that the robot was asked for."""
    said = [entry["msg"] for entry in sim.entries("rx")]
    return [message["topic"] for message in said if message["type"] == "subscribe"]


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
