"""The console in a headless Chromium, and other pages, against the simulated robot: shared with ROS, and straight."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry

from browser import Console, chromium
from dog import MOVE, STOP_MOVE, Bridge, Driver, Ros, Sim, World, ends_stopped, twist, wait_for
from gateways import DRIVE, PORT, WATCH, direct, elsewhere, shared, url


@pytest.fixture
def page() -> Iterator[Console]:
    """A browser."""
    with chromium() as page:
        yield page


@pytest.fixture
def gateway(world: World, sim: Sim, ros: Ros) -> Bridge:
    """The node with a live link and a gateway."""
    bridge = shared(world)
    ros.live()
    return bridge


def watch(page: Console, world: World, token: str = DRIVE) -> None:
    """Opens the console and waits until it has everything."""
    page.open(url(world), token)
    page.wait_for_state("connected")
    frames = page.wait("pictures", lambda: page.frames)
    page.wait("pictures that go on", lambda: page.frames >= frames + 10)
    page.wait("a map", lambda: page.points > 1000)
    page.wait("the battery", lambda: "55 %" in page.text("battery"))


def take_control(page: Console) -> None:
    """Takes control and has the robot stand."""
    page.click("take-control")
    page.wait("control", lambda: page.text("driver") == "You")
    page.click("stand-up")
    page.wait("a robot that can walk", lambda: "ready to walk" in page.text("mode"))


def has_stopped(sim: Sim, since: int) -> bool:
    """Whether the robot was walked, and told to stop after that."""
    requests = sim.requests(MOVE, STOP_MOVE, since=since)
    return bool(requests) and ends_stopped(requests)


def walks(sim: Sim, since: int) -> bool:
    """Whether the robot is told to walk forward."""
    return any(x > 0 for x, _, _ in sim.moves(since))


@pytest.mark.usefixtures("gateway")
def test_the_console_shows_the_robot(page: Console, world: World) -> None:
    watch(page, world)
    assert page.text("driver") == "ROS" and page.text("link") == "Live"
    assert page.complaints() == []


@pytest.mark.usefixtures("gateway")
def test_it_walks_while_a_key_is_held(page: Console, world: World, sim: Sim) -> None:
    watch(page, world)
    take_control(page)

    def held_until(let_go: Callable[[], None]) -> None:
        since = sim.now()
        page.key("keyDown", "KeyW")
        page.key("keyDown", "KeyW", repeat=True)
        wait_for("walking", lambda: walks(sim, since))
        let_go()
        wait_for("the stop", lambda: has_stopped(sim, since))
        page.key("keyUp", "KeyW")

    held_until(lambda: page.key("keyUp", "KeyW"))
    held_until(page.lose_focus)
    since = sim.now()
    with page.stick(0.0, 0.8):
        wait_for("walking", lambda: walks(sim, since))
    wait_for("the stop after the stick", lambda: has_stopped(sim, since))


@pytest.mark.usefixtures("gateway")
def test_the_robot_stops_when_the_page_is_killed(page: Console, world: World, sim: Sim) -> None:
    watch(page, world)
    take_control(page)
    since = sim.now()
    page.key("keyDown", "KeyW")
    wait_for("walking", lambda: walks(sim, since))
    page.kill()
    wait_for("the stop", lambda: has_stopped(sim, since))


@pytest.mark.usefixtures("gateway")
def test_who_drives(page: Console, world: World, ros: Ros, sim: Sim) -> None:
    watch(page, world)
    assert ros.trigger("balance_stand") == (True, "")
    driver = Driver(ros, twist(y=0.1))
    ros.until("walking by ROS", lambda: (0.0, 0.1, 0.0) in sim.moves())
    since = sim.now()
    page.click("take-control")
    ros.until("the stop", lambda: has_stopped(sim, since))
    page.wait("control", lambda: page.text("driver") == "You")
    since = sim.now()
    page.key("keyDown", "KeyW")
    ros.until("walking by the page", lambda: walks(sim, since))
    assert all(y == 0 for _, y, _ in sim.moves(since)), "cmd_vel goes on, and does not count"
    page.key("keyUp", "KeyW")
    with chromium() as other:
        other.open(url(world), DRIVE)
        other.wait_for_state("connected")
        other.wait("the other's control", lambda: "viewer" in other.text("driver").lower())
        other.click("take-control")
        other.wait("words", lambda: "another viewer has control" in other.text("message"))
        # Who may drive can always stop.
        since = sim.now()
        other.click("stop")
        ros.until("a stop", lambda: sim.requests(STOP_MOVE, since=since))
    since = sim.now()
    page.click("take-control")  # gives it back
    page.wait("ROS at the helm", lambda: page.text("driver") == "ROS")
    ros.until("the stop", lambda: has_stopped(sim, since))
    ros.spin_for(0.5)
    assert (0.0, 0.1, 0.0) not in sim.moves(since), "ROS has not let go yet"
    driver.stop_publishing()
    ros.spin_for(0.5)
    Driver(ros, twist(y=0.1))
    ros.until("walking by ROS", lambda: (0.0, 0.1, 0.0) in sim.moves(since))


@pytest.mark.usefixtures("gateway")
def test_control_lapses(page: Console, world: World, ros: Ros) -> None:
    watch(page, world)
    page.click("take-control")
    page.wait("control", lambda: page.text("driver") == "You")
    ros.spin_for(8.0)
    assert page.text("driver") == "You"
    page.wait("the lapse", lambda: page.text("driver") == "ROS")


@pytest.mark.usefixtures("gateway")
def test_a_viewer_only_watches(page: Console, world: World, sim: Sim) -> None:
    watch(page, world, WATCH)
    assert not page.driver.find_element("id", "stand-up").is_enabled()
    page.key("keyDown", "KeyW")
    page.wait("words", lambda: "not drive" in page.text("message"))
    page.key("keyUp", "KeyW")
    assert sim.requests(MOVE, STOP_MOVE) == []


@pytest.mark.usefixtures("gateway")
def test_a_wrong_token_is_asked_for_again(page: Console, world: World) -> None:
    page.open(url(world), "wrong")
    page.wait_for_state("token")
    assert page.shown("token-form")
    page.enter("token", DRIVE)
    page.driver.find_element("css selector", "#token-form button").click()
    page.wait_for_state("connected")


@pytest.mark.usefixtures("sim")
def test_the_page_comes_back_after_the_node(page: Console, world: World, ros: Ros) -> None:
    bridge = shared(world)
    ros.live()
    watch(page, world)
    bridge.kill()
    page.wait_for_state("lost")
    shared(world)
    page.wait_for_state("connected")


@pytest.mark.usefixtures("gateway")
def test_two_browsers_and_ros_at_once(page: Console, world: World, ros: Ros) -> None:
    video = ros.listen(CompressedVideo, "camera/video")
    odometry = ros.listen(Odometry, "odom")
    watch(page, world)
    with chromium() as other:
        watch(other, world, WATCH)
        page.wait("both", lambda: page.text("viewers") == "2")
        video.clear()
        odometry.clear()
        ros.until("odometry and video", lambda: len(odometry.messages) > 50 and len(video.messages) > 20)
    page.wait("one less", lambda: page.text("viewers") == "1")
    frames = page.frames
    page.wait("pictures that go on", lambda: page.frames >= frames + 10)
    video.clear()
    ros.until("video that goes on", lambda: len(video.messages) > 10)


def use_as_the_first_client_did(page: Console, world: World, origin: str, token: str) -> None:
    """Opens the page of the first browser client, which is of another origin, and waits until it has everything."""
    query = urllib.parse.urlencode({"token": token, "ip": world.address, "port": PORT})
    page.driver.get(f"{origin}/original.html?{query}")

    def seen(what: str) -> list[str]:
        found = page.run("return window.seen")
        assert found["error"] is None, found
        return list(found[what])

    page.wait("a connection", lambda: "connected" in seen("states"))
    page.wait("the state", lambda: "rt/lf/lowstate" in seen("topics"))
    page.wait("an echo", lambda: "heartbeat" in seen("types"))
    playing = "return document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"
    page.wait("pictures", lambda: page.run(playing) > 10)


def test_the_first_client_straight_to_the_robot(page: Console, world: World, sim: Sim, tmp_path: Path) -> None:
    with elsewhere(world, tmp_path) as origin:
        direct(world, "--allow-origin", origin)
        use_as_the_first_client_did(page, world, origin, DRIVE)
    assert sim.entries("validated")


@pytest.mark.usefixtures("sim")
def test_the_first_client_through_the_node(page: Console, world: World, ros: Ros, tmp_path: Path) -> None:
    with elsewhere(world, tmp_path) as origin:
        shared(world, f"gateway_origins:={origin}")
        ros.live()
        use_as_the_first_client_did(page, world, origin, WATCH)
        request = {"header": {"identity": {"id": 5, "api_id": 1004}}, "parameter": ""}
        page.run("window.say('req', 'rt/api/sport/request', arguments[0])", request)
        (answer,) = page.wait("an answer", lambda: page.run("return window.seen.answers"))
        assert answer["topic"] == "rt/api/sport/response"
        header = {"identity": {"id": 5, "api_id": 1004}, "status": {"code": 9001}}
        assert answer["data"]["header"] == header and "only watch" in answer["data"]["data"]


def test_the_console_straight_to_the_robot(page: Console, world: World, sim: Sim) -> None:
    direct(world)
    watch(page, world)
    assert not page.shown("take-control")
    page.click("stand-up")
    page.wait("a robot that can walk", lambda: "ready to walk" in page.text("mode"))
    since = sim.now()
    with page.held("KeyW"):
        wait_for("walking", lambda: walks(sim, since))
    wait_for("the stop", lambda: has_stopped(sim, since))
    since = sim.now()
    page.key("keyDown", "KeyW")
    wait_for("walking", lambda: walks(sim, since))
    page.driver.get("about:blank")
    wait_for("the last words of the page that is left", lambda: has_stopped(sim, since))
