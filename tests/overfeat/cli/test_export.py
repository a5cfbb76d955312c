"""``overfeat export``: what it writes and says, and that what a person can mend is one sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from overfeat.cli import export as command
from overfeat.cli import main
from overfeat.results.export import FORMATS
from overfeat.results.export.request import KINDS, SCORES
from tests.overfeat.results.export.made_project import Project, random_project

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return random_project(tmp_path / "data", 8)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str | Path) -> tuple[int, str]:
        code = main(["export", *(str(word) for word in words)])
        said = capsys.readouterr()
        assert not said.out
        return code, said.err

    return call


@pytest.mark.parametrize(
    ("format_", "files"),
    [
        ("coco", "detections.json, ground_truth.json"),
        ("voc", "Annotations, ImageSets/Main, names.csv"),
        ("yolo", "labels, classes.txt, data.yaml, names.csv"),
    ],
)
def test_it_says_what_is_where(run: Run, project: Project, tmp_path: Path, format_: str, files: str) -> None:
    code, said = run("--format", format_, "--out", "new/out")
    objects = f", {len(project.objects)} objects" if format_ == "coco" else ""
    count = len(project.detections)
    assert (code, said) == (0, f"overfeat: 5 pictures, {count} detections{objects} are in new/out: {files}\n")
    assert all((tmp_path / "new/out" / name).exists() for name in files.split(", "))


def test_all_options_go_through(run: Run, project: Project, tmp_path: Path) -> None:
    words = ["--run", "r", "--labels", "cat", "eel", "--min-score", 0.5, "--min-confidence", 0.6, "--split", "val"]
    where = ["--root", project.root, "--manifest", project.manifest, "--kind", "detections", "--score", "confidence"]
    assert run("--format", "coco", "--out", "out", *words, *where)[0] == 0
    found = project.detections
    keep = found["label"].isin(["cat", "eel"]) & (found["score"] >= 0.5) & (found["confidence"] >= 0.6)
    assert 0 < keep.sum() < len(found)
    written = json.loads((tmp_path / "out/detections.json").read_text())
    assert sorted(row["score"] for row in written) == sorted(found["confidence"][keep])


def test_notes_are_said(run: Run, project: Project, tmp_path: Path) -> None:
    project.manifest.rename(tmp_path / "away")
    code, said = run("--format", "coco", "--out", "out")
    assert code == 0
    assert said.splitlines()[1:] == ["overfeat: there is no ground_truth.json, since there is no manifest"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "coco", "--out", "data"], "data is there already, and nothing is overwritten: name"),
        (
            ["--format", "coco", "--out", "out", "--labels", "cut"],
            "no label 'cut' in these results (did you mean",
        ),
        (["--format", "voc", "--out", "out", "--kind", "classifications"], "classifications have no boxes"),
        (["--format", "csv", "--out", "file/out"], "cannot be"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    run: Run, project: Project, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "file").write_text("x")
    code, said = run(*words)
    assert code == 2
    assert said.startswith("overfeat: ")
    assert said.count("\n") == 1
    assert message in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file"]


def test_the_choices_are_those_of_the_library() -> None:
    assert tuple(FORMATS) == command._FORMATS
    assert tuple(KINDS) == command._KINDS
    assert SCORES == ("score", "confidence", "none")
