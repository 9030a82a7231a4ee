"""The tables of docs/reference and of docs/commands.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dog import ROOT

REFERENCE = ROOT / "docs" / "reference"
TOPICS = REFERENCE / "topics.md"
SERVICES = REFERENCE / "services.md"
PARAMETERS = REFERENCE / "parameters.md"
COMMANDS = ROOT / "docs" / "commands.md"
# What a code span in a first cell may be: the name of a topic, a service or a frame.
NAME = re.compile(r"`([~/\w]+)`")
KIND = re.compile(r"\b(\w+)/(\w+)\b")


@dataclass
class Action:
    """A row of docs/commands.md: a service, and its api ids by motion mode, each with its parameter."""

    name: str
    kind: str
    ids: dict[str, tuple[int, str] | None]
    acrobatic: bool
    travel: str


def tables(title: str, file: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """The first heading and the rows of each table whose first heading begins with a word."""
    heading: str | None = None
    rows: list[list[str]] = []
    for line in [*file.read_text(encoding="utf-8").splitlines(), ""]:
        cells = [cell.strip() for cell in line.strip("| ").split("|")] if line.startswith("|") else []
        if cells and heading is None:
            heading, rows = cells[0], []
        elif cells and not set(cells[0]) <= set("-: "):
            rows.append(cells)
        elif not cells and heading is not None:
            if re.match(rf"{title}\b", heading):
                yield heading, rows
            heading = None


def kinds(title: str, middle: str, file: Path) -> dict[str, set[str]]:
    """Names of first columns with their types as ROS writes them, `msg` or `srv` in the middle.

    The types are in the heading, or in the second column.
    """
    found: dict[str, set[str]] = {}
    for heading, rows in tables(title, file):
        of_all = KIND.findall(heading)
        for names, second, *_ in rows:
            for name in NAME.findall(names):
                assert name not in found, f"{name} is there twice"
                types = of_all or KIND.findall(second)
                found[name] = {f"{package}/{middle}/{kind}" for package, kind in types}
                assert found[name], f"{name} has no type"
    assert found, f"{file.name} has no table of {title}"
    return found


def published() -> dict[str, str]:
    """Type of each topic that the node publishes."""
    return {name: only for name, (only,) in kinds("published", "msg", TOPICS).items()}


def subscribed() -> dict[str, str]:
    """Type of each topic that the node subscribes to, without parameters."""
    return {name: only for name, (only,) in kinds("subscribed", "msg", TOPICS).items()}


def services() -> dict[str, str]:
    """Type of each service."""
    found = {name: only for name, (only,) in kinds("service", "srv", SERVICES).items()}
    for action in actions():
        assert action.name not in found, f"{action.name} is there twice"
        found[f"~/{action.name}"] = f"std_srvs/srv/{action.kind}"
    return found


def actions() -> list[Action]:
    """The robot's actions."""
    found = []
    for heading, rows in tables("service", COMMANDS):
        assert heading == "service"
        for name, kind, normal, ai, mcf, _busy, travel, what in rows:
            ids = {"normal": api(normal), "ai": api(ai), "mcf": api(mcf)}
            found.append(Action(name.strip("`~/"), kind, ids, what.endswith("*Acrobatic*"), travel))
    assert found, "docs/commands.md has no table of services"
    return found


def api(cell: str) -> tuple[int, str] | None:
    """An api id and its parameter."""
    number, _, parameter = cell.partition(" ")
    return None if number == "-" else (int(number), parameter.strip("`"))


def settings() -> list[str]:
    """The names of what is set on the robot."""
    found = [rows for _, rows in tables("parameter", COMMANDS)]
    return [row[0].strip("`") for rows in found for row in rows]


def frames() -> set[str]:
    """The frames."""
    return {name for _, rows in tables("frame", TOPICS) for names, *_ in rows for name in NAME.findall(names)}


def parameters() -> dict[str, list[str]]:
    """Default, range, when it changes, and meaning of each parameter."""
    return first_cells("parameter")


def arguments() -> dict[str, list[str]]:
    """Default and meaning of each argument of the launch file."""
    return first_cells("argument")


def first_cells(title: str) -> dict[str, list[str]]:
    """The rows of docs/reference/parameters.md by their first cell."""
    found: dict[str, list[str]] = {}
    for _, rows in tables(title, PARAMETERS):
        for name, *rest in rows:
            assert name not in found, f"{name} is there twice"
            found[name.strip("`")] = rest
    assert found, f"{PARAMETERS.name} has no table of {title}"
    return found
