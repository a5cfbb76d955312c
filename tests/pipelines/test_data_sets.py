"""One data set or two: which pictures serve which task, from the files as distributed to the shards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from overfeat.config import ManifestSettings, PreprocessSettings, SourceSettings
from overfeat.images.decode import decode, encode
from overfeat.results.store import read_footer
from pipelines import pictures
from pipelines.engine.stage import Stage
from pipelines.manifest import Manifest
from pipelines.preprocess import Preprocess

Boxes = list[tuple[str, int, int, int, int]]
SIDE = 120


def picture(boxes: Boxes) -> bytes:
    """Return a grey picture with a white rectangle in each box (0-based, half-open), as JPEG."""
    pixels = torch.full((3, SIDE, SIDE + 20), 90, dtype=torch.uint8)
    for _, x1, y1, x2, y2 in boxes:
        pixels[:, y1:y2, x1:x2] = 255
    return encode(pixels, 95)


def annotation(boxes: Boxes, extra: str = "") -> str:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in boxes
    )
    return f"<annotation>{objects}{extra}</annotation>"


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Return a data set of 6 pictures in the layout of Pascal VOC, the last one without an object."""
    root = tmp_path / "voc"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    boxes: Boxes = [("cup", 10, 20, 50, 50), ("hat", 80, 60, 130, 110)]
    for number in range(6):
        of_picture = boxes if number < 5 else []
        (root / f"JPEGImages/p{number}.jpg").write_bytes(picture(of_picture))
        (root / f"Annotations/p{number}.xml").write_text(annotation(of_picture))
    (root / "ImageSets/Main/train.txt").write_text("p0\np1\np2\np5\n")
    (root / "ImageSets/Main/val.txt").write_text("p3\n")
    (root / "ImageSets/Main/test.txt").write_text("p4\n")
    return root


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Return a data set of pictures in class folders; one has a name that the other data set also has."""
    root = tmp_path / "folders"
    for split, names in {"train": ("a", "b"), "val": ("p0",)}.items():
        for label in ("big", "small"):
            (root / split / label).mkdir(parents=True)
            for name in names:
                (root / split / label / f"{name}.jpg").write_bytes(picture([]))
    return root


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Stage], None]:
    """Return a function that works a stage as the engine does, in a folder of its own."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)

    def work(stage: Stage) -> None:
        parts = []
        for unit in stage.plan():
            part = tmp_path / "work" / type(stage).__name__ / unit.name
            part.mkdir(parents=True)
            stage.work(unit, part)
            parts.append(part)
        stage.finish(parts, root)

    return work


def manifest(first: Path, second: Path | None = None, **settings: object) -> Manifest:
    source = SourceSettings(str(first), str(second or first))
    return Manifest(source, ManifestSettings(**settings))  # type: ignore[arg-type]


def splits(folder: str) -> set[str]:
    return {path.name[:-14] for path in Path(folder).iterdir()}


def table(name: str) -> pd.DataFrame:
    return pd.read_parquet(f"data/manifest/{name}.parquet")


def test_one_set_with_all_objects_serves_both_tasks(voc: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(voc))
    assert set(table("images")["role"]) == {"detection"}
    assert table("images")["label"].isna().all()
    assert table("classes")[["role", "label"]].to_numpy().tolist() == [
        [role, label] for role in ("detection", "recognition") for label in ("cup", "hat")
    ]
    views = pictures.recognition_pictures()
    assert views["image_id"].tolist() == [f"p{number}#{k}" for number in range(5) for k in range(2)]
    assert views["label"].tolist() == ["cup", "hat"] * 5
    assert dict(zip(views["image_id"], views["split"], strict=True))["p4#1"] == "test"
    assert len(pictures.detection_pictures()) == 6
    assert len(pictures.detection_objects()) == 10


def test_the_shards_of_one_set(voc: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(voc, view_context=2.0))
    run(Preprocess(SourceSettings(str(voc), str(voc)), PreprocessSettings(40, 30, 60, 95, 0.0)))
    assert splits("data/images") == splits("data/images_det") == {"train", "val", "test"}
    views = pq.read_table("data/images/train-00000.parquet").to_pylist()
    assert len(views) == 6
    for view in views:
        assert min(view["stored_width"], view["stored_height"]) == 40  # enlarged if need be
        assert view["object_labels"] == [view["label"]]
        (box,) = view["scaled_boxes"]
        pixels = decode(view["jpeg"]).float().mean(0)
        x1, y1, x2, y2 = (round(side) for side in box)
        inside = pixels[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
        assert inside.mean() > 230
        assert (pixels > 180).float().mean() == pytest.approx((x2 - x1) * (y2 - y1) / pixels.numel(), abs=0.05)
    whole = pq.read_table("data/images_det/train-00000.parquet").to_pylist()
    assert {row["image_id"]: len(row["object_labels"]) for row in whole} == {"p0": 2, "p1": 2, "p2": 2, "p5": 0}
    assert {(row["stored_width"], row["stored_height"]) for row in whole} == {(70, 60)}
    assert read_footer(Path("data/images_det/train-00000.parquet"))["class_names"] == ["cup", "hat"]


def test_views_of_one_picture_stay_on_one_side_of_a_split(voc: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(voc))
    run(Preprocess(SourceSettings(str(voc), str(voc)), PreprocessSettings(40, 30, 60, 95, 0.5)))
    sides: dict[str, set[str]] = {}
    for path in Path("data/images").glob("[ct]*.parquet"):
        for image_id in pq.read_table(path)["image_id"].to_pylist():
            sides.setdefault(image_id.partition("#")[0], set()).add(path.name.partition("-")[0])
    assert all(len(of_picture) == 1 for of_picture in sides.values())


def test_two_sets_are_kept_apart(voc: Path, folders: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(folders, voc))
    images = table("images")
    assert images["image_id"].is_unique
    assert images.loc[images["role"] == "detection", "image_id"].tolist() == [f"detection/p{n}" for n in range(6)]
    assert pictures.class_names("recognition") == ["big", "small"]
    assert pictures.class_names("detection") == ["cup", "hat"]
    assert table("views").empty
    assert len(pictures.recognition_pictures()) == 6
    assert set(pictures.detection_objects()["image_id"]) == {f"detection/p{n}" for n in range(5)}
    run(Preprocess(SourceSettings(str(folders), str(voc)), PreprocessSettings(40, 30, 60, 95, 0.0)))
    assert splits("data/images") == {"train", "val"}
    assert splits("data/images_det") == {"train", "val", "test"}


def test_one_set_without_all_objects_serves_recognition_alone(folders: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(folders))
    run(Preprocess(SourceSettings(str(folders), str(folders)), PreprocessSettings(40, 30, 60, 95, 0.0)))
    assert splits("data/images_det") == set()
    assert set(table("images")["role"]) == {"recognition"}
    assert set(table("classes")["role"]) == {"recognition"}
    assert pictures.detection_pictures().empty


def test_a_bad_annotation_costs_itself_alone(voc: Path, run: Callable[[Stage], None]) -> None:
    bad = "<object><name>cup</name><bndbox><xmin>x</xmin></bndbox></object>"
    (voc / "Annotations/p0.xml").write_text(annotation([("cup", 10, 20, 50, 50)], bad))
    (voc / "Annotations/p1.xml").write_text("<annotation><object>")
    run(manifest(voc, max_rejected=0.5))
    assert table("rejects")[["image_id", "reason"]].to_numpy().tolist() == [
        ["p0", "bad annotation"],
        ["p1", "unsound annotation"],
    ]
    assert table("objects")["image_id"].value_counts().to_dict() == {"p0": 1, "p2": 2, "p3": 2, "p4": 2}
    assert "p1" not in set(table("images")["image_id"])  # it would pass for an empty picture


def test_boxes_of_views_are_in_their_pixels(voc: Path, run: Callable[[Stage], None]) -> None:
    run(manifest(voc, view_context=1.5))
    views = table("views")
    cup = views[views["image_id"] == "p0#0"].iloc[0]
    assert cup[["left", "top", "width", "height"]].tolist() == [0, 5, 60, 60]
    assert np.allclose(cup[["x1", "y1", "x2", "y2"]].astype(float), [10, 15, 50, 45])
