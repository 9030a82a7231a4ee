"""Each action of docs/commands.md in every motion mode: what arrives on the wire, and what the service answers."""

from __future__ import annotations

import json

import pytest
from nav_msgs.msg import Odometry
from std_srvs.srv import SetBool, Trigger

import readme
from dog import Ros, World

MODES = {
    "normal": ["--firmware", "old"],
    "ai": ["--firmware", "old", "--motion-mode", "ai"],
    "mcf": ["--firmware", "new"],
}
# What the node sends on its own account, or in more than one request.
SPECIAL = ("stop", "damp", "rage_mode")
BALANCE_STAND = 1002


def call(ros: Ros, action: readme.Action, on: bool = True) -> tuple[bool, str]:
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
    for action in readme.actions():
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
    dangerous = [action for action in readme.actions() if action.acrobatic]
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
    (free_avoid,) = [action for action in readme.actions() if action.name == "free_avoid"]
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
    assert not success and message.startswith("the robot did not answer within 0.5 s")
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
    (rage,) = [action for action in readme.actions() if action.name == "rage_mode"]
    standing(ros)
    so_far = sim.now()
    assert call(ros, rage) == (True, "")
    sent = sim.requests(since=so_far)
    assert [entry["api_id"] for entry in sent] == [BALANCE_STAND, 2059, 1027]
    assert sent[2]["t"] - sent[1]["t"] >= 1.9
