"""COCO: stock pycocotools measures on the files what our evaluation measures on the tables."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from overfeat.errors import ResultsError, SettingsError
from overfeat.evaluation.coco import coco_metrics
from overfeat.results.export import export
from overfeat.results.schemas import OBJECTS, PICTURES
from tests.overfeat.results.export.made_project import (
    LABELS,
    Project,
    random_project,
    views_project,
    write,
    write_results,
)

_PLACES = {"ap": 0, "ap50": 1, "ap75": 2, "ap_small": 3, "ap_medium": 4, "ap_large": 5, "ar100": 8}
"""Our names by where pycocotools has them."""


def measured(folder: Path) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "ground_truth.json"))
        guesses = truth.loadRes(str(folder / "detections.json"))
        evaluator = COCOeval(truth, guesses, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return {name: evaluator.stats[place] for name, place in _PLACES.items()}


def ours(project: Project, score: str = "score", labels: list[str] = LABELS) -> dict[str, float]:
    found = project.detections.assign(score=project.detections[score])
    measures = coco_metrics(found, project.objects, project.image_ids, labels)
    return {name: measures.get(name, -1) for name in _PLACES}  # as pycocotools says that there is nothing to measure


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_pycocotools_measures_what_we_measure(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("project")
    project = random_project(folder, seed)
    if project.detections.empty:
        return  # pycocotools cannot load a list of nothing
    for score in ("score", "confidence"):
        out = folder / score
        export("coco", out, root=project.root, manifest=project.manifest, score=score)
        assert measured(out) == pytest.approx(ours(project, score), abs=1e-9)


def test_more_than_a_hundred_of_equal_score(tmp_path: Path) -> None:
    """Of each class and picture 100 count, so that it matters which of equals come first."""
    project = random_project(tmp_path, 5, ["a"])
    found = pd.concat([project.detections.assign(label="cat", score=np.float32(0.5))] * 8, ignore_index=True)
    found[["x1", "x2"]] += np.repeat(np.arange(8, dtype=np.float32), len(project.detections))[:, None]
    assert len(found) > 150
    write_results(project.root, {"detections": found})
    project = Project(project.root, project.manifest, ["a"], found, project.objects.assign(label="cat", crowd=False))
    write(project.manifest / "objects.parquet", OBJECTS, project.objects)
    export("coco", tmp_path / "out", root=project.root, manifest=project.manifest)
    assert measured(tmp_path / "out") == pytest.approx(ours(project), abs=1e-9)
    assert measured(tmp_path / "out")["ap"] > 0


def test_some_classes_alone(tmp_path: Path) -> None:
    project = random_project(tmp_path, 3)
    written = export("coco", tmp_path / "out", root=project.root, manifest=project.manifest, labels=["eel", "cat"])
    assert measured(tmp_path / "out") == pytest.approx(ours(project, labels=["cat", "eel"]), abs=1e-9)
    assert written.counts["detections"] == (project.detections["label"] != "dog").sum()
    assert read(tmp_path / "out/ground_truth.json")["categories"] == [
        {"id": 1, "name": "cat"},
        {"id": 2, "name": "eel"},
    ]


def test_what_the_files_hold(tmp_path: Path) -> None:
    ids = ["b", "train/ä", "a"]
    project = random_project(tmp_path, 8, ids)
    objects = pd.DataFrame(
        [
            ("b", "dog", 0.5, 0, 20, 10, True, True),
            ("b", "dog", 0, 0, 20, 10, True, False),
            ("a", "eel", 1, 2, 3, 4, False, False),
        ],
        columns=project.objects.columns,
    )
    write(project.manifest / "objects.parquet", OBJECTS, objects)
    found = project.detections.iloc[:3].assign(
        image_id=["b", "a", "b"], label=["cat", "dog", "cat"], score=[0.25, 2.0, 7.5], x1=0.5, y1=1.0, x2=10.0, y2=20.0
    )
    write_results(project.root, {"detections": found})
    written = export("coco", tmp_path / "out", root=project.root, manifest=project.manifest)
    assert written.counts == {"pictures": 3, "detections": 3, "objects": 3}
    assert written.files == {
        "detections": tmp_path / "out/detections.json",
        "pictures": tmp_path / "out/ground_truth.json",
    }
    assert written.notes == ()
    box = [0.5, 1, 9.5, 19]
    assert read(tmp_path / "out/detections.json") == [
        {"image_id": 1, "category_id": 2, "bbox": box, "score": 2},
        {"image_id": 2, "category_id": 1, "bbox": box, "score": 7.5},
        {"image_id": 2, "category_id": 1, "bbox": box, "score": 0.25},
    ]
    truth = read(tmp_path / "out/ground_truth.json")
    size = {"width": 400, "height": 300}
    assert truth["images"] == [
        # a file of its own is named, bytes in an archive are not
        {"id": 1, "file_name": "a", **size, "overfeat_id": "a", "split": "val"},
        {"id": 2, "file_name": "b", **size, "overfeat_id": "b", "split": "val"},
        {"id": 3, "file_name": "train/ä.jpg", **size, "overfeat_id": "train/ä", "split": "val"},
    ]
    assert truth["categories"] == [{"id": k + 1, "name": label} for k, label in enumerate(LABELS)]
    assert truth["annotations"] == [
        entry(1, 1, 3, [1, 2, 2, 2], 4),
        entry(2, 2, 2, [0, 0, 20, 10], -1, ignore=1, difficult=1),
        entry(3, 2, 2, [0.5, 0, 19.5, 10], 195, iscrowd=1, ignore=1),  # a crowd is not difficult
    ]


def entry(number: int, image: int, category: int, box: list[float], area: float, **flags: int) -> dict[str, Any]:
    plain = {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": area}
    return {**plain, "iscrowd": 0, "ignore": 0, "difficult": 0, **flags}


def test_without_a_manifest_the_pictures_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = random_project(tmp_path, 8)
    written = export("coco", "out", root=project.root)
    assert written.notes == ("there is no ground_truth.json, since there is no manifest",)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["detections.json", "images.json"]
    listed = read(tmp_path / "out/images.json")
    assert [(each["id"], each["overfeat_id"]) for each in listed["images"]] == list(enumerate("abcde", start=1))
    assert [each["name"] for each in listed["categories"]] == LABELS  # background is none of them
    assert "annotations" not in listed
    assert "width" not in listed["images"][0]


def test_a_manifest_of_other_pictures_is_not_used(tmp_path: Path) -> None:
    project, other = random_project(tmp_path, 8), random_project(tmp_path / "other", 8, list("abcd"))
    written = export("coco", tmp_path / "out", root=project.root, manifest=other.manifest)
    assert written.notes == (f"there is no ground_truth.json, since 1 of 5 pictures are not in {other.manifest}",)
    assert not (tmp_path / "out/ground_truth.json").exists()


def test_batches_know_sizes_and_paths(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    runs = tmp_path / "batches"
    runs.mkdir()
    project.root.rename(runs / "r")
    (runs / "r/run.json").write_text("{}")
    rows = [("r", one, f"inbox/{one}{copy}.jpg", 9, 9, 40, 30) for one in "abcde" for copy in "12"]
    write(runs / "r/pictures/pictures.parquet", PICTURES, rows, run="r", class_names=[])
    export("coco", tmp_path / "out", root=runs)
    first = read(tmp_path / "out/images.json")["images"][0]
    assert first == {
        "id": 1,
        "file_name": "inbox/a1.jpg",
        "width": 40,
        "height": 30,
        "overfeat_id": "a",
        "split": "val",
    }


def test_views_are_measured_in_their_own_pixels(tmp_path: Path) -> None:
    root, manifest = views_project(tmp_path)
    written = export("coco", tmp_path / "out", root=root, manifest=manifest, kind="localizations")
    assert written.counts == {"pictures": 1, "localizations": 2, "objects": 1}
    truth = read(tmp_path / "out/ground_truth.json")
    view = {"id": 1, "file_name": "p#1", "width": 44, "height": 46, "overfeat_id": "p#1", "split": "val"}
    assert truth["images"] == [view]
    assert truth["annotations"] == [entry(1, 1, 2, [5, 5, 30, 30], 900)]
    assert measured(tmp_path / "out")["ap50"] == pytest.approx(1)


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    root, manifest = views_project(tmp_path)
    export("coco", tmp_path / "out", root=root, manifest=manifest)
    assert read(tmp_path / "out/detections.json") == []
    assert len(read(tmp_path / "out/ground_truth.json")["annotations"]) == 2


def test_boxes_without_the_score_that_is_asked_for_are_a_sentence(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    write_results(project.root, {"detections": project.detections.assign(confidence=np.float32(np.nan))})
    export("coco", tmp_path / "out", root=project.root, manifest=project.manifest)
    with pytest.raises(ResultsError, match=r"not every box in .* has a confidence: choose the other with --score"):
        export("coco", tmp_path / "no", root=project.root, manifest=project.manifest, score="confidence")
    with pytest.raises(SettingsError, match="rank by a score"):
        export("coco", tmp_path / "no", root=project.root, score="none")
    assert not (tmp_path / "no").exists()
