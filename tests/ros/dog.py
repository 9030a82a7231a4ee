"""What the tests are made of: a simulated robot, the node, and a ROS node of the test's own."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import rclpy
from geometry_msgs.msg import Twist
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterDescriptor, ParameterValue, SetParametersResult
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
# The node under test may be another one, as with scripts/test --node.
NODE = Path(os.environ.get("GO2_TEST_NODE", TARGET / "go2_bridge"))

# How long anything may take on a busy machine.
LIMIT = 20.0
POLL = 0.02
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

STOP_MOVE, MOVE = 1003, 1008
# Of obstacles_avoid.
AVOID_MOVE, TAKE_COMMANDS = 1003, 1004
# What the node asks on its own account in every session: mode, settings, versions, programs.
QUESTIONS = {
    ("motion_switcher", 1001),
    ("sport", 1024),
    ("sport", 1025),
    ("sport", 1026),
    ("sport", 2055),
    ("obstacles_avoid", 1002),
    ("vui", 1004),
    ("vui", 1006),
    ("bashrunner", 1001),
    ("robot_state", 1003),
}

T = TypeVar("T")
P = TypeVar("P", bound="Process")
Entry = dict[str, Any]


def wait_for(what: str, check: Callable[[], T], limit: float = LIMIT, pause: Callable[[], Any] | None = None) -> T:
    """Polls until `check` gives something true, and returns that."""
    deadline = time.monotonic() + limit
    while True:
        if found := check():
            return found
        assert time.monotonic() < deadline, f"waited {limit} s in vain for {what}"
        pause() if pause else time.sleep(POLL)


class Process:
    """A program of ours with its output in a file.

    `within` is a command that becomes the program that follows it, as one that enters a network namespace does.
    """

    def __init__(
        self, program: Path, arguments: list[str], log: Path, environment: dict[str, str], within: Sequence[str] = ()
    ) -> None:
        assert program.exists(), f"{program} is not there: run cargo build --workspace"
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*within, str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"NO_COLOR": "1", "RUST_LOG": "info,webrtc=error"} | environment,
            )

    def output(self) -> str:
        """All that it has said."""
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def wait(self, limit: float = LIMIT) -> int:
        """Waits for its end; returns the exit status."""
        return self._process.wait(limit)

    def end(self, how: signal.Signals) -> int:
        """Sends a signal and waits for the end."""
        self._process.send_signal(how)
        return self.wait()

    def send(self, how: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(how)

    def suspended(self) -> bool:
        """Whether it is stopped, and may be continued."""
        return "\nState:\tT" in Path(f"/proc/{self._process.pid}/status").read_text()

    def freeze(self) -> None:
        """Has it do nothing more, and not end either."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Has it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it in any case."""
        if self.running():
            self._process.kill()
        self._process.wait()


class Control:
    """Has things go wrong with a simulated robot."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), LIMIT)
        self._answers = self._socket.makefile("r")

    def ask(self, **command: Any) -> dict[str, Any]:
        """Gives a command and waits for the answer."""
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline())
        assert "error" not in answer, answer
        return answer

    def begin(self, mishap: Any, **span: float) -> int:
        """Has a mishap begin, `for_` seconds or so many `times` or until it is ended; returns its name."""
        return int(self.ask(begin=mishap, **{name.rstrip("_"): value for name, value in span.items()})["id"])

    def end(self, mishap: int) -> None:
        """Ends one."""
        self.ask(end=mishap)

    def felt(self, mishap: int) -> bool:
        """Whether it has had an effect so far."""
        return int(self.ask(wait=mishap, until="felt", limit=0)["felt"]) > 0

    def over(self, mishap: int) -> bool:
        """Whether it is over."""
        return bool(self.ask(wait=mishap, until="over", limit=0)["over"])


class Sim(Process):
    """A simulated robot, and what it saw."""

    def __init__(
        self,
        address: str,
        directory: Path,
        options: list[str],
        environment: dict[str, str],
        program: Path = TARGET / "go2_sim",
        within: Sequence[str] = (),
    ) -> None:
        self.address = address
        self.events = directory / "events.jsonl"
        arguments = ["--bind", address, "--log", str(self.events), *options]
        super().__init__(program, arguments, directory / "go2_sim.log", environment, within)

    def listens(self) -> bool:
        assert self.running(), self.output()
        return "listens on" in self.output()

    def control(self) -> Control:
        """Its control port, for one that was started with `--control-port 0`."""
        told = r"control port at ([0-9.]+):([0-9]+)"
        found = wait_for("the control port", lambda: re.search(told, self.output()))
        return Control(found[1], int(found[2]))

    def entries(self, event: str | None = None) -> list[Entry]:
        """What it logged, of one kind or all; a line that is half written is left for the next time."""
        whole = self.events.read_text().rpartition("\n")[0]
        entries = [json.loads(line) for line in whole.splitlines()]
        return [entry for entry in entries if event in (None, entry["event"])]

    def requests(self, *api_ids: int, since: int = 0, of: str | None = None) -> list[Entry]:
        """The requests it executed, without QUESTIONS: some apis of one service, by default sport, or all of one or of all.

        The first `since` of them, counted over all services, are left out.
        """
        told = [entry for entry in self.entries("request") if (service(entry), entry["api_id"]) not in QUESTIONS]
        of = of or ("sport" if api_ids else None)
        wanted = [entry for entry in told[since:] if of in (None, service(entry))]
        return [entry for entry in wanted if not api_ids or entry["api_id"] in api_ids]

    def walks(self, since: int = 0) -> list[Entry]:
        """The Moves that it was given, past its obstacle avoidance or through it."""
        return [entry for entry in self.requests(since=since) if is_move(entry)]

    def moves(self, since: int = 0) -> list[tuple[float, float, float]]:
        """Their velocities."""
        return [velocity(entry) for entry in self.walks(since)]

    def now(self) -> int:
        """How many requests there were so far, to all services."""
        return len(self.requests())


def service(entry: Entry) -> str:
    """The robot's service that a request is for."""
    return str(entry["topic"]).removeprefix("rt/api/").removesuffix("/request")


def is_move(entry: Entry) -> bool:
    """Whether it is a Move, of whichever service."""
    return (service(entry), entry["api_id"]) in {("sport", MOVE), ("obstacles_avoid", AVOID_MOVE)}


def velocity(entry: Entry) -> tuple[float, float, float]:
    """Of a Move."""
    parameter = json.loads(entry["parameter"])
    return parameter["x"], parameter["y"], parameter["z" if service(entry) == "sport" else "yaw"]


def ends_stopped(requests: list[Entry]) -> bool:
    """Whether explicit zeros and then a StopMove are the last it was told, whoever its avoidance listens to."""
    taking = ("obstacles_avoid", TAKE_COMMANDS)
    told = [entry for entry in requests if (service(entry), entry["api_id"]) != taking]
    if not told or (service(told[-1]), told[-1]["api_id"]) != ("sport", STOP_MOVE):
        return False
    before = reversed(told[:-1])
    return len(list(itertools.takewhile(lambda entry: is_move(entry) and not any(velocity(entry)), before))) >= 3


class Bridge(Process):
    """The node."""

    def __init__(
        self,
        arguments: list[str],
        directory: Path,
        environment: dict[str, str],
        program: Path = NODE,
        within: Sequence[str] = (),
    ) -> None:
        super().__init__(program, arguments, directory / "go2_bridge.log", environment, within)


@dataclass
class Heard:
    """What came on a topic."""

    messages: list[Any] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    subscription: Any = None

    def hear(self, message: Any) -> None:
        """Takes a message."""
        self.messages.append(message)
        self.times.append(time.monotonic())

    def clear(self) -> None:
        """Forgets what came so far."""
        self.messages.clear()
        self.times.clear()

    @property
    def last(self) -> Any:
        """The latest."""
        return self.messages[-1]


class Ros:
    """A ROS node that looks at what the node under test does."""

    def __init__(self, domain: int) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("test", context=self._context, enable_rosout=False, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def close(self) -> None:
        """Leaves the ROS graph."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def spin(self) -> None:
        """Handles one thing, if there is any."""
        self._executor.spin_once(timeout_sec=POLL)

    def until(self, what: str, check: Callable[[], T], limit: float = LIMIT) -> T:
        """Spins until `check` gives something true."""
        return wait_for(what, check, limit, self.spin)

    def spin_for(self, seconds: float) -> None:
        """Lets time pass, where nothing tells that it has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.spin()

    def listen(self, kind: Any, topic: str, qos: QoSProfile | int = 10) -> Heard:
        """Subscribes."""
        heard = Heard()
        heard.subscription = self.node.create_subscription(kind, topic, heard.hear, qos)
        return heard

    def leave(self, heard: Heard) -> None:
        """Ends a subscription."""
        self.node.destroy_subscription(heard.subscription)

    def hear(self, kind: Any, topic: str, qos: QoSProfile | int = 10) -> Any:
        """Subscribes and waits for a message."""
        heard = self.listen(kind, topic, qos)
        self.until(f"a message on {topic}", lambda: heard.messages)
        return heard.last

    def call(self, kind: Any, service: str, request: Any) -> Any:
        """Calls a service and waits for the answer."""
        client = self.node.create_client(kind, service)
        self.until(f"the service {service}", client.service_is_ready)
        answer = client.call_async(request)
        self.until(f"the answer of {service}", answer.done)
        self.node.destroy_client(client)
        return answer.result()

    def trigger(self, name: str, node: str = "/go2_bridge") -> tuple[bool, str]:
        """Calls one of the node's services without arguments."""
        answer = self.call(Trigger, f"{node}/{name}", Trigger.Request())
        return answer.success, answer.message

    def live(self, node: str = "/go2_bridge") -> Heard:
        """Waits until the link is live; returns what the link says from then on."""
        heard = self.listen(String, f"{node}/link_state", LATCHED)
        self.until("the link to be live", lambda: heard.messages and heard.last.data == "live")
        return heard

    def get_parameters(self, names: list[str], node: str = "/go2_bridge") -> dict[str, Any]:
        """The values of parameters."""
        request = GetParameters.Request(names=names)
        values = self.call(GetParameters, f"{node}/get_parameters", request).values
        return {name: plain(value) for name, value in zip(names, values, strict=True)}

    def set_parameter(self, name: str, value: Any, node: str = "/go2_bridge") -> SetParametersResult:
        """Sets a parameter; returns the node's judgement."""
        parameter: ParameterMessage = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(SetParameters, f"{node}/set_parameters", request).results[0]

    def list_parameters(self, node: str = "/go2_bridge") -> list[str]:
        """The names of all parameters."""
        answer = self.call(ListParameters, f"{node}/list_parameters", ListParameters.Request())
        return list(answer.result.names)

    def describe_parameters(self, names: list[str], node: str = "/go2_bridge") -> list[ParameterDescriptor]:
        """What the node says about parameters."""
        request = DescribeParameters.Request(names=names)
        return self.call(DescribeParameters, f"{node}/describe_parameters", request).descriptors


def plain(value: ParameterValue) -> Any:
    """A parameter's value in Python's own types."""
    value = parameter_value_to_python(value)
    return list(value) if isinstance(value, array) else value


def twist(x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> Twist:
    """A velocity."""
    message = Twist()
    message.linear.x, message.linear.y, message.angular.z = float(x), float(y), float(yaw)
    return message


class Driver:
    """Publishes a command at 20 Hz while the test's node spins, until told otherwise."""

    def __init__(self, ros: Ros, first: Any, topic: str = "cmd_vel") -> None:
        self._ros = ros
        self._publisher = ros.node.create_publisher(type(first), topic, 1)
        ros.until(f"a listener on {topic}", lambda: self._publisher.get_subscription_count() > 0)
        self.command: Any = first
        ros.node.create_timer(0.05, self._publish)

    def _publish(self) -> None:
        if self.command is not None:
            self._publisher.publish(self.command)

    def stop_publishing(self) -> None:
        """As if whoever drives were gone."""
        self.command = None


@dataclass
class World:
    """Starts things that end with the test."""

    directory: Path
    domain: int
    address: str
    _started: list[Process] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def sim(self, *options: str, environment: dict[str, str] | None = None) -> Sim:
        """A simulated robot at the test's address."""
        sim = self.keep(Sim(self.address, self._room(), list(options), environment or {}))
        wait_for("the simulated robot to listen", sim.listens)
        return sim

    def bridge(
        self,
        *ros_arguments: str,
        robot: bool = True,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> Bridge:
        """The node, for the test's robot, with ROS arguments and others `before` them."""
        own = ["-p", f"robot_ip:={self.address}"] if robot else []
        arguments = [*before, "--ros-args", *own, *ros_arguments]
        domain = {"ROS_DOMAIN_ID": str(self.domain)}
        return self.keep(Bridge(arguments, self._room(), domain | (environment or {})))

    def file(self, text: str) -> str:
        """The path of a file that holds this."""
        path = self._room() / "file"
        path.write_text(text)
        return str(path)

    def ros(self) -> Ros:
        """A node that looks on."""
        return Ros(self.domain)

    def tell(self) -> str:
        """What the programs said, for a test that failed."""
        return "\n".join(f"--- {process.log.name}\n{process.output()}" for process in self._started)

    def close(self) -> None:
        """Ends all of it."""
        for process in self._started:
            process.kill()

    def _room(self) -> Path:
        room = self.directory / str(next(self._numbers))
        room.mkdir()
        return room

    def keep(self, process: P) -> P:
        self._started.append(process)
        return process
