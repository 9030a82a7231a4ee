"""Any request as JSON: answered as the robot answers it, or refused with a reason and never sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from std_msgs.msg import String

from dog import MOVE, STOP_MOVE, Bridge, Ros, Sim, World, ends_stopped, wait_for

MANY = 512
DAMP = 1001
NOT_IMPLEMENTED = 3203


class Desk:
    """Publishes requests and hears the answers."""

    def __init__(self, ros: Ros) -> None:
        self._ros = ros
        self._publisher = ros.node.create_publisher(String, "/go2_bridge/request", MANY)
        self._heard = ros.listen(String, "/go2_bridge/response", MANY)
        ros.until("a listener for requests", lambda: self._publisher.get_subscription_count() > 0)
        ros.until("somebody who answers", lambda: ros.node.count_publishers("/go2_bridge/response") > 0)

    def say(self, text: str) -> None:
        """Publishes a text of whatever kind."""
        self._publisher.publish(String(data=text))

    def put(self, identifier: Any, api_id: int, service: str = "sport", **fields: Any) -> None:
        """Publishes a request."""
        self.say(json.dumps({"id": identifier, "service": service, "api_id": api_id} | fields))

    def answers(self) -> list[dict[str, Any]]:
        """All answers so far."""
        return [json.loads(message.data) for message in self._heard.messages]

    def answer_to(self, identifier: Any) -> dict[str, Any]:
        """Waits for the one answer with an id."""
        matching = self._ros.until(
            f"the answer to {identifier}",
            lambda: [answer for answer in self.answers() if answer["id"] == identifier],
        )
        assert len(matching) == 1, matching
        return matching[0]

    def ask(self, identifier: Any, api_id: int, service: str = "sport", **fields: Any) -> dict[str, Any]:
        """Publishes a request and waits for the answer."""
        self.put(identifier, api_id, service, **fields)
        return self.answer_to(identifier)

    def next_answer(self, text: str) -> dict[str, Any]:
        """The answer to a text that may have no id."""
        so_far = len(self._heard.messages)
        self.say(text)
        self._ros.until("an answer", lambda: len(self._heard.messages) > so_far)
        return json.loads(self._heard.messages[so_far].data)


@pytest.fixture
def desk(bridge: Bridge, ros: Ros) -> Desk:
    """With a live link behind it."""
    assert bridge.running()
    return Desk(ros)


def test_a_request_is_answered_as_the_robot_answers_it(desk: Desk, sim: Sim) -> None:
    # Of a robot that stands, and has connected just now, this would only mean that it is not ready yet.
    refused = desk.ask(2, 9999, priority=True)
    assert (refused["ok"], refused["code"], refused["api_id"]) == (False, NOT_IMPLEMENTED, 9999)
    assert refused["meaning"] == "this firmware does not have the action"
    assert sim.requests(9999)[-1]["priority"] == 1
    so_far = sim.now()
    answer = desk.ask("first", 1002)
    expected = {"id": "first", "ok": True, "code": 0, "meaning": "success", "api_id": 1002, "data": ""}
    assert answer == expected
    (seen,) = sim.requests(since=so_far)
    assert (seen["api_id"], seen["parameter"], seen["answered"]) == (1002, "", True)


@pytest.mark.parametrize("identifier", [0, -1.5, "", "a é \u4e16", True, None, 2**60])
def test_an_id_comes_back_as_it_was(desk: Desk, identifier: Any) -> None:
    assert desk.ask(identifier, 1002)["ok"]


def test_topic_and_parameter_are_sent_as_given(desk: Desk, sim: Sim) -> None:
    so_far = sim.now()
    desk.say(json.dumps({"id": 1, "topic": "rt/api/sport/request", "api_id": 1015, "parameter": {"data": 1}}))
    desk.answer_to(1)
    desk.ask(2, 1015, parameter='{ "data":0}')
    desk.ask(3, 1034, parameter=["state", "gait"])
    sent = [entry["parameter"] for entry in sim.requests(since=so_far)]
    assert sent == ['{"data":1}', '{ "data":0}', '["state","gait"]']


# Robots have been seen to answer late; the rest is what no client may stumble over.
STRANGE = ["--answers-twice", "--foreign-answers", "--answer-after", "300"]


@pytest.mark.parametrize("options", [[], STRANGE], ids=["plain", "strange"])
def test_many_at_once_each_get_their_own_answer(world: World, ros: Ros, options: list[str]) -> None:
    sim = world.sim(*options)
    world.bridge()
    ros.live()
    desk = Desk(ros)
    # The robot has none of these apis, and says so with the number of the one that was asked for.
    so_far = sim.now()
    numbers = range(100)
    for number in numbers:
        desk.put(f"ask {number}", 9000 + number, parameter={"data": number})
    ros.until("all answers", lambda: len(desk.answers()) >= len(numbers))
    ros.spin_for(0.3)  # for answers that should not come
    answers = {answer["id"]: answer for answer in desk.answers()}
    assert len(desk.answers()) == len(answers) == len(numbers)
    for number in numbers:
        answer = answers[f"ask {number}"]
        assert (answer["api_id"], answer["code"]) == (9000 + number, NOT_IMPLEMENTED)
    sent = [(entry["api_id"], json.loads(entry["parameter"])) for entry in sim.requests(since=so_far)]
    # In the order in which they were asked.
    assert sent == [(9000 + number, {"data": number}) for number in numbers]


def test_data_of_the_robot_is_json(desk: Desk) -> None:
    assert desk.ask(1, 1003, "vui", parameter={"volume": 7})["ok"]
    assert desk.ask(2, 1004, "vui")["data"] == {"volume": 7}
    assert desk.ask(3, 1001, "audiohub")["data"] == {"audio_list": []}


def test_more_than_can_wait_are_answered_at_once(desk: Desk, ros: Ros, sim: Sim) -> None:
    for number in range(300):
        desk.put(number, 1004, "not_there", timeout=10)
    ros.until("refusals", lambda: len(desk.answers()) >= 44)
    assert {answer["error"].split(" already")[0] for answer in desk.answers()} == {"256 requests wait for the robot"}
    assert {answer["id"] for answer in desk.answers()} == set(range(256, 300))
    # What is urgent finds room nevertheless.
    so_far = sim.now()
    desk.put("limp", DAMP)
    ros.until("Damp", lambda: sim.requests(DAMP, since=so_far))


def test_pictures_are_in_base64(desk: Desk) -> None:
    answer = desk.ask("photo", 1001, "videohub", timeout=15)
    jpeg = base64.b64decode(answer["binary"], validate=True)
    assert answer["ok"] and answer["binary_length"] == len(jpeg) > 10_000
    assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"


def test_a_service_that_never_answers(desk: Desk) -> None:
    answer = desk.ask(1, 1001, "not_there", timeout=0.5)
    assert not answer["ok"]
    assert answer["error"].startswith("the robot did not answer within 0.5 s")


REFUSED = [
    ("stand up", None, "it is not JSON: expected value at line 1 column 1"),
    ("", None, "it is not JSON"),
    ('{"id": 1, "service": "sport", "api_id": 1002', None, "it is not JSON: EOF while parsing an object"),
    ('{"id": 1, "service": "sport", "api_id": NaN}', None, "it is not JSON: expected value at line 1 column 41"),
    ("[1002]", None, "it must be a JSON object"),
    ('{"service": "sport", "api_id": 1002}', None, "missing field `id`"),
    ('{"id": [1], "service": "sport", "api_id": 1002}', None, "id must be"),
    ('{"id": 1, "service": "sport"}', 1, "missing field `api_id`"),
    ('{"id": 1, "api_id": 1002}', 1, "it must have either service or topic"),
    ('{"id": 1, "service": "sport", "api_id": "1002"}', 1, "api_id must be a whole number"),
    ('{"id": 1, "service": "sport", "api_id": 1002.5}', 1, "api_id must be a whole number"),
    ('{"id": 1, "service": "Sport Mode", "api_id": 1002}', 1, "service must be"),
    ('{"id": 1, "topic": "rt/lowcmd", "api_id": 1002}', 1, "topic must be the name of a request topic"),
    ('{"id": 1, "service": "sport", "api_id": 1002, "parameter": 5}', 1, "parameter must be"),
    ('{"id": 1, "service": "sport", "api_id": 1002, "timeout": 100}', 1, "timeout must be"),
    ('{"id": 1, "service": "sport", "api_id": 1002, "priority": "yes"}', 1, "priority must be"),
    ('{"id": 1, "service": "sport", "api_id": 1002, "apiid": 1}', 1, "unknown field `apiid`"),
    ('{"id": 1, "service": "sport", "api_id": 1002, "a\\u0000b": 1}', 1, "unknown field `a\x00b`"),
    ('{"id": 1, "service": "sport", "api_id": 1008}', 1, "the robot would move: parameter must be"),
    ('{"id": 1, "service": "sport", "api_id": 1008, "parameter": {"x": "1", "y": 0, "z": 0}}', 1, "the robot would"),
    ('{"id": 1, "service": "sport", "api_id": 1008, "parameter": {"x": 1e999, "y": 0, "z": 0}}', 1, "it is not JSON"),
    ('{"id": 1, "service": "sport", "api_id": 1008, "parameter": "{\\"x\\":NaN}"}', 1, "parameter looks like JSON"),
    ('{"id": 1, "service": "obstacles_avoid", "api_id": 1003, "parameter": {"x": 1}}', 1, "the robot would move"),
    ('{"id": 1, "service": "sport", "api_id": 1030}', 1, "front_flip is acrobatic: set allow_acrobatics"),
    ('{"id": 1, "service": "sport", "api_id": 2043, "parameter": {"data": true}}', 1, "back_flip is acrobatic"),
    ("x" * 10_000_000, None, "it has 10000000 bytes, and may have 65536"),
]


def test_what_is_no_request_is_answered_and_never_sent(desk: Desk, sim: Sim, bridge: Bridge) -> None:
    so_far = sim.now()
    strange = len(sim.entries("unknown_service"))
    for text, identifier, reason in REFUSED:
        answer = desk.next_answer(text)
        assert (answer["id"], answer["ok"]) == (identifier, False), text[:100]
        assert answer["error"].startswith(reason), (text[:100], answer)
        assert "code" not in answer
    # Whatever had been sent would have come before this.
    assert desk.ask("good", 1002)["ok"]
    assert [entry["api_id"] for entry in sim.requests(since=so_far)] == [1002]
    assert len(sim.entries("unknown_service")) == strange
    log = bridge.output()
    assert "a request is refused, 1 so far: it is not JSON" in log
    assert log.count("a request is refused") <= 3, "the log is flooded"


def test_a_move_that_is_not_followed_up_ends(desk: Desk, ros: Ros, sim: Sim) -> None:
    assert desk.ask(1, 1002)["ok"]
    so_far = sim.now()
    desk.put(2, MOVE, parameter={"x": 0.3, "y": 0, "z": 0})
    ros.until("the Move", lambda: (0.3, 0, 0) in sim.moves(so_far))
    ros.until("zeros and a StopMove", lambda: ends_stopped(sim.requests(since=so_far)))


def test_a_move_through_the_avoidance_ends_there_and_the_remote_is_given_back(desk: Desk, ros: Ros, sim: Sim) -> None:
    avoid = {"service": "obstacles_avoid"}
    assert desk.ask(1, 1002)["ok"]
    assert desk.ask(2, 1001, parameter={"enable": True}, **avoid)["ok"]
    assert desk.ask(3, 1004, parameter={"is_remote_commands_from_api": True}, **avoid)["ok"]
    so_far = sim.now()
    desk.put(4, 1003, parameter={"x": 0.3, "y": 0, "yaw": 0, "mode": 0}, **avoid)
    ros.until("StopMove", lambda: sim.requests(STOP_MOVE, since=so_far, of="sport"))
    ros.until("the end", lambda: sim.requests(1004, since=so_far, of="obstacles_avoid"))
    moves = [json.loads(entry["parameter"])["x"] for entry in sim.requests(1003, since=so_far, of="obstacles_avoid")]
    assert moves == [0.3, 0, 0, 0, 0]
    assert "false" in sim.requests(1004, since=so_far, of="obstacles_avoid")[0]["parameter"]


def test_moves_that_follow_each_other_are_left_alone(desk: Desk, ros: Ros, sim: Sim) -> None:
    assert desk.ask("stand", 1002)["ok"]
    so_far = sim.now()
    for number in range(15):
        desk.put(number, MOVE, parameter={"x": 0.3, "y": 0, "z": 0})
        ros.spin_for(0.1)
    assert not sim.requests(STOP_MOVE, since=so_far)
    ros.until("zeros and a StopMove", lambda: ends_stopped(sim.requests(since=so_far)))


def test_damp_is_urgent_and_nothing_follows_it(desk: Desk, ros: Ros, sim: Sim, bridge: Bridge) -> None:
    assert desk.ask(1, 1002)["ok"]
    desk.put(2, MOVE, parameter={"x": 0.3, "y": 0, "z": 0})
    ros.until("the Move", lambda: sim.moves())
    assert desk.ask(3, DAMP)["ok"]
    ros.spin_for(0.7)  # longer than it takes to see that the Move was the last
    last = sim.requests()[-1]
    assert (last["api_id"], last["priority"]) == (DAMP, 1)
    assert bridge.running()


def test_acrobatics_with_a_permission(desk: Desk, ros: Ros, sim: Sim) -> None:
    assert ros.set_parameter("allow_acrobatics", value=True).successful
    so_far = sim.now()
    desk.ask(1, 1030, parameter={"data": True})
    assert sim.requests(1030, since=so_far)
    assert ros.set_parameter("allow_acrobatics", value=False).successful
    assert "allow_acrobatics" in desk.ask(2, 1030, parameter={"data": True})["error"]
    assert len(sim.requests(1030, since=so_far)) == 1


def test_a_change_of_the_motion_mode_never_reaches_a_robot_in_mcf(desk: Desk, ros: Ros, sim: Sim) -> None:
    changes = [(1002, {"name": "normal"}), (1002, {"name": "ai"}), (1003, {})]
    for number, (api_id, parameter) in enumerate(changes):
        answer = desk.ask(number, api_id, "motion_switcher", parameter=parameter)
        assert (answer["ok"], answer["code"], answer["api_id"]) == (False, 7004, api_id)
        # Right after the connection the mode may not have been read: the sentence is another then.
        assert answer["meaning"].startswith("not sent: the robot "), answer
        assert "allow_mode_switch" in answer["meaning"]
    assert desk.ask("read", 1001, "motion_switcher")["data"]["name"] == "mcf"
    assert "motion mode mcf" in desk.ask("known", 1002, "motion_switcher", parameter={"name": "normal"})["meaning"]
    # To where it is already, and with a permission, it is passed on; the robot refuses.
    assert desk.ask("same", 1002, "motion_switcher", parameter={"name": "mcf"})["meaning"].startswith("unknown motion")
    assert [entry["api_id"] for entry in sim.requests(of="motion_switcher")] == [1002]
    assert ros.set_parameter("allow_mode_switch", value=True).successful
    refused = desk.ask("allowed", 1002, "motion_switcher", parameter={"name": "normal"})
    assert (refused["code"], refused["meaning"][:19]) == (7004, "unknown motion mode")
    assert len(sim.requests(1002, of="motion_switcher")) == 2


def test_a_character_that_logs_cannot_have(desk: Desk, bridge: Bridge) -> None:
    # As the first that is refused: later ones may not reach the log.
    answer = desk.next_answer('{"id": 1, "service": "sport", "api_id": 1002, "a\\u0000b": 1}')
    assert answer["error"].startswith("unknown field `a\x00b`")
    assert "a request is refused, 1 so far: unknown field `a\\u{0}b`" in bridge.output()
    assert desk.ask(2, 1002)["ok"]


def test_without_a_robot(world: World, ros: Ros) -> None:
    bridge = world.bridge()
    wait_for("the node", lambda: "connecting" in bridge.output())
    desk = Desk(ros)
    walk = {"parameter": {"x": 0.3, "y": 0, "z": 0}}
    for identifier, api_id, fields in ((1, 1002, {}), (2, DAMP, {}), (3, MOVE, walk)):
        assert desk.ask(identifier, api_id, **fields) == {
            "id": identifier,
            "ok": False,
            "error": "not connected to the robot",
        }
    # It never walked, so it is not stopped when it comes.
    sim = world.sim()
    ros.live()
    assert desk.ask(4, 1002)["ok"]
    ros.spin_for(0.7)
    assert [entry["api_id"] for entry in sim.requests()] == [1002]
