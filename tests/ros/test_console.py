"""The console, used by somebody in front of a browser: what it shows, who drives, and what stops the robot."""

from __future__ import annotations

import itertools
import json
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry
from std_srvs.srv import SetBool, Trigger

from browser import DESKTOP, LIMIT, PHONE, Console, chromium
from dog import (
    MOVE,
    ROOT,
    STOP_MOVE,
    Bridge,
    Driver,
    Heard,
    Ros,
    Sim,
    World,
    ends_stopped,
    is_move,
    twist,
    velocity,
    wait_for,
)
from gateways import DRIVE, PORT, WATCH, direct, elsewhere, shared, url

DAMP, RECOVERY_STAND, HELLO, LEAD_FOLLOW = 1001, 1006, 1016, 2056
TAKE = 1
SIDEWAYS = (0.0, 0.1, 0.0)
STILL = (0.0, 0.0, 0.0)
# A dead page's last velocity: cmd_vel_timeout is 0.3 s, and its channel has some of the page's last words.
STALE = 1.0


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


@contextmanager
def navigation(world: World) -> Iterator[Driver]:
    """A node that publishes cmd_vel at 20 Hz from its own thread, whatever the test waits for; at first nothing."""
    ros = world.ros()
    driver = Driver(ros, twist())
    driver.stop_publishing()
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            ros.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield driver
    finally:
        over.set()
        thread.join()
        ros.close()


def watch(page: Console) -> None:
    """Waits until the page has pictures, one after the other, a map, and the state of the robot."""
    page.wait_for_state("connected")
    first = page.wait("pictures", lambda: page.frames)
    page.wait("ten pictures more", lambda: page.frames >= first + 10)
    page.wait("a map", lambda: page.points > 1000)
    page.wait("the battery", lambda: "55 %" in page.text("battery"))


def connect(page: Console, world: World, token: str = DRIVE) -> None:
    """Opens the console and waits for its session."""
    page.open(url(world), token)
    page.wait_for_state("connected")


def take_control(page: Console) -> None:
    """Takes control."""
    page.wait("the right to drive", lambda: page.driver.find_element("id", "take-control").is_enabled())
    page.click("take-control")
    page.wait("control", lambda: page.text("driver") == "You")


def stand_up(page: Console) -> None:
    """Has the robot stand, ready to walk."""
    page.wait("the robot's mode", lambda: page.text("mode") != "–")
    page.click("stand-up")
    page.wait("a robot that stands", lambda: "ready to walk" in page.text("mode"))
    # Its code says so before it is up, which takes 0.85 s and which no page tells; what is pressed earlier is refused.
    time.sleep(2.0)


def walks(page: Console) -> bool:
    """Whether the robot says that it walks."""
    return page.text("mode").startswith("Walking")


def forward(sim: Sim, since: int) -> bool:
    """Whether the robot was told to walk forward."""
    return any(x > 0 for x, _, _ in sim.moves(since))


def told_to_stop(sim: Sim, since: int) -> bool:
    """Whether zeros and StopMove are the last that it was told."""
    stops = sim.requests(STOP_MOVE, since=since)
    return ends_stopped([entry for entry in sim.requests(since=since) if is_move(entry) or entry in stops])


def told_zero(sim: Sim, since: int) -> bool:
    """Whether the last velocity that it was told is zero."""
    return sim.moves(since)[-1:] == [STILL]


def walk_until(
    page: Console, sim: Sim, let_go: Callable[[], Any], stopped: Callable[[Sim, int], bool] = told_to_stop
) -> int:
    """Holds W until the robot walks, and waits for the stop after `let_go`. Returns where that began."""
    since = sim.now()
    page.key("keyDown", "KeyW")
    page.key("keyDown", "KeyW", repeat=True)
    page.wait("walking", lambda: walks(page) and forward(sim, since))
    let_go()
    wait_for("the stop", lambda: stopped(sim, since), LIMIT)
    page.key("keyUp", "KeyW")
    return since


def stays_silent(sim: Sim, seconds: float = 0.7) -> bool:
    """Whether the robot is told nothing more; there is no condition to wait for."""
    so_far = sim.now()
    time.sleep(seconds)
    return sim.now() == so_far


# --- What it shows -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gateway")
def test_the_page_shows_the_robot_and_keeps_the_token_to_itself(page: Console, world: World) -> None:
    page.open(url(world), DRIVE)
    watch(page)
    assert (page.text("driver"), page.text("viewers"), page.text("link")) == ("ROS", "1", "Live")
    assert not page.shown("token-form") and not page.shown("advice") and not page.shown("fault-box")
    assert page.driver.current_url == url(world), "nobody reads it over a shoulder or in the history"
    page.driver.refresh()
    watch(page)
    assert page.complaints() == []


@pytest.mark.usefixtures("gateway")
def test_the_pictures_of_the_docs(page: Console, world: World, sim: Sim, tmp_path: Path) -> None:
    """As somebody sees it who walks the robot, and on a phone. UPDATE_IMAGES=1 makes the pictures of the docs anew."""
    folder = ROOT / "docs" / "images" if "UPDATE_IMAGES" in os.environ else tmp_path
    connect(page, world)
    watch(page)
    take_control(page)
    stand_up(page)
    since = sim.now()
    with page.held("KeyW"):
        page.wait("walking", lambda: walks(page) and forward(sim, since))
        page.screenshot(folder / "console.png")
    wait_for("the stop", lambda: told_to_stop(sim, since))
    page.click("take-control")  # gives it back
    page.wait("ROS to drive", lambda: page.text("driver") == "ROS")
    with chromium(PHONE) as phone:
        connect(phone, world)
        watch(phone)
        take_control(phone)
        phone.screenshot(folder / "console-phone.png")
        assert phone.complaints() == []
    assert page.complaints() == []
    for name, size in (("console", DESKTOP), ("console-phone", PHONE)):
        assert struct.unpack(">II", (folder / f"{name}.png").read_bytes()[16:24]) == size


@pytest.mark.usefixtures("gateway")
def test_a_wrong_token_is_asked_for_again(page: Console, world: World) -> None:
    page.open(url(world), "wrong")
    page.wait_for_state("token")
    assert page.shown("token-form")
    assert "token is wrong" in page.text("message"), "in the gateway's words"
    page.enter("token", DRIVE)
    page.driver.find_element("css selector", "#token-form button").click()
    page.wait_for_state("connected")
    page.wait("the right to drive", lambda: page.driver.find_element("id", "take-control").is_enabled())
    assert not page.shown("token-form")


@pytest.mark.usefixtures("sim")
def test_the_page_comes_back_when_the_node_does(page: Console, world: World, ros: Ros) -> None:
    bridge = shared(world)
    ros.live()
    connect(page, world)
    bridge.kill()
    page.wait_for_state("lost", 60)
    page.wait("what is wrong", lambda: "gateway cannot be reached" in page.text("advice"))
    assert page.text("state").startswith("Lost, trying again in") and page.shown("retry")
    assert not page.driver.find_element("id", "stand-up").is_enabled()
    shared(world)
    page.wait_for_state("connected", 60)
    # The robot frees the place of a client that died when it has not heard of it for a while.
    page.wait("the robot", lambda: page.text("link") == "Live", 60)
    frames = page.frames
    page.wait("pictures", lambda: page.frames >= frames + 10)


# --- What stops the robot ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gateway")
def test_the_robot_walks_while_a_key_is_held(page: Console, world: World, sim: Sim) -> None:
    connect(page, world)
    page.wait("who drives", lambda: page.text("driver") == "ROS")
    page.key("keyDown", "KeyW")
    page.wait("a word about control", lambda: "Take control" in page.text("message"))
    page.key("keyUp", "KeyW")
    assert sim.requests() == [], "nobody has taken control"
    take_control(page)
    stand_up(page)
    since = walk_until(page, sim, lambda: page.key("keyUp", "KeyW"))
    assert {(y, yaw) for _, y, yaw in sim.moves(since)} == {(0.0, 0.0)}
    assert stays_silent(sim)
    # Again at once, and stopped by what may mean that nobody holds the key any more.
    for let_go in (page.lose_focus, lambda: page.key("keyDown", "Space"), lambda: page.click("stop")):
        walk_until(page, sim, let_go)
        page.key("keyUp", "Space")
    assert stays_silent(sim)
    assert page.complaints() == []


@pytest.mark.usefixtures("gateway")
def test_a_finger_on_the_stick_of_a_phone_walks_and_turns_the_robot(world: World, sim: Sim) -> None:
    with chromium(PHONE) as page:
        connect(page, world)
        take_control(page)
        stand_up(page)
        since = sim.now()
        with page.stick(right=-0.6, up=0.6):
            page.wait("an arc", lambda: walks(page) and any(x > 0 and yaw > 0 for x, _, yaw in sim.moves(since)))
        wait_for("the stop", lambda: told_to_stop(sim, since), LIMIT)
        assert stays_silent(sim)


def test_the_robot_stops_when_the_page_crashes(page: Console, world: World, sim: Sim, gateway: Bridge) -> None:
    connect(page, world)
    take_control(page)
    stand_up(page)
    with navigation(world) as driver:
        driver.command = twist(*SIDEWAYS)
        since = sim.now()
        page.key("keyDown", "KeyW")
        page.wait("walking", lambda: walks(page) and forward(sim, since))
        page.kill()
        crashed = time.time()
        wait_for("the stop", lambda: told_to_stop(sim, since), LIMIT)
        zero = next(entry for entry in sim.walks(since) if velocity(entry) == STILL)
        assert zero["t"] - crashed < STALE
        # The page had control until it lapsed; after that ROS has to let go of what it went on to send.
        wait_for("the lapse", lambda: "loses it" in gateway.output() or "given control back" in gateway.output(), LIMIT)
        assert SIDEWAYS not in sim.moves(since)
        driver.stop_publishing()
        time.sleep(0.5)
        driver.command = twist(*SIDEWAYS)
        wait_for("walking by ROS", lambda: SIDEWAYS in sim.moves(since), LIMIT)


def test_straight_to_the_robot_a_page_that_is_left_stops_it(page: Console, world: World, sim: Sim) -> None:
    direct(world)
    page.open(url(world), DRIVE)
    watch(page)
    assert not page.shown("take-control") and page.text("link") == "Direct"
    stand_up(page)
    walk_until(page, sim, lambda: page.key("keyUp", "KeyW"))
    assert stays_silent(sim)
    assert page.complaints() == []
    # Of zeros and StopMove a browser that leaves the page may send no more than the first before it ends the connection.
    walk_until(page, sim, lambda: page.driver.get("about:blank"), told_zero)


def test_what_a_crash_leaves_to_the_robot_where_nobody_is_between(
    page: Console, world: World, ros: Ros, sim: Sim
) -> None:
    """As docs/how-to/browser.md says: nothing is sent; the simulated robot, like the worst of the real ones, goes on."""
    direct(world)
    connect(page, world)
    stand_up(page)
    since = sim.now()
    page.key("keyDown", "KeyA")
    page.wait("a turn", lambda: walks(page) and any(yaw > 0 for _, _, yaw in sim.moves(since)))
    page.kill()
    wait_for("the end of the session", lambda: sim.entries("closed"), 60)
    assert sim.entries("closed")[0]["reason"] == "no heartbeat"
    assert STILL not in sim.moves(since) and not sim.requests(STOP_MOVE, since=since)
    world.bridge()
    ros.live()
    assert ros.hear(Odometry, "odom").twist.twist.angular.z > 0.2
    assert ros.trigger("stop") == (True, ""), "the next client can stop it"


# --- Who drives ----------------------------------------------------------------------------------------------------


def test_a_viewer_takes_over_from_ros_and_ros_has_to_let_go(
    page: Console, world: World, ros: Ros, sim: Sim, gateway: Bridge
) -> None:
    connect(page, world)
    assert ros.trigger("balance_stand") == (True, "")
    with navigation(world) as driver:
        driver.command = twist(*SIDEWAYS)
        wait_for("walking by ROS", lambda: SIDEWAYS in sim.moves())
        since = sim.now()
        take_control(page)
        wait_for("the stop", lambda: told_to_stop(sim, since))
        assert stays_silent(sim), "cmd_vel goes on and is ignored"
        assert "cmd_vel is ignored" in gateway.output()
        since = walk_until(page, sim, lambda: page.key("keyUp", "KeyW"))
        page.key("keyDown", "KeyW")
        wait_for("walking again", lambda: sim.moves(since)[-1][0] > 0, LIMIT)
        page.click("take-control")  # gives it back
        wait_for("the stop", lambda: told_to_stop(sim, since))
        page.key("keyUp", "KeyW")
        page.wait("ROS at the helm", lambda: page.text("driver") == "ROS")
        assert stays_silent(sim), "nobody has looked whether ROS still wants that"
        assert SIDEWAYS not in sim.moves(since)
        driver.command = twist()
        time.sleep(0.5)
        driver.command = twist(*SIDEWAYS)
        wait_for("walking by ROS", lambda: SIDEWAYS in sim.moves(since))


def test_a_viewer_that_takes_control_calls_off_an_action_that_is_asked_for_again(
    page: Console, world: World, ros: Ros
) -> None:
    """In the first ten seconds a standing robot refuses actions, which are tried again: not once somebody else drives."""
    shared(world)
    # Before the robot is there, so that its first seconds are not over when the page is.
    connect(page, world)
    page.wait("the right to drive", lambda: page.driver.find_element("id", "take-control").is_enabled())
    sim = world.sim("--not-ready-for", "10")
    ros.live()
    assert ros.trigger("balance_stand") == (True, "")
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.31)
    client = ros.node.create_client(Trigger, "/go2_bridge/hello")
    ros.until("the service", client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    ros.until("two tries", lambda: len(sim.requests(HELLO)) >= 2)
    page.click("take-control")
    ros.until("the answer", answer.done)
    success, message = answer.result().success, answer.result().message
    assert not success and "not ready for it yet" in message
    assert message.endswith("after a change of who drives it is not asked again"), message
    tries = len(sim.requests(HELLO))
    # Beyond the time from which on it would be taken.
    ros.spin_for(10.5)
    assert len(sim.requests(HELLO)) == tries and {entry["code"] for entry in sim.requests(HELLO)} == {3203}


@pytest.mark.usefixtures("gateway")
def test_one_viewer_has_control_until_it_lapses(page: Console, world: World, sim: Sim) -> None:
    with chromium() as other:
        connect(page, world)
        connect(other, world)
        taken = time.monotonic()
        take_control(page)
        other.wait("somebody else at the helm", lambda: other.text("driver") == "Another viewer")
        other.click("take-control")
        other.wait("a refusal", lambda: "another viewer has control" in other.text("message"))
        other.key("keyDown", "KeyW")
        other.wait("a word about control", lambda: "Take control" in other.text("message"))
        other.key("keyUp", "KeyW")
        assert not any(map(any, sim.moves()))
        # Whoever may drive can stop the robot at any time.
        since = sim.now()
        other.click("stop")
        other.wait("the stop", lambda: other.text("message") == "Stop: done.")
        assert sim.requests(STOP_MOVE, since=since)
        assert page.text("driver") == "You", "and nobody has lost control by that"
        page.wait("the lapse", lambda: page.text("driver") == "ROS")
        assert time.monotonic() - taken >= 9.5
        take_control(other)
        page.wait("somebody else at the helm", lambda: page.text("driver") == "Another viewer")


@pytest.mark.usefixtures("gateway")
def test_who_may_only_watch_commands_nothing(page: Console, world: World, sim: Sim) -> None:
    page.open(url(world), WATCH)
    watch(page)
    page.wait("the form for a token", lambda: page.shown("token-form"))
    for button in ("take-control", "stand-up", "lie-down", "damp"):
        assert not page.driver.find_element("id", button).is_enabled()
    page.key("keyDown", "KeyW")
    page.wait("why not", lambda: "not drive" in page.text("message"))
    page.key("keyUp", "KeyW")
    page.click("stop")
    page.wait("that it did not stop", lambda: "only watch" in page.text("message"))
    assert sim.requests() == []
    assert page.complaints() == []


@pytest.mark.usefixtures("gateway")
def test_a_hold_of_one_viewer_is_seen_by_all_and_keeps_everybody_from_walking(
    page: Console, world: World, ros: Ros, sim: Sim
) -> None:
    assert ros.trigger("balance_stand") == (True, "")
    with chromium() as other:
        connect(page, world)
        other.open(url(world), WATCH)
        other.wait_for_state("connected")
        page.wait("the button", lambda: page.driver.find_element("id", "hold").is_enabled())
        page.click("hold")
        page.wait("the hold", lambda: page.text("message") == "Hold: done.")
        for each in (page, other):
            each.wait("a word about it", lambda each=each: "nobody walks it" in each.text("advice"))
            assert each.text("hold") == "Release hold"
        assert not other.driver.find_element("id", "hold").is_enabled(), "who only watches releases nothing"
        take_control(page)
        since = sim.now()
        page.key("keyDown", "KeyW")
        page.wait("why not", lambda: "The robot is held" in page.text("message"))
        page.key("keyUp", "KeyW")
        assert not forward(sim, since)
        # By whoever, and in front of a page that does not ask.
        assert ros.call(SetBool, "/go2_bridge/hold", SetBool.Request(data=False)).success
        other.wait("the release", lambda: other.text("hold") == "Hold" and not other.shown("advice"))
        page.wait("the release", lambda: page.text("hold") == "Hold")
        page.wait("a robot that stands", lambda: "ready to walk" in page.text("mode"))
        since = walk_until(page, sim, lambda: other_hold(ros))
        page.wait("the hold", lambda: page.text("hold") == "Release hold")
        page.click("hold")
        page.wait("the release", lambda: page.text("message") == "Release hold: done.")
    assert page.complaints() == []


def other_hold(ros: Ros) -> None:
    """Somebody beside the pages holds the robot."""
    assert ros.call(SetBool, "/go2_bridge/hold", SetBool.Request(data=True)).success


@pytest.mark.usefixtures("gateway")
def test_stop_in_the_console_ends_a_mode_that_walks_by_itself(page: Console, world: World, ros: Ros, sim: Sim) -> None:
    connect(page, world)
    take_control(page)
    stand_up(page)
    for driver in ("You", "ROS"):
        if driver == "ROS":
            page.click("take-control")  # gives it back
            page.wait("ROS at the helm", lambda: page.text("driver") == "ROS")
        assert ros.call(SetBool, "/go2_bridge/lead_follow", SetBool.Request(data=True)).success
        page.wait("following", lambda: page.text("mode") == "Following")
        since = sim.now()
        page.click("stop")
        told = page.wait("the end of it", lambda since=since: sim.requests(LEAD_FOLLOW, since=since))
        assert [entry["parameter"] for entry in told] == ['{"data":false}'], driver
        page.wait("the answer", lambda: page.text("message") == "Stop: done.")
        page.wait("a robot that stands", lambda: "ready to walk" in page.text("mode"))


# --- Several at once -----------------------------------------------------------------------------------------------


def rates(ros: Ros, *topics: Heard, seconds: float = 4.0) -> list[float]:
    """Messages a second of each."""
    for heard in topics:
        heard.clear()
    start = time.monotonic()
    ros.spin_for(seconds)
    return [len(heard.messages) / (time.monotonic() - start) for heard in topics]


@pytest.mark.usefixtures("gateway")
def test_a_viewer_that_never_reads_holds_up_nobody(page: Console, world: World, ros: Ros) -> None:
    odometry = ros.listen(Odometry, "odom")
    connect(page, world)
    with chromium() as stuck:
        connect(stuck, world, WATCH)
        watch(stuck)
        page.wait("both", lambda: page.text("viewers") == "2")
        with stuck.frozen():
            odometry.clear()
            frames, start = page.frames, time.monotonic()
            page.wait("the other to be dropped", lambda: page.text("viewers") == "1", 60)
            ros.spin_for(0.5)
            took = time.monotonic() - start
            # Nobody spins while the page is looked at, and the queue of the subscription holds ten.
            ros.until("poses that go on", lambda: len(odometry.messages) > 20)
            assert page.frames - frames > 8 * took


@pytest.mark.usefixtures("gateway")
def test_two_browsers_and_ros_see_the_robot_at_once(page: Console, world: World, ros: Ros) -> None:
    odometry = ros.listen(Odometry, "odom")
    video = ros.listen(CompressedVideo, "camera/video")
    page.open(url(world), DRIVE)
    watch(page)
    with chromium() as other:
        other.open(url(world), WATCH)
        watch(other)
        page.wait("two viewers", lambda: page.text("viewers") == other.text("viewers") == "2")
        frames = page.frames, other.frames
        of_odometry, of_video = rates(ros, odometry, video)
        assert of_odometry > 12 and of_video > 8
        assert page.frames > frames[0] + 20 and other.frames > frames[1] + 20
        other.driver.get("about:blank")
    page.wait("one viewer", lambda: page.text("viewers") == "1")
    alone = page.frames
    of_odometry, of_video = rates(ros, odometry, video)
    assert of_odometry > 12 and of_video > 8
    assert page.frames > alone + 20 and page.state == "connected"


# --- A page that is not the console --------------------------------------------------------------------------------


class First:
    """The page of the first browser client, of another origin than the gateway."""

    def __init__(self, page: Console, world: World, origin: str, token: str) -> None:
        self._page = page
        self._ids = itertools.count(1)
        page.driver.get(f"{origin}/original.html?" + urlencode({"token": token, "ip": world.address, "port": PORT}))

    def seen(self, what: str) -> list[Any]:
        """What came so far."""
        found = self._page.run("return window.seen")
        if found is None:
            return []  # the page is not there yet
        assert found["error"] is None, found
        return list(found[what])

    def pictures(self) -> int:
        """How many the video has shown."""
        count = "return document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"
        return int(self._page.run(count))

    def is_served(self) -> None:
        """Waits until all has come that such a page is used to."""
        wait = self._page.wait
        wait("a connection", lambda: self.seen("states")[-1:] == ["connected"])
        wait("state messages", lambda: self.seen("topics").count("rt/lf/lowstate") >= 2)
        wait("echoes", lambda: self.seen("types").count("heartbeat") >= 2)
        first = wait("pictures", self.pictures)
        wait("ten pictures more", lambda: self.pictures() >= first + 10)

    def say(self, kind: str, topic: str, data: Any) -> None:
        """Sends a message as it is."""
        self._page.run("window.say(...arguments)", kind, topic, data)

    def ask(self, api_id: int, parameter: Any = None, service: str = "sport") -> tuple[int, str]:
        """Status and data of the answer to a request."""
        identity = {"id": next(self._ids), "api_id": api_id}
        text = "" if parameter is None else json.dumps(parameter)
        self.say("req", f"rt/api/{service}/request", {"header": {"identity": identity}, "parameter": text})

        def answers() -> list[Any]:
            return [answer for answer in self.seen("answers") if answer["data"]["header"]["identity"] == identity]

        (answer,) = self._page.wait("the answer", answers)
        assert answer["topic"] == f"rt/api/{service}/response"
        return answer["data"]["header"]["status"]["code"], answer["data"].get("data", "")

    def walk_on(self, parameter: dict[str, float]) -> None:
        """Asks for the same Move 20 times a second from now on."""
        data = {"header": {"identity": {"id": 0, "api_id": MOVE}}, "parameter": json.dumps(parameter)}
        repeat = "setInterval((data) => window.say('req', 'rt/api/sport/request', data), 50, arguments[0])"
        self._page.run(repeat, data)

    def was_told(self, code: int, words: str) -> bool:
        """Whether an answer said so."""
        answers = [answer["data"] for answer in self.seen("answers")]
        return any(each["header"]["status"]["code"] == code and words in each["data"] for each in answers)


def test_the_first_client_is_served_by_the_robot(page: Console, world: World, sim: Sim, tmp_path: Path) -> None:
    with elsewhere(world, tmp_path) as origin:
        direct(world, "--allow-origin", origin)
        first = First(page, world, origin, DRIVE)
        first.is_served()
        assert first.ask(RECOVERY_STAND)[0] == 0
    assert sim.entries("validated") and sim.requests(RECOVERY_STAND)


def reported(diagnostics: Heard) -> dict[str, str]:
    """What the node's diagnostics say of the gateway."""
    if not diagnostics.messages:
        return {}
    (status,) = [status for status in diagnostics.last.status if status.name.endswith(": gateway")]
    return {entry.key: entry.value for entry in status.values}


def test_the_first_client_is_served_by_the_node(
    page: Console, world: World, ros: Ros, sim: Sim, tmp_path: Path
) -> None:
    still, walk = {"x": 0, "y": 0, "z": 0}, {"x": 0.2, "y": 0, "z": 0}
    with elsewhere(world, tmp_path) as origin:
        shared(world, f"gateway_origins:={origin}")
        ros.live()
        diagnostics = ros.listen(DiagnosticArray, "/diagnostics")
        First(page, world, origin, WATCH).is_served()
        first = First(page, world, origin, WATCH)
        first.is_served()
        for api_id, parameter in ((MOVE, walk), (STOP_MOVE, None), (DAMP, None), (RECOVERY_STAND, None)):
            code, words = first.ask(api_id, parameter)
            assert code == 9001 and "only watch" in words, words
        assert first.ask(TAKE, service="gateway")[0] == 9001
        first.say("msg", "rt/wirelesscontroller", {"lx": 0, "ly": 1, "rx": 0, "ry": 0, "keys": 0})
        assert first.ask(RECOVERY_STAND)[0] == 9001, "after which that has come"
        assert sim.requests() == [] and sim.entries("sticks") == []

        first = First(page, world, origin, DRIVE)
        first.is_served()
        code, words = first.ask(MOVE, walk)
        assert code == 9002 and "take control" in words
        assert first.ask(TAKE, service="gateway") == (0, "")
        wait_for("the stop by that", lambda: told_to_stop(sim, 0))
        code, words = first.ask(MOVE, walk)
        assert code == 9003 and "~/recovery_stand" in words, "it is limp or lies"
        assert first.ask(RECOVERY_STAND)[0] == 0
        code, words = first.ask(1002, {"name": "normal"}, "motion_switcher")
        assert code == 7004 and words.startswith("not sent: the robot is in motion mode mcf"), words
        assert first.ask(1003, service="motion_switcher")[0] == 7004
        assert sim.requests(of="motion_switcher") == []
        odometry = ros.listen(Odometry, "odom")
        ros.until("it to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.33)
        assert first.ask(MOVE, {"x": "fast"})[0] == 9003
        assert first.ask(MOVE, still)[0] == 0
        since = sim.now()
        assert first.ask(MOVE, walk)[0] == 0
        wait_for("walking", lambda: (0.2, 0.0, 0.0) in sim.moves(since))
        # Nothing more comes, and the node has its own rule about that.
        wait_for("the stop", lambda: told_to_stop(sim, since))
        ros.until("who drives", lambda: reported(diagnostics).get("driver") == "viewer")
        assert int(reported(diagnostics)["viewers"]) >= 1
        since = sim.now()
        first.walk_on(walk)
        wait_for("walking", lambda: (0.2, 0.0, 0.0) in sim.moves(since))
        assert ros.trigger("stop") == (True, "")
        page.wait("why it does not walk", lambda: first.was_told(9003, "told to stop"))
