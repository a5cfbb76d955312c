"""A run's tables are those of the queries, and its facts those of the footers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import overfeat
from overfeat.errors import ResultsError
from overfeat.results.opening import open_run
from overfeat.results.run import Run
from overfeat.results.schemas import PROCESSED
from overfeat.results.store import read_footer, read_table, write_table

MakeRun = Callable[..., Path]
KINDS = ["classifications", "localizations", "detections", "processed"]


@pytest.fixture
def run(make_batch: MakeRun) -> Run:
    make_batch("run-2", seed=3)
    return open_run(make_batch("run-1"), "run-1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_that_of_the_query(run: Run, kind: str) -> None:
    root, query = run.folder.path.parent, getattr(overfeat, f"read_{kind}")
    whole = getattr(run, kind)()
    assert len(whole) == run.count(kind) > 0
    pd.testing.assert_frame_equal(whole, query(root, run="run-1"))
    asked: dict[str, Any] = {"image_ids": "a", "columns": ["image_id", "run"]}
    if kind != "processed":
        asked |= {"labels": ["cat", "dog"], "min_score": 0.1}
    some = getattr(run, kind)(**asked)
    assert 0 < len(some) < len(whole)
    pd.testing.assert_frame_equal(some, query(root, run="run-1", **asked))


def test_pictures_and_windows(run: Run) -> None:
    assert run.pictures()["path"].tolist() == ["1", "2"]
    assert run.pictures(image_ids="b", columns=["path"]).to_numpy().tolist() == [["2"]]
    assert len(run.windows()) == 40
    windows = run.windows(labels="cat", min_score=0.4, image_ids=["a"], columns=["label", "score", "image_id"])
    assert 0 < len(windows) < 20
    assert set(windows["label"]) == {"cat"}


def test_the_windows_of_the_pipeline_are_of_another_run(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    assert set(run.windows()["run"]) == {"seen"}
    with pytest.raises(ResultsError, match="run 'made' has no table of pictures, which only batches have"):
        run.pictures()


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"labels": "dgo"}, r"no label 'dgo' .*\(did you mean 'dog'\?\)"),
        ({"columns": ["confidnce"]}, r"no column 'confidnce' \(did you mean 'confidence'\?\)"),
    ],
)
def test_what_is_not_there(run: Run, question: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        run.detections(**question)


def test_facts(make_pipeline: MakeRun) -> None:
    facts = open_run(make_pipeline(threshold=0.3)).facts
    assert facts.pop("settings")["merge"]["threshold"] == 0.3
    assert facts == {
        **{"git_commit": "c0ffee", "dvc_lock": None, "key": "made-key", "schema_version": 1},
        **{"evidence_run": "seen", "match": "normalized", "thresholds": {"localizations": 0.3, "detections": 0.5}},
        "model": {"recognition": "name", "detection": "spot"},
        "class_names": {"recognition": ["cat", "dog", "eel", "fox"], "detection": ["dog", "cat", "background"]},
    }


def test_a_run_of_several_commits_names_them(run: Run) -> None:
    file = run.folder.path / "processed" / "recognition.parquet"
    write_table(file, read_table(file, PROCESSED), PROCESSED, {**read_footer(file), "git_commit": "bad"})
    assert run.facts["git_commit"] == "bad, c0ffee"


def test_a_run_of_pictures_that_were_known(make_batch: MakeRun) -> None:
    """They were met at new paths, so nothing was decided."""
    run = open_run(make_batch("run-1", worked=False))
    assert run.facts["git_commit"] is None
    assert run.facts["class_names"] == run.facts["model"] == {}
    assert (run.has("pictures"), run.has("detections"), run.count("detections")) == (True, False, 0)
    assert repr(run).endswith("run-1: no model; 2 pictures>")
    with pytest.raises(ResultsError, match=r"there are no results in .*detections"):
        run.detections()


def test_repr_says_how_much_there_is(run: Run, make_pipeline: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {kind: len(getattr(run, kind)()) for kind in KINDS}
    monkeypatch.setattr("pyarrow.dataset.FileSystemDataset", None)  # which reads rows
    said = ", ".join(f"{count} {kind}" for kind, count in rows.items())
    assert repr(run) == f"<Run run-1 in {run.folder}: name, spot; {said}, 2 pictures>"
    assert "pictures" not in repr(open_run(make_pipeline()))


def test_opening_does_not_wait_for_torch(make_pipeline: MakeRun) -> None:
    code = (
        "import sys\n"
        "from overfeat.results.opening import open_run\n"
        f"run = open_run({str(make_pipeline())!r})\n"
        "run.explain(run.detections().iloc[0])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
