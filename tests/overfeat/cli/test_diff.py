"""``overfeat diff``: the text, the JSON and the file, and that what a person can mend is one sentence."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from overfeat.cli import diff as command
from overfeat.comparison.diff import diff
from overfeat.errors import ResultsError
from overfeat.results.schemas import DIFF
from tests.overfeat.results.made_runs import make_manifest, make_pipeline

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command where two runs are, and returns what it wrote to stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    make_pipeline(tmp_path / "data")
    make_pipeline(tmp_path / "old", "before", detection_threshold=0.2, threshold=0.1)
    make_manifest(tmp_path / "data/manifest")

    def call(*words: str) -> tuple[str, str]:
        parser = argparse.ArgumentParser()
        command.arguments(parser)
        command.run(parser.parse_args(words), ())
        said = capsys.readouterr()
        return said.out, said.err

    return call


def test_the_text(run: Run) -> None:
    out, err = run("made", "old/results", "--bootstrap", "20", "--min-confidence", "0.1")
    assert not err
    lines = out.splitlines()
    assert lines[:2] == ["A  run made in data/results", "B  run before in old/results"]
    assert lines[2:4] == ["   merge.detection_threshold: null -> 0.2", "   merge.threshold: null -> 0.1"]
    found = diff("made", "old/results", min_confidence=0.1, resamplings=20)
    assert out == f"{found.summary()}\n"
    counts = found.by_kind.set_index("kind").loc["detections"]
    (line,) = (line.split() for line in lines if line.startswith("detections  "))
    assert line[1:] == [
        "3",
        *(str(counts[name]) for name in ("a", "b", "kept", "moved", "relabelled", "gained", "lost")),
    ]
    for words in ("detections by class", "pictures whose detections changed: ", "measures in percent, on the pictures"):
        assert any(line.startswith(words) for line in lines)
    assert any(line.startswith("val mean average precision") for line in lines)


def test_json(run: Run) -> None:
    out, err = run("made", "old/results", "--bootstrap", "0", "--format", "json", "--iou", "0.4", "--kept", "0.8")
    assert not err
    said: dict[str, Any] = json.loads(out)
    found = diff("made", "old/results", iou=0.4, kept=0.8, resamplings=0)
    assert (said["a"]["run"], said["b"]["run"]) == ("made", "before")
    assert said["thresholds"] == {"iou": 0.4, "kept": 0.8, "min_confidence": 0.5}
    assert said["by_kind"] == found.by_kind.to_dict("records")
    assert said["by_class"] == found.by_class.to_dict("records")
    assert [each["changes"] for each in said["by_image"]] == [n for n in found.by_image["changes"] if n]
    assert [each["low"] for each in said["metrics"]] == [None] * 4
    assert [each["a"] for each in said["metrics"]] == pytest.approx(found.metrics["a"].tolist())


def test_the_file(run: Run) -> None:
    out, err = run("made", "old/results", "--out", "made/diff.parquet", "--bootstrap", "0")
    rows = pd.read_parquet("made/diff.parquet")
    assert err == f"overfeat: {len(rows):,} rows are in made/diff.parquet\n"
    assert out.startswith("A  run made")
    assert list(rows.columns) == DIFF.names


def test_other_places(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").rename(tmp_path / "there")
    out, _ = run("made", "made", "--root", "there/results", "--manifest", "there/manifest", "--bootstrap", "0")
    assert "val top-1 error" in out
    out, _ = run("made", "before", "--root", "there/results", "--batches", "old/results")
    assert "note: there is no manifest in data/manifest, so measures are left out\n" in out
    with pytest.raises(ResultsError, match=r"no run 'mode' in .*did you mean 'made'"):
        run("mode", "made", "--root", "there/results")
