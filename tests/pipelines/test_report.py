"""The report of a small project: what is in it, what is missing in it, and that nothing breaks it."""

import io
import json
import re
import runpy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from overfeat.config import ReportSettings
from overfeat.errors import PictureError
from overfeat.evaluation.error_kinds import DETECTION_KINDS
from overfeat.report.judge import RECOGNITION_KINDS
from overfeat.report.names import file_stem
from overfeat.results.queries import read_classifications, read_detections, read_processed
from overfeat.results.schemas import DETECTION, OBJECTS, RECOGNITION, STORED_IMAGES
from overfeat.results.store import read_footer, read_table, write_table
from pipelines import dense_pass
from pipelines.evaluate import Evaluate
from pipelines.infer import Infer
from pipelines.merge import Merge

PROJECT = runpy.run_path(str(Path(__file__).parent / "report_project.py"))
SETTINGS, INFER, MERGE, PICTURES = (PROJECT[name] for name in ("SETTINGS", "INFER", "MERGE", "PICTURES"))
work = PROJECT["work"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which all but the report is made."""
    root = tmp_path_factory.mktemp("report") / "project"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        PROJECT["make_project"]()
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the project, which is the current folder."""
    project = tmp_path / "project"
    shutil.copytree(template, project)
    monkeypatch.chdir(project)
    dense_pass._load.cache_clear()
    return project


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the report, which tests are to leave as it is."""
    project = tmp_path_factory.mktemp("made") / "project"
    shutil.copytree(template, project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        report()
    return project


@pytest.fixture
def done(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return that copy, which is the current folder."""
    monkeypatch.chdir(made)
    return made


def report(**settings: Any) -> dict[str, Any]:
    """Make the report and return what its page tells its scripts."""
    shutil.rmtree("data/report", ignore_errors=True)
    work(replace(SETTINGS, report=ReportSettings(**settings)))
    return data_of(page())


def page() -> str:
    return Path("data/report/index.html").read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    data = re.search(r'<script type="application/json" id="gallery-data">(.*?)</script>', text)
    assert data
    found: dict[str, Any] = json.loads(data[1])
    return found


def files(kind: str) -> set[str]:
    return {path.stem for path in Path("data/report", kind).glob("*")}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_picture_is_there_with_what_was_decided(done: Path) -> None:
    tasks = data_of(page())["tasks"]
    looked_at = read_processed("data/results").astype({"image_id": str, "task": str})
    for task in (RECOGNITION, DETECTION):
        records = {record[1]: record for record in tasks[task]["records"]}
        assert set(records) == set(looked_at.loc[looked_at["task"] == task, "image_id"])
        assert all(record[-1] == 1 for record in records.values())
    stems = {record[0] for task in tasks.values() for record in task["records"]}
    assert files("pictures") == files("evidence") == stems
    names = tasks[RECOGNITION]["labels"]
    for image_id, of_image in read_classifications("data/results").groupby("image_id", observed=True):
        record = {record[1]: record for record in tasks[RECOGNITION]["records"]}[str(image_id)]
        assert [names[guess[0]] for guess in record[7]] == of_image["label"].tolist()
        assert [guess[1] for guess in record[7]] == pytest.approx(of_image["score"].tolist(), abs=6e-4)
    found = read_detections("data/results")
    assert len(found) == sum(len(record[6]) for record in tasks[DETECTION]["records"]) > 20
    kinds = {DETECTION_KINDS[one[1]] for record in tasks[DETECTION]["records"] for one in record[6]}
    assert kinds >= {"right", "wrong class", "background"}
    assert {RECOGNITION_KINDS[record[6]] for record in tasks[RECOGNITION]["records"]} == set(RECOGNITION_KINDS[:3])


def test_pictures_are_those_that_the_tasks_saw_and_views_are_pictures(root: Path) -> None:
    report(side=30)
    shard = pq.read_table("data/images/val-00000.parquet").to_pylist()
    assert all("#" in row["image_id"] for row in shard)
    for row in shard:
        made = Image.open(f"data/report/pictures/{file_stem(RECOGNITION, row['image_id'])}.jpg")
        stored = Image.open(io.BytesIO(row["jpeg"]))
        assert max(made.size) == 30
        assert made.size[0] / made.size[1] == pytest.approx(stored.size[0] / stored.size[1], rel=0.05)
        middle = [np.asarray(each.resize((4, 4), Image.Resampling.BOX)).astype(int) for each in (made, stored)]
        assert np.abs(middle[0] - middle[1]).max() < 25


def test_evidence_names_the_windows_of_each_answer(done: Path) -> None:
    tasks = data_of(page())["tasks"]
    found = read_detections("data/results")
    record = max(tasks[DETECTION]["records"], key=lambda record: len(record[6]))
    text = Path(f"data/report/evidence/{record[0]}.js").read_text()
    value = json.loads(text.removeprefix(f'overfeatEvidence("{record[0]}",').removesuffix(");\n"))
    own = found[found["image_id"] == record[1]]
    assert len(value["members"]) == len(own) == len(record[6])
    merged = {}  # by box and confidence, rounded as in a record
    for row in own.to_dict("records"):
        corners = [round(float(row[side]), 1) for side in ("x1", "y1", "x2", "y2")]
        merged.setdefault((round(float(row["confidence"]), 3), *corners), []).append(row["members"].tolist())
    for one, members in zip(record[6], value["members"], strict=True):
        ends = [[int(number) for number in part.split("-")] for part in members.split(".")]
        windows = [number for part in ends for number in range(part[0], part[-1] + 1)]
        assert windows in merged[tuple(one[3:])]
    assert {map_[1] for map_ in value["maps"]} == {1, 2, 3}
    assert set(value["levels"]) <= {"0", "1", "2"}


def test_the_same_inputs_give_the_same_bytes(made: Path, root: Path) -> None:
    report()
    assert bytes_of(Path("data/report")) == bytes_of(made / "data/report")
    assert SETTINGS.plan() == SETTINGS.plan()


def test_too_many_pictures(root: Path) -> None:
    data = report(pictures=3)
    for task in data["tasks"].values():
        assert sorted(record[2] for record in task["records"]) == [0] * 3 + [1] * 3
        assert min(task["pictures"]) > 3
    assert len(files("pictures")) == len(files("evidence")) == 12
    worst = data_of(page())["tasks"][RECOGNITION]["records"]
    assert any(record[6] != 0 for record in worst)
    assert report(pictures=0)["tasks"][RECOGNITION]["records"] == []
    assert files("pictures") == set()


def test_without_evidence(root: Path) -> None:
    tasks = report(evidence=False)["tasks"]
    assert files("evidence") == set()
    assert all(record[-1] == 0 for task in tasks.values() for record in task["records"])
    assert files("pictures")


def test_evidence_that_is_not_there_any_more_leaves_the_pictures(root: Path) -> None:
    for path in Path("data/windows").glob("*"):
        path.unlink()
    tasks = report()["tasks"]
    assert all(record[-1] == 0 for task in tasks.values() for record in task["records"])


def test_a_split_whose_truth_is_not_known(root: Path) -> None:
    manifest = Path("data/manifest/objects.parquet")
    objects = read_table(manifest, OBJECTS).to_pandas()
    test = {f"p{number}" for number in range(PICTURES, 2 * PICTURES)}
    write_table(manifest, objects[~objects["image_id"].isin(test)], OBJECTS, {})
    data = report()
    assert data["tasks"][DETECTION]["splits"] == ["test", "val"]
    assert data["tasks"][DETECTION]["known"] == ["val"]
    assert "Nothing can be said of split test: its pictures have no objects." in page()


def test_no_localizer_and_no_detector(root: Path) -> None:
    for what in ("localizer", "detector"):
        shutil.rmtree(f"data/checkpoints/{what}")
        Path(f"data/checkpoints/{what}").mkdir()
    for kind in ("windows", "results", "plots"):
        shutil.rmtree(f"data/{kind}")
    for stage in (Infer(INFER), Merge(MERGE), Evaluate(SETTINGS.evaluate, MERGE)):
        work(stage)
    data = report()
    assert data["tasks"][DETECTION]["records"] == []
    kinds = {RECOGNITION_KINDS[record[6]] for record in data["tasks"][RECOGNITION]["records"]}
    assert kinds == {"right", "wrong class"}
    text = page()
    for sentence in (
        "Localization was not measured",
        "Detection was not measured",
        "There is no localizer",
        "There is no detector",
        "There are no curves",
        "Detection has no decisions",
    ):
        assert sentence in text


def test_no_confidence(root: Path) -> None:
    merge = replace(MERGE, boxes="nms")
    shutil.rmtree("data/results")
    work(Merge(merge))
    data = report()
    assert data["tasks"][DETECTION]["by"] == "score"
    assert "operating threshold</text>" not in page()


def test_the_page_says_where_it_comes_from(done: Path) -> None:
    text = page()
    footer = read_footer(sorted(Path("data/results/classifications").rglob("*.parquet"))[0])
    assert footer["run"] in text
    assert footer["model"] in text
    assert "<code>evaluate.bootstrap</code></th><td><code>20</code>" in text
    assert ">training</span>" in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)  # no date: the same inputs are to give the same bytes


def test_a_damaged_picture_is_a_sentence(root: Path) -> None:
    path = Path("data/images_det/val-00000.parquet")
    rows = read_table(path, STORED_IMAGES).to_pandas()
    rows["jpeg"] = [b"no picture"] * len(rows)
    write_table(path, rows, STORED_IMAGES, {})
    with pytest.raises(PictureError, match=r"cannot be decoded .* run the stage `preprocess` again"):
        report()


def test_labels_that_look_like_nothing_or_like_markup_stay_what_they_are(root: Path) -> None:
    plots = Path("data/plots/confusion.csv")
    frame = pd.read_csv(plots, dtype=str)
    frame[["actual", "predicted"]] = ["NA", "<b>null</b>"]
    frame.to_csv(plots, index=False)
    report()
    assert ">NA</a></th><td>&lt;b&gt;null&lt;/b&gt;</td>" in page()
