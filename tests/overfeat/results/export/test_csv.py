"""CSV: pandas reads back what pandas is given by ``read_*``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import overfeat
from overfeat.errors import SettingsError
from overfeat.results.export import csv, export
from tests.overfeat.results.export.made_project import DETECTION, random_project, views_project, write_results

LISTS = {"members": json.loads, "scales": json.loads}


def read_back(path: Path, like: pd.DataFrame) -> pd.DataFrame:
    types: dict[str, Any] = {
        name: "float32" if dtype == "float32" else str if dtype == "category" else dtype
        for name, dtype in like.dtypes.items()
        if name not in LISTS
    }
    lists = {name: read for name, read in LISTS.items() if name in like}
    return pd.read_csv(path, dtype=types, converters=lists, keep_default_na=False, na_values=[""])


def check_equal(back: pd.DataFrame, frame: pd.DataFrame) -> None:
    plain = frame.assign(**{name: frame[name].map(list) for name in LISTS if name in frame})
    plain = plain.astype({name: str for name, dtype in plain.dtypes.items() if dtype == "category"})
    pd.testing.assert_frame_equal(back, plain)


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_it_is_read_back_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(csv, "_AT_ONCE", at_once)
    ids = ["a", "NA", 'q"u,o\nte', "null", "ü"]
    project = random_project(tmp_path, 8, ids)
    found = project.detections.assign(
        confidence=project.detections["confidence"].where(project.detections.index % 2 == 0)
    )
    found["members"] = [[] if number == 3 else members for number, members in enumerate(found["members"])]
    write_results(project.root, {"detections": found})
    written = export("csv", tmp_path / "out", root=project.root)
    assert written.counts == {"detections": len(found)}
    assert written.files == {"detections": tmp_path / "out/detections.csv"}
    frame = overfeat.read_detections(project.root)
    assert len(frame) > 20
    check_equal(read_back(tmp_path / "out/detections.csv", frame), frame)


def test_filters_and_several_runs(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    write_results(project.root, {"detections": project.detections.assign(run="q", split="train")}, "q")
    export("csv", tmp_path / "all", root=project.root)
    frame = overfeat.read_detections(project.root)
    assert set(frame["run"]) == {"q", "r"}
    check_equal(read_back(tmp_path / "all/detections.csv", frame), frame)
    how = {"labels": ["cat", "dog"], "min_score": 0.5, "min_confidence": 0.6, "split": "train"}
    export("csv", tmp_path / "some", root=project.root, **how)
    keep = frame["label"].isin(["cat", "dog"]) & (frame["score"] >= 0.5) & (frame["confidence"] >= 0.6)
    frame = frame[keep & (frame["split"] == "train")].reset_index(drop=True)
    assert 0 < len(frame) < 20
    check_equal(read_back(tmp_path / "some/detections.csv", frame), frame)


def test_other_kinds(tmp_path: Path) -> None:
    root, _ = views_project(tmp_path)
    for kind, read in {
        "classifications": overfeat.read_classifications,
        "localizations": overfeat.read_localizations,
        "detections": overfeat.read_detections,
    }.items():
        written = export("csv", tmp_path / kind, root=root, kind=kind)
        frame = read(root)
        assert written.counts == {kind: len(frame)}
        check_equal(read_back(tmp_path / kind / f"{kind}.csv", frame), frame)


def test_numbers_are_short(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    found = project.detections.iloc[:1].assign(score=np.float32(0.1), confidence=np.float32(1e-7), x1=np.float32(3))
    found = found.assign(y1=0.25, x2=1e6, y2=12.5, members=[[1, 2]], scales=[[1]], label="dog", image_id="a")
    write_results(project.root, {"detections": found, "processed": [("r", "a", DETECTION, 1, 1, "m", "val")]})
    export("csv", tmp_path / "out", root=project.root)
    assert (tmp_path / "out/detections.csv").read_text() == (
        "run,image_id,label,score,confidence,x1,y1,x2,y2,members,scales,model,split\n"
        'r,a,dog,0.1,1e-7,3,0.25,1000000,12.5,"[1,2]",[1],m,val\n'
    )


def test_a_choice_of_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a CSV file has all columns"):
        export("csv", tmp_path / "out", root=tmp_path, score="score")
