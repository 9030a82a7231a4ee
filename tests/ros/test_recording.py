"""Recordings: made beside a robot, and played in place of one.

UPDATE_RECORDINGS=digests writes down anew what the shipped recording gives, where that was changed on purpose;
UPDATE_RECORDINGS=all makes the recording itself anew as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
from array import array
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry
from sensor_msgs.msg import (
    BatteryState,
    CameraInfo,
    CompressedImage,
    Image,
    Imu,
    JointState,
    Joy,
    LaserScan,
    PointCloud2,
)
from std_msgs.msg import String
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage

from dog import LATCHED, ROOT, Bridge, Driver, Ros, World, twist

WALK = ROOT / "tests" / "recordings" / "walk.mcap"
DIGESTS = WALK.with_suffix(".json")
DECODED = {"/camera/image_raw": Image, "/camera/image_raw/compressed": CompressedImage}
TOPICS = {
    "/joint_states": JointState,
    "/battery_state": BatteryState,
    "/imu/data": Imu,
    "/odom": Odometry,
    "/tf": TFMessage,
    "/points": PointCloud2,
    "/scan": LaserScan,
    "/joy": Joy,
    "/camera/video": CompressedVideo,
    "/camera/camera_info": CameraInfo,
    **DECODED,
}
REFUSED = "a recording is being played, which takes no commands"


def replay(world: World, file: Path, rate: float) -> Bridge:
    """The node with a recording in place of a robot."""
    return world.bridge("-p", f"replay:={file}", "-p", f"replay_rate:={rate}", robot=False)


def state(ros: Ros) -> Any:
    """What the link says."""
    return ros.listen(String, "/go2_bridge/link_state", LATCHED)


def step_through(world: World, file: Path) -> tuple[dict[str, list[bytes]], list[str]]:
    """Plays a recording message by message: what came on each topic, bit by bit, and what the steps were."""
    ros = world.ros()
    bridge = replay(world, file, 0.0)
    heard: dict[str, list[bytes]] = defaultdict(list)
    subscriptions = [
        ros.node.create_subscription(
            kind, topic, lambda message, topic=topic: heard[topic].append(content(message)), 100
        )
        for topic, kind in TOPICS.items()
    ]
    ros.live()
    ros.until("a publisher on each topic", lambda: all(ros.node.count_publishers(topic) for topic in TOPICS))
    # The node has to know of the listeners, too: it decodes nothing that nobody listens to.
    ros.until("each listener to be known", lambda: all(known(ros, topic) for topic in TOPICS))
    steps = []
    while (step := ros.trigger("replay_step"))[0]:
        steps.append(step[1].split(": ")[1])
        if steps[-1] == "camera/video":
            count = steps.count("camera/video")
            ros.until("the picture, decoded", lambda n=count: all(len(heard[topic]) == n for topic in DECODED))
    assert step[1] == "the recording is over"
    ended = state(ros)
    ros.until("the end of the recording", lambda: ended.messages and ended.last.data.startswith("stopped: "))
    assert f"the recording {file} is over after {len(steps)} messages" in ended.last.data
    ros.until("the last messages", lambda: len(heard["/odom"]) == steps.count("rt/utlidar/robot_pose"))
    assert len(subscriptions) == len(TOPICS)
    ros.close()
    bridge.kill()
    return heard, steps


def content(message: Any) -> bytes:
    """Each bit of a message's fields. Not its bytes on the wire: what those have between fields is left to chance."""
    match message:
        case str():
            return len(message).to_bytes(4, "little") + message.encode()
        case bool() | int() | float():
            return (
                struct.pack("<d", message) if isinstance(message, float) else message.to_bytes(8, "little", signed=True)
            )
        case bytes():
            return message
        case array() | np.ndarray():
            return len(message).to_bytes(4, "little") + message.tobytes()
        case list() | tuple():
            return len(message).to_bytes(4, "little") + b"".join(map(content, message))
    return b"".join(content(getattr(message, name)) for name in message.get_fields_and_field_types())


def known(ros: Ros, topic: str) -> bool:
    """Whether publisher and listener know of each other, as far as can be seen from here."""
    return ros.node.count_subscribers(topic) > 0


def digests(heard: dict[str, list[bytes]]) -> dict[str, Any]:
    """How many messages came on each topic, and what they were."""
    digest = {}
    for topic in sorted(heard):
        whole = hashlib.sha256()
        for message in heard[topic]:
            whole.update(len(message).to_bytes(8, "little") + message)
        digest[topic] = {"messages": len(heard[topic]), "sha256": whole.hexdigest()}
    return digest


def test_a_replay_is_the_same_bit_for_bit(world: World) -> None:
    """A recording gives the same messages each time, here and wherever it was first played."""
    update = os.environ.get("UPDATE_RECORDINGS")
    if update == "all":
        WALK.unlink(missing_ok=True)
        walk(world, WALK)
    first, steps = step_through(world, WALK)
    found = digests(first)
    second, again = step_through(world, WALK)
    assert steps == again
    for topic in TOPICS:
        assert first[topic], f"nothing on {topic}"
        assert first[topic] == second[topic], topic
    if update:
        DIGESTS.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(DIGESTS.read_text())


def test_a_recording_is_played_at_its_pace_and_takes_no_commands(world: World, ros: Ros) -> None:
    """As live as a robot, as far as it goes, and then it says that it is over."""
    said = state(ros)
    bridge = replay(world, WALK, 1.0)
    heard = ros.listen(Odometry, "/odom")
    ros.until("a live link", lambda: said.messages and said.last.data == "live")
    assert ros.trigger("stand_up") == (False, REFUSED)
    assert ros.trigger("snapshot") == (False, REFUSED)
    answer = ros.call(SetBool, "/go2_bridge/obstacle_avoidance", SetBool.Request(data=True))
    assert not answer.success and REFUSED in answer.message
    driver = Driver(ros, twist(x=0.5))
    ros.until("cmd_vel to be refused", lambda: f"cmd_vel is ignored: {REFUSED}" in bridge.output())
    driver.stop_publishing()
    ros.until("the end", lambda: said.last.data.startswith("stopped: the recording"))
    assert [message.data for message in said.messages[-2:-1]] == ["live"]
    # Times are those of the recording, one after the other.
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec / 1e9 for message in heard.messages]
    assert len(stamps) > 10 and stamps == sorted(stamps)
    assert len(heard.messages) / (heard.times[-1] - heard.times[0]) < 40
    assert bridge.running()
    assert "not connected" not in bridge.output()


def test_what_the_node_records_can_be_played(world: World, ros: Ros, tmp_path: Path) -> None:
    """Everything that passes is in the file, but nothing that says which robot it was."""
    file = tmp_path / "here.mcap"
    serial_number, key = "B42D0000SECRET01", "0123456789abcdef0123456789abcdef"
    sim = world.sim("--serial-number", serial_number, "--generation", "3", "--key", key)
    bridge = world.bridge("-p", f"record:={file}", environment={"GO2_AES_128_KEY": key})
    ros.live()
    heard = [ros.listen(kind, topic) for topic, kind in TOPICS.items() if topic != "/joy"]
    ros.until("messages on each topic", lambda: all(each.messages for each in heard))
    # A few keyframes: who listens to a replay may come too late for the first.
    ros.until("some seconds of it", lambda: all(len(each.messages) >= 4 for each in heard))
    ros.until("the robot's versions", lambda: serial_number in bridge.output())
    assert sim.entries()
    assert bridge.end(signal.SIGINT) == 0
    assert f"to {file}" in bridge.output() and "are missing" not in bridge.output()
    content = file.read_bytes()
    for secret in (serial_number, key, sim.address, "Validation Needed", '"type":"validation"'):
        assert secret.encode() not in content, secret
    assert b"rt/api/motion_switcher/request" in content and b"foxglove.CompressedVideo" in content

    for each in heard:
        ros.leave(each)
    heard = [ros.listen(kind, topic) for topic, kind in TOPICS.items() if topic != "/joy"]
    said = state(ros)
    replay(world, file, 0.5)
    ros.until("messages on each topic", lambda: all(each.messages for each in heard))
    ros.until("the end", lambda: said.messages and said.last.data.startswith("stopped: the recording"), 60)


def test_files_that_will_not_do_are_refused_at_start(world: World, tmp_path: Path) -> None:
    """The message says which parameter, which file, and what is wrong with it."""
    no_recording = tmp_path / "no.mcap"
    no_recording.write_text("something else, and long enough to be looked at")
    for arguments, complaint in [
        ([f"replay:={tmp_path}/none.mcap"], "parameter replay: "),
        ([f"replay:={no_recording}"], "no MCAP file"),
        ([f"record:={no_recording}", "robot_ip:=127.0.0.1"], "parameter record: "),
        ([f"record:={no_recording}", "robot_ip:=127.0.0.1"], "is there already"),
        ([f"record:={tmp_path}/new.mcap", f"replay:={WALK}"], "only one of them"),
        ([f"replay:={WALK}", "replay_rate:=-1.0"], "replay_rate"),
    ]:
        given = [word for argument in arguments for word in ("-p", argument)]
        bridge = world.bridge(*given, robot=False)
        assert bridge.wait() != 0
        assert complaint in bridge.output(), bridge.output()


def walk(world: World, file: Path) -> None:
    """Makes WALK: a robot that walks and turns for a moment, while somebody looks at everything."""
    video = ["--video-fps", "4", "--video-kbps", "150", "--video-idr-every", "1.0"]
    sim = world.sim("--low-hz", "5", "--lidar-hz", "3", "--remote", *video)
    ros = world.ros()
    bridge = world.bridge("-p", f"record:={file}")
    ros.live()
    # Nothing is decoded meanwhile, which would only make it longer.
    heard = [ros.listen(TOPICS[topic], topic) for topic in ("/camera/video", "/points", "/joint_states")]
    ros.trigger("balance_stand")
    driver = Driver(ros, twist(x=0.4, yaw=0.5))
    ros.until("all of it", lambda: all(len(each.messages) > 3 for each in heard) and len(sim.moves()) > 15)
    driver.stop_publishing()
    assert bridge.end(signal.SIGINT) == 0
    ros.close()
    sim.kill()
