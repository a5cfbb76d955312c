"""The text of a difference: what is in it for large and small ones, and for none."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from overfeat.comparison.changes import KINDS, Names, changes, looked_at
from overfeat.comparison.diff import Diff, diff
from overfeat.comparison.metrics import COLUMNS
from overfeat.comparison.summary import differences, summary
from overfeat.results.opening import open_run
from tests.overfeat.results.made_runs import make_batch, make_pipeline

FACTS: dict[str, Any] = {
    "git_commit": "1",
    "model": {"recognition": "m", "detection": "n"},
    "settings": {"merge": {"flips": True, "scales": None}, "contents": "a path of one call"},
}


def test_differences_of_commit_networks_and_shared_settings() -> None:
    other = {
        "git_commit": "2",
        "model": {"recognition": "m", "detection": "o"},
        "settings": {"merge": {"flips": False, "scales": None}, "contents": "another", "infer": {"flips": True}},
    }
    assert differences(FACTS, FACTS) == []
    assert differences(FACTS, other) == [
        ("git commit", "1", "2"),
        ("network of detection", "n", "o"),
        ("merge.flips", True, False),
    ]
    assert differences(FACTS, {"git_commit": "1", "model": {}, "settings": None}) == []


@pytest.fixture
def empty(make_decided: Any, tmp_path: Path) -> Diff:
    """A difference of two runs that looked at nothing."""
    run = open_run(make_pipeline(tmp_path / "data"))
    nothing = make_decided("a")
    names = Names.of(nothing, nothing)
    rows, seen = changes(nothing, nothing, names, 0.5, 0.9, 0.5), looked_at(nothing, nothing, names)
    return Diff(run, run, {"iou": 0.5}, rows, seen, pd.DataFrame(columns=list(COLUMNS)), ["a", "b"])


def test_nothing(empty: Diff) -> None:
    said = summary(empty).split("\n\n")
    assert said[1:] == ["no picture was looked at", "note: a\nnote: b"]


def test_a_long_answer_is_cut(make_decided: Any, empty: Diff) -> None:
    box = (0.0, 0.0, 9.0, 9.0)
    one = [(f"p{i:02d}", f"c{i:02d}", 2.0, 0.9, *box) for i in range(30)]
    other = [(f"p{i:02d}", f"c{i:02d}", 2.0, 0.9, *box) for i in range(12)]
    looked = [(f"p{i:02d}", "detection") for i in range(1200)]
    a, b = make_decided("a", looked, detections=one), make_decided("b", looked, detections=other)
    names = Names.of(a, b)
    rows, seen = changes(a, b, names, 0.5, 0.9, 0.5), looked_at(a, b, names)
    said = summary(Diff(empty.a, empty.b, {}, rows, seen, empty.metrics, []))
    assert "detections     1,200  30  12    12      0           0       0    18" in said
    assert KINDS[1] not in said
    tables = said.split("\n\n")
    assert tables[2].startswith("detections by class, the 20 that changed most of 30\n")
    assert len(tables[2].splitlines()) == 22
    assert tables[2].splitlines()[2].startswith("c00")  # in the order of names, those that changed and the first others
    assert tables[3].startswith("pictures whose detections changed: 18; the 10 that changed most\n")
    assert len(tables[3].splitlines()) == 12


def test_pictures_that_one_run_alone_looked_at(tmp_path: Path) -> None:
    results = make_pipeline(tmp_path / "data")
    found = diff(results, make_batch(tmp_path / "batches", "run-1"), min_confidence=0)
    counts = [len(run.detections()) for run in (found.a, found.b)]
    assert f"detections: only A looked at 3 pictures, and has {counts[0]} rows there\n" in found.summary()
    assert f"detections: only B looked at 2 pictures, and has {counts[1]} rows there\n" in found.summary()
    assert found.summary().startswith("A  run made in ")
