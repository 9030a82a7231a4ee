"""Runs a node beside a subscriber that takes too little and prints what that does to everybody else."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from comparison import PROJECT, node_of

# What is run is what the test in CI runs.
sys.path.insert(0, str(PROJECT / "tests/ros"))

from participant import QOS, TOPICS  # noqa: E402
from slow_network import EXIT_LIMIT, ZERO_LIMIT, Figures, Subscriber, run  # noqa: E402
from two_hosts import NotPossible, check_possible  # noqa: E402

RATES = ["1", "5", "20", "50", "stopped", "stopped-here", "none"]
NAMES = {"stopped": "SIGSTOP, laptop", "stopped-here": "SIGSTOP, this host", "none": "nobody"}
SHORT = {"/tf": "tf", "camera/image_raw": "image_raw"}


def subscriber(rate: str, qos: str) -> Subscriber | None:
    """The subscriber of a row."""
    if rate == "none":
        return None
    if rate in NAMES:
        return Subscriber(qos, stopped=True, local=rate == "stopped-here")
    return Subscriber(qos, mbit=float(rate))


def rate(text: str) -> str:
    """A rate in Mbit/s or one of the names."""
    if text not in NAMES and not 0 < float(text) <= 10_000:
        raise ValueError
    return text


def time_or_limit(seconds: float | None, limit: float) -> str:
    return f"> {limit:.0f} s" if seconds is None else f"{seconds:.2f} s"


def row(figures: Figures) -> list[str]:
    """The cells of a run."""
    gap = f"{figures.gap:.2f} s"
    zero, end = time_or_limit(figures.zero, ZERO_LIMIT), time_or_limit(figures.exit, EXIT_LIMIT)
    shares = [f"{share:.0%}" for share in figures.shares().values()]
    if figures.status:
        end += f", status {figures.status}"
    return [gap, f"{figures.gap_before:.2f} s", zero, end, *shares, f"{figures.carried_mbit:.1f} Mbit/s"]


def tell(subscriber: str, qos: str, node: str, cells: list[str]) -> None:
    """Prints a row."""
    first = [f"{subscriber:18}", f"{qos:11}", f"{node:16}"]
    print(f"| {' | '.join([*first, *(f'{cell:>12}' for cell in cells)])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench/slow_subscriber")
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=10, help="without and with the subscriber, each")
    parser.add_argument("--rates", type=rate, nargs="+", default=RATES, help=f"Mbit/s, {', '.join(NAMES)}")
    parser.add_argument("--qos", choices=QOS, action="append", help="of the subscriber; both by default")
    parser.add_argument("--node", type=Path, help="another node than this checkout's")
    parser.add_argument("--against", metavar="COMMIT", help="the node of a commit, or a program, in turn with this one")
    arguments = parser.parse_args()
    try:
        check_possible()
    except NotPossible as why:
        sys.exit(f"slow_subscriber: {why}")
    sim = arguments.bin / "go2_sim"
    nodes = {"this": arguments.node or arguments.bin / "go2_bridge"}
    if arguments.against:
        nodes = {arguments.against: node_of(arguments.against), **nodes}
    topics = [SHORT.get(topic, topic) for topic in TOPICS]
    heads = ["gap of Moves", "without it", "zero", "exit", *topics, "on the cable"]
    print("longest gap between two Moves, with the subscriber and before it came; last command to first zero;")
    print("SIGINT to exit; rates on the robot's computer, as a part of those before; what the cable carried")
    tell("subscriber", "QoS", "node", heads)
    tell("---", "---", "---", ["---"] * len(heads))
    for each in arguments.rates:
        for qos in (arguments.qos or QOS) if each != "none" else ["-"]:
            for name, node in nodes.items():
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        cells = row(run(subscriber(each, qos), arguments.seconds, Path(folder), node, sim))
                    except AssertionError as error:
                        cells = [f"failed: {error}"]
                tell(NAMES.get(each, f"{each} Mbit/s"), qos, name[-16:], cells)


if __name__ == "__main__":
    main()
