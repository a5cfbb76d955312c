"""YOLO: lines that give the boxes back, and files beside them that are what trainers expect."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from overfeat.errors import ResultsError
from overfeat.results.export import export
from overfeat.results.schemas import CLASSES, DETECTIONS
from tests.overfeat.results.export.made_project import BOX, HEIGHT, LABELS, WIDTH, random_project, write, write_results

SIZE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])


def read_back(folder: Path) -> pd.DataFrame:
    """Return the boxes of all files below ``labels/val``."""
    rows = []
    for file in sorted((folder / "labels/val").iterdir()):
        for line in file.read_text().splitlines():
            index, *numbers = line.split(" ")
            middle_x, middle_y, width, height, *score = map(float, numbers)
            box = [middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2]
            rows.append([file.stem, LABELS[int(index)], *(np.array(box) * SIZE), *score])
    return pd.DataFrame(rows)


def test_lines_give_the_boxes_back(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    found = project.detections
    for score, columns in {None: ["confidence"], "score": ["score"], "none": []}.items():
        out = tmp_path / f"out-{score}"
        written = export("yolo", out, root=project.root, manifest=project.manifest, score=score)
        assert written.counts == {"pictures": 5, "detections": len(found)}
        back = read_back(out)
        keys = ["image_id", "label", *BOX, *columns]
        expected = found.sort_values(["image_id", "score", "label", *BOX], ascending=[True, False, *[True] * 5])[keys]
        assert back[[0, 1]].to_numpy().tolist() == expected[keys[:2]].to_numpy().tolist()
        np.testing.assert_allclose(back.iloc[:, 2:], expected[keys[2:]].to_numpy(), atol=2e-5)


def test_a_picture_in_which_nothing_was_found_has_an_empty_file(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    export("yolo", tmp_path / "out", root=project.root, manifest=project.manifest, min_score=10)
    assert [path.read_bytes() for path in sorted((tmp_path / "out/labels/val").iterdir())] == [b""] * 5


def test_the_files_beside_them(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8, ["a/b", "c"])
    export("yolo", tmp_path / "out", root=project.root, manifest=project.manifest)
    assert (tmp_path / "out/classes.txt").read_text() == "cat\ndog\neel\n"
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text()) == {
        "path": ".",
        "val": "images/val",
        "names": {0: "cat", 1: "dog", 2: "eel"},
    }
    assert (tmp_path / "out/names.csv").read_text() == (
        "name,image_id,split,file\na%2Fb,a/b,val,\nc,c,val,c.jpg\n"  # the first lies in an archive
    )


def test_odd_classes_stay_what_they_are(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    odd = ['yes: "no"', "# ü", "1"]
    rename = dict(zip(LABELS, odd, strict=True))
    found = project.detections.assign(label=project.detections["label"].map(rename))
    write(project.root / "detections/r.parquet", DETECTIONS, found, run="r", class_names=[*odd, "background"])
    write(project.manifest / "classes.parquet", CLASSES, [("detection", k, label) for k, label in enumerate(odd)])
    export("yolo", tmp_path / "out", root=project.root, manifest=project.manifest)
    assert list(yaml.safe_load((tmp_path / "out/data.yaml").read_text())["names"].values()) == odd
    assert (tmp_path / "out/classes.txt").read_text().splitlines() == odd


def test_what_is_not_known_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = random_project(tmp_path, 8)
    with pytest.raises(ResultsError, match=r"the size of 5 pictures is not known, the first 'a': name the folder of"):
        export("yolo", "out", root=project.root)
    write_results(project.root, {"detections": project.detections.assign(confidence=np.float32(np.nan))})
    with pytest.raises(ResultsError, match=r"not every box in .*results has a confidence: choose another"):
        export("yolo", "out", root=project.root, manifest=project.manifest)
    export("yolo", "out", root=project.root, manifest=project.manifest, score="none")
