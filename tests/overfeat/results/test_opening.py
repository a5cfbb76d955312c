"""Which run is opened: the only one, the one that is named, or the batch that was finished last."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from overfeat.errors import PlaceError, ResultsError
from overfeat.results.opening import find_run, list_runs, open_run

MakeRun = Callable[..., Path]


def test_the_only_run_of_the_pipeline(make_pipeline: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_pipeline()
    for run in (open_run(root), open_run(str(root)), open_run(root, "made")):
        assert (run.name, run.folder.path, run.evidence.path, run.is_batch) == (
            "made",
            root,
            root.with_name("windows"),
            False,
        )
    assert open_run(root, windows="elsewhere").evidence.path == Path("elsewhere")
    monkeypatch.chdir(root.parents[1])
    assert open_run().evidence.path == Path("data/windows")
    for folder in (root, root / "detections"):  # a folder by a path without a name of its own
        monkeypatch.chdir(folder)
        run = open_run("." if folder == root else "..")
        assert len(run.windows()) == 60


def test_the_batch_that_was_finished_last(make_batch: MakeRun) -> None:
    make_batch("run-2", finished="2025-01-02T00:00:00+00:00")
    make_batch("run-1", finished="2025-01-03T00:00:00+00:00")
    root = make_batch("run-3", finished="2025-01-01T00:00:00+00:00")
    assert open_run(root).name == "run-1"
    assert open_run(root).finished == "2025-01-03T00:00:00+00:00"
    run = open_run(root, "run-3")
    assert (run.name, run.folder, run.evidence) == ("run-3", run.evidence, run.folder)
    (root / "run-1" / "run.json").unlink()  # not finished any more
    assert open_run(root).name == "run-2"
    with pytest.raises(
        ResultsError, match=r"no run 'run-1' in .* \(did you mean 'run-[23]'\?\); there are run-2, run-3"
    ):
        open_run(root, "run-1")


def test_the_folder_of_one_run(make_batch: MakeRun, make_pipeline: MakeRun, tmp_path: Path) -> None:
    folder = make_batch("run-1") / "run-1"
    assert open_run(folder).name == "run-1"
    shutil.copytree(folder, tmp_path / "copied")
    run = open_run(tmp_path / "copied")
    assert run.name == "run-1"
    assert len(run.detections()) > 0
    (folder / "run.json").unlink()
    run = open_run(folder)  # not finished, but asked for by its folder
    assert (run.name, run.is_batch, run.evidence.path) == ("run-1", False, folder)
    run.explain(run.detections().iloc[0])
    shutil.copytree(make_pipeline(), tmp_path / "old" / "results")
    assert open_run(tmp_path / "old" / "results").name == "made"


def test_several_without_a_choice_are_named(make_pipeline: MakeRun, make_batch: MakeRun) -> None:
    root = make_pipeline()
    shutil.copytree(make_batch("run-1") / "run-1", root / "run-1")
    with pytest.raises(ResultsError, match=r"several runs in .*results, so name one with run=; there are made, run-1$"):
        open_run(root)
    assert open_run(root, "made").count("detections") == len(open_run(root, "made").detections()) > 0
    assert open_run(root, "run-1").is_batch
    for kind in ("classifications", "localizations", "detections", "processed"):
        shutil.copy(make_pipeline("more", folder="more") / kind / "more.parquet", root / kind)
    run = open_run(root, "more")
    assert set(run.detections()["run"]) == {"more"}
    assert run.count("processed") == 6
    with pytest.raises(ResultsError, match=r"there are made, more, run-1$"):
        open_run(root)


def test_what_is_not_there_is_a_sentence(make_pipeline: MakeRun, make_batch: MakeRun, tmp_path: Path) -> None:
    for question in (open_run, list_runs):
        with pytest.raises(
            ResultsError, match=r"there are no results in .*nowhere: run `make run`, or give another root"
        ):
            question(tmp_path / "nowhere")
    root = make_pipeline()
    with pytest.raises(ResultsError, match=r"no run 'mad' in .* \(did you mean 'made'\?\); there is made$"):
        open_run(root, "mad")
    with pytest.raises(PlaceError, match="is a file, and a folder is needed"):
        open_run(root / "detections" / "made.parquet")
    folder = make_batch("run-1") / "run-1"
    (folder / "run.json").write_text("{")
    with pytest.raises(ResultsError, match=r"run.json cannot be read \(.*\): copy the run here anew"):
        open_run(folder)


def test_many_names_are_cut(make_pipeline: MakeRun) -> None:
    root = make_pipeline()
    for number in range(12):
        (root / f"run-{number:02d}").mkdir()
        (root / f"run-{number:02d}" / "run.json").write_text("{}")
    with pytest.raises(ResultsError, match=r"there are made, run-00, .*, run-08 and 3 more$"):
        open_run(root)


def test_a_run_is_found_by_its_name_or_its_folder(
    make_pipeline: MakeRun, make_batch: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = (make_pipeline(), make_batch("run-1"))
    assert find_run("made", roots).folder.path == roots[0]
    assert find_run("run-1", roots).folder.path == roots[1] / "run-1"
    assert find_run(roots[1] / "run-1", ()).name == "run-1"
    monkeypatch.chdir(tmp_path)
    shutil.copytree(make_pipeline("other", folder="other"), "made")
    assert find_run("made", roots).name == "made"  # a name goes before a folder
    assert find_run("./made", (*roots, "nowhere")).name == "other"
    assert find_run("other/results").name == "other"
    with pytest.raises(
        ResultsError, match=r"no run 'run-2' in .* or .* \(did you mean 'run-1'\?\), and no such folder; "
    ):
        find_run("run-2", roots)
    with pytest.raises(ResultsError, match=r"no run 'x' in data/results or data/batches, .*; there is made$"):
        find_run("x")


def test_the_list(make_pipeline: MakeRun, make_batch: MakeRun) -> None:
    make_batch("run-1", finished="2025-01-03T00:00:00+00:00")
    make_batch("run-2", finished="2025-01-04T00:00:00+00:00", worked=False)
    runs = list_runs(make_batch("run-3", finished="2025-01-02T00:00:00+00:00"))
    assert runs["run"].tolist() == ["run-2", "run-1", "run-3"]
    assert runs["pictures"].tolist() == [0, 2, 2]
    assert runs["model"].tolist() == ["", "name, spot", "name, spot"]
    assert runs["git_commit"].fillna("?").tolist() == ["?", "c0ffee", "c0ffee"]
    assert str(runs["finished"].dtype).endswith("UTC]")
    assert runs["finished"].iloc[0] == pd.Timestamp("2025-01-04", tz="UTC")
    (line,) = list_runs(make_pipeline()).to_dict("records")
    assert (line["run"], line["pictures"], line["classifications"]) == ("made", 6, 12)
    assert pd.isna(line["finished"])


def test_a_run_whose_end_is_not_known_is_the_oldest(make_batch: MakeRun) -> None:
    root = make_batch("run-1")
    make_batch("run-2")
    (root / "run-2" / "run.json").write_text(json.dumps({}))
    assert open_run(root).name == "run-1"
    assert list_runs(root)["run"].tolist() == ["run-1", "run-2"]
