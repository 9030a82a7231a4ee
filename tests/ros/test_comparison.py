"""What scripts/bench compares two nodes by: interleaved rounds, void where the two did not deliver the same."""

from __future__ import annotations

import sys

import pytest

from dog import ROOT

sys.path.insert(0, str(ROOT / "scripts/bench"))

from comparison import Outcome, differences, interleave, tell_comparison  # noqa: E402


def outcome(cpu: float = 1.0, clouds: int = 450, pictures: int = 900) -> Outcome:
    return Outcome({"CPU, s a minute": cpu}, {"points": (clouds, 450), "camera/image_raw": (pictures, 900)})


def test_counts_may_differ_by_one_in_a_hundred_or_one() -> None:
    assert differences(outcome(), outcome(clouds=446, pictures=891)) == []
    assert differences(outcome(clouds=10), outcome(clouds=11)) == []
    assert differences(outcome(), outcome(clouds=445)) == ["points: 450 of 450, 445 of 450"]
    assert differences(outcome(), outcome(pictures=890)) == ["camera/image_raw: 900 of 900, 890 of 900"]
    assert differences(Outcome({}, {}), outcome())


def test_rounds_are_interleaved_and_void_ones_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def run(node: str) -> Outcome:
        asked.append(node)
        if len(asked) == 4:
            return outcome(pictures=100)
        assert len(asked) != 5, "the node has ended"
        return outcome(cpu={"old": 2.0, "new": 3.0}[node])

    pairs = interleave({"old": "old", "new": "new"}, run, rounds=3)
    # The third round ends with its first run.
    assert asked == ["old", "new", "new", "old", "old", "new", "old", "old", "new"]
    assert pairs == [(outcome(cpu=2.0), outcome(cpu=3.0))] * 3
    told = capsys.readouterr().out
    assert "round 2 is void: camera/image_raw: 100 of 900, 900 of 900" in told
    assert "round 3 is void: the node has ended" in told
    assert told.count("x 1.500") == 3


def test_it_gives_up_on_two_that_never_deliver_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    pictures = {"old": 500, "new": 900}
    pairs = interleave({"old": "old", "new": "new"}, lambda node: outcome(pictures=pictures[node]), rounds=2)
    assert pairs == []
    assert not tell_comparison("old", pairs)
    assert capsys.readouterr().out.count("is void: ") == 2


def test_the_table_has_medians_of_both_and_of_the_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(outcome(cpu=before), outcome(cpu=now)) for before, now in ((10.0, 9.0), (20.0, 22.0), (40.0, 40.0))]
    assert tell_comparison("a5fffd3", pairs)
    lines = capsys.readouterr().out.splitlines()
    (cpu,) = (line.split() for line in lines if line.startswith("CPU"))
    assert cpu[-6:] == ["20.00", "22.00", "1.000", "0.900", "-", "1.100"]
    (clouds,) = (line for line in lines if line.startswith("delivered, points"))
    assert clouds.count("1350 of 1350") == 2
