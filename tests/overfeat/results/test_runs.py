"""Results of batches, a folder a run, are read beside those of the pipeline."""

from pathlib import Path

import pandas as pd
import pytest

import overfeat
from overfeat.errors import PlaceError, ResultsError
from overfeat.results.schemas import CLASSIFICATIONS, WINDOWS
from overfeat.results.store import write_table

LABELS = ["cat", "dog"]


def classify(folder: Path, run: str, name: str = "00000") -> None:
    rows = [(run, f"{run}-{number}", LABELS[number % 2], 0.5, 1, "mini", "val") for number in range(3)]
    frame = pd.DataFrame(rows, columns=CLASSIFICATIONS.names)
    facts = {"run": run, "class_names": LABELS}
    write_table(folder / "classifications" / f"{name}.parquet", frame, CLASSIFICATIONS, facts)


def see(file: Path, run: str) -> None:
    frame = pd.DataFrame({name: [None] for name in WINDOWS.names}).assign(run=run, image_id=f"{run}-0")
    write_table(file, frame, WINDOWS, {"run": run, "class_names": LABELS})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The pipeline's results, two finished runs, a run that is not finished, one being put together."""
    classify(tmp_path, "pipeline")
    for run in ("run-1", "run-2", "unfinished", ".run-3.aside"):
        classify(tmp_path / run, run)
        classify(tmp_path / run, run, "00001")
        see(tmp_path / run / "windows" / "00000.parquet", run)
        if run != "unfinished":
            (tmp_path / run / "run.json").write_text("{}")
    return tmp_path


def test_finished_runs_count_and_no_other(root: Path) -> None:
    rows = overfeat.read_classifications(root)
    assert rows["run"].value_counts().to_dict() == {"pipeline": 3, "run-1": 6, "run-2": 6}
    assert set(overfeat.read_classifications(root, labels="dog", run="run-2")["image_id"]) == {"run-2-1"}
    with pytest.raises(ResultsError, match="no run 'unfinished'"):
        overfeat.read_classifications(root, run="unfinished")


def test_runs_alone(root: Path) -> None:
    (root / "classifications" / "00000.parquet").unlink()
    (root / "classifications").rmdir()
    assert set(overfeat.read_classifications(root)["run"]) == {"run-1", "run-2"}
    with pytest.raises(ResultsError, match=r"there are no results in .*detections"):
        overfeat.read_detections(root)


def test_evidence_of_runs(root: Path) -> None:
    assert overfeat.read_windows(root)["run"].tolist() == ["run-1", "run-2"]
    see(root / "00000.parquet", "pipeline")
    see(root / "val" / "00000.parquet", "deeper")
    assert set(overfeat.read_windows(root)["run"]) == {"pipeline", "deeper", "run-1", "run-2"}
    for folder in (root / "run-2" / "windows", root / "run-2"):
        assert overfeat.read_windows(folder)["run"].tolist() == ["run-2"]


def test_one_run_alone(root: Path) -> None:
    assert set(overfeat.read_classifications(root / "run-1")["run"]) == {"run-1"}
    assert set(overfeat.read_classifications(str(root / "unfinished"))["run"]) == {"unfinished"}  # asked for by name


def test_an_address_that_pathlib_has_broken_is_no_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlaceError, match="has lost a slash"):
        overfeat.read_detections(Path("s3://bucket/results"))
    with pytest.raises(PlaceError, match="has lost a slash"):
        write_table(Path("s3://bucket/t.parquet"), {}, CLASSIFICATIONS)
    assert list(tmp_path.iterdir()) == []
