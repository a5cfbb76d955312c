"""Two runs on disk beside each other: what is read, what is kept, and what is said."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from overfeat.comparison.changes import Names, changes
from overfeat.comparison.decided import Decided
from overfeat.comparison.diff import Diff, diff
from overfeat.errors import PlaceError, ResultsError, SettingsError
from overfeat.results.opening import open_run
from overfeat.results.schemas import DECISIONS, DIFF
from overfeat.results.store import read_footer, write_table
from tests.overfeat.results.made_runs import make_batch, make_manifest, make_pipeline


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    return make_pipeline(tmp_path / "data"), make_pipeline(tmp_path / "old", "before", detection_threshold=0.2)


def test_rows_and_counts(two: tuple[Path, Path]) -> None:
    found = diff(*two, min_confidence=0.0)
    a, b = (Decided.of(open_run(root)) for root in two)
    pd.testing.assert_frame_equal(found.rows, changes(a, b, Names.of(a, b), 0.5, 0.9, 0.0))
    assert set(found.rows["run_a"]) == {"made"}
    assert set(found.rows["run_b"]) == {"before"}
    counts = found.by_kind.set_index("kind")
    assert counts.loc["detections", "a"] == len(a.tables["detections"])
    assert counts.loc["detections", ["kept", "gained"]].gt(0).all()
    assert counts.loc["localizations", "kept"] == counts.loc["classifications", "kept"] == 3
    assert found.by_class["a"].sum() == counts["a"].sum()
    assert found.by_image["image_id"].nunique() == 6
    assert found.thresholds == {"iou": 0.5, "kept": 0.9, "min_confidence": 0.0}


def test_a_run_is_given_as_it_is_by_name_or_by_folder(two: tuple[Path, Path], tmp_path: Path) -> None:
    make_batch(tmp_path / "data" / "batches", "run-1")
    expected = diff(two[0], tmp_path / "data/batches").rows
    for a, b in ((open_run(two[0]), "run-1"), ("made", open_run("data/batches")), ("./data/results", "run-1")):
        pd.testing.assert_frame_equal(diff(a, b).rows, expected)
    assert set(expected["change"]) == {"only_a", "only_b"}
    with pytest.raises(ResultsError, match=r"no run 'mad' in data/results or data/batches \(did you mean 'made'\?\)"):
        diff("mad", "run-1")
    with pytest.raises(ResultsError, match="no run 'made' in elsewhere or data/batches"):
        diff("made", "run-1", root="elsewhere")


def test_measures_need_a_manifest(two: tuple[Path, Path], tmp_path: Path) -> None:
    bare = diff(*two)
    assert bare.metrics.empty
    assert bare.notes == ["there is no manifest in data/manifest, so measures are left out"]
    with pytest.raises(ResultsError, match=r"there is no manifest in .*/elsewhere: make it"):
        diff(*two, manifest="elsewhere")
    make_manifest(tmp_path / "data/manifest")
    found = diff(*two, resamplings=20)
    assert found.notes == []
    assert found.metrics["measure"].tolist() == [
        *("top1_error_percent", "top5_error_percent", "error_percent", "map50_percent")
    ]
    pd.testing.assert_frame_equal(
        found.metrics, diff(*two, manifest=tmp_path / "data/manifest", resamplings=20).metrics
    )
    make_batch(tmp_path / "data/batches", "run-1")
    assert diff("run-1", "run-1").notes == [
        "no picture that both looked at has a label or an object in data/manifest: nothing is measured"
    ]


def test_notes(two: tuple[Path, Path], tmp_path: Path) -> None:
    make_manifest(tmp_path / "data/manifest")
    for kind in ("localizations", "detections"):
        file = two[1] / kind / "before.parquet"
        write_table(file, DECISIONS[kind].empty_table(), DECISIONS[kind], read_footer(file))
    unsure = make_pipeline(tmp_path / "nms", "nms", boxes="nms")
    assert diff("made", two[1], resamplings=0).notes == [
        "run before has no localizations",
        "run before has no detections",
    ]
    (note,) = diff("made", unsure, resamplings=0).notes
    assert note == "detections of nms without a confidence are compared whatever their score"


def test_a_run_without_a_table_of_pictures_looked_at_those_it_has_rows_of(two: tuple[Path, Path]) -> None:
    whole = diff(*two, min_confidence=0)
    (two[1] / "processed" / "before.parquet").unlink()
    found = diff(*two, min_confidence=0)
    assert set(found.looked_at["looked_at"]) == {"both"}
    pd.testing.assert_frame_equal(found.rows, whole.rows)


def test_a_table_that_is_not_there_is_empty(two: tuple[Path, Path]) -> None:
    (two[1] / "localizations" / "before.parquet").unlink()
    found = diff(*two)
    assert set(found.rows.loc[found.rows["kind"] == "localizations", "change"]) == {"lost"}
    assert "run before has no localizations" in found.notes


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"iou": 0.0}, "iou must be over 0, and kept from iou to 1, not iou 0 and kept 0.9"),
        ({"iou": 0.95}, "not iou 0.95 and kept 0.9"),
        ({"kept": 1.1}, "not iou 0.5 and kept 1.1"),
        ({"iou": float("nan")}, "not iou nan and kept"),
        ({"min_confidence": -0.1}, "min_confidence must be from 0 to 1, not -0.1"),
        ({"resamplings": -1}, "resamplings must be 0 or more, not -1"),
    ],
)
def test_thresholds_out_of_range(two: tuple[Path, Path], how: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        diff(*two, **how)  # type: ignore[arg-type]


def test_what_is_saved(two: tuple[Path, Path], tmp_path: Path) -> None:
    make_manifest(tmp_path / "data/manifest")
    found = diff(*two, resamplings=20)
    found.save(tmp_path / "made" / "diff.parquet")
    kept = pd.read_parquet(tmp_path / "made" / "diff.parquet")
    assert list(kept.columns) == DIFF.names
    pd.testing.assert_frame_equal(kept.astype(object), found.rows.astype(object), check_dtype=False)
    facts = read_footer(tmp_path / "made" / "diff.parquet")
    assert (facts["a"]["run"], facts["b"]["run"]) == ("made", "before")
    assert facts["b"]["settings"]["merge"]["detection_threshold"] == 0.2
    assert facts["thresholds"] == found.thresholds
    assert [each["measure"] for each in facts["metrics"]] == found.metrics["measure"].tolist()
    with pytest.raises(PlaceError, match="made is a file where a folder is needed, or a folder where a file is"):
        found.save(tmp_path / "made")
    with pytest.raises(PlaceError, match=r"below cannot be written \(.*\): name another file"):
        found.save(tmp_path / "made" / "diff.parquet" / "below")
    assert len(list((tmp_path / "made").iterdir())) == 1


def test_repr(two: tuple[Path, Path]) -> None:
    assert repr(diff("made", "made")).startswith("<Diff made made: ")
    assert repr(diff("made", "made")).endswith(" kept>")
    nothing = Diff(**{**vars(diff("made", "made")), "rows": diff("made", "made").rows[:0]})
    assert repr(nothing) == "<Diff made made: nothing to compare>"


def test_comparing_does_not_wait_for_torch(two: tuple[Path, Path]) -> None:
    code = (
        "import sys\n"
        "from overfeat.comparison.diff import diff\n"
        f"diff({str(two[0])!r}, {str(two[1])!r}).summary()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
