"""What goes wrong with the robot, one thing after the other: what the node says of it, and that it recovers."""

from __future__ import annotations

import itertools
import re
import time
from statistics import median
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry
from sensor_msgs.msg import LaserScan, PointCloud2
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from dog import LATCHED, Bridge, Control, Driver, Heard, Ros, Sim, World, twist, wait_for

OK, WARN, ERROR, STALE = (
    bytes(level)[0]
    for level in (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE)
)
# Longer than the longest that a robot has us wait: 12 s after a 429, and a quarter more.
PATIENCE = 40.0


class Watch:
    """What the node says of itself and of the robot."""

    def __init__(self, ros: Ros) -> None:
        self.ros = ros
        self.states = ros.listen(String, "/go2_bridge/link_state", LATCHED)
        self.diagnostics = ros.listen(DiagnosticArray, "/diagnostics")
        self.odometry = ros.listen(Odometry, "odom")
        self._from = 0

    def clear(self) -> None:
        """Forgets what was said so far, except for the state that the link is in."""
        self._from = len(self.states.messages)
        self.diagnostics.clear()
        self.odometry.clear()

    @property
    def state(self) -> str:
        """What the link says now."""
        return str(self.states.last.data) if self.states.messages else ""

    @property
    def since(self) -> list[str]:
        """What the link has said since."""
        return [message.data for message in self.states.messages[self._from :]]

    def said(self, name: str, sentence: str = "") -> bool:
        """Whether the link was in a state since, as it said in one message."""
        return any(text.partition(":")[0] == name and sentence in text for text in self.since)

    def names(self) -> set[str]:
        """The states of the link since."""
        return {text.partition(":")[0] for text in [*self.since, self.state]}

    def entries(self, part: str) -> list[DiagnosticStatus]:
        """The diagnostics of a part since."""
        statuses = [status for message in self.diagnostics.messages for status in message.status]
        return [status for status in statuses if status.name == f"/go2_bridge: {part}"]

    def reported(self, part: str, level: int, sentence: str = "") -> bool:
        """Whether the diagnostics of a part were at a level since."""
        return any(bytes(entry.level)[0] == level and sentence in entry.message for entry in self.entries(part))

    def value(self, part: str, key: str) -> int:
        """A number of the latest report."""
        entries = self.entries(part)
        return int(next((pair.value for pair in entries[-1].values if pair.key == key), 0)) if entries else 0

    def says(self, name: str, sentence: str = "") -> None:
        """Waits until the link has been in a state."""
        self.ros.until(f"the link to be {name} ({sentence})", lambda: self.said(name, sentence), PATIENCE)

    def reports(self, part: str, level: int, sentence: str = "") -> None:
        """Waits until diagnostics have said that."""
        what = f"{part} at level {level} ({sentence})"
        self.ros.until(what, lambda: self.reported(part, level, sentence), PATIENCE)

    def is_well(self) -> None:
        """Waits until the link is live, the robot is heard, and diagnostics are content with the link."""
        self.ros.until("the link to be live", lambda: self.state == "live", PATIENCE)
        self.odometry.clear()
        self.diagnostics.clear()
        self.ros.until("odometry", lambda: len(self.odometry.messages) > 5)
        self.reports("link", OK, "live")


@pytest.fixture
def sim(world: World) -> Sim:
    """A robot that takes orders, and notices soon that a client is gone."""
    return world.sim("--control-port", "0", "--lost-after", "4")


@pytest.fixture
def control(sim: Sim) -> Control:
    """Has things go wrong with it."""
    return sim.control()


@pytest.fixture
def watch(ros: Ros) -> Watch:
    """Looks on from before the node is there."""
    return Watch(ros)


@pytest.fixture
def live(bridge: Bridge, watch: Watch) -> Bridge:
    """The node in a session in which all is well."""
    watch.is_well()
    watch.clear()
    return bridge


# --- Signaling -----------------------------------------------------------------------------------------------------

# How each step fails, and what the link says then.
SIGNALING: list[tuple[Any, str, str]] = [
    ({"notify": {"status": 404}}, "backing_off", "status 404"),
    ({"notify": {"status": 429}}, "throttled", "429"),
    ({"notify": {"status": 500}}, "backing_off", "status 500"),
    ({"notify": {"status": 504}}, "backing_off", "504"),
    ({"notify": "hangup"}, "backing_off", "con_notify to the robot failed"),
    ({"notify": "silence"}, "backing_off", "con_notify to the robot failed"),
    ({"notify": "slow"}, "backing_off", "con_notify to the robot failed"),
    ({"notify": "endless"}, "backing_off", "longer than"),
    ({"notify": "not_base64"}, "backing_off", "not base64"),
    ({"notify": "not_json"}, "backing_off", "not the JSON object"),
    ({"notify": "too_short"}, "backing_off", "too short"),
    ({"notify": {"key_bits": 512}}, "backing_off", "RSA key"),
    ({"notify": {"key_bits": 16384}}, "backing_off", "RSA key"),
    ({"notify": "huge_exponent"}, "backing_off", "RSA key"),
    ({"offer": {"status": 404}}, "backing_off", "status 404"),
    ({"offer": {"status": 429}}, "throttled", "429"),
    ({"offer": {"status": 500}}, "backing_off", "status 500"),
    ({"offer": {"status": 504}}, "backing_off", "504"),
    ({"offer": "hangup"}, "backing_off", "the offer to the robot failed"),
    ({"offer": "silence"}, "backing_off", "the offer to the robot failed"),
    ({"offer": "slow"}, "backing_off", "the offer to the robot failed"),
    ({"offer": "endless"}, "backing_off", "longer than"),
    ({"offer": "empty"}, "backing_off", "it is empty"),
    ({"offer": "undecryptable"}, "backing_off", "cannot be decrypted"),
    ({"offer": "truncated"}, "backing_off", "cut off"),
    ({"offer": "no_candidate"}, "backing_off", "no candidate"),
    ({"offer": "reject"}, "busy", "one client at a time"),
    ("busy", "busy", "one client at a time"),
    ({"validation": "refuse"}, "backing_off", "refuses this client"),
    ({"validation": "silent"}, "backing_off", "did not finish"),
]
# What a person has to mend, here or at the robot.
FOR_A_PERSON: list[tuple[Any, str, str]] = [
    ({"notify": {"status": 403}}, "refused", "aes_128_key"),
    ({"offer": {"status": 403}}, "refused", "aes_128_key"),
    ({"notify": "unknown_data2"}, "refused", "data2=9"),
]


@pytest.mark.parametrize(("mishap", "state", "sentence"), SIGNALING, ids=lambda value: str(value))
def test_a_session_that_cannot_begin_begins_later(
    world: World, control: Control, watch: Watch, mishap: Any, state: str, sentence: str
) -> None:
    begun = control.begin(mishap)
    bridge = world.bridge()
    watch.says(state, sentence)
    assert control.felt(begun) and "live" not in watch.names()
    watch.reports("link", ERROR, sentence)
    control.end(begun)
    watch.is_well()
    assert bridge.running()


@pytest.mark.parametrize(("mishap", "state", "sentence"), FOR_A_PERSON, ids=lambda value: str(value))
def test_what_a_person_has_to_mend_is_looked_at_slowly(
    world: World, sim: Sim, control: Control, watch: Watch, mishap: Any, state: str, sentence: str
) -> None:
    begun = control.begin(mishap, times=1)
    bridge = world.bridge()
    watch.says(state, sentence)
    assert control.over(begun) and "next attempt in 30" in watch.state
    watch.reports("link", ERROR, sentence)
    exchanges = len(sim.entries("http"))
    watch.ros.spin_for(2.0)
    assert len(sim.entries("http")) == exchanges and watch.state.startswith(state)
    # The right robot is there again.
    watch.is_well()
    assert bridge.running()


def test_after_a_lost_session_a_busy_robot_is_asked_until_it_is_free(
    live: Bridge, ros: Ros, sim: Sim, control: Control, watch: Watch
) -> None:
    """It keeps the slot of a client that was lost; nobody else is there."""
    driver = Driver(ros, twist(0.3))
    ros.until("it to walk", sim.walks)
    busy = control.begin("busy")
    control.begin("blackhole", for_=10)
    watch.says("busy", "just lost")
    ros.until("more attempts", lambda: len(sim.entries("busy")) >= 4)
    asked = [entry["t"] for entry in sim.entries("busy")]
    assert max(later - before for before, later in itertools.pairwise(asked)) < 4.0, asked
    control.end(busy)
    ended = time.monotonic()
    ros.until("the link to be live", lambda: watch.state == "live", PATIENCE)
    assert time.monotonic() - ended < 6.0
    # Whoever drives has to let go first, as after every lost session.
    walked = sim.now()
    driver.command = twist(0.0)
    ros.spin_for(0.5)
    driver.command = twist(0.3)
    ros.until("it to walk again", lambda: any(x > 0 for x, _, _ in sim.moves(since=walked)))
    assert live.running()


def test_an_offer_that_is_never_answered_hints_at_the_robots_clock(
    world: World, control: Control, watch: Watch
) -> None:
    """A robot whose clock is at 1970 answers the request for the key, and then nothing."""
    silence = control.begin({"offer": "silence"})
    world.bridge()
    hint = "whose clock is wrong"
    watch.says("backing_off", hint)
    watch.reports("link", ERROR, hint)
    control.end(silence)
    watch.is_well()


def test_a_slot_that_stays_busy_is_asked_for_with_pauses_until_it_is_free(world: World, ros: Ros) -> None:
    """Robots keep the slot of a client that is gone for 10 to 20 s."""
    sim = world.sim("--heartbeat-timeout", "18", "--lost-after", "18")
    watch = Watch(ros)
    first = world.bridge()
    watch.is_well()
    first.kill()
    watch.clear()
    world.bridge()
    watch.says("busy", "one client at a time")
    watch.reports("link", ERROR, "one client at a time")
    watch.is_well()
    refused = [entry["t"] for entry in sim.entries("busy")]
    assert 1 <= len(refused) <= 3, refused
    # Asking as often as for a robot that is not there would be once a second.
    assert all(after - before > 9.0 for before, after in itertools.pairwise(refused)), refused


def test_a_robot_that_throttles_after_a_session(live: Bridge, control: Control, watch: Watch) -> None:
    throttled = control.begin({"throttled": 3.0})
    control.begin("close_channel", times=1)
    watch.says("throttled", "429")
    assert control.felt(throttled)
    control.end(throttled)
    watch.is_well()
    assert live.running()


# --- In session ----------------------------------------------------------------------------------------------------


def test_a_mute_robot(live: Bridge, control: Control, watch: Watch) -> None:
    mute = control.begin("mute")
    watch.says("stale")
    watch.reports("link", ERROR, "stale")
    watch.says("backing_off", "silent")
    watch.odometry.clear()
    control.end(mute)
    watch.is_well()
    assert live.running()


@pytest.mark.usefixtures("live")
def test_heartbeats_without_an_echo_end_no_session_that_is_heard(control: Control, watch: Watch) -> None:
    """State still comes, and so the robot is there; it hears the heartbeats, or it would drop its client."""
    muted = control.begin("mute_heartbeat", for_=6)
    watch.ros.until("its end", lambda: control.over(muted))
    assert control.felt(muted) and watch.names() <= {"live"}
    watch.is_well()
    assert watch.value("link", "sessions") == 1


FROZEN: list[tuple[str, str, Any, str]] = [
    ("state", "stream rt/utlidar/robot_pose", Odometry, "odom"),
    ("lidar", "lidar", PointCloud2, "points"),
    ("video", "camera", CompressedVideo, "camera/video"),
    ("all", "lidar", PointCloud2, "points"),
]


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(("streams", "part", "kind", "topic"), FROZEN)
def test_streams_that_stand_still(
    ros: Ros, control: Control, watch: Watch, streams: str, part: str, kind: Any, topic: str
) -> None:
    heard = ros.listen(kind, topic)
    ros.until(f"a message on {topic}", lambda: heard.messages)
    watch.clear()
    frozen = control.begin({"freeze": streams})
    ros.until("the stream to stand still", lambda: control.felt(frozen))
    watch.says("degraded")
    watch.reports(part, ERROR, "nothing has come for")
    heard.clear()
    ros.spin_for(1.0)
    assert not heard.messages, "what stands still is not repeated"
    control.end(frozen)
    ros.until(f"{topic} again", lambda: heard.messages)
    ros.until("the link to be live", lambda: watch.state == "live")
    watch.diagnostics.clear()
    watch.reports(part, OK)
    assert watch.value("link", "sessions") == 1


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(("failure", "sentence"), [("dead", "error 6"), ("no_frames", "says that it is well")])
def test_a_lidar_that_needs_a_power_cycle(
    ros: Ros, sim: Sim, control: Control, watch: Watch, failure: str, sentence: str
) -> None:
    heard = ros.listen(PointCloud2, "points")
    ros.until("a cloud", lambda: heard.messages)
    broken = control.begin({"lidar": failure})
    watch.reports("lidar", ERROR, sentence)
    watch.ros.until("what helps", lambda: "power-cycle" in watch.entries("lidar")[-1].message)
    control.end(broken)
    heard.clear()
    ros.until("clouds again", lambda: heard.messages)
    watch.diagnostics.clear()
    watch.reports("lidar", OK)
    assert watch.value("link", "sessions") == 1


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("garbage", ["json", "numbers", "utf8", "truncated"])
def test_bad_messages_are_counted_and_nothing_else(control: Control, watch: Watch, garbage: str) -> None:
    def bad() -> int:
        return watch.value("link", "malformed messages") + watch.value("link", "dropped messages")

    watch.ros.until("diagnostics", lambda: watch.entries("link"))
    before = bad()
    begun = control.begin({"garble": garbage})
    watch.ros.until("them to be counted", lambda: bad() > before + 20)
    assert watch.names() <= {"live"}
    control.end(begun)
    watch.is_well()
    assert watch.value("link", "sessions") == 1


def test_a_message_too_long_for_anybody(live: Bridge, control: Control, watch: Watch) -> None:
    control.begin({"garble": "oversized"}, times=1)
    watch.ros.spin_for(3.0)
    watch.is_well()
    assert live.running() and watch.value("link", "sessions") <= 2


@pytest.mark.parametrize(
    ("mishap", "span"),
    [
        ("close_channel", {"times": 1}),
        ("crash", {"for_": 0.5}),
        ("crash", {"for_": 6}),
        ("blackhole", {"for_": 10}),
    ],
    ids=str,
)
def test_sessions_that_are_lost_are_made_anew(
    live: Bridge, control: Control, watch: Watch, mishap: str, span: dict[str, float]
) -> None:
    began = time.monotonic()
    lost = control.begin(mishap, **span)
    watch.says("backing_off")
    # 1.5 s of silence are stale; 8 s end the session, and some more on a busy machine.
    assert time.monotonic() - began < 13.0
    if mishap != "close_channel":
        assert watch.said("stale"), "silence is told before it ends the session"
        watch.reports("link", ERROR)
        watch.reports("stream rt/utlidar/robot_pose", STALE)
    watch.ros.until("its end", lambda: control.over(lost))
    assert control.felt(lost)
    watch.odometry.clear()
    watch.is_well()
    assert live.running() and watch.value("link", "sessions") == 2


def test_a_short_blackhole_is_not_the_end(live: Bridge, control: Control, watch: Watch) -> None:
    hole = control.begin("blackhole", for_=2)
    watch.ros.until("its end", lambda: control.over(hole))
    watch.is_well()
    # What was lost is sent again later and later: streams may take a while longer than that.
    assert watch.names() <= {"live", "stale", "degraded"} and watch.value("link", "sessions") == 1
    assert live.running()


def test_a_robot_that_is_killed_and_starts_again(live: Bridge, world: World, sim: Sim, watch: Watch) -> None:
    sim.kill()
    watch.says("stale")
    watch.says("backing_off")
    watch.clear()
    world.sim()
    watch.ros.until("another session", lambda: watch.since)
    watch.is_well()
    assert live.running()


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("seconds", [5.0, -3600.0, 86400.0])
def test_a_clock_that_jumps(control: Control, watch: Watch, seconds: float) -> None:
    jumped = control.begin({"clock": seconds})
    for end in (lambda: None, lambda: control.end(jumped)):
        end()
        watch.odometry.clear()
        watch.ros.until("odometry", lambda: len(watch.odometry.messages) > 40)
        # After a moment in which the model of the clock finds out.
        late = [abs(stamp_of(message) - time.time()) for message in watch.odometry.messages[-3:]]
        assert max(late) < 3.0, late
    assert watch.names() <= {"live"}
    assert watch.value("link", "sessions") == 1


@pytest.mark.parametrize("seconds", [-0.6, -2.0, 0.6])
def test_a_clock_that_is_set_is_followed_within_three_seconds(
    live: Bridge, control: Control, watch: Watch, seconds: float
) -> None:
    scan, tf = watch.ros.listen(LaserScan, "scan"), watch.ros.listen(TFMessage, "/tf")
    # In the first five seconds any stamp may correct the model, and none is told as a step.
    watch.ros.until("scans for six seconds", lambda: len(scan.messages) > 46)
    began = time.monotonic()
    control.begin({"clock": seconds})
    watch.ros.spin_for(3.0)
    for heard in (watch.odometry, scan, tf):
        heard.clear()
    watch.ros.until("scans and odometry", lambda: len(scan.messages) > 5 and len(watch.odometry.messages) > 20)
    assert time.monotonic() - began < 10, "scans go on"
    # The middle one, since this machine may be late as well.
    for heard in (watch.odometry, scan):
        late = median(received_late(heard, i) for i in range(len(heard.messages)))
        assert abs(late) < 0.2, late
    stamps = [stamp_of(each) for message in tf.messages for each in message.transforms[:1]]
    assert stamps == sorted(stamps), "TF never runs backward"
    way = "back" if seconds < 0 else "forward"
    watch.reports("stream rt/utlidar/robot_pose", WARN, f"the robot's clock was set {way} by")
    told = wait_for("the log line", lambda: re.search(f"the robot's clock was set {way} by ([0-9.]+) s", live.output()))
    assert float(told[1]) == pytest.approx(abs(seconds), abs=0.1)


@pytest.mark.usefixtures("live")
def test_state_in_bursts(control: Control, watch: Watch) -> None:
    bursts = control.begin({"bursts": 2.5})
    watch.ros.until("a burst", lambda: burst(watch.odometry), PATIENCE)
    watch.says("stale")
    control.end(bursts)
    watch.is_well()
    assert watch.names() <= {"live", "stale"} and watch.value("link", "sessions") == 1


def received_late(heard: Heard, index: int) -> float:
    """Seconds from a message's stamp to its receipt."""
    # Heard keeps monotonic times, stamps are of the system's clock.
    received = heard.times[index] + time.time() - time.monotonic()
    return received - stamp_of(heard.messages[index])


def stamp_of(message: Any) -> float:
    """Seconds since 1970."""
    return float(message.header.stamp.sec + message.header.stamp.nanosec / 1e9)


def burst(heard: Heard) -> bool:
    """Whether many messages came at once after a pause."""
    times = heard.times
    gaps = [index for index in range(1, len(times)) if times[index] - times[index - 1] > 1.5]
    return any(sum(times[gap] <= t < times[gap] + 0.5 for t in times) > 15 for gap in gaps)


# --- A script ------------------------------------------------------------------------------------------------------


def test_mishaps_by_script(world: World, watch: Watch) -> None:
    script = world.directory / "mishaps.jsonl"
    script.write_text(
        "# Once, and then a robot like any other.\n"
        '{"at": 0, "begin": {"notify": {"status": 504}}, "times": 1}\n'
        '{"at": 9, "begin": "crash", "for": 1}\n'
    )
    world.sim("--mishaps", str(script))
    world.bridge()
    watch.says("backing_off", "504")
    watch.is_well()
    watch.ros.until("the crash", lambda: watch.state != "live", PATIENCE)
    watch.is_well()


def test_a_script_that_is_wrong_says_where(world: World) -> None:
    script = world.directory / "mishaps.jsonl"
    script.write_text('\n{"at": 0, "begin": "blackhol"}\n')
    with pytest.raises(AssertionError, match="line 2.*blackhol"):
        world.sim("--mishaps", str(script))
