"""Each action of docs/commands.md in every motion mode: what arrives on the wire, and what the service answers."""

from __future__ import annotations

import itertools
import json

import pytest
from nav_msgs.msg import Odometry
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

import reference
from dog import Driver, Ros, Sim, World, twist

MODES = {
    "normal": ["--firmware", "old"],
    "ai": ["--firmware", "old", "--motion-mode", "ai"],
    "mcf": ["--firmware", "new"],
}
# What the node sends on its own account, or in more than one request.
SPECIAL = ("stop", "damp", "rage_mode")
BALANCE_STAND = 1002


def call(ros: Ros, action: reference.Action, on: bool = True) -> tuple[bool, str]:
    """Calls the action's service."""
    name = f"/go2_bridge/{action.name}"
    if action.kind == "Trigger":
        answer = ros.call(Trigger, name, Trigger.Request())
    else:
        answer = ros.call(SetBool, name, SetBool.Request(data=on))
    return answer.success, answer.message


def standing(ros: Ros) -> None:
    """Has the robot stand, whatever it did before."""

    def stands() -> bool:
        return ros.trigger("recovery_stand")[0] and ros.trigger("balance_stand")[0]

    ros.until("the robot to take it", stands)
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.31)
    ros.leave(odometry)


@pytest.mark.parametrize("mode", MODES)
def test_each_action_in_each_mode(world: World, ros: Ros, mode: str) -> None:
    sim = world.sim(*MODES[mode])
    world.bridge("-p", "allow_acrobatics:=true")
    ros.live()
    succeeded = 0
    for action in reference.actions():
        if action.name in SPECIAL:
            continue
        for on in (True, False) if action.kind == "SetBool" else (True,):
            so_far = sim.now()
            success, message = call(ros, action, on)
            sent = sim.requests(since=so_far)
            api = action.ids[mode]
            if api is None:
                assert not success and not sent, action
                assert f"motion mode {mode}" in message, message
                has_it = [other for other, ids in action.ids.items() if ids]
                assert all(other in message for other in has_it), message
                continue
            number, parameter = api
            (entry,) = sent
            if action.kind == "SetBool" and not parameter and not on:
                # These have no way out of their own.
                number = BALANCE_STAND
            assert entry["api_id"] == number and entry["answered"], action
            parameter = parameter.replace("bool", json.dumps(on))
            assert entry["parameter"] == parameter, action
            # An action may still be going on, so the robot may refuse the next: then the service says so.
            assert success == (entry["code"] == 0), (action, message)
            assert success or f"status {entry['code']}: " in message
            succeeded += success
        if not success:
            standing(ros)
    assert succeeded > 10


def test_acrobatics_take_a_permission(world: World, ros: Ros) -> None:
    sim = world.sim()
    world.bridge()
    ros.live()
    dangerous = [action for action in reference.actions() if action.acrobatic]
    assert {action.name for action in dangerous} >= {"front_flip", "front_jump", "hand_stand", "rage_mode"}
    for action in dangerous:
        success, message = call(ros, action)
        assert not success and "allow_acrobatics" in message
    assert not sim.requests()
    # The way out of one takes none.
    (hand_stand,) = [action for action in dangerous if action.name == "hand_stand"]
    assert "allow_acrobatics" not in call(ros, hand_stand, on=False)[1]


def test_stop_tells_of_what_it_does_not_end(world: World, ros: Ros) -> None:
    world.sim()
    world.bridge()
    ros.live()
    standing(ros)
    (free_avoid,) = [action for action in reference.actions() if action.name == "free_avoid"]
    ros.until("the robot to take it", lambda: call(ros, free_avoid)[0])

    def told() -> bool:
        success, message = ros.trigger("stop")
        assert success
        return "still in free_avoid" in message

    ros.until("the stop to tell", told)
    assert call(ros, free_avoid, on=False)[0]
    ros.until("it to be over", lambda: ros.trigger("stop") == (True, ""))


def test_an_action_that_is_never_answered(world: World, ros: Ros) -> None:
    sim = world.sim("--never-answers", "sport:1016")
    world.bridge("-p", "request_timeout:=0.5")
    ros.live()
    success, message = ros.trigger("hello")
    # It may be answered only when it is done, so there is more time for it.
    assert not success and message.startswith("the robot did not answer within 4.5 s: it may still be doing it")
    assert sim.requests(1016)
    assert ros.trigger("stand_up")[0], "others are answered"


def test_what_the_robot_refuses_is_told_with_what_to_do(world: World, ros: Ros) -> None:
    world.sim("--refuse", "sport:1017:4206")
    world.bridge()
    ros.live()
    success, message = ros.trigger("stretch")
    assert not success
    assert message.startswith("the robot answers status 4206: not possible in this posture")
    assert "stand_up" in message


def test_an_action_may_be_answered_when_it_is_done(world: World, ros: Ros) -> None:
    world.sim("--slow", "sport:1022:6000")
    world.bridge()
    ros.live()
    standing(ros)
    assert ros.trigger("dance1") == (True, "")


def test_a_pose_that_comes_too_soon_is_told_so(world: World, ros: Ros) -> None:
    world.sim("--refuse", "sport:1028:401001")
    world.bridge()
    ros.live()
    (pose,) = [action for action in reference.actions() if action.name == "pose"]
    reason = "the robot answers status 401001: not while moving or just connected; try again"
    assert call(ros, pose) == (False, reason)


# --- Refused in the first seconds ----------------------------------------------------------------------------------


def early(world: World, ros: Ros, *arguments: str) -> Sim:
    """A robot that stands and, as it has connected just now, refuses motion; the node is connected to it."""
    sim = world.sim("--not-ready-for", "10")
    world.bridge(*arguments)
    ros.live()
    # While it lies its mode code is another, and it does get up.
    assert ros.trigger("balance_stand")[0]
    odometry = ros.listen(Odometry, "odom")
    ros.until("the robot to stand", lambda: odometry.messages and odometry.last.pose.pose.position.z > 0.31)
    desk = ros.listen(String, "/go2_bridge/response")
    asks = ros.node.create_publisher(String, "/go2_bridge/request", 10)
    ros.until("a listener", lambda: asks.get_subscription_count() > 0)

    def refuses() -> bool:
        asks.publish(String(data='{"id": 0, "service": "sport", "api_id": 1017}'))
        return any('"code":3203' in message.data for message in desk.messages)

    ros.until("a refusal", refuses)
    ros.spin_for(0.5)  # for those that are under way
    # Neither an action nor a word of the firmware: a request of somebody who knows what he does is not repeated.
    assert "not ready for it yet" in next(each.data for each in desk.messages if '"code":3203' in each.data)
    return sim


def codes(sim: Sim, api_id: int) -> list[int]:
    """What the robot has answered."""
    return [entry["code"] for entry in sim.requests(api_id)]


def test_a_robot_that_is_not_ready_yet_is_asked_again(world: World, ros: Ros) -> None:
    sim = early(world, ros)
    asked = len(sim.requests(1017))
    assert ros.trigger("hello") == (True, "")
    *refused, taken = sim.requests(1016)
    assert taken["code"] == 0 and {entry["code"] for entry in refused} == {3203}
    for before, after in itertools.pairwise([*refused, taken]):
        assert after["t"] - before["t"] > 0.9
    ros.spin_for(1.5)
    assert len(sim.requests(1017)) == asked, "~/request is not tried again"


@pytest.mark.parametrize("newer", ["stop", "damp", "stretch", "cmd_vel", "request", "lost"])
def test_what_is_newer_calls_off_what_was_refused(world: World, ros: Ros, newer: str) -> None:
    sim = early(world, ros)
    client = ros.node.create_client(Trigger, "/go2_bridge/hello")
    ros.until("the service", client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    ros.until("two tries", lambda: len(sim.requests(1016)) >= 2)
    if newer == "cmd_vel":
        Driver(ros, twist(x=0.1))
    elif newer == "request":
        asks = ros.node.create_publisher(String, "/go2_bridge/request", 10)
        ros.until("a listener", lambda: asks.get_subscription_count() > 0)
        asks.publish(String(data='{"id": 0, "service": "sport", "api_id": 1009}'))
    elif newer == "lost":
        sim.kill()
    elif newer == "stretch":
        other = ros.node.create_client(Trigger, "/go2_bridge/stretch")
        ros.until("the service", other.service_is_ready)
        other.call_async(Trigger.Request())
    else:
        assert ros.trigger(newer)[0]
    ros.until("the answer", answer.done)
    success, message = answer.result().success, answer.result().message
    assert not success
    if newer == "lost":
        assert "connect" in message or "session" in message, message
        return
    assert message.endswith("it is not asked again") and "not ready for it yet" in message, message
    tries = len(sim.requests(1016))
    # Beyond the time from which on it would be taken.
    ros.spin_for(10.5)
    assert len(sim.requests(1016)) == tries and 0 not in codes(sim, 1016)


def test_a_second_call_calls_off_the_first_and_does_not_wait_for_it(world: World, ros: Ros) -> None:
    sim = early(world, ros)
    client = ros.node.create_client(Trigger, "/go2_bridge/hello")
    ros.until("the service", client.service_is_ready)
    first = client.call_async(Trigger.Request())
    ros.until("two tries", lambda: len(sim.requests(1016)) >= 2)
    second = client.call_async(Trigger.Request())
    ros.until("the answer to the first", first.done, limit=3.0)
    assert not second.done()
    success, message = first.result().success, first.result().message
    assert not success and "not ready for it yet" in message
    assert message.endswith("after a newer action it is not asked again"), message
    ros.until("the answer to the second", second.done)
    assert (second.result().success, second.result().message) == (True, "")
    assert codes(sim, 1016).count(0) == 1


def test_what_the_firmware_lacks_is_told_at_once(world: World, ros: Ros) -> None:
    """In mode code 100, in which robots stand after recovery_stand or walk freely, 3203 is no matter of the first seconds."""
    sim = world.sim("--refuse", "sport:1016:3203")
    world.bridge()
    ros.live()
    standing(ros)
    (free_walk,) = [action for action in reference.actions() if action.name == "free_walk"]
    ros.until("the robot to take it", lambda: call(ros, free_walk)[0])
    ros.spin_for(0.3)  # until the node has heard of it
    success, message = ros.trigger("hello")
    assert not success and "this firmware does not have the action" in message, message
    assert len(sim.requests(1016)) == 1


def test_acrobatics_are_never_asked_for_again(world: World, ros: Ros) -> None:
    sim = early(world, ros, "-p", "allow_acrobatics:=true")
    success, message = ros.trigger("front_jump")
    assert not success and "status 3203: the robot is not ready for it yet" in message, message
    ros.spin_for(2.5)
    assert codes(sim, 1031) == [3203]


def test_damp_works_while_others_hang(world: World, ros: Ros) -> None:
    sim = world.sim("--never-answers", "sport:1016")
    world.bridge("-p", "request_timeout:=10.0")
    ros.live()
    clients = [ros.node.create_client(Trigger, "/go2_bridge/hello") for _ in range(8)]
    ros.until("the service", clients[0].service_is_ready)
    hanging = [client.call_async(Trigger.Request()) for client in clients]
    ros.until("a request that hangs", lambda: sim.requests(1016))
    assert ros.trigger("damp") == (True, "")
    assert sim.requests(1001)[0]["priority"] == 1
    assert not any(answer.done() for answer in hanging)


def test_rage_mode_ends_on_sticks(world: World, ros: Ros) -> None:
    sim = world.sim()
    world.bridge("-p", "allow_acrobatics:=true")
    ros.live()
    (rage,) = [action for action in reference.actions() if action.name == "rage_mode"]
    standing(ros)
    so_far = sim.now()
    assert call(ros, rage) == (True, "")
    sent = sim.requests(since=so_far)
    assert [entry["api_id"] for entry in sent] == [BALANCE_STAND, 2059, 1027]
    assert sent[2]["t"] - sent[1]["t"] >= 1.9
