"""The parameter file, the launch file and docs/reference/parameters.md say what the node does."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from nav_msgs.msg import Odometry

import reference
from dog import ROOT, TARGET, Bridge, Ros, World

CONFIG = ROOT / "config" / "go2.yaml"
LAUNCH = ROOT / "launch" / "go2.launch.xml"
# Parameters that every ROS node has.
OF_ROS = {"use_sim_time", "start_type_description_service"}
VARIABLE = re.compile(r"\$\(var ([^)]*)\)")
EVAL = re.compile(r"\$\(eval '((?:[^'\\]|\\.)*)'\)")


@dataclass
class Told:
    """What the parameter file's comments say about a parameter."""

    live: bool
    limits: tuple[float, float] | None
    # Of a setting of the robot, which has no default, the value that stands there as an example.
    example: Any = None


def parameters() -> dict[str, object]:
    """The parameter file's values."""
    return yaml.safe_load(CONFIG.read_text())["/**"]["ros__parameters"]


# A setting of the robot, commented out.
EXAMPLE = re.compile(r"# \w+: \S+")
NUMBER = r"-?(?:\d+(?:\.\d+)?|pi)"


def told() -> dict[str, Told]:
    """The parameter file's comments: each is for the parameters that follow it, a paragraph's mark for all of it."""
    found: dict[str, Told] = {}
    live: bool | None = None
    comment, names = "", list[str]()
    examples: dict[str, Any] = {}
    for line in [*CONFIG.read_text().splitlines(), ""]:
        text = line.strip()
        if EXAMPLE.fullmatch(text):
            text = text.removeprefix("# ")
            examples |= yaml.safe_load(text)
        if names and not re.match(r"\w", text):
            # With fewer ranges than parameters the first one is for several.
            ranges = re.findall(rf"({NUMBER}) to ({NUMBER})", comment)
            limits: list[tuple[float, float] | None] = [(number(least), number(most)) for least, most in ranges]
            limits = [(limits or [None])[0]] * (len(names) - len(limits)) + limits
            for name, limit in zip(names, limits, strict=True):
                assert live is not None, f"{name}: neither (live) nor (at start)"
                found[name] = Told(live, limit, examples.get(name))
            comment, names = "", []
        if not text:
            live, comment = None, ""
        elif text.startswith("#"):
            comment += text.removeprefix("#")
            if mark := re.search(r"\((live|at start)", text):
                live = mark[1] == "live"
        elif name := re.fullmatch(r"(\w+): .+", text):
            names.append(name[1])
    return found


def number(text: str) -> float:
    """A number as the parameter file's comments write it."""
    return math.copysign(math.pi, -1 if text[0] == "-" else 1) if text.endswith("pi") else float(text)


@pytest.mark.usefixtures("bridge")
def test_the_parameter_file_has_every_parameter_with_its_default(ros: Ros, world: World) -> None:
    values = ros.get_parameters([name for name in ros.list_parameters() if name not in OF_ROS])
    for name in (name for name, comment in told().items() if comment.example is not None):
        del values[name]
    assert values.pop("robot_ip") == world.address
    in_file = parameters()
    assert in_file.pop("robot_ip") == "", "there is no default for it"
    assert values == in_file


def test_the_reference_of_parameters_says_what_the_parameter_file_says() -> None:
    listed, values = reference.parameters(), parameters()
    assert list(listed) == list(told()), "the same names in the same order"
    for name, comment in told().items():
        default, limits, changes, meaning = listed[name]
        assert meaning, name
        assert changes == ("live" if comment.live else "at start"), name
        if comment.example is None:
            assert yaml.safe_load(default.strip("`")) == values[name], name
        else:
            assert default == "-", f"{name}: the robot's settings have no default"
        value = values.get(name, comment.example)
        # Texts, switches and lists have no range, whatever figures their comments name.
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert comment.limits, f"{name}: no range"
            assert tuple(number(text) for text in limits.split(" to ")) == comment.limits, name
        else:
            assert limits == "-", name


def test_the_reference_of_launch_arguments_says_what_the_launch_file_says() -> None:
    declared = {each.attrib["name"]: each.get("default", "") for each in launch().iter("arg")}
    listed = reference.arguments()
    assert list(listed) == list(declared), "the same names in the same order"
    for name, default in declared.items():
        written, meaning = listed[name]
        assert meaning, name
        assert written == (f"`{default.removeprefix('$(find-pkg-share go2_bridge)/')}`" if default else "-"), name


@pytest.mark.usefixtures("bridge")
def test_the_parameter_file_says_what_can_be_changed_and_how_far(ros: Ros) -> None:
    comments = {name: comment for name, comment in told().items() if comment.example is None}
    assert comments.keys() == parameters().keys()
    values = ros.get_parameters(list(comments))
    for name, comment in comments.items():
        answer = ros.set_parameter(name, other_than(values[name]))
        assert ("at start only" in answer.reason) == (not comment.live), f"{name}: {answer.reason}"
        assert ros.set_parameter(name, values[name]).successful, name
        if not isinstance(values[name], float):
            continue
        assert comment.limits, f"{name}: no range"
        if not comment.live:
            continue
        for value, fits in around(comment.limits, 0.01):
            answer = ros.set_parameter(name, value)
            # The two ends of a scan must also fit each other.
            fits_alone = answer.successful or "together with the others" in answer.reason
            assert fits_alone == fits, f"{name}: {value}: {answer.reason}"
        assert ros.set_parameter(name, values[name]).successful


def other_than(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case str():
            return f"{value}x"
        case float():
            return value + 0.001
        case _:
            return [*value, value[0] if value else "x"]


def around(limits: tuple[float, float], step: float) -> list[tuple[float, bool]]:
    """Values at the ends of a range and outside it, and whether they fit."""
    least, most = limits
    return [(least, True), (most, True), (least - step, False), (most + step, False)]


# What settings take that are words.
WORDS = {
    "motion_mode": ["normal", "ai", "advanced", "mcf"],
    "led_color": ["white", "red", "yellow", "blue", "green", "cyan", "purple", ""],
}


@pytest.mark.usefixtures("bridge")
def test_the_parameter_file_says_what_the_robot_can_be_set_to(ros: Ros) -> None:
    text = CONFIG.read_text()
    comments = {name: comment for name, comment in told().items() if comment.example is not None}
    assert len(comments) == 11
    for name, comment in comments.items():
        assert comment.live, name
        values: list[tuple[Any, bool]] = [(comment.example, True)]
        if isinstance(comment.example, bool):
            values += [(not comment.example, True), (1, False)]
        elif isinstance(comment.example, str):
            assert all(f'"{word}"' in text for word in WORDS[name]), name
            values += [(word, True) for word in WORDS[name]] + [("beige", False)]
        else:
            assert comment.limits, f"{name}: no range"
            whole = isinstance(comment.example, int)
            values += [
                (int(value) if whole else value, fits) for value, fits in around(comment.limits, 1 if whole else 0.01)
            ]
        for value, fits in values:
            answer = ros.set_parameter(name, value)
            # What this robot lacks is refused as well, but not for its value.
            taken = answer.successful or "motion mode" in answer.reason
            assert taken == fits, f"{name}: {value}: {answer.reason}"


def test_the_parameter_file_starts_the_node(world: World, ros: Ros) -> None:
    world.sim()
    world.bridge("--params-file", str(CONFIG), "-p", f"robot_ip:={world.address}", robot=False)
    ros.live()


# --- The launch file ------------------------------------------------------------------------------------------------
# The ROS 2 that is tested with may have no `ros2 launch`, so the file is read here as launch would.


def launch() -> ET.Element:
    """The launch file."""
    return ET.parse(LAUNCH).getroot()


def texts() -> list[str]:
    """All that stands in it as attributes."""
    return [value for element in launch().iter() for value in element.attrib.values()]


def expand(text: str, variables: dict[str, str]) -> str:
    """A text with its substitutions made."""
    text = VARIABLE.sub(lambda match: variables[match[1]], text)
    text = re.sub(r"\$\(env \w+ ''\)", "", text)
    text = text.replace("$(find-pkg-share go2_bridge)", str(ROOT))
    text = text.replace("$(find-pkg-prefix go2_bridge)/lib/go2_bridge", str(TARGET))
    # As Humble does it; Jazzy also has the name `math` itself.
    text = EVAL.sub(lambda match: str(eval(re.sub(r"\\(.)", r"\1", match[1]), {}, vars(math).copy())), text)
    assert "$(" not in text, f"what is {text}?"
    return text


def given(**arguments: str) -> dict[str, str]:
    """The launch file's variables when it is started with some arguments."""
    variables: dict[str, str] = {}
    for argument in launch().iter("arg"):
        name = argument.attrib["name"]
        variables[name] = arguments.get(name, expand(argument.get("default", ""), variables))
    for let in launch().iter("let"):
        if condition(let, variables):
            variables[let.attrib["name"]] = expand(let.attrib["value"], variables)
    return variables


def condition(element: ET.Element, variables: dict[str, str]) -> bool:
    """Whether launch would take an element."""
    wanted = truth(expand(element.get("if", "true"), variables))
    return wanted and not truth(expand(element.get("unless", "false"), variables))


def truth(text: str) -> bool:
    """What launch makes of a condition; it takes nothing else."""
    return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]


def node(package: str = "go2_bridge") -> ET.Element:
    """The launch file's node of a package."""
    (found,) = (each for each in launch().iter("node") if each.get("pkg") == package)
    return found


def started(variables: dict[str, str]) -> set[str]:
    """The packages whose nodes launch would start."""
    return {each.attrib["pkg"] for each in launch().iter("node") if condition(each, variables)}


def start(world: World, variables: dict[str, str]) -> Bridge:
    """Starts the node as launch would."""
    element = node()
    before = expand(element.get("args", ""), variables).split()
    ros_args = expand(element.get("ros_args", ""), variables).split()
    ros_args += ["-r", f"__node:={element.attrib['name']}"]
    if namespace := expand(element.get("namespace", ""), variables):
        ros_args += ["-r", f"__ns:=/{namespace}"]
    full_name = f"/{namespace}/{element.attrib['name']}".replace("//", "/")
    for parameter in element.iter("param"):
        if source := parameter.get("from"):
            ros_args += ["--params-file", expand(source, variables)]
            continue
        value = expand(parameter.attrib["value"], variables)
        typed = value if parameter.get("type") == "str" else yaml.safe_load(value)
        assert typed is not None, "launch takes no empty text without a type"
        content = {full_name: {"ros__parameters": {parameter.attrib["name"]: typed}}}
        ros_args += ["--params-file", world.file(yaml.dump(content))]
    return world.bridge(*ros_args, robot=False, before=before)


def test_variables_are_declared_and_used() -> None:
    declared = [each.attrib["name"] for each in launch().iter() if each.tag in ("arg", "let")]
    used = {name for text in texts() for name in VARIABLE.findall(text)}
    assert used == set(declared)
    arguments = [each.attrib["name"] for each in launch().iter("arg")]
    assert len(arguments) == len(set(arguments))
    assert all(each.get("description") for each in launch().iter("arg"))


def test_what_is_started_is_installed() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    installed = re.search(r"set\(executables ([^)]*)\)", cmake)
    assert installed
    started = [each.attrib["exec"] for each in launch().iter("node") if each.get("pkg") == "go2_bridge"]
    started += re.findall(r"\$\(find-pkg-prefix go2_bridge\)/lib/go2_bridge/(\w+)", " ".join(texts()))
    # The command go2 is for people to start.
    assert {*started, "go2"} == set(installed[1].split())
    depends = {each.text for each in ET.parse(ROOT / "package.xml").getroot().iter("exec_depend")}
    for element in launch().iter("node"):
        assert element.attrib["pkg"] in depends | {"go2_bridge"}


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"\$\(find-pkg-share go2_bridge\)/([\w./]+)", " ".join(texts()))
    assert named and all((ROOT / name).is_file() for name in named)


def test_robot_state_publisher_is_started_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    ours, both = {"go2_bridge"}, {"go2_bridge", "robot_state_publisher"}
    assert started(given()) == ours
    assert started(given(robot_state_publisher="true")) == both
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "robot_state_publisher").touch()
    assert started(given()) == both
    assert started(given(robot_state_publisher="false")) == ours
    with pytest.raises(KeyError):
        started(given(robot_state_publisher="perhaps"))


def test_launch_with_defaults(world: World, ros: Ros) -> None:
    world.sim()
    start(world, given(robot_ip=world.address))
    odometry = ros.hear(Odometry, "odom")
    assert (odometry.header.frame_id, odometry.child_frame_id) == ("odom", "base_link")
    assert ros.get_parameters(["enable_stamped_cmd_vel"]) == {"enable_stamped_cmd_vel": False}


def test_launch_with_arguments(world: World, ros: Ros) -> None:
    world.sim()
    variables = given(
        sim="true", sim_ip=world.address, namespace="dog1", frame_prefix="dog1/", enable_stamped_cmd_vel="true"
    )
    start(world, variables)
    assert ros.hear(Odometry, "/dog1/odom").child_frame_id == "dog1/base_link"
    name = "enable_stamped_cmd_vel"
    assert ros.get_parameters([name], "/dog1/go2_bridge") == {name: True}


def test_launch_arguments_go_before_the_file_unless_they_are_empty(world: World, ros: Ros) -> None:
    world.sim()
    sections = {
        "/**": {"robot_ip": "127.0.0.250", "odom_frame": "o", "replay_rate": 0.5},
        "/dog1/go2_bridge": {"robot_ip": "127.0.0.251", "frame_prefix": "old/", "enable_stamped_cmd_vel": True},
    }
    file = world.file(yaml.dump({name: {"ros__parameters": content} for name, content in sections.items()}))
    variables = given(robot_ip=world.address, namespace="dog1", frame_prefix="new/", params_file=file)
    start(world, variables)
    assert ros.hear(Odometry, "/dog1/odom").header.frame_id == "new/o"
    values = {"enable_stamped_cmd_vel": True, "replay_rate": 0.5, "gateway": False}
    assert ros.get_parameters(list(values), "/dog1/go2_bridge") == values


def test_launch_without_a_robot_says_what_to_set(world: World) -> None:
    bridge = start(world, given())
    assert bridge.wait() == 2
    assert "robot_ip is not set" in bridge.output()


def test_the_simulated_robot_of_the_launch_file_takes_its_options(world: World) -> None:
    (command,) = (each.attrib["cmd"] for each in launch().iter("executable"))
    program, *options = expand(command, given(sim="true", sim_ip=world.address)).split()
    assert Path(program) == TARGET / "go2_sim"
    assert options == ["--bind", world.address]
