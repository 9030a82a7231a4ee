"""The README's tables."""

from __future__ import annotations

import re

from dog import ROOT

README = ROOT / "README.md"
# What a code span in a first cell may be: a name of a topic, a service or a frame.
NAME = re.compile(r"`([~/\w]+)`")
KIND = re.compile(r"\b(\w+)/(\w+)\b")


def table(title: str) -> list[list[str]]:
    """The rows of the table whose first heading starts with a word, without the headings."""
    rows: list[list[str]] = []
    inside = False
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif not inside:
            inside = cells[0].startswith(title)
        elif not set(cells[0]) <= set("-: "):
            rows.append(cells)
    assert rows, f"the README has no table of {title}"
    return rows


def kinds(title: str, middle: str) -> dict[str, set[str]]:
    """Names of the first column with the types of the second, as ROS writes them, with `msg` or `srv` in the middle."""
    found: dict[str, set[str]] = {}
    for names, types, *_ in table(title):
        for name in NAME.findall(names):
            assert name not in found, f"{name} is there twice"
            found[name] = {f"{package}/{middle}/{kind}" for package, kind in KIND.findall(types)}
            assert found[name], f"{name} has no type"
    return found


def published() -> dict[str, str]:
    """Type of each topic that the node publishes."""
    return {name: only for name, (only,) in kinds("published", "msg").items()}


def subscribed() -> dict[str, set[str]]:
    """Types of each topic that the node subscribes to; more than one where a parameter decides."""
    short = kinds("subscribed", "msg")
    # "geometry_msgs/Twist, or TwistStamped with ..."
    (commands,) = (types for names, types, *_ in table("subscribed") if "`cmd_vel`" in names)
    if "TwistStamped" in commands:
        short["cmd_vel"].add("geometry_msgs/msg/TwistStamped")
    return short


def services() -> dict[str, str]:
    """Type of each service."""
    return {name: only for name, (only,) in kinds("service", "srv").items()}


def frames() -> set[str]:
    """The frames of the messages."""
    return {name for names, *_ in table("frame") for name in NAME.findall(names)}
