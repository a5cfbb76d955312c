"""Exports as such: whole or not at all, and what cannot be done is a sentence."""

import errno
from pathlib import Path
from typing import Any

import pytest

import overfeat.results.export as exports
from overfeat.errors import PlaceError, ResultsError, SettingsError
from overfeat.results.export import FORMATS, export
from tests.overfeat.results.export.made_project import DETECTION, Project, random_project, write_results


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return random_project(tmp_path, 8)


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_is_overwritten(format_: str, project: Project, tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    out.mkdir(parents=True)
    written = export(format_, out, root=project.root, manifest=project.manifest)  # an empty folder is none
    assert written.folder == out
    assert all(path.exists() for path in written.files.values())
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(PlaceError, match=r"out is there already, and nothing is overwritten: name another folder"):
        export(format_, out, root=project.root, manifest=project.manifest)
    (tmp_path / "file").write_text("x")
    with pytest.raises(PlaceError, match="file is there already"):
        export(format_, tmp_path / "file", root=project.root)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_failure_leaves_nothing(
    format_: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(request: Any, folder: Path) -> None:
        FORMATS_BEFORE[format_](request, folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(exports.FORMATS, format_, full)
    with pytest.raises(PlaceError, match=r"out cannot be made \(No space left on device\)"):
        export(format_, tmp_path / "out", root=project.root, manifest=project.manifest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest", "results"]


FORMATS_BEFORE = dict(FORMATS)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"format": "cocoa"}, SettingsError, r"no format 'cocoa' \(did you mean 'coco'\?\): coco, voc, yolo, csv"),
        ({"kind": "detection"}, SettingsError, r"no kind 'detection' \(did you mean 'detections'\?\)"),
        ({"score": "scores"}, SettingsError, "score is 'scores': choose score, confidence, none"),
        ({"kind": "classifications"}, SettingsError, "classifications have no boxes: export them as csv"),
        ({"kind": "classifications", "format": "csv", "min_confidence": 0.5}, SettingsError, "have no confidence"),
        ({"labels": "cut"}, ResultsError, r"no label 'cut' in these results \(did you mean 'cat'\?\)"),
        ({"run": "s"}, ResultsError, "no run 's'"),
        ({"split": "test"}, ResultsError, r"no picture of split 'test' is in .*; splits there: val"),
        ({"manifest": "nowhere"}, ResultsError, "there is no manifest in .*nowhere"),
        ({"root": "nowhere"}, ResultsError, "there are no results in .*nowhere"),
        ({"kind": "localizations"}, ResultsError, "no picture was looked at for recognition"),
        ({"out": "s3://bucket/out"}, PlaceError, "is in a bucket, and this needs a local path"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    how: dict[str, Any], error: type[Exception], message: str, project: Project, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        export(**{"format": "coco", "out": tmp_path / "out", "root": project.root, **how})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest", "results"]


def test_two_runs_of_one_picture_are_told_apart(project: Project, tmp_path: Path) -> None:
    looked_at = [("q", "c", DETECTION, 9, 0, "m", "val")]
    write_results(project.root, {"processed": looked_at, "detections": project.detections[:0]}, "q")
    with pytest.raises(ResultsError, match=r"picture 'c' was looked at by the runs q and r of .*: choose one run"):
        export("coco", tmp_path / "out", root=project.root)
    assert export("coco", tmp_path / "out", root=project.root, run="r").counts["pictures"] == 5
    assert export("coco", tmp_path / "other", root=project.root, run="q").counts == {"pictures": 1, "detections": 0}


def test_rows_of_no_picture_are_a_sentence(project: Project, tmp_path: Path) -> None:
    write_results(project.root, {"processed": [("r", "a", DETECTION, 9, 0, "m", "val")]})
    with pytest.raises(ResultsError, match=r"a box of class '\w+' in picture '[bcde]' belongs to no picture that was"):
        export("coco", tmp_path / "out", root=project.root)


def test_without_any_confidence_none_can_be_chosen_by_it(project: Project, tmp_path: Path) -> None:
    write_results(project.root, {"detections": project.detections.assign(confidence=None)})
    with pytest.raises(ResultsError, match=r"no confidence was fitted for the detections in .*: use min_score"):
        export("voc", tmp_path / "out", root=project.root, min_confidence=0.5)


def test_the_working_folder_can_be_named(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export("csv", "out/", root="results")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["detections.csv"]
