"""Queries: the same rows as a plain filter of the whole frame, and questions about what is not there."""

from pathlib import Path

import pandas as pd
import pytest

import overfeat
from overfeat.errors import ResultsError
from overfeat.results.schemas import CLASSIFICATIONS, DETECTIONS, LOCALIZATIONS, PROCESSED
from overfeat.results.store import write_table

LABELS = ["cat", "dog", "eel"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for run in ("run-a", "run-b"):
        rows = [
            (run, f"p{image}", LABELS[(image + rank) % 3], 0.9 / rank, rank, "mini", "val")
            for image in range(6)
            for rank in (1, 2)
        ]
        frame = pd.DataFrame(rows, columns=CLASSIFICATIONS.names)
        facts = {"run": run, "class_names": LABELS}
        write_table(tmp_path / "classifications" / f"{run}.parquet", frame, CLASSIFICATIONS, facts)
        boxes = frame.assign(
            score=3 * frame["score"],
            confidence=[None, 0.25] * 6,
            x1=1.5,
            y1=2.0,
            x2=30.0,
            y2=40.0 + frame["rank"],
            members=[list(range(rank)) for rank in frame["rank"]],
            scales=[[1, 3]] * 12,
        )[LOCALIZATIONS.names]
        write_table(tmp_path / "localizations" / f"{run}.parquet", boxes, LOCALIZATIONS, facts)
        write_table(tmp_path / "detections" / f"{run}.parquet", boxes[DETECTIONS.names], DETECTIONS, facts)
        looked_at = [(run, f"p{image}", "detection", 81, 2 * (image < 6), "mini", "val") for image in range(7)]
        looked_at += [(run, f"p{image}", "recognition", 45, None, "mini", "val") for image in range(7)]
        processed = pd.DataFrame(looked_at, columns=PROCESSED.names).astype({"detections": "Int32"})
        write_table(tmp_path / "processed" / f"{run}.parquet", processed, PROCESSED, facts)
    return tmp_path


def test_everything(root: Path) -> None:
    frame = overfeat.read_classifications(root)
    assert len(frame) == 24
    assert list(frame.columns) == CLASSIFICATIONS.names
    assert isinstance(frame["label"].dtype, pd.CategoricalDtype)
    assert frame["score"].dtype == "float32"


def test_filters_equal_a_plain_filter(root: Path) -> None:
    whole = overfeat.read_classifications(root)
    got = overfeat.read_classifications(
        root,
        labels=["cat", "eel"],
        min_score=0.5,
        image_ids=["p1", "p2", "p3"],
        run="run-b",
        columns=["image_id", "label"],
    )
    keep = whole["label"].isin(["cat", "eel"]) & (whole["score"] >= 0.5) & whole["image_id"].isin(["p1", "p2", "p3"])
    expected = whole[keep & (whole["run"] == "run-b")][["image_id", "label"]]
    assert len(expected) > 0
    assert got.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()


def test_localizations(root: Path) -> None:
    frame = overfeat.read_localizations(root)
    assert len(frame) == 24
    assert list(frame.columns) == LOCALIZATIONS.names
    assert (frame[["x1", "y1", "x2", "y2", "confidence"]].dtypes == "float32").all()
    assert frame["confidence"].isna().sum() == 12
    assert frame["members"].iloc[1].tolist() == [0, 1]
    assert frame["scales"].iloc[0].tolist() == [1, 3]


def test_filters_of_localizations_equal_a_plain_filter(root: Path) -> None:
    whole = overfeat.read_localizations(root)
    columns = ["image_id", "y2", "rank"]
    got = overfeat.read_localizations(root, "dog", 1.5, ["p0", "p1", "p5"], "run-a", columns)
    keep = (whole["label"] == "dog") & (whole["score"] >= 1.5) & whole["image_id"].isin(["p0", "p1", "p5"])
    expected = whole[keep & (whole["run"] == "run-a")][columns]
    assert len(expected) > 0
    assert got.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()
    with pytest.raises(ResultsError, match=r"no column 'confidnce' \(did you mean 'confidence'\?\)"):
        overfeat.read_localizations(root, columns=["confidnce"])
    with pytest.raises(ResultsError, match="no label 'yak'"):
        overfeat.read_localizations(root, labels="yak")


def test_detections(root: Path) -> None:
    frame = overfeat.read_detections(root)
    assert len(frame) == 24
    assert list(frame.columns) == DETECTIONS.names
    assert "rank" not in frame
    assert (frame[["score", "x1", "y1", "x2", "y2", "confidence"]].dtypes == "float32").all()
    assert frame["members"].iloc[1].tolist() == [0, 1]
    assert frame["scales"].iloc[0].tolist() == [1, 3]


def test_filters_of_detections_equal_a_plain_filter(root: Path) -> None:
    whole = overfeat.read_detections(root)
    columns = ["y2", "image_id", "label"]
    got = overfeat.read_detections(root, ["dog", "eel"], 1.5, ["p0", "p1", "p5"], "run-b", columns)
    keep = whole["label"].isin(["dog", "eel"]) & (whole["score"] >= 1.5) & whole["image_id"].isin(["p0", "p1", "p5"])
    expected = whole[keep & (whole["run"] == "run-b")][columns]
    assert 0 < len(expected) < 12
    assert got.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()
    with pytest.raises(ResultsError, match="no column 'rank'"):
        overfeat.read_detections(root, columns=["rank"])
    with pytest.raises(ResultsError, match=r"no label 'egl' in these results \(did you mean 'eel'\?\)"):
        overfeat.read_detections(root, labels="egl")
    with pytest.raises(ResultsError, match="no run 'run-x'"):
        overfeat.read_detections(root, run="run-x")


def test_processed_tells_nothing_found_from_not_looked_for(root: Path) -> None:
    frame = overfeat.read_processed(root)
    assert list(frame.columns) == PROCESSED.names
    assert len(frame) == 28
    looked_for = frame[frame["task"] == "detection"]
    assert looked_for["detections"].tolist() == ([2] * 6 + [0]) * 2
    assert frame[frame["task"] == "recognition"]["detections"].isna().all()
    vain = set(looked_for["image_id"].astype(str)) - set(overfeat.read_detections(root)["image_id"].astype(str))
    assert vain == {"p6"}


def test_filters_of_processed_equal_a_plain_filter(root: Path) -> None:
    whole = overfeat.read_processed(root)
    got = overfeat.read_processed(root, ["p6", "p2"], "run-a", ["windows", "image_id", "task"])
    expected = whole[whole["image_id"].isin(["p2", "p6"]) & (whole["run"] == "run-a")][["windows", "image_id", "task"]]
    assert len(expected) == 4
    assert got.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()
    assert set(overfeat.read_processed(root, image_ids="p6")["image_id"]) == {"p6"}
    with pytest.raises(ResultsError, match="no run 'run-x'"):
        overfeat.read_processed(root, run="run-x")
    with pytest.raises(ResultsError, match=r"no column 'detection' \(did you mean 'detections'\?\)"):
        overfeat.read_processed(root, columns=["detection"])


def test_one_name_needs_no_list(root: Path) -> None:
    assert set(overfeat.read_classifications(root, labels="dog")["label"]) == {"dog"}
    assert len(overfeat.read_classifications(root, image_ids="p4", run="run-a")) == 2


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"labels": "dgo"}, r"no label 'dgo' in these results \(did you mean 'dog'\?\)"),
        ({"run": "run-c"}, r"no run 'run-c' .*did you mean 'run-"),
        ({"columns": ["scores"]}, r"no column 'scores' \(did you mean 'score'\?\)"),
    ],
)
def test_what_is_not_there(root: Path, question: dict[str, object], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        overfeat.read_classifications(root, **question)  # type: ignore[arg-type]


def test_no_results_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="run `make run`"):
        overfeat.read_classifications(tmp_path)
    with pytest.raises(ResultsError, match=r"no results in .*localizations: run `make run`"):
        overfeat.read_localizations(tmp_path)
    with pytest.raises(ResultsError, match=r"no results in .*detections: run `make run`"):
        overfeat.read_detections(tmp_path)
    with pytest.raises(ResultsError, match=r"no results in .*processed: run `make run`"):
        overfeat.read_processed(tmp_path)
