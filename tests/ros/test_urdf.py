"""The robot's model. Needs no ROS."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
URDF = ROOT / "urdf" / "go2.urdf"
ROBOT = ET.parse(URDF).getroot()
LINKS = {link.attrib["name"]: link for link in ROBOT.iter("link")}
JOINTS = {joint.attrib["name"]: joint for joint in ROBOT.iter("joint")}
MOVING = [name for name, joint in JOINTS.items() if joint.get("type") != "fixed"]

LEGS = ["FL", "FR", "RL", "RR"]
PARTS = ["hip", "thigh", "calf", "foot"]
# axis, lower, upper, effort, velocity
LIMITS = {
    "F hip": ([1, 0, 0], -1.0472, 1.0472, 23.7, 30.1),
    "R hip": ([1, 0, 0], -1.0472, 1.0472, 23.7, 30.1),
    "F thigh": ([0, 1, 0], -1.5708, 3.4907, 23.7, 30.1),
    "R thigh": ([0, 1, 0], -0.5236, 4.5379, 23.7, 30.1),
    "F calf": ([0, 1, 0], -2.7227, -0.83776, 45.43, 15.70),
    "R calf": ([0, 1, 0], -2.7227, -0.83776, 45.43, 15.70),
}
MASSES = {"hip": 0.678, "thigh": 1.152, "calf": 0.154, "foot": 0.04}
TRUNK_MASS = 6.921
HIP = np.array([0.1934, 0.0465, 0.0])
HIP_TO_THIGH, THIGH, CALF = 0.0955, 0.213, 0.213
MIRROR = np.array([1.0, -1.0, 1.0])


def parameters() -> dict[str, Any]:
    """The node's defaults, as the parameter file has them."""
    return yaml.safe_load((ROOT / "config" / "go2.yaml").read_text())["/**"]["ros__parameters"]


def numbers(element: ET.Element | None, name: str) -> Array:
    """An attribute's three numbers; where there is none, zeros."""
    text = element.get(name, "0 0 0") if element is not None else "0 0 0"
    values = np.array([float(each) for each in text.split()])
    assert values.shape == (3,)
    return values


def turn(axis: Array, angle: float) -> Array:
    """Rotation about a unit vector."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def pose(rotation: Array, translation: Array) -> Array:
    """As one matrix."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def origin(element: ET.Element) -> Array:
    """Pose of a joint or a shape in its parent."""
    found = element.find("origin")
    x, y, z = np.eye(3)
    roll, pitch, yaw = numbers(found, "rpy")
    return pose(turn(z, yaw) @ turn(y, pitch) @ turn(x, roll), numbers(found, "xyz"))


def end(joint: ET.Element, which: str) -> str:
    """The link at the parent's or the child's side of a joint."""
    element = joint.find(which)
    assert element is not None
    return element.attrib["link"]


def above(link: str) -> list[ET.Element]:
    """The joints from the root to a link."""
    chain: list[ET.Element] = []
    while found := [joint for joint in JOINTS.values() if end(joint, "child") == link]:
        assert len(found) == 1, f"{link} hangs from {len(found)} joints"
        assert found[0] not in chain, f"{link} is in a loop"
        chain.insert(0, found[0])
        link = end(found[0], "parent")
    return chain


def where(link: str, **angles: float) -> Array:
    """Pose of a link in base_link with the hips, thighs and calves at these angles."""

    def step(joint: ET.Element) -> Array:
        if joint.get("type") == "fixed":
            return origin(joint)
        part = joint.attrib["name"].split("_")[1]
        return origin(joint) @ pose(turn(numbers(joint.find("axis"), "xyz"), angles.get(part, 0.0)), np.zeros(3))

    return reduce(np.matmul, (step(joint) for joint in above(link)), np.eye(4))


def mass(link: str) -> float:
    """A link's mass."""
    element = LINKS[link].find("inertial/mass")
    return float(element.attrib["value"]) if element is not None else 0.0


def inertia(link: str) -> Array:
    """A link's inertia about its centre of mass."""
    element = LINKS[link].find("inertial/inertia")
    assert element is not None
    return np.array([[float(element.attrib["i" + "".join(sorted(a + b))]) for a in "xyz"] for b in "xyz"])


def solid(link: str) -> Array:
    """Inertia of a solid with the shape of the link's first collision, in the link's axes."""
    collision = LINKS[link].find("collision")
    assert collision is not None
    (shape,) = collision.findall("geometry/*")
    if shape.tag == "box":
        squares = numbers(shape, "size") ** 2
        about = (squares.sum() - squares) / 12
    else:
        square = float(shape.attrib["radius"]) ** 2
        if shape.tag == "sphere":
            about = np.full(3, 2 / 5 * square)
        else:
            across = (3 * square + float(shape.attrib["length"]) ** 2) / 12
            about = np.array([across, across, square / 2])
    rotation = origin(collision)[:3, :3]
    return mass(link) * rotation @ np.diag(about) @ rotation.T


def shapes(link: str) -> list[tuple[str, dict[str, str], Array]]:
    """A link's visuals and collisions: what and where."""
    found = []
    for element in LINKS[link]:
        for shape in element.findall("geometry/*"):
            found.append((f"{element.tag} {shape.tag}", shape.attrib, origin(element)[:3, 3]))
    return found


WITH_MASS = [name for name in LINKS if mass(name)]


def test_it_is_a_tree_with_base_link_as_its_root() -> None:
    assert len(list(ROBOT.iter("link"))) == len(LINKS) and len(list(ROBOT.iter("joint"))) == len(JOINTS)
    for name in LINKS:
        chain = above(name)
        assert (end(chain[0], "parent") if chain else name) == "base_link"
    assert {end(joint, "child") for joint in JOINTS.values()} | {"base_link"} == set(LINKS)
    assert {f"{leg}_{part}" for leg in LEGS for part in PARTS} <= set(LINKS)
    assert "base_footprint" not in LINKS, "it would move with the odometry"


def test_it_is_plain_urdf() -> None:
    text = URDF.read_text(encoding="utf-8")
    assert text.isascii(), "launch reads it in the user's locale"
    assert "xacro" not in text and "<mesh" not in text
    defined = [material.attrib["name"] for material in ROBOT.findall("material")]
    assert len(defined) == len(set(defined))
    used = [material for visual in ROBOT.iter("visual") for material in visual.iter("material")]
    assert {material.attrib["name"] for material in used} == set(defined)
    assert not any(list(material) for material in used), "a material is defined twice"


def test_the_joints_that_move_are_the_ones_the_node_publishes() -> None:
    source = (ROOT / "src" / "convert" / "joints.rs").read_text()
    legs = re.search(r"const LEGS:[^=]*= \[(.*)\];", source)
    joints = re.search(r"const JOINTS:[^=]*= \[(.*)\];", source)
    assert legs and joints
    names = [
        f"{leg}_{joint}_joint" for leg in re.findall(r'"(\w+)"', legs[1]) for joint in re.findall(r'"(\w+)"', joints[1])
    ]
    assert names == MOVING
    assert names == [f"{leg}_{part}_joint" for leg in LEGS for part in PARTS[:3]]


def test_the_nodes_frames_are_links() -> None:
    for parameter in ("base_frame", "imu_frame", "lidar_frame", "camera_frame"):
        assert parameters()[parameter] in LINKS


def test_the_nodes_lidar_is_mounted_where_the_model_has_it() -> None:
    assert [end(joint, "parent") for joint in above("utlidar_lidar")] == ["base_link"]
    origin = JOINTS["utlidar_lidar_joint"].find("origin")
    pose = [*numbers(origin, "xyz"), *numbers(origin, "rpy")]
    assert parameters()["lidar_mount"] == pose


@pytest.mark.parametrize("name", MOVING)
def test_limits(name: str) -> None:
    joint = JOINTS[name]
    leg, part, _ = name.split("_")
    axis, *limits = LIMITS[f"{leg[0]} {part}"]
    assert joint.get("type") == "revolute"
    assert numbers(joint.find("axis"), "xyz").tolist() == axis
    limit = joint.find("limit")
    assert limit is not None
    assert [float(limit.attrib[key]) for key in ("lower", "upper", "effort", "velocity")] == limits


def test_masses() -> None:
    assert {name: mass(name) for name in WITH_MASS} == {"trunk": TRUNK_MASS} | {
        f"{leg}_{part}": MASSES[part] for leg in LEGS for part in PARTS
    }
    assert sum(map(mass, LINKS)) == pytest.approx(15.017)


@pytest.mark.parametrize("link", WITH_MASS)
def test_inertia(link: str) -> None:
    matrix = inertia(link)
    principal = np.linalg.eigvalsh(matrix)
    assert principal[0] > 0
    assert principal[2] < principal[0] + principal[1], "no body has such an inertia"
    np.testing.assert_allclose(matrix, solid(link), rtol=1e-4, atol=1e-8)
    collision, inertial = LINKS[link].find("collision"), LINKS[link].find("inertial")
    assert collision is not None and inertial is not None
    centre = [0.0211, 0, -0.0054] if link == "trunk" else origin(collision)[:3, 3]
    np.testing.assert_array_equal(origin(inertial), pose(np.eye(3), np.array(centre)))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("end_of_trunk", ["F", "R"])
def test_right_mirrors_left(end_of_trunk: str, part: str) -> None:
    left, right = f"{end_of_trunk}L_{part}", f"{end_of_trunk}R_{part}"
    np.testing.assert_array_equal(
        origin(JOINTS[f"{left}_joint"])[:3, 3] * MIRROR, origin(JOINTS[f"{right}_joint"])[:3, 3]
    )
    assert mass(left) == mass(right)
    np.testing.assert_array_equal(inertia(left), inertia(right))
    for one, other in zip(shapes(left), shapes(right), strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one[2] * MIRROR, other[2])


@pytest.mark.parametrize("leg", LEGS)
def test_feet(leg: str) -> None:
    side = np.array([1 if leg[0] == "F" else -1, 1 if leg[1] == "L" else -1, 1])
    hip = HIP * side
    np.testing.assert_allclose(where(f"{leg}_hip")[:3, 3], hip)
    out = np.array([0, HIP_TO_THIGH * side[1], 0])
    # Straight down.
    np.testing.assert_allclose(where(f"{leg}_foot")[:3, 3], hip + out + [0, 0, -0.426])
    # Standing: the calf leans ahead as far as the thigh leans back, so the foot is under the hip.
    standing = where(f"{leg}_foot", hip=0, thigh=0.8, calf=-1.6)[:3, 3]
    np.testing.assert_allclose(standing, hip + out + [0, 0, -(THIGH + CALF) * np.cos(0.8)], atol=1e-12)
    assert standing[2] == pytest.approx(-0.297, abs=5e-4)
    # A thigh that leans back has its knee behind, a positive hip moves the foot to the left.
    assert where(f"{leg}_calf", thigh=0.8)[0, 3] < hip[0]
    assert where(f"{leg}_foot", hip=0.3)[1, 3] > (hip + out)[1]


@pytest.mark.parametrize("part", ["thigh", "calf"])
@pytest.mark.parametrize("leg", LEGS)
def test_legs_reach_from_joint_to_joint(leg: str, part: str) -> None:
    below = JOINTS[f"{leg}_{PARTS[PARTS.index(part) + 1]}_joint"]
    for kind in ("visual", "collision"):
        element = LINKS[f"{leg}_{part}"].find(kind)
        assert element is not None
        (shape,) = element.findall("geometry/*")
        length = numbers(shape, "size")[2] if shape.tag == "box" else float(shape.attrib["length"])
        np.testing.assert_allclose(origin(below)[:3, 3], [0, 0, -length])
        np.testing.assert_array_equal(origin(element), pose(np.eye(3), np.array([0, 0, -length / 2])))


def test_sensors() -> None:
    np.testing.assert_allclose(where("imu_link"), pose(np.eye(3), np.array([-0.02557, 0, 0.04232])))
    camera = where("front_camera")
    np.testing.assert_allclose(camera, pose(np.eye(3), np.array([0.32715, -0.00003, 0.04297])))
    # x to the right, y down, z ahead
    optical = pose(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]), camera[:3, 3])
    np.testing.assert_allclose(where("front_camera_optical_frame"), optical, atol=1e-5)
    lidar = where("utlidar_lidar")
    np.testing.assert_allclose(lidar[:3, 3], [0.28945, 0, -0.046825])
    np.testing.assert_allclose(lidar[:3, 2], [np.sin(2.8782), 0, np.cos(2.8782)], atol=1e-12)
