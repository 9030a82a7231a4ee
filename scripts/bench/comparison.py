"""Two nodes in turn, in interleaved rounds: what the one costs, as a part of what the other does."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
# Of the larger of two counts of messages, by how much the other may be less; one is always allowed, for the run's end.
TOLERANCE = 0.01


@dataclass
class Outcome:
    """What one run of one node has shown."""

    # By name, with the unit in it; less is better.
    measures: dict[str, float]
    # By topic, how many messages came of how many that were sent.
    delivered: dict[str, tuple[int, int]]


Pair = tuple[Outcome, Outcome]


def node_of(commit: str) -> Path:
    """The node of a commit, in release, or the program of this path."""
    if Path(commit).is_file():
        return Path(commit)
    command = [str(PROJECT / "scripts/build_node"), commit, "--release"]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def differences(first: Outcome, second: Outcome) -> list[str]:
    """The topics of which the two delivered different counts, with these; a round is void if there are any."""
    told = []
    for topic in sorted(first.delivered.keys() | second.delivered.keys()):
        (one, one_sent), (two, two_sent) = (each.delivered.get(topic, (0, 0)) for each in (first, second))
        if abs(one - two) > max(1.0, TOLERANCE * max(one, two)):
            told.append(f"{topic}: {one} of {one_sent}, {two} of {two_sent}")
    return told


def interleave(nodes: dict[str, Any], run: Callable[[Any], Outcome], rounds: int) -> list[Pair]:
    """Runs two nodes in turn, and in each round in the other order, until so many rounds are valid or as many void.

    A round is void where a run fails, or where the two delivered different counts. Returns the outcomes of the valid
    ones, in the order of `nodes`.
    """
    names = list(nodes)
    valid: list[Pair] = []
    void = 0
    while len(valid) < rounds and void < rounds:
        number = len(valid) + void
        try:
            outcomes = {name: run(nodes[name]) for name in (names if number % 2 == 0 else names[::-1])}
        except (AssertionError, subprocess.TimeoutExpired) as error:
            void += 1
            print(f"round {number + 1} is void: {error}", flush=True)
            continue
        first, second = (outcomes[name] for name in names)
        if different := differences(first, second):
            void += 1
            print(f"round {number + 1} is void: {'; '.join(different)}", flush=True)
            continue
        valid.append((first, second))
        counts = zip(first.delivered.items(), second.delivered.values(), strict=True)
        told = ", ".join(f"{topic} {one[0]}/{two[0]}" for (topic, one), two in counts)
        cpu = next(iter(first.measures))
        part = ratio(second.measures[cpu], first.measures[cpu])
        print(f"round {number + 1}: {cpu}: x {part:.3f}; delivered {told}", flush=True)
    return valid


def tell_comparison(name: str, pairs: list[Pair]) -> bool:
    """Prints the table of the valid rounds; returns whether there are any."""
    print(f"a round is void where the counts of a topic differ by more than one and {TOLERANCE:.0%} of the larger")
    if not pairs:
        return False
    print(f"{f'medians of {len(pairs)} rounds':34} {name[-16:]:>16} {'this node':>10} {'ratio':>7}   lowest - highest")
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    for measure in first[0].measures:
        if all(measure in each.measures for each in (*first, *second)):
            before, now = ([each.measures[measure] for each in side] for side in (first, second))
            ratios = sorted(ratio(*each) for each in zip(now, before, strict=True))
            middle = [statistics.median(values) for values in (before, now, ratios)]
            spread = f"{ratios[0]:.3f} - {ratios[-1]:.3f}"
            print(f"{measure:34} {middle[0]:16.2f} {middle[1]:10.2f} {middle[2]:7.3f}   {spread}")
    for topic in first[0].delivered:
        counts = ([sum(each.delivered[topic][i] for each in side) for i in (0, 1)] for side in (first, second))
        shown = [f"{came} of {sent}" for came, sent in counts]
        print(f"{'delivered, ' + topic:34} {shown[0]:>16} {shown[1]:>16}")
    return True


def ratio(now: float, before: float) -> float:
    """How much of the other one's this is."""
    return now / before if before else float("inf")
