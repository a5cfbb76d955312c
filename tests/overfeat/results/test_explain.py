"""Explanations against the evidence row by row: what windows gave adds up to the box they were merged into."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from overfeat.errors import ResultsError
from overfeat.results.explain import EXPLANATION, explain
from overfeat.results.opening import open_run
from overfeat.results.queries import read_windows
from overfeat.results.schemas import BOX_COLUMNS, WINDOWS
from overfeat.results.store import read_footer, write_table

MakeRun = Callable[..., Path]
SIDES = ["x1", "y1", "x2", "y2"]


def plain(row: pd.Series, windows: pd.DataFrame, names: list[str], scores: str) -> pd.DataFrame:
    """The oracle: every member looked up alone."""
    index, lines = names.index(row["label"]), []
    for number in row["members"]:
        (window,) = (each for _, each in windows.iterrows() if each["window"] == number)
        classes = window["class_indices"].tolist()
        line = {name: window[name] for name in EXPLANATION if name in window}
        line |= {"label_score": np.nan, "contribution": 0.0}
        if index in classes:
            place = classes.index(index)
            logit = window["logits"][place]
            line["label_score"] = np.exp(logit - window["log_partition"])
            line["contribution"] = logit if scores == "logits" else line["label_score"]
        if window["class_boxes"] is not None:
            line |= dict(zip(BOX_COLUMNS, window["class_boxes"].reshape(-1, 4)[classes.index(index)], strict=True))
        lines.append(line)
    return pd.DataFrame(lines, columns=EXPLANATION)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize(
    "merge", [{}, {"scores": "logits"}, {"boxes": "nms"}, {"match": "literal", "threshold": 900.0}, {"flips": False}]
)
def test_windows_add_up_to_every_box(make_pipeline: MakeRun, per_class: bool, merge: dict[str, Any]) -> None:
    run = open_run(make_pipeline(per_class=per_class, **merge))
    windows, sizes = run.windows(), []
    for kind, scores in (("localizations", run.facts["settings"]["merge"]["scores"]), ("detections", "probabilities")):
        task = "detection" if kind == "detections" else "recognition"
        rows = getattr(run, kind)()
        for _, row in rows.iloc[:: max(1, len(rows) // 5)].iterrows():
            found = run.explain(row)
            own = windows[windows["image_id"] == row["image_id"]]
            expected = plain(row, own, run.facts["class_names"][task], scores)
            pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_categorical=False, rtol=1e-5)
            assert found["contribution"].sum() == pytest.approx(row["score"], rel=1e-5, abs=1e-5)
            np.testing.assert_allclose(found[list(BOX_COLUMNS)].mean(), row[SIDES].astype(float), rtol=1e-5)
            sizes.append(len(found))
    assert len(sizes) > 8
    assert (max(sizes) == 1) == (merge.get("boxes") == "nms")


def test_the_results_footer_is_not_needed(make_pipeline: MakeRun) -> None:
    """Whether probabilities or logits were added up is found out from the row."""
    for scores in ("probabilities", "logits"):
        run = open_run(make_pipeline(folder=scores, scores=scores))
        for row in (run.localizations().iloc[3], run.detections().iloc[3]):
            pd.testing.assert_frame_equal(explain(row, run.evidence), run.explain(row))


def test_a_window_that_did_not_keep_the_class_gives_nothing(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    found = pd.concat([run.explain(row) for _, row in run.localizations(image_ids="p1").iterrows()])
    silent = found["label_score"].isna()
    assert 0 < silent.sum() < len(found)
    assert (found.loc[silent, "contribution"] == 0).all()
    pd.testing.assert_series_equal(
        found.loc[~silent, "contribution"], found.loc[~silent, "label_score"], check_names=False
    )


def test_the_frame(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    found = run.explain(run.detections().iloc[0])
    assert tuple(found.columns) == EXPLANATION
    assert found["window"].is_monotonic_increasing
    assert found.index.tolist() == list(range(len(found)))
    assert (found[[*SIDES, *BOX_COLUMNS, "label_score", "contribution", "score"]].dtypes == "float32").all()
    assert isinstance(found["label"].dtype, pd.CategoricalDtype)


def test_tasks_of_a_batch_are_told_apart_by_the_row(make_batch: MakeRun) -> None:
    """Both number the windows of a picture in one row."""
    root = make_batch("run-1")
    make_batch("run-2", seed=5)
    run = open_run(root, "run-1")
    for rows, numbers in ((run.localizations(), set(range(10))), (run.detections(), set(range(10, 20)))):
        for _, row in rows.iterrows():
            assert set(run.explain(row)["window"]) <= numbers
            pd.testing.assert_frame_equal(explain(row, root), run.explain(row))


def test_a_mapping_will_do(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    row = run.localizations().iloc[0]
    bare = {name: row[name] for name in ("image_id", "label", "members", "rank")}
    pd.testing.assert_frame_equal(run.explain(bare), run.explain(row))
    pd.testing.assert_frame_equal(explain({**bare, "members": row["members"].tolist()}, run.evidence), run.explain(row))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": [0, 99]}, "picture 'p1' does not have all of the row's windows in .*windows"),
        ({"image_id": "p9"}, "picture 'p9' does not have all"),
        ({"label": "egl"}, r"no label 'egl' in the evidence \(did you mean 'eel'\?\)"),
        ({"score": 99.0}, "do not add up to this row: the evidence was made anew since"),
        ({"x1": -50.0}, "do not add up to this row"),
        ({"members": []}, "the row has no members: explain takes a row"),
    ],
)
def test_what_does_not_fit_is_a_sentence(make_pipeline: MakeRun, change: dict[str, Any], message: str) -> None:
    run = open_run(make_pipeline())
    row = run.localizations(image_ids="p1").iloc[0].to_dict() | change
    for asked in (run.explain, lambda row: explain(row, run.evidence)):
        with pytest.raises(ResultsError, match=message):
            asked(row)


def test_what_is_no_row_of_boxes_is_a_sentence(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    with pytest.raises(ResultsError, match=r"one row .* such as frame.iloc\[0\], not a DataFrame"):
        explain(run.detections(), run.evidence)  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match=r"the row has no members: .* with image_id, label, members"):
        run.explain(run.classifications().iloc[0])
    with pytest.raises(ResultsError, match="the row has no image_id and no label and no members"):
        explain({}, run.evidence)
    with pytest.raises(ResultsError, match="this row is of run 'x', and this is run 'made'"):
        run.explain({**run.detections().iloc[0], "run": "x"})


def test_evidence_that_is_not_there(make_pipeline: MakeRun, make_batch: MakeRun, tmp_path: Path) -> None:
    run = open_run(make_pipeline())
    row = run.detections().iloc[0]
    with pytest.raises(ResultsError, match=r"there is no evidence in .*nowhere: fetch it with `dvc pull`"):
        explain(row, tmp_path / "nowhere")
    with pytest.raises(ResultsError, match=r"no evidence in .*nowhere"):
        open_run(run.folder, windows=tmp_path / "nowhere").explain(row)
    batch = open_run(make_batch("run-1", evidence=False))
    with pytest.raises(ResultsError, match="run 'run-1' kept no evidence: it was called with --no-evidence"):
        batch.explain(batch.detections().iloc[0])
    for file in (tmp_path / "data" / "windows").glob("detection-*"):
        file.unlink()
    with pytest.raises(ResultsError, match=r"there is no evidence of detections in .*windows \(run seen\)"):
        run.explain(row)


def test_evidence_that_was_made_anew(make_pipeline: MakeRun) -> None:
    results = make_pipeline()
    anew = make_pipeline(folder="anew", evidence_run="anew", seed=7)
    shutil.rmtree(results.with_name("windows"))
    shutil.copytree(anew.with_name("windows"), results.with_name("windows"))
    run = open_run(results)
    for question in (run.windows, lambda: run.explain(run.detections().iloc[0])):
        with pytest.raises(
            ResultsError, match="is of run anew, and these results were decided from run seen, so it was"
        ):
            question()
    with pytest.raises(ResultsError, match=r"made anew since|does not have all"):
        explain(run.detections().iloc[0], run.evidence)


def test_evidence_of_several_runs_none_of_which_is_the_row_s(make_batch: MakeRun, make_pipeline: MakeRun) -> None:
    make_batch("run-1")
    root = make_batch("run-2")
    row = open_run(make_pipeline()).detections().iloc[0]
    with pytest.raises(ResultsError, match="is of the runs run-1, run-2, and the row of run 'made': say with windows="):
        explain(row, root)


def test_windows_that_are_there_twice_are_refused(make_pipeline: MakeRun) -> None:
    run = open_run(make_pipeline())
    file = next((run.evidence.path).glob("recognition-*"))
    write_table(file.with_name("copy.parquet"), read_windows(run.evidence, image_ids="p1"), WINDOWS, read_footer(file))
    with pytest.raises(ResultsError, match="does not have all"):
        run.explain(run.localizations(image_ids="p1").iloc[0])
