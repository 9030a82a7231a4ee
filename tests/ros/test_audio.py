"""Sounds: listed, played, stopped and uploaded."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import wave
from pathlib import Path
from typing import Any

import pytest
from std_msgs.msg import String

from dog import LATCHED, Bridge, Heard, Ros, Sim, World, wait_for

LIST, PLAY, PAUSE, UPLOAD = 1001, 1002, 1003, 2001
CONVERT = "ffmpeg -i in -ar 44100 -ac 1 -c:a pcm_s16le out.wav"
BLOCK = 4096


def write_wav(path: Path, seconds: float = 0.2, rate: int = 44100, width: int = 2) -> Path:
    """A sound, of which no two blocks are alike."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        frames = int(rate * seconds)
        file.writeframes(b"".join((7 * n * n & 0x7FFF).to_bytes(2, "little")[:width] for n in range(frames)))
    return path


class Hub:
    """The node's topics of sound, and what the robot was asked."""

    def __init__(self, ros: Ros, sim: Sim) -> None:
        self.ros, self.sim = ros, sim
        self.states: Heard = ros.listen(String, "/go2_bridge/audio/state", LATCHED)
        self._publishers = {
            name: ros.node.create_publisher(String, f"/go2_bridge/audio/{name}", 10) for name in ("play", "upload")
        }
        for publisher in self._publishers.values():
            ros.until("a listener", lambda publisher=publisher: publisher.get_subscription_count() > 0)
        ros.until("the state", lambda: self.states.messages)

    def say(self, name: str, text: object) -> None:
        """Publishes a name or a path."""
        self._publishers[name].publish(String(data=str(text)))

    def said(self) -> list[str]:
        """All states so far."""
        return [message.data for message in self.states.messages]

    def until(self, state: str, limit: float = 60.0) -> str:
        """Waits for a state that begins so."""
        return self.ros.until(
            f"the state {state}", lambda: next((s for s in self.said() if s.startswith(state)), None), limit
        )

    def requests(self, api_id: int) -> list[dict[str, Any]]:
        """The parameters of what the audio player was asked."""
        return [json.loads(entry["parameter"] or "{}") for entry in self.sim.requests(api_id, of="audiohub")]


@pytest.fixture
def hub(bridge: Bridge, ros: Ros, sim: Sim) -> Hub:
    """With a live link behind it."""
    assert bridge.running()
    return Hub(ros, sim)


def files(ros: Ros) -> list[dict[str, Any]]:
    """What is on the robot."""
    success, message = ros.trigger("audio/list")
    assert success, message
    found = json.loads(message)
    return found if isinstance(found, list) else next(v for v in found.values() if isinstance(v, list))


def test_a_file_is_uploaded_whole(hub: Hub, ros: Ros, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "bark.wav")
    assert hub.said() == ["idle"]
    before = len(files(ros))
    hub.say("upload", path)
    hub.until("uploaded bark.wav")
    blocks = hub.requests(UPLOAD)
    content = "".join(block["block_content"] for block in blocks)
    assert base64.b64decode(content, validate=True) == path.read_bytes()
    assert [len(block["block_content"]) for block in blocks[:-1]] == [BLOCK] * (len(blocks) - 1)
    assert [block["current_block_size"] for block in blocks] == [len(block["block_content"]) for block in blocks]
    assert [block["current_block_index"] for block in blocks] == list(range(1, len(blocks) + 1))
    constant = {
        "file_name": "bark",
        "file_type": "wav",
        "file_size": path.stat().st_size,
        "file_md5": hashlib.md5(path.read_bytes()).hexdigest(),
        "total_block_number": len(blocks),
    }
    for block in blocks:
        assert {key: block[key] for key in constant} == constant
        assert abs(block["create_time"] / 1000 - time.time()) < 60
    assert len({block["create_time"] for block in blocks}) == 1
    progress = [state for state in hub.said() if state.startswith("uploading")]
    assert progress[0] == f"uploading bark.wav: 0 of {len(blocks)} blocks (0 %)"
    assert len(progress) == len(blocks) > 5
    times = [at for at, state in zip(hub.states.times, hub.said(), strict=True) if state in progress]
    assert times[-1] - times[0] > 0.09 * (len(times) - 1), "more than 10 in a second"
    assert len(files(ros)) == before + 1


def test_a_file_is_played_and_stopped(hub: Hub, ros: Ros, tmp_path: Path) -> None:
    hub.say("upload", write_wav(tmp_path / "long bark.wav", seconds=1.0))
    hub.until("uploaded")
    (unique_id,) = {
        str(value)
        for each in files(ros)
        if "long bark" in each.values()
        for key, value in each.items()
        if key.lower() == "unique_id"
    }
    for name in ("long bark", "long bark.wav", unique_id):
        so_far = len(hub.requests(PLAY))
        hub.states.clear()
        hub.say("play", name)
        hub.until("playing long bark")
        assert [play["unique_id"] for play in hub.requests(PLAY)[so_far:]] == [unique_id]
        assert ros.trigger("audio/stop") == (True, "")
        hub.until("idle")
    assert len(hub.requests(PAUSE)) == 3


def test_what_is_not_there_is_not_played(hub: Hub, bridge: Bridge) -> None:
    hub.say("play", "meow")
    assert hub.until("failed").startswith("failed: meow is not on the robot, which has:")
    assert not hub.requests(PLAY)
    assert "audio: meow is not on the robot" in bridge.output()


def test_only_sounds_that_the_robot_can_play_are_uploaded(hub: Hub, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("RIFF, but not really")
    big = tmp_path / "big.wav"
    big.write_bytes(b"RIFF" + bytes(11 << 20))
    cut = write_wav(tmp_path / "cut.wav")
    cut.write_bytes(cut.read_bytes()[:-10])
    cases = [
        (write_wav(tmp_path / "slow.wav", rate=22050), "slow.wav is not for the robot: it is PCM, 16 bit, 22050 Hz"),
        (write_wav(tmp_path / "coarse.wav", width=1), "coarse.wav is not for the robot: it is PCM, 8 bit, 44100 Hz"),
        (text, "text.wav is not for the robot: it is no wav file"),
        (big, "big.wav is not for the robot: it has 10485761 bytes and may have 10485760"),
        (cut, "cut.wav is not for the robot: it is cut short"),
        (tmp_path / "nowhere.wav", f"{tmp_path}/nowhere.wav cannot be read: No such file"),
        (tmp_path, f"{tmp_path} is not a file"),
        (Path("/dev/zero"), "/dev/zero is not a file"),
        ("x" * 5000, "this is too long for a path"),
    ]
    for path, reason in cases:
        hub.states.clear()
        hub.say("upload", path)
        said = hub.until("failed")
        assert said.startswith(f"failed: {reason}"), said
        assert (CONVERT in said) == ("is not for the robot" in reason)
    assert not hub.requests(UPLOAD)


def test_one_upload_at_a_time(hub: Hub, tmp_path: Path) -> None:
    hub.say("upload", write_wav(tmp_path / "first.wav"))
    hub.until("uploading first.wav")
    hub.say("upload", write_wav(tmp_path / "second.wav"))
    said = hub.until("failed")
    assert said == f"failed: {tmp_path}/second.wav: another file is being uploaded; try again after it"
    hub.until("uploaded first.wav")
    assert {block["file_name"] for block in hub.requests(UPLOAD)} == {"first"}


def test_a_lost_link_ends_an_upload(hub: Hub, tmp_path: Path) -> None:
    hub.say("upload", write_wav(tmp_path / "bark.wav", seconds=2.0))
    ros = hub.ros
    ros.until("some blocks", lambda: len(hub.requests(UPLOAD)) > 3)
    hub.sim.kill()
    said = hub.until("failed")
    assert said.startswith("failed: bark.wav: the connection to the robot was lost; upload it again"), said
    assert said.endswith("blocks had arrived")
    assert ros.trigger("audio/list") == (False, "not connected to the robot")


def test_a_robot_that_pauses_gets_a_block_again(world: World, ros: Ros, sim: Sim, tmp_path: Path) -> None:
    world.bridge("-p", "request_timeout:=2.0")
    ros.live()
    hub = Hub(ros, sim)
    path = write_wav(tmp_path / "bark.wav")
    hub.say("upload", path)
    ros.until("some blocks", lambda: len(hub.requests(UPLOAD)) > 1)
    sim.freeze()
    ros.spin_for(2.5)  # one time-out and not three
    sim.thaw()
    hub.until("uploaded bark.wav")
    indices = [block["current_block_index"] for block in hub.requests(UPLOAD)]
    assert sorted(set(indices)) == list(range(1, max(indices) + 1))
    assert len(indices) > max(indices), "no block was sent again"


@pytest.mark.parametrize(
    ("option", "timeout", "reason", "attempts"),
    [
        (("--never-answers", "audiohub:2001"), 0.5, "the robot did not answer within 0.5 s", 3),
        # Long enough for an answer on a busy machine: one that is late is asked for again.
        (("--refuse", "audiohub:2001:3202"), 10.0, "the robot answers status 3202", 1),
    ],
)
def test_a_robot_that_takes_no_files(
    world: World, ros: Ros, tmp_path: Path, option: tuple[str, str], timeout: float, reason: str, attempts: int
) -> None:
    sim = world.sim(*option)
    world.bridge("-p", f"request_timeout:={timeout}")
    ros.live()
    hub = Hub(ros, sim)
    hub.say("upload", write_wav(tmp_path / "bark.wav"))
    said = hub.until("failed")
    assert said.startswith(f"failed: bark.wav: {reason}")
    assert said.endswith("0 of 6 blocks had arrived")
    assert [block["current_block_index"] for block in hub.requests(UPLOAD)] == [1] * attempts


def test_without_a_robot(world: World, ros: Ros, sim: Sim, tmp_path: Path) -> None:
    sim.kill()
    bridge = world.bridge()
    wait_for("the node", lambda: "connecting" in bridge.output())
    hub = Hub(ros, sim)
    for service in ("audio/list", "audio/stop"):
        assert ros.trigger(service) == (False, "not connected to the robot")
    hub.say("play", "bark")
    hub.until("failed: bark: not connected to the robot")
    hub.say("upload", write_wav(tmp_path / "bark.wav"))
    hub.until("failed: bark.wav: the connection to the robot was lost")
